r"""The gradient noise scale tr Σ/|G|² of a recording that carries both, with an interval.

Σ is the covariance of the gradient of one sample and G the mean gradient: at the batch size tr Σ/|G|² noise and signal
of a gradient are equally large (arXiv:1812.06162). It is not proof of a critical batch size: it weights directions by
their size, not by how far the loss can still descend along them, and it grows during training (arXiv:2505.23971).
"""

from dataclasses import dataclass

import numpy as np

from coulombgas._interval import PROBABILITY, Interval
from coulombgas._tails import t_ppf
from coulombgas.spectra import RecordedTraining

_FEWEST, _MOST_BLOCKS = 8, 20  # blocks of records: enough for an error, long enough to be nearly independent


@dataclass(frozen=True, kw_only=True)
class NoiseScale:
    """Batch size at which noise and mean of the gradient are equal.

    Attributes:
        value: the noise scale with its 95% interval; the upper end is infinite if |G|² is consistent with zero.
        num_records: records used.
        statement: the value and what it does not show, in one sentence.
    """

    value: Interval
    num_records: int
    statement: str


def noise_scale(training: RecordedTraining | None, records: slice = slice(None)) -> NoiseScale | None:
    """tr Σ/|G|² as the ratio of the means over records; None for a recording that does not hold them.

    The interval is Fieller's, for a ratio of two means with errors from blocks of records in time.
    """
    if training is None or training.noise_trace is None or training.gradient_norm2 is None:
        return None
    trace, square = training.noise_trace[records], training.gradient_norm2[records]
    known = np.isfinite(trace) & np.isfinite(square)
    if np.count_nonzero(known) < _FEWEST:
        return None
    value = _fieller(trace[known], square[known])
    if value is None:
        return None
    high = f"{value.upper:.3g}" if np.isfinite(value.upper) else "no upper end"
    return NoiseScale(
        value=value,
        num_records=int(np.count_nonzero(known)),
        statement=f"gradient noise scale tr Σ/|G|² = {value.mean:.3g} [{value.lower:.3g}, {high}] samples; it weighs "
        "directions by their size and is no proof of a critical batch",
    )


def _fieller(above: np.ndarray, below: np.ndarray) -> Interval | None:
    """Ratio of two means with Fieller's interval, from blocks; None where the denominator is not positive."""
    num = min(_MOST_BLOCKS, len(above) // 2)
    blocks = np.array([
        [a.mean(), b.mean()] for a, b in zip(np.array_split(above, num), np.array_split(below, num), strict=True)
    ])  # fmt: skip
    (a, b), covariance = blocks.mean(axis=0), np.cov(blocks.T) / num
    reach = float(t_ppf(0.5 + PROBABILITY / 2, num - 1)) ** 2
    if b <= 0:
        return None
    # (a − r b)² ≤ t² Var(a − r b), a quadratic in r
    two = b * b - reach * covariance[1, 1]
    one, zero = a * b - reach * covariance[0, 1], a * a - reach * covariance[0, 0]
    root = np.sqrt(max(one * one - two * zero, 0.0))
    ratio = a / b
    sd = float(ratio * np.sqrt(covariance[0, 0] / a**2 + covariance[1, 1] / b**2 - 2 * covariance[0, 1] / (a * b)))
    # if |G|² is within its error of zero only the lower end exists: the nearer root of the quadratic
    lower = zero / (one + root) if one + root > 0 else 0.0
    return Interval(float(ratio), float(max(lower, 0.0)), float((one + root) / two) if two > 0 else float("inf"), sd)
