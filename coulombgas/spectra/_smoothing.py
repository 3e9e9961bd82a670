r"""Was the density smoothed too much or too little? Answered by the power spectrum of :math:`\delta_i = u_i - i`.

Its power at frequency k falls as 1/k for random matrices and 1/k² for independent levels (Relaño et al.,
arXiv:nlin/0204052). A counting function that misses part of the density adds power at small k; one that follows the
fluctuations removes it there. Both show as a departure from the power law set by larger k.
"""

from typing import NamedTuple

import numpy as np

_NUM_LOW = 6  # slowest modes, whose mean power shows what the smooth density missed
_OVER = 5.0  # exceeded by correctly smoothed random-matrix levels in under 0.1% of spectra of 100, in 2% of 12
_SUPPRESSED = 0.3  # of the expected power: below, the smooth density has followed the levels
_SHORTEST = 6.0  # an unfolding that follows shorter fluctuations changes nearest-neighbour statistics


class SmoothingDiagnosis(NamedTuple):
    """Power of the level fluctuations at long wavelengths, compared with the prediction from short ones."""

    low_frequency_power: float
    """Mean of measured over expected power in the six slowest modes: about 1 or less for random matrices, if right."""
    reliable_length: float
    """Longest interval L, in mean spacings, over which fluctuations survive the unfolding: half a wavelength."""
    mean_spacing: float
    """Mean unfolded spacing, which should be 1."""
    num_disordered: int
    """Number of levels whose order is inverted: the smooth counting function is not monotonic there."""
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
    """Power law in sin(πk/n) through the faster two thirds of the modes, extended to the slow ones."""
    k = np.arange(1, power.size + 1, dtype=np.float64)
    scale = np.log(np.sin(np.pi * k / (2 * power.size + 1)))
    fast = slice(power.size // 3, max(power.size - 1, power.size // 3 + 2))
    logs = np.log(np.maximum(power[fast], 1e-30))
    slope = np.polyfit(scale[fast], logs, 1)[0]
    slope = float(np.clip(slope, -2.0, -1.0))  # between independent and random-matrix levels
    offset = float(np.mean(logs - slope * scale[fast])) + np.euler_gamma  # the log of exponential noise averages −γ
    return np.exp(offset + slope * scale)


def _last_suppressed(relative: np.ndarray) -> int:
    """Highest mode of the consecutive octaves from the slowest on whose mean power is suppressed."""
    last, start = 0, 1
    while 2 * start - 1 <= relative.size:
        if relative[start - 1 : 2 * start - 1].mean() > _SUPPRESSED:
            break
        last, start = 2 * start - 1, 2 * start
    return last


def _warnings(low: float, reliable: float, mean: float, disordered: int, size: int) -> tuple[str, ...]:
    """What is wrong with an unfolding, one sentence each."""
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
