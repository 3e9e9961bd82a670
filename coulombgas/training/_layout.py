"""Position of the replica axis in memory: after the axes of a small matrix, before those of a large one."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from coulombgas.models import TRAILING_UP_TO, Model, abstract_start, fold

_TRAILING_STATE = 512  # numbers in a replica; with more of them too few replicas share a core's cache


class Layout(NamedTuple):
    """Axis of the replicas while a chunk is computed; elsewhere they are the last axis of every leaf."""

    axis: int
    check_every: int
    """Updates between two checks for diverged replicas. Checking the domain of a model costs a Cholesky factor, more
    than the update itself if the matrix is much larger than the batch."""

    def enter(self, tree: PyTree) -> PyTree:
        """From replicas last to this layout."""
        return tree if self.axis == -1 else jax.tree.map(lambda leaf: jnp.moveaxis(leaf, -1, 0), tree)

    def leave(self, tree: PyTree) -> PyTree:
        """From this layout to replicas last."""
        return tree if self.axis == -1 else jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 0, -1), tree)

    def fold(self, keys: Array, step: Array) -> Array:
        """:func:`coulombgas.models.fold` for the keys of a chunk."""
        return fold(keys, step) if self.axis == -1 else fold(keys.T, step).T

    def beside(self, each: Array, like: Array) -> Array:
        """One value for each replica, ready to broadcast against a leaf."""
        return each if self.axis == -1 else each.reshape(-1, *(1,) * (like.ndim - 1))


TRAILING = Layout(-1, 1)
LEADING = Layout(0, 1)
LARGE = Layout(0, 64)


def choose_layout(model: Model, batch_size: int) -> Layout:
    """The faster layout: unrolled arithmetic over replica vectors, or the matrix products of the backend."""
    if not model.trailing_replicas:
        return LEADING
    weights, memory = abstract_start(model, batch_size)
    largest = max(size for leaf in jax.tree.leaves(weights) for size in leaf.shape)
    numbers = sum(leaf.size for leaf in jax.tree.leaves((weights, memory)))
    return TRAILING if largest <= TRAILING_UP_TO and numbers <= _TRAILING_STATE else LARGE


def describe_update(model: Model, batch_size: int) -> dict[str, str]:
    """The choices for one setting, for stores and reports."""
    trailing = choose_layout(model, batch_size).axis == -1
    return {**model.describe_update(batch_size), "replicas": "trailing" if trailing else "leading"}
