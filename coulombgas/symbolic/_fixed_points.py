r"""Fixed points of a drift, and their contributions to the spectrum at small noise."""

from dataclasses import dataclass
from typing import Any

import sympy as sp

from coulombgas._checks import InputError, fail

from ._potential import antiderivative

_MAX_CLOSED_DEGREE = 4  # radicals exist up to here
# Operations in a root: 12 for a quadratic, 17 for a biquadratic, 29 to 57 for x³ + bx + c and ax³ − bx + c; a cubic
# with four parameters has 96 to 112 and a quartic 1064, which nobody reads.
_MAX_OPERATIONS = 60
_MAX_DEGREE = 30  # of a polynomial with numbers; beyond it zeros are found by sign changes


@dataclass(frozen=True)
class FixedPoint:
    r"""A zero of the drift.

    ``location`` is its place and ``curvature`` is V'' = −K' there: if positive, Ω = V'' of a minimum, ALP24
    (arXiv:2407.16427), (48); if negative, minus the rate r at which an unstable point is left. ``at_boundary`` says
    whether it lies on a reflecting end of the domain, where only even states exist.
    """

    location: Any
    curvature: Any
    at_boundary: bool = False

    @property
    def kind(self) -> str:
        """ "minimum", "maximum", "degenerate" or "undecided" (the sign depends on the parameters)."""
        if self.curvature.is_zero:
            return "degenerate"
        if self.curvature.is_positive:
            return "minimum"
        return "maximum" if self.curvature.is_negative else "undecided"

    def level(self, n: Any) -> Any:
        r"""Energy of the n-th state localised here as the noise vanishes.

        nΩ at a minimum (ALP24 (50)) and r(n + 1) at a maximum; on a reflecting boundary only the even states, 2jΩ and
        r(2j + 1). ``n`` counts the states that exist.
        """
        step = 2 * n if self.at_boundary else n
        if self.kind == "undecided":
            return sp.Abs(self.curvature) * (step + sp.Rational(1, 2)) - self.curvature / 2
        return self.curvature * step if self.kind == "minimum" else -self.curvature * (step + 1)

    def gap(self) -> Any:
        """Lowest energy above zero of a state localised here as the noise vanishes."""
        return self.level(1 if self.kind == "minimum" else 0)


def solve_fixed_points(drift: Any, variable: Any, domain: tuple[Any, Any]) -> tuple[tuple[FixedPoint, ...], bool]:
    """The zeros of the drift in closed form, and whether these are all."""
    numerator, denominator = sp.fraction(sp.together(drift))
    points: list[Any] = []
    complete = True
    for factor in sp.Mul.make_args(sp.factor(numerator)):
        base = factor.as_base_exp()[0]
        if not base.has(variable):
            continue
        roots = _roots(base, variable)
        complete = complete and roots is not None
        points += roots or []
    kept = []
    for point in dict.fromkeys(points):
        if denominator.subs(variable, point).is_zero or not _may_lie_inside(point, domain):
            continue
        curvature = _curvature(drift, variable, point)
        if curvature.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
            complete = False
            continue
        kept.append(FixedPoint(point, curvature, any(sp.simplify(point - end) == 0 for end in domain if end.is_finite)))
    return tuple(kept), complete


def _curvature(drift: Any, variable: Any, point: Any) -> Any:
    slope = -sp.diff(drift, variable)
    if point.has(sp.CRootOf, sp.Float):  # simplification would unroll the algebraic number
        return slope.subs(variable, point)
    return sp.factor(sp.simplify(slope.subs(variable, point)))


def _roots(factor: Any, variable: Any) -> list[Any] | None:
    """The zeros of a factor that may be real, or None where they have no closed form that is real.

    For a polynomial with numeric coefficients the real zeros are exact (rational, in radicals or as the n-th root of
    the polynomial). With parameters, Cardano's formula passes through complex numbers when three zeros are real: then
    there is no closed form.
    """
    if isinstance(factor, sp.exp):
        return []
    if not factor.is_polynomial(variable):
        return None
    polynomial = sp.Poly(factor, variable)
    if not polynomial.free_symbols_in_domain and polynomial.degree() > 2:
        return _real_roots(polynomial)
    if polynomial.degree() > _MAX_CLOSED_DEGREE:
        return None
    found = sp.roots(polynomial)
    if sum(found.values()) < polynomial.degree() or any(sp.count_ops(root) > _MAX_OPERATIONS for root in found):
        return None
    if any(root.has(sp.I) and root.is_real is None for root in found):
        return None
    return [sp.simplify(root) for root in found]


def _real_roots(polynomial: Any) -> list[Any] | None:
    if polynomial.degree() > _MAX_DEGREE:
        return None
    if polynomial.domain.is_ZZ or polynomial.domain.is_QQ:
        return list(dict.fromkeys(polynomial.real_roots()))
    found = (sp.N(root, 30, chop=True) for root in polynomial.nroots(n=30, maxsteps=200))
    return [root for root in found if root.is_real]


def _may_lie_inside(point: Any, domain: tuple[Any, Any]) -> bool:
    if point.is_real is False:
        return False
    low, high = domain
    return not ((point - low).is_negative or (high - point).is_negative)


def harmonic_levels(equation: Any, point: FixedPoint, num: int) -> tuple[tuple[Any, Any], ...]:
    """Implementation of :meth:`FokkerPlanck.harmonic_levels`; see there."""
    if equation.diffusion.subs(equation.variable, point.location).is_zero:
        fail("point", "must lie where the noise does not vanish: there the expansion is not harmonic", point.location)
    if point.at_boundary and point.kind not in ("minimum", "maximum"):
        fail("point", "must have a curvature of known sign: declare parameters positive or give numbers", point)
    if point.kind == "degenerate":
        fail("point", "must have a curvature: the drift vanishes to higher order there", point.location)
    inward = -1 if sp.simplify(point.location - equation.domain[1]) == 0 else 1
    return tuple(
        (point.level(n), first_correction(equation.drift, equation.noise, equation.variable, point, n, inward=inward))
        for n in range(num)
    )


def kramers_rate(equation: Any, well: FixedPoint, barrier: FixedPoint) -> Any:
    """Implementation of :meth:`FokkerPlanck.kramers_rate`; see there."""
    x, diffusion = equation.variable, equation.diffusion
    exponent = antiderivative(equation.drift / diffusion, x, well.location)
    if exponent is None:
        raise InputError("`drift` over diffusion has no antiderivative in closed form that SymPy finds.")
    jump = exponent.subs(x, barrier.location) - exponent.subs(x, well.location)
    jump = sp.simplify(jump) if jump.free_symbols else jump  # simplifying c log 2 with a large c writes out 2^c
    ratio = diffusion.subs(x, well.location) / diffusion.subs(x, barrier.location)
    prefactor = sp.sqrt(well.curvature * sp.Abs(barrier.curvature) * sp.simplify(ratio)) / (2 * sp.pi)
    return (2 if well.at_boundary else 1) * prefactor * sp.exp(jump)


def first_correction(drift: Any, amplitude: Any, variable: Any, point: FixedPoint, n: Any, *, inward: int = 1) -> Any:
    r"""Leading correction in the noise to ``point.level(n)``.

    At an interior point it is of order g²: second-order perturbation theory of the harmonic oscillator in the
    coordinate y = ∫dx/g, in which the noise is constant and the drift is F = K/g − g'. At a reflecting boundary
    (whole n only) the cubic term of V acts at first order already and the correction is of order g.
    Zero for n = 0 at a minimum: the stationary state keeps its energy.
    """
    flow = drift / amplitude

    def along(function: Any) -> Any:
        return amplitude * sp.diff(function, variable)

    second, third = along(along(flow)), along(along(along(flow)))
    kick = -sp.diff(amplitude, variable)
    a, b, c0, c1 = (sp.simplify(f.subs(variable, point.location)) for f in (second, third, kick, along(kick)))
    if point.at_boundary:
        return _half_line_correction(point, inward * a, inward * c0, int(n))
    return sp.factor(sp.simplify(_oscillator_correction(point, a, b, c0, c1, n)))


def _oscillator_correction(point: FixedPoint, a: Any, b: Any, c0: Any, c1: Any, n: Any) -> Any:
    """Second-order correction to level n of the oscillator at a fixed point, by perturbation theory."""
    omega = point.curvature
    w = sp.Abs(omega) if point.kind == "undecided" else (omega if point.kind == "minimum" else -omega)
    p, q = -omega * a / 4, (a - omega * c0) / 2  # odd part of the perturbation: p y³ + q y

    def step_one(m: Any) -> Any:
        return (m + 1) * (q + 3 * p * (m + 1) / w) ** 2 / w

    def step_three(m: Any) -> Any:
        return p**2 * (m + 1) * (m + 2) * (m + 3) / w**3

    even = (a**2 / 16 - omega * b / 12) * 3 * (2 * n**2 + 2 * n + 1) / w**2
    even += (b / 4 - omega * c1 / 2 + a * c0 / 4) * (2 * n + 1) / w + c0**2 / 4 + c1 / 2
    return even + (step_one(n - 1) - step_one(n)) / w + (step_three(n - 3) - step_three(n)) / (3 * w)


def _half_line_correction(point: FixedPoint, a: Any, c0: Any, j: int) -> Any:
    """−∫ δF ψ (ψ' − F₀ψ/2) dy / ∫ψ², the first-order change of the quadratic form, boundary term included."""
    y = sp.Symbol("y", nonnegative=True)
    omega = point.curvature
    sign = 1 if point.kind == "minimum" else -1
    w = sign * omega
    # in t = y √(w/2): ψ_{2j} = He-type polynomial times exp(−t²/2), F₀ = −ω y
    psi = sp.hermite(2 * j, y) * sp.exp(-(y**2) / 2)
    shift = sp.diff(psi, y) + sign * y * psi
    norm = sp.integrate(psi**2, (y, 0, sp.oo))
    quadratic = sp.integrate(y**2 * psi * shift, (y, 0, sp.oo)) / norm
    constant = sp.integrate(psi * shift, (y, 0, sp.oo)) / norm
    scale = sp.sqrt(w / 2)
    return sp.simplify(-(a / 2 * quadratic / scale + c0 * constant * scale))
