"""Finite GOE matrices, with their linear dynamics exact in time."""

import jax
import jax.numpy as jnp

from ._goe import GOEDynamics


def simulate_goe(system: GOEDynamics, *, key: jax.Array, dimension: int) -> dict[str, jax.Array]:
    """One random matrix, its dynamics mode by mode and exact in time; the response along a random direction."""
    matrix_key, probe_key = jax.random.split(key)
    raw = jax.random.normal(matrix_key, (dimension, dimension))
    eigenvalue, vector = jnp.linalg.eigh((raw + raw.T) / jnp.sqrt(2.0 * dimension))
    decay = jnp.exp(-jnp.asarray(system.times())[:, None] * (eigenvalue + system.shift))
    start = jnp.sqrt(system.initial) * vector.sum(0)
    path = decay * start
    correlation = path @ path.T / dimension
    lag = jnp.asarray(system.times())
    share = (vector.T @ jax.random.normal(probe_key, (dimension,))) ** 2 / dimension
    response = jnp.where(lag[:, None] >= lag, (decay * share) @ (1 / decay).T, 0.0)
    return {"correlation": correlation, "response": response, "norm": jnp.diagonal(correlation)}
