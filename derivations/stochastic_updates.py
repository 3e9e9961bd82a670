r"""From a mini-batch update of a weight matrix to the Coulomb gas at temperature learning rate over batch size."""

from itertools import permutations

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=10, title="Stochastic gradient descent as stochastic matrix dynamics")

alpha, B, T = sp.symbols("alpha B T", positive=True)
x, x_s = sp.symbols("x x_s", real=True)


def rational_rotation(t: sp.Expr) -> sp.Matrix:
    """Rotation of the plane by 2 arctan t: every rotation but the half turn, without trigonometry."""
    return sp.Matrix([[1 - t**2, -2 * t], [2 * t, 1 - t**2]]) / (1 + t**2)


@chain.step(identified="as one of (1)-(5), the update and its mini-batch average")
def minibatch_update(board: Board) -> None:
    """ALP24 (1)-(5): W' = W - alpha dL/dW with a mini-batch average has mean drift -alpha E[dL/dW] and noise
    (alpha/sqrt B) sqrt(Var[dL/dW]) eta, eta ~ N(0,1)."""
    size = sp.Symbol("B", integer=True, positive=True)
    a = sp.Symbol("a", integer=True)
    mean, variance, noise = sp.symbols("E V eta", real=True)
    board.line(
        "The batch gradient is $\\frac1B\\sum_{a=1}^B\\ell_a$ with independent samples of mean $E$ and variance $V$."
    )
    board.zero("Its mean is $E$.", sp.summation(mean / size, (a, 1, size)) - mean)
    board.line("Of the $B^2$ covariances in the variance of the sum only the $B$ with $a=b$ are not zero:")
    total = board.line("", sp.summation(variance, (a, 1, size)) / size**2, name="{\\rm Var}")
    board.zero("is $V/B$.", total - variance / size)
    samples = sp.symbols("l_1:4", real=True)
    law = {(sample, sample): variance for sample in samples}
    average = sum(samples) / 3
    exact = symbolic.gaussian_covariance(average, average, samples, law)
    board.zero("The same by contraction for $B=3$.", exact - variance / 3)
    step = -alpha * mean + alpha / sp.sqrt(size) * sp.sqrt(variance) * noise
    second = symbolic.gaussian_covariance(step + alpha * mean, step + alpha * mean, [noise], {(noise, noise): 1})
    board.zero(
        "So the update has this mean and, for many samples, Gaussian noise of this size.",
        second - alpha**2 * variance / size,
    )


@chain.step(status="definition")
def symmetric_matrix(board: Board) -> None:
    """ALP24 (6): X = W^T W has the eigenvalues x_i = xi_i^2, the squared singular values of W."""
    c = sp.Symbol("c", real=True)
    xi = sp.symbols("xi_1 xi_2", positive=True)
    turn = sp.Matrix([[1, 2], [2, 1], [2, -2]]) / 3  # orthonormal columns
    weights = turn * sp.diag(*xi) * rational_rotation(c)
    value = sp.Symbol("lambda")
    secular = (value * sp.eye(2) - (weights.T * weights).applyfunc(sp.cancel)).det()
    stated = (value - xi[0] ** 2) * (value - xi[1] ** 2)
    board.zero("For $W=U\\,{\\rm diag}(\\xi)V^T$ of shape $3\\times2$ with any rotation $V$.", secular - stated)


@chain.step(identified="as one of (7)-(8)")
def symmetric_update(board: Board) -> None:
    """ALP24 (7)-(8): X' = X + dX + noise; the noise of X is symmetric and linear in that of W up to second order."""
    rows, columns = 3, 2
    W = sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"W_{i}{j}", real=True))
    D = sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"d_{i}{j}", real=True))
    update = ((W + D).T * (W + D) - W.T * W).expand()
    board.line("The change of $X$:", sp.MatMul(W.T, D, evaluate=False), name="W^T\\delta W+\\ldots")
    board.zero(
        "$\\delta X=W^T\\delta W+\\delta W^TW+\\delta W^T\\delta W$.",
        list((update - W.T * D - D.T * W - D.T * D).expand()),
    )
    board.zero("It is symmetric.", list((update - update.T).expand()))


def _averaged_shift(size: int) -> tuple[tuple[sp.Symbol, ...], sp.Expr, sp.Expr]:
    """First- and averaged second-order shift of x_1 for <M_ij^2> = g^2 (1 + delta_ij), from the secular determinant."""
    levels = sp.symbols(f"x_1:{size + 1}", real=True)
    g = sp.Symbol("g", positive=True)
    M = sp.Matrix(size, size, lambda i, j: sp.Symbol(f"m_{min(i, j)}{max(i, j)}", real=True))
    first, second = symbolic.shifts_from_determinant(levels, M, 0)
    entries = sorted(M.free_symbols, key=str)
    diagonal = {M[i, i] for i in range(size)}

    def covariance(a: sp.Symbol, b: sp.Symbol) -> sp.Expr:
        return sp.S.Zero if a != b else g**2 * (2 if a in diagonal else 1)

    return levels, first, symbolic.gaussian_average(sp.expand(second), entries, covariance)


@chain.step
def eigenvalue_update(board: Board) -> None:
    """ALP24 (9): x_i' = x_i + K_i + sum_{j != i} g_i^2/(x_i - x_j) + sqrt(2) g_i eta_i."""
    g = sp.Symbol("g", positive=True)
    levels, first, second = _averaged_shift(3)
    board.line("The first order of $\\det(\\lambda-X-\\epsilon M)=0$ is the diagonal element,", first, name="a_1")
    board.line(
        "the average of the second order, with $\\langle M_{ij}^2\\rangle=g^2(1+\\delta_{ij})$, is",
        second,
        name="\\langle b_1\\rangle",
    )
    board.zero("the Coulomb term.", second - sum(g**2 / (levels[0] - y) for y in levels[1:]))
    process = symbolic.MatrixSDE.symmetric(3, noise=g).eigenvalues
    board.zero("The library has the same Coulomb term.", second - process.coulomb(0))
    board.zero("and the noise variance $2g^2$.", process.diffusion - 2 * g**2 * sp.eye(3))


@chain.step
def scaling(board: Board) -> None:
    """ALP24 (10)-(11): with K = alpha K~ and g = (alpha/sqrt B) g~ the drift is O(alpha), the Coulomb term and the
    noise variance are O(alpha^2/B); this is not the Ito scaling and has no SDE limit alpha -> 0.
    """
    strength, drift = sp.symbols("g K", positive=True)
    g = alpha / sp.sqrt(B) * strength
    process = symbolic.MatrixSDE.symmetric(2, noise=g, drift=lambda y: alpha * drift).eigenvalues
    x1, x2 = process.levels
    board.line("Substituted into the eigenvalue process:", process.total_drift(0), name="\\delta x_1")
    board.zero("The Coulomb term.", process.coulomb(0) - alpha**2 / B * strength**2 / (x1 - x2))
    board.zero("The noise variance.", process.diffusion[0, 0] - 2 * alpha**2 / B * strength**2)
    board.zero(
        "Per unit of the time $\\alpha$ the noise vanishes with $\\alpha$.",
        sp.limit(process.diffusion[0, 0] / alpha, alpha, 0),
    )


@chain.step
def stationary_law(board: Board) -> None:
    """ALP24 (12)-(14): the stationary law is the Coulomb gas, prod |x_i - x_j| exp(-sum V_i/g_i^2), K_i = -V_i', for
    any g_i (N = 2, 3, 4).
    """
    for size in (2, 3, 4):
        y, g = sp.symbols(f"x_1:{size + 1}", real=True), sp.symbols(f"g_1:{size + 1}", positive=True)
        V = [sp.Function(f"V_{i + 1}")(y[i]) for i in range(size)]
        log_law = sum(sp.log(y[j] - y[i]) for i in range(size) for j in range(i + 1, size))
        log_law -= sum(v / k**2 for v, k in zip(V, g, strict=True))
        currents = []
        for i in range(size):
            coulomb = sum(g[i] ** 2 / (y[i] - y[j]) for j in range(size) if j != i)
            currents.append(-sp.diff(V[i], y[i]) + coulomb - g[i] ** 2 * sp.diff(log_law, y[i]))
        board.zero(f"$N={size}$: every probability current vanishes.", currents)
        gas = symbolic.CoulombGas(V, noises=g, variables=y)
        board.zero("The library's gas is this law.", gas.log_weight - log_law)
        board.true("and it finds it stationary.", gas.is_stationary())


@chain.step
def linear_scaling_rule(board: Board) -> None:
    """ALP24 (15)-(16): V_i/g_i^2 = (B/alpha) V~_i/g~_i^2, so only the temperature T = alpha/B enters."""
    strength = sp.Symbol("g", positive=True)
    V = sp.Function("V")
    gas = symbolic.CoulombGas.identical(alpha * V(x), x, 2, noise=alpha / sp.sqrt(B) * strength)
    action = sum(V(y) / strength**2 for y in gas.variables) / T
    board.line("The action in the exponent:", gas.energy, name="\\sum_iV_i/g_i^2")
    board.zero("depends on $\\alpha/B$ alone.", (gas.energy - action).subs(alpha, T * B))


@chain.step
def width(board: Board) -> None:
    """ALP24 (17)-(18): near a minimum, V~ = Omega (x - x_s)^2/2, the width is s^2 = T g~^2/Omega."""
    strength, curvature, s = sp.symbols("g Omega s", positive=True)
    action = curvature * (x - x_s) ** 2 / 2 / strength**2 / T
    found = sp.solve(sp.diff(action, x, 2) - 1 / s**2, s)
    board.line("The action equals $(x-x_s)^2/2s^2$ for", found[-1] ** 2, name="s^2")
    board.zero("as the paper says.", found[-1] ** 2 - T * strength**2 / curvature)
    board.zero(
        "It is the limit $\\alpha\\to0$ of the library's discrete width.",
        symbolic.discrete_width2(0, curvature, strength, T) - found[-1] ** 2,
    )


@chain.step(status="definition")
def spectral_density(board: Board) -> None:
    """ALP24 (19): the spectral density rho(x) = <(1/N) sum_i delta(x - x_i)>."""
    N = sp.Symbol("N", integer=True, positive=True)
    i = sp.Symbol("i", integer=True, positive=True)
    point = sp.Symbol("x_i", real=True)
    mass = sp.summation(sp.integrate(sp.DiracDelta(x - point), (x, -sp.oo, sp.oo)) / N, (i, 1, N))
    board.zero("Its mass is one.", mass - 1)


@chain.step
def ordering(board: Board) -> None:
    """derived here: the law is symmetric under exchange of equal species, so one sector x_1 < ... < x_N tells all."""
    gas = symbolic.CoulombGas.gaussian([0, 0, 0], [1, 1, 1])
    for order in permutations(gas.variables):
        swapped = gas.weight.subs(dict(zip(gas.variables, order, strict=True)), simultaneous=True)
        board.zero("Exchange.", swapped - gas.weight)
