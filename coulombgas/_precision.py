"""Double precision where it is needed, without touching the global JAX configuration."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def x64():
    """Context in which JAX computes in float64: ``with x64(): ...``."""
    import jax

    return jax.enable_x64(True)


def in_x64(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator: the whole call runs in float64."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with x64():
            return function(*args, **kwargs)

    return wrapped
