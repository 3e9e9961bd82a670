"""Linear dynamics in a GOE landscape, the simplest system: every two-time function in closed form."""

from dataclasses import dataclass

import numpy as np

from coulombgas._checks import check_count, check_finite, check_non_negative, check_positive, fail

from ._system import System


@dataclass(frozen=True, kw_only=True)
class GOEDynamics(System):
    r""":math:`\dot h = -(M + z) h + j`, M from the GOE with semicircle on [-2, 2], :math:`|h(0)|^2/N = h_0^2`.

    :math:`\partial_t R = \delta - zR + \int RR` and :math:`C = \langle h h'\rangle` follow from it (derived here, in
    the convention of arXiv:2601.01010). The implicit midpoint rule makes the discrete equations exact for the
    discretised matrix dynamics and second order in the time step.

    Raises:
        InputError: for a non-positive time step, or one at which the scheme amplifies (z < 2 grows anyway).
    """

    shift: float = 2.0
    """Shift z: the spectrum of M + z is [z − 2, z + 2]."""
    time_step: float = 0.05
    """Length of a step."""
    steps: int = 100
    """Number of steps."""
    initial: float = 1.0
    """Size h_0² of the starting vector."""
    name = "goe"

    def __post_init__(self):
        check_finite("shift", self.shift)
        check_positive("time_step", self.time_step)
        check_count("steps", self.steps)
        check_non_negative("initial", self.initial)
        if self.shift < 2 and self.time_step * (2 - self.shift) >= 1:
            fail("time_step", f"must be below 1/(2 - shift) = {1 / (2 - self.shift):.4g} for the growing modes",
                 self.time_step)  # fmt: skip

    def times(self) -> np.ndarray:
        return self.time_step * np.arange(self.steps + 1)


def goe_response(lag: np.ndarray, shift: float) -> np.ndarray:
    r"""Closed form :math:`R(\tau) = e^{-z\tau} I_1(2\tau)/\tau`, with R(0) = 1."""
    from scipy.special import ive

    lag = np.asarray(lag, float)
    safe = np.where(lag > 0, lag, 1.0)
    return np.where(lag > 0, np.exp((2 - shift) * safe) * ive(1, 2 * safe) / safe, 1.0)
