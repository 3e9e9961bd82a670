r"""Spikes: levels beyond the noise edge at a stated level, how many there are, and how strong their signals.

A signal θ u vᵀ in noise of variance v puts an outlier at :math:`x = (\theta^2 + Mv)(\theta^2 + Nv)/\theta^2` when
θ⁴ > M N v² (Baik, Ben Arous, Péché; Benaych-Georges, Nadakuditi, arXiv:1103.2221); weaker signals leave no trace.
Outliers are counted by comparing, from the largest down, with the Tracy-Widom law of the noise that remains; the
variance of that noise comes from :func:`fit_bulk`, started from the median so that strong spikes hide no weaker ones.

A single entry of size θ is such a signal too. Where the entries have a heavy tail, levels that large entries of the
common law explain are set aside with the spikes, but are none: a level is a spike if, with what the entries are known
to do, so many levels lie beyond it by chance with less than the stated probability. Whether a level near the edge
belongs to the noise is not certain, and the posterior of variance and rows is the average over the number of spikes.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp, ndtr

from coulombgas._checks import check_in_interval, check_seed
from coulombgas._interval import Interval, summarise
from coulombgas._types import Numeric
from coulombgas.laws import edge_log_density, edge_log_survival, edge_moments, edge_quantile, mp_quantile, wishart_edge
from coulombgas.spectra import Entries

from ._bulk import MIN_BULK, BulkDraws, BulkFit, check_positive_levels, draw_bulk, mixed, spike_strength
from ._edge import NoiseEdge, noise_edge

LEVEL = 0.01
_MAX_ROUNDS = 30
_LARGEST_STRENGTH = 1e4  # of a signal, in units of the threshold
_CANDIDATES = 12
_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
_NODE_WEIGHTS = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()
_RARE = 0.01  # numbers of spikes less probable than that are left out of the average
_CERTAIN, _NEGLIGIBLE = -25.0, 12.0
_TOGETHER = 3.0  # a pair of equal signals is closer than that in 90% of cases


@dataclass(frozen=True, kw_only=True)
class Spike:
    """One outlier.

    Attributes:
        eigenvalue: where it lies.
        strength: singular value θ of the signal behind it, corrected for the noise, mean and 95% interval.
        p_value: probability that the largest of the remaining noise levels lies beyond it.
        overlap_long, overlap_short: squared overlap of its singular vectors with those of the signal.
    """

    eigenvalue: float
    strength: Interval
    p_value: float
    overlap_long: float
    overlap_short: float


@dataclass(frozen=True, kw_only=True)
class SpikeFit:
    """Outliers of one matrix and the bulk below them.

    Attributes:
        bulk: posterior of the noise.
        outliers: levels beyond the edge of the noise, the largest first, set aside of the bulk.
        spikes: those that no large entry of the common law of the entries explains.
        level: probability of one or more false spikes on pure noise.
        threshold: value beyond which a level counts as spike.
        candidates: numbers of spikes that were compared, shape (candidate,).
        probabilities: their posterior probabilities.
        converged: whether counting and fitting agreed.
    """

    bulk: BulkFit
    outliers: tuple[Spike, ...]
    spikes: tuple[Spike, ...]
    level: float
    threshold: float
    candidates: np.ndarray = field(repr=False)
    probabilities: np.ndarray = field(repr=False)
    converged: bool = True

    @property
    def num_spikes(self) -> int:
        """How many there are, at the stated level."""
        return len(self.spikes)

    @property
    def from_entries(self) -> tuple[Spike, ...]:
        """Outliers that single large entries explain."""
        return tuple(one for one in self.outliers if one not in self.spikes)


def find_spikes(
    eigenvalues: np.ndarray,
    rows: int,
    *,
    level: float = LEVEL,
    kurtosis: float = 0.0,
    entries: Entries | None = None,
    aspect: str = "free",
    num_draws: int = 2000,
    seed: int = 0,
) -> SpikeFit:
    """Split the levels of a matrix into noise bulk and spikes.

    Args:
        eigenvalues: positive eigenvalues of WᵀW, ascending, shape (N,).
        rows: longer side of the matrix, at least N.
        level: probability of one or more false spikes when there is noise only.
        kurtosis: excess kurtosis of the entries, where ``entries`` does not tell.
        entries: what is known of the entries; without, large entries are taken for signals.
        aspect: "free" fits the effective number of rows of the bulk, "shape" takes it as known.
        num_draws: posterior draws.
        seed: seed of the draws.

    Raises:
        InputError: for too few levels or a level outside (0, 0.5).
    """
    seed = check_seed(seed)
    check_in_interval("level", level, 1e-12, 0.5)
    levels = check_positive_levels(eigenvalues)
    options = {"kurtosis": kurtosis, "entries": entries, "aspect": aspect, "num_draws": num_draws, "seed": seed}
    edge = noise_edge(rows, levels.size, kurtosis, entries)
    most = max((levels.size - MIN_BULK) // 2, 0)
    count, seen = min(_robust_count(levels, rows, level, edge), most), []
    fits = _Fits(levels, rows, {}, options)
    while len(seen) < _MAX_ROUNDS:
        p_values = _p_values(levels, fits, count, min(count + _CANDIDATES, most), edge)
        found = int(np.argmax(np.append(p_values >= level, True)))
        seen.append(count)
        if found == count:
            break
        # a cycle: settle for the smaller number, which claims less
        count = found if found not in seen else min(found, count)
        if found in seen:
            break
    bulk, converged = fits(count).fit, bool(len(seen) < _MAX_ROUNDS and found == seen[-1])
    number = _number_posterior(levels, bulk, most, edge, fits)
    threshold = _threshold(bulk, level, edge)
    p_values = _p_values(levels, fits, count, count, edge)
    if entries is not None and entries.large and entries.shuffled is None:
        p_values = _with_entries(levels, bulk, p_values, edge, entries, level)
    bulk = _averaged(bulk, number, fits, seed)
    outliers = _spikes(levels, bulk, p_values, seed)
    spikes = tuple(one for one in outliers if one.p_value < level)
    return SpikeFit(
        bulk=bulk, outliers=outliers, spikes=spikes, level=level, threshold=threshold, **number, converged=converged
    )


class _Fits(NamedTuple):
    """Bulks with any number of levels set aside, each fitted once."""

    levels: np.ndarray
    rows: int
    known: dict[int, BulkDraws]
    options: dict[str, Any]

    def __call__(self, count: int) -> BulkDraws:
        if count not in self.known:
            self.known[count] = draw_bulk(self.levels, self.rows, count, **self.options)
        return self.known[count]


def _averaged(bulk: BulkFit, number: dict[str, np.ndarray], fits: _Fits, seed: int) -> BulkFit:
    """The bulk with draws from its posterior under each number of spikes, as often as that number is probable."""
    likely = number["probabilities"] >= _RARE
    weights = number["probabilities"][likely] / number["probabilities"][likely].sum()
    counts = number["candidates"][likely].tolist()
    if counts == [bulk.num_spikes]:
        return bulk
    return mixed(bulk, [fits(count).fit for count in counts], weights, seed)


def _with_entries(
    levels: np.ndarray, bulk: BulkFit, p_values: np.ndarray, edge: NoiseEdge, entries: Entries, level: float
) -> np.ndarray:
    """For each outlier, the probability that noise and large entries together put one level more beyond it.

    More, that is, than outliers above it that they explain. Levels beyond x are counted as independent of each other.
    """
    place, sd = _entry_levels(np.array(entries.large), levels.size, bulk, edge, entries.kurtosis)
    found, explained = p_values.copy(), 0
    for index, (value, noise) in enumerate(zip(levels[::-1].tolist(), p_values.tolist(), strict=False)):
        number = np.array([1.0])
        beyond = ndtr((place - value) / sd) @ _NODE_WEIGHTS
        for chance in [noise, *beyond.tolist()]:
            number = np.convolve(number, [1 - chance, chance])
        found[index] = min(float(number[explained + 1 :].sum()), 1.0)
        explained += found[index] >= level
    return found


def _entry_levels(
    large: np.ndarray, columns: int, bulk: BulkFit, edge: NoiseEdge, kurtosis: float
) -> tuple[np.ndarray, np.ndarray]:
    """Place and standard deviation of the level of an entry of size θ, shape (entry, node).

    That of a signal θ, with two differences. The vectors are axes, so that the norms of row and column, which scatter,
    enter whole: by the outlier equation ℓ is displaced with variance (2 + κ₄)(1 + r)/M. And below the threshold the
    largest level moves up to it within N^{−1/3} of it in ℓ.
    """
    rows, variance = bulk.rows.mean, bulk.best_variance
    ratio, root = columns / rows, np.sqrt(columns / rows)
    centre, scale = edge.scale(variance, rows, columns)
    ell = large[:, None] ** 2 / (rows * variance) + _NODES * np.sqrt((2 + kurtosis) * (1 + ratio) / rows)
    above = np.maximum(ell, root)
    place = (1 + above) * (1 + ratio / above) * centre / (1 + root) ** 2
    place = np.where(ell < root, centre + scale * (ell / root - 1) * columns ** (1 / 3), place)
    return place, np.maximum(outlier_sd(above, variance, rows, columns), edge_moments()[1] * scale)


def strength_draws(eigenvalue: float, bulk: BulkFit, rng: np.random.Generator, num_near: int = 1) -> np.ndarray:
    r"""Posterior draws of the signal strength θ behind an outlier; flat in the outlier's mean position.

    The outlier fluctuates around its mean because its vectors are fixed and the noise is not; the variance follows from
    the outlier equation (1/θ − C)² = A B of Benaych-Georges and Nadakuditi with Haar-distributed noise vectors.
    ``num_near`` outliers whose signals cannot be told apart repel each other as the levels of a GOE of that size: the
    variance of each is (num_near + 1)/2 times larger.
    """
    variance, rows = bulk.variance_draws, bulk.rows_draws
    columns = bulk.num_levels + bulk.num_spikes
    plugged = spike_strength(np.array(eigenvalue), bulk.best_variance, bulk.rows.mean, columns)
    sd = outlier_sd(plugged, bulk.best_variance, bulk.rows.mean, columns) * np.sqrt((num_near + 1) / 2)
    position = eigenvalue + sd * rng.standard_normal(variance.size)
    return np.sqrt(spike_strength(position, variance, rows, columns) * rows * variance)


def signal_squares(levels: np.ndarray, fit: SpikeFit) -> np.ndarray:
    """θ² behind each level beyond the edge of Gaussian noise, ascending, corrected for the noise."""
    bulk, variance = fit.bulk, np.asarray(fit.bulk.best_variance)
    rows = bulk.rows.mean
    centre, scale = wishart_edge(variance, rows - bulk.num_spikes, bulk.num_levels)
    top = levels[levels > centre + edge_quantile(fit.level) * scale]
    return spike_strength(top, variance, np.asarray(rows), levels.size) * rows * variance


def outlier_sd(strength: Numeric, variance: Numeric, rows: Numeric, columns: int) -> Any:
    """Standard deviation of an outlier eigenvalue with signal strength ℓ = θ²/(M v) above the threshold √r."""
    ratio = columns / rows
    ell = np.maximum(strength, np.sqrt(ratio) * (1 + 1e-6))
    square = (1 + ell) * (1 + ratio / ell)  # z², in units of M v
    slope = 1 - ratio / ell**2
    mean = 1 / (ell + ratio)  # average of 1/(z² − x) over the bulk
    mean_square = mean**2 / slope  # of 1/(z² − x)²
    short, long = mean, ratio * mean + (1 - ratio) / square  # B/z and A/z
    var_short = 2 / columns * (mean_square - mean**2)
    var_long = 2 / rows * (ratio * mean_square + (1 - ratio) / square**2 - long**2)
    var_cross = (square * mean_square - mean) / rows
    shift = square * (short**2 * var_long + long**2 * var_short) * square + 4 / ell * var_cross
    # AB = 1/ℓ, whose derivative with respect to z² is −1/(ℓ² slope); a real noise matrix fluctuates on that curve
    return np.sqrt(shift) * ell**2 * slope * variance * rows


def level_sds(fit: SpikeFit, *, edge: bool = False) -> Any:
    """Standard deviations of the spikes, ascending, or with ``edge`` of the largest noise level."""
    bulk = fit.bulk
    columns = bulk.num_levels + bulk.num_spikes
    if edge:
        scale = wishart_edge(np.asarray(bulk.best_variance), np.asarray(bulk.rows.mean), columns)[1]
        return edge_moments()[1] * scale
    top = np.array([spike.eigenvalue for spike in fit.outliers[::-1]])
    strength = spike_strength(top, np.asarray(bulk.best_variance), np.asarray(bulk.rows.mean), columns)
    return outlier_sd(strength, bulk.best_variance, bulk.rows.mean, columns)


def _robust_count(levels: np.ndarray, rows: int, level: float, edge: NoiseEdge) -> int:
    """Levels beyond the edge of the law that has the observed median, the median being that of the bulk."""
    count = 0
    for _ in range(_MAX_ROUNDS):
        size = levels.size - count
        variance = np.median(levels[:size]) / mp_quantile(np.array(0.5), 1.0, rows - count, size)
        centre, scale = edge.scale(np.asarray(variance), np.asarray(float(rows)), levels.size)
        found = int(np.count_nonzero(levels > centre + edge_quantile(level) * scale))
        if found <= count or found > levels.size // 2:
            return max(count, min(found, levels.size // 2))
        count = found
    return count


def _p_values(levels: np.ndarray, fits: "_Fits", aside: int, count: int, edge: NoiseEdge) -> np.ndarray:
    """For the j-th largest level, the probability that the top of the noise left after j − 1 spikes lies beyond it.

    The noise is that of the fit with ``aside`` levels set aside. Where the edge was simulated, its place is in units of
    the mean square of all entries: the last level set aside, which is noise if it is no signal, has its part in that.
    """
    ranks = np.arange(count)
    variance, rows = _noise_draws(fits(aside), edge, 100)
    if edge.rows is not None and aside:
        variance = np.where(ranks == aside - 1, _noise_draws(fits(aside - 1), edge, 100)[0], variance)
    centre, scale = edge.scale(variance, rows - ranks, levels.size - ranks)
    standard = (levels[::-1][:count] - centre) / scale
    return np.exp(edge_log_survival(standard)).mean(axis=0)


def _noise_draws(bulk: BulkDraws, edge: NoiseEdge, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws of variance and rows, shape (draw, 1); the best variance alone where the edge was simulated."""
    if edge.rows is not None:
        rows = np.array([[float(edge.rows)]])
        return bulk.best_variance * (bulk.mean_rows - bulk.num_spikes) / (rows - bulk.num_spikes), rows
    draws = slice(None, None, max(bulk.variance_draws.size // num, 1))
    return bulk.variance_draws[draws, None], bulk.rows_draws[draws, None]


def _threshold(bulk: BulkFit, level: float, edge: NoiseEdge) -> float:
    columns = bulk.num_levels
    centre, scale = edge.scale(np.asarray(bulk.best_variance), np.asarray(bulk.rows.mean - bulk.num_spikes), columns)
    return float(centre + edge_quantile(level) * scale)


def _spikes(levels: np.ndarray, bulk: BulkFit, p_values: np.ndarray, seed: int) -> tuple[Spike, ...]:
    """Each outlier with its p-value, the strength of its signal and the overlap of its vectors."""
    rng = np.random.default_rng([seed, 1])
    columns, rows, variance = levels.size, bulk.rows.mean, bulk.best_variance
    top = levels[::-1][: p_values.size]
    strengths = spike_strength(top, np.asarray(variance), np.asarray(rows), columns)
    near = _num_near(top, outlier_sd(strengths, variance, rows, columns))
    ratio, found = columns / rows, []
    for value, p_value, ell, group in zip(
        top.tolist(), p_values.tolist(), strengths.tolist(), near.tolist(), strict=True
    ):
        found.append(
            Spike(
                eigenvalue=value,
                strength=summarise(strength_draws(value, bulk, rng, group)),
                p_value=p_value,
                overlap_long=1 - (ratio + ell) / (ell * (ell + 1)),
                overlap_short=1 - ratio * (1 + ell) / (ell * (ell + ratio)),
            )
        )
    return tuple(found)


def _num_near(positions: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Size of the group of each outlier: neighbours closer than three standard deviations cannot be told apart."""
    if positions.size == 0:
        return np.zeros(0, dtype=int)
    group = np.concatenate([[0], np.cumsum(-np.diff(positions) > _TOGETHER * sd[1:])])
    return np.bincount(group)[group]


def _number_posterior(
    levels: np.ndarray, bulk: BulkFit, most: int, edge: NoiseEdge, fits: _Fits
) -> dict[str, np.ndarray]:
    r"""Posterior of the number of spikes k, from the ratio of two densities for each level from the top down.

    The prior of k is (1/2)^{k+1}. Levels that noise reaches with probability e⁻²⁵ at the most are spikes.
    """
    start = max(bulk.num_spikes - _CANDIDATES // 2, 0)
    ranks = np.arange(start, min(start + _CANDIDATES, most))
    variance, rows = _noise_draws(fits(bulk.num_spikes), edge, 100)
    centre, scale = (part.mean(axis=0) for part in edge.scale(variance, rows - ranks, levels.size - ranks))
    certain = edge_log_survival((levels[::-1][ranks] - centre) / scale) < _CERTAIN
    start += int(np.argmin(np.append(certain, False)))
    log_mass, least = [0.0], np.inf
    for rank, middle in zip(ranks.tolist(), centre.tolist(), strict=True):
        if rank < start:
            continue
        ratio = _log_ratio(levels, rank, edge, fits)
        # below the edge the kernels' tails, heavier than Tracy-Widom's, must not win
        least = min(least, ratio)
        log_mass.append(log_mass[-1] + (least if levels[-1 - rank] < middle else ratio) - np.log(2))
        if log_mass[-1] < max(log_mass) - _NEGLIGIBLE:
            break
    mass = np.exp(np.array(log_mass) - max(log_mass))
    return {"candidates": start + np.arange(mass.size), "probabilities": mass / mass.sum()}


def _log_ratio(levels: np.ndarray, rank: int, edge: NoiseEdge, fits: _Fits) -> float:
    r"""log of p(x | the levels below, x a spike) / p(x | the levels below, x noise), with ``rank`` levels above x.

    As noise, x is the Tracy-Widom largest level, and has its part in the fit of the bulk: over the draws of that fit

    .. math:: 1/p(x \mid \text{below}) = \langle 1/p(x \mid \nu)\rangle ,

    with the variance that ν and the sum of the levels give, on which all of them depend alike.

    As a spike, it has the density of outliers whose strength ℓ has the density 1/ℓ³ from the threshold on: half of all
    signals are within a factor √2 of the threshold, as they may be without being seen; the mean over the draws of the
    fit without x.
    """
    columns, value = levels.size, float(levels[-1 - rank])
    rows = _noise_draws(fits(rank), edge, 400)[1]
    variance = fits(rank).best_variance * (fits(rank).mean_rows - rank) / (rows - rank)
    centre, scale = edge.scale(variance, rows - rank, columns - rank)
    noise = edge_log_density((value - centre) / scale) - np.log(scale)
    as_noise = np.log(noise.size) - float(logsumexp(-noise))
    variance, rows = _noise_draws(fits(rank + 1), edge, 50)
    scale = edge.scale(variance, rows - rank, columns - rank)[1]
    growth = np.geomspace(1 + 1e-4, _LARGEST_STRENGTH, 200)
    ell = np.sqrt(columns / rows) * growth
    position = variance * rows * (1 + ell) * (1 + columns / rows / ell) * edge.stretch
    sd = np.maximum(outlier_sd(ell, variance, rows, columns), scale)
    kernel = np.exp(-(((value - position) / sd) ** 2) / 2) / (np.sqrt(2 * np.pi) * sd)
    weight = 1 / growth**2  # on a geometric grid: density 1/ℓ³
    as_spike = float((kernel @ weight).mean() / weight.sum())
    return float(np.log(max(as_spike, 1e-300))) - as_noise
