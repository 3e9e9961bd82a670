"""The most probable point of a density in unconstrained coordinates, and the curvature there."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def minimise(
    energy: Callable[[Float[Array, " n"]], Float[Array, ""]], start: Float[Array, " n"], *, steps: int = 100
) -> Float[Array, " n"]:
    """Levenberg's damped Newton descent; returns the best point found (``start`` if none is better)."""
    gradient, hessian = jax.grad(energy), jax.hessian(energy)
    identity = jnp.eye(start.shape[0], dtype=start.dtype)

    def body(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        u, value, damping, step = state
        curvature = hessian(u)
        shift = jnp.maximum(0, -jnp.linalg.eigvalsh(curvature)[0]) + damping
        trial = u - jnp.linalg.solve(curvature + shift * identity, gradient(u))
        trial_value = energy(trial)
        better = trial_value < value
        damping = jnp.where(better, damping / 5, damping * 4)
        return jnp.where(better, trial, u), jnp.where(better, trial_value, value), damping, step + 1

    def goes_on(state: tuple[Array, Array, Array, Array]) -> Array:
        u, _, damping, step = state
        # damping beyond 1e12 means that no step lowers the energy by more than rounding
        return (step < steps) & (damping < 1e12) & (jnp.abs(gradient(u)).max() > 1e-7)

    one = jnp.ones((), start.dtype)
    u, _, _, _ = jax.lax.while_loop(goes_on, body, (start, energy(start), one, jnp.zeros((), jnp.int32)))
    return u


def whitening(energy: Callable[[Float[Array, " n"]], Float[Array, ""]], at: Float[Array, " n"]) -> Float[Array, "n n"]:
    """Matrix L with L Lᵀ = inverse curvature at a point; directions without positive curvature get a small positive
    one."""
    values, vectors = jnp.linalg.eigh(jax.hessian(energy)(at))
    # a mass matrix only: it decides how fast the chains mix, not what they sample
    floor = 1e-3 * jnp.abs(values).max()
    return vectors / jnp.sqrt(jnp.maximum(values, floor * 1e-3 + jnp.where(values > 0, 0, floor)))
