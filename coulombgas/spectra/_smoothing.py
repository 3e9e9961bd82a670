r"""Was the density smoothed too much or too little? The power spectrum of :math:`\delta_i = u_i - i` tells.

Its power at frequency k falls as 1/k for random matrices and 1/k² for independent levels (Relaño et al.,
arXiv:nlin/0204052). A counting function that misses part of the density adds power at small k; one that follows the
fluctuations removes it there. Both show as a departure from the power law that larger k set.
"""

from typing import NamedTuple

import numpy as np

_NUM_LOW = 6
_OVER = 5.0  # right smoothing exceeds it in under 0.1% of spectra: mean of 6 exponentials of mean at most 1
_SUPPRESSED = 0.3
_SHORTEST = 6.0  # nearest-neighbour statistics feel an unfolding that follows fluctuations of this length


class SmoothingDiagnosis(NamedTuple):
    """Power of the level fluctuations at long wavelength against what short wavelengths predict."""

    low_frequency_power: float
    """Mean of measured over expected power in the six slowest modes: 1 or less, unless the density was missed."""
    reliable_length: float
    """Longest interval L, in mean spacings, over which fluctuations survive the unfolding: half a wavelength."""
    mean_spacing: float
    """Should be 1."""
    num_disordered: int
    """Levels whose order the smooth counting function inverted: it is not monotonic there."""
    warnings: tuple[str, ...]
    """Empty when all is well."""


def diagnose_smoothing(unfolded: np.ndarray) -> SmoothingDiagnosis:
    """Diagnose unfolded levels, shape (n,), n ≥ 12, in the order of the original levels."""
    size = unfolded.size
    delta = unfolded - np.arange(size)
    ramp = np.linspace(delta[0], delta[-1], size)
    power = np.abs(np.fft.rfft(delta - ramp))[1:] ** 2
    relative = power / _expected(power)
    low = float(relative[: min(_NUM_LOW, relative.size)].mean())
    reliable = size / (2 * max(_last_suppressed(relative), 1))
    gaps = np.diff(unfolded)
    mean, disordered = float(gaps.mean()), int(np.count_nonzero(gaps < 0))
    return SmoothingDiagnosis(low, reliable, mean, disordered, _warnings(low, reliable, mean, disordered, size))


def _expected(power: np.ndarray) -> np.ndarray:
    """Power law in sin(πk/n) through the faster half of the modes, extended to the slow ones."""
    k = np.arange(1, power.size + 1, dtype=np.float64)
    scale = np.log(np.sin(np.pi * k / (2 * power.size + 1)))
    fast = slice(power.size // 3, max(power.size - 1, power.size // 3 + 2))
    logs = np.log(np.maximum(power[fast], 1e-30))
    slope = np.polyfit(scale[fast], logs, 1)[0]
    slope = float(np.clip(slope, -2.0, -1.0))  # between independent and random-matrix levels
    offset = float(np.mean(logs - slope * scale[fast])) + np.euler_gamma  # the log of exponential noise averages −γ
    return np.exp(offset + slope * scale)


def _last_suppressed(relative: np.ndarray) -> int:
    """Highest mode of the octaves, counted from the slowest without a break, whose mean power is suppressed."""
    last, start = 0, 1
    while 2 * start - 1 <= relative.size:
        if relative[start - 1 : 2 * start - 1].mean() > _SUPPRESSED:
            break
        last, start = 2 * start - 1, 2 * start
    return last


def _warnings(low: float, reliable: float, mean: float, disordered: int, size: int) -> tuple[str, ...]:
    found = []
    if low > _OVER:
        found.append(
            f"unfolding over-smoothed: slow fluctuations have {low:.1f} times the power expected; "
            "use more knots, a higher degree or a narrower kernel"
        )
    if reliable < min(_SHORTEST, size / 8):
        found.append(
            f"unfolding under-smoothed: it follows fluctuations down to {reliable:.1f} mean spacings; "
            "use fewer knots, a lower degree or a wider kernel"
        )
    if disordered:
        found.append(f"unfolding not monotonic at {disordered} of {size} levels")
    if abs(mean - 1) > 0.1:
        found.append(f"mean unfolded spacing is {mean:.2f} instead of 1")
    return tuple(found)
