"""Checks of the data before any inference: copied replicas, snapshots of one run, drift between records, disagreement.

Arrays in, results out. Every test states its false-alarm rate for independent, stationary data, all levels together.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from coulombgas._tails import f_sf, t_sf

FALSE_ALARM = 1e-4
_COPIED = 0.01  # fraction of the replicas
_CHANCE = 2.0  # twice the expected number of coincidences: the resolution of floating point varies by 2 in a level
_FEWEST = 10  # with fewer replicas no order among them can be significant at the false-alarm rate
_LAGS = 4  # for short memory; longer memory shows in the variance between blocks
_LAST = 2 / 3  # the last third of the training: levels relaxed at its beginning are fully relaxed at its end
_SHOWN = 4  # modes named in a message


class Duplicates(NamedTuple):
    """Replicas that are exact copies of others."""

    fraction: float
    """Fraction of the replicas whose levels equal those of another to the last bit."""
    by_chance: float
    """Fraction expected from the resolution of the numbers alone."""
    refusal: str
    """Text of the :class:`InputError` to raise; empty if nothing is wrong."""


def duplicated_replicas(levels: np.ndarray) -> Duplicates:
    r"""Replicas whose levels all equal those of another.

    Independent replicas coincide only if their numbers are coarse: with resolution q and width s, two of them agree in
    a level with probability q/(2√π s), the overlap of a Gaussian with itself on a grid.

    Args:
        levels: shape (replica, mode); stack the settings to find copies between them.

    Returns:
        A refusal above 1% beyond twice what the resolution explains.
    """
    num = len(levels)
    _, index, counts = np.unique(levels, axis=0, return_inverse=True, return_counts=True)
    fraction = float((counts[index.ravel()] > 1).mean())
    overlap = np.prod([_overlap(column) for column in levels.T])
    by_chance = float(-np.expm1(-(num - 1) * overlap))
    if fraction <= _COPIED + _CHANCE * by_chance:
        return Duplicates(fraction, by_chance, "")
    copies = round(fraction * num)
    refusal = (
        f"`eigenvalue`: {copies} of {num} replicas hold exactly the levels of another: copies are not "
        "independent replicas, keep each once."
    )
    return Duplicates(fraction, by_chance, refusal)


def _overlap(column: np.ndarray) -> float:
    """Probability that two independent values of a level are equal to the last bit."""
    gaps = np.diff(np.unique(column))
    if gaps.size == 0:
        return 1.0
    return min(1.0, float(gaps.min() / (2 * np.sqrt(np.pi) * column.std())))


class Autocorrelation(NamedTuple):
    """Whether consecutive replicas are correlated, like snapshots of one run."""

    num_effective: float
    """Number of independent replicas with the same information about the widths, at most their number."""
    num_effective_means: float
    """The same for the mean levels, which are correlated over longer times."""
    p_value: float
    """Probability of such an order among independent replicas."""
    warning: str
    """Sentence for the user; empty if the replicas appear independent."""


def replica_autocorrelation(levels: np.ndarray, groups: Sequence[Sequence[int]]) -> Autocorrelation:
    r"""Integrated autocorrelation along the replicas, if significant at a false-alarm rate of 1e-4.

    Series are the centre of each group and its energy :math:`\sum_i (x_i - \bar x)^2`, as normal scores of their
    ranks. The tests use the first four lags (short memory) and the variance between consecutive blocks (long memory),
    with a Bonferroni correction over all. If significant, :math:`n_{eff} = n/\tau`, :math:`\tau = 1 + 2\sum_k \rho_k`
    over a window of 5τ, the largest of the groups.

    Args:
        levels: shape (replica, mode), in the order of the file.
        groups: modes of each level group.

    Returns:
        ``num_effective`` is the number of replicas itself if nothing is significant, and for fewer than 10 replicas.
    """
    num = len(levels)
    centers, energies = _series(np.asarray(levels, np.float64), groups)
    everything = np.concatenate([centers, energies], axis=1)
    p_value = _order_p_value(everything) if num >= _FEWEST and everything.size else 1.0
    if p_value >= FALSE_ALARM:
        return Autocorrelation(float(num), float(num), p_value, "")
    widths, means = num / _longest(energies), num / _longest(centers)
    warning = (
        f"replicas that follow each other have similar levels, as snapshots of one run do: the {num} count as "
        f"{max(widths, 1):.0f} independent ones for the widths and {max(means, 1):.0f} for the mean levels "
        f"(false-alarm rate {FALSE_ALARM:g})"
    )
    return Autocorrelation(widths, means, p_value, warning)


def _series(levels: np.ndarray, groups: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Centres and energies that fluctuate, (replica, group) each."""
    centers, energies = [], []
    for modes in groups:
        own = levels[:, list(modes)]
        centers.append(own.mean(axis=1))
        middle = own.mean(axis=0 if len(modes) == 1 else 1, keepdims=True)
        energies.append(((own - middle) ** 2).sum(axis=1))
    return _fluctuating(centers), _fluctuating(energies)


def _fluctuating(series: Sequence[np.ndarray]) -> np.ndarray:
    """The columns that are not constant, (replica, column)."""
    columns = np.stack(series, axis=1)
    return columns[:, np.ptp(columns, axis=0) > 0]


def _order_p_value(series: np.ndarray) -> float:
    """Smallest p-value of all tests for order in the columns, times their number."""
    num = len(series)
    scores = special.ndtri((_ranks(series) - 0.5) / num)
    scores -= scores.mean(axis=0)
    total = (scores**2).sum(axis=0)
    found = []
    for lag in range(1, min(_LAGS, num // 5) + 1):
        # under a random order r_k has mean −(n − k)/(n(n − 1)) and variance (n − k)/(n(n + 2)), and lighter tails than
        # the correlation coefficient whose degrees of freedom give that variance
        share = (num - lag) / num
        correlation = (scores[lag:] * scores[:-lag]).sum(axis=0) / total + share / (num - 1)
        freedom = (num + 2) / share - 1
        bounded = np.clip(correlation, -1 + 1e-12, 1 - 1e-12)
        found.append(t_sf(bounded * np.sqrt(freedom / (1 - bounded**2)), freedom))
    for blocks in {4, max(4, int(np.sqrt(num)))} if num >= 4 * _LAGS else set():
        parts = np.array_split(scores, blocks)
        between = sum(len(part) * part.mean(axis=0) ** 2 for part in parts)
        ratio = between / (blocks - 1) / ((total - between) / (num - blocks))
        found.append(f_sf(ratio, blocks - 1, num - blocks))
    return float(min(1.0, np.min(found) * np.size(found)))


def _ranks(series: np.ndarray) -> np.ndarray:
    """Ranks from 1 in each column; equal numbers share the mean of theirs."""
    found = [np.searchsorted(np.sort(one), one, side) for one in series.T for side in ("left", "right")]
    return (np.array(found[::2]) + np.array(found[1::2]) + 1).T / 2


def _longest(series: np.ndarray) -> float:
    """Largest integrated autocorrelation time of the columns, at least 1."""
    num, columns = series.shape
    if columns == 0:
        return 1.0
    spectrum = np.fft.rfft(series - series.mean(axis=0), 2 * num, axis=0)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, 2 * num, axis=0)[:num]
    times = 2 * np.cumsum(correlation / correlation[0], axis=0) - 1
    # the shortest window of at least 5τ (Sokal) keeps out the noise of large lags
    enough = np.arange(num)[:, None] >= 5 * times
    window = np.where(enough.any(axis=0), enough.argmax(axis=0), num - 1)
    return float(max(1.0, np.take_along_axis(times, window[None], axis=0).max()))


class Drift(NamedTuple):
    """Whether levels still move at the end of the training."""

    means: tuple[int, ...]
    """Modes whose mean moves."""
    widths: tuple[int, ...]
    """Modes whose width changes."""
    p_value: float
    """Probability of such a change in stationary data; 1 if there are not two records to compare."""
    warning: str
    """Sentence for the user; empty if nothing moves."""


def drift(levels: np.ndarray, step: np.ndarray) -> Drift:
    """Change of the means and widths of the levels over the last third of the training, replica by replica.

    The later half of the records in the last third against the earlier half, by Student's t of the replicas'
    differences in x and in (x − mean)², with a Bonferroni correction over all levels; false-alarm rate 1e-4. A
    difference of a stationary pair is symmetric, so the law of the levels itself does not matter.

    Args:
        levels: shape (replica, record, mode), without replicas that diverged.
        step: update of each record, ascending, shape (record,).
    """
    step = np.asarray(step)
    last = np.flatnonzero(step >= _LAST * step[-1])
    if len(last) < 2 or len(levels) < 3:
        return Drift((), (), 1.0, "")
    half = len(last) // 2
    early, late = last[:half], last[-half:]
    levels = np.asarray(levels, np.float64)
    squares = (levels - levels.mean(axis=0)) ** 2
    changes = [values[:, late].mean(axis=1) - values[:, early].mean(axis=1) for values in (levels, squares)]
    p_values = np.array([_paired(change) for change in changes])
    corrected = np.minimum(1.0, p_values * p_values.size)
    means, widths = (tuple(np.flatnonzero(row < FALSE_ALARM).tolist()) for row in corrected)
    if not means and not widths:
        return Drift((), (), float(corrected.min()), "")
    center, variance = levels[:, late].mean(axis=(0, 1)), squares[:, late].mean(axis=(0, 1))
    shift = changes[0].mean(axis=0) / np.sqrt(np.maximum(variance, np.finfo(float).tiny))
    growth = changes[1].mean(axis=0)
    moves = [
        *_moving("rise", center, [mode for mode in means if shift[mode] > 0]),
        *_moving("fall", center, [mode for mode in means if shift[mode] < 0]),
        *_moving("widen", center, [mode for mode in widths if growth[mode] > 0]),
        *_moving("narrow", center, [mode for mode in widths if growth[mode] < 0]),
    ]
    size = f", by up to {np.abs(shift[list(means)]).max():.2g} widths" if means else ""
    warning = (
        f"not stationary: between updates {step[early[0]]} and {step[late[-1]]} {', '.join(moves)}{size} "
        f"(false-alarm rate {FALSE_ALARM:g}): train longer"
    )
    return Drift(means, widths, float(corrected.min()), warning)


def equilibrium(history: np.ndarray | None, steps: np.ndarray | None, step: int | None, needed: int) -> list[str]:
    """Warnings about levels that still drift, or were recorded before they can be in equilibrium.

    Args:
        history: levels of the records, (replica, record, mode); None with one record.
        steps: update of each record.
        step: update of the record used; None if unknown.
        needed: updates from the fixed point to equilibrium.
    """
    found = [] if history is None or steps is None else [drift(history, steps).warning]
    if step is not None and 0 < step < needed:
        found.append(
            f"only {step} updates: from the fixed point {needed} are needed for widths within 1% of their stationary "
            "value, from elsewhere more"
        )
    return [sentence for sentence in found if sentence]


def _paired(change: np.ndarray) -> np.ndarray:
    """Two-sided p-value of a zero mean for each column; 1 if a column never changes."""
    num = len(change)
    mean, error = change.mean(axis=0), change.std(axis=0, ddof=1) / np.sqrt(num)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(mean == 0, 0.0, np.abs(mean) / error)
    return 2 * t_sf(ratio, num - 1)


def _moving(verb: str, center: np.ndarray, modes: Sequence[int]) -> list[str]:
    if not modes:
        return []
    names = ", ".join(f"{center[mode]:.4g}" for mode in modes[:_SHOWN])
    more = f" and {len(modes) - _SHOWN} more" if len(modes) > _SHOWN else ""
    one = len(modes) == 1
    return [f"the level{'s' * (not one)} near x = {names}{more} still {verb}{'s' * one}"]


class Disagreement(NamedTuple):
    """Whether level groups contradict each other about one temperature."""

    inconsistent: bool
    """Whether no single temperature fits all groups, at a false-alarm rate of 1e-4."""
    all_apart: bool
    """Whether no two groups agree with each other."""
    agreeing: tuple[int, ...]
    """The largest set of groups that agree on a temperature; all groups if nothing is inconsistent."""
    chi2: float
    """Bartlett's χ² of the groups about their common temperature."""
    p_value: float
    """Its tail probability for ``len(groups) − 1`` degrees of freedom."""
    warning: str
    """Sentence for the user with the word "inconsistent"; empty if the groups agree."""


def group_disagreement(log_temperature: np.ndarray, error: np.ndarray) -> Disagreement:
    r"""Whether the groups' own temperatures scatter more than their errors allow, by Bartlett's test.

    An estimate of log T with error e counts as an energy with :math:`f = 2/e^2 + 1` degrees of freedom, whose logarithm
    has the same skewness as for a few replicas; with :math:`\bar T = \sum f_g T_g/\sum f_g`,

    .. math:: \chi^2 = \frac{\sum_g f_g \log(\bar T/T_g)}{1 + (\sum 1/f_g - 1/\sum f_g)/(3(G - 1))}

    Args:
        log_temperature: log of the estimate of T from each group alone, shape (group,).
        error: its standard deviation, including the theory's error, positive, shape (group,).

    Source: M. S. Bartlett, Proc. R. Soc. A 160 (1937) 268.
    """
    values, errors = np.asarray(log_temperature, np.float64), np.asarray(error, np.float64)
    chi2 = _chi2(values, errors)
    p_value = _tail(values, errors)
    everything = tuple(range(len(values)))
    if p_value >= FALSE_ALARM:
        return Disagreement(False, False, everything, chi2, p_value, "")
    agreeing = _largest_agreement(values, errors)
    apart = len(agreeing) == 1
    low, high = np.exp([values.min(), values.max()])
    rest = "no two of them agree" if apart else f"{len(agreeing)} of {len(values)} agree"
    warning = (
        f"inconsistent: the level groups give temperatures from {low:.4g} to {high:.4g} (χ² = {chi2:.0f} for "
        f"{len(values) - 1} degrees of freedom, {rest}): check the model's parameters and the optimiser"
    )
    return Disagreement(True, apart, agreeing, chi2, p_value, warning)


def _chi2(values: np.ndarray, errors: np.ndarray) -> float:
    if len(values) < 2:
        return 0.0
    freedom = 2 / errors**2 + 1
    shifted = values - values.max()  # temperatures relative to the highest, so that nothing overflows
    common = np.log(np.average(np.exp(shifted), weights=freedom))
    correction = 1 + ((1 / freedom).sum() - 1 / freedom.sum()) / (3 * (len(values) - 1))
    return float((freedom * (common - shifted)).sum() / correction)


def _tail(values: np.ndarray, errors: np.ndarray) -> float:
    return float(special.chdtrc(len(values) - 1, _chi2(values, errors))) if len(values) > 1 else 1.0


def _largest_agreement(values: np.ndarray, errors: np.ndarray) -> tuple[int, ...]:
    """The largest set of neighbours in temperature that agree; among equally large sets the best."""
    order = np.argsort(values)
    for size in range(len(values), 0, -1):
        windows = [order[first : first + size] for first in range(len(values) - size + 1)]
        best = max(windows, key=lambda window: _tail(values[window], errors[window]))
        if _tail(values[best], errors[best]) >= FALSE_ALARM:
            return tuple(sorted(best.tolist()))
    raise AssertionError("one group always agrees with itself")
