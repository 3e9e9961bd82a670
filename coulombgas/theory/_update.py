"""One update of a model as a function of flat vectors, which the theory differentiates and averages.

State is (w, c): the weights and the statistic of the memory, each as one vector. The function maps a state and a key to
(g, c'): the gradient and the new statistic. The optimiser is linear in what it is given and is applied afterwards.
"""

import math
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from coulombgas._checks import InputError
from coulombgas.models import Model, Setting, fold, own_key, purpose

from ._keys import ByIdentity


class Layout(NamedTuple):
    """Structure and shapes of a tree, to rebuild it from a vector of any precision."""

    structure: Any
    shapes: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """Length of the vector."""
        return sum(math.prod(shape) for shape in self.shapes)

    def unravel(self, vector: Array) -> PyTree:
        """The tree whose concatenated leaves are ``vector``."""
        leaves, first = [], 0
        for shape in self.shapes:
            last = first + math.prod(shape)
            leaves.append(vector[first:last].reshape(shape))
            first = last
        return jax.tree.unflatten(self.structure, leaves)


def layout_of(tree: PyTree) -> Layout:
    """The layout of a tree of arrays."""
    leaves, structure = jax.tree.flatten(tree)
    return Layout(structure, tuple(tuple(map(int, leaf.shape)) for leaf in leaves))


def ravel(tree: PyTree) -> Array:
    """All leaves of a tree as one vector."""
    leaves = [jnp.ravel(leaf) for leaf in jax.tree.leaves(tree)]
    return jnp.concatenate(leaves) if leaves else jnp.zeros(0, jnp.float32)


class FlatUpdate(NamedTuple):
    """A model's update at one batch size, on vectors."""

    model: Model
    batch_size: int
    weights: Layout
    memory: Layout

    @property
    def num_weights(self) -> int:
        """Length of w."""
        return self.weights.size

    @property
    def num_memory(self) -> int:
        """Length of c."""
        return self.memory.size

    @property
    def size(self) -> int:
        """Length of the state (w, c)."""
        return self.num_weights + self.num_memory

    def setting(self, words: Array) -> Setting:
        """A setting with fresh shared random numbers, so that quenched inputs are averaged over."""
        return Setting(learning_rate=jnp.float32(0.0), key=fold(words, purpose("set")), batch_size=self.batch_size)

    def __call__(self, state: Float[Array, "state"], words: Array) -> Float[Array, "state"]:
        """(g, c') of one update from (w, c) with the random numbers of ``words``."""
        setting = self.setting(words)
        weights = self.weights.unravel(state[: self.num_weights])
        key = own_key(self.model, fold(words, purpose("memory")))
        memory = self.model.restore_memory(self.memory.unravel(state[self.num_weights :]), key=key, setting=setting)
        key = own_key(self.model, fold(words, purpose("update")))
        # any position among quenched inputs; the engine counts updates from 0
        step = (fold(words, purpose("step"))[0] >> 16).astype(jnp.int32)
        slope, memory = self.model.gradient(weights, memory, key=key, setting=setting, step=step)
        return jnp.concatenate([ravel(slope), ravel(self.model.reduce_memory(memory, setting=setting))])

    def matrix(self, state: Float[Array, "state"]) -> Float[Array, "row column"]:
        """The observed matrix."""
        return self.model.matrix(self.weights.unravel(state[: self.num_weights]))

    def at_batch(self, batch_size: int) -> "FlatUpdate":
        """The same update with another batch size."""
        return self._replace(batch_size=batch_size)


def flat_update(model: Model, batch_size: int) -> FlatUpdate:
    """The update of ``model`` on vectors, at ``batch_size`` or the smallest batch that can hold its memory.

    Raises:
        InputError: for a model without weights, or a memory whose statistic grows with the batch.
    """
    batch = max(batch_size, model.smallest_batch)
    layout, memory = _layouts(ByIdentity(model), batch)
    if layout.size == 0:
        raise InputError(f"`model` {model.name!r} has no weights: `start` must return at least one array.")
    if memory.shapes and memory != _layouts(ByIdentity(model), 2 * batch)[1]:
        raise InputError(
            f"`model` {model.name!r}: its memory grows with the batch, so it cannot be its own statistic: define "
            "`reduce_memory` and `restore_memory` (moments for Markov chains)."
        )
    return FlatUpdate(model, batch, layout, memory)


@lru_cache(maxsize=256)
def _layouts(key: ByIdentity, batch: int) -> tuple[Layout, Layout]:
    """Layouts of the weights and of the memory's statistic, traced once for equal models."""
    weights, memory = jax.eval_shape(partial(start_state, key.model, batch), jax.ShapeDtypeStruct((2,), jnp.uint32))
    return layout_of(weights), layout_of(memory)


def start_state(model: Model, batch_size: int, words: Array, init: str = "fixed-point") -> tuple[PyTree, PyTree]:
    """Weights and statistic of the memory at a start of training, float32."""
    setting = Setting(learning_rate=jnp.float32(0.0), key=fold(words, 1), batch_size=batch_size)
    key = own_key(model, fold(words, 2))
    weights, memory = model.start(key=key, setting=setting, init=init, dtype=jnp.float32)  # pyright: ignore[reportArgumentType]
    return weights, model.reduce_memory(memory, setting=setting)


def keys_for(seed: int, use: str, first: int, num: int) -> Array:
    """Key words (num, 2) of draws ``first`` … for one use."""
    words = np.random.default_rng((seed, purpose(use), first)).integers(0, 2**32, (num, 2), dtype=np.uint32)
    return jnp.asarray(words)
