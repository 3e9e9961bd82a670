"""A two-layer linear network in the feature-learning regime: its two-time functions as matrix equations over steps."""

from dataclasses import dataclass

import numpy as np

from coulombgas._checks import check_choice, check_count, check_finite, check_non_negative, check_positive, fail

from ._system import System


@dataclass(frozen=True, kw_only=True)
class DeepLinear(System):
    r""":math:`\beta_{eff} = (\sqrt D/(\gamma N))W^\top a`; both layers learn.

    .. math:: \dot a = (\gamma/\sqrt D)Wg,\qquad \dot W = (\gamma/\sqrt D)ag^\top

    W is N×D, h = β* - β_eff, :math:`g = \hat\Sigma h`, ν = N/D, α = P/D, |β*|²/D = ``signal`` (derived here, in the
    convention of arXiv:2601.01010). ``gd`` is exact gradient descent with learning rate ``time_step``;
    ``gradient-flow`` is the trapezoidal rule, of second order. W(t) = W(0) + (γ/√D)∫a gᵀ is a spiked random matrix: see
    :func:`coulombgas.dmft.outliers`.

    Raises:
        InputError: for values out of range.
    """

    samples_per_dimension: float
    """α = P/D, samples for each input."""
    width_per_dimension: float = 1.0
    """ν = N/D, hidden units for each input."""
    feature_strength: float = 1.0
    """Strength γ of feature learning: 0 is the lazy limit."""
    noise_variance: float = 0.0
    """Variance σ² of the label noise."""
    signal: float = 1.0
    """Size of the teacher, |β*|²/D."""
    method: str = "gd"
    """gd or gradient-flow."""
    time_step: float = 0.05
    """Learning rate of gd, or length of a step of gradient-flow."""
    steps: int = 60
    """Number of steps."""
    damping: float = 0.7
    """Weight of the new functions in a sweep."""
    tolerance: float = 1e-10
    """Residual at which the iteration stops."""
    max_sweeps: int = 300
    """Largest number of sweeps."""
    name = "deep-linear"

    def __post_init__(self):
        check_choice("method", self.method, ("gd", "gradient-flow"))
        for field in ("samples_per_dimension", "width_per_dimension", "feature_strength", "time_step", "tolerance"):
            check_positive(field, getattr(self, field))
        check_non_negative("noise_variance", self.noise_variance)
        check_non_negative("signal", self.signal)
        check_count("steps", self.steps)
        check_count("max_sweeps", self.max_sweeps)
        if not 0 < check_finite("damping", self.damping) <= 1:
            fail("damping", "must lie in (0, 1]", self.damping)
        bound = self.largest_time_step()
        if self.method == "gd" and self.time_step >= bound:
            fail("time_step", f"must be below {bound:.4g}, where gradient descent is unstable at initialisation",
                 self.time_step)  # fmt: skip

    def largest_time_step(self) -> float:
        r"""Bound :math:`2/(\lambda_+ K)` at the start: curvature of the data times the largest tangent kernel."""
        return 2 / ((1 + self.samples_per_dimension**-0.5) ** 2 * (1 + (1 + self.width_per_dimension**-0.5) ** 2))

    def times(self) -> np.ndarray:
        return self.time_step * np.arange(self.steps + 1)

    def bulk_edge(self) -> float:
        """1 + ν^{-1/2}, the upper edge of the singular values of W/√N."""
        return 1 + self.width_per_dimension**-0.5
