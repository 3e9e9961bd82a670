"""Finite random features: gradient flow, exact in time."""

import jax
import jax.numpy as jnp

from ._random_features import RandomFeatures


def simulate_random_features(system: RandomFeatures, *, key: jax.Array, dimension: int) -> dict[str, jax.Array]:
    """One draw of data, features and teacher."""
    samples = max(1, round(system.samples_per_dimension * dimension))
    features = max(1, round(system.features_per_dimension * dimension))
    keys = jax.random.split(key, 4)
    data, lift = _matrices(keys[0], keys[1], samples, features, dimension)
    teacher = jax.random.normal(keys[2], (dimension,))
    teacher = teacher * jnp.sqrt(dimension / jnp.sum(teacher**2))
    noise = jnp.sqrt(system.noise_variance) * jax.random.normal(keys[3], (samples,))
    path = flow_of_features(data, lift, teacher, noise, jnp.asarray(system.times()))
    correlation = path @ path.T / dimension
    residual = path @ data.T / jnp.sqrt(1.0 * dimension) + noise
    return {
        "test_excess": jnp.diagonal(correlation),
        "train_loss": jnp.mean(residual**2, axis=1),
        "overlap": 1 - path @ teacher / dimension,
        "correlation": correlation,
    }


def _matrices(data_key, feature_key, samples: int, features: int, dimension: int):
    return (
        jax.random.normal(data_key, (samples, dimension)),
        jax.random.normal(feature_key, (features, dimension)),
    )


def flow_of_features(data, lift, teacher, noise, time) -> jax.Array:
    r"""h(t) (time, dimension) of :math:`\dot v = A\Psi^\top(\Psi h + \epsilon)/P`, :math:`h = w^* - A^\top v/N`."""
    samples, dimension = data.shape
    features = lift.shape[0]
    mixed = data @ lift.T / jnp.sqrt(1.0 * samples * features)
    eigenvalue, vector = jnp.linalg.eigh(mixed.T @ mixed)
    eigenvalue = jnp.maximum(eigenvalue, 0.0)
    drive = lift @ (data.T @ (data @ teacher + jnp.sqrt(1.0 * dimension) * noise)) / samples
    grown = jnp.where(eigenvalue > 1e-12, -jnp.expm1(-time[:, None] * eigenvalue) / jnp.maximum(eigenvalue, 1e-12),
                      time[:, None])  # fmt: skip
    return teacher - (grown * (vector.T @ drive)) @ vector.T @ lift / features
