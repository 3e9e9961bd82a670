r"""What a finite learning rate does to the stationary width."""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=80, title="Discretisation: a finite learning rate")

alpha, B, T, Omega, g, x, eta = sp.symbols("alpha B T Omega g x eta", positive=True)


@chain.step(identified="as one of (93)-(95), which treat one mode at a finite learning rate")
def one_mode(board: Board) -> None:
    """ALP24 (93)-(95): one mode, x' = x - alpha Omega x + (alpha/sqrt B) g~ sqrt(2) eta, has stationary variance
    T g~^2/[Omega (1 - alpha Omega/2)], for alpha Omega < 2."""
    update = board.line("The update:", x - alpha * Omega * x + alpha / sp.sqrt(B) * g * sp.sqrt(2) * eta, name="x'")
    v = sp.Symbol("v", positive=True)
    second = symbolic.gaussian_average(sp.expand(update**2), [x, eta], {(x, x): v, (eta, eta): 1})
    board.line("$\\langle x'^2\\rangle=v$ is solved by")
    variance = board.line("", sp.factor(sp.solve(second - v, v)[0]), name="v")
    board.zero("The library's width.", variance - symbolic.discrete_width2(alpha, Omega, g, alpha / B))
    board.zero(
        "It diverges at $\\alpha\\Omega=2$ and tends to (18) for $\\alpha\\to0$.",
        [sp.limit(1 / variance, alpha, 2 / Omega), sp.limit(variance * B / alpha, alpha, 0) - g**2 / Omega],
    )


@chain.step
def relaxation_time(board: Board) -> None:
    """derived here: the correlation of updates n apart is (1 - alpha Omega)^n."""
    v = sp.Symbol("v", positive=True)
    update = (1 - alpha * Omega) * x + alpha / sp.sqrt(B) * g * sp.sqrt(2) * eta
    correlation = symbolic.gaussian_average(sp.expand(x * update), [x, eta], {(x, x): v, (eta, eta): 1}) / v
    board.zero("One update.", correlation - (1 - alpha * Omega))
    board.zero(
        "Its rate per update tends to $\\alpha\\Omega$.", sp.limit(-sp.log(1 - alpha * Omega) / alpha, alpha, 0) - Omega
    )
