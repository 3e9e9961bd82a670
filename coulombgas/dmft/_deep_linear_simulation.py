"""The finite two-layer linear network."""

import jax
import jax.numpy as jnp
from jax import lax

from ._deep_linear import DeepLinear
from ._sphere import on_sphere


def simulate_deep_linear(system: DeepLinear, *, key: jax.Array, dimension: int) -> dict[str, jax.Array]:
    """One data set and one initialisation; explicit gradient descent, or Heun steps of the flow."""
    samples = max(1, round(system.samples_per_dimension * dimension))
    width = max(1, round(system.width_per_dimension * dimension))
    keys = jax.random.split(key, 5)
    data = jax.random.normal(keys[0], (samples, dimension))
    teacher = on_sphere(keys[1], dimension) * jnp.sqrt(system.signal)
    noise = jnp.sqrt(system.noise_variance) * jax.random.normal(keys[2], (samples,))
    start = (jax.random.normal(keys[3], (width,)), jax.random.normal(keys[4], (width, dimension)))
    scale, gamma = jnp.sqrt(1.0 * dimension), system.feature_strength

    def error(state):
        readout, weight = state
        return teacher - scale / (gamma * width) * weight.T @ readout

    def slope(state):
        readout, weight = state
        left = data @ error(state) / scale + noise
        gradient = scale * left @ data / samples
        return gamma / scale * weight @ gradient, gamma / scale * jnp.outer(readout, gradient)

    def add(state, change, size):
        return jax.tree.map(lambda s, c: s + size * c, state, change)

    def advance(state, _):
        first = slope(state)
        new = add(state, first, system.time_step)
        if system.method == "gradient-flow":
            second = slope(new)
            new = add(add(state, first, system.time_step / 2), second, system.time_step / 2)
        return new, (error(new), new[0], _largest(new[1]))

    _, (path, readout, top) = lax.scan(advance, start, None, length=system.steps)
    path = jnp.concatenate([error(start)[None], path])
    readout = jnp.concatenate([start[0][None], readout])
    top = jnp.concatenate([_largest(start[1])[None], top])
    return _report(path, readout, top, path @ data.T / scale + noise, teacher)


def _report(path, readout, top, residual, teacher) -> dict[str, jax.Array]:
    """Observables of one finite copy over time, named as those of the theory."""
    dimension, width = len(teacher), readout.shape[1]
    return {
        "test_excess": jnp.mean(path**2, axis=1),
        "train_loss": jnp.mean(residual**2, axis=1),
        "overlap": 1 - path @ teacher / jnp.maximum(teacher @ teacher, 1e-300),
        "readout": jnp.mean(readout**2, axis=1),
        "correlation": path @ path.T / dimension,
        "readout_correlation": readout @ readout.T / width,
        "top_singular_value": top / jnp.sqrt(1.0 * width),
    }


def _largest(weight):
    """Largest singular value, from the smaller Gram matrix."""
    gram = weight @ weight.T if weight.shape[0] <= weight.shape[1] else weight.T @ weight
    return jnp.sqrt(jnp.linalg.eigvalsh(gram)[-1])
