r"""Mehta's and Selberg's normalisations of the Coulomb gases, by direct integration and by recursion."""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=140, title="Normalisations")

s, beta = sp.symbols("s beta", positive=True)


@chain.step
def two_levels(board: Board) -> None:
    """derived here: Mehta's integral for N = 1 and 2, any beta and width, by direct integration."""
    S = sp.Symbol("S", positive=True)
    one = sp.sqrt(2 * sp.pi) * s
    board.zero("$N=1$.", sp.expand(symbolic.mehta_normalisation(1, beta=beta, width=s) - one))
    gas = symbolic.CoulombGas.gaussian([0, 0], [s, s], beta=beta)
    weight = 2 * sp.sqrt(sp.pi) * s * S**beta * sp.exp(-(S**2) / (4 * s**2))
    board.line("Spacing and centre of mass; the centre gives $\\sqrt\\pi s$, both orders a factor 2:", weight)
    total = sp.integrate(weight, (S, 0, sp.oo))
    ratio = sp.gammasimp(total / symbolic.mehta_normalisation(2, beta=beta, width=s))
    board.zero("$N=2$.", sp.powsimp(sp.expand_func(ratio), force=True) - 1, by=sp.simplify)
    board.zero("The gas takes the same.", gas.normalisation - symbolic.mehta_normalisation(2, beta=beta, width=s))


@chain.step
def three_levels(board: Board) -> None:
    """derived here: Mehta's integral for N = 3 at beta = 1, 2, 4 and N = 4 at beta = 2, by Gaussian moments and, for
    the odd power, by integration over the gaps.
    """
    for size, power in ((3, 2), (3, 4), (4, 2)):
        x = sp.symbols(f"x_1:{size + 1}", real=True)
        vandermonde = sp.expand(sp.Mul(*((x[i] - x[j]) for i in range(size) for j in range(i + 1, size))) ** power)
        terms = sp.Poly(vandermonde, *x).terms()
        total = sum(c * sp.Mul(*(sp.factorial2(p - 1) if p % 2 == 0 else 0 for p in powers)) for powers, c in terms)
        board.zero(
            f"$N={size}$, $\\beta={power}$: a polynomial average.",
            sp.gammasimp(total * (2 * sp.pi) ** sp.Rational(size, 2) / symbolic.mehta_normalisation(size, beta=power))
            - 1,
        )
    u, w = sp.symbols("u w", positive=True)
    board.line("$N=3$, $\\beta=1$: gaps $u,w$ and the centre; $\\sum(x-\\bar x)^2=\\frac23(u^2+uw+w^2)$.")
    radius, angle = sp.symbols("rho phi", positive=True)
    shape = (u * w * (u + w)).subs({u: radius * sp.cos(angle), w: radius * sp.sin(angle)}, simultaneous=True)
    quadratic = (1 + sp.sin(angle) * sp.cos(angle)) / 3
    radial = sp.integrate(radius**4 * sp.exp(-(radius**2)), (radius, 0, sp.oo))
    tangent = sp.Symbol("t", positive=True)
    angular = sp.cancel(shape / radius**3 / sp.cos(angle) ** 3).subs(sp.sin(angle), tangent * sp.cos(angle))
    board.zero("On the unit circle with $t=\\tan\\phi$.", angular - tangent * (1 + tangent), by=sp.simplify)
    integrand = tangent * (1 + tangent) / ((1 + tangent + tangent**2) / 3) ** sp.Rational(5, 2)
    board.zero(
        "The form.",
        quadratic.subs(angle, sp.atan(tangent)) - (1 + tangent + tangent**2) / (3 * (1 + tangent**2)),
        by=sp.simplify,
    )
    primitive = _primitive(tangent)
    board.zero("A primitive of the angular integrand.", sp.diff(primitive, tangent) - integrand, by=sp.simplify)
    value = sp.limit(primitive, tangent, sp.oo) - primitive.subs(tangent, 0)
    total = 6 * radial * value * sp.sqrt(2 * sp.pi / 3)
    board.zero("Six orders, one centre of mass.", total - symbolic.mehta_normalisation(3, beta=1), by=sp.simplify)


def _primitive(t: sp.Symbol) -> sp.Expr:
    """A function with derivative t (1 + t)/((1 + t + t^2)/3)^(5/2): a cubic over the 3/2 power, whose coefficients are
    solved for.
    """
    a = sp.symbols("a_0:4")
    q = 1 + t + t**2
    cubic = sum(c * t**k for k, c in enumerate(a))
    # d/dt [cubic q^(-3/2)] = (cubic' q - 3/2 cubic q') q^(-5/2)
    equation = sp.expand(
        sp.diff(cubic, t) * q
        - sp.Rational(3, 2) * cubic * sp.diff(q, t)
        - sp.Integer(3) ** sp.Rational(5, 2) * t * (1 + t)
    )
    solution = sp.solve(sp.Poly(equation, t).all_coeffs(), a, dict=True)[0]
    return cubic.subs(solution).subs(dict.fromkeys(a, 0)) * q ** sp.Rational(-3, 2)


@chain.step
def width_dependence(board: Board) -> None:
    """derived here: the width enters by scaling, s^{N + beta N(N-1)/2}; so the temperature enters log Z."""
    N = sp.Symbol("N", integer=True, positive=True)
    general = symbolic.log_mehta_normalisation(N, beta=beta, width=s)
    board.zero("Gaussian.", sp.expand(s * sp.diff(general, s) - N - beta * N * (N - 1) / 2))
    a, theta = sp.symbols("a theta", positive=True)
    laguerre = symbolic.log_laguerre_normalisation(N, exponent=a, beta=beta, scale=theta)
    board.zero("Laguerre.", sp.expand(theta * sp.diff(laguerre, theta) - N * (a + 1) - beta * N * (N - 1) / 2))
    board.zero(
        "The symbolic sum agrees with the integer case.",
        sp.expand_log(general.subs(N, 3).doit() - symbolic.log_mehta_normalisation(3, beta=beta, width=s), force=True),
        by=sp.simplify,
    )


@chain.step
def selberg_recursion(board: Board) -> None:
    """derived here: the recursion of Selberg's constants in N, Z_N/Z_{N-1} = sqrt(2 pi) s^{1 + beta (N-1)} Gamma(1 +
    N beta/2)/ Gamma(1 + beta/2).
    """
    for size in (2, 3, 4):
        ratio = symbolic.mehta_normalisation(size, beta=beta, width=s) / symbolic.mehta_normalisation(
            size - 1, beta=beta, width=s
        )
        stated = (
            sp.sqrt(2 * sp.pi) * s ** (1 + beta * (size - 1)) * sp.gamma(1 + size * beta / 2) / sp.gamma(1 + beta / 2)
        )
        board.zero(f"$N={size}$.", sp.powsimp(sp.gammasimp(ratio / stated), force=True) - 1, by=sp.simplify)
