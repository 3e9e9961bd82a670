"""Where to put elements: the region reached by the wanted states, divided evenly in their WKB exponent."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_DECAY = 22.0  # exp(−2 · 22) = 8e-20 is the part of a state's norm that is cut off
_NUM_SIDE = 3000  # points per graded grid: 60 a decade over the 49 decades below
_SMALLEST, _LARGEST = 1e-40, 1e9  # distances from an end or a centre at which the potential is sampled
_EPSILON = float(np.finfo(np.float64).eps)
_SINGULAR = 1e-6  # of √|W/D| times the distance, which vanishes at a regular end and not where p_s is a power
_GRADING = 2.0  # WKB exponent added for each factor e in the distance from a singular end
_NEGLIGIBLE = 1e-9  # E δ²/D within δ of an end without noise: what the states change there, and the error of one lump
_HIGHEST = 1e7  # of W over the energies: beyond, rounding of the largest matrix element would reach the lowest states


class Grids(NamedTuple):
    """Graded distances from ends and centres; arguments of the compiled function, as constants would be folded."""

    unit: Any
    linear: Any
    unit_spread: Any
    open: Any
    open_spread: Any


def make_grids() -> Grids:
    """The grids on which the potential is sampled."""
    return Grids(
        np.geomspace(_SMALLEST, 0.5, _NUM_SIDE),
        np.linspace(0, 1, 2 * _NUM_SIDE + 1)[1:-1],
        np.geomspace(1e-9, 1.0, _NUM_SIDE // 4),
        np.geomspace(_SMALLEST, _LARGEST, _NUM_SIDE),
        np.geomspace(1e-9, _LARGEST, _NUM_SIDE),
    )


class Samples(NamedTuple):
    """An equation at the points from which its mesh is found; everything but the ends is fixed in derivatives."""

    low: Any
    high: Any
    """Ends of the domain; None for an infinite one."""
    x: Any
    potential: Any
    diffusion: Any
    still: Any
    """Whether the noise vanishes at each end; an infinite one counts."""
    zeros: Any
    """Zeros of the noise, padded with NaN."""


class Survey(NamedTuple):
    """Where the wanted states are."""

    x: Any
    exponent: Any
    """WKB exponent of the states from the first of x."""
    bounds: Any
    """First and last edge."""
    verdict: "Verdict"


class Verdict(NamedTuple):
    """What no number of elements mends, and the whole exponent, which tells how many are needed."""

    exponent: Any
    open_end: Any
    undefined: Any
    split: Any


def sample(
    potential: Callable[[Any], Any],
    diffusion: Callable[[Any], Any],
    low: Any,
    high: Any,
    centers: Float[Array, " c"],
    zeros: Any,
    grids: Grids,
) -> Samples:
    """Potential and diffusion of −∂ D ∂ + W on (low, high), near every end and centre and far from it.

    ``centers`` are NaN where there is none, and so are ``zeros``, those of the diffusion.
    """
    x = _probe(low, high, centers, grids)
    still = jnp.stack([_still(diffusion, low, high, sign) for sign in (1, -1)])
    return Samples(low, high, x, potential(x), diffusion(x), still, zeros)


@jax.jit
def survey(samples: Samples, num_states: Any) -> Survey:
    """The region that the lowest ``num_states`` reach, and their exponent; one program for all equations."""
    low, high, x = samples.low, samples.high, samples.x
    holes = _holes(x, samples.potential, low, high)
    w, d = _clean(samples.potential, 1e100), jnp.maximum(_clean(samples.diffusion, 1e-100), 1e-100)
    energy = 1.5 * _energy(x, w, d, num_states + 1)  # with a margin above the highest wanted state
    decay = _cumulative(x, jnp.sqrt(jnp.maximum(w - energy, 0) / d), limit=10 * _DECAY)
    allowed = w < energy
    first, last = jnp.argmax(allowed), len(x) - 1 - jnp.argmax(allowed[::-1])
    inside = (decay >= decay[first] - _DECAY) & (decay <= decay[last] + _DECAY) & (w < _HIGHEST * energy)
    for end, still in ((low, samples.still[0]), (high, samples.still[1])):
        if end is not None:
            inside &= ~still | (energy * (x - jax.lax.stop_gradient(end)) ** 2 > _NEGLIGIBLE * d)
    begin, end = jnp.argmax(inside), len(x) - 1 - jnp.argmax(inside[::-1])
    undefined = _reaches(holes, decay, first, last)
    strength = jnp.sqrt(jnp.abs(w) / d)
    reaches = jnp.stack([begin == 0, end == len(x) - 1])
    left, graded_left = _end(x[begin], low, reaches[0], strength[begin], samples.still[0])
    right, graded_right = _end(x[end], high, reaches[1], strength[end], samples.still[1])
    # the even part adds 4 to the whole exponent, as much as one element resolves (``_MAX_EXPONENT`` of ``_spectrum``),
    # so that no element grows without bound where |W| + energy is small
    rate = jnp.sqrt((jnp.abs(w) + energy) / d) + 4 / (right - left)
    rate += _grade(x, low, graded_left) + _grade(x, high, graded_right)
    x = jnp.clip(x, x[begin], x[end])
    split = jnp.any((samples.zeros > left) & (samples.zeros < right))
    open_end = jnp.any(reaches & samples.still)
    exponent = _cumulative(x, rate)
    return Survey(x, exponent, jnp.stack([left, right]), Verdict(exponent[-1], open_end, undefined, split))


def place(found: Survey, low: Any, high: Any, num_elements: int) -> Float[Array, " E"]:
    """Edges of elements that share the exponent evenly.

    Positions are kept as fractions of a finite domain and shifts from a single finite end, so that they follow the
    ends when these depend on parameters; otherwise the mesh is held fixed in derivatives.
    """
    targets = jnp.linspace(0.0, 1.0, num_elements + 1) * found.exponent[-1]
    edges = jnp.interp(targets, found.exponent, found.x).at[0].set(found.bounds[0]).at[-1].set(found.bounds[1])
    return _attach(jax.lax.stop_gradient(edges), low, high)


def _probe(low: Any, high: Any, centers: Float[Array, " c"], grids: Grids) -> Any:
    """Points from very near every end and centre to very far from it, ascending."""
    stop = jax.lax.stop_gradient
    if low is not None and high is not None:
        fractions = jnp.concatenate([grids.unit, grids.linear, 1 - jnp.asarray(grids.unit)])
        low, high = stop(low), stop(high)
        parts = [low + (high - low) * fractions]
        spread = (high - low) * grids.unit_spread
        bounds = _inside(low, high - low, 1), _inside(high, high - low, -1)
    else:
        start = jnp.asarray(0.0) if low is None and high is None else stop(low if high is None else high)
        graded = grids.open
        parts = ([start + graded] if high is None else []) + ([start - graded] if low is None else [])
        spread = grids.open_spread
        bounds = (
            -_LARGEST if low is None else _inside(start, 1.0, 1),
            _LARGEST if high is None else _inside(start, 1.0, -1),
        )
    middle = jnp.where(jnp.isfinite(stop(centers)), stop(centers), parts[0][0])[:, None]
    parts += [(middle + spread).ravel(), (middle - spread).ravel()]
    return jnp.sort(jnp.clip(jnp.concatenate(parts), *bounds))


def _inside(end: Any, span: Any, sign: int) -> Any:
    """The point of the domain next to an end, never the end: there the noise may vanish, and √(E/D) be infinite."""
    return end + sign * jnp.maximum(_SMALLEST * span, _EPSILON * jnp.abs(end))


def _holes(x: Any, potential: Any, low: Any, high: Any) -> Any:
    """Points strictly inside the domain where the potential is not a number."""
    holes = jnp.isnan(potential)
    for end in (low, high):
        if end is not None:
            holes &= x != jax.lax.stop_gradient(end)
    return holes


def _reaches(holes: Any, decay: Any, first: Any, last: Any) -> Any:
    """Whether a state still reaches the nearest hole; further out NaN may come from overflow and does no harm."""
    place = jnp.arange(len(holes))
    below = jnp.max(jnp.where(holes & (place < first), place, -1))
    above = jnp.min(jnp.where(holes & (place > last), place, len(holes)))
    near_below = (below >= 0) & (decay[first] - decay[jnp.minimum(below + 1, first)] < _DECAY)
    near_above = (above < len(holes)) & (decay[jnp.maximum(above - 1, last)] - decay[last] < _DECAY)
    return near_below | near_above | jnp.any(holes & (place >= first) & (place <= last))


def _clean(values: Any, default: float) -> Any:
    values = jax.lax.stop_gradient(values)
    return jnp.clip(jnp.where(jnp.isfinite(values), values, default), -1e100, 1e100)


def _cumulative(x: Any, rate: Any, limit: float = np.inf) -> Any:
    """Cumulative trapezoidal rule; ``limit`` caps one step, so that a wall does not swamp all later digits."""
    steps = jnp.minimum(jnp.diff(x) * (rate[1:] + rate[:-1]) / 2, limit)
    return jnp.concatenate([jnp.zeros(1), jnp.cumsum(steps)])


def _energy(x: Any, w: Any, d: Any, count: Any) -> Any:
    """The energy below which the phase integral ∫√((E − W)/D) dx / π counts ``count`` states, by bisection of log E."""

    def halve(_: Any, bounds: Any) -> Any:
        below, above = bounds
        middle = (below + above) / 2
        phase = _cumulative(x, jnp.sqrt(jnp.maximum(jnp.exp(middle) - w, 0) / d))[-1] / jnp.pi
        return jnp.where(phase < count, middle, below), jnp.where(phase < count, above, middle)

    # 50 halvings of 120 leave 1e-13 of log E
    below, above = jax.lax.fori_loop(0, 50, halve, (jnp.asarray(-60.0), jnp.asarray(60.0)))
    return jnp.exp((below + above) / 2)


def _still(diffusion: Callable[[Any], Any], low: Any, high: Any, sign: int) -> Any:
    """Whether the noise vanishes at an end; an infinite end counts as one.

    States that reach such an end within the smallest distances have no finite WKB length, and so a continuous
    spectrum: at a finite end as for D ∝ δ², where only log δ counts.
    """
    end = low if sign > 0 else high
    if end is None:
        return jnp.asarray(True)
    end = jax.lax.stop_gradient(end)
    span = 1.0 if low is None or high is None else jax.lax.stop_gradient(high - low)
    near = _inside(end, span, sign)
    d = _clean(diffusion(jnp.stack([near, end + 1e6 * (near - end)])), 0.0)
    return d[0] < 0.1 * d[1]


def _end(cut: Any, end: Any, reaches: Any, strength: Any, still: Any) -> tuple[Any, Any]:
    """The end of the domain if the states reach it and the action is regular there, else the cut; whether singular."""
    if end is None:
        return cut, False
    end = jax.lax.stop_gradient(end)
    singular = still | (strength * jnp.abs(cut - end) > _SINGULAR)
    return jnp.where(reaches & ~singular, end, cut), singular


def _grade(x: Any, end: Any, singular: Any) -> Any:
    """Elements in geometric progression towards an end where p_s is a power of the distance."""
    if end is None:
        return 0.0
    distance = jnp.maximum(jnp.abs(x - jax.lax.stop_gradient(end)), 1e-100)
    return jnp.where(singular, _GRADING / distance, 0.0)


def _attach(edges: Any, low: Any, high: Any) -> Any:
    """The same numbers, moving with the finite ends."""
    stop = jax.lax.stop_gradient
    if low is not None and high is not None:
        fraction = (edges - stop(low)) / (stop(high) - stop(low))
        return jnp.where(fraction < 0.5, low + (high - low) * fraction, high - (high - low) * (1 - fraction))
    if low is None and high is None:
        return edges
    end = low if high is None else high
    return end + (edges - stop(end))
