r"""One mode: its Fokker-Planck equation, stationary law, Hamiltonian, spectrum and gap, ALP24 (arXiv:2407.16427)."""

from typing import Any

import mpmath
import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain, within

chain = Chain(order=60, title="Fokker-Planck equation of one mode")

x, t = sp.symbols("x t", real=True)
g, mu2, kappa, y = sp.symbols("g mu2 kappa y", positive=True)
OMEGA = (mu2 - kappa) / kappa**2


def model() -> Any:
    """The library's equation for one mode of the Gaussian RBM."""
    return symbolic.FokkerPlanck(symbolic.rbm_drift(x, kappa, mu2), g, x, (0, mu2))


@chain.step
def equation(board: Board) -> None:
    """ALP24 (34): d_t p = d_x (g^2 d_x - K) p, from dx = K dt + sqrt(2) g dB."""
    p, f = sp.Function("p")(x), sp.Function("f")(x)
    K = symbolic.rbm_drift(x, kappa, mu2)
    generator = K * sp.diff(f, x) + g**2 * sp.diff(f, x, 2)
    forward = sp.diff(g**2 * sp.diff(p, x) - K * p, x)
    boundary = sp.diff(K * f * p + g**2 * (p * sp.diff(f, x) - f * sp.diff(p, x)), x)
    board.zero(
        "Moving It\\^o's generator from $f$ to $p$ leaves a boundary term.",
        sp.expand(p * generator - f * forward - boundary),
    )
    fp = model()
    board.zero("The library's operator.", sp.expand((fp.operator(p) - forward).doit()))
    board.zero("and its adjoint.", sp.expand((fp.adjoint(f) - generator).doit()))


@chain.step(status="definition", identified=within(35, 36))
def potential_of_the_drift(board: Board) -> None:
    """ALP24 (35): one mode always has a potential, V(x) = -int_0^x K, so K = -V'."""
    drift, base = sp.Function("K"), sp.Symbol("u", real=True)
    V = -sp.Integral(drift(base), (base, 0, x))
    board.zero("Its slope.", sp.diff(V, x) + drift(x))
    board.zero(
        "The library's has this slope.", sp.cancel(sp.diff(model().potential, x) + symbolic.rbm_drift(x, kappa, mu2))
    )
    board.zero("and vanishes at zero.", model().potential.subs(x, 0), by=sp.simplify)


@chain.step(identified=within(35, 36))
def potential(board: Board) -> None:
    """ALP24 (36): V(x) = -x^2/(2 kappa) - x - mu^2 log(1 - x/mu^2)."""
    derived = -sp.integrate(x / kappa, x) - sp.integrate(sp.apart(-x / (mu2 - x), x), x).subs(
        sp.log(x - mu2), sp.log(mu2 - x)
    )
    derived = derived - derived.subs(x, 0)
    board.line("Integrated from zero:", derived, name="V")
    stated = symbolic.rbm_potential(x, kappa, mu2)
    board.zero("The library's potential.", sp.expand_log(derived - stated.replace(sp.log, _joined_log)), by=sp.simplify)
    board.zero("Its slope is the drift.", sp.cancel(sp.diff(stated, x) + symbolic.rbm_drift(x, kappa, mu2)))


def _joined_log(argument: sp.Expr) -> sp.Expr:
    """log(1 - x/mu2) as log(mu2 - x) - log(mu2)."""
    return sp.log(sp.expand(argument * mu2)) - sp.log(mu2)


@chain.step(status="numerically proved", digits=35, points=6, identified=within(37, 38))
def stationary_normalised(board: Board) -> None:
    """ALP24 (37): p_s = exp(-V/g^2)/N on [0, mu^2), with N = mu^2 sum_n (mu^4/(2 kappa g^2))^n/n! B(2n+1, a+1)
    1F1(2n+1; 2n+a+2; a), a = mu^2/g^2: the Gaussian factor expanded, term by term a confluent function."""
    fp = model()
    u = sp.Symbol("u", positive=True)
    weight = sp.lambdify((x, kappa, mu2, g), fp.stationary, "mpmath")
    board.line("The library's weight:", fp.stationary)
    board.zero("It is one at zero,", fp.stationary.subs(x, 0) - 1)
    n, a, b = sp.symbols("n a b", positive=True)
    term = (1 - u) ** a * u ** (2 * n) * sp.exp(a * u)
    kummer = sp.diff(sp.log(term), u)
    board.zero("One term's integrand, $x=\\mu^2u$.", sp.cancel(kummer + a / (1 - u) - 2 * n / u - a))

    def series(kappa_: Any, mu2_: Any, g_: Any) -> Any:
        power, factor = mu2_ / g_**2, mu2_**2 / (2 * kappa_ * g_**2)
        return mu2_ * mpmath.nsum(
            lambda k: factor**k / mpmath.factorial(k) * mpmath.beta(2 * k + 1, power + 1)
            * mpmath.hyp1f1(2 * k + 1, 2 * k + power + 2, power), [0, mpmath.inf], method="d",
        )  # fmt: skip

    def quadrature(kappa_: Any, mu2_: Any, g_: Any) -> Any:
        ends = [0, max(mu2_ - kappa_, mu2_ / 2), mu2_]
        return mpmath.quad(lambda y: weight(y, kappa_, mu2_, g_), ends)

    limits = {kappa: (4.0, 8.0), mu2: (9.0, 10.0), g: (1.5, 3.0)}
    board.same_numerically("The series is the integral.", series, quadrature, limits, points=6, tolerance_digits=35)
    del b


@chain.step(identified=within(37, 38))
def stationary_law(board: Board) -> None:
    """ALP24 (38): in closed form p_s ~ (1 - x/mu^2)^{mu^2/g^2} exp[(x + x^2/(2 kappa))/g^2]."""
    closed = (1 - x / mu2) ** (mu2 / g**2) * sp.exp((x + x**2 / (2 * kappa)) / g**2)
    board.line("The stationary law:", closed, name="p_s\\propto")
    V = symbolic.rbm_potential(x, kappa, mu2)
    u = sp.Symbol("u", positive=True)
    ratio = sp.log(closed).subs(1 - x / mu2, u) + V.subs(1 - x / mu2, u) / g**2
    board.zero("Its logarithm is $-V/g^2$.", sp.expand(sp.expand_log(ratio, force=True)))
    K = symbolic.rbm_drift(x, kappa, mu2)
    current = K - g**2 * sp.diff(sp.log(closed), x)
    board.zero("Its current vanishes everywhere, the ends included.", sp.cancel(sp.simplify(current)))
    fp = model()
    board.zero("The engine's law.", sp.cancel(sp.diff(sp.log(fp.stationary), x) - K / g**2), by=sp.simplify)


SCHRODINGER = within(39, 43)


def _general() -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """V, psi and sqrt(p_s) in general."""
    V, psi = sp.Function("V")(x), sp.Function("psi")(x)
    return V, psi, sp.exp(-V / (2 * g**2))


def _energy_operator(V: sp.Expr, psi: sp.Expr) -> sp.Expr:
    return -(g**2) * sp.diff(psi, x, 2) + (sp.diff(V, x) ** 2 / (4 * g**2) - sp.diff(V, x, 2) / 2) * psi


def _lowered(V: sp.Expr, psi: sp.Expr) -> sp.Expr:
    return sp.diff(psi, x) + sp.diff(V, x) / (2 * g**2) * psi


@chain.step(status="definition", identified=SCHRODINGER)
def square_root(board: Board) -> None:
    """ALP24 (39): p = sqrt(p_s) psi; the current becomes -g^2 sqrt(p_s) (psi' + V' psi/(2 g^2)), so zero flux at the
    ends is a condition on psi, psi' = 0 at x = 0."""
    V, psi, root = _general()
    current = -(g**2) * sp.diff(root * psi, x) - sp.diff(V, x) * root * psi
    board.zero("The current.", current / root + g**2 * _lowered(V, psi), by=sp.simplify)
    stated = symbolic.FokkerPlanck(-sp.diff(V, x), g, x).current(root * psi) / root
    board.zero("The library's current.", sp.expand((stated + g**2 * _lowered(V, psi)).doit()), by=sp.simplify)
    board.zero("$V'=0$ at $x=0$.", sp.diff(symbolic.rbm_potential(x, kappa, mu2), x).subs(x, 0))


@chain.step(identified=SCHRODINGER)
def imaginary_time(board: Board) -> None:
    """ALP24 (40): psi obeys the Schroedinger equation in imaginary time, d_t psi = -H psi, with H free of first
    derivatives."""
    V, psi, root = _general()
    flow = sp.expand(sp.simplify(sp.diff(g**2 * sp.diff(root * psi, x) + sp.diff(V, x) * root * psi, x) / root))
    board.line("(34) divided by $\\sqrt{p_s}$:", flow, name="\\partial_t\\psi")
    board.zero("No first derivative,", flow.coeff(sp.diff(psi, x)))
    board.zero("the second one with $g^2$.", flow.coeff(sp.diff(psi, x, 2)) - g**2)


@chain.step(identified=SCHRODINGER)
def hamiltonian(board: Board) -> None:
    """ALP24 (41): H = -g^2 d^2 + V'^2/(4 g^2) - V''/2."""
    V, psi, root = _general()
    flow = sp.diff(g**2 * sp.diff(root * psi, x) + sp.diff(V, x) * root * psi, x)
    board.zero("Substituted.", sp.expand(sp.expand(sp.simplify(-flow / root)) - _energy_operator(V, psi)))
    fp = model()
    Vx = symbolic.rbm_potential(x, kappa, mu2)
    W = sp.diff(Vx, x) ** 2 / (4 * g**2) - sp.diff(Vx, x, 2) / 2
    board.zero(
        "The library's Hamiltonian.", [sp.cancel(fp.hamiltonian.potential - W), fp.hamiltonian.diffusion[0, 0] - g**2]
    )


@chain.step(status="definition", identified=SCHRODINGER)
def ladder_operators(board: Board) -> None:
    """ALP24 (42): L = d_x + V'/(2 g^2) and its adjoint L^dagger = -d_x + V'/(2 g^2)."""
    V, psi, _ = _general()
    other = sp.Function("chi")(x)
    slope = sp.diff(V, x) / (2 * g**2)
    raised = -sp.diff(other, x) + slope * other
    board.zero(
        "Adjoint up to a divergence.", sp.expand(other * _lowered(V, psi) - raised * psi - sp.diff(other * psi, x))
    )
    ladder, own = model().ladder, sp.diff(symbolic.rbm_potential(x, kappa, mu2), x) / (2 * g**2)
    board.zero("The library's.", [
        sp.cancel(ladder.lower(psi) - sp.diff(psi, x) - own * psi),
        sp.cancel(ladder.upper(psi) + sp.diff(psi, x) - own * psi),
    ])  # fmt: skip


@chain.step(identified=SCHRODINGER)
def factorised(board: Board) -> None:
    """ALP24 (43): H = g^2 L^dagger L, so no level is negative, and L sqrt(p_s) = 0: the ground state is sqrt(p_s) with
    E_0 = 0."""
    V, psi, root = _general()
    slope, lowered = sp.diff(V, x) / (2 * g**2), _lowered(V, psi)
    board.zero("Its factors.", sp.expand(g**2 * (-sp.diff(lowered, x) + slope * lowered) - _energy_operator(V, psi)))
    board.zero("$L\\sqrt{p_s}=0$.", _lowered(V, root), by=sp.simplify)
    fp = model()
    product = g**2 * fp.ladder.upper(fp.ladder.lower(psi))
    board.zero("The library's factors.", sp.expand(sp.simplify(product - fp.hamiltonian(psi))))
    ground = fp.ladder.lower(sp.sqrt(fp.stationary)) / sp.sqrt(fp.stationary)
    board.zero("and its ground state.", sp.simplify(ground))


@chain.step
def eigen_expansion(board: Board) -> None:
    """ALP24 (44): p(x,t) = sum_n c_n sqrt(p_s) psi_n e^{-E_n t} with H psi_n = E_n psi_n; it keeps its mass."""
    V, psi, E = sp.Function("V")(x), sp.Function("psi")(x), sp.Symbol("E", positive=True)
    root = sp.exp(-V / (2 * g**2))
    term = root * psi * sp.exp(-E * t)
    flow = sp.diff(g**2 * sp.diff(term, x) + sp.diff(V, x) * term, x)
    second = (sp.diff(V, x) ** 2 / (4 * g**2) - sp.diff(V, x, 2) / 2 - E) * psi / g**2
    board.zero(
        "Every term solves (34).",
        sp.expand((flow - sp.diff(term, t)) / term * psi).subs(sp.diff(psi, x, 2), second),
        by=sp.simplify,
    )
    lowered = sp.diff(psi, x) + sp.diff(V, x) * psi / (2 * g**2)
    total = sp.diff(g**2 * root * lowered, x)
    board.zero(
        "$E\\sqrt{p_s}\\psi=-\\partial_x(g^2\\sqrt{p_s}L\\psi)$: with zero flux every excited state has no mass.",
        sp.expand((total + E * root * psi) / root).subs(sp.diff(psi, x, 2), second),
        by=sp.simplify,
    )


PARTS = within(45, 48)


def _walls() -> sp.Expr:
    """The potential of the library's Hamiltonian."""
    return model().hamiltonian.potential


@chain.step(identified=PARTS)
def split_by_noise(board: Board) -> None:
    """ALP24 (45): the potential of H times g^2 is a part of order g^0 and one of order g^2, W_0 + g^2 W_1, and nothing
    else."""
    whole = sp.expand(sp.expand(_walls()) * g**2)
    strength = sp.Symbol("G", positive=True)
    parts = sp.Poly(sp.cancel(sp.together(whole)).subs(g, sp.sqrt(strength)), strength)
    board.line("Powers of $g^2$:", sp.Tuple(*(power for (power,), _ in parts.terms())))
    board.true("Degree one in $g^2$.", parts.degree() == 1)


def _by_order(order: int) -> sp.Expr:
    strength = sp.Symbol("G", positive=True)
    whole = sp.cancel(sp.together(sp.expand(_walls()) * g**2)).subs(g, sp.sqrt(strength))
    return sp.Poly(whole, strength).coeff_monomial(strength**order)


@chain.step(identified=PARTS)
def part_without_noise(board: Board) -> None:
    """ALP24 (46): the part of order g^0 is W_0 = V'^2/4 = x^2 (x - x_s)^2/(4 kappa^2 (mu^2 - x)^2), with two equal
    minima, at x_s and at zero."""
    x_s = mu2 - kappa
    stated = x**2 * (x - x_s) ** 2 / (4 * kappa**2 * (mu2 - x) ** 2)
    V = symbolic.rbm_potential(x, kappa, mu2)
    board.zero("It is $V'^2/4$.", sp.cancel(stated - sp.diff(V, x) ** 2 / 4))
    board.zero("The library's part.", sp.cancel(_by_order(0) - stated))
    board.zero("Both zeros are double.", [sp.diff(stated, x).subs(x, end) for end in (0, x_s)])


@chain.step(identified=PARTS)
def part_of_the_noise(board: Board) -> None:
    """ALP24 (47): the part of order g^2 is W_1 = -V''/2 = [1/kappa - mu^2/(mu^2 - x)^2]/2; it lowers the minimum at x_s
    and raises the one at zero."""
    V = symbolic.rbm_potential(x, kappa, mu2)
    stated = (1 / kappa - mu2 / (mu2 - x) ** 2) / 2
    board.zero("It is $-V''/2$.", sp.cancel(stated + sp.diff(V, x, 2) / 2))
    board.zero("The library's part.", sp.cancel(_by_order(1) - stated))
    ends = [stated.subs(x, 0) - (1 / kappa - 1 / mu2) / 2, stated.subs(x, mu2 - kappa) + OMEGA / 2]
    board.zero("$r_0/2$ at zero, $-\\Omega/2$ at $x_s$.", [sp.cancel(e) for e in ends])


@chain.step(identified=PARTS)
def curvature(board: Board) -> None:
    """ALP24 (48): Omega = V''(x_s) = (mu^2 - kappa)/kappa^2 = x_s/kappa^2."""
    V, x_s = symbolic.rbm_potential(x, kappa, mu2), mu2 - kappa
    v2 = sp.diff(V, x, 2).subs(x, x_s)
    board.zero("Curvature.", [sp.diff(V, x).subs(x, x_s), v2 - OMEGA, v2 - x_s / kappa**2], by=sp.simplify)
    board.zero("The engine's curvature.", sp.cancel(_stable(model()).curvature - v2))


@chain.step(identified=within(49, 50))
def orders_in_noise(board: Board) -> None:
    """ALP24 (49): with x = x_s + g y, H has the g^0 part -d_y^2 + Omega^2 y^2/4 - Omega/2, an oscillator; odd orders
    are odd in y and shift levels at order g^2 only."""
    V, x_s = symbolic.rbm_potential(x, kappa, mu2), mu2 - kappa
    v2, v3, v4 = (board.line("", sp.factor(sp.diff(V, x, n).subs(x, x_s)), name=f"V^{{({n})}}(x_s)") for n in (2, 3, 4))
    series = sp.series(_walls().subs(x, x_s + g * y).cancel(), g, 0, 3).removeO()
    order0, order1, order2 = (sp.expand(series).coeff(g, n) for n in (0, 1, 2))
    board.zero("$g^0$.", order0 - OMEGA**2 * y**2 / 4 + OMEGA / 2, by=sp.simplify)
    board.zero("$g^1$, odd in $y$.", order1 - v2 * v3 * y**3 / 4 + v3 * y / 2, by=sp.simplify)
    board.zero("$g^2$.", order2 - (v3**2 / 16 + v2 * v4 / 12) * y**4 + v4 * y**2 / 4, by=sp.simplify)


def _stable(fp: Any) -> Any:
    return next(point for point in fp.fixed_points if sp.simplify(point.location - (mu2 - kappa)) == 0)


@chain.step(
    status="corrected",
    note="around x_s only: x = 0 is the other, unstable fixed point, so the gap is min(Omega, r_0), not always Omega",
    identified=within(49, 50),
)
def levels(board: Board) -> None:
    """ALP24 (50): around x_s the levels are E_n = n Omega as g -> 0. States at x = 0 have E = r_0 (2j+1),
    r_0 = K'(0) = 1/kappa - 1/mu^2, so the gap is min(Omega, r_0)."""
    omega, rate, z = sp.symbols("Omega r_0 y", positive=True)
    for n in range(4):
        wave = sp.hermite(n, sp.sqrt(omega / 2) * z) * sp.exp(-omega * z**2 / 4)
        H = -sp.diff(wave, z, 2) + (omega**2 * z**2 / 4 - omega / 2) * wave
        board.zero(f"$E_{n}={n}\\Omega$.", sp.expand((H - n * omega * wave) * sp.exp(omega * z**2 / 4)), by=sp.simplify)
    for n in range(3):
        wave = sp.hermite(2 * n, sp.sqrt(rate / 2) * z) * sp.exp(-rate * z**2 / 4)
        H = -sp.diff(wave, z, 2) + (rate**2 * z**2 / 4 + rate / 2) * wave
        board.zero(
            f"At the hilltop $E=(2\\cdot{n}+1)r_0$; only even states have $\\psi'(0)=0$.",
            sp.expand((H - (2 * n + 1) * rate * wave) * sp.exp(rate * z**2 / 4)),
            by=sp.simplify,
        )
        board.zero("Even.", sp.diff(wave, z).subs(z, 0))
    r0 = sp.diff(symbolic.rbm_drift(x, kappa, mu2), x).subs(x, 0)
    board.zero("Rate of leaving zero.", r0 - 1 / kappa + 1 / mu2)
    point = {kappa: 4, mu2: 9}
    fp = symbolic.FokkerPlanck(symbolic.rbm_drift(x, 4, 9), g, x, (0, 9))
    found = {p.location: p for p in fp.fixed_points}
    board.zero(
        "The engine's levels at $x_s=5$ for $\\mu^2=9$, $\\kappa=4$.",
        [found[5].level(n) - n * OMEGA.subs(point) for n in range(4)],
    )
    board.zero("At zero, with the parity rule.", [found[0].level(j) - (2 * j + 1) * r0.subs(point) for j in range(3)])
    gap = min(p.gap() for p in fp.fixed_points)
    board.zero("The gap is $r_0=0.1389$, below $\\Omega=0.3125$.", gap - r0.subs(point))
    board.true("So (50) is not the gap here.", bool(r0.subs(point) < OMEGA.subs(point)))


@chain.step
def level_correction(board: Board) -> None:
    """derived here: the first correction in the noise, g^2, of the levels at x_s, by perturbation theory in y."""
    v2, v3, v4 = sp.symbols("V2 V3 V4", positive=True)
    size = 12
    lower = sp.Matrix(size, size, lambda i, j: sp.sqrt(j) if j == i + 1 else 0)
    place = (lower + lower.T) / sp.sqrt(v2)
    square = place * place
    cubic, quartic = square * place, square * square
    first = v2 * v3 / 4 * cubic - v3 / 2 * place
    second = (v3**2 / 16 + v2 * v4 / 12) * quartic - v4 / 4 * square
    corrections = []
    for n in range(4):
        mixing = sum(first[n, m] * first[m, n] / (v2 * (n - m)) for m in range(size) if m != n)
        corrections.append(sp.factor(sp.expand(second[n, n] + mixing)))
    board.line("Corrections of $E_0\\ldots E_3$ in units of $g^2$:", sp.Tuple(*corrections))
    board.zero("$E_0$ stays zero, as it must.", corrections[0])
    V = symbolic.rbm_potential(x, kappa, mu2)
    values = {v: sp.diff(V, x, n).subs(x, mu2 - kappa) for n, v in ((2, v2), (3, v3), (4, v4))}
    fp = symbolic.FokkerPlanck(symbolic.rbm_drift(x, 4, 9), g, x, (0, 9))
    stable = next(p for p in fp.fixed_points if p.location == 5)
    stated = [correction for _, correction in fp.harmonic_levels(stable, 4)]
    ours = [(c.subs(values) * g**2).subs({kappa: 4, mu2: 9}) for c in corrections]
    board.zero("The engine's corrections.", [sp.simplify(a - b) for a, b in zip(ours, stated, strict=True)])


@chain.step
def level_correction_of_varying_noise(board: Board) -> None:
    """derived here: with noise g^2 = D x and drift a - b x the levels are exactly n b (Laguerre), so the engine's first
    correction vanishes at x = a/b for every n; with g^2 = D (1 + x^2) and drift -b x it is -n (n - 1) D, exactly."""
    a, b, D = sp.symbols("a b D", positive=True)
    position = sp.Symbol("x", positive=True)
    laguerre = symbolic.FokkerPlanck(a - b * position, sp.sqrt(D * position), position, (0, None))
    (point,) = laguerre.fixed_points
    for n, (level, correction) in enumerate(laguerre.harmonic_levels(point, 4)):
        state = sp.expand(position**n)
        moved = sp.expand(laguerre.adjoint(state))
        board.zero(f"The generator takes $x^{n}$ to $-{n}bx^{n}$ and lower powers.", moved.coeff(position, n) + n * b)
        board.zero("The engine's level and correction.", [level - n * b, correction], by=sp.simplify)
    student = symbolic.FokkerPlanck(-b * x, sp.sqrt(D * (1 + x**2)), x)
    (point,) = student.fixed_points
    for n, (level, correction) in enumerate(student.harmonic_levels(point, 4)):
        moved = sp.expand(student.adjoint(x**n))
        exact = -moved.coeff(x, n)
        board.zero("Romanovski's polynomials.", exact - n * b + n * (n - 1) * D)
        board.zero("The engine's.", level + correction - exact, by=sp.simplify)


@chain.step
def level_correction_at_a_wall(board: Board) -> None:
    """derived here: at a minimum on a reflecting end, V = Omega x^2/2 + c x^3/3, the cubic term acts at first order in
    the noise: the mean of Omega c x^3/(2 g^2) - c x over the even states of the half line."""
    c, z = sp.Symbol("c", real=True), sp.Symbol("z", positive=True)
    omega = sp.Integer(2)
    for domain, side in (((0, None), 1), ((None, 0), -1)):
        fp = symbolic.FokkerPlanck(-omega * x - c * x**2, g, x, domain)
        point = next(p for p in fp.fixed_points if p.location == 0)
        for j, (level, correction) in enumerate(fp.harmonic_levels(point, 3)):
            wave = sp.hermite(2 * j, z * sp.sqrt(omega / 2) / g) * sp.exp(-omega * z**2 / (4 * g**2))
            change = side * (omega * c * z**3 / (2 * g**2) - c * z)
            norm = sp.integrate(sp.expand(wave**2), (z, 0, sp.oo))
            mean = sp.integrate(sp.expand(change * wave**2), (z, 0, sp.oo)) / norm
            board.zero(f"State {j}.", [level - 2 * j * omega, correction - mean], by=sp.simplify)
