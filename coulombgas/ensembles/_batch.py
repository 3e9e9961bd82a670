"""From one sample to a batch: keys are folded by index, so replica 3 is the same in a batch of 4 or of 40 000."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

Number: TypeAlias = float | int | Float[Array, ""] | np.number
"""A real number, traced or not."""

Width: TypeAlias = Number | Float[Array, "..."] | Float[np.ndarray, "..."]
"""A positive number, or one for each member of a batch."""


def batched(draw: Callable[..., Any], *, key: Shaped[PRNGKeyArray, ""], shape: tuple[int, ...]) -> Any:
    """``draw(key)`` for one sample of ``shape=()``, else ``draw(fold_in(key, i))`` over the flattened index i."""
    if shape == ():
        return draw(key)
    count = math.prod(shape)
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(count, dtype=jnp.uint32))
    return jax.tree.map(lambda leaf: leaf.reshape(*shape, *leaf.shape[1:]), jax.vmap(draw)(keys))


def scaled(values: Array, width: Any) -> Array:
    """``values`` (..., n) times ``width``, where ``width`` is a number or broadcasts over the batch."""
    width = jnp.asarray(width, values.dtype)
    return values * (width if width.ndim == 0 else width[..., None])
