"""Small-noise picture with numbers: all fixed points, the levels localised there, the gap, and the rates between
wells."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from coulombgas._checks import InputError
from coulombgas._precision import in_x64

from ._fixed_points import FixedPoint
from ._to_jax import to_jax

_NUM_BISECTIONS = 200  # at most: the loop ends when the brackets are two rounding errors wide
_MAX_POINTS = 200  # more sign changes belong to an oscillating drift, not to wells


@dataclass(frozen=True)
class SmallNoise:
    """What the fixed points imply for the spectrum.

    ``levels`` are (energy, location) of the lowest localised states, ascending, leading order. ``gap`` is the lowest
    non-zero one, or with several wells the sum of the two crossing rates of the slowest pair of neighbours, which is
    exponentially small. ``rates`` are (from, to, rate).
    """

    fixed_points: tuple[FixedPoint, ...]
    levels: tuple[tuple[float, float], ...]
    gap: float
    rates: tuple[tuple[float, float, float], ...]


def small_noise(equation: Any, num: int) -> SmallNoise:
    """The picture for an equation without free parameters."""
    points = numeric_fixed_points(equation)
    regular = [point for point in points if point.kind != "degenerate" and _is_noisy(equation, point)]
    levels = sorted((float(point.level(n)), float(point.location)) for point in regular for n in range(num))[:num]
    rates = _rates(equation, points)
    gaps = [float(point.gap()) for point in regular]
    gaps += [there[2] + back[2] for there, back in itertools.pairwise(rates)][::2]
    if not gaps:
        raise InputError("`drift` has no fixed point with a curvature and noise: it has no small-noise picture.")
    return SmallNoise(points, tuple(levels), min(gaps), rates)


def _is_noisy(equation: Any, point: FixedPoint) -> bool:
    value = equation.diffusion.subs(equation.variable, point.location)
    number = value.evalf(17)
    return bool(number.is_real and number.is_finite is not False and abs(float(number)) > 0)


def numeric_fixed_points(equation: Any) -> tuple[FixedPoint, ...]:
    """All zeros of a drift without parameters, ascending: in closed form, then by sign changes."""
    if equation.parameters:
        raise InputError(f"`params` must give every parameter, missing {', '.join(map(str, equation.parameters))}.")
    found = [_rounded(point) for point in equation.fixed_points]
    found = [point for point in found if point is not None]
    if not equation.fixed_points_complete:
        known = [float(point.location) for point in found]
        found += [
            _measure(equation, x)
            for x in _sign_changes(equation)
            if not any(abs(x - k) <= 1e-7 * (1 + abs(k)) for k in known)
        ]
    return tuple(sorted(found, key=lambda point: float(point.location)))


def _rounded(point: FixedPoint) -> FixedPoint | None:
    """The point if it is real, with 17-digit numbers that keep an exact zero exact."""
    location = sp.N(point.location, 30, chop=True)
    if not location.is_real:
        return None
    curvature = point.curvature if point.curvature.is_Rational else sp.N(point.curvature, 17, chop=True)
    exact = point.location if point.location.is_Rational else sp.N(location, 17)
    return FixedPoint(exact, curvature, point.at_boundary)


def _measure(equation: Any, x: float) -> FixedPoint:
    location = sp.Float(x, 17)
    curvature = -sp.diff(equation.drift, equation.variable).subs(equation.variable, location).evalf(17)
    if not curvature.is_real:
        curvature = sp.S.Zero  # no slope here, as for |x|: not harmonic
    return FixedPoint(
        location, curvature, any(end.is_finite and abs(float(end) - x) < 1e-12 for end in equation.domain)
    )


@in_x64
def _sign_changes(equation: Any) -> list[float]:
    """Zeros of the drift, ascending, from sign changes on a grid by bisection; poles are left out."""
    drift = to_jax(equation.drift, equation.variable)
    low, high = (float(end) for end in equation.domain)
    x = _grid(low, high)
    values = np.asarray(drift(x))
    zeros = [float(end) for end in (low, high) if np.isfinite(end) and float(drift(end)) == 0]
    finite = np.isfinite(values[:-1]) & np.isfinite(values[1:])
    crossing = np.flatnonzero(finite & (np.sign(values[:-1]) * np.sign(values[1:]) < 0))
    if len(crossing) > _MAX_POINTS:
        raise InputError(f"`drift` changes sign more than {_MAX_POINTS} times: give a smaller `domain`.")
    left, right = x[crossing], x[crossing + 1]
    size = np.maximum(np.abs(values[crossing]), np.abs(values[crossing + 1]))
    rising = np.sign(values[crossing])
    for _ in range(_NUM_BISECTIONS if len(left) else 0):
        middle = (left + right) / 2
        same = np.sign(np.asarray(drift(middle))) == rising
        left, right = np.where(same, middle, left), np.where(same, right, middle)
        if np.all(right - left <= 4e-16 * np.abs(middle)):
            break
    roots = np.where(np.abs(left + right) < 1e-12, 0.0, (left + right) / 2)
    regular = np.abs(np.asarray(drift(roots))) <= size if len(roots) else []  # at a pole the value grows instead
    exact = x[np.flatnonzero(values == 0)] if np.count_nonzero(values == 0) <= _MAX_POINTS else x[:0]
    return (
        sorted({*roots[regular].tolist(), *zeros, *exact.tolist()}) if len(roots) else sorted({*zeros, *exact.tolist()})
    )


def _grid(low: float, high: float) -> np.ndarray:
    if np.isfinite(low) and np.isfinite(high):
        graded = np.geomspace(1e-12, 0.5, 1500)
        return low + (high - low) * np.unique(np.concatenate([graded, np.linspace(0, 1, 4001)[1:-1], 1 - graded]))
    graded = np.concatenate([np.geomspace(1e-9, 1e9, 4000), np.linspace(1e-3, 50, 4000)])
    start = low if np.isfinite(low) else (high if np.isfinite(high) else 0.0)
    below = [] if np.isfinite(low) else start - graded
    above = [] if np.isfinite(high) else start + graded
    return np.unique(np.concatenate([below, above]))


def _rates(equation: Any, points: tuple[FixedPoint, ...]) -> tuple[tuple[float, float, float], ...]:
    """Both rates for each barrier between two neighbouring wells, there and back."""
    rates = []
    for left, barrier, right in zip(points, points[1:], points[2:], strict=False):
        if (left.kind, barrier.kind, right.kind) == ("minimum", "maximum", "minimum"):
            for well, other in ((left, right), (right, left)):
                rates.append((float(well.location), float(other.location), _rate(equation, well, barrier)))
    return tuple(rates)


def _rate(equation: Any, well: FixedPoint, barrier: FixedPoint) -> float:
    """Kramers' rate, with the exponent by quadrature (no closed-form potential is needed); doubled for a well on a
    boundary."""
    x = equation.variable
    exponent = float(sp.Integral(equation.drift / equation.diffusion, (x, well.location, barrier.location)).evalf(15))
    ratio = equation.diffusion.subs(x, well.location) / equation.diffusion.subs(x, barrier.location)
    prefactor = float(sp.sqrt(well.curvature * -barrier.curvature * ratio)) / (2 * np.pi)
    return (2 if well.at_boundary else 1) * prefactor * float(np.exp(exponent))
