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
    """Levels that belong together, and moves twice as long that show what they forget."""

    name: str
    modes: np.ndarray
    longer: MatrixMoves | None = None

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
    """Mean over the levels of a group, with what they forget between records put back (``_relaxation``).

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

    Classes are the leading levels and parts of the bulk by rank; the p-value is twice the smaller of both. Where levels
    forget (``longer``), which single ones are too noisy to show, classes alone are compared.
    What neighbours and relaxation leave uncorrected counts as 10% more error of each class, so that the false-alarm
    rate stays below 1% for long recordings.
    """
    classes = bulk.parts(min(_CLASSES, max(1, bulk.modes.size // _LEVELS_A_CLASS)))
    many = not classes and leading.modes.size >= 2 * _LEVELS_A_CLASS
    classes += leading.parts(2 if many else 1)
    found = _known(moves, classes)
    if len(found) < 2:
        return None
    p_value = _equal(moves, found)
    if leading.longer is None and bulk.longer is None:
        single = [one for each in classes for one in each.parts(each.modes.size)]
        p_value = min(1.0, 2 * min(p_value, _equal(moves, _known(moves, single))))
    strong = max(each.log_error for each in found) < _WEAK
    ratio = float(np.exp(np.ptp(np.log([each.noise.mean for each in found]))))
    return Isotropy(p_value=p_value, ratio=ratio, accepted=p_value > FALSE_ALARM and strong, classes=found)


def _known(moves: MatrixMoves, groups: Sequence[Group]) -> tuple[GroupNoise, ...]:
    found = [group_noise(moves, group) for group in groups]
    return tuple(noise for noise in found if noise is not None)


def _equal(moves: MatrixMoves, parts: Sequence[GroupNoise]) -> float:
    """p-value of equal noise."""
    logs = np.log([each.noise.mean for each in parts])
    errors = np.hypot([each.log_error for each in parts], _ALLOWED)
    return _welch(logs, errors, len(moves.change) // (_MOVES_A_BLOCK * moves.span))


def _welch(means: np.ndarray, errors: np.ndarray, num_blocks: int) -> float:
    """p-value of equal means (Welch, Biometrika 38 (1951) 330), the errors having ``num_blocks`` − 1 freedoms."""
    freedom = max(min(_MOST_BLOCKS, num_blocks), _FEWEST_BLOCKS) - 1
    weight, num = errors**-2.0, len(means)
    total = weight.sum()
    between = float((weight * (means - weight @ means / total) ** 2).sum() / (num - 1))
    spread = float(((1 - weight / total) ** 2).sum() / freedom)
    statistic = between / (1 + 2 * (num - 2) / (num**2 - 1) * spread)
    return float(stats.f.sf(statistic, num - 1, (num**2 - 1) / (3 * spread)))
