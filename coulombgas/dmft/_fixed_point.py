"""Damped iteration to a self-consistent set of two-time functions, with the final residual."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

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
        constants: further pytrees passed to F; one program is compiled for each function and its shapes.
        damping: d, the weight of the new value, in (0, 1].
        tolerance: residual at which to stop.
        max_sweeps: largest number of evaluations of F.
        remedy: what the user should change when it fails.
        progress: called with (sweeps done, ``max_sweeps``).

    Raises:
        NotConvergedError: if the residual is above ``tolerance`` after ``max_sweeps`` or no longer finite.
    """
    from ._damped_sweep import as_arrays, damped_sweep  # so that parameters, and the command line, load without JAX

    state, residual = as_arrays(start), math.inf
    for done in range(1, max_sweeps + 1):
        state, residual = damped_sweep(sweep, state, constants, damping)
        residual = float(residual)
        if progress is not None:
            progress(done, max_sweeps)
        if not math.isfinite(residual):
            raise NotConvergedError(f"the fixed point diverged at sweep {done} (residual {residual}): {remedy}.")
        if residual <= tolerance:
            return state, Convergence(residual=residual, sweeps=done)
    raise NotConvergedError(f"the fixed point has not converged: residual {residual:.2e} after {max_sweeps} sweeps, "
                            f"tolerance {tolerance:.0e}: {remedy}.")  # fmt: skip
