r"""Wigner's surmise, the density of a pair, and the laws next to them: Rice, Brody, Poisson.

Source: ALP24 (arXiv:2407.16427).
"""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain, within

chain = Chain(order=30, title="Wigner surmise and pair density")

x, x1, x2, centre, kappa = sp.symbols("x x_1 x_2 c kappa", real=True)
S, s, beta = sp.symbols("S s beta", positive=True)
AS_RANGE = within(70, 72)


def joint(one: sp.Expr, two: sp.Expr, difference: sp.Expr, power: sp.Expr = sp.S.One) -> sp.Expr:
    """Unnormalised law of two equal levels; the difference is passed with its sign."""
    return difference**power * sp.exp(-((one - kappa) ** 2 + (two - kappa) ** 2) / (2 * s**2))


def in_library(law: symbolic.SymbolicLaw, expression: sp.Expr, *parameters: sp.Expr) -> sp.Expr:
    """An expression of the library's law in the symbols used here."""
    variable = S if law.variable.is_positive else x
    return expression.subs(dict(zip(law.args, (variable, *parameters), strict=True)), simultaneous=True)


@chain.step(status="definition", identified=AS_RANGE)
def quadratic_wells(board: Board) -> None:
    """ALP24 (70): two eigenvalues in equal quadratic potentials, V_i/g_i^2 = (x_i - kappa)^2/(2 s^2), s^2 =
    g^2/Omega."""
    gas = symbolic.CoulombGas.gaussian([kappa, kappa], [s, s])
    wells = [(level - kappa) ** 2 / (2 * s**2) for level in gas.variables]
    board.zero("The library's potentials.", [v - w for v, w in zip(gas.potentials, wells, strict=True)])
    g, rate = sp.symbols("g Omega", positive=True)
    board.zero("Its curvature.", sp.diff(wells[0], gas.variables[0], 2).subs(s, g / sp.sqrt(rate)) - rate / g**2)


@chain.step(identified=AS_RANGE)
def two_levels(board: Board) -> None:
    """ALP24 (71): their law is P = |x1 - x2| exp(-[(x1-kappa)^2 + (x2-kappa)^2]/2s^2)/N_0."""
    gas = symbolic.CoulombGas.gaussian([kappa, kappa], [s, s])
    board.line("The joint law in the sector $x_1>x_2$:", joint(x1, x2, x1 - x2), name="P(x_1,x_2)")
    levels = gas.variables
    ours = joint(*levels, levels[1] - levels[0])
    board.zero("It is the Coulomb gas (67).", gas.log_weight - sp.expand_log(sp.log(ours)))
    board.zero("The weight of the library on all of space.", gas.weight - sp.Abs(levels[0] - levels[1]) * (
        ours / (levels[1] - levels[0])), by=sp.simplify)  # fmt: skip


@chain.step(identified=AS_RANGE)
def normalisation(board: Board) -> None:
    "ALP24 (72): the normalisation is N_0 = 4 sqrt(pi) s^3."
    board.line("With $x_{1,2}=c\\pm S/2$ (unit Jacobian) and both orders of the levels:")
    weight = 2 * joint(centre + S / 2, centre - S / 2, S)
    over_centre = board.line("Integrate $c$:", sp.integrate(weight, (centre, -sp.oo, sp.oo)))
    total = board.line("Integrate $S>0$:", sp.simplify(sp.integrate(over_centre, (S, 0, sp.oo))), name="N_0")
    board.zero("The value of the paper.", total - 4 * sp.sqrt(sp.pi) * s**3)
    board.zero("Mehta's integral in the library.", total - symbolic.mehta_normalisation(2, beta=1, width=s))


@chain.step(status="definition", identified=within(73, 74))
def spacing_definition(board: Board) -> None:
    """ALP24 (73): P(S) is the integral of the joint law times delta(S - |x_1 - x_2|): the centre of mass integrated,
    both orders added."""
    other, offset = sp.symbols("x_2 u", real=True)
    test = sp.Function("f")
    inner = sp.integrate(test(offset) * sp.DiracDelta(S - offset), (offset, 0, sp.oo))
    board.zero("For one order the delta function picks $x_1-x_2=S$.", inner - test(S))
    board.zero("The other order is its image.", joint(x1, other, x1 - other) - joint(other, x1, x1 - other))


@chain.step(identified=within(73, 74))
def spacing_law(board: Board) -> None:
    "ALP24 (74): P(S) = S/(2 s^2) exp(-S^2/(4 s^2)), Wigner's surmise."
    weight = 2 * joint(centre + S / 2, centre - S / 2, S)
    over_centre = sp.integrate(weight, (centre, -sp.oo, sp.oo)) / (4 * sp.sqrt(sp.pi) * s**3)
    board.line("Divided by $N_0$:", sp.simplify(over_centre), name="P(S)")
    law = symbolic.wigner_surmise(1)
    board.zero("The library states the same.", over_centre - in_library(law, law.density, s), by=sp.simplify)
    slope = sp.diff(in_library(law, law.cdf, s), S)
    board.zero("The library's distribution function has this derivative.", slope - over_centre, by=sp.simplify)
    board.zero("The library's stable log density is its logarithm.", log_residual(law, (s,)))


@chain.step
def mean_spacing(board: Board) -> None:
    "ALP24 (75): <S> = sqrt(pi) s, and <S^2>/<S>^2 = 4/pi."
    law = S / (2 * s**2) * sp.exp(-(S**2) / (4 * s**2))
    first = board.line("First moment:", sp.integrate(S * law, (S, 0, sp.oo)), name="\\langle S\\rangle")
    second = board.line("Second moment:", sp.integrate(S**2 * law, (S, 0, sp.oo)), name="\\langle S^2\\rangle")
    stated = symbolic.wigner_surmise(1)
    board.zero("The paper's mean.", first - sp.sqrt(sp.pi) * s)
    board.zero("The ratio is $4/\\pi$.", second / first**2 - 4 / sp.pi)
    board.zero(
        "The library's moments.",
        [first - in_library(stated, stated.mean, s), second - in_library(stated, stated.second_moment, s)],
    )


@chain.step
def unit_spacing(board: Board) -> None:
    "ALP24 (76): for the spacing in units of its mean, P(s) = (pi/2) s exp(-pi s^2/4)."
    unit = sp.Symbol("s_0", positive=True)
    law = S / (2 * s**2) * sp.exp(-(S**2) / (4 * s**2))
    rescaled = sp.sqrt(sp.pi) * s * law.subs(S, sp.sqrt(sp.pi) * s * unit)
    board.line("$P(s_0)=\\langle S\\rangle P(S=s_0\\langle S\\rangle)$:", sp.simplify(rescaled))
    surmise = sp.pi / 2 * unit * sp.exp(-sp.pi * unit**2 / 4)
    board.zero("The surmise, free of $s$.", rescaled - surmise, by=sp.simplify)
    board.zero("The library rescales to it.", symbolic.wigner_surmise(1).unit_mean(unit) - surmise, by=sp.simplify)


@chain.step
def general_beta(board: Board) -> None:
    "derived here: for Dyson index beta, P(S) ~ S^beta exp(-S^2/(4 s^2)); beta = 2, 4 give the known surmises."
    weight = 2 * joint(centre + S / 2, centre - S / 2, S, beta)
    over_centre = sp.integrate(weight, (centre, -sp.oo, sp.oo))
    total = symbolic.mehta_normalisation(2, beta=beta, width=s)
    law = symbolic.wigner_surmise(beta)
    derived = board.line("Divided by Mehta's normalisation:", over_centre / total, name="P(S)")
    ratio = derived / in_library(law, law.density, s, beta)
    board.zero(
        "The ratio to the library's law is 1 for every $\\beta$.",
        sp.gammasimp(sp.powsimp(sp.expand(ratio), force=True)) - 1,
    )
    unit = sp.Symbol("s_0", positive=True)
    known = {
        2: 32 / sp.pi**2 * unit**2 * sp.exp(-4 * unit**2 / sp.pi),
        4: sp.Integer(2) ** 18 / (3**6 * sp.pi**3) * unit**4 * sp.exp(-64 * unit**2 / (9 * sp.pi)),
    }
    for index, surmise in known.items():
        stated = symbolic.wigner_surmise(index)
        board.zero(f"$\\beta={index}$ in units of the mean.", stated.unit_mean(unit) / surmise - 1, by=sp.simplify)
        slope = sp.diff(in_library(stated, stated.cdf, s).doit(), S)
        ratio = sp.expand_func(slope / in_library(stated, stated.density, s))
        board.zero("Its distribution function has the density as slope.", ratio - 1, by=sp.simplify)


@chain.step(status="definition")
def level_density(board: Board) -> None:
    """ALP24 (77): for two levels both terms of rho(x) = <(1/N) sum_i delta(x - x_i)> are the joint law integrated
    over one."""
    other = sp.Integral(joint(x, x2, sp.Abs(x - x2)), (x2, -sp.oo, sp.oo)) / (4 * sp.sqrt(sp.pi) * s**3)
    board.line("Both terms are the same integral:", other, name="\\rho(x)")
    gas = symbolic.CoulombGas.gaussian([kappa, kappa], [s, s])
    swapped = gas.weight.subs(dict(zip(gas.variables, gas.variables[::-1], strict=True)), simultaneous=True)
    board.zero("The law is symmetric.", swapped - gas.weight)


@chain.step
def pair_density(board: Board) -> None:
    "ALP24 (78): rho = e^{-y^2/2}/(2 sqrt(pi) s) [e^{-y^2/2} + sqrt(pi/2) y erf(y/sqrt 2)], y = (x - kappa)/s."
    t, y = sp.Symbol("t", positive=True), sp.Symbol("y", real=True)
    board.line("With $x_2=\\kappa+s(y\\pm t)$, $t>0$, the modulus is $st$ on either side.")
    inner = sum(sp.integrate(t * sp.exp(-((y + sign * t) ** 2) / 2), (t, 0, sp.oo)) for sign in (1, -1))
    derived = sp.exp(-(y**2) / 2) * inner * s**2 / (4 * sp.sqrt(sp.pi) * s**3)
    board.line("Integrated:", sp.simplify(derived), name="\\rho")
    law = symbolic.pair_density()
    stated = in_library(law, law.density, kappa, s).subs(x, kappa + s * y)
    board.zero("The library states the same.", sp.expand(derived - stated).rewrite(sp.erf), by=sp.simplify)
    slope = sp.diff(in_library(law, law.cdf, kappa, s).rewrite(sp.erf), x)
    board.zero(
        "The library's distribution function has this derivative.",
        sp.expand((slope - in_library(law, law.density, kappa, s)).subs(x, kappa + s * y)),
        by=sp.simplify,
    )


@chain.step
def binder_cumulant(board: Board) -> None:
    "ALP24 (28): the variance is 3 s^2/2, <y^4> = 23/4 and the Binder cumulant is U4 = 1 - <y^4>/(3 <y^2>^2) = 4/27."
    gas = symbolic.CoulombGas.gaussian([0, 0], [1, 1])
    y = gas.variables[0]
    board.line("In units of $s$ about $\\kappa$, $y=c'\\pm S/2$ with independent $c'\\sim N(0,1/2)$ and Rayleigh $S$.")
    S2, S4 = (sp.integrate(S**n * S / 2 * sp.exp(-(S**2) / 4), (S, 0, sp.oo)) for n in (2, 4))
    c2, c4 = sp.Rational(1, 2), 3 * sp.Rational(1, 2) ** 2
    second = board.line("", c2 + S2 / 4, name="\\langle y^2\\rangle")
    fourth = board.line("", c4 + 6 * c2 * S2 / 4 + S4 / 16, name="\\langle y^4\\rangle")
    binder = board.line("", 1 - fourth / (3 * second**2), name="U_4")
    board.zero(
        "The values of the paper.",
        [second - sp.Rational(3, 2), fourth - sp.Rational(23, 4), binder - sp.Rational(4, 27)],
    )
    board.zero("The Coulomb gas of the library.", [gas.moment(y**2) - second, gas.moment(y**4) - fourth])
    law = symbolic.pair_density()
    board.zero("The variance in the library.", sp.expand(in_library(law, law.variance, kappa, s)) - second * s**2)


@chain.step
def rice_spacing(board: Board) -> None:
    """derived here: the 2x2 Ornstein-Uhlenbeck matrix with gap Delta has Rice spacings, P(S) = S/(2s^2)
    exp(-(S^2 + Delta^2)/(4s^2)) I_0(S Delta/(2s^2)).
    """
    gap, theta = sp.Symbol("Delta", nonnegative=True), sp.Symbol("theta", real=True)
    a, b = sp.symbols("a b", real=True)
    board.line(
        "Stationary $X=X_s+\\delta$ with $\\delta_{ii}\\sim N(0,s^2)$, "
        "$\\delta_{12}\\sim N(0,s^2/2)$, so $S^2=a^2+b^2$ with "
        "$a=\\Delta+\\delta_{11}-\\delta_{22}$ and $b=2\\delta_{12}$, both of variance "
        "$2s^2$."
    )
    plane = sp.exp(-((a - gap) ** 2 + b**2) / (4 * s**2)) / (4 * sp.pi * s**2)
    polar = sp.expand(sp.log(plane).expand(force=True).subs({a: S * sp.cos(theta), b: S * sp.sin(theta)}))
    radial = sp.log(S) - sp.log(4 * sp.pi * s**2) - (S**2 + gap**2) / (4 * s**2)
    angular = S * gap / (2 * s**2) * sp.cos(theta)
    board.zero(
        "In polar coordinates the law is a radial factor times $e^{z\\cos\\theta}$, $z=S\\Delta/2s^2$.",
        sp.expand_log(sp.log(S) + polar - radial - angular, force=True),
        by=sp.simplify,
    )
    _bessel_series(board, theta)
    derived = sp.exp(radial) * 2 * sp.pi * sp.besseli(0, S * gap / (2 * s**2))
    law = symbolic.rice_spacing()
    board.zero("The library states the same.", derived / in_library(law, law.density, gap, s) - 1, by=sp.simplify)
    board.zero(
        "Its second moment is $\\langle a^2\\rangle+\\langle b^2\\rangle$.",
        in_library(law, law.second_moment, gap, s) - (gap**2 + 4 * s**2),
    )
    surmise = symbolic.wigner_surmise(1)
    board.zero(
        "At $\\Delta=0$ it is the surmise.",
        derived.subs(gap, 0) - in_library(surmise, surmise.density, s),
        by=sp.simplify,
    )


def _bessel_series(board: Board, theta: sp.Symbol) -> None:
    """The angular integral of e^{z cos θ} is 2π I_0(z), by its power series."""
    k, z = sp.Symbol("k", integer=True, positive=True), sp.Symbol("z", positive=True)
    board.zero(
        "$\\oint\\cos^{2k}\\theta=\\frac{2k-1}{2k}\\oint\\cos^{2k-2}\\theta$, from the "
        "total derivative of $\\cos^{2k-1}\\theta\\sin\\theta$:",
        sp.expand(
            sp.diff(sp.cos(theta) ** (2 * k - 1) * sp.sin(theta), theta)
            - (2 * k * sp.cos(theta) ** (2 * k) - (2 * k - 1) * sp.cos(theta) ** (2 * k - 2))
        ), by=sp.simplify,
    )  # fmt: skip
    wallis = 2 * sp.pi * sp.gamma(2 * k + 1) / (2 ** (2 * k) * sp.gamma(k + 1) ** 2)
    board.zero(
        "solved by $2\\pi\\binom{2k}{k}4^{-k}$.", sp.gammasimp(wallis / wallis.subs(k, k - 1)) - (2 * k - 1) / (2 * k)
    )
    board.zero(
        "So $\\oint e^{z\\cos\\theta}d\\theta=2\\pi I_0(z)$, term by term in $z$.",
        sp.gammasimp(
            wallis * z ** (2 * k) / sp.gamma(2 * k + 1) / (2 * sp.pi * (z / 2) ** (2 * k) / sp.gamma(k + 1) ** 2)
        )
        - 1,
    )


@chain.step
def rice_mean(board: Board) -> None:
    "derived here: the mean Rice spacing, sqrt(pi) s e^{-q} [(1 + 2q) I_0(q) + 2q I_1(q)], q = Delta^2/(8 s^2)."
    law, gap = symbolic.rice_spacing(), sp.Symbol("Delta", positive=True)
    mean = board.line("The library's mean:", in_library(law, law.mean, gap, s).doit(), name="\\langle S\\rangle")
    board.line(
        "$S$ is the length of a plane vector: the gap plus isotropic noise of variance "
        "$v=2s^2$ per component. So its mean is "
        "the solution of the heat equation $\\partial_v "
        "M=\\frac12(\\partial_\\Delta^2+\\Delta^{-1}\\partial_\\Delta)M$ that grows "
        "no faster than $\\Delta$ and starts from $M=\\Delta$ at $v=0$."
    )
    heat = sp.diff(mean, s) / (4 * s) - (sp.diff(mean, gap, 2) + sp.diff(mean, gap) / gap) / 2
    board.zero("It solves the heat equation.", _bessel_reduced(heat, gap**2 / (8 * s**2)))
    q = sp.Symbol("q", positive=True)
    scaled = in_library(law, law.mean, gap, gap / sp.sqrt(8 * q)).subs(gap, 1)
    leading = scaled.replace(symbolic.bessel_ie, lambda n, z: 1 / sp.sqrt(2 * sp.pi * z))
    board.zero("With $I_n(q)e^{-q}\\to(2\\pi q)^{-1/2}$ it starts from $\\Delta$.", sp.limit(leading, q, sp.oo) - 1)
    residual = sp.log(in_library(law, law.density, gap, s)) - in_library(law, law.log_density, gap, s).doit()
    board.zero(
        "The stable log density of the library is the logarithm.", sp.expand_log(residual, force=True), by=sp.simplify
    )


@chain.step
def brody_and_poisson(board: Board) -> None:
    "derived here: Brody's law has unit mass and mean D, and is Poisson's at q = 0 and Wigner's at q = 1."
    m, mean, t = sp.symbols("m D t", positive=True)
    law, q = symbolic.brody(), 1 / m - 1
    density = in_library(law, law.density, q, mean)
    root = sp.gamma(1 + m)
    place = board.line("With $m=1/(q+1)$ and $t=b(S/D)^{q+1}$:", mean * t**m / root, name="S")
    board.zero("the law is $e^{-t}dt$.", _one(density.subs(S, place) * sp.diff(place, t) * sp.exp(t)))
    for power, stated in ((1, law.mean), (2, law.second_moment)):
        moment = sp.integrate(t ** (power * m) * sp.exp(-t), (t, 0, sp.oo)) * (mean / root) ** power
        board.zero(f"Moment {power}.", _one(in_library(law, stated, q, mean) / moment))
    board.zero("Distribution function.", _one(sp.diff(in_library(law, law.cdf, q, mean), S) / density))
    flat, surmise = symbolic.poisson(), symbolic.wigner_surmise(1)
    board.zero("$q=0$ is Poisson.", density.subs(m, 1) - in_library(flat, flat.density, mean), by=sp.simplify)
    board.zero(
        "$q=1$ is the surmise of mean $D$.",
        density.subs(m, sp.Rational(1, 2)) - in_library(surmise, surmise.density, mean / sp.sqrt(sp.pi)),
        by=sp.simplify,
    )


def log_residual(law: symbolic.SymbolicLaw, parameters: tuple[sp.Expr, ...]) -> sp.Expr:
    """Logarithm of a density minus the library's stable log density."""
    density, log_density = (in_library(law, e, *parameters) for e in (law.density, law.log_density))
    return sp.simplify(sp.expand_log(sp.log(density), force=True) - sp.expand_log(log_density, force=True))


def _one(expression: sp.Expr) -> sp.Expr:
    """The expression minus one, gamma arguments and powers combined."""
    tidy = expression.replace(sp.gamma, lambda argument: sp.gamma(sp.expand(sp.cancel(argument))))
    return sp.simplify(sp.powsimp(sp.expand(tidy, power_base=True, force=True), force=True)) - 1


def _bessel_reduced(expression: sp.Expr, q: sp.Expr) -> sp.Expr:
    """Bessel functions of order two and more reduced to I_0 and I_1 of q."""
    for order in (4, 3, 2):
        lower = sp.besseli(order - 2, q) - 2 * (order - 1) / q * sp.besseli(order - 1, q)
        expression = expression.subs(sp.besseli(order, q), lower)
    return sp.simplify(expression)
