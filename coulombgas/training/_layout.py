"""Where the replicas of a chunk stand in memory: behind the axes of a small matrix, before those of a large one."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from coulombgas.models import Model, abstract_start, fold

LARGE_FROM = 24


class Layout(NamedTuple):
    """Axis of the replicas while a chunk is at work; outside they are the last axis of every leaf."""

    axis: int
    check_every: int
    """Updates from one look for diverged replicas to the next. A look at the domain of a model costs a Cholesky factor,
    more than the update itself where the matrix is much larger than the batch."""

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
    weights, _ = abstract_start(model, batch_size)
    largest = max(size for leaf in jax.tree.leaves(weights) for size in leaf.shape)
    return TRAILING if largest < LARGE_FROM else LARGE
