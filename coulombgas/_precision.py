"""Double precision where it is needed, without touching the global JAX configuration."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


def x64():
    """Context in which JAX computes in float64: ``with x64(): ...``."""
    import jax

    return jax.enable_x64(True)


def resolution(values: np.ndarray) -> float:
    """Relative spacing of the numbers that an array was stored in: of float32 if all fit into it, else of float64."""
    with np.errstate(over="ignore"):
        single = np.array_equal(values, values.astype(np.float32))
    return float(np.finfo(np.float32 if single else np.float64).eps)


def in_x64(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator: the whole call runs in float64."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with x64():
            return function(*args, **kwargs)

    return wrapped
