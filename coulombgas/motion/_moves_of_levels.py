"""Moves of the singular values of one matrix, corrected for repulsion by neighbours, and the noise of each level."""

from dataclasses import dataclass

import numpy as np

from ._propagation import pair_excess, pair_spread

MIN_MOVES = 8
_ROUNDS = 4
_NEIGHBOURS = 4  # on each side; the push of those farther away hardly changes from one move to the next
_REACH = 3.0  # widths: two neighbours at once within them push together, which pairs do not add up to
_FEWEST_FREE = 0.5
_WALL = 4.0
_FAR_AWAY = 1e6  # widths
_LOOK_BACK = 8  # records whose distances may be that of the even ones
_LEAST_SHARE = 0.4
_STEADY = 0.6  # correlation of successive moves of a level that does not diffuse
_FEW_STEADY = 0.25  # more such levels are no exceptions but a momentum


@dataclass(frozen=True)
class MatrixMoves:
    """Second differences of the singular values of a matrix.

    Attributes:
        start: singular values where a pair of moves starts, (move, mode).
        change: half the squared difference of two successive moves, pushes taken out, (move, mode).
        free: where it counts, (move, mode).
        noise: variance an update, (mode,), NaN where unknown.
        factor: what the mean of ``change`` is for a unit noise.
        alike: product of a move with the next less that with the one after, over the noise, (move, known level).
        span: records a move spans.
        updates: updates a move spans.
        momentum: memory that ``factor`` takes into account.
    """

    start: np.ndarray
    change: np.ndarray
    free: np.ndarray
    noise: np.ndarray
    factor: float
    alike: np.ndarray
    span: int
    updates: int
    momentum: float

    @property
    def num(self) -> int:
        """Moves that do not overlap."""
        return len(self.start) // self.span

    @property
    def moved(self) -> bool:
        return bool((self.change > 0).any())

    def move(self, num_leading: int) -> float:
        """Root mean square of a move over the mean spacing, leading levels apart."""
        kept = self.start.shape[1] - num_leading
        if kept < 2:
            return float("nan")
        spacing = float(np.diff(self.start[:, :kept], axis=1).mean())
        size = float(np.sqrt(self.change[:, :kept].mean()))
        return size / spacing if spacing > 0 else 0.0

    def memory(self) -> tuple[float, float]:
        """Correlation of successive moves, without the part common to all moves, and its standard error.

        The mean over levels, each in units of its own noise, so that no level outweighs the others. A momentum has a
        memory of its own, which is subtracted: only more than that is no diffusion.
        """
        if not self.alike.size:
            return 0.0, 1.0
        series = self.alike.mean(axis=1)
        blocks = np.array_split(series, max(2, min(20, len(series) // (2 * self.span))))
        means = np.array([block.mean() for block in blocks])
        error = float(means.std(ddof=1) / np.sqrt(len(means)))
        return float(series.mean()) - expected_memory(self.momentum, self.updates), error


def diffusion_factor(momentum: float, updates: int) -> float:
    """⟨Δ²⟩ − ⟨ΔΔ'⟩ of moves over so many updates, the long-run variance of one update being 1."""
    m, kept = momentum, momentum**updates
    return updates - (2 * m * (1 - kept) + m * (1 - kept) ** 2) / (1 - m**2)


def expected_memory(momentum: float, updates: int) -> float:
    """(⟨ΔΔ'⟩ − ⟨ΔΔ''⟩)/(⟨Δ²⟩ − ⟨ΔΔ'⟩) of such moves."""
    kept = momentum**updates
    return momentum * (1 - kept) ** 3 / (1 - momentum**2) / diffusion_factor(momentum, updates)


def moves_of(singular: np.ndarray, steps: np.ndarray, span: int, momentum: float) -> MatrixMoves | None:
    """Moves over ``span`` times the shortest interval between records; None where there are too few.

    Records need not be even: three in a row now and then show the noise as well.
    """
    interval = _interval(steps)
    updates = round(interval * span)
    chain = _chains(steps, interval * span)
    starts = chain[:, chain[2] >= 0]
    if starts.shape[1] < 2 * span:
        return None
    first, middle, last = (singular[index] for index in starts[:3])
    factor = diffusion_factor(momentum, updates)
    change, free = (last - 2 * middle + first) ** 2 / 2, np.ones(first.shape, dtype=bool)
    noise = change.mean(axis=0) / factor
    for _ in range(_ROUNDS):
        push, share, alone = _pushes(singular, noise * updates)
        before, after = starts[0], starts[1]
        free = alone[before] & alone[after]
        change = (last - 2 * middle + first - push[after] + push[before]) ** 2 / (share[before] + share[after])
        count = free.sum(axis=0)
        noise = np.where(count > 0, (change * free).sum(axis=0) / np.maximum(count, 1), change.mean(axis=0)) / factor
    enough = free.mean(axis=0) >= _FEWEST_FREE
    at_wall = np.sqrt(noise * updates) * _WALL > singular.mean(axis=0)
    known = np.where(enough & ~at_wall, noise, np.nan)
    alike = _alike(singular, chain)
    # a level that glides has no noise to measure, whatever the others do
    steady = alike.mean(axis=0) > _STEADY if len(alike) else np.zeros(known.size, dtype=bool)
    known = np.where(steady & (steady.mean() < _FEW_STEADY), np.nan, known)
    return MatrixMoves(first, change, free, known, factor, alike[:, np.isfinite(known)], span, updates, momentum)


def even_records(steps: np.ndarray) -> np.ndarray:
    """Indices of the longest evenly spaced part of the records, ending as late as possible; it may skip records."""
    best = np.arange(min(1, len(steps)))
    ends = range(len(steps) - 1, max(len(steps) - 1 - _LOOK_BACK, -1), -1)
    gaps = {float(steps[last] - steps[early]) for last in ends for early in ends if early < last}
    for gap in sorted(gaps):
        for end in ends:
            wanted = np.arange(steps[end], steps[0] - gap / 2, -gap)
            if len(wanted) > len(best):
                index = _lookup(steps, wanted)
                stop = int(np.argmax(index < 0)) if (index < 0).any() else len(index)
                best = index[:stop][::-1] if stop > len(best) else best
    return best


def _interval(steps: np.ndarray) -> float:
    """The shortest interval between records that occurs often enough to measure noise."""
    gaps, counts = np.unique(np.diff(steps), return_counts=True)
    often = counts >= min(2 * MIN_MOVES, counts.max(initial=0))
    return float(gaps[often][0]) if gaps.size else 1.0


def _chains(steps: np.ndarray, gap: float) -> np.ndarray:
    """Of every record the ones 0, 1, 2 and 3 gaps later, (4, record), −1 where there is none."""
    return np.stack([_lookup(steps, steps + times * gap) for times in range(4)])


def _lookup(steps: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    index = np.minimum(np.searchsorted(steps, wanted), len(steps) - 1)
    return np.where(steps[index] == wanted, index, -1)


def _alike(singular: np.ndarray, chain: np.ndarray) -> np.ndarray:
    """⟨ΔΔ'⟩ − ⟨ΔΔ''⟩ over ⟨Δ²⟩ − ⟨ΔΔ'⟩ of every level, (move, mode).

    Where no three moves follow one another drift and memory cannot be told apart: ⟨ΔΔ'⟩/⟨Δ²⟩, both of them.
    """
    whole = chain[:, (chain >= 0).all(axis=0)]
    three = whole.shape[1] >= MIN_MOVES
    rows = singular[whole if three else chain[:3, chain[2] >= 0]]
    moves = np.diff(rows, axis=0)
    zero, one = moves[0] ** 2, moves[0] * moves[1]
    scale = (zero - one).mean(axis=0) if three else zero.mean(axis=0)
    return (one - moves[0] * moves[2] if three else one) / np.where(scale > 0, scale, np.inf)


def _pushes(singular: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What neighbours do to each move: displacement, share of its variance that is left, and whether it counts."""
    push, share, near = np.zeros(singular.shape), np.ones(singular.shape), np.zeros(singular.shape, dtype=np.int64)
    size = singular.shape[1]
    for distance in range(1, min(_NEIGHBOURS, size - 1) + 1):
        gap = singular[:, distance:] - singular[:, :-distance]
        width = np.sqrt(np.maximum((variance[distance:] + variance[:-distance]) / 2, np.finfo(np.float64).tiny))
        places = np.minimum(gap / width, _FAR_AWAY)
        apart, lost = width * pair_excess(places, 1.0) / 2, 0.5 - pair_spread(places, 1.0) / 4
        for part, sign in ((slice(distance, None), 1.0), (slice(None, size - distance), -1.0)):
            push[:, part] += sign * apart
            share[:, part] -= lost
            near[:, part] += places < _REACH
    return push, np.maximum(share, _LEAST_SHARE), near < 2
