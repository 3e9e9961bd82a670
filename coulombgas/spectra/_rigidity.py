r"""Long-range order of unfolded levels: number variance Σ²(L) and spectral rigidity Δ₃(L), without random windows."""

from typing import NamedTuple

import numpy as np

from coulombgas._checks import InputError, check_finite_array

_BLOCKS = 20  # at most: enough for the scatter of blocks to give a standard error
_STARTS_PER_LENGTH = 8  # windows for Δ₃ overlap by 7/8: more of them add no information


class LongRangeStatistic(NamedTuple):
    """A statistic at several interval lengths, with the standard error of each value."""

    length: np.ndarray
    """L in mean spacings, shape (length,)."""
    value: np.ndarray
    """Estimate, shape (length,)."""
    error: np.ndarray
    """Standard error, from blocks of the spectrum (one spectrum) or from the scatter of spectra (several)."""


def number_variance(unfolded: np.ndarray, length: np.ndarray) -> LongRangeStatistic:
    r"""Number variance Σ²(L) = <(n(x, x+L) − L)²>, averaged exactly over all window positions x.

    The count is piecewise constant in x, so its average is a finite sum over the events where a level enters or leaves
    the window: no random starting points, no seed.

    Args:
        unfolded: levels of mean spacing 1, ascending, shape (n,) or (spectrum, n).
        length: interval lengths L, shape (length,); each shorter than half of the spectrum.

    Raises:
        InputError: for levels that do not ascend or lengths out of range.
    """
    return _statistic(unfolded, length, _number_variance_blocks)


def rigidity(unfolded: np.ndarray, length: np.ndarray) -> LongRangeStatistic:
    r"""Rigidity Δ₃(L) = min over A, B of (1/L) ∫ (n(x) − A x − B)² dx, averaged over windows that overlap by 7/8.

    Each window is exact, from the sums over its n levels at distances y_i from its centre (Bohigas and Giannoni):

    .. math:: \Delta_3 = \frac{n^2}{16} - \frac{1}{L^2}\Big(\sum y_i\Big)^2 + \frac{3n}{2L^2}\sum y_i^2
              - \frac{3}{L^4}\Big(\sum y_i^2\Big)^2 + \frac1L\sum (n - 2i + 1)\,y_i

    Args:
        unfolded: levels of mean spacing 1, ascending, shape (n,) or (spectrum, n).
        length: interval lengths L, shape (length,); each shorter than half of the spectrum.

    Raises:
        InputError: for levels that do not ascend or lengths out of range.
    """
    return _statistic(unfolded, length, _rigidity_blocks)


def _statistic(unfolded: np.ndarray, length: np.ndarray, blocks) -> LongRangeStatistic:
    """A long-range statistic at each length with its standard error, from checked spectra."""
    spectra = np.atleast_2d(check_finite_array("unfolded", unfolded))
    if spectra.ndim != 2 or spectra.shape[1] < 8:
        raise InputError(f"`unfolded` must hold spectra of at least 8 levels, got shape {np.shape(unfolded)}.")
    if (np.diff(spectra, axis=1) < 0).any():
        raise InputError("`unfolded` must ascend: sort the levels first.")
    lengths = np.atleast_1d(check_finite_array("length", length))
    extent = float(np.min(spectra[:, -1] - spectra[:, 0]))
    if (lengths <= 0).any() or (lengths > extent / 2).any():
        raise InputError(
            f"`length` must lie between 0 and half of the spectrum ({extent / 2:.4g} mean spacings), "
            f"got {lengths.min():g} to {lengths.max():g}."
        )
    value, error = np.empty(lengths.size), np.empty(lengths.size)
    for index, interval in enumerate(lengths):
        parts = [blocks(row, float(interval)) for row in spectra]
        value[index], error[index] = _mean_and_error(parts)
    return LongRangeStatistic(lengths, value, error)


def _mean_and_error(parts: list[np.ndarray]) -> tuple[float, float]:
    """Mean over spectra or blocks; spectra are independent, blocks of one spectrum nearly so."""
    means = np.array([part.mean() for part in parts]) if len(parts) > 1 else parts[0]
    if means.size < 2:
        return float(means.mean()), float("nan")
    return float(means.mean()), float(means.std(ddof=1) / np.sqrt(means.size))


def _num_blocks(extent: float, length: float) -> int:
    """Blocks several windows long, so that they are nearly independent."""
    return int(np.clip(extent // (4 * length), 1, _BLOCKS))


def _range(levels: np.ndarray, length: float) -> tuple[float, float]:
    """Where windows may start: one spacing away from the end levels, because repulsion leaves a gap next to them."""
    return float(levels[0] + 1.0), float(levels[-1] - 1.0 - length)


def _number_variance_blocks(levels: np.ndarray, length: float) -> np.ndarray:
    """Mean of (count − L)² over all windows of length L, exactly, in blocks along the spectrum."""
    start, end = _range(levels, length)
    edges = np.linspace(start, end, _num_blocks(end - start, length) + 1)
    arrive, leave = levels[levels > start + length] - length, levels[levels > start]
    events = np.concatenate([arrive, leave, edges])
    change = np.concatenate([np.ones(arrive.size), -np.ones(leave.size), np.zeros(edges.size)])
    order = np.argsort(events, kind="stable")
    events, change = events[order], change[order]
    first = np.count_nonzero((levels > start) & (levels <= start + length))  # the window (x, x+L] just after x₀
    inside = events <= end
    counts = (first + np.cumsum(change))[inside]
    position = events[inside]
    square = np.concatenate([[0.0], np.cumsum((counts[:-1] - length) ** 2 * np.diff(position))])
    at_edges = np.interp(edges, position, square)
    return np.diff(at_edges) / np.diff(edges)


def _rigidity_blocks(levels: np.ndarray, length: float) -> np.ndarray:
    start, end = _range(levels, length)
    num = max(int(np.ceil((end - start) / length * _STARTS_PER_LENGTH)), 2)
    left = np.linspace(start, end, num)
    values = _window_rigidity(levels, left, length)
    return np.array([part.mean() for part in np.array_split(values, _num_blocks(end - start, length))])


def _window_rigidity(levels: np.ndarray, left: np.ndarray, length: float) -> np.ndarray:
    """Δ₃ of the window of length L at each left end, from running sums."""
    index = np.arange(1.0, levels.size + 1)
    sums = np.zeros((3, levels.size + 1))
    # distances from the mean level position keep the running sums small, so that differences lose no digits
    origin = levels.mean()
    shifted = levels - origin
    np.cumsum(np.stack([shifted, shifted**2, index * shifted]), axis=1, out=sums[:, 1:])
    low, high = np.searchsorted(levels, left, side="left"), np.searchsorted(levels, left + length, side="right")
    count = (high - low).astype(np.float64)
    centre = left + length / 2 - origin
    first, second, ranked = sums[:, high] - sums[:, low]
    # ranked uses the index within the window: i − low, and distances from the window's centre
    ranks = count * (count + 1) / 2
    ranked = ranked - low * first - centre * ranks
    linear = first - count * centre
    quadratic = second - 2 * centre * first + count * centre**2
    weighted = (count + 1) * linear - 2 * ranked
    return (
        count**2 / 16
        - (linear / length) ** 2
        + 1.5 * count * quadratic / length**2
        - 3 * (quadratic / length**2) ** 2
        + weighted / length
    )
