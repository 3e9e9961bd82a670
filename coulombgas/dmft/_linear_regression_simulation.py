"""Finite linear regression: random data and the explicit method."""

import jax
import jax.numpy as jnp
from jax import lax

from ._causal import toeplitz
from ._linear_regression import LinearRegression
from ._sphere import on_sphere


def simulate_linear_regression(system: LinearRegression, *, key: jax.Array, dimension: int) -> dict[str, jax.Array]:
    """One data set of P = αN samples; h, the residuals and the response to a pulse at step 0."""
    samples = max(1, round(system.samples_per_dimension * dimension))
    data_key, teacher_key, noise_key, probe_key, mask_key = jax.random.split(key, 5)
    data = jax.random.normal(data_key, (samples, dimension))
    teacher = on_sphere(teacher_key, dimension) * jnp.sqrt(system.signal)
    noise = jnp.sqrt(system.noise_variance) * jax.random.normal(noise_key, (samples,))
    probe = on_sphere(probe_key, dimension)
    scale = jnp.sqrt(float(dimension))

    def run(start, noise, pulse):
        def gradient(point, step):
            residual = data @ point / scale + noise
            mask = jnp.ones(samples)
            if system.batch_fraction < 1:
                chosen = jax.random.bernoulli(jax.random.fold_in(mask_key, step), system.batch_fraction, (samples,))
                mask = chosen / system.batch_fraction
            return scale * (mask * residual) @ data / samples + pulse * (step == 0)

        advance = _step(system, gradient, data, noise)
        _, path = lax.scan(advance, (start, jnp.zeros_like(start)), jnp.arange(system.steps))
        return jnp.concatenate([start[None], path])

    path = run(teacher, noise, jnp.zeros(dimension))
    echo = run(jnp.zeros(dimension), jnp.zeros(samples), probe) @ probe / dimension
    correlation = path @ path.T / dimension
    residual = path @ data.T / scale + noise
    covariance = residual @ residual.T / samples
    return {
        "test_excess": jnp.diagonal(correlation),
        "train_loss": jnp.diagonal(covariance),
        "overlap": 1 - path @ teacher / (dimension * max(system.signal, 1e-300)),
        "correlation": correlation,
        "residual": covariance,
        "response": toeplitz(echo),
    }


def _step(system: LinearRegression, gradient, data, noise):
    """One step of the method for ``lax.scan``: (point, velocity) and a step number to the next point."""
    if system.method == "gradient-flow":
        return _flow_step(system, gradient, data, noise)
    rate, beta = system.learning_rate, system.momentum

    def advance(carry, step):
        point, velocity = carry
        query = point + beta * velocity if system.method == "nesterov" else point
        new = point + beta * velocity - rate * gradient(query, step)
        return (new, new - point), new

    return advance


def _flow_step(system: LinearRegression, gradient, data, noise):
    """Implicit midpoint rule with an exact linear solve."""
    samples, dimension = data.shape
    step_size, mass = system.learning_rate, system.mass
    hessian = data.T @ data / samples
    # p̄ = (2m p - h v(h + h p̄/2)) / (2m + h), where v is affine in its argument
    matrix = jnp.eye(dimension) * (2 * mass + step_size) + step_size**2 / 2 * hessian
    # inverted once, since it is well conditioned: LAPACK inside the loop of steps can deadlock with its thread pool
    inverse = jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(matrix), jnp.eye(dimension))

    def advance(carry, step):
        point, velocity = carry
        middle = inverse @ (2 * mass * velocity - step_size * gradient(point, step))
        new = point + step_size * middle
        return (new, 2 * middle - velocity), new

    return advance
