"""Noise averaged over a group of levels, with an interval, and whether all groups have the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy import stats

from coulombgas._interval import PROBABILITY, Interval

from ._moves_of_levels import MatrixMoves
from ._relaxation import level_series, relaxation

FALSE_ALARM = 0.01
_MOST_BLOCKS, _FEWEST_BLOCKS = 20, 4
_MOVES_A_BLOCK = 4
_CLASSES, _LEVELS_A_CLASS = 4, 3
_ALLOWED = 0.1  # relative error of a class that neighbours and relaxation may leave
_WEAK = 0.2  # errors of log noise beyond which equality says little


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


@dataclass(frozen=True, kw_only=True)
class Isotropy:
    """Whether all levels have the same noise.

    Attributes:
        p_value: probability of classes of levels as different as these when all have the same noise.
        ratio: noise of the noisiest class over that of the quietest.
        accepted: that p exceeds 1%, and the classes are known well enough to have shown a factor two.
        classes: noise of each class of levels, from the lowest levels up.
    """

    p_value: float
    ratio: float
    accepted: bool
    classes: tuple[GroupNoise, ...] = field(repr=False)


def group_noise(moves: MatrixMoves, group: Group) -> GroupNoise | None:
    """Mean over the levels of a group, corrected for relaxation between records (``_relaxation``).

    Its error is from blocks of time, no less than that of Gaussian moves. None where they forget too much.
    """
    modes = group.modes
    series = level_series(moves, modes)
    mean = float(moves.noise[modes].mean())
    num = max(min(_MOST_BLOCKS, len(series) // (_MOVES_A_BLOCK * moves.span)), _FEWEST_BLOCKS)
    blocks = np.array([block.mean() for block in np.array_split(series, num)])
    scatter = float(blocks.std(ddof=1) / np.sqrt(num) / mean)
    # levels of unlike noise count as fewer; the variance of ⟨Δ²⟩ − ⟨ΔΔ'⟩ is 3, not 2, over the number of moves
    alike = moves.noise[modes].sum() ** 2 / (moves.noise[modes] ** 2).sum()
    free = float(moves.free[:, modes].mean())
    least = float(np.sqrt(3 / (alike * free * len(series) / moves.span)))
    forgot = relaxation(moves, group.longer, modes, num)
    if forgot.fast:
        return None
    error = float(np.hypot(max(scatter, least), forgot.error))
    own = log_interval(mean * float(np.exp(forgot.shift)), error, float(num - 1))
    return GroupNoise(
        modes=tuple(int(mode) for mode in modes),
        noise=Interval(own.mean, own.lower, own.upper * float(np.exp(forgot.above)), own.sd),
        log_error=float(np.hypot(error, forgot.above / 2)),
        forgotten=forgot.shift,
    )


def log_interval(mean: float, error: float, freedom: float) -> Interval:
    """95% interval of a positive mean whose logarithm has a standard error with so many degrees of freedom."""
    reach = float(stats.t.ppf(0.5 + PROBABILITY / 2, freedom)) * error
    return Interval(mean, mean * float(np.exp(-reach)), mean * float(np.exp(reach)), mean * error)


def isotropy(moves: MatrixMoves, leading: Group, bulk: Group) -> Isotropy | None:
    """Welch's analysis of variance of log noise between classes of levels, and between single levels.

    Classes are the leading levels and parts of the bulk by rank; the p-value is twice the smaller of both. What one
    level forgets is too noisy to be seen: it is taken to be that of its group, with as much for its error.
    What neighbours and relaxation leave uncorrected counts as 10% more error of each class, so that the false-alarm
    rate stays below 1% for long recordings.
    """
    classes = bulk.parts(min(_CLASSES, max(1, bulk.modes.size // _LEVELS_A_CLASS)))
    many = not classes and leading.modes.size >= 2 * _LEVELS_A_CLASS
    classes += leading.parts(2 if many else 1)
    known = [(part, group_noise(moves, part)) for part in classes]
    found = tuple(noise for _, noise in known if noise is not None)
    if len(found) < 2:
        return None
    single = [one._replace(longer=None) for part, noise in known if noise for one in part.parts(part.modes.size)]
    levels = [noise for noise in (group_noise(moves, one) for one in single) if noise is not None]
    shifts = np.array([one.forgotten for one in single])
    p_value = min(1.0, 2 * min(_equal(moves, found, np.zeros(len(found))), _equal(moves, levels, shifts)))
    strong = max(each.log_error for each in found) < _WEAK
    ratio = float(np.exp(np.ptp(np.log([each.noise.mean for each in found]))))
    return Isotropy(p_value=p_value, ratio=ratio, accepted=p_value > FALSE_ALARM and strong, classes=found)


def _equal(moves: MatrixMoves, parts: Sequence[GroupNoise], forgotten: np.ndarray) -> float:
    """p-value of equal noise, where the relaxation of each part is known up to a factor."""
    logs = np.log([each.noise.mean for each in parts]) + forgotten
    errors = np.hypot(np.hypot([each.log_error for each in parts], _ALLOWED), forgotten)
    return _welch(logs, errors, len(moves.change) // (_MOVES_A_BLOCK * moves.span))


def _welch(means: np.ndarray, errors: np.ndarray, num_blocks: int) -> float:
    """p-value of equal means (Welch, Biometrika 38 (1951) 330), errors of ``num_blocks`` − 1 degrees of freedom."""
    freedom = max(min(_MOST_BLOCKS, num_blocks), _FEWEST_BLOCKS) - 1
    weight, num = errors**-2.0, len(means)
    total = weight.sum()
    between = float((weight * (means - weight @ means / total) ** 2).sum() / (num - 1))
    spread = float(((1 - weight / total) ** 2).sum() / freedom)
    statistic = between / (1 + 2 * (num - 2) / (num**2 - 1) * spread)
    return float(stats.f.sf(statistic, num - 1, (num**2 - 1) / (3 * spread)))
