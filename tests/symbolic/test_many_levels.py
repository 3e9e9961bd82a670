"""Many levels: exact spectra against finite elements, Ward identities and resolvents against sampled gases."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sparse
import sympy as sp
from scipy.sparse.linalg import eigsh

from coulombgas import InputError, symbolic
from coulombgas.symbolic import CoulombGas, EigenvalueSDE, MatrixSDE

t = sp.Symbol("t", real=True)
z, N = symbolic.spectral_argument, symbolic.num_levels


def relaxation_rates(log_weight, diffusion, edges, num):
    """Lowest eigenvalues of f -> -div(P D grad f)/P on x_1 < x_2 < ..., by multilinear finite elements.

    Coordinates are the first level and the gaps; ``log_weight`` and ``diffusion`` (d x_i^2/2 dt) take arrays of levels.
    """
    dim, sizes = len(edges), [len(e) for e in edges]
    to_gaps = np.eye(dim) - np.eye(dim, k=-1)
    corners = np.array(list(itertools.product((0, 1), repeat=dim)))
    nodes = np.array(list(itertools.product((0.5 - 12**-0.5, 0.5 + 12**-0.5), repeat=dim)))
    cells = np.array(list(itertools.product(*(range(n - 1) for n in sizes))))
    low = np.stack([e[:-1][cells[:, k]] for k, e in enumerate(edges)], 1)
    step = np.stack([np.diff(e)[cells[:, k]] for k, e in enumerate(edges)], 1)
    index = np.stack([np.ravel_multi_index((cells + c).T, sizes) for c in corners], 1)
    stiff, mass = np.zeros((len(cells), len(corners), len(corners))), np.zeros((len(cells), len(corners), len(corners)))
    shift = None
    for node in nodes:
        levels = np.cumsum(low + step * node, 1)
        log_p = log_weight(levels)
        shift = log_p.max() if shift is None else shift
        weight = np.exp(log_p - shift) * step.prod(1)
        values = np.where(corners, node, 1 - node).prod(1)
        slopes = np.stack([
            np.where(corners[:, k], 1.0, -1.0) * np.delete(np.where(corners, node, 1 - node), k, 1).prod(1)
            for k in range(dim)
        ], 1)  # fmt: skip
        gradient = (slopes[None] / step[:, None]) @ to_gaps  # with respect to the levels
        stiff += np.einsum("c,cak,ck,cbk->cab", weight, gradient, diffusion(levels), gradient)
        mass += weight[:, None, None] * np.outer(values, values)
    rows, columns = (np.broadcast_to(i, stiff.shape).ravel() for i in (index[:, :, None], index[:, None, :]))
    shape = (np.prod(sizes),) * 2
    matrices = [sparse.csc_matrix((m.ravel(), (rows, columns)), shape=shape) for m in (stiff, mass)]
    keep = matrices[1].diagonal() > 1e-14 * matrices[1].diagonal().max()
    stiff, mass = (m[keep][:, keep] for m in matrices)
    return np.sort(eigsh(stiff, num, mass, sigma=-0.05, return_eigenvectors=False))


def extrapolated(log_weight, diffusion, grid, sizes, num):
    """The error of the elements falls as the square of their size: two meshes give the limit."""
    coarse, fine = (relaxation_rates(log_weight, diffusion, grid(n), num) for n in sizes)
    ratio = ((sizes[1] - 1) / (sizes[0] - 1)) ** 2
    return fine + (fine - coarse) / (ratio - 1)


def stated(size, rate, num):
    """The lowest energies with their multiplicities."""
    levels = [e for e, count in symbolic.gas_spectrum(size, num, rate=rate) for _ in range(count)]
    return np.array(levels[:num], dtype=float)


def repulsion(x, beta):
    pairs = itertools.combinations(range(x.shape[1]), 2)
    return beta * sum(np.log(x[:, j] - x[:, i]) for i, j in pairs)


@pytest.mark.parametrize("beta", [1.0, 3.7])
def test_two_levels_in_a_quadratic_potential(beta):
    def grid(n):
        return np.linspace(-6.5, 4.5, n), np.linspace(0, 9, n)

    found = extrapolated(lambda x: repulsion(x, beta) - (x**2).sum(1) / 2, lambda x: np.ones_like(x), grid, (41, 61), 8)
    np.testing.assert_allclose(found, stated(2, 1, 8), atol=0.02)


@pytest.mark.full("test_two_levels_in_a_quadratic_potential in test_many_levels.py")
def test_three_levels_in_a_quadratic_potential():
    def grid(n):
        return np.linspace(-6, 3, n), np.linspace(0, 6, n), np.linspace(0, 6, n)

    found = extrapolated(lambda x: repulsion(x, 1.0) - (x**2).sum(1) / 2, lambda x: np.ones_like(x), grid, (15, 21), 6)
    np.testing.assert_allclose(found, stated(3, 1, 6), atol=0.05)


@pytest.mark.parametrize(("size", "num", "sizes", "atol"), [
    (2, 6, (41, 61), 0.002),
    pytest.param(3, 6, (15, 21), 0.02, marks=pytest.mark.full("test_laguerre_levels[2-6-*] in test_many_levels.py")),
])  # fmt: skip
def test_laguerre_levels(size, num, sizes, atol):
    """Complex 4 x N weights with D = Γ = 1/2; the grid is finer near zero."""

    def grid(n):
        ends = (30.0, 60.0, 60.0)[:size]  # polynomials reach far into e^{-x/2}
        return [end * np.linspace(0, 1, n) ** 2 for end in ends]

    power = 4 - size  # beta (M - N + 1)/2 - 1 with beta = 2, M = 4
    found = extrapolated(
        lambda x: repulsion(x, 2.0) + power * np.log(x).sum(1) - x.sum(1) / 2, lambda x: 2 * x, grid, sizes, num
    )
    np.testing.assert_allclose(found, stated(size, 1, num), atol=atol)


def test_the_library_computes_the_exact_spectrum_itself_and_refuses_where_there_is_none():
    process = MatrixSDE.rectangular(4, 3, beta=2, diffusion=sp.Rational(1, 2), decay=sp.Rational(1, 2)).eigenvalues
    found = symbolic.polynomial_spectrum(process, 3)
    assert found == tuple(symbolic.gas_spectrum(3, 4, rate=1))
    quartic = CoulombGas.identical(t**4 / 4, t, 2).process
    with pytest.raises(InputError, match="no polynomial spectrum"):
        symbolic.polynomial_spectrum(quartic, 1)
    logarithmic = CoulombGas.identical(-sp.log(1 - t), t, 2).process
    with pytest.raises(InputError, match="no polynomial spectrum"):
        symbolic.polynomial_spectrum(logarithmic, 2)


def test_jacobi_levels_have_energies_that_are_not_multiples():
    """dx = (a - (a + b) x) dt + sqrt(2x(1-x)) dB: one level is Jacobi's, E = n(n - 1 + a + b)."""
    a, b = sp.symbols("a b", positive=True)
    x = sp.symbols("x_1:3", positive=True)
    single = EigenvalueSDE(
        x[:1],
        (a - (a + b) * x[0],),
        (sp.S.Zero,),
        sp.ImmutableMatrix([[0]]),
        sp.ImmutableMatrix([[2 * x[0] * (1 - x[0])]]),
    )
    energies = [e for e, _ in symbolic.polynomial_spectrum(single, 3)]
    assert [sp.expand(e - n * (n - 1 + a + b)) for n, e in enumerate(energies)] == [0, 0, 0, 0]
    pair = EigenvalueSDE(
        x,
        tuple(a - (a + b) * y for y in x),
        (sp.S.Zero,) * 2,
        sp.ImmutableMatrix(2, 2, lambda i, j: 0 if i == j else x[0] + x[1] - 2 * x[0] * x[1]),
        sp.ImmutableMatrix(2, 2, lambda i, j: 2 * x[i] * (1 - x[i]) if i == j else 0),
    )
    assert len(symbolic.polynomial_spectrum(pair, 2)) == 4


def test_energies_of_a_rate_that_is_a_fraction():
    (x,) = sp.symbols("x_1:2", real=True)
    zero = sp.ImmutableMatrix([[0]])
    single = EigenvalueSDE((x,), (-x / 3,), (sp.S.Zero,), zero, sp.ImmutableMatrix([[2]]))
    assert [e for e, _ in symbolic.polynomial_spectrum(single, 3)] == [sp.Rational(n, 3) for n in range(4)]


def test_one_level_has_the_hamiltonian_of_a_single_particle():
    gas = CoulombGas.identical(t**4 / 4, t, 1)
    (y,) = gas.variables
    operator = symbolic.calogero_hamiltonian(gas)
    assert sp.expand(operator.potential - (y**6 / 4 - 3 * y**2 / 2)) == 0


def test_unequal_noises_have_no_pair_hamiltonian():
    with pytest.raises(InputError, match="one common noise"):
        symbolic.calogero_hamiltonian(CoulombGas([t * 0, t * 0], noises=[1, 2]))


# Samples: levels of a Gaussian beta-ensemble of width one, P ~ prod |x_i - x_j|^beta exp(-sum x^2/2)


def hermite_samples(beta, size, num, rng):
    """Dumitriu and Edelman's tridiagonal matrices."""
    matrices = np.zeros((num, size, size))
    diagonal = np.arange(size)
    matrices[:, diagonal, diagonal] = rng.normal(size=(num, size))
    off = np.sqrt(rng.chisquare(beta * np.arange(size - 1, 0, -1), size=(num, size - 1)) / 2)
    matrices[:, diagonal[1:], diagonal[:-1]] = matrices[:, diagonal[:-1], diagonal[1:]] = off
    return np.linalg.eigvalsh(matrices)


def laguerre_samples(size, rows, num, rng):
    """Real W: P ~ prod x^{(M - N - 1)/2} e^{-x/2} prod |x_i - x_j|."""
    w = rng.normal(size=(num, rows, size))
    return np.linalg.eigvalsh(np.swapaxes(w, 1, 2) @ w)


def averages(gas, functions, levels):
    """Every identity over the samples, in standard errors."""
    found = []
    for function in functions:
        identity = sp.lambdify(gas.variables, symbolic.ward_identity(gas, function, t), "numpy")
        values = np.broadcast_to(identity(*levels.T), len(levels))
        found.append(values.mean() / (values.std(ddof=1) / np.sqrt(len(levels))))
    return np.array(found)


FUNCTIONS = (t, t**3, t / (3 + t**2), t**2 / (2 + t**2))


@pytest.mark.parametrize("beta", [
    1, *(pytest.param(beta, marks=pytest.mark.full("test_ward_identities_of_sampled_gases[1]")) for beta in (2, 4)),
])  # fmt: skip
def test_ward_identities_of_sampled_gases(beta):
    """Four identities at five levels within three standard errors (false alarm 1%), and not with another beta."""
    rng = np.random.default_rng(beta)
    levels = hermite_samples(beta, 5, 20_000, rng)
    gas = CoulombGas.identical(t**2 / 2, t, 5, beta=beta)
    assert np.abs(averages(gas, FUNCTIONS, levels)).max() < 3
    wrong = CoulombGas.identical(t**2 / 2, t, 5, beta=beta + sp.Rational(1, 5))
    assert np.abs(averages(wrong, FUNCTIONS, levels)).max() > 6
    hotter = CoulombGas.identical(t**2 / 2, t, 5, beta=beta, noise=sp.Rational(51, 50))
    assert np.abs(averages(hotter, FUNCTIONS, levels)).max() > 4


def test_ward_identities_on_the_half_line():
    rng = np.random.default_rng(7)
    levels = laguerre_samples(3, 5, 20_000, rng)
    gas = CoulombGas.identical(t / 2 - sp.log(t) / 2, t, 3)
    functions = (t, t**2, t / (1 + t))
    assert np.abs(averages(gas, functions, levels)).max() < 3
    assert np.abs(averages(CoulombGas.identical(t / 2, t, 3), functions, levels)).max() > 6


@pytest.mark.full("test_ward_identities_of_sampled_gases[1] and test_ward_identities_on_the_half_line")
def test_ward_identities_of_sampled_quartic_gas():
    """Metropolis by hand; the mean of 200 independent chains has the standard error of their scatter."""
    rng = np.random.default_rng(3)
    gas = CoulombGas.identical(t**4 / 4 - t**2 / 2, t, 3, beta=2)

    def log_p(x):
        pairs = sum(2 * np.log(np.abs(x[i] - x[j])) for i, j in itertools.combinations(range(3), 2))
        return pairs - (x**4 / 4 - x**2 / 2).sum(0)

    x = rng.normal(size=(3, 400))
    here, totals, wrong, kept = log_p(x), np.zeros((2, 400)), np.zeros((2, 400)), 0
    other = CoulombGas.identical(t**4 / 4 - sp.Rational(9, 20) * t**2, t, 3, beta=2)
    identities, controls = (
        [sp.lambdify(g.variables, symbolic.ward_identity(g, f, t), "numpy") for f in (t, t**3)] for g in (gas, other)
    )
    for step in range(4000):
        proposal = x + 0.7 * rng.normal(size=x.shape)
        there = log_p(proposal)
        accept = np.log(rng.uniform(size=400)) < there - here
        x, here = np.where(accept, proposal, x), np.where(accept, there, here)
        if step >= 300:
            totals += np.array([f(*x) for f in identities])
            wrong += np.array([f(*x) for f in controls])
            kept += 1
    means = totals / kept
    score = means.mean(1) / (means.std(1, ddof=1) / np.sqrt(400))
    assert np.abs(score).max() < 3
    wrong = wrong / kept  # control: the identities of another potential
    assert np.abs(wrong.mean(1) / (wrong.std(1, ddof=1) / np.sqrt(400))).max() > 6


@pytest.mark.parametrize("beta", [1, 4])
def test_resolvent_beyond_leading_order(beta):
    """Thirty levels at a point outside the spectrum, within three standard errors; the semicircle alone is not."""
    size, num, point = 30, 4000, 2.6
    rng = np.random.default_rng(10 + beta)
    levels = hermite_samples(beta, size, num, rng) / np.sqrt(beta * size / 2)  # v = 1
    sampled = (1 / (point - levels)).mean(1)
    error = sampled.std(ddof=1) / np.sqrt(num)
    leading, correction = (float(g.subs(z, point)) for g in symbolic.gaussian_resolvent(1, beta=beta))
    assert abs(sampled.mean() - leading - correction / size) < 3 * error + abs(leading) * 10 / size**2
    assert abs(sampled.mean() - leading) > 10 * error


def test_burgers_equation_moves_levels_from_two_points():
    """Half of the levels start at +-1: G = g(z - vG) solves Burgers, and diag + GOE has it (three standard errors)."""
    v, steps = sp.Symbol("v", positive=True), sp.Symbol("c", positive=True)
    x = sp.Symbol("x", real=True)
    process = CoulombGas.identical(sp.S.Zero, x, 2, noise=sp.sqrt(steps)).process
    G, F = sp.Symbol("G"), sp.Function("F")(z)
    implicit = G - (z - v * G) / ((z - v * G) ** 2 - 1)
    slope_z, slope_v = (-sp.diff(implicit, s) / sp.diff(implicit, G) for s in (z, v))
    motion = symbolic.burgers(process, F).subs(sp.diff(F, z), slope_z).subs(F, G)
    assert sp.simplify(slope_v * N * steps - motion) == 0  # dv/dt = N c
    size, num, at, spread = 100, 400, 0.4 + 0.7j, 0.3
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(num, size, size)) * np.sqrt(spread / (2 * size))
    start = np.diag(np.repeat([1.0, -1.0], size // 2))
    levels = np.linalg.eigvalsh(start + noise + np.swapaxes(noise, 1, 2))
    sampled = (1 / (at - levels)).mean(1)
    g = 1 / at
    for _ in range(200):
        g = (at - spread * g) / ((at - spread * g) ** 2 - 1)
    error = np.abs(sampled - sampled.mean()).std() / np.sqrt(num)
    assert abs(sampled.mean() - g) < 3 * error + 1 / size * 0.2  # beta = 1 has a correction of order 1/N
    unmoved = at / (at**2 - 1)
    assert abs(sampled.mean() - unmoved) > 20 * error


@pytest.mark.parametrize(
    ("process", "message"),
    [
        (CoulombGas.identical(t**2, t, 1).process, "at least two levels"),
        (CoulombGas.identical(t**4, t, 2).process, "drift of first degree"),
        (CoulombGas.identical(t**3, t, 2).process, "drift of first degree"),
        (CoulombGas.identical(-sp.log(1 - t), t, 2).process, "drift that is a polynomial"),
    ],
)
def test_burgers_refuses_what_does_not_close(process, message):
    with pytest.raises(InputError, match=message):
        symbolic.burgers(process, sp.Function("G")(z))
