r"""Many levels: the Hamiltonian of the Coulomb gas, its exact spectrum, Ward identities, and the motion of the
resolvent."""

from collections import Counter

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=135, title="Many levels")

g, beta, Omega, Gamma, D, M, v = sp.symbols("g beta Omega Gamma D M v", positive=True)
z, N = symbolic.spectral_argument, symbolic.num_levels


def _gas(size: int) -> symbolic.CoulombGas:
    """A gas in one general potential."""
    x = sp.Symbol("x", real=True)
    return symbolic.CoulombGas.identical(sp.Function("V")(x), x, size, beta=beta, noise=g)


@chain.step
def hamiltonian(board: Board) -> None:
    """derived here: with P = sqrt(P_s) psi the N-level Fokker-Planck equation is d_t psi = -H psi of Calogero, Moser
    and Sutherland, pairs interacting by beta (beta - 2) g^2/(2 (x_i - x_j)^2); terms of three levels cancel (N = 2,
    3)."""
    for size in (2, 3):
        gas = _gas(size)
        psi = sp.Function("psi")(*gas.variables)
        half = gas.log_weight / 2
        # e^{-h} L (e^h psi) of the library's Fokker-Planck operator, without writing the exponential
        slopes = [sp.diff(half, x) for x in gas.variables]
        flow = sp.S.Zero
        for i, x in enumerate(gas.variables):
            current = gas.process.total_drift(i) * psi - g**2 * (sp.diff(psi, x) + slopes[i] * psi)
            flow -= sp.diff(current, x) + slopes[i] * current
        stated = symbolic.calogero_hamiltonian(gas)(psi)
        board.zero(f"$N={size}$.", sp.cancel(sp.together(sp.expand((flow + stated).doit()))))


@chain.step
def ground_state(board: Board) -> None:
    """derived here: the ground state of that Hamiltonian is sqrt(P_s), the square root of the Coulomb gas density, with
    E = 0 (N = 2, 3)."""
    for size in (2, 3):
        gas = _gas(size)
        half, H = gas.log_weight / 2, symbolic.calogero_hamiltonian(gas)
        kinetic = sum(sp.diff(half, x, 2) + sp.diff(half, x) ** 2 for x in gas.variables)
        energy = -(g**2) * kinetic + H.potential
        board.zero(f"$H\\sqrt{{P_s}}=0$, $N={size}$.", sp.cancel(sp.together(sp.expand(energy.doit()))))


@chain.step
def calogero_constant(board: Board) -> None:
    """derived here: for V = Omega x^2/2 it is N oscillators and the inverse squares, minus the constant Omega N/2 +
    beta Omega N(N-1)/4; at beta = 2 free fermions."""
    x = sp.Symbol("x", real=True)
    for size in (2, 3):
        gas = symbolic.CoulombGas.identical(Omega * x**2 / 2, x, size, beta=beta, noise=g)
        W, y = symbolic.calogero_hamiltonian(gas).potential, gas.variables
        oscillators = sum(Omega**2 * level**2 / (4 * g**2) for level in y)
        pairs = sum(1 / (y[i] - y[j]) ** 2 for i in range(size) for j in range(i))
        constant = Omega * sp.Rational(size, 2) + beta * Omega * sp.Rational(size * (size - 1), 4)
        board.zero(f"$N={size}$.", sp.expand(W - oscillators - beta * (beta - 2) / 2 * g**2 * pairs + constant))
        board.zero("No interaction at $\\beta=2$.", sp.diff((W - oscillators).subs(beta, 2), y[0]))


def _wishart(size: int) -> symbolic.EigenvalueSDE:
    """The Laguerre process at any beta."""
    x = sp.symbols(f"x_1:{size + 1}", positive=True)
    return symbolic.EigenvalueSDE(
        x,
        drift=tuple(-2 * Gamma * y for y in x),
        ito=(2 * D * beta * M,) * size,
        coupling=sp.ImmutableMatrix(size, size, lambda i, j: 0 if i == j else 2 * D * beta * (x[i] + x[j])),
        diffusion=sp.ImmutableMatrix(size, size, lambda i, j: 8 * D * x[i] if i == j else 0),
    )


@chain.step
def laguerre_process(board: Board) -> None:
    """derived here: the Laguerre process has the coupling 2 beta D (x_i + x_j), the noise 8 D x_i and the Ito term
    2 beta D M at every beta for which matrices exist."""
    for index in (1, 2, 4):
        process = symbolic.MatrixSDE.rectangular(M, 2, beta=index, diffusion=D, decay=Gamma).eigenvalues
        ours = _wishart(2)
        board.zero(f"$\\beta={index}$.", [
            process.coupling[0, 1] - ours.coupling[0, 1].subs(beta, index),
            process.diffusion[0, 0] - ours.diffusion[0, 0],
            process.ito[0] - ours.ito[0].subs(beta, index),
            process.drift[0] - ours.drift[0],
        ])  # fmt: skip


@chain.step
def exact_spectrum(board: Board) -> None:
    """derived here: quadratic and Laguerre potentials have the energies E_k = k Omega (Laguerre: 2 Gamma k) at any
    beta, with the number of partitions of k into at most N parts as multiplicity: the generator on symmetric
    polynomials (N = 2, 3)."""
    x = sp.Symbol("x", real=True)
    for size, degree in ((2, 4), (3, 3)):
        hermite = symbolic.CoulombGas.identical(Omega * x**2 / 2, x, size, beta=beta, noise=g).process
        for process, rate in ((hermite, Omega), (_wishart(size), 2 * Gamma)):
            found = Counter()
            for energy, count in symbolic.polynomial_spectrum(process, degree):
                found[energy] += count
            pairs = sp.Tuple(*(sp.Tuple(*pair) for pair in found.items()))
            board.line(f"$N={size}$, energies and multiplicities:", pairs)
            stated = symbolic.gas_spectrum(size, degree + 1, rate=rate)
            board.zero("As the library says.", [found[energy] - count for energy, count in stated])
            board.true("No others.", len(found) == len(stated))


@chain.step
def ward_identities(board: Board) -> None:
    """derived here: <sum f'(x_i) + (beta/2) sum_{i != j} (f(x_i) - f(x_j))/(x_i - x_j) - sum f V_i'/g_i^2> = 0, because
    it is the integral of a total derivative (any f, V_i, g_i; N = 2, 3)."""
    variable = sp.Symbol("t", real=True)
    f = sp.Function("f")
    for size in (2, 3):
        x, strengths = sp.symbols(f"x_1:{size + 1}", real=True), sp.symbols(f"g_1:{size + 1}", positive=True)
        gas = symbolic.CoulombGas(
            [sp.Function(f"V_{i}")(y) for i, y in enumerate(x)], beta=beta, noises=strengths, variables=x
        )
        total = sum(sp.diff(f(y), y) + f(y) * sp.diff(gas.log_weight, y) for y in x)
        stated = symbolic.ward_identity(gas, f(variable), variable)
        board.zero(f"$N={size}$.", sp.cancel(sp.together(sp.expand((total - stated).doit()))))


@chain.step
def loop_equation(board: Board) -> None:
    """derived here: with f = 1/(z - x) it is the loop equation, (beta/2) <W^2> - (1 - beta/2) <W'> = <sum V'/(z -
    x_i)>, W = sum 1/(z - x_i), here over g^2 for quadratic V."""
    x, size = sp.Symbol("x", real=True), 3
    gas = symbolic.CoulombGas.identical(Omega * x**2 / 2, x, size, beta=beta, noise=g)
    W = sum(1 / (z - y) for y in gas.variables)
    stated = symbolic.ward_identity(gas, 1 / (z - x), x)
    loop = beta / 2 * W**2 - (1 - beta / 2) * sp.diff(W, z) - Omega / g**2 * (z * W - size)
    board.zero("The library's identity.", sp.cancel(sp.together(stated - loop)))


@chain.step
def resolvent_correction(board: Board) -> None:
    """derived here: order by order in 1/N that loop equation gives G_0, the semicircle, and G_1 = (2/beta - 1) v
    G_0/(z^2 - 4v): fluctuations of W are of order one and enter at 1/N^2."""
    leading, next_order = symbolic.gaussian_resolvent(v, beta=beta)
    # Omega/g^2 = beta N/(2 v), W = N (G_0 + G_1/N): divided by beta N^2/2
    small = sp.Symbol("e", positive=True)  # 1/N
    G0, G1 = sp.Function("G_0")(z), sp.Function("G_1")(z)
    W = G0 + small * G1
    equation = sp.expand(W**2 - (2 / beta - 1) * small * sp.diff(W, z) - (z * W - 1) / v)
    values = {G0: leading, G1: next_order}
    for order in (0, 1):
        residual = equation.coeff(small, order).subs(values).doit()
        board.zero(f"Order {order}.", sp.simplify(residual))
    law = symbolic.FreeLaw.semicircle(v).equation()
    board.zero("$G_0$ is the library's semicircle.", sp.simplify(law.subs(symbolic.resolvent, leading)))
    t = sp.Symbol("t", positive=True)
    series = sp.series(next_order.subs(z, 1 / t), t, 0, 6).removeO()
    board.line("Corrections of the moments:", sp.expand(sp.simplify(series)))
    gas = symbolic.CoulombGas.gaussian([0, 0], [1, 1], beta=1)
    y = gas.variables[0]
    exact = gas.moment(y**2)  # v = N/2 for width one
    board.zero("$\\langle x^2\\rangle=v(1+(2/\\beta-1)/N)$ is exact, here $N=2$.", exact - sp.Rational(3, 2))
    second = sp.simplify(series.coeff(t, 3)) if series.coeff(t, 3) != 0 else sp.expand(sp.simplify(series)).coeff(t, 3)
    board.zero("It is the second moment of $G_1$.", sp.simplify(second - (2 / beta - 1) * v))


@chain.step
def burgers_equation(board: Board) -> None:
    """derived here: the resolvent of many levels moves by a closed equation of first order; finite N adds (D - c) W''/2
    for additive noise, c the coupling and D the noise (N = 2, 3)."""
    x = sp.Symbol("x", real=True)
    G = sp.Function("G")(z)
    for size in (2, 3):
        gas = symbolic.CoulombGas.identical(Omega * x**2 / 2, x, size, beta=beta, noise=g)
        W = sum(1 / (z - y) for y in gas.variables)
        exact = gas.process.generator(W)
        coupling, noise = gas.process.coupling[0, 1], gas.process.diffusion[0, 0]
        limit = symbolic.burgers(gas.process, G).subs(N, 1)  # with W = N G the factor N drops out
        limit = limit.subs(sp.diff(G, z), sp.diff(W, z)).subs(G, W)
        board.zero(
            f"Exactly at $N={size}$.",
            sp.cancel(sp.together(exact - limit - (noise - coupling) / 2 * sp.diff(W, z, 2))),
        )
    stated = symbolic.burgers(gas.process, G)
    dyson = sp.diff(Omega * z * G, z) - N * beta * g**2 * G * sp.diff(G, z)
    board.zero("Dyson's complex Burgers equation.", sp.expand(stated - dyson))


@chain.step
def burgers_solutions(board: Board) -> None:
    """derived here: it takes levels from one point through semicircles of variance v(t) = N c (1 - e^{-2 Omega t})/(2
    Omega) to the stationary semicircle, and for the Laguerre process its stationary solution is Marchenko-Pastur."""
    t, x = sp.Symbol("t", positive=True), sp.Symbol("x", real=True)
    process = symbolic.CoulombGas.identical(Omega * x**2 / 2, x, 2, beta=beta, noise=g).process
    c = process.coupling[0, 1]
    spread = N * c * (1 - sp.exp(-2 * Omega * t)) / (2 * Omega)
    w, rate = sp.symbols("w w_t", positive=True)
    moving = symbolic.gaussian_resolvent(w, beta=2)[0]
    change = sp.diff(moving, w) * rate
    growth = N * c - 2 * Omega * w
    residual = (change - symbolic.burgers(process, moving)).subs(rate, growth)
    board.zero("A semicircle stays one, $\\dot v=Nc-2\\Omega v$.", sp.simplify(residual))
    board.zero("Which $v(t)$ solves.", sp.expand(sp.diff(spread, t) - growth.subs(w, spread)))
    G = symbolic.resolvent
    law = symbolic.FreeLaw.marchenko_pastur(N / M, mean=M * D / Gamma)
    implicit = 1 / G + law.r_transform  # z as a function of G: dG/dz = 1/(dz/dG)
    F = sp.Function("F")(z)
    rest = symbolic.burgers(_wishart(2), F).subs(beta, 1)
    rest = rest.subs(sp.diff(F, z), 1 / sp.diff(implicit, G)).subs(F, G).subs(z, implicit)
    board.zero("At rest for the library's Marchenko-Pastur law.", sp.cancel(sp.together(rest)))
