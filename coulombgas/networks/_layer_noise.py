r"""Noise of one matrix from the motion of its levels between records.

An update that adds independent noise of variance s² to each entry moves the singular values by
:math:`\Delta\xi_i = u_i^T E v_i` with variance s² each. Over δ updates the moves of a bulk level, what is smooth across
the spectrum taken out, have the variance s²δ, less what its neighbours push back: successive moves are anticorrelated,
and

.. math:: s^2\delta = \langle\Delta\xi^2\rangle - \langle\Delta\xi(t)\,\Delta\xi(t + \delta)\rangle

is free of that to the next order in δ. Two things are checked: levels move by less than a fraction of their spacing
between records, or nobody can tell which is which; and successive moves are nearly independent, as diffusion has it,
not alike, as a steady motion or a momentum has it. With the learning rate α fluctuation and dissipation make
:math:`T = s^2/2\alpha` the temperature of that noise, without knowing the weight decay. Derived here, and tested by
simulation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coulombgas._interval import PROBABILITY, Interval

LONGEST_MOVE = 0.25  # of the mean spacing
_LARGEST_CORRELATION = 0.25  # of successive moves; beyond it they are no diffusion
_CLOSE = 4.0  # moves: a level nearer than that to a neighbour is pushed, not only shaken
_MIN_MOVES = 60
_DEGREE = 3


@dataclass(frozen=True, kw_only=True)
class LayerMotion:
    """Noise of one matrix, from the motion of its levels.

    Attributes:
        noise: variance s² that one update adds to each entry; None where it cannot be told.
        temperature: s²/2α in units of the loss, where the learning rate is known.
        move: root mean square motion of a level between two records, in mean spacings.
        statement: the noise, or why there is none, in one sentence.
    """

    noise: Interval | None
    temperature: Interval | None
    move: float
    statement: str


def layer_motion(
    levels: np.ndarray, steps: np.ndarray, num_spikes: int, learning_rate: float | Sequence[float] | None = None
) -> LayerMotion:
    """Noise of a matrix from its eigenvalues at successive records.

    Args:
        levels: eigenvalues of WᵀW, shape (step, mode), modes ascending.
        steps: training steps of the records, ascending, shape (step,).
        num_spikes: levels to leave out at the upper end.
        learning_rate: as for :func:`coulombgas.inference.follow`.
    """
    singular = np.sqrt(levels[:, : levels.shape[1] - num_spikes])
    interval = np.diff(steps)
    if len(steps) < 3 or singular.shape[1] <= 2 * _DEGREE or interval.min() <= 0:
        return _none(float("nan"), "fewer than three records at ascending steps, or too few levels")
    short = np.flatnonzero(interval == interval.min())
    moves = _moves(singular, short)
    follows = np.diff(short) == 1
    spacing = float(np.diff(singular, axis=1).mean())
    move = float(np.sqrt(np.mean(moves**2))) / spacing if spacing > 0 else 0.0
    if moves.size < _MIN_MOVES or not follows.any():
        return _none(move, "too few evenly spaced records")
    if move == 0:
        return _none(move, "the levels do not move")
    if move > LONGEST_MOVE:
        return _none(
            move,
            f"levels move by {move:.2g} mean spacings between records, at most {LONGEST_MOVE:g} can be followed: "
            f"record more often than every {int(interval.min())} steps",
        )
    free = _free(singular[short], moves)
    variance = float(np.mean(moves[free] ** 2))
    pairs = free[:-1] & follows[:, None]
    product = float(np.mean((moves[:-1] * moves[1:])[pairs])) if pairs.any() else 0.0
    if abs(product) > _LARGEST_CORRELATION * variance:
        return _none(move, f"successive moves of the levels are correlated by {product / variance:.2f}: no diffusion")
    # the variance of the estimate is that of ⟨Δ²⟩, 2, and of ⟨ΔΔ'⟩, 1
    count = 2 / 3 * np.count_nonzero(free) * (1 - (_DEGREE + 1) / moves.shape[1])
    noise = _chi_squared((variance - product) / int(interval.min()), count)
    return _with_temperature(noise, move, learning_rate)


def _moves(singular: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Moves of the levels to the next record less what is smooth across the spectrum, shape (start, mode)."""
    change = singular[start + 1] - singular[start]
    place = np.linspace(-1, 1, singular.shape[1])
    basis = np.linalg.qr(np.polynomial.chebyshev.chebvander(place, _DEGREE))[0]
    # levels at the ends take part in the fit more than others: give each its own variance back
    return (change - (change @ basis) @ basis.T) / np.sqrt(1 - (basis**2).sum(axis=1))


def _free(singular: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Which levels start far from both neighbours."""
    wide = np.pad(np.diff(singular, axis=1), ((0, 0), (1, 1)), constant_values=np.inf)
    nearest = np.minimum(wide[:, 1:], wide[:, :-1])
    free = np.ones(moves.shape, dtype=bool)
    for _ in range(4):
        chosen = nearest > _CLOSE * np.sqrt(np.mean(moves[free] ** 2))
        if np.count_nonzero(chosen) < _MIN_MOVES // 2:
            break
        free = chosen
    return free


def _chi_squared(variance: float, count: float) -> Interval:
    """Posterior of the variance of that many independent normal moves, flat in its logarithm."""
    from scipy.stats import chi2

    total, tail = float(variance * count), (1 - PROBABILITY) / 2
    mean = total / (count - 2)
    upper, lower = (total / float(chi2.ppf(share, count)) for share in (tail, 1 - tail))
    return Interval(mean, lower, upper, mean * float(np.sqrt(2 / (count - 4))))


def _with_temperature(noise: Interval, move: float, learning_rate: float | Sequence[float] | None) -> LayerMotion:
    statement = f"one update adds {noise.mean:.3g} [{noise.lower:.3g}, {noise.upper:.3g}] to the variance of an entry"
    if learning_rate is None:
        return LayerMotion(noise=noise, temperature=None, move=move, statement=statement)
    rate = float(np.mean(learning_rate))
    temperature = Interval(*(value / (2 * rate) for value in noise))
    limits = f"[{temperature.lower:.3g}, {temperature.upper:.3g}]"
    statement += f"; noise of temperature {temperature.mean:.3g} {limits} in units of the loss"
    return LayerMotion(noise=noise, temperature=temperature, move=move, statement=statement)


def _none(move: float, reason: str) -> LayerMotion:
    return LayerMotion(noise=None, temperature=None, move=move, statement=f"no noise estimate: {reason}")
