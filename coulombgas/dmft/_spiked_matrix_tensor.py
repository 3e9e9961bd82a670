"""The spiked matrix-tensor model: first-order methods and flows, on the sphere or with a ridge."""

import math
from dataclasses import dataclass

import numpy as np

from coulombgas._checks import (
    check_choice,
    check_count,
    check_finite,
    check_in_interval,
    fail,
)

from ._linear_methods import check_method
from ._system import System
from ._tensor_covariance import Covariance, check_noise, planted_fixed_point


@dataclass(frozen=True, kw_only=True)
class SpikedMatrixTensor(System):
    r"""Gaussian landscape of covariance NQ, :math:`Q(c) = c^2/(2\Delta_2) + c^p/(p\Delta_p)`, with a spike at x*.

    The energy is :math:`-Q(m) N` plus the noise; m is the overlap with x* (arXiv:2102.11755; two-time equations derived
    here). ``gd``, ``heavy-ball`` and ``nesterov`` are exact at every learning rate; ``gradient-flow`` takes the
    learning rate as its time step, is second order, and with ``mass`` M > 0 it is M ẍ + ẋ = force.

    Raises:
        InputError: for values outside the theory's range: Δ ≤ 0, p < 2, |m0| > 1, β outside [0, 1), η ≤ 0.
    """

    power: int = 3
    """Order p of the tensor."""
    matrix_noise: float = 0.5
    """Noise Δ_2 of the matrix; inf switches the matrix off."""
    tensor_noise: float = 2.0
    """Noise Δ_p of the tensor; inf switches the tensor off."""
    initial_overlap: float = 0.1
    """Overlap m with the spike at the start."""
    learning_rate: float = 0.1
    """Learning rate η; for gradient-flow the time step."""
    method: str = "gd"
    """gd, heavy-ball, nesterov or gradient-flow."""
    momentum: float = 0.0
    """Momentum β of heavy-ball and nesterov."""
    mass: float = 0.0
    """Mass M of the flow with inertia."""
    constraint: str = "sphere"
    """sphere (unit norm at every step) or ridge (a quadratic penalty only)."""
    ridge: float = 0.0
    """Strength of the penalty under constraint ridge."""
    steps: int = 100
    """Number of steps."""
    name = "spiked-matrix-tensor"

    def __post_init__(self):
        check_method(self)
        check_choice("constraint", self.constraint, ("sphere", "ridge"))
        check_count("power", self.power, 2)
        check_noise("matrix_noise", self.matrix_noise)
        check_noise("tensor_noise", self.tensor_noise)
        check_in_interval("initial_overlap", self.initial_overlap, -1.0, 1.0)
        check_finite("ridge", self.ridge)
        if self.ridge and self.constraint != "ridge":
            fail("ridge", "needs constraint 'ridge'", self.ridge)
        if math.isinf(self.matrix_noise) and math.isinf(self.tensor_noise):
            fail("tensor_noise", "and `matrix_noise` cannot both be infinite: nothing would be left", self.tensor_noise)

    def times(self) -> np.ndarray:
        return (self.learning_rate if self.method == "gradient-flow" else 1.0) * np.arange(self.steps + 1)

    @property
    def covariance(self) -> Covariance:
        """Q as a function of the overlap; its derivatives are ``first`` and ``second``."""
        return Covariance(self.power, self.matrix_noise, self.tensor_noise)

    def fixed_point(self) -> tuple[float, float, float]:
        """(m, μ, e) of the planted fixed point on the sphere."""
        return planted_fixed_point(self.power, self.matrix_noise, self.tensor_noise)
