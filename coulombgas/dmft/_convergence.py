"""What a fixed point reports, and the error when it is not reached."""

from dataclasses import dataclass

from coulombgas._checks import InputError


class NotConvergedError(InputError):
    """A self-consistent solution was not reached; the message gives the residual and the remedy."""


@dataclass(frozen=True, kw_only=True)
class Convergence:
    """How a fixed point was reached: last relative change of any two-time function and the sweeps it took."""

    residual: float
    sweeps: int
