"""The compiled heart: a chunk of replicas of one setting through any number of updates."""

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, PyTree

from coulombgas.models import Model, Setting
from coulombgas.models._random import fold, key_words, purpose

HEALTHY = -1
"""``failed_step`` of a replica that has not diverged."""


class ChunkState(NamedTuple):
    """Everything a chunk needs to go on; replicas in the last axis of every leaf."""

    weights: PyTree
    memory: PyTree
    failed_step: Array


class Ensemble(eqx.Module):
    """A model seen as a chunk of replicas, the replica axis behind all others."""

    model: Model

    def call(self, method: str, *arguments: Any, key: Array | None = None, **shared: Any) -> Any:
        """Call a method on all replicas: at once where the model knows trailing replicas, by ``vmap`` elsewhere."""
        function = getattr(self.model, method)
        if self.model.trailing_replicas:
            return function(*arguments, **shared) if key is None else function(*arguments, key=key, **shared)
        if key is None:
            return jax.vmap(partial(function, **shared), in_axes=-1, out_axes=-1)(*arguments)

        def one(key, *own):
            return function(*own, key=jax.random.wrap_key_data(key), **shared)

        return jax.vmap(one, in_axes=-1, out_axes=-1)(key, *arguments)


def setting_key(seed: int, learning_rate: float, batch_size: int) -> np.ndarray:
    """Key words of one setting: they depend on the setting itself, not on what else is in the sweep."""
    bits = np.float64(learning_rate).view(np.uint64)
    key = key_words(jax.random.key(seed))
    for number in (int(bits >> np.uint64(32)), int(bits & np.uint64(0xFFFFFFFF)), batch_size):
        key = fold(key, np.uint32(number))
    return np.asarray(key)


def make_setting(key: np.ndarray, learning_rate: float, batch_size: int, dtype: Any) -> Setting:
    """The setting as the model's methods see it."""
    shared = fold(jnp.asarray(key), purpose("shared"))
    return Setting(learning_rate=jnp.asarray(learning_rate, dtype), key=shared, batch_size=batch_size)


def replica_keys(key: Array, replicas: Array, use: str) -> Array:
    """Key words (2, replica) for one use; replica i is the same in any chunk."""
    base = fold(jnp.asarray(key), purpose("replica"))
    each = fold(base[:, None] * jnp.ones((1, replicas.shape[0]), jnp.uint32), replicas)
    return fold(each, purpose(use))


@eqx.filter_jit
def start_chunk(model: Model, setting: Setting, keys: Array, init: str, dtype: Any) -> ChunkState:
    """State of a chunk before the first update."""
    weights, memory = Ensemble(model).call("start", key=keys, setting=setting, init=init, dtype=dtype)
    return ChunkState(weights, memory, jnp.full(keys.shape[1:], HEALTHY, jnp.int32))


@eqx.filter_jit
def advance_chunk(
    model: Model, setting: Setting, keys: Array, state: ChunkState, first: Array, last: Array
) -> ChunkState:
    """Updates ``first`` … ``last − 1``; the number of updates is traced, so any segmentation runs the same program."""
    ensemble = Ensemble(model)

    def update(step: Array, state: ChunkState) -> ChunkState:
        state = mark_failed(ensemble, state, step)
        gradient, memory = ensemble.call(
            "gradient", state.weights, state.memory, key=fold(keys, step), setting=setting, step=step
        )
        weights = jax.tree.map(lambda w, g: w - setting.learning_rate * g, state.weights, gradient)
        alive = state.failed_step == HEALTHY
        frozen = partial(jax.tree.map, lambda new, old: jnp.where(alive, new, old))
        return ChunkState(frozen(weights, state.weights), frozen(memory, state.memory), state.failed_step)

    state = lax.fori_loop(first, last, update, state)
    return mark_failed(ensemble, state, last)


def mark_failed(ensemble: Ensemble, state: ChunkState, step: Array) -> ChunkState:
    """Note the step at which a replica is first seen diverged."""
    diverged = ~ensemble.call("healthy", state.weights) & (state.failed_step == HEALTHY)
    return state._replace(failed_step=jnp.where(diverged, jnp.asarray(step, jnp.int32), state.failed_step))


@eqx.filter_jit
def chunk_spectrum(model: Model, state: ChunkState) -> Array:
    """Eigenvalues (mode, replica); NaN for replicas that have diverged."""
    safe = jax.tree.map(lambda w: jnp.where(state.failed_step == HEALTHY, w, jnp.zeros_like(w)), state.weights)
    levels = Ensemble(model).call("spectrum", safe)
    return jnp.where(state.failed_step == HEALTHY, levels, jnp.nan)
