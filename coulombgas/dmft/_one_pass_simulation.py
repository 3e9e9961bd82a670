"""Explicit one-pass SGD, with a fresh batch at every step."""

import jax
import jax.numpy as jnp
from jax import lax

from coulombgas._checks import fail

from ._one_pass import OnePassSGD
from ._sphere import on_sphere


def simulate_one_pass(system: OnePassSGD, *, key: jax.Array, dimension: int) -> dict[str, jax.Array]:
    """The recursion with drawn batches; ``dimension`` must be the system's own."""
    if dimension != system.dimension:
        fail("dimension", f"must be the system's own, {system.dimension}", dimension)
    teacher_key, batches = jax.random.split(key)
    teacher = on_sphere(teacher_key, dimension) * jnp.sqrt(system.signal)

    def advance(point, step):
        data_key, noise_key = jax.random.split(jax.random.fold_in(batches, step))
        data = jax.random.normal(data_key, (system.batch_size, dimension))
        noise = jnp.sqrt(dimension * system.noise_variance) * jax.random.normal(noise_key, (system.batch_size,))
        new = point - system.learning_rate * data.T @ (data @ point + noise) / system.batch_size
        return new, new

    _, path = lax.scan(advance, teacher, jnp.arange(system.steps))
    path = jnp.concatenate([teacher[None], path])
    correlation = path @ path.T / dimension
    return {
        "test_excess": jnp.diagonal(correlation),
        "overlap": 1 - path @ teacher / (dimension * max(system.signal, 1e-300)),
        "correlation": correlation,
    }
