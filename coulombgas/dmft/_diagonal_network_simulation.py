"""The finite diagonal network: Gaussian data, and the time steps of the theory."""

import jax
import jax.numpy as jnp
from jax import lax

from ._diagonal_network import DiagonalNetwork
from ._diagonal_network_solution import one_time, stratified, weights

MAX_NEWTON = 60  # only to end the loop: the method descends from any start
TOLERANCE = 1e-6
"""Largest last change of 2θ: a further Newton step squares it, so the result is exact to rounding."""


def simulate_diagonal(system: DiagonalNetwork, *, key: jax.Array, dimension: int) -> dict[str, jax.Array]:
    """One data set; explicit mirror descent, or the implicit trapezoidal rule of the flow, stable at any step."""
    samples = max(1, round(system.samples_per_dimension * dimension))
    data_key, noise_key = jax.random.split(key)
    data = jax.random.normal(data_key, (samples, dimension)) / jnp.sqrt(1.0 * dimension)
    noise = jnp.sqrt(system.noise_variance) * jax.random.normal(noise_key, (samples,))
    teacher = jnp.asarray(stratified(system, dimension))
    step = system.time_step * dimension / samples

    def residual(theta):
        return data @ (weights(system.scale, theta) - teacher) - noise

    def descend(carry, _):
        theta, left = carry
        theta = theta - step * data.T @ left
        left = residual(theta)
        return (theta, left), (theta, left)

    def flow(carry, _):
        theta, left = carry
        known = theta - step / 2 * data.T @ left
        left = implicit_residual(data, teacher, noise, known, scale=system.scale, step=step / 2, start=left)
        theta = known - step / 2 * data.T @ left
        return (theta, left), (theta, left)

    start = (jnp.zeros(dimension), residual(jnp.zeros(dimension)))
    advance = descend if system.method == "mirror-descent" else flow
    _, rest = lax.scan(advance, start, None, length=system.steps)
    theta, left = (jnp.concatenate([first[None], later]) for first, later in zip(start, rest, strict=True))
    gap, share = weights(system.scale, theta) - teacher, jnp.full(dimension, 1 / dimension)
    return {**one_time(gap.T, teacher, share), "train_loss": jnp.mean(left**2, axis=1),
            "correlation": gap @ gap.T / dimension}  # fmt: skip


def implicit_residual(data, teacher, noise, known, *, scale, step, start):
    r"""Residuals r = X(β - β*) - ε at :math:`\theta = k - cX^\top r`: the minimum of a convex function of r.

    .. math:: \Psi(r) = |r|^2/2 + \epsilon\cdot r + c^{-1}\sum_i[a^2\cosh 2\theta_i - \beta^*_i\theta_i]

    whose third derivatives are at most 2 |δθ| times the second, so the Newton step :math:`\ln(1+b)/b`, b = 2|δθ|_∞,
    descends without a line search (Sun and Tran-Dinh, arXiv:1703.04599, generalised self-concordance of order 2).
    """

    def slope(left):
        theta = known - step * data.T @ left
        return left + noise - data @ (weights(scale, theta) - teacher), theta

    def unfinished(state):
        _, change, done = state
        return (change > TOLERANCE) & (done < MAX_NEWTON)

    def newton(state):
        left, _, done = state
        gradient, theta = slope(left)
        curvature = (4 * scale**2 * step) * jnp.cosh(2 * theta)
        hessian = jnp.eye(len(left)) + (data * curvature) @ data.T
        change = jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(hessian), gradient)
        bound = 2 * step * jnp.max(jnp.abs(data.T @ change))
        damp = jnp.where(bound > 1e-8, jnp.log1p(bound) / jnp.maximum(bound, 1e-8), 1.0)
        return left - damp * change, bound, done + 1

    left, change, _ = lax.while_loop(unfinished, newton, (start, jnp.asarray(jnp.inf), 0))
    return jnp.where(change > TOLERANCE, jnp.nan, left)
