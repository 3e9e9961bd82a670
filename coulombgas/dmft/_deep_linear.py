"""A two-layer linear network in the feature-learning regime: its two-time functions as matrix equations over steps."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from coulombgas._checks import check_choice, check_count, check_non_negative, check_positive, fail
from coulombgas._precision import in_x64
from coulombgas._types import Progress

from ._causal import causal_inverse, running_sum, trapezoid
from ._fixed_point import fixed_point
from ._system import System, make_result

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, kw_only=True)
class DeepLinear(System):
    r""":math:`\beta_{eff} = (\sqrt D/(\gamma N))W^\top a`; both layers learn.

    .. math:: \dot a = (\gamma/\sqrt D)Wg,\qquad \dot W = (\gamma/\sqrt D)ag^\top

    W is N×D, h = β* - β_eff, :math:`g = \hat\Sigma h`, ν = N/D, α = P/D, |β*|²/D = ``signal`` (derived here, in the
    convention of arXiv:2601.01010). ``gd`` is gradient descent of learning rate ``time_step``, exactly;
    ``gradient-flow`` the trapezoidal rule, second order. W(t) = W(0) + (γ/√D)∫a gᵀ is a spiked random matrix: see
    ``outliers``.

    Raises:
        InputError: for values out of range.
    """

    samples_per_dimension: float
    """α = P/D"""
    width_per_dimension: float = 1.0
    """ν = N/D"""
    feature_strength: float = 1.0
    """γ: 0 is the lazy limit"""
    noise_variance: float = 0.0
    """σ² of the labels"""
    signal: float = 1.0
    """|β*|²/D"""
    method: str = "gd"
    """gd or gradient-flow"""
    time_step: float = 0.05
    """learning rate, or length of a step"""
    steps: int = 60
    """number of steps"""
    damping: float = 0.7
    """share of the new functions in a sweep"""
    tolerance: float = 1e-10
    """residual at which the sweeps stop"""
    max_sweeps: int = 300
    """sweeps allowed"""
    name = "deep-linear"

    def __post_init__(self):
        check_choice("method", self.method, ("gd", "gradient-flow"))
        for field in ("samples_per_dimension", "width_per_dimension", "feature_strength", "time_step", "tolerance"):
            check_positive(field, getattr(self, field))
        check_non_negative("noise_variance", self.noise_variance)
        check_non_negative("signal", self.signal)
        check_count("steps", self.steps)
        check_count("max_sweeps", self.max_sweeps)
        if not 0 < self.damping <= 1:
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

    def integral(self) -> Float[Array, "n n"]:
        """Matrix of the time integral: running sums for gd, the trapezoidal rule for the flow."""
        num = self.steps + 1
        return trapezoid(num, self.time_step) if self.method == "gradient-flow" else self.time_step * running_sum(num)

    @in_x64
    def solve(self, *, progress: Progress | None = None) -> "xr.Dataset":
        """`test_excess`, `train_loss`, `overlap`, `readout` (|a|²/N) and the two-time functions of a, g and h.

        Raises:
            NotConvergedError: with the residual, when the sweeps run out.
        """
        memory, convergence = self._fixed_point(progress)
        rest = _close(self, memory)
        ones = jnp.ones(self.steps + 1)
        arrays = {
            "test_excess": jnp.diagonal(memory.error),
            "train_loss": jnp.diagonal(rest["residual"]),
            "overlap": 1 - rest["history"] @ ones,
            "readout": jnp.diagonal(rest["readout"]),
            "correlation": memory.error,
            "residual": rest["residual"],
            "readout_correlation": rest["readout"],
            "gradient_correlation": memory.gradient,
            "readout_response": rest["readout_response"],
            "gradient_response": memory.gradient_response,
        }
        return make_result(self, arrays, convergence=convergence)

    @in_x64
    def outliers(self, theory: "xr.Dataset", step: int) -> np.ndarray:
        """Singular values of W/√N that have left the bulk at a step, descending (empty if none)."""
        from ._deep_linear_outlier import find_outliers

        return find_outliers(self, theory, step)

    def bulk_edge(self) -> float:
        """1 + ν^{-1/2}, the upper edge of the singular values of W/√N."""
        return 1 + self.width_per_dimension**-0.5

    def _fixed_point(self, progress: Progress | None):
        num = self.steps + 1
        zero, eye = jnp.zeros((num, num)), jnp.eye(num)
        start = Memory(
            zero,
            zero,
            eye,
            jnp.full((num, num), self.signal + 1 / (self.feature_strength**2 * self.width_per_dimension)),
        )
        return fixed_point(
            partial(_sweep, self), start, damping=self.damping, tolerance=self.tolerance, max_sweeps=self.max_sweeps,
            progress=progress,
            remedy="lower `damping` (0.3), use a smaller `time_step` fewer `steps`, or more `max_sweeps`",
        )  # fmt: skip

    def simulate_replica(self, *, key: jax.Array, dimension: int) -> dict[str, jax.Array]:
        """A finite network in D = ``dimension``: losses, overlaps and the largest singular value of W/√N."""
        from ._deep_linear_simulation import simulate_deep_linear

        return simulate_deep_linear(self, key=key, dimension=dimension)


class Memory(NamedTuple):
    """C_g, R_gξ, R_Δ, C_h."""

    gradient: Float[Array, "n n"]
    gradient_response: Float[Array, "n n"]
    residual_response: Float[Array, "n n"]
    error: Float[Array, "n n"]


def _close(system: DeepLinear, memory: Memory) -> dict[str, jax.Array]:
    """Everything that follows from the memory by products and causal inverses."""
    gamma, nu, alpha = system.feature_strength, system.width_per_dimension, system.samples_per_dimension
    integral, eye = system.integral(), jnp.eye(system.steps + 1)
    own = memory.gradient_response / jnp.sqrt(nu) + gamma * integral * memory.gradient
    transfer = causal_inverse(eye - gamma * integral @ own)
    accumulated = integral @ memory.gradient @ integral.T
    readout = transfer @ (1.0 + gamma**2 * accumulated) @ transfer.T
    readout_response = transfer @ integral * gamma
    kernel = readout_response / gamma + integral * readout
    history = causal_inverse(eye + kernel @ memory.residual_response)
    residual = memory.residual_response @ (memory.error + system.noise_variance) @ memory.residual_response.T
    start = system.signal + readout / (gamma**2 * nu)
    return {
        "readout": readout, "readout_response": readout_response, "kernel": kernel, "history": history,
        "residual": residual, "start": start, "error_response": -history @ kernel, "alpha": jnp.asarray(alpha),
    }  # fmt: skip


def _sweep(system: DeepLinear, memory: Memory) -> Memory:
    rest = _close(system, memory)
    alpha, eye = system.samples_per_dimension, jnp.eye(system.steps + 1)
    history, kernel, residual = rest["history"], rest["kernel"], rest["residual"]
    answer = causal_inverse(eye - rest["error_response"] / alpha)
    kappa = 1 / (system.feature_strength * jnp.sqrt(system.width_per_dimension))
    error = history @ (rest["start"] + kernel @ residual @ kernel.T / alpha) @ history.T
    drive, echo = memory.residual_response @ history, eye - memory.residual_response @ history @ kernel
    gradient = drive @ rest["start"] @ drive.T + echo @ residual @ echo.T / alpha
    return Memory(gradient, -kappa * drive, answer, error)
