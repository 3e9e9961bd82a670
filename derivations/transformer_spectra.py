r"""Results of random-matrix theory used by AHLP24 for transformers: scaling, edges at initialisation, spacing
ratios.

Source: AHLP24 (arXiv:2411.13512).
"""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=45, title="Weight matrices of transformers")

NUMBERS = (
    "by its abstract, the only part of the paper that was available: no equation number is known"
)  # fmt: skip
alpha, B = sp.symbols("alpha B", positive=True)


@chain.step(identified=NUMBERS)
def linear_scaling(board: Board) -> None:
    """AHLP24: the stochasticity of the eigenvalues of W^T W depends on the ratio of learning rate and batch size:
    halving both leaves the Coulomb gas unchanged."""
    x, factor = sp.Symbol("x", real=True), sp.Symbol("c", positive=True)
    V, strength = sp.Function("V"), sp.Symbol("g", positive=True)

    def gas(rate: sp.Expr, batch: sp.Expr) -> symbolic.CoulombGas:
        return symbolic.CoulombGas.identical(rate * V(x), x, 3, noise=rate / sp.sqrt(batch) * strength)

    board.zero("One law.", sp.simplify(gas(alpha, B).log_weight - gas(factor * alpha, factor * B).log_weight))


@chain.step(identified=NUMBERS)
def edges_at_initialisation(board: Board) -> None:
    """AHLP24: a matrix K of independent elements has K^T K between sigma^2 (sqrt M -+ sqrt N)^2 at initialisation;
    for one head of 384 x 64 with standard deviation 0.02 that is [0.05379, 0.30461]."""
    M, N, v = sp.symbols("M N v", positive=True)
    low, high = symbolic.marchenko_pastur_edges(N / M, M * v)
    stated = [v * (sp.sqrt(M) - sp.sqrt(N)) ** 2, v * (sp.sqrt(M) + sp.sqrt(N)) ** 2]
    board.zero("The library's edges.", [sp.expand(e - w) for e, w in zip((low, high), stated, strict=True)])
    head = {M: 384, N: 64, v: sp.Rational(1, 2500)}
    for edge, number in ((low, "0.05379"), (high, "0.30461")):
        board.true("To the digits of the row.", bool(abs(edge.subs(head).evalf(20) - sp.Float(number)) < 5e-6))


@chain.step(identified=NUMBERS)
def unfolded_spacing(board: Board) -> None:
    """AHLP24: unfolded spacings follow the surmise (76) whatever the density: a smooth change of variable multiplies
    the spacing of a close pair by the local density, and (76) has unit mean."""
    s = sp.Symbol("s", positive=True)
    unit = symbolic.wigner_surmise(1).unit_mean(s)
    board.zero("Unit mass and mean.", [sp.integrate(s**n * unit, (s, 0, sp.oo)) - 1 for n in (0, 1)])
    x, step = sp.Symbol("x", real=True), sp.Symbol("h", positive=True)
    F = sp.Function("F")(x)
    change = F.subs(x, x + step).series(step, 0, 2).removeO().doit() - F
    board.zero("$F(x+S)-F(x)=F'(x)S$ at first order.", sp.simplify(sp.diff(change, step) - sp.diff(F, x)).doit())


@chain.step
def spacing_ratio(board: Board) -> None:
    """derived here: the mean ratio of neighbouring spacings is 4 - 2 sqrt 3 = 0.5359 for three levels of a GOE; it
    needs no unfolding, because scale and centre drop out."""
    gas = symbolic.CoulombGas.gaussian([0, 0, 0], [1, 1, 1])
    x, (u, r, c) = gas.variables, sp.symbols("u r c", positive=True)
    place = dict(zip(x, (c - u, c, c + r * u), strict=True))  # spacings u and r u
    log_weight = sp.expand(gas.energy.subs(place, simultaneous=True))
    board.line("The energy at the spacings $u$ and $ru$:", log_weight)
    centred = log_weight - sp.Rational(3, 2) * (c + u * (r - 1) / 3) ** 2
    shape = sp.cancel(sp.expand(centred) / u**2)
    board.zero("The centre of mass drops out.", sp.diff(sp.expand(centred), c))
    board.zero("What is left.", sp.expand(shape - (r**2 + r + 1) / 3))
    board.line(
        "The repulsion $u\\cdot ru\\cdot u(1+r)$, the Jacobian $u$, and $\\int u^4e^{-u^2q}du\\propto q^{-5/2}$:"
    )
    law = r * (1 + r) / (1 + r + r**2) ** sp.Rational(5, 2)
    board.zero("$r\\to1/r$ is a symmetry.", law.subs(r, 1 / r) / r**2 / law - 1, by=sp.simplify)
    q = sp.sqrt(1 + r + r**2)
    mass, first = (_primitive(board, law * r**n, r, q) for n in (0, 1))
    mean = (first.subs(r, 1) - first.subs(r, 0)) / (mass.subs(r, 1) - mass.subs(r, 0))
    board.zero("$4-2\\sqrt3$.", sp.nsimplify(sp.simplify(mean)) - 4 + 2 * sp.sqrt(3), by=sp.radsimp)


def _primitive(board: Board, function: sp.Expr, r: sp.Symbol, q: sp.Expr) -> sp.Expr:
    """A cubic over q^3 whose slope is the function, its coefficients solved for."""
    a = sp.symbols("a_0:4")
    candidate = sum(c * r**k for k, c in enumerate(a)) / q**3
    equation = sp.Poly(sp.expand(sp.simplify((sp.diff(candidate, r) - function) * q**5)), r)
    found = sp.solve(equation.all_coeffs(), a, dict=True)[0]
    primitive = candidate.subs(found).subs(dict.fromkeys(a, 0))
    board.zero("A primitive.", sp.diff(primitive, r) - function, by=sp.simplify)
    return primitive
