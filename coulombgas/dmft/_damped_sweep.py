"""One damped sweep of a fixed-point iteration, compiled."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

State = TypeVar("State")


def as_arrays(state: State) -> State:
    """The same pytree with JAX arrays for leaves."""
    return jax.tree.map(lambda array: jnp.asarray(array, dtype=jnp.result_type(array)), state)


@partial(jax.jit, static_argnums=0)
def damped_sweep(sweep: Callable[..., State], old: State, constants: tuple[Any, ...], damping: Any):
    """The mixture of old and new state, and the largest relative change of a leaf."""
    new = sweep(old, *constants)
    change = [abs(b - a).max() / (1 + abs(b).max()) for a, b in zip(*map(jax.tree.leaves, (old, new)), strict=True)]
    mixed = jax.tree.map(lambda a, b: (1 - damping) * a + damping * b, old, new)
    return mixed, jnp.stack(change).max()
