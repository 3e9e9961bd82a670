r"""Chebyshev series of the Tracy-Widom laws, computed from a 40-digit solution (``derivations/_painleve.py``).

The array module is an argument: ``jax.numpy`` for :class:`coulombgas.laws.TracyWidom`, ``numpy`` for the edge of noise
(:mod:`coulombgas.laws._noise_edge`), which is looked up in loops that would wait for the compiler. The variable x is
that of Painlevé's equation, √2 s for β = 4 and s otherwise.
"""

import functools
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

RATES = {1: (0.75, 2 / 3), 2: (1.5, 4 / 3), 4: (3.0, 4 / 3)}
"""Power and rate of 1 − F in the Painlevé variable, for each β."""


class Series(NamedTuple):
    """Chebyshev coefficients of the left tail, the middle and the right tail, and the numbers that go with them."""

    panels: tuple[np.ndarray, np.ndarray, np.ndarray]
    edges: tuple[float, float]
    mean: float
    variance: float


@functools.cache
def series_of(beta: int, kind: str) -> Series:
    """The stored series of ``kind`` "density" (its logarithm) or "logit" (of the cdf)."""
    table = json.loads(Path(__file__).with_name("tracy_widom.json").read_text(encoding="utf-8"))[str(beta)]
    size = max(len(panel) for panel in table[kind])
    left, middle, right = (np.pad(np.array(panel), (0, size - len(panel))) for panel in table[kind])
    return Series((left, middle, right), tuple(table["edges"]), table["mean"], table["variance"])


def evaluate(beta: int, kind: str, x: Any, xp: Any) -> Any:
    """log density or logit of the cdf in the Painlevé variable, with the array module ``xp``."""
    series = series_of(beta, kind)
    low, high = series.edges
    left, right = x < low, x > high
    middle = ~(left | right)
    distance = xp.where(left, -x, xp.where(right, x, 1.0))
    root = xp.sqrt(distance)
    stretch = xp.where(left, (-low) ** 1.5, high**1.5)
    argument = xp.where(middle, (2 * x - low - high) / (high - low), 2 * stretch / (distance * root) - 1)
    total = _clenshaw(series.panels, left, right, argument, xp)
    return total + xp.where(middle, 0.0, _leading(beta, kind, left, distance, root, xp))


def _clenshaw(panels: tuple[np.ndarray, ...], left: Any, right: Any, x: Any, xp: Any) -> Any:
    """The Chebyshev sum of each element's own panel, by Clenshaw's recurrence."""
    above = current = xp.zeros_like(x)
    for k in range(len(panels[1]) - 1, -1, -1):
        a, m, b = (float(panel[k]) for panel in panels)
        outer = xp.where(left, a, xp.where(right, b, m)) if a or b else xp.where(left | right, 0.0, m)
        factor = 2.0 if k else 1.0
        current, above = factor * x * current - above + outer, current
    return current


def _leading(beta: int, kind: str, left: Any, distance: Any, root: Any, xp: Any) -> Any:
    """What ``leading`` of ``derivations/_painleve.py`` subtracted."""
    log = xp.log(distance)
    half, sign = (1.0, 0.0) if beta == 2 else (0.5, 1.0 if beta == 4 else -1.0)
    power, rate = RATES[beta]
    density = kind == "density"
    three_halves = distance * root
    in_left = (
        -half * (distance**3 / 12 + log / 8) + sign / (3 * math.sqrt(2)) * three_halves + (2 * log if density else 0)
    )
    in_right = -rate * three_halves - (power - (0.5 if density else 0)) * log
    return xp.where(left, in_left, in_right if density else -in_right)
