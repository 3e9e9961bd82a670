r"""The effect of a finite learning rate on the stationary width.

Source: ALP24 (arXiv:2407.16427).
"""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain, within

chain = Chain(order=80, title="Discretisation: a finite learning rate")

alpha, B, T, Omega, g, x, eta = sp.symbols("alpha B T Omega g x eta", positive=True)


RANGE = within(93, 95)


def _update() -> sp.Expr:
    return x - alpha * Omega * x + alpha / sp.sqrt(B) * g * sp.sqrt(2) * eta


@chain.step(status="definition", identified=RANGE)
def one_mode(board: Board) -> None:
    """ALP24 (93): one mode near its minimum, x' = x - alpha Omega x + (alpha/sqrt B) g~ sqrt(2) eta: (9) without
    repulsion, in the potential of (17)."""
    level, potential = sp.Symbol("x_1", real=True), sp.Symbol("x", real=True)
    gas = symbolic.CoulombGas.identical(
        alpha * Omega * potential**2 / 2, potential, 1, noise=alpha / sp.sqrt(B) * g
    )  # fmt: skip
    drift = gas.process.total_drift(0).subs(gas.variables[0], level)
    board.zero("The drift.", drift + alpha * Omega * level)
    board.zero("The noise.", gas.process.diffusion[0, 0] - sp.diff(_update(), eta) ** 2)


@chain.step(identified=RANGE)
def variance_after_updates(board: Board) -> None:
    """ALP24 (94): <x_n^2> = q^{2n} <x_0^2> + (2 alpha^2 g~^2/B)(1 - q^{2n})/(1 - q^2) after n updates, q = 1 - alpha
    Omega."""
    v, v0, n = sp.Symbol("v", positive=True), sp.Symbol("v_0", positive=True), sp.Symbol("n", integer=True)
    second = symbolic.gaussian_average(sp.expand(_update() ** 2), [x, eta], {(x, x): v, (eta, eta): 1})
    board.line("One update:", sp.factor(second), name="\\langle x'^2\\rangle")
    q = sp.Symbol("q", positive=True)
    kick = 2 * alpha**2 * g**2 / B
    board.zero("It is $q^2v+2\\alpha^2\\tilde g^2/B$.", sp.expand(second - (1 - alpha * Omega) ** 2 * v - kick))
    after = q ** (2 * n) * v0 + kick * (1 - q ** (2 * n)) / (1 - q**2)
    board.zero("The formula holds at the start.", after.subs(n, 0) - v0)
    step = q**2 * after + kick - after.subs(n, n + 1)
    board.zero("It obeys the recursion.", sp.expand(sp.powsimp(sp.expand(step * (1 - q**2)))))


@chain.step(identified=RANGE)
def stationary_variance(board: Board) -> None:
    """ALP24 (95): the stationary variance is T g~^2/[Omega (1 - alpha Omega/2)], for alpha Omega < 2."""
    v = sp.Symbol("v", positive=True)
    second = symbolic.gaussian_average(sp.expand(_update() ** 2), [x, eta], {(x, x): v, (eta, eta): 1})
    variance = board.line("$\\langle x'^2\\rangle=v$:", sp.factor(sp.solve(second - v, v)[0]), name="v")
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
