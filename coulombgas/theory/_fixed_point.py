r"""The fixed point of the mean update: where the mean gradient plus the decay of the weights vanishes.

Begins at the model's own fixed-point start, which is kept as exact if the mean update does not move it beyond its Monte
Carlo error; otherwise descent along the averaged gradient is followed by Newton's method with the averaged Jacobian.
Neither moves along directions without a restoring force (gauge directions).
"""

from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array

from coulombgas._checks import InputError
from coulombgas.models import Model, descend

from ._moments import BLOCKS, Slope, leave_one_out, measure_mean, measure_slope
from ._update import FlatUpdate, keys_for, ravel, start_state

_SAMPLES = 2**18  # samples in each mean: 1/512 of the noise of one sample
_SLOPE_SAMPLES = 2**17  # samples in the Jacobian of a Newton step, which only needs the right direction
_MEMORY_UPDATES = 200  # at most: the loop ends once the statistic changes by less than 1%
_NEWTON_STEPS = 6  # after descent a few suffice
_CONSISTENT = 6.0  # standard deviations of a χ² over all components
_RANK = 2.0  # times the noise of the Jacobian: singular values below belong to directions without a restoring force


class FixedPoint(NamedTuple):
    """State at the fixed point, and its error."""

    state: np.ndarray
    """(w, c)."""
    exact: bool
    """Whether the weights are the model's own fixed point, without Monte Carlo error."""
    error: np.ndarray
    """Square root of the covariance of the error of w, (weights, rank); no columns if exact."""


def find_fixed_point(model: Model, update: FlatUpdate, decay: float, *, seed: int) -> FixedPoint:
    """The fixed point under an effective weight decay.

    Raises:
        InputError: when descent diverges or Newton's method does not converge.
    """
    fast = update.at_batch(max(update.batch_size, 256))
    state = _start(fast, seed)
    if decay == 0.0 and _is_fixed(fast, state, decay, seed):
        return FixedPoint(state, True, np.zeros((update.num_weights, 0)))
    weights = descend(model, decay=decay, batch_size=max(64, model.smallest_batch))
    state[: update.num_weights] = np.asarray(ravel(weights), dtype=np.float64)
    return _newton(fast, state, decay, seed)


def _start(update: FlatUpdate, seed: int) -> np.ndarray:
    """(w, c) of the fixed-point start, the memory's statistic averaged over replicas."""
    weights, memories = _starts(update, keys_for(seed, "start", 0, 64))
    return np.concatenate([weights[0], memories.mean(axis=0)]).astype(np.float64)


@eqx.filter_jit
def _starts(update: FlatUpdate, keys: Array) -> tuple[Array, Array]:
    def one(key: Array) -> tuple[Array, Array]:
        weights, statistic = start_state(update.model, update.batch_size, key)
        return ravel(weights), ravel(statistic)

    return jax.vmap(one)(keys)


def _draws(update: FlatUpdate, samples: int) -> int:
    return max(4, samples // (BLOCKS * update.batch_size))


def _residual(update: FlatUpdate, state: np.ndarray, decay: float, seed: int, use: str) -> np.ndarray:
    """(g + λw, c' − c) by blocks."""
    means = measure_mean(update, state, draws=_draws(update, _SAMPLES), seed=seed, use=use)
    num = update.num_weights
    return means + np.concatenate([decay * state[:num], -state[num:]])


def _settle_memory(update: FlatUpdate, state: np.ndarray, seed: int) -> np.ndarray:
    """The state with the memory's statistic at its fixed point for these weights."""
    num = update.num_weights
    if update.num_memory == 0:
        return state
    for step in range(_MEMORY_UPDATES):
        mean = measure_mean(update, state, draws=4, seed=seed + step, use="settle").mean(axis=0)[num:]
        new = np.concatenate([state[:num], mean])
        done = np.abs(new - state).max() <= 1e-2 * np.abs(new).max() and step >= 20
        # once settled only noise is left: average it
        state = new if step < 20 else np.concatenate([state[:num], state[num:] + (mean - state[num:]) / (step - 18)])
        if done and step >= 60:
            break
    return state


def _is_fixed(update: FlatUpdate, state: np.ndarray, decay: float, seed: int) -> bool:
    """Whether the mean update leaves the weights unchanged within the noise of the mean."""
    blocks = _residual(update, state, decay, seed, "fixed")[:, : update.num_weights]
    mean, error = blocks.mean(axis=0), blocks.std(axis=0, ddof=1) / np.sqrt(len(blocks))
    moving = error > 0
    if not moving.any():
        return bool((mean == 0).all())
    # t² with 7 degrees of freedom: mean 7/5, variance 2·49·6/(25·3)
    score = float(np.mean((mean[moving] / error[moving]) ** 2))
    return bool(score <= 1.4 + _CONSISTENT * np.sqrt(7.84 / moving.sum()) and (np.abs(mean[~moving]) == 0).all())


def _newton(update: FlatUpdate, state: np.ndarray, decay: float, seed: int) -> FixedPoint:
    """Fixed point of the mean update by Newton's method with measured slopes, and its error."""
    num = update.num_weights
    state = _settle_memory(update, state, seed)
    # where all weights are zero, steps and tolerance refer to a weight of 1e-3
    scale = max(float(np.abs(state[:num]).max()), 1e-3)
    for step in range(_NEWTON_STEPS):
        slope = measure_slope(update, state, draws=_draws(update, _SLOPE_SAMPLES), seed=seed + 17 * step)
        inverse = pseudo_inverse(slope, num, decay)
        blocks = _residual(update, state, decay, seed + step, "newton")
        moves = blocks @ inverse.T
        change, error = moves.mean(axis=0), moves.std(axis=0, ddof=1) / np.sqrt(len(moves))
        if not np.isfinite(change).all():
            break
        # far from the fixed point a full step could leave its basin
        length = np.abs(change[:num]).max()
        state = state - change * min(1.0, 0.3 * scale / max(length, 1e-300))
        if (np.abs(change[:num]) <= 4.0 * error[:num] + 1e-3 * scale).all():
            root = (leave_one_out(moves)[:, :num] - moves[:, :num].mean(axis=0)).T * np.sqrt((BLOCKS - 1) / BLOCKS)
            return FixedPoint(state, False, root)
    raise InputError(
        f"`model` {update.model.name!r}: Newton's method found no fixed point of the mean update; its last step "
        f"moved a weight by {float(np.abs(change[:num]).max()):.3g}: give the model a start at the fixed point."
    )


def pseudo_inverse(slope: Slope, num_weights: int, decay: float) -> np.ndarray:
    """Inverse of the Jacobian of (g + λw, c' − c), without the directions that are flat within its noise."""
    table = slope.jacobian.copy()
    size = table.shape[1]
    diagonal = np.concatenate([np.full(num_weights, decay), np.full(size - num_weights, -1.0)])
    halves = table[: BLOCKS // 2].mean(axis=0), table[BLOCKS // 2 :].mean(axis=0)
    noise = np.linalg.norm(halves[0] - halves[1], 2) / 2
    left, values, right = np.linalg.svd(table.mean(axis=0) + np.diag(diagonal))
    kept = values > max(_RANK * noise, 1e-6 * values[0])
    return (right[kept].T / values[kept]) @ left[:, kept].T
