r"""Rectangular weights: the Wishart process of Bru, its Laguerre law, and Marchenko-Pastur at large N."""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=120, title="Rectangular Dyson motion")

M, D, Gamma = sp.symbols("M D Gamma", positive=True)
z, G = symbolic.spectral_argument, symbolic.resolvent


@chain.step
def wishart_process(board: Board) -> None:
    """derived here: for X = W^T W and noise 2D dt on every element of W, dx_i = [drift] dt + 2D (M + sum_{j != i}
    (x_i + x_j)/ (x_i - x_j)) dt + 2 sqrt(2 D x_i) dB_i (Bru).
    """
    rows, columns = 3, 2
    xi = sp.symbols("xi_1 xi_2", positive=True)
    w = sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"w_{i}{j}", real=True))
    base = sp.zeros(rows, columns)
    for i in range(columns):
        base[i, i] = xi[i]
    board.line(
        "In the singular basis $W={\\rm diag}(\\xi)$, $\\delta X=W^Tw+w^TW$ at first order and $w^Tw$ at second."
    )
    linear, quadratic = base.T * w + w.T * base, w.T * w
    law = {(entry, entry): 2 * D for entry in w}
    levels = [k**2 for k in xi]
    change = sp.Matrix(columns, columns, lambda i, j: sp.Symbol(f"m_{min(i, j)}{max(i, j)}", real=True))
    first, second = symbolic.shifts_from_determinant(sp.symbols("y_1:3"), change, 0)
    place = {**dict(zip(change, linear, strict=True)), **dict(zip(sp.symbols("y_1:3"), levels, strict=True))}
    first, second = first.subs(place, simultaneous=True), second.subs(place, simultaneous=True)
    coulomb = symbolic.gaussian_average(sp.expand(second), list(w), law)
    ito = symbolic.gaussian_average(quadratic[0, 0], list(w), law)
    noise = symbolic.gaussian_average(sp.expand(first**2), list(w), law)
    x1, x2 = levels
    board.zero("Ito term $2DM$.", ito - 2 * D * rows)
    board.zero("Coulomb term.", sp.cancel(sp.together(coulomb - 2 * D * (x1 + x2) / (x1 - x2))))
    board.zero("Noise variance $8Dx_i$.", noise - 8 * D * x1)
    process = symbolic.MatrixSDE.rectangular(rows, columns).eigenvalues
    to_xi = dict(zip(process.levels, levels, strict=True))
    free = {sp.Symbol("D", positive=True): D}
    board.zero("The library's process.", [
        process.ito[0].subs(free) - ito,
        sp.cancel(sp.together(process.coulomb(0).subs(to_xi).subs(free) - coulomb)),
        process.diffusion[0, 0].subs(to_xi).subs(free) - noise,
        process.diffusion[0, 1],
    ])  # fmt: skip
    general = symbolic.MatrixSDE.rectangular(M, columns, diffusion=D).eigenvalues
    board.zero("Any number of rows.", general.ito[0] - 2 * D * M)


@chain.step
def laguerre_law(board: Board) -> None:
    """derived here: with weight decay, dW = -Gamma W dt + noise, the law is prod x_i^{(M-N-1)/2} e^{-Gamma x_i/(2D)}
    prod |x_i - x_j|, the Laguerre ensemble (arXiv:2507.12709)."""
    for size in (1, 2, 3):
        process = symbolic.MatrixSDE.rectangular(M, size, diffusion=D, decay=Gamma).eigenvalues
        x = process.levels
        log_law = sum((M - size - 1) / 2 * sp.log(y) - Gamma * y / (2 * D) for y in x)
        log_law += sum(sp.log(x[j] - x[i]) for i in range(size) for j in range(i + 1, size))
        currents = []
        for y in x:
            a = -2 * Gamma * y + 2 * D * (M + sum((y + u) / (y - u) for u in x if u != y))
            currents.append(sp.cancel(sp.together(a - 4 * D - 4 * D * y * sp.diff(log_law, y))))
        board.zero(f"$N={size}$: no current.", currents)
        board.true("The library finds the same.", process.carries_no_current(log_law))


@chain.step
def complex_weights(board: Board) -> None:
    """derived here: for complex weights (beta = 2, and likewise beta = 4) the law is prod x_i^{beta (M-N+1)/2 - 1}
    e^{-Gamma x_i/(2D)} prod |x_i - x_j|^beta.
    """
    for beta in (2, 4):
        process = symbolic.MatrixSDE.rectangular(M, 2, beta=beta, diffusion=D, decay=Gamma).eigenvalues
        x1, x2 = process.levels
        log_law = sum((beta * (M - 1) / 2 - 1) * sp.log(y) - Gamma * y / (2 * D) for y in (x1, x2)) + beta * sp.log(
            x2 - x1
        )
        board.zero(f"$\\beta={beta}$.", [sp.cancel(sp.together(process.current(log_law, i))) for i in range(2)])


@chain.step
def normalisation(board: Board) -> None:
    """derived here: Selberg's integral normalises the Laguerre law; for one level it is the gamma law."""
    x, a, theta = sp.symbols("x a theta", positive=True)
    one = sp.integrate(x**a * sp.exp(-x / theta), (x, 0, sp.oo))
    board.zero("$N=1$.", sp.gammasimp(one / symbolic.laguerre_normalisation(1, exponent=a, scale=theta)) - 1)
    y = sp.Symbol("y", positive=True)
    for power in (0, 1, 2):
        inner = sp.integrate(sp.expand((x - y) * x**power * sp.exp(-x)), (x, y, sp.oo))
        two = 2 * sp.integrate(sp.expand(inner * y**power * sp.exp(-y)), (y, 0, sp.oo))
        stated = symbolic.laguerre_normalisation(2, exponent=power, beta=1)
        board.zero(f"$N=2$, $a={power}$.", sp.gammasimp(two - stated))


@chain.step
def large_size(board: Board) -> None:
    """derived here: at large N the stationary density is Marchenko-Pastur, with element variance D/Gamma."""
    N = sp.Symbol("N", positive=True)
    board.line(
        "At leading order $\\langle\\sum_i\\partial_i(x_iP/(z-x_i))\\rangle=0$ gives, "
        "for $G=\\frac1N\\sum_i\\frac1{z-x_i}$, the loop equation"
    )
    board.line("$\\frac{\\Gamma}{2D}(zG-1)=\\frac N2zG^2+\\frac{M-N}2G$.")
    x, size = sp.symbols("x_1:3", positive=True), 2
    log_law = sum((M - size - 1) / 2 * sp.log(y) - Gamma * y / (2 * D) for y in x) + sp.log(x[0] - x[1])
    exact = sum(sp.diff(y / (z - y), y) + y / (z - y) * sp.diff(log_law, y) for y in x)
    g = sum(1 / (z - y) for y in x)
    power = (M - size - 1) / 2
    squares = sum(1 / (z - y) ** 2 for y in x)
    loop = power * g + z * squares - Gamma / (2 * D) * (z * g - size) + z * (g**2 - squares) / 2
    board.zero("The total derivative, exactly ($N=2$).", sp.cancel(sp.together(exact - loop)))
    law = symbolic.FreeLaw.marchenko_pastur(N / M, mean=M * D / Gamma)
    leading = Gamma / (2 * D) * (z * G - 1) - N / 2 * z * G**2 - (M - N) / 2 * G
    factor = sp.cancel(leading / law.equation())
    board.zero(
        "Its leading order is the library's Marchenko-Pastur equation, up to a factor without $G$ and $z$.",
        [factor.diff(G), factor.diff(z)],
    )
