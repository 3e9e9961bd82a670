r"""Relaxation of levels between two records, from moves over h and over 2h updates.

A restoring force makes the noise q(h)/h seen in moves over h updates smaller than its limit s² at h → 0, which is what
one update adds. With :math:`D = \log[q(h)/h] - \log[q(2h)/2h]`, and the second differences used here,

- one rate of relaxation Ω: :math:`q(h)/h = s^2(1 - (\Omega h)^2/3 + \dots)`, so :math:`\log s^2 = \log q(h)/h + D/3`;
- many rates, as the curvatures of a network have: h/q is linear in h, :math:`q(h)/h = s^2/(1 + h/\tau)`, so
  :math:`\log s^2 = \log q(h)/h - \log(2 - e^D)`.

The truth lies between: the middle is taken, half the distance counts as its error. Beyond e^D = 3/2 the second says
more than twice what was seen, and nothing is said. The first is the expansion of an Ornstein-Uhlenbeck process; the
second is what the transformer of the tests shows (``tests/motion/test_real_networks.py``).
"""

from typing import NamedTuple

import numpy as np

from ._moves_of_levels import MIN_MOVES, MatrixMoves

_SEEN = 2.0  # standard errors of D beyond which relaxation is taken out
_MOST = float(np.log(1.5))


class Relaxation(NamedTuple):
    """Correction of the logarithm of a noise.

    Attributes:
        shift: to be added.
        error: its standard error; 0 where nothing is added.
        above: what may be lacking where none was seen: the upper end is farther by as much.
        fast: whether the levels forget too much to say anything.
    """

    shift: float = 0.0
    error: float = 0.0
    above: float = 0.0
    fast: bool = False


def relaxation(moves: MatrixMoves, longer: MatrixMoves | None, modes: np.ndarray, num_blocks: int) -> Relaxation:
    """Of a group of levels; nothing where moves twice as long are too few, or too long to be followed.

    Args:
        moves: over h updates.
        longer: over 2h updates.
        modes: the levels.
        num_blocks: blocks of time from which the error of D follows.
    """
    if longer is None or longer.num < MIN_MOVES:
        return Relaxation()
    modes = modes[np.isfinite(longer.noise[modes])]
    if not modes.size:
        return Relaxation()
    short, long = (_blocks(each, modes, num_blocks) for each in (moves, longer))
    logs = float(np.log(short.mean() / long.mean()))
    scatter = (short / short.mean() - long / long.mean()).std(ddof=1) / np.sqrt(num_blocks)
    # no less than that of Gaussian moves: the variance of log q is 3 over their number, of D about as much
    error = float(max(scatter, np.sqrt(3 / (modes.size * moves.num))))
    if logs < _SEEN * error:
        return Relaxation(above=_many(min(max(logs + error, 0.0), _MOST)))
    if logs > _MOST:
        return Relaxation(fast=True)
    one, many = logs / 3, _many(logs)
    slope = (1 / 3 + np.exp(logs) / (2 - np.exp(logs))) / 2
    return Relaxation(shift=(one + many) / 2, error=float(np.hypot(slope * error, (many - one) / 2)))


def _many(logs: float) -> float:
    return -float(np.log(2 - np.exp(logs)))


def _blocks(moves: MatrixMoves, modes: np.ndarray, num: int) -> np.ndarray:
    """Mean noise an update in successive blocks of time."""
    series = level_series(moves, modes)
    return np.array([block.mean() for block in np.array_split(series, num)])


def level_series(moves: MatrixMoves, modes: np.ndarray) -> np.ndarray:
    """Noise an update of each move, averaged over the levels, (move,)."""
    free = moves.free[:, modes]
    counts = np.maximum(free.mean(axis=0), 1e-9)
    return (moves.change[:, modes] * free / counts).mean(axis=1) / moves.factor
