"""Mean, Jacobian and covariance of an update, averaged over its random numbers: the input of the linear theory.

Draws come in blocks, and every mean is kept by block, so that the Monte Carlo error of any derived quantity follows by
leaving out one block at a time (jackknife).
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ._update import FlatUpdate, keys_for

BLOCKS = 8
"""Blocks of a jackknife: enough to determine an error to a quarter of its size."""
_ENTRIES = 2**24  # numbers in flight at once: 64 MB


class Slope(NamedTuple):
    """Mean and mean Jacobian of (g, c') at a state, block by block."""

    mean: np.ndarray
    """(block, state)."""
    jacobian: np.ndarray
    """(block, state, state): row (g, c'), column (w, c)."""
    samples: int
    """Samples in each block: draws times batch size."""


class Spread(NamedTuple):
    """Covariance of (g, c') at a state for the requested batch size, block by block."""

    covariance: np.ndarray
    """(block, state, state)."""


def measure_mean(update: FlatUpdate, state: np.ndarray, *, draws: int, seed: int, use: str) -> np.ndarray:
    """Mean of (g, c') by blocks, (block, state), float64."""
    at = jnp.asarray(state, jnp.float32)
    blocks = [_mean(update, at, keys_for(seed, use, block * draws, draws)) for block in range(BLOCKS)]
    return np.stack([np.asarray(block, np.float64) for block in blocks])


@eqx.filter_jit
def _mean(update: FlatUpdate, state: Array, keys: Array) -> Array:
    return jax.lax.map(lambda key: update(state, key), keys, batch_size=32).mean(axis=0)


def measure_slope(update: FlatUpdate, state: np.ndarray, *, draws: int, seed: int) -> Slope:
    """Mean and Jacobian with ``draws`` draws in each block."""
    at = jnp.asarray(state, jnp.float32)
    # all blocks are dispatched before waiting for the first: each core takes one
    blocks = [_slope(update, at, keys_for(seed, "slope", block * draws, draws)) for block in range(BLOCKS)]
    means, jacobians = (
        np.stack([np.asarray(part, np.float64) for part in parts]) for parts in zip(*blocks, strict=True)
    )
    return Slope(means, jacobians, draws * update.batch_size)


@eqx.filter_jit
def _slope(update: FlatUpdate, state: Array, keys: Array) -> tuple[Array, Array]:
    def twice(at: Array, key: Array) -> tuple[Array, Array]:
        value = update(at, key)
        return value, value

    def one(total: tuple[Array, Array], key: Array) -> tuple[tuple[Array, Array], None]:
        jacobian, value = jax.jacfwd(twice, has_aux=True)(state, key)
        return (total[0] + value, total[1] + jacobian), None

    zero = (jnp.zeros_like(state), jnp.zeros((state.size, state.size), state.dtype))
    (mean, jacobian), _ = jax.lax.scan(one, zero, keys)
    return mean / len(keys), jacobian / len(keys)


def measure_spread(update: FlatUpdate, state: np.ndarray, batch_size: int, *, draws: int, seed: int) -> Spread:
    """Covariance with ``draws`` draws in each block.

    Below the smallest batch that can hold the memory, the noise of that batch is scaled like that of a mean over
    independent samples.
    """
    scale = update.batch_size / batch_size
    width = max(1, min(draws, _ENTRIES // (update.size * max(update.batch_size, 1))))
    at = jnp.asarray(state, jnp.float32)
    blocks = []
    for first in range(0, BLOCKS, 2):  # two at a time: all of them at once would fill the memory
        keys = [keys_for(seed, "spread", block * draws, draws) for block in (first, first + 1)]
        values = [_values(update, at, own, width) for own in keys]
        blocks += [np.cov(np.asarray(part, dtype=np.float64), rowvar=False) for part in values]
    return Spread(scale * np.stack(blocks).reshape(BLOCKS, update.size, update.size))


@eqx.filter_jit
def _values(update: FlatUpdate, state: Array, keys: Array, width: int) -> Array:
    return jax.lax.map(lambda key: update(state, key), keys, batch_size=width)


def measure_multiplicative(
    update: FlatUpdate,
    state: np.ndarray,
    jacobian: np.ndarray,
    root: np.ndarray,
    batch_size: int,
    *,
    draws: int,
    seed: int,
) -> np.ndarray:
    r"""E[a P aᵀ] by blocks for the fluctuation a of ∂(g, c')/∂w around its mean, P = root rootᵀ over the weights.

    Directions w ~ N(0, P) are drawn with the noise; a w = (∂/∂w)(g, c')·w minus its mean. The fluctuation of the
    derivative by the memory's statistic is left out: the law of the noise given the statistic is linear in it, so that
    the covariance at its mean is already the mean covariance.

    Args:
        update: the update.
        state: (w, c).
        jacobian: mean Jacobian, (state, state).
        root: a square root of the weights' covariance, (weights, rank).
        batch_size: the requested batch size.
        draws: total number of draws, a multiple of the number of blocks.
        seed: seed of the draws.
    """
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((draws, root.shape[1])) @ root.T
    directions = np.concatenate([weights, np.zeros((draws, update.num_memory))], axis=1)
    keys = keys_for(seed, "multiplicative", 0, draws)
    moved = _directional(update, jnp.asarray(state, jnp.float32), jnp.asarray(directions, jnp.float32), keys)
    rest = np.asarray(moved, dtype=np.float64) - directions @ jacobian.T
    blocks = rest.reshape(BLOCKS, draws // BLOCKS, -1)
    return blocks.transpose(0, 2, 1) @ blocks * (BLOCKS / draws * update.batch_size / batch_size)


@eqx.filter_jit
def _directional(update: FlatUpdate, state: Array, directions: Array, keys: Array) -> Array:
    def one(arguments: tuple[Array, Array]) -> Array:
        direction, key = arguments
        return jax.jvp(lambda z: update(z, key), (state,), (direction,))[1]

    return jax.lax.map(one, (directions, keys), batch_size=256)


def measure_curvature(update: FlatUpdate, state: np.ndarray, root: np.ndarray, *, draws: int, seed: int) -> np.ndarray:
    """∂²E(g, c'):P with P = root rootᵀ, by blocks, (block, state): a direction z ~ N(0, P) with every draw.

    Args:
        update: the update.
        state: (w, c).
        root: a square root of the covariance of (w, c), (state, rank).
        draws: draws in each block.
        seed: seed of the draws.
    """
    at, rng = jnp.asarray(state, jnp.float32), np.random.default_rng(seed)
    blocks = []
    for block in range(BLOCKS):
        # fixing the mean square in every direction removes the noise of the directions' lengths
        directions = _white(rng.standard_normal((draws, root.shape[1]))) @ root.T
        keys = keys_for(seed, "curve", block * draws, draws)
        blocks.append(_curvature(update, at, jnp.asarray(directions, jnp.float32), keys))
    return np.stack([np.asarray(block, dtype=np.float64) for block in blocks])


def _white(draws: np.ndarray) -> np.ndarray:
    """Standard normals transformed so that their second moments are exact, if there are enough of them."""
    if len(draws) <= draws.shape[1]:
        return draws
    return np.linalg.qr(draws)[0] * np.sqrt(len(draws))


@eqx.filter_jit
def _curvature(update: FlatUpdate, state: Array, directions: Array, keys: Array) -> Array:
    def second(arguments: tuple[Array, Array]) -> Array:
        direction, key = arguments

        def first(z: Array) -> Array:
            return jax.jvp(lambda x: update(x, key), (z,), (direction,))[1]

        return jax.jvp(first, (state,), (direction,))[1]

    return jax.lax.map(second, (directions, keys), batch_size=64).mean(axis=0)


def leave_one_out(blocks: np.ndarray) -> np.ndarray:
    """Means over all blocks but one, (block, …)."""
    return (blocks.sum(axis=0) - blocks) / (len(blocks) - 1)


def jackknife_error(values: np.ndarray) -> np.ndarray:
    """Standard error from estimates that leave out one block each, over the first axis."""
    num = len(values)
    return np.sqrt((num - 1) / num * ((values - values.mean(axis=0)) ** 2).sum(axis=0))
