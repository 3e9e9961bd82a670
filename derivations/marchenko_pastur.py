r"""The spectrum at initialisation: Marchenko-Pastur from the self-consistent resolvent.

Source: ALP24 (arXiv:2407.16427).
"""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=40, title="Marchenko-Pastur (Appendix B)")

z, G = symbolic.spectral_argument, symbolic.resolvent
M, N, v = sp.symbols("M N v", positive=True)  # v: variance sigma_w^2 of one element
r, mean, x = sp.symbols("r m x", positive=True)


@chain.step
def self_consistent_resolvent(board: Board) -> None:
    """derived here: for W of shape (M, N) with independent elements of variance v, G = 1/(z - M v/(1 - N v G)) at
    large N.
    """
    board.line(
        "A row $w$ adds $ww^T$: by Sherman and Morrison its share of ${\\rm "
        "tr}\\,X(z-X)^{-1}$ is $q/(1-q)$, $q=w^T(z-X')^{-1}w\\to vNG$."
    )
    A = sp.diag(*sp.symbols("a_1:3"))
    w = sp.Matrix(sp.symbols("w_1:3"))
    full = (A - w * w.T).inv()
    q = (w.T * A.inv() * w)[0]
    board.zero("Sherman-Morrison, exactly.", sp.cancel((w.T * full * w)[0] - q / (1 - q)))
    equation = z * G - 1 - M / N * (N * v * G) / (1 - N * v * G)
    board.line(
        "${\\rm tr}\\,z(z-X)^{-1}=N+{\\rm tr}\\,X(z-X)^{-1}$ over $N$:",
        sp.Eq(z * G, 1 + M / N * (N * v * G) / (1 - N * v * G)),
    )
    law = symbolic.FreeLaw.marchenko_pastur(N / M, mean=M * v)
    board.zero(
        "In the form $z=1/G+R(G)$ it is the library's R-transform.",
        sp.cancel(equation / G - (z - 1 / G - law.r_transform)),
    )


@chain.step
def density(board: Board) -> None:
    """ALP24 (79): rho(x) = sqrt((x_+ - x)(x - x_-))/(2 pi v N x) on x_+- = M v (1 +- sqrt r)^2, r = N/M <= 1."""
    law = symbolic.FreeLaw.marchenko_pastur(r, mean=mean)
    polynomial = sp.Poly(law.equation(), G)
    discriminant = board.line(
        "The discriminant of the quadratic equation for $G$:", sp.factor(polynomial.discriminant())
    )
    low, high = mean * (1 - sp.sqrt(r)) ** 2, mean * (1 + sp.sqrt(r)) ** 2
    board.zero("It is negative between the edges.", discriminant - (z - low) * (z - high))
    board.zero(
        "The edges of the library.",
        [a - b for a, b in zip(symbolic.marchenko_pastur_edges(r, mean), (low, high), strict=True)],
    )
    leading = sp.expand(polynomial.coeff_monomial(G**2) / z)
    board.line(
        "So $\\rho=-{\\rm Im}\\,G/\\pi$ is the root of minus the discriminant over "
        "$2\\pi$ times the leading coefficient",
        leading * x,
    )
    derived = sp.sqrt((high - x) * (x - low)) / (2 * sp.pi * sp.Abs(leading) * x)
    paper = sp.sqrt((high - x) * (x - low)) / (2 * sp.pi * v * N * x)
    board.zero(
        "With $m=Mv$, $r=N/M$ it is the paper's.", (derived / paper).subs({mean: M * v, r: N / M}) - 1, by=sp.simplify
    )
    stated = symbolic.marchenko_pastur()
    small = sp.Symbol("p", positive=True)
    for value, share in ((1 / (1 + small), 1 / (1 + small)), (1 + small, sp.S.One)):
        parts = _library(stated.density, value)
        weight = derived.subs(r, value) if share != 1 else derived.subs(r, value) * value
        board.zero(
            "The library's, normalised over the nonzero eigenvalues.",
            (parts / weight).subs(sp.Min(1, value), share) - 1,
            by=sp.simplify,
        )


def _library(expression: sp.Expr, ratio: sp.Expr) -> sp.Expr:
    law = symbolic.marchenko_pastur()
    return expression.subs(dict(zip(law.args, (x, ratio, mean), strict=True)), simultaneous=True)


@chain.step
def distribution_function(board: Board) -> None:
    """derived here: the distribution function of the Marchenko-Pastur law in closed form, from 0 to 1 between its
    edges.
    """
    a, b = sp.symbols(
        "a b", positive=True
    )  # square roots of the edges, b > a: r = ((b - a)/(b + a))^2, m = ((a + b)/2)^2
    t = sp.Symbol("t", positive=True)
    law = symbolic.marchenko_pastur()
    values = {law.args[1]: ((b - a) / (b + a)) ** 2, law.args[2]: ((a + b) / 2) ** 2}
    place = (a**2 + b**2 * t**2) / (1 + t**2)
    cdf = law.cdf.replace(sp.Max, lambda *args: next(arg for arg in args if arg != 0))
    board.line("With $x=(a^2+b^2t^2)/(1+t^2)$, $0<t<\\infty$, and edges $a^2$, $b^2$:")

    def at(expression: sp.Expr) -> sp.Expr:
        expression = expression.replace(sp.Min, lambda *args: next(arg for arg in args if arg != 1))
        expression = expression.replace(sp.atan2, lambda up, down: sp.atan(up / down))
        reduced = expression.subs(values).subs(law.variable, place)
        return sp.simplify(_rooted(reduced, a, b, t))

    inside = at(cdf)
    board.line("The distribution function:", inside, name="F")
    slope = sp.diff(inside, t) - at(law.density) * sp.diff(place, t)
    board.zero("Its slope is the density.", slope, by=sp.simplify)
    board.zero("It starts from 0", sp.limit(inside, t, 0))
    board.zero("and ends at 1.", sp.limit(inside, t, sp.oo) - 1, by=sp.simplify)


def _rooted(expression: sp.Expr, a: sp.Symbol, b: sp.Symbol, t: sp.Symbol) -> sp.Expr:
    """Square roots of perfect squares taken with b > a > 0, t > 0, by writing b = a + d with d > 0."""
    d = sp.Symbol("d", positive=True)

    def root(base: sp.Expr) -> sp.Expr:
        return sp.sqrt(sp.factor(sp.cancel(sp.together(base.subs(b, a + d))))).subs(d, b - a)

    expression = expression.replace(
        lambda e: isinstance(e, sp.Pow) and e.exp == sp.Rational(1, 2), lambda e: root(e.base)
    )
    return expression.replace(sp.Abs, lambda e: sp.Abs(sp.factor(sp.cancel(e.subs(b, a + d)))).subs(d, b - a))


@chain.step
def unit_variance(board: Board) -> None:
    """ALP24 (80): for elements of variance 1/M the density is rho(x) = sqrt((x_+ - x)(x - x_-))/(2 pi r x) between
    x_+- = (1 +- sqrt r)^2, of unit mass and unit mean."""
    low, high = symbolic.marchenko_pastur_edges(N / M, M * v)
    edges = [(1 - sp.sqrt(N / M)) ** 2, (1 + sp.sqrt(N / M)) ** 2]
    board.zero("Edges.", [sp.simplify((e - w).subs(v, 1 / M)) for e, w in zip((low, high), edges, strict=True)])
    q = sp.Symbol("q", positive=True)  # r = 1/(1 + q)^2 < 1
    root = 1 / (1 + q)
    stated = _library(symbolic.marchenko_pastur().density, root**2).subs(mean, 1).subs(sp.Min(1, root**2), root**2)
    paper = sp.sqrt(((1 + root) ** 2 - x) * (x - (1 - root) ** 2)) / (2 * sp.pi * root**2 * x)
    board.line("(79) with $Mv=1$, $Nv=r$, $\\sqrt r=1/(1+q)$:", paper, name="\\rho")
    board.zero("The square of the library's density.", sp.cancel(sp.together(stated**2 - paper**2)))
    board.zero("Both have one sign inside.", sp.simplify((stated / paper).subs({q: 1, x: 1})) - 1)
    t = sp.Symbol("t", real=True)  # x = 1 + r + 2 sqrt(r) cos(theta), t = tan(theta/2)
    cosine, measure = (1 - t**2) / (1 + t**2), 2 / (1 + t**2)
    place = 1 + root**2 + 2 * root * cosine
    arc = 2 * (1 - cosine**2) / sp.pi  # sqrt(..) dx/(2 pi r) over the half circle, dtheta = measure dt
    for power, value in ((0, 1), (1, 1)):
        integrand = sp.cancel(arc * measure * place ** (power - 1))
        total = sp.integrate(sp.apart(integrand, t), (t, 0, sp.oo)).replace(
            lambda e: e.is_Pow and e.exp.is_Rational and e.exp.q == 2,
            lambda e: sp.sqrt(sp.factor(e.base)) ** (2 * e.exp),
        )
        board.zero(f"Moment {power}.", sp.simplify(total - value))


@chain.step
def atom(board: Board) -> None:
    """derived here: for M < N the fraction 1 - M/N of the eigenvalues is exactly zero."""
    law = symbolic.FreeLaw.marchenko_pastur(r, mean=mean)
    weight = sp.Symbol("w", positive=True)
    board.line("Near $z=0$ put $G=w/z$ into the polynomial equation:")
    leading = sp.limit(sp.expand(law.equation().subs(G, weight / z) * z), z, 0)
    found = [root for root in sp.solve(leading, weight) if root != 0]
    board.line("The weight of the pole:", found, name="w")
    board.zero("For $r>1$ it is the library's.", [found[0] - symbolic.marchenko_pastur_atom(r).args[1]])
    board.zero(
        "None for $r=1$; for $r<1$ the pole leaves the physical sheet.",
        [symbolic.marchenko_pastur_atom(1), symbolic.marchenko_pastur_atom(sp.Rational(1, 2))],
    )


@chain.step
def moments(board: Board) -> None:
    """derived here: the first moments by Wick's theorem at finite size agree with the law at leading order in N."""
    rows, columns = 2, 2
    elements = [[sp.Symbol(f"W_{i}{j}") for j in range(columns)] for i in range(rows)]
    W = sp.Matrix(elements)
    normals = list(W)
    X = W.T * W
    second = symbolic.gaussian_average(sp.expand((X * X).trace() / columns), normals, lambda a, b: v if a == b else 0)
    exact = v**2 * M * (M + N + 1)
    board.zero("$\\frac1N\\langle{\\rm tr}X^2\\rangle=v^2M(M+N+1)$ at $M=N=2$,", second - exact.subs({M: 2, N: 2}))
    planar = symbolic.FreeLaw.marchenko_pastur(N / M, mean=M * v).moments(2)
    board.zero(
        "whose leading order is the second moment of the law.", sp.expand(planar[1]) - sp.expand(exact - v**2 * M)
    )
    stated = symbolic.marchenko_pastur()
    board.zero("The library's moments for $r<1$.", [
        stated.mean.subs({stated.args[1]: sp.Rational(1, 3)}) - stated.args[2],
        stated.second_moment.subs({stated.args[1]: sp.Rational(1, 3)}) - stated.args[2] ** 2 * sp.Rational(4, 3),
    ])  # fmt: skip
