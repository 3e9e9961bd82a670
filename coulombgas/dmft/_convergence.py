"""Convergence of a fixed point, and the error if it does not converge."""

from dataclasses import dataclass

from coulombgas._checks import InputError


class NotConvergedError(InputError):
    """A self-consistent iteration did not converge; the message gives the residual and the remedy."""


@dataclass(frozen=True, kw_only=True)
class Convergence:
    """Convergence of a fixed point.

    Attributes:
        residual: last relative change of any two-time function.
        sweeps: number of sweeps.
    """

    residual: float
    sweeps: int
