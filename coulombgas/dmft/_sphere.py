"""Random vectors on the sphere."""

import jax
import jax.numpy as jnp


def on_sphere(key: jax.Array, dimension: int) -> jax.Array:
    """A uniform direction x with |x|² = ``dimension``."""
    vector = jax.random.normal(key, (dimension,))
    return vector * jnp.sqrt(dimension / jnp.sum(vector**2))
