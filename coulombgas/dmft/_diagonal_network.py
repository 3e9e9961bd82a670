"""Diagonal linear networks β = u² - v²: lazy and rich regimes by a Monte Carlo fixed point over single-site paths."""

from dataclasses import dataclass

import numpy as np

from coulombgas._checks import (
    check_choice,
    check_count,
    check_finite,
    check_finite_array,
    check_non_negative,
    check_positive,
    check_seed,
    fail,
)

from ._system import System


@dataclass(frozen=True, kw_only=True)
class DiagonalNetwork(System):
    r"""Gradient flow of :math:`\beta = u^2 - v^2`, u = v = a at the start, X_ij ~ N(0, 1/d), n = αd samples.

    .. math:: \beta = 2a^2\sinh 2\theta,\quad \dot\theta = -u_g - \int R_r(t,s)[\beta(s)-\beta^*]\,ds,\quad
        u_g \sim GP(0, C_r/\alpha)

    with :math:`R_r = (1 + R_w/\alpha)^{-1}`, :math:`C_r = R_r(C_w + \sigma^2J)R_r^\top` and the averages C_w, R_w of
    w = β - β* over paths (arXiv:2510.01930 in the convention of this project). ``gradient-flow`` is the implicit
    trapezoidal rule, of second order and stable at any time step; ``mirror-descent`` is
    :math:`\theta_{n+1} = \theta_n - \eta v_n` of learning rate ``time_step`` (u and v multiplied by
    :math:`e^{\mp\eta v_n}`), solved exactly. Large a is lazy (linear regression), a → 0 rich (minimum ℓ1 norm). The
    law of β* is discrete, hence bounded.

    Raises:
        InputError: for values out of range; a teacher law whose probabilities do not add up to 1; a learning rate at
            which mirror descent is unstable at the start.
    """

    samples_per_dimension: float
    """α = n/d, samples for each input."""
    scale: float = 1.0
    """Size a of the initial weights."""
    noise_variance: float = 0.0
    """Variance σ² of the label noise."""
    teacher_values: tuple[float, ...] = (0.0, 5.0**0.5, -(5.0**0.5))
    """Values that an entry of the teacher β* takes."""
    teacher_probabilities: tuple[float, ...] = (0.8, 0.1, 0.1)
    """Their probabilities."""
    method: str = "gradient-flow"
    """gradient-flow or mirror-descent."""
    time_step: float = 0.05
    """Length of a step; the learning rate of mirror-descent."""
    steps: int = 60
    """Number of steps."""
    paths: int = 4000
    """Monte Carlo paths for the correlations."""
    response_paths: int = 500
    """Paths for the response, which fluctuates less."""
    damping: float = 0.7
    """Weight of the new functions in a sweep."""
    tolerance: float = 1e-7
    """Residual at which the iteration stops."""
    max_sweeps: int = 60
    """Largest number of sweeps."""
    seed: int = 0
    """Seed of the paths."""
    name = "diagonal-network"

    def __post_init__(self):
        check_choice("method", self.method, ("gradient-flow", "mirror-descent"))
        check_positive("samples_per_dimension", self.samples_per_dimension)
        check_positive("scale", self.scale)
        check_non_negative("noise_variance", self.noise_variance)
        check_positive("time_step", self.time_step)
        check_count("steps", self.steps)
        check_count("paths", self.paths, 100)
        check_count("response_paths", self.response_paths, 20)
        check_count("max_sweeps", self.max_sweeps)
        check_seed(self.seed)
        check_positive("tolerance", self.tolerance)
        if not 0 < check_finite("damping", self.damping) <= 1:
            fail("damping", "must lie in (0, 1]", self.damping)
        values = check_finite_array("teacher_values", self.teacher_values, ndim=1)
        weights = check_finite_array("teacher_probabilities", self.teacher_probabilities, ndim=1)
        if len(values) != len(weights) or np.any(weights < 0) or abs(weights.sum() - 1) > 1e-9:
            fail("teacher_probabilities", "must be as many as `teacher_values`, not negative, and add up to 1",
                 self.teacher_probabilities)  # fmt: skip
        object.__setattr__(self, "teacher_values", tuple(map(float, values)))
        object.__setattr__(self, "teacher_probabilities", tuple(map(float, weights)))
        bound = self.largest_time_step()
        if self.method == "mirror-descent" and self.time_step >= bound:
            fail("time_step", f"must be below {bound:.4g}, where mirror descent is unstable at initialisation; method "
                 "'gradient-flow' takes any", self.time_step)  # fmt: skip

    def largest_time_step(self) -> float:
        r"""Bound :math:`2/(4a^2\lambda_+)` of mirror descent at the start, λ₊ the largest curvature of the data."""
        return 1 / (2 * self.scale**2 * (1 + self.samples_per_dimension**-0.5) ** 2)

    def times(self) -> np.ndarray:
        return self.time_step * np.arange(self.steps + 1)

    def second_moment(self) -> float:
        """E β*²."""
        return float(np.dot(np.square(self.teacher_values), self.teacher_probabilities))
