"""Sample paths of the Langevin equation dx = K dt + √2 g dW: a slow, independent check of every density."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._to_jax import to_jax


def make_sampler(model: Any) -> Callable[..., Float[Array, "paths *variables"]]:
    """A jitted function (key, start, step, values, num_steps) → end points, by the Euler-Maruyama rule.

    Paths that leave a finite end are reflected into the domain. ``start`` has the shape (paths,), or (paths, variables)
    for several variables.
    """
    size, args = len(model.variables), (*model.variables, *model.parameters)
    drift, amplitude = to_jax(list(model.drift), args), to_jax(list(model.amplitude), args)
    ends = [
        [to_jax(end, model.parameters) if end.is_finite is not False else None for end in pair] for pair in model.domain
    ]

    def sample(key: Any, start: Any, step: Any, values: Any, num_steps: int) -> Any:
        limits = [[None if end is None else end(*values) for end in pair] for pair in ends]
        columns = model.amplitude.shape[1]

        def advance(x: Any, index: Any) -> tuple[Any, None]:
            shape = (columns, *x.shape[1:])
            kick = jnp.sqrt(2 * step) * jax.random.normal(jax.random.fold_in(key, index), shape, x.dtype)
            flow = [jnp.broadcast_to(part, x.shape[1:]) for part in drift(*x, *values)]
            rows = [jnp.broadcast_to(part, x.shape[1:]) for part in amplitude(*x, *values)]
            moved = [
                x[i] + step * flow[i] + sum(rows[i * columns + k] * kick[k] for k in range(columns))
                for i in range(size)
            ]
            return jnp.stack([_reflect(part, *pair) for part, pair in zip(moved, limits, strict=True)]), None

        if size == 1:
            return jax.lax.scan(advance, start[None], jnp.arange(num_steps))[0][0]
        return jax.lax.scan(advance, jnp.moveaxis(start, -1, 0), jnp.arange(num_steps))[0].T

    return jax.jit(sample, static_argnames="num_steps")


def _reflect(x: Any, low: Any, high: Any) -> Any:
    if low is not None:
        x = low + jnp.abs(x - low)
    if high is not None:
        x = high - jnp.abs(high - x)
    if low is not None and high is not None:
        x = jnp.clip(x, low, high)
    return x
