"""One-pass SGD on Gaussian data: a closed recursion, exact at finite size."""

from dataclasses import dataclass

import numpy as np

from coulombgas._checks import check_count, check_non_negative, check_positive, fail

from ._system import System


@dataclass(frozen=True, kw_only=True)
class OnePassSGD(System):
    r"""Linear regression with a fresh batch of B Gaussian samples at every step, N inputs.

    .. math:: C_{k+1} = C_k[1 - 2\eta + \eta^2(1 + (N+1)/B)] + \eta^2(N/B)\sigma^2

    and :math:`C(n, k) = (1-\eta)^{n-k}C_k`: averages over the data, exact for every N and B (derived here).

    Raises:
        InputError: for η at or beyond 2/(1 + (N+1)/B).
    """

    dimension: int
    """Number N of inputs."""
    batch_size: int
    """Samples B of a step."""
    learning_rate: float = 0.1
    """Learning rate η."""
    noise_variance: float = 0.0
    """Variance σ² of the label noise."""
    signal: float = 1.0
    """Size of the teacher, |w*|²/N."""
    steps: int = 100
    """Number of steps."""
    name = "one-pass-sgd"

    def __post_init__(self):
        check_count("dimension", self.dimension)
        check_count("batch_size", self.batch_size)
        check_positive("learning_rate", self.learning_rate)
        check_non_negative("noise_variance", self.noise_variance)
        check_non_negative("signal", self.signal)
        check_count("steps", self.steps)
        bound = 2 / self.curvature()
        if self.learning_rate >= bound:
            fail("learning_rate", f"must be below {bound:.6g} = 2/(1 + (N+1)/B), where the variance diverges",
                 self.learning_rate)  # fmt: skip

    def curvature(self) -> float:
        """1 + (N+1)/B: increase of the variance by a step of η = 1, per unit of excess."""
        return 1 + (self.dimension + 1) / self.batch_size

    def times(self) -> np.ndarray:
        return np.arange(self.steps + 1.0)

    def limit(self) -> float:
        r"""Stationary excess :math:`\eta(N/B)\sigma^2/(2 - \eta(1 + (N+1)/B))`."""
        eta = self.learning_rate
        return eta * self.dimension / self.batch_size * self.noise_variance / (2 - eta * self.curvature())
