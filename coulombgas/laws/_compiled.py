"""Methods of laws as one compiled program each, instead of one program per operation."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


def compiled(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of a distribution under ``jax.jit``, inlined where the caller traces it; shapes stay static."""
    static = ("sample_shape",) if "sample_shape" in inspect.signature(method).parameters else ()
    program = jax.jit(method, static_argnames=static, inline=True)

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        return program(self, *(np.asarray(arg) if isinstance(arg, list) else arg for arg in args), **kwargs)

    return wrapper
