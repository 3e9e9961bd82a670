"""Sample paths of the Langevin equation dx = K dt + √2 g dW: the slow, independent route to every density."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._to_jax import to_jax


def make_sampler(equation: Any) -> Callable[..., Float[Array, " paths"]]:
    """A jitted function (key, start, step, values, num_steps) → end points, by the Euler-Maruyama rule.

    Paths that leave a finite end are reflected into the domain.
    """
    args = (equation.variable, *equation.parameters)
    drift, noise = to_jax(equation.drift, args), to_jax(equation.noise, args)
    ends = [to_jax(end, equation.parameters) if end.is_finite is not False else None for end in equation.domain]

    def sample(key: Any, start: Any, step: Any, values: Any, num_steps: int) -> Any:
        low, high = (None if end is None else end(*values) for end in ends)

        def advance(x: Any, index: Any) -> tuple[Any, None]:
            kick = jnp.sqrt(2 * step) * jax.random.normal(jax.random.fold_in(key, index), x.shape, x.dtype)
            return _reflect(x + step * drift(x, *values) + noise(x, *values) * kick, low, high), None

        return jax.lax.scan(advance, start, jnp.arange(num_steps))[0]

    return jax.jit(sample, static_argnames="num_steps")


def _reflect(x: Any, low: Any, high: Any) -> Any:
    if low is not None:
        x = low + jnp.abs(x - low)
    if high is not None:
        x = high - jnp.abs(high - x)
    if low is not None and high is not None:
        x = jnp.clip(x, low, high)
    return x
