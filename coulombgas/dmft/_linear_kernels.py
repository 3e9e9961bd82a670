"""First-order methods as pairs of lag kernels.

Every method keeps a state h and evaluates the gradient v at a query point y: ``y = 1 - T_y v``, ``h = 1 - T_h v`` with
lower-triangular Toeplitz matrices T (starting from h = 1, at rest). The gradient flow is the implicit midpoint rule,
which is second order; its queries are the midpoints.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def lag_kernels(
    method: str, num: int, *, learning_rate: float, momentum: float, mass: float
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    r"""Kernels (T_y, T_h) of a method at ``num`` lags.

    gd: η at every positive lag; heavy ball: η(1 - βᵏ)/(1 - β) at lag k; Nesterov: the same for the state and
    η(1 - βᵏ⁺¹)/(1 - β) for the query; flow with inertia, m ḧ + ḣ = -v: the midpoint rule of step η.
    """
    lag = np.arange(num)  # in NumPy: no program for each operation
    if method == "gradient-flow":
        pulse = 2 * learning_rate / (2 * mass + learning_rate)
        decay = (2 * mass - learning_rate) / (2 * mass + learning_rate)
        grid = np.arange(num + 1)
        tail = (1 + decay) / (1 - decay) * (1 - decay ** np.maximum(grid - 1, 0))
        state = np.where(grid > 0, learning_rate * pulse / 2 * (1 + tail), 0.0)
        return jnp.asarray((state[:-1] + state[1:]) / 2), jnp.asarray(state[:-1])
    beta = 0.0 if method == "gd" else momentum
    state = learning_rate * (1 - beta**lag) / (1 - beta)
    query = state
    if method == "nesterov":
        query = learning_rate * (1 - beta ** (lag + 1)) / (1 - beta)
        query[0] = 0.0
    return jnp.asarray(query), jnp.asarray(state)
