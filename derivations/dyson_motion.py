r"""Dyson Brownian motion: from a matrix with invariant noise to the Fokker-Planck equation and the Coulomb gas.

Source: ALP24 (arXiv:2407.16427).
"""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain, within

chain = Chain(order=20, title="Dyson Brownian motion (Appendix A)")

g = sp.Symbol("g", positive=True)
angle = sp.Symbol("theta", real=True)


def _covariance(size: int) -> tuple[sp.Matrix, list[sp.Symbol], dict[tuple[sp.Symbol, sp.Symbol], sp.Expr]]:
    """A real symmetric matrix of symbols with <M_ij^2> = g^2 (1 + delta_ij)."""
    M = sp.Matrix(size, size, lambda i, j: sp.Symbol(f"m_{min(i, j)}{max(i, j)}", real=True))
    entries = sorted(M.free_symbols, key=str)
    diagonal = {M[i, i] for i in range(size)}
    return M, entries, {(m, m): g**2 * (2 if m in diagonal else 1) for m in entries}


@chain.step(status="definition")
def matrix_process(board: Board) -> None:
    """ALP24 (62): dX_ij = K_ij dt + noise, symmetric, <dX_ij^2> = g^2 (1 + delta_ij) dt: the noise law is invariant
    under rotations, so it may be taken in the eigenbasis of X at every instant.
    """
    M, entries, law = _covariance(2)
    turn = sp.Matrix([[sp.cos(angle), -sp.sin(angle)], [sp.sin(angle), sp.cos(angle)]])
    rotated = (turn * M * turn.T).expand()
    pairs = [((i, j), (k, l)) for i, j in ((0, 0), (0, 1), (1, 1)) for k, l in ((0, 0), (0, 1), (1, 1))]
    residuals = []
    for (i, j), (k, l) in pairs:
        turned = symbolic.gaussian_average(rotated[i, j] * rotated[k, l], entries, law)
        residuals.append(turned - symbolic.gaussian_average(M[i, j] * M[k, l], entries, law))
    board.zero(
        "Rotating the noise leaves every covariance as it is ($N=2$; rotations of planes generate all).",
        residuals,
        by=sp.simplify,
    )
    sde = symbolic.MatrixSDE.symmetric(2, noise=g)
    variances = [
        symbolic.gaussian_average(sde.noise[i, j] ** 2, sde.normals, lambda a, b: int(a == b))
        for i, j in ((0, 0), (0, 1))
    ]
    board.zero("The library's noise has these variances.", [variances[0] - 2 * g**2, variances[1] - g**2])


@chain.step(
    status="corrected", note="for one common g, which the invariant noise of (62) has; g_i as labels of levels: see (9)"
)
def eigenvalue_process(board: Board) -> None:
    """ALP24 (63): dx_i = K_i dt + sum_{j != i} g_i^2/(x_i - x_j) dt + sqrt(2) g_i dB_i, from second-order perturbation
    theory, x_i' = x_i + d_ii + sum_{j != i} d_ij^2/(x_i - x_j)."""
    for size in (2, 3):
        levels = sp.symbols(f"x_1:{size + 1}", real=True)
        M, entries, law = _covariance(size)
        first, second = symbolic.shifts_from_determinant(levels, M, 0)
        board.zero(f"$N={size}$, first order of the secular determinant.", first - M[0, 0])
        board.zero("Second order.", second - sum(M[0, j] ** 2 / (levels[0] - levels[j]) for j in range(1, size)))
        average = symbolic.gaussian_average(sp.expand(second), entries, law)
        process = symbolic.MatrixSDE.symmetric(size, noise=g).eigenvalues
        board.zero("Its average is the Coulomb term of the library.", average - process.coulomb(0))
        cross = [symbolic.gaussian_average(M[0, 0] * M[j, j], entries, law) for j in range(size)]
        board.zero(
            "The noises are independent, of variance $2g^2$.",
            [c - process.diffusion[0, j] for j, c in enumerate(cross)],
        )


@chain.step
def dyson_index(board: Board) -> None:
    """derived here: for complex Hermitian and quaternion self-dual matrices the Coulomb term is multiplied by beta =
    2, 4 and the stationary repulsion is |x_i - x_j|^beta.
    """
    V = sp.Function("V")
    for beta in (1, 2, 4):
        process = symbolic.MatrixSDE.symmetric(2, beta=beta, noise=g, drift=lambda y: -sp.diff(V(y), y)).eigenvalues
        x1, x2 = process.levels
        board.zero(f"$\\beta={beta}$.", process.coulomb(0) - beta * g**2 / (x1 - x2))
        board.zero("Noise of the same size.", process.diffusion - 2 * g**2 * sp.eye(2))
        board.true(
            "The law is stationary without current.",
            process.carries_no_current(beta * sp.log(x2 - x1) - (V(x1) + V(x2)) / g**2),
        )
    hermitian = symbolic.MatrixSDE.symmetric(2, beta=2, noise=1)
    levels = sp.symbols("x_1 x_2", real=True)
    _, second = symbolic.shifts_from_determinant(levels, hermitian.noise, 0)
    average = symbolic.gaussian_average(sp.expand(second), hermitian.normals, lambda a, b: int(a == b))
    board.zero("$\\beta=2$ from the secular determinant.", average - 2 / (levels[0] - levels[1]))


@chain.step
def fokker_planck(board: Board) -> None:
    """ALP24 (64): d_t P = sum_i d_i [(g_i^2 d_i - K_i - sum_{j != i} g_i^2/(x_i - x_j)) P]."""
    x, strengths = sp.symbols("x_1:3", real=True), sp.symbols("g_1:3", positive=True)
    V = [sp.Function(f"V_{i}")(y) for i, y in enumerate(x)]
    P, f = sp.Function("P")(*x), sp.Function("f")(*x)
    drift = [-sp.diff(V[i], x[i]) + strengths[i] ** 2 / (x[i] - x[1 - i]) for i in range(2)]
    board.line(
        "For any test function It\\^o's rule gives $d\\langle f\\rangle=\\langle\\sum_ia_if_i+g_i^2f_{ii}\\rangle dt$."
    )
    generator = sum(a * sp.diff(f, y) + k**2 * sp.diff(f, y, 2) for a, k, y in zip(drift, strengths, x, strict=True))
    forward = sum(sp.diff(k**2 * sp.diff(P, y) - a * P, y) for a, k, y in zip(drift, strengths, x, strict=True))
    currents = [
        a * f * P + k**2 * (P * sp.diff(f, y) - f * sp.diff(P, y)) for a, k, y in zip(drift, strengths, x, strict=True)
    ]
    divergence = sum(sp.diff(j, y) for j, y in zip(currents, x, strict=True))
    board.zero(
        "Integrating by parts moves it to $P$: the difference is a divergence.",
        sp.expand((P * generator - f * forward - divergence).doit()),
    )
    gas = symbolic.CoulombGas(V, noises=strengths, variables=x)
    board.zero("The library's operator.", sp.expand((gas.process.fokker_planck(P) - forward).doit()))


def _gas(size: int) -> tuple[symbolic.CoulombGas, list[sp.Expr], tuple[sp.Symbol, ...]]:
    """The library's gas in general potentials, the potentials, and the strengths g_i."""
    x, strengths = sp.symbols(f"x_1:{size + 1}", real=True), sp.symbols(f"g_1:{size + 1}", positive=True)
    V = [sp.Function(f"V_{i}")(y) for i, y in enumerate(x)]
    return symbolic.CoulombGas(V, noises=strengths, variables=x), V, strengths


def _pull(gas: symbolic.CoulombGas, V: list[sp.Expr], g: tuple[sp.Symbol, ...], i: int) -> sp.Expr:
    """K_i plus the Coulomb term, written out."""
    x = gas.variables
    return -sp.diff(V[i], x[i]) + sum(g[i] ** 2 / (x[i] - x[j]) for j in range(len(x)) if j != i)


@chain.step(identified=within(65, 67))
def currents(board: Board) -> None:
    """ALP24 (65): (64) is a continuity equation with the currents J_i = [K_i + sum g_i^2/(x_i - x_j) - g_i^2 d_i] P,
    and the law is stationary when they vanish."""
    for size in (2, 3):
        gas, V, g = _gas(size)
        P = sp.Function("P")(*gas.variables)
        flow = [_pull(gas, V, g, i) * P - g[i] ** 2 * sp.diff(P, y) for i, y in enumerate(gas.variables)]
        total = -sum(sp.diff(j, y) for j, y in zip(flow, gas.variables, strict=True))
        board.zero(f"$N={size}$, the library's equation.", sp.expand((gas.process.fokker_planck(P) - total).doit()))
        stated = [gas.process.current(sp.log(P), i) * P for i in range(size)]
        board.zero("The library's currents.", [sp.expand((a - b).doit()) for a, b in zip(flow, stated, strict=True)])


@chain.step(identified=within(65, 67))
def zero_current(board: Board) -> None:
    """ALP24 (66): zero currents say d_i log P = K_i/g_i^2 + sum_{j != i} 1/(x_i - x_j); the g_i drop out of the Coulomb
    term, so the field has no curl and the equations agree with each other."""
    for size in (2, 3, 4):
        gas, V, g = _gas(size)
        x = gas.variables
        field = [sp.expand(_pull(gas, V, g, i) / g[i] ** 2) for i in range(size)]
        curls = [
            sp.cancel(sp.together(sp.diff(field[i], x[j]) - sp.diff(field[j], x[i])))
            for i in range(size) for j in range(i)
        ]  # fmt: skip
        board.zero(f"$N={size}$: no curl.", curls)
        board.zero("The library's field.", [f - gas.process.total_drift(i) / g[i] ** 2 for i, f in enumerate(field)])


@chain.step(identified=within(65, 67))
def stationary_solution(board: Board) -> None:
    """ALP24 (67): its solution is the Coulomb gas prod_{i<j} |x_i - x_j| exp(-sum V_i/g_i^2), at N = 2 and 3."""
    for size in (2, 3):
        gas, V, g = _gas(size)
        x = gas.variables
        law = sp.Mul(*(x[j] - x[i] for i in range(size) for j in range(i + 1, size)))
        law *= sp.exp(-sum(v / k**2 for v, k in zip(V, g, strict=True)))
        residuals = [
            sp.cancel(sp.together((g[i] ** 2 * sp.diff(law, x[i]) / law).doit() - _pull(gas, V, g, i)))
            for i in range(size)
        ]
        board.zero(f"$N={size}$: $(g_i^2\\partial_i-K_i-\\sum g_i^2/(x_i-x_j))P=0$.", residuals)
        board.zero("The library's residual of the whole equation.", gas.process.stationarity_residual(gas.log_weight))


@chain.step(status="definition", identified=within(68, 69))
def joint_potential(board: Board) -> None:
    """ALP24 (68): a potential V(x_1 ... x_N) that does not separate has the drifts K_i = -d_i V; then d_j K_i = d_i
    K_j."""
    x = sp.symbols("x_1:4", real=True)
    V = sp.Function("V")(*x)
    K = [-sp.diff(V, y) for y in x]
    board.zero("No curl.", [sp.diff(K[i], x[j]) - sp.diff(K[j], x[i]) for i in range(3) for j in range(i)])


@chain.step(
    status="corrected",
    note="needs one common g, or a V that separates: else K_i/g_i^2 is no gradient and there is a current",
    identified=within(68, 69),
)
def joint_law(board: Board) -> None:
    """ALP24 (69): its law is prod |x_i - x_j| exp(-V/g^2)."""
    x = sp.symbols("x_1:4", real=True)
    V = sp.Function("V")(*x)
    log_law = sum(sp.log(x[j] - x[i]) for i in range(3) for j in range(i + 1, 3)) - V / g**2
    process = symbolic.MatrixSDE.symmetric(3, noise=g).eigenvalues
    currents = []
    for i in range(3):
        a = -sp.diff(V, x[i]) + sum(g**2 / (x[i] - x[j]) for j in range(3) if j != i)
        currents.append(sp.cancel(sp.together(a - g**2 * sp.diff(log_law, x[i]))))
        board.zero(
            "The Coulomb term is the library's.",
            process.coulomb(i) - sum(g**2 / (x[i] - x[j]) for j in range(3) if j != i),
        )
    board.zero("No current for one common $g$.", currents)
    g1, g2 = sp.symbols("g_1 g_2", positive=True)
    curl = sp.diff(-sp.diff(V, x[0]) / g1**2, x[1]) - sp.diff(-sp.diff(V, x[1]) / g2**2, x[0])
    board.line("For different $g_i$ the curl of $K_i/g_i^2$:", sp.factor(curl))
    board.zero(
        "vanishes only if $g_1=g_2$ or $\\partial_1\\partial_2V=0$.",
        curl - (1 / g2**2 - 1 / g1**2) * sp.diff(V, x[0], x[1]),
    )
