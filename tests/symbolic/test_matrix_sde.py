"""Matrix noise to eigenvalue noise: against eigenvalues of perturbed matrices, computed numerically."""

import numpy as np
import pytest
import sympy as sp

from coulombgas import InputError
from coulombgas.symbolic import MatrixSDE, eigenvalue_shifts, shifts_from_determinant

D, Gamma, M, g = sp.symbols("D Gamma M g", positive=True)


def numeric(matrix, values):
    return np.array(sp.Matrix(matrix).subs(values).evalf(30).tolist(), dtype=complex)


def cases():
    yield "real", MatrixSDE.symmetric(3, beta=1, noise=1, drift=lambda x: -x)
    yield "complex", MatrixSDE.symmetric(3, beta=2, noise=1, drift=lambda x: -x)
    yield "quaternion", MatrixSDE.symmetric(2, beta=4, noise=1, drift=lambda x: -x)
    yield "rectangular", MatrixSDE.rectangular(5, 3, diffusion=sp.Rational(1, 2), decay=1)
    yield "rectangular complex", MatrixSDE.rectangular(3, 2, beta=2, diffusion=sp.Rational(1, 2))
    yield "rectangular quaternion", MatrixSDE.rectangular(3, 2, beta=4, diffusion=sp.Rational(1, 2))
    yield "multiplicative", MatrixSDE.multiplicative(3, variance=lambda x, y: 1 / ((9 - x) * (9 - y)))


BY_PARTS = pytest.mark.full("the same of quaternion and rectangular complex matrices")


@pytest.mark.parametrize(
    ("name", "sde"),
    [pytest.param(*case, marks=BY_PARTS if case[0] == "rectangular quaternion" else ()) for case in cases()],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_shifts_are_those_of_a_perturbed_matrix(name, sde):
    """For one draw of the noise, second differences of numerical eigenvalues against perturbation theory."""
    rng = np.random.default_rng(3)
    levels = dict(zip(sde.levels, (1.0, 2.3, 4.1), strict=False))
    draw = {w: float(rng.normal()) for w in sde.normals}
    noise = numeric(sde.noise, {**levels, **draw})
    quadratic = numeric(sde.quadratic, {**levels, **draw}) if sde.quadratic is not None else 0 * noise
    base = np.kron(np.diag(list(levels.values())), np.eye(sde.block))
    step = 1e-4

    def eigenvalues(e):
        return np.linalg.eigvalsh(base + e * noise + e**2 * quadratic).reshape(-1, sde.block).mean(1)

    up, down, middle = eigenvalues(step), eigenvalues(-step), eigenvalues(0)
    first = (up - down) / (2 * step)
    second = (up + down - 2 * middle) / (2 * step**2)
    x = np.array(list(levels.values()))
    for i in range(len(x)):
        a, numerators = eigenvalue_shifts(sde.levels, sde.noise, i)
        assert float(sp.re(sp.N(a.subs({**levels, **draw})))) == pytest.approx(first[i], abs=1e-4)
        terms = [complex(sp.N(sp.sympify(c).subs({**levels, **draw}))).real for c in numerators]
        b = sum(c / (x[i] - y) for j, (c, y) in enumerate(zip(terms, x, strict=True)) if j != i)
        k = i * sde.block
        diagonal = np.mean(np.diag(quadratic)[k : k + sde.block]).real
        assert b + diagonal == pytest.approx(second[i], rel=1e-4, abs=1e-4)


def test_drift_and_noise_average_over_simulated_steps():
    """Mean and variance of one eigenvalue step over 40 000 draws; 5 standard errors, false alarms 1e-6 each."""
    sde = MatrixSDE.rectangular(4, 2, diffusion=sp.Rational(1, 2), decay=1).eigenvalues
    x = np.array([1.0, 3.0])
    rng = np.random.default_rng(0)
    dt, num = 1e-3, 40_000
    W = np.zeros((4, 2))
    W[0, 0], W[1, 1] = np.sqrt(x)
    noise = np.sqrt(dt) * rng.normal(size=(num // 2, 4, 2))
    steps = np.concatenate([(1 - dt) * W + noise, (1 - dt) * W - noise])
    moved = np.linalg.eigvalsh(np.swapaxes(steps, 1, 2) @ steps) - x
    paired = (moved[: num // 2] + moved[num // 2 :]) / 2
    values = dict(zip(sde.levels, x, strict=True))
    for i in range(2):
        drift = float(sde.total_drift(i).subs(values)) * dt
        error = paired[:, i].std() / np.sqrt(num // 2)
        assert abs(paired[:, i].mean() - drift) < 5 * error + 20 * dt**2
        wrong = drift - float(sde.coulomb(i).subs(values)) * dt
        assert abs(paired[:, i].mean() - wrong) > 5 * error + 20 * dt**2, "the control: without repulsion"
        variance = float(sde.diffusion[i, i].subs(values)) * dt
        assert moved[:, i].var() == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_coupling_is_beta_times_the_real_one(beta):
    process = MatrixSDE.symmetric(3 if beta < 4 else 2, beta=beta, noise=g).eigenvalues
    size = len(process.levels)
    assert process.coupling == beta * g**2 * (sp.ones(size) - sp.eye(size))
    assert process.diffusion == 2 * g**2 * sp.eye(size)


def test_bru_process_with_any_number_of_rows():
    process = MatrixSDE.rectangular(M, 2, diffusion=D).eigenvalues
    x1, x2 = process.levels
    assert process.ito == (2 * D * M, 2 * D * M)
    assert sp.expand(process.coupling[0, 1] - 2 * D * (x1 + x2)) == 0
    assert process.diffusion == sp.diag(8 * D * x1, 8 * D * x2)


@pytest.mark.parametrize("power", [-1, 0])
def test_laguerre_law_is_stationary_and_a_wrong_power_is_not(power):
    process = MatrixSDE.rectangular(M, 2, diffusion=D, decay=Gamma).eigenvalues
    x1, x2 = process.levels
    log_law = sum((M - 2 + power) / 2 * sp.log(x) - Gamma * x / (2 * D) for x in (x1, x2)) + sp.log(x2 - x1)
    assert process.is_stationary(log_law) == (power == -1)
    assert process.carries_no_current(log_law) == (power == -1)


def test_fokker_planck_agrees_with_the_residual():
    process = MatrixSDE.symmetric(2, noise=g, drift=lambda x: -x).eigenvalues
    x1, x2 = process.levels
    density = (x2 - x1) * sp.exp(-(x1**4) - x2**2)
    residual = process.stationarity_residual(sp.log(x2 - x1) - x1**4 - x2**2)
    assert sp.simplify(process.fokker_planck(density) / density - residual) == 0


def test_determinant_gives_the_same_shifts():
    levels = sp.symbols("x_1:4")
    perturbation = sp.Matrix(3, 3, lambda i, j: sp.Symbol(f"m{i}{j}"))
    first, numerators = eigenvalue_shifts(levels, perturbation, 1)
    a, b = shifts_from_determinant(levels, perturbation, 1)
    second = sum(c / (levels[1] - levels[j]) for j, c in enumerate(numerators) if j != 1)
    assert a == first
    assert sp.cancel(sp.together(b - second)) == 0


def test_own_noise_goes_into_the_constructor():
    x = sp.symbols("x_1 x_2", real=True)
    w = sp.symbols("w_1 w_2", real=True)
    sde = MatrixSDE(x, sp.zeros(2), sp.Matrix([[w[0], 3 * w[1]], [3 * w[1], 2 * w[0]]]), w)
    assert sde.eigenvalues.coupling[0, 1] == 9
    assert sde.eigenvalues.diffusion == sp.Matrix([[1, 2], [2, 4]])


def test_equations_print_as_latex():
    text = MatrixSDE.symmetric(2).eigenvalues.latex()
    assert text.startswith(r"\begin{aligned}")
    assert "x_{1} - x_{2}" in text


def test_process_becomes_a_jax_function(x64):
    from coulombgas.symbolic import to_jax

    process = MatrixSDE.rectangular(4, 2, diffusion=1).eigenvalues
    drift = to_jax([process.total_drift(i) for i in range(2)], process.levels)
    assert drift(1.0, 3.0)[0] == pytest.approx(2 * 4 + 2 * 4 / (1 - 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MatrixSDE.symmetric(2, beta=3), "`beta` must be 1, 2 or 4"),
        (lambda: MatrixSDE.rectangular(2, 3), "`rows` must be at least `columns` = 3, got 2"),
        (lambda: MatrixSDE.symmetric(2, drift=[1]), "`drift` must have 2 entries, got 1"),
        (lambda: eigenvalue_shifts([0, 1], sp.zeros(3, 3), 0), "`perturbation` must be a square matrix of 2 blocks"),
        (lambda: eigenvalue_shifts([0, 1], sp.diag(1, 2, 3, 4), 0), "splits a degenerate level"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        ([["w", 0], [0, "w"]], None),
        ([["w**2", 0], [0, "w"]], "linear in the normals"),
        ([["w", "w"], [0, "w"]], "Hermitian"),
        ([["I*w", 0], [0, "w"]], "Hermitian"),
    ],
)
def test_noise_must_be_linear_and_hermitian(noise, message):
    w = sp.Symbol("w", real=True)
    matrix = sp.Matrix([[{"w": w, "w**2": w**2, "I*w": sp.I * w}.get(e, 0) for e in row] for row in noise])
    x = sp.symbols("x_1 x_2", real=True)
    if message is None:
        MatrixSDE(x, sp.zeros(2), matrix, (w,))
        return
    with pytest.raises(InputError, match=message):
        MatrixSDE(x, sp.zeros(2), matrix, (w,))


def test_multiplicative_rate_is_the_flow_of_the_matrix():
    """X = W'W of a small deterministic step W(1 + r(X) dt): the change of its eigenvalues, by numbers."""
    rate = lambda x: 1 / sp.Integer(4) - 1 / (9 - x)  # noqa: E731
    sde = MatrixSDE.multiplicative(2, variance=sp.Symbol("c", positive=True), rate=rate).eigenvalues
    levels = np.array([2.0, 3.5])
    rotation = np.array([[0.8, -0.6], [0.6, 0.8]])
    step = 1e-6
    factor = rotation @ np.diag(1 + step * (0.25 - 1 / (9 - levels))) @ rotation.T
    moved = np.linalg.eigvalsh(factor @ (rotation @ np.diag(levels) @ rotation.T) @ factor)
    stated = [float(drift.subs(dict(zip(sde.levels, levels, strict=True)))) for drift in sde.drift]
    np.testing.assert_allclose((moved - levels) / step, stated, rtol=1e-4)
