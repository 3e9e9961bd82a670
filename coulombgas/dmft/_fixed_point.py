"""Damped iteration to a self-consistent set of two-time functions, with the residual it stopped at."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from coulombgas._types import Progress

from ._convergence import Convergence, NotConvergedError

State = TypeVar("State")


def fixed_point(
    sweep: Callable[..., State],
    start: State,
    *,
    constants: tuple[Any, ...] = (),
    damping: float,
    tolerance: float,
    max_sweeps: int,
    remedy: str,
    progress: Progress | None = None,
) -> tuple[State, Convergence]:
    r"""Iterate :math:`x \leftarrow (1-d)\,x + d\,F(x)` until :math:`|F(x)-x|_\infty/(1+|F(x)|_\infty)` is small.

    Args:
        sweep: F, from a pytree of arrays, followed by ``constants``, to the same pytree.
        start: first guess.
        constants: pytrees that F takes besides; one program serves a function and its shapes.
        damping: d, the share of the new value, in (0, 1].
        tolerance: residual at which to stop.
        max_sweeps: number of evaluations of F allowed.
        remedy: what the user should change when it fails.
        progress: called with (sweeps done, ``max_sweeps``).

    Raises:
        NotConvergedError: when the residual is above ``tolerance`` after ``max_sweeps`` or no longer finite.
    """
    state = jax.tree.map(lambda array: jnp.asarray(array, dtype=jnp.result_type(array)), start)
    residual = np.inf
    for done in range(1, max_sweeps + 1):
        state, residual = _advance(sweep, state, constants, damping)
        residual = float(residual)
        if progress is not None:
            progress(done, max_sweeps)
        if not np.isfinite(residual):
            raise NotConvergedError(f"the fixed point diverged at sweep {done} (residual {residual}): {remedy}.")
        if residual <= tolerance:
            return state, Convergence(residual=residual, sweeps=done)
    raise NotConvergedError(f"the fixed point has not converged: residual {residual:.2e} after {max_sweeps} sweeps, "
                            f"tolerance {tolerance:.0e}: {remedy}.")  # fmt: skip


@partial(jax.jit, static_argnums=0)
def _advance(sweep: Callable[..., State], old: State, constants: tuple[Any, ...], damping: Any):
    new = sweep(old, *constants)
    change = [abs(b - a).max() / (1 + abs(b).max()) for a, b in zip(*map(jax.tree.leaves, (old, new)), strict=True)]
    mixed = jax.tree.map(lambda a, b: (1 - damping) * a + damping * b, old, new)
    return mixed, jnp.stack(change).max()
