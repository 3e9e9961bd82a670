"""Statistics of the weights that can be recorded without keeping the weights."""

from collections.abc import Callable, Mapping, Sequence

import jax.numpy as jnp
from jaxtyping import Array

from coulombgas._checks import fail

Statistic = Callable[..., Array]
"""Function of one replica's weights; its value may have any fixed shape."""


def _gram(weights: Array) -> Array:
    return jnp.einsum("ik...,jk...->ij...", weights, weights)


def _norm(weights: Array) -> Array:
    return jnp.sqrt(jnp.sum(weights**2))


STATISTICS: dict[str, Statistic] = {
    "gram": _gram,  # W Wᵀ
    "norm": _norm,  # Frobenius norm of W
    "matrix": lambda weights: weights,  # W itself
}


def make_statistics(chosen: Sequence[str] | Mapping[str, Statistic] | None) -> dict[str, Statistic]:
    """From names to functions; built-in names, or a mapping with functions of one replica's weights.

    Raises:
        InputError: for an unknown name, or one that the format uses itself.
    """
    if chosen is None:
        return {}
    if isinstance(chosen, Mapping):
        reserved = {"eigenvalue", "failed_step", "weights"} & set(chosen)
        if reserved:
            fail("statistics", "must not be named " + ", ".join(sorted(reserved)), sorted(chosen))
        return dict(chosen)
    for name in chosen:
        if name not in STATISTICS:
            fail("statistics", "must be among " + ", ".join(sorted(STATISTICS)), name)
    return {name: STATISTICS[name] for name in chosen}
