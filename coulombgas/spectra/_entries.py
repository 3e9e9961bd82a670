"""The entries of a weight matrix, compared with independent draws from one law after removing its strong signals.

The levels of a matrix show neither whether its entries are independent nor how heavy their tail is, yet both move bulk
and edge. Three things are measured here: the law of the entries (kurtosis, single large ones), whether rows and columns
are statistically alike and uncorrelated, and, where the law is far from Gaussian and the matrix small, the levels of
the same entries in random order.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import erfc

from coulombgas._tails import chi2_sf
from coulombgas.laws import mp_cdf, mp_edges, mp_quantile

from ._gram import LARGE, SMALLEST, blocks

TESTS: tuple[str, ...] = ("unequal rows", "unequal columns", "correlated rows", "correlated columns")
_SAMPLE = 1 << 20  # entries that are used: errors of kurtosis and correlations are then below 0.005
_LOCALISED = 0.5  # square of one component from which on a vector belongs to a single entry or column
_MAX_CUTS = 6  # at most: the loop ends when a pass leaves out no further entry
_CAP = 9.0  # largest value of a square, in mean squares: one heavy entry does not make a row unequal
_STRONG = 3.0  # signals beyond this many times the threshold are removed; weaker ones hardly show in the entries
_MAX_LARGE = 64
_HILL = 20
_OUTLYING = 1e-3  # false-alarm rate of the largest gap between the largest entries
_MAX_SHUFFLES, _MIN_SHUFFLES = 60, 20
_MORE_SHUFFLES = 240  # where the first leave a doubt
_DOUBTFUL = (1.5, 5.0)  # standard deviations of the largest level above its mean where that is so
_CLOSE = 1.4  # ratio of a displacement to its limit, or of the limit to it
_SHUFFLE_WORK = 3e9  # multiplications in all shuffles of a matrix: about a second
_FAR = 0.1  # error of the edge to first order in κ₄/√(MN) that needs no shuffles, in units of the edge's width


class ShuffledLevels(NamedTuple):
    """Levels of matrices of the same entries in random order, mean and standard deviation."""

    log_mean: float
    """Mean of N log⟨x⟩ − Σ log x."""
    log_sd: float
    """Its standard deviation."""
    edge_mean: float
    """Mean of the largest level, in units of the mean square entry."""
    edge_sd: float
    """Its standard deviation."""
    levels: tuple[float, ...]
    """Mean levels, ascending, in the same units."""
    distance: float
    """99% quantile of the largest displacement of a level from its mean, in levels of the Marchenko-Pastur law."""


class Entries(NamedTuple):
    """The entries of one matrix without its strong signals."""

    kurtosis: float
    """Excess kurtosis of the entries up to 0.7 σ(MN)^{1/4}: from σ(MN)^{1/4} on an entry produces a level of its
    own."""
    large: tuple[float, ...]
    """Sizes of the larger entries, descending, as far as they continue the law of the others."""
    p_values: tuple[float, float, float, float]
    """p-values of independent, identically distributed entries against each of ``ENTRY_TESTS``."""
    correlations: tuple[float, float]
    """Correlation of neighbouring rows and of neighbouring columns."""
    shuffled: ShuffledLevels | None = None
    """Computed where the law is far from Gaussian and the matrix small enough."""


def entries_of(matrix: np.ndarray, levels: np.ndarray, right: np.ndarray | None, seed: int = 0) -> Entries | None:
    """Measure the entries of a matrix.

    Args:
        matrix: weights, shape (M, N); rows and columns are those of the result.
        levels: eigenvalues of the Gram matrix of the shorter side, ascending, shape (min(M, N),).
        right: singular vectors (shorter side) of the largest levels, in columns.
        seed: seed of the random orders.
    """
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    rows, columns = tall.shape
    if columns < 2 or levels[-1] < SMALLEST**2:
        return None
    signals = _Signals(levels, right, rows)
    step = max(1, -(-tall.size // _SAMPLE))
    long, short = signals.rest(tall, slice(None, None, step), slice(None)), None
    if step > 1:
        short = signals.rest(tall, slice(None), slice(None, None, min(step, columns // 2)))
    cut = _cut(long, tall.size, columns // 2 * long.size / tall.size)
    if not long.any():
        return None
    small = long[np.abs(long) <= cut]
    square = (small - small.mean()) ** 2
    kurtosis = float((square**2).mean() / square.mean() ** 2 - 3)
    p_rows, p_columns = _unequal(long if short is None else short), _unequal(long.T)
    along = [_correlation(*signals.pairs(tall, of_rows=of_rows)) for of_rows in (True, False)]
    pair = [(p_rows, along[0]), (p_columns, along[1])]
    if matrix.shape[0] < matrix.shape[1]:
        pair.reverse()
    tests = (pair[0][0], pair[1][0], pair[0][1][1], pair[1][1][1])
    large = _large(tall, cut)
    shuffled = _shuffled(long, max((cut, *large)), kurtosis, signals.weak(levels), seed) if step == 1 else None
    return Entries(kurtosis, large, tests, (pair[0][1][0], pair[1][1][0]), shuffled)


def _cut(part: np.ndarray, size: int, most: float) -> float:
    """0.7 σ(MN)^{1/4}, with σ of the entries up to there; infinite if ``most`` of them lie beyond it: the matrix is
    sparse."""
    square = (part**2).ravel()
    cut = np.inf
    for _ in range(_MAX_CUTS):
        kept = square[square <= cut**2]
        if square.size - kept.size > most:
            return np.inf
        previous, cut = cut, LARGE * float(np.sqrt(kept.mean())) * size**0.25
        if cut >= previous:
            break
    return cut if np.count_nonzero(square > cut**2) <= most else np.inf


class _Signals:
    """Reduces the strong levels of a tall matrix to the mean of the others."""

    def __init__(self, levels: np.ndarray, right: np.ndarray | None, rows: int) -> None:
        columns = levels.size
        count = 0 if right is None else right.shape[1]
        median = float(np.median(levels)) / float(mp_quantile(0.5, 1.0, rows, columns))
        root = np.sqrt(columns / rows)
        strong = np.flatnonzero(levels > median * rows * (1 + _STRONG * root) * (1 + root / _STRONG))
        strong = strong[strong >= levels.size - count] if median > 0 else strong[:0]
        if right is not None:  # vectors of a single entry or column, which is visible in the entries themselves
            strong = strong[(right[:, strong - (columns - count)] ** 2).max(axis=0, initial=0.0) < _LOCALISED]
        self._vectors = np.zeros((columns, 0)) if right is None else right[:, strong - (columns - count)]
        rest = float(np.delete(levels, strong).mean()) if strong.size < levels.size else 0.0
        self._strong = strong
        self._taken = 1 - np.sqrt(rest / levels[strong])

    def rest(self, tall: np.ndarray, rows: Any, columns: Any) -> np.ndarray:
        """Chosen rows and columns of the matrix, float64, without its strong signals and its mean."""
        part = np.asarray(tall[rows][:, columns], dtype=np.float64)
        if self._taken.size:
            # subtract W V (1 − s/s_k) Vᵀ, block by block
            along = np.concatenate([block @ self._vectors for block in blocks(tall[rows])])
            part = part - (along * self._taken) @ self._vectors[columns].T
        return part - part.mean()

    def weak(self, levels: np.ndarray) -> np.ndarray:
        """The levels without those of the strong signals."""
        return np.delete(levels, self._strong)

    def pairs(self, tall: np.ndarray, *, of_rows: bool) -> tuple[np.ndarray, np.ndarray]:
        """Rows (or columns) and their neighbours, with the same number of entries each."""
        size = tall.shape[0 if of_rows else 1]
        step = max(1, -(-tall.size // _SAMPLE))
        first = np.arange(0, size - 1, min(step, max(size // 2, 1)))
        every = slice(None)
        if of_rows:
            return self.rest(tall, first, every), self.rest(tall, first + 1, every)
        return self.rest(tall, every, first), self.rest(tall, every, first + 1)


def _correlation(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Correlation of neighbours and its p-value, from self-normalised products, so that heavy entries do not
    dominate."""
    product = first * second
    scale = np.sqrt((first**2).sum() * (second**2).sum())
    spread = np.sqrt((product**2).sum())
    if scale <= 0 or spread <= 0:
        return 0.0, 1.0
    return float(product.sum() / scale), float(erfc(abs(product.sum()) / spread / np.sqrt(2)))


def _unequal(part: np.ndarray) -> float:
    """p-value of equal mean squares in the rows, squares counted up to nine times their mean.

    Between m rows and over all, the sums of squares of n scores have the ratio (m − 1)/(n − 1) when the scores are in
    random order; its relative variance follows from their excess kurtosis κ, (2/(m − 1))(1 + κ/2q) with q scores per
    row, and chi-squared is scaled to it.
    """
    square = part**2
    square = np.minimum(square, _CAP * square.mean())
    score = square - square.mean()
    score_square = score**2
    spread = float(score_square.mean())
    num, each = part.shape
    if spread <= 0 or num < 2:
        return 1.0
    between = each * float((score.mean(axis=1) ** 2).sum()) / spread * (part.size - 1) / part.size
    excess = float((score_square**2).mean()) / spread**2 - 3
    widening = max(1 + excess / (2 * each), 0.5)
    freedom = (num - 1) / widening
    return float(chi2_sf(between / widening, freedom))


def _large(tall: np.ndarray, cut: float) -> tuple[float, ...]:
    """Sizes beyond the cut; those with a gap in the tail below them are signals and are left out."""
    top = np.zeros(0)
    for block in blocks(tall):
        size = np.abs(block).ravel()
        most = min(_MAX_LARGE + _HILL + 1, size.size)
        top = np.concatenate([top, np.partition(size, size.size - most)[size.size - most :]])
    top = np.sort(top[top > 0])[::-1][: _MAX_LARGE + _HILL + 1]
    num = min(int(np.count_nonzero(top > cut)), _MAX_LARGE)
    first = 0
    for index in range(min(num, top.size - _HILL - 1)):
        below = top[index + 1 : index + _HILL + 2]
        spacings = np.arange(index + 2, index + _HILL + 2) * np.log(below[:-1] / below[1:])
        mean = float(spacings.mean())
        gap = (index + 1) * float(np.log(top[index] / below[0]))
        # rank times spacing of the logarithms is exponential in a power-law tail (Rényi): their ratio has Fisher's law
        if gap > 0 and (mean == 0 or (1 + gap / (_HILL * mean)) ** -_HILL < _OUTLYING):
            first = index + 1
    return tuple(top[first:num].tolist())


def _shuffled(long: np.ndarray, cut: float, kurtosis: float, own: np.ndarray, seed: int) -> ShuffledLevels | None:
    """Levels of the entries up to the cut or, where they continue their law, beyond it, in random order.

    Sixty orders leave the edge and the limit of the displacement uncertain by a tenth of their scatter, which makes
    false alarms more frequent; more are drawn where the matrix's ``own`` levels lie close enough for that to matter.
    """
    rows, columns = long.shape
    number = min(_MAX_SHUFFLES, int(_SHUFFLE_WORK / (rows * columns**2)))
    upper = mp_edges(1.0, rows, columns)[1]
    width = upper ** (2 / 3) / ((rows * columns) ** (1 / 6))
    order = kurtosis / np.sqrt(rows * columns)  # small parameter of the first-order corrections
    if number < _MIN_SHUFFLES or not 0 < order < 1 or order**2 * upper < _FAR * width:
        return None
    rng = np.random.default_rng(seed)
    small = np.where(np.abs(long) <= cut, long, 0.0)
    mean_square = float((small**2).mean())
    found = _orders(small, number, rng) / mean_square
    if len(found) < _MIN_SHUFFLES // 2:
        return None
    summary = _summary(found, rows)
    if number == _MAX_SHUFFLES and _doubtful(own / mean_square, summary, rows):
        summary = _summary(np.concatenate([found, _orders(small, _MORE_SHUFFLES, rng) / mean_square]), rows)
    return summary


def _orders(small: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """Levels of the entries in random order, those of full rank; shape (order, column)."""
    found = np.empty((number, small.shape[1]))
    for index in range(number):
        mixed = rng.permutation(small.ravel()).reshape(small.shape)
        found[index] = np.linalg.eigvalsh(mixed.T @ mixed)
    return found[found[:, 0] > 1e-13 * found[:, -1]]


def _doubtful(own: np.ndarray, summary: ShuffledLevels, rows: int) -> bool:
    """Whether more orders may tell noise from signal, or the law of the bulk from another."""
    columns = len(summary.levels)
    top = (own[-1] - summary.edge_mean) / summary.edge_sd
    low = min(own.size, columns)
    place = mp_cdf(np.array(summary.levels[:low]), 1.0, rows, columns)
    moved = columns * float(np.abs(mp_cdf(own[:low], 1.0, rows, columns) - place).max())
    near = (_DOUBTFUL[0] < top < _DOUBTFUL[1], 1 / _CLOSE < moved / summary.distance < _CLOSE)
    return any(near)


def _summary(levels: np.ndarray, rows: int) -> ShuffledLevels:
    number, columns = levels.shape
    logs = columns * np.log(levels.mean(axis=1)) - np.log(levels).sum(axis=1)
    edges, mean = levels[:, -1], levels.mean(axis=0)
    moved = columns * np.abs(mp_cdf(levels, 1.0, rows, columns) - mp_cdf(mean, 1.0, rows, columns)).max(axis=1)
    # a matrix that has no part in the mean lies further from it than those that have; 2.7: between Gaussian and Gumbel
    distance = (moved.mean() + 2.7 * moved.std(ddof=1)) * np.sqrt((number + 1) / (number - 1))
    spread = (float(logs.mean()), float(logs.std(ddof=1)), float(edges.mean()), float(edges.std(ddof=1)))
    return ShuffledLevels(*spread, tuple(mean.tolist()), float(distance))
