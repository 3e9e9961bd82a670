"""Linear regression in high dimensions: full-batch and mini-batch first-order methods and flows."""

from dataclasses import dataclass

import numpy as np

from coulombgas._checks import check_in_interval, check_non_negative, check_positive, fail
from coulombgas.laws import mp_nodes

from ._linear_methods import check_method, check_stable
from ._system import System


@dataclass(frozen=True, kw_only=True)
class LinearRegression(System):
    r"""Teacher w*, P Gaussian samples, :math:`h = w^* - w`, :math:`h_{n+1} = h_n - \eta v_n` and its accelerations.

    .. math:: v = u_v + R_\Delta h,\quad \Delta = u_\Delta + \epsilon + \alpha^{-1} R_{hv}\Delta

    with covariances :math:`C_\Delta/\alpha` and :math:`C_h` (derived here, in the convention of arXiv:2601.01010; see
    derivations/dmft). Exact at every learning rate. With ``batch_fraction`` b < 1 each sample enters a step with
    probability b and weight 1/b (multi-pass SGD). For ``gradient-flow`` the learning rate is the time step of the
    second-order integrator and ``mass`` adds inertia, :math:`m\ddot h + \dot h = -v`.

    Raises:
        InputError: for values outside the theory's range, with the bound: η beyond stability, σ² < 0, β outside [0, 1),
            a batch fraction at which the mini-batch noise grows without limit.
    """

    samples_per_dimension: float
    """α = P/N, samples for each input."""
    learning_rate: float = 0.1
    """Learning rate η; for gradient-flow the time step."""
    noise_variance: float = 0.0
    """Variance σ² of the label noise."""
    signal: float = 1.0
    """Size of the teacher, |w*|²/N."""
    method: str = "gd"
    """gd, heavy-ball, nesterov or gradient-flow."""
    momentum: float = 0.0
    """Momentum β of heavy-ball and nesterov."""
    mass: float = 0.0
    """Mass m of the flow with inertia."""
    batch_fraction: float = 1.0
    """Fraction b of the samples in a step."""
    steps: int = 100
    """Number of steps."""
    name = "linear-regression"

    def __post_init__(self):
        check_method(self)
        check_positive("samples_per_dimension", self.samples_per_dimension)
        check_non_negative("noise_variance", self.noise_variance)
        check_non_negative("signal", self.signal)
        check_in_interval("batch_fraction", self.batch_fraction, 1e-6, 1.0)
        check_stable(self.method, self.learning_rate, self.momentum, (1 + self.samples_per_dimension**-0.5) ** 2)
        if self.batch_fraction < 1:
            self._check_batch_noise()

    def _check_batch_noise(self) -> None:
        if self.method == "gradient-flow":
            fail(
                "batch_fraction", "must be 1 for a flow: mini-batches need a finite learning rate", self.batch_fraction
            )
        total = mini_batch_gain(self)
        bound = total / (1 + total)
        if self.batch_fraction <= bound:
            fail("batch_fraction", f"must exceed {bound:.4g}: below, mini-batch noise feeds itself at this learning "
                 "rate and the loss diverges; raise it or lower `learning_rate`", self.batch_fraction)  # fmt: skip

    def times(self) -> np.ndarray:
        return (self.learning_rate if self.method == "gradient-flow" else 1.0) * np.arange(self.steps + 1)

    def limit(self) -> float:
        r"""Test excess for t → ∞: :math:`\sigma^2/(\alpha-1)` or :math:`h_0^2(1-\alpha)+\sigma^2\alpha/(1-\alpha)`.

        Full batch only; infinite at α = 1 with label noise.
        """
        if self.batch_fraction < 1:
            fail("batch_fraction", "must be 1: the closed limit is that of full batches", self.batch_fraction)
        alpha, gap = self.samples_per_dimension, abs(1 - self.samples_per_dimension)
        noise = 0.0 if self.noise_variance == 0 else np.divide(self.noise_variance * min(1, alpha), gap or np.nan)
        noise = float("inf") if np.isnan(noise) else float(noise)
        return self.signal * max(0.0, 1 - alpha) + noise


def mini_batch_gain(system: LinearRegression) -> float:
    r"""Total training loss caused by one unit of mini-batch noise, :math:`\sum_k q_k`; k·gain < 1 is stability.

    gd: :math:`(\eta/\alpha)\int\rho\,\lambda/(2-\eta\lambda)`; with momentum from the stationary AR(2) variance.
    """
    eigenvalue, weight = mp_nodes(system.samples_per_dimension, 4000)
    beta = 0.0 if system.method == "gd" else system.momentum
    step = system.learning_rate * eigenvalue
    nesterov = system.method == "nesterov"
    first = (1 - step) * (1 + beta) if nesterov else 1 + beta - step
    second = -beta * ((1 - step) if nesterov else 1.0)
    variance = (1 - second) / ((1 + second) * ((1 - second) ** 2 - first**2))
    if nesterov:
        variance = variance * (1 + 2 * beta + 2 * beta**2 - 2 * beta * (1 + beta) * first / (1 - second))
    # the squared pulse response of the queries is variance·η² and couples to Δ² through λ; weight carries one λ
    return float(weight @ (system.learning_rate**2 * eigenvalue * variance)) / system.samples_per_dimension
