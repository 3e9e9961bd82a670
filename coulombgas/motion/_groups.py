"""Noise averaged over a group of levels, with an interval."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from coulombgas._interval import PROBABILITY, Interval
from coulombgas._tails import t_ppf

from ._moves_of_levels import MatrixMoves
from ._relaxation import level_series, relaxation

FALSE_ALARM = 0.01
_MOST_BLOCKS, _FEWEST_BLOCKS = 20, 4
_MOVES_A_BLOCK = 4


class Group(NamedTuple):
    """Levels of one group, their moves over twice the time, and the correction for relaxation that these give."""

    name: str
    modes: np.ndarray
    longer: MatrixMoves | None = None
    forgotten: float = 0.0

    def parts(self, num: int) -> list["Group"]:
        """Classes of its levels by rank."""
        return [self._replace(modes=part) for part in np.array_split(self.modes, num) if part.size]


@dataclass(frozen=True, kw_only=True)
class GroupNoise:
    """Noise of a group of levels.

    Attributes:
        modes: which levels, ascending.
        noise: variance that one update adds to u_iᵀ W v_i, averaged over the levels, with its 95% interval.
        log_error: standard error of its logarithm.
        forgotten: what of the logarithm levels forget between two records, and was put back; 0 where none was seen.
    """

    modes: tuple[int, ...]
    noise: Interval
    log_error: float
    forgotten: float = 0.0


def group_noise(moves: MatrixMoves, group: Group) -> GroupNoise | None:
    """Mean over the levels of a group, corrected for relaxation between records (``_relaxation``).

    Its error is from blocks of time, no less than that of Gaussian moves. None where they forget too much.
    """
    modes, num = group.modes, num_blocks(moves)
    mean, own_error = _mean_and_error(moves, modes)
    forgot = relaxation(moves, group.longer, modes, num)
    if forgot.fast:
        return None
    error = float(np.hypot(own_error, forgot.error))
    own = log_interval(mean * float(np.exp(forgot.shift)), error, float(num - 1))
    return GroupNoise(
        modes=tuple(int(mode) for mode in modes),
        noise=Interval(own.mean, own.lower, own.upper * float(np.exp(forgot.above)), own.sd),
        log_error=float(np.hypot(error, forgot.above / 2)),
        forgotten=forgot.shift,
    )


def level_intervals(moves: MatrixMoves, group: Group) -> np.ndarray:
    """95% interval of each level of a group, (level, 2), lower and upper end.

    What one level forgets between two records is too noisy to be seen: it is taken to be that of its group, with as
    much for its error.
    """
    num = num_blocks(moves)
    forgot = relaxation(moves, group.longer, group.modes, num)
    ends = np.empty((group.modes.size, 2))
    for row, mode in enumerate(group.modes):
        mean, error = _mean_and_error(moves, np.array([mode]))
        own = log_interval(mean * float(np.exp(forgot.shift)), float(np.hypot(error, forgot.shift)), float(num - 1))
        ends[row] = own.lower, own.upper * float(np.exp(forgot.above))
    return ends


def _mean_and_error(moves: MatrixMoves, modes: np.ndarray) -> tuple[float, float]:
    """Mean noise of these levels and the standard error of its logarithm, before any relaxation is taken out."""
    series = level_series(moves, modes)
    mean = float(moves.noise[modes].mean())
    num = num_blocks(moves)
    blocks = np.array([block.mean() for block in np.array_split(series, num)])
    scatter = float(blocks.std(ddof=1) / np.sqrt(num) / mean)
    # levels of unlike noise count as fewer; the variance of ⟨Δ²⟩ − ⟨ΔΔ'⟩ is 3, not 2, over the number of moves
    alike = moves.noise[modes].sum() ** 2 / (moves.noise[modes] ** 2).sum()
    free = float(moves.free[:, modes].mean())
    return mean, max(scatter, float(np.sqrt(3 / (alike * free * len(series) / moves.span))))


def num_blocks(moves: MatrixMoves) -> int:
    """Blocks of time that count as independent."""
    return max(min(_MOST_BLOCKS, len(moves.change) // (_MOVES_A_BLOCK * moves.span)), _FEWEST_BLOCKS)


def log_interval(mean: float, error: float, freedom: float) -> Interval:
    """95% interval of a positive mean whose logarithm has a standard error with so many degrees of freedom."""
    reach = float(t_ppf(0.5 + PROBABILITY / 2, freedom)) * error
    return Interval(mean, mean * float(np.exp(-reach)), mean * float(np.exp(reach)), mean * error)
