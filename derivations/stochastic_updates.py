r"""From a mini-batch update of a weight matrix to the Coulomb gas at temperature learning rate over batch size.

Source: ALP24 (arXiv:2407.16427).
"""

from itertools import permutations

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain, within

chain = Chain(order=10, title="Stochastic gradient descent as stochastic matrix dynamics")

alpha, B, T = sp.symbols("alpha B T", positive=True)
x, x_s = sp.symbols("x x_s", real=True)


def rational_rotation(t: sp.Expr) -> sp.Matrix:
    """Rotation of the plane by 2 arctan t: every rotation except the half turn, without trigonometry."""
    return sp.Matrix([[1 - t**2, -2 * t], [2 * t, 1 - t**2]]) / (1 + t**2)


UPDATE, SYMMETRIC, LAW, SCALING, WIDTH = (within(*ends) for ends in ((1, 5), (7, 8), (12, 14), (15, 16), (17, 18)))


@chain.step(status="definition", identified=UPDATE)
def gradient_step(board: Board) -> None:
    """ALP24 (1): W' = W - alpha dL/dW; to first order in alpha it lowers the loss by alpha times the squared
    gradient."""
    loss = sp.Function("L")(*(weights := sp.symbols("W_1:4", real=True)))
    slopes = [sp.diff(loss, w) for w in weights]
    change = sum(slope * (-alpha * slope) for slope in slopes)
    board.zero("The change of the loss at first order.", change + alpha * sum(slope**2 for slope in slopes))


@chain.step(status="definition", identified=UPDATE)
def minibatch_gradient(board: Board) -> None:
    """ALP24 (2): a mini-batch estimates the gradient by the mean of B independent samples, without bias."""
    size, a = sp.Symbol("B", integer=True, positive=True), sp.Symbol("a", integer=True)
    mean = sp.Symbol("E", real=True)
    board.zero("Its mean is that of one sample.", sp.summation(mean / size, (a, 1, size)) - mean)


@chain.step(identified=UPDATE)
def minibatch_variance(board: Board) -> None:
    """ALP24 (3): the variance of the mean of B independent samples is V/B."""
    size, a = sp.Symbol("B", integer=True, positive=True), sp.Symbol("a", integer=True)
    variance = sp.Symbol("V", real=True)
    board.line("Of the $B^2$ covariances in the variance of the sum only the $B$ with $a=b$ are not zero:")
    total = board.line("", sp.summation(variance, (a, 1, size)) / size**2, name="{\\rm Var}")
    board.zero("is $V/B$.", total - variance / size)
    samples = sp.symbols("l_1:4", real=True)
    law = {(sample, sample): variance for sample in samples}
    average = sum(samples) / 3
    exact = symbolic.gaussian_covariance(average, average, samples, law)
    board.zero("The same by contraction for $B=3$.", exact - variance / 3)


@chain.step(identified=UPDATE)
def central_limit(board: Board) -> None:
    """ALP24 (4): for many samples the mean is Gaussian, E + sqrt(V/B) eta: its standardised n-th cumulant falls as
    B^{1 - n/2}, here to n = 6 for samples of any law."""
    k, u = sp.symbols("k_2:7"), sp.Symbol("u")
    one = sum(
        value * u**n / sp.factorial(n) for n, value in enumerate(k, start=2)
    )  # log of the characteristic function
    scaled = sp.expand(B * one.subs(u, u / sp.sqrt(B * k[0])))
    cumulants = [sp.factorial(n) * scaled.coeff(u, n) for n in range(2, 7)]
    board.line("Cumulants of $(\\bar\\ell-E)/\\sqrt{V/B}$:", sp.Tuple(*cumulants))
    board.zero("The second is one.", cumulants[0] - 1)
    board.zero(
        "The n-th is $k_nk_2^{-n/2}B^{1-n/2}$.",
        [
            c - value * k[0] ** sp.Rational(-n, 2) * B ** (1 - sp.Rational(n, 2))
            for n, (c, value) in enumerate(zip(cumulants, k, strict=True), start=2)
        ],
        by=sp.simplify,
    )


@chain.step(identified=UPDATE)
def noisy_update(board: Board) -> None:
    """ALP24 (5): so W' = W - alpha E[dL/dW] + (alpha/sqrt B) sqrt(Var[dL/dW]) eta, eta ~ N(0, 1)."""
    mean, variance, noise = sp.symbols("E V eta", real=True)
    step = -alpha * (mean + sp.sqrt(variance / B) * noise)  # eta and -eta have one law
    law = {(noise, noise): 1}
    board.zero("Mean $-\\alpha E$.", symbolic.gaussian_average(sp.expand(step), [noise], law) + alpha * mean)
    second = symbolic.gaussian_covariance(step, step, [noise], law)
    board.zero("Variance $\\alpha^2V/B$.", second - alpha**2 * variance / B)


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


def _weights(rows: int, columns: int, name: str) -> sp.Matrix:
    return sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"{name}_{i}{j}", real=True))


@chain.step(identified=SYMMETRIC)
def symmetric_update(board: Board) -> None:
    """ALP24 (7): X' = X + dX + (1/sqrt B) noise: with (5) the noise of X is (alpha/sqrt B)(W^T n + n^T W) at first
    order, and terms quadratic in it are of order alpha^2/B."""
    W, E, n = (_weights(3, 2, name) for name in ("W", "E", "n"))
    q = sp.Symbol("q", positive=True)  # 1/sqrt(B)
    D = -alpha * E + alpha * q * n
    update = ((W + D).T * (W + D) - W.T * W).expand()
    board.line("The change of $X$:", sp.MatMul(W.T, D, evaluate=False), name="W^T\\delta W+\\ldots")
    first = update.applyfunc(lambda e: e.coeff(q, 1).coeff(alpha, 1))
    board.zero("Noise, at first order in $\\alpha$ and in $1/\\sqrt B$.", list((first - W.T * n - n.T * W).expand()))
    drift = update.applyfunc(lambda e: e.coeff(q, 0).coeff(alpha, 1))
    board.zero("Drift $\\delta X$ at first order in $\\alpha$.", list((drift + W.T * E + E.T * W).expand()))
    second = update.applyfunc(lambda e: e.coeff(q, 2))
    board.zero("The rest of the noise is of order $\\alpha^2/B$.", list((second - alpha**2 * n.T * n).expand()))
    board.zero("All of it is symmetric.", list((update - update.T).expand()))


@chain.step(
    status="corrected",
    note="for independent elements of W the variance of an element of the noise of X is v (x_i + x_j)(1 + delta_ij): "
    "the invariant noise of Dyson's motion only where the eigenvalues are equal",
    identified=SYMMETRIC,
)
def invariant_noise(board: Board) -> None:
    """ALP24 (8): the noise of X is symmetric, with one variance off the diagonal and twice that on it; then its law is
    invariant under rotations, and it may be taken in the eigenbasis of X."""
    size, v = 3, sp.Symbol("v", positive=True)
    xi = sp.symbols("xi_1:4", positive=True)
    n = _weights(size, size, "n")
    noise = (sp.diag(*xi) * n + n.T * sp.diag(*xi)).expand()
    law = {(entry, entry): v for entry in n}
    for i, j in ((0, 0), (0, 1), (1, 2)):
        square = symbolic.gaussian_average(sp.expand(noise[i, j] ** 2), list(n), law)
        stated = v * (xi[i] ** 2 + xi[j] ** 2) * (2 if i == j else 1)
        board.zero("Variance of an element, $x_i=\\xi_i^2$.", square - stated)
    process = symbolic.MatrixSDE.rectangular(size, size, diffusion=v / 2).eigenvalues
    to_xi = dict(zip(process.levels, (k**2 for k in xi), strict=True))
    coupling = process.coupling.subs(to_xi, simultaneous=True)
    board.zero("The library's Coulomb coupling is this variance.", coupling[0, 1] - v * (xi[0] ** 2 + xi[1] ** 2))
    x = sp.Symbol("x", positive=True)
    invariant = symbolic.MatrixSDE.symmetric(size, noise=sp.sqrt(2 * v * x)).eigenvalues
    equal = dict.fromkeys(process.levels, x)
    board.zero(
        "Equal levels: the invariant noise with $g^2=2vx$.",
        [process.coupling[0, 1].subs(equal) - invariant.coupling[0, 1],
         process.diffusion[0, 0].subs(equal) - invariant.diffusion[0, 0]],
    )  # fmt: skip


@chain.step(
    status="corrected",
    note="a symmetric matrix has one variance c_ij for the pair (i, j), so the Coulomb term is c_ij/(x_i - x_j) on "
    "both; it is g_i^2/(x_i - x_j) on one and g_j^2/(x_j - x_i) on the other only for equal g",
)
def eigenvalue_update(board: Board) -> None:
    """ALP24 (9): x_i' = x_i + K_i + sum_{j != i} g_i^2/(x_i - x_j) + sqrt(2) g_i eta_i, from second-order perturbation
    theory at N = 3 and 4, with a strength g_i for each level."""
    for size in (3, 4):
        levels, g = sp.symbols(f"x_1:{size + 1}", real=True), sp.symbols(f"g_1:{size + 1}", positive=True)
        c = sp.Matrix(size, size, lambda i, j: sp.Symbol(f"c_{min(i, j)}{max(i, j)}", positive=True))
        M = sp.Matrix(size, size, lambda i, j: sp.Symbol(f"m_{min(i, j)}{max(i, j)}", real=True))
        law = {(M[i, j], M[i, j]): 2 * g[i] ** 2 if i == j else c[i, j] for i in range(size) for j in range(i, size)}
        first, second = symbolic.shifts_from_determinant(levels, M, 0)
        average = symbolic.gaussian_average(sp.expand(second), list(dict.fromkeys(M)), law)
        board.line(f"$N={size}$, the averaged second order of the secular determinant:", average)
        exact = sum(c[0, j] / (levels[0] - levels[j]) for j in range(1, size))
        board.zero("It is $\\sum_jc_{ij}/(x_i-x_j)$.", average - exact)
        noise = symbolic.gaussian_average(first**2, list(dict.fromkeys(M)), law)
        board.zero("The first order is noise of variance $2g_i^2$.", noise - 2 * g[0] ** 2)
        V = [sp.Function(f"V_{i + 1}")(y) for i, y in enumerate(levels)]
        process = symbolic.CoulombGas(V, noises=g, variables=levels).process
        own = {c[0, j]: g[0] ** 2 for j in range(1, size)}
        board.zero("With $c_{ij}=g_i^2$ it is the library's process.", average.subs(own) - process.coulomb(0))
        board.zero("and its noise.", process.diffusion[0, 0] - noise)
        matrix = symbolic.MatrixSDE.symmetric(size, noise=g[0]).eigenvalues
        board.zero(
            "One common $g$: the process of a symmetric matrix.",
            [matrix.coulomb(i) - process.coulomb(i).subs(dict.fromkeys(g, g[0])) for i in range(size)],
        )


@chain.step(status="definition", identified=within(10, 11))
def rescaled(board: Board) -> None:
    """ALP24 (10): K_i = alpha K~_i and g_i = (alpha/sqrt B) g~_i, which is what (5) gives to drift and noise."""
    mean, variance = sp.symbols("E V", positive=True)
    noise = sp.Symbol("eta", real=True)
    step = alpha * mean + alpha / sp.sqrt(B) * sp.sqrt(variance) * noise
    g2 = symbolic.gaussian_covariance(step, step, [noise], {(noise, noise): 1}) / 2
    board.zero("$K/\\alpha$ and $g^2B/\\alpha^2$ are free of $\\alpha$ and $B$.", [
        sp.diff(step.subs(noise, 0) / alpha, alpha), sp.diff(g2 * B / alpha**2, alpha), sp.diff(g2 * B / alpha**2, B),
    ])  # fmt: skip


@chain.step(identified=within(10, 11))
def scaling(board: Board) -> None:
    """ALP24 (11): x_i' = x_i + alpha K~_i + (alpha^2/B) sum g~_i^2/(x_i - x_j) + sqrt(2) (alpha/sqrt B) g~_i eta_i: the
    drift is O(alpha), Coulomb term and noise variance are O(alpha^2/B); this is not the Ito scaling and has no SDE
    limit alpha -> 0."""
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


@chain.step(identified=LAW)
def stationary_law(board: Board) -> None:
    """ALP24 (12): the stationary law is the Coulomb gas, Z^-1 prod |x_i - x_j| exp(-sum V_i/g_i^2), for any g_i
    (N = 2, 3, 4)."""
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


@chain.step(identified=LAW)
def partition_function(board: Board) -> None:
    """ALP24 (13): Z is the integral of that weight over all levels; in closed form for equal quadratic potentials, here
    at N = 2 by integration, and the law has unit mass with it."""
    s = sp.Symbol("s", positive=True)
    centre, S = sp.Symbol("c", real=True), sp.Symbol("S", positive=True)
    gas = symbolic.CoulombGas.gaussian([0, 0], [s, s])
    place = dict(zip(gas.variables, (centre - S / 2, centre + S / 2), strict=True))
    weight = S * sp.exp(-gas.energy.subs(place, simultaneous=True))
    total = 2 * sp.integrate(sp.integrate(sp.expand(weight), (centre, -sp.oo, sp.oo)), (S, 0, sp.oo))
    board.line("Both orders of the levels:", sp.simplify(total), name="Z")
    board.zero("The library's normalisation.", total - gas.normalisation, by=sp.simplify)


@chain.step(status="definition", identified=LAW)
def potentials(board: Board) -> None:
    """ALP24 (14): V_i is the potential of the drift, K_i = -dV_i/dx_i; every drift of one eigenvalue has one."""
    y = sp.symbols("x_1:4", real=True)
    K = [sp.Function(f"K_{i}") for i in (1, 2, 3)]
    base = sp.Symbol("t", real=True)
    V = [-sp.Integral(k(base), (base, 0, level)) for k, level in zip(K, y, strict=True)]
    gas = symbolic.CoulombGas(V, variables=y)
    drifts = [gas.process.drift[i] - K[i](y[i]) for i in range(3)]
    board.zero("The drift of the library's gas.", [d.doit() for d in drifts])


@chain.step(status="definition", identified=SCALING)
def order_of_the_potential(board: Board) -> None:
    """ALP24 (15): V_i = alpha V~_i, of order alpha as the drift is, while g_i^2 is of order alpha^2/B."""
    V, y = sp.Function("V"), sp.Symbol("y", real=True)
    strength = sp.Symbol("g", positive=True)
    gas = symbolic.CoulombGas.identical(alpha * V(y), y, 2, noise=alpha / sp.sqrt(B) * strength)
    drift, noise = gas.process.drift[0], gas.process.diffusion[0, 0]
    board.zero("Drift over $\\alpha$ is free of it.", sp.diff(drift / alpha, alpha).doit())
    board.zero(
        "Noise over $\\alpha^2/B$ too.", [sp.diff(noise * B / alpha**2, alpha), sp.diff(noise * B / alpha**2, B)]
    )


@chain.step(identified=SCALING)
def linear_scaling_rule(board: Board) -> None:
    """ALP24 (16): V_i/g_i^2 = (B/alpha) V~_i/g~_i^2, exactly: one of the two factors alpha remains, and only the
    temperature T = alpha/B enters the law."""
    strength = sp.Symbol("g", positive=True)
    V = sp.Function("V")
    gas = symbolic.CoulombGas.identical(alpha * V(x), x, 2, noise=alpha / sp.sqrt(B) * strength)
    action = sum(V(y) / strength**2 for y in gas.variables) / T
    board.line("The action in the exponent:", gas.energy, name="\\sum_iV_i/g_i^2")
    board.zero("depends on $\\alpha/B$ alone.", (gas.energy - action).subs(alpha, T * B))


@chain.step(identified=WIDTH)
def harmonic(board: Board) -> None:
    """ALP24 (17): near a minimum V~ = Omega (x - x_s)^2/2 and g~ = g~(x_s): on the scale of the width the cubic part of
    V~/(T g~^2) is smaller by one power of sqrt(T), the quartic by T."""
    strength, v2, v3, v4 = sp.symbols("g Omega V_3 V_4", positive=True)
    y, root = sp.Symbol("y", real=True), sp.Symbol("t", positive=True)  # x - x_s in widths; sqrt(T)
    distance = root * strength / sp.sqrt(v2) * y
    potential = v2 * distance**2 / 2 + v3 * distance**3 / 6 + v4 * distance**4 / 24
    action = sp.expand(potential / (root**2 * strength**2))
    board.line("The action on the scale of the width:", action)
    board.zero("Order 0 is the Gaussian.", action.coeff(root, 0) - y**2 / 2)
    board.zero(
        "The cubic part is of order $\\sqrt T$.",
        action.coeff(root, 1) - v3 * strength * y**3 / (6 * v2 ** sp.Rational(3, 2)),
    )
    board.zero("The quartic part is of order $T$.", action.coeff(root, 2) - v4 * strength**2 * y**4 / (24 * v2**2))


@chain.step(identified=WIDTH)
def width(board: Board) -> None:
    """ALP24 (18): the width of that Gaussian is s^2 = T g~^2/Omega."""
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
    """derived here: the law is symmetric under exchange of equal species, so one sector x_1 < ... < x_N is
    sufficient."""
    gas = symbolic.CoulombGas.gaussian([0, 0, 0], [1, 1, 1])
    for order in permutations(gas.variables):
        swapped = gas.weight.subs(dict(zip(gas.variables, order, strict=True)), simultaneous=True)
        board.zero("Exchange.", swapped - gas.weight)
