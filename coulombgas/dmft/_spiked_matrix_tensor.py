"""The spiked matrix-tensor model: first-order methods and flows, on the sphere or with a ridge."""

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from coulombgas._checks import (
    InputError,
    check_choice,
    check_count,
    check_finite,
    check_in_interval,
    check_non_negative,
    check_positive,
    fail,
)
from coulombgas._precision import in_x64
from coulombgas._types import Progress

from ._causal import trapezoid
from ._linear_methods import METHODS
from ._spiked_discrete import Schedule, run_discrete
from ._spiked_flow import run_flow
from ._system import System, make_result
from ._tensor_covariance import Covariance, check_noise, planted_fixed_point

if TYPE_CHECKING:
    import xarray as xr


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
    """p of the tensor"""
    matrix_noise: float = 0.5
    """Δ_2; inf switches the matrix off"""
    tensor_noise: float = 2.0
    """Δ_p; inf switches the tensor off"""
    initial_overlap: float = 0.1
    """m at the start"""
    learning_rate: float = 0.1
    """η; for gradient-flow the time step"""
    method: str = "gd"
    """gd, heavy-ball, nesterov or gradient-flow"""
    momentum: float = 0.0
    """β of heavy-ball and nesterov"""
    mass: float = 0.0
    """M of the flow with inertia"""
    constraint: str = "sphere"
    """sphere (unit norm at every step) or ridge (a quadratic penalty only)"""
    ridge: float = 0.0
    """strength of the penalty under constraint ridge"""
    steps: int = 100
    """number of steps"""
    name = "spiked-matrix-tensor"

    def __post_init__(self):
        check_choice("method", self.method, METHODS)
        check_choice("constraint", self.constraint, ("sphere", "ridge"))
        check_count("power", self.power, 2)
        check_noise("matrix_noise", self.matrix_noise)
        check_noise("tensor_noise", self.tensor_noise)
        check_in_interval("initial_overlap", self.initial_overlap, -1.0, 1.0)
        check_positive("learning_rate", self.learning_rate)
        check_count("steps", self.steps)
        check_non_negative("mass", self.mass)
        check_finite("ridge", self.ridge)
        if not 0 <= self.momentum < 1:
            fail("momentum", "must lie in [0, 1)", self.momentum)
        if self.momentum and self.method in ("gd", "gradient-flow"):
            fail("momentum", f"does nothing with method {self.method!r}: use heavy-ball or nesterov (flow: mass)",
                 self.momentum)  # fmt: skip
        if self.mass and self.method != "gradient-flow":
            fail("mass", "belongs to method 'gradient-flow': use heavy-ball for a discrete method", self.mass)
        if self.ridge and self.constraint != "ridge":
            fail("ridge", "needs constraint 'ridge'", self.ridge)
        if math.isinf(self.matrix_noise) and math.isinf(self.tensor_noise):
            fail("tensor_noise", "and `matrix_noise` cannot both be infinite: nothing would be left", self.tensor_noise)

    def times(self) -> np.ndarray:
        return (self.learning_rate if self.method == "gradient-flow" else 1.0) * np.arange(self.steps + 1)

    @property
    def covariance(self) -> Covariance:
        """Q."""
        return Covariance(self.power, self.matrix_noise, self.tensor_noise)

    def fixed_point(self) -> tuple[float, float, float]:
        """(m, μ, e) of the planted fixed point on the sphere."""
        return planted_fixed_point(self.power, self.matrix_noise, self.tensor_noise)

    @in_x64
    def solve(self, *, progress: Progress | None = None) -> "xr.Dataset":
        """`overlap`, `energy`, `norm`, `multiplier`, `correlation`, `response`.

        Raises:
            InputError: if the iterates of a ridge-penalised method run away.
        """
        arrays = {name: np.asarray(value) for name, value in _solve(self).items()}
        if not all(np.isfinite(value).all() for value in arrays.values()):
            step = int(np.argmin(np.isfinite(arrays["norm"])))
            raise InputError(
                f"the dynamics runs away at step {step}: lower `learning_rate` (got {self.learning_rate}), "
                f"raise `ridge` (got {self.ridge}), or use constraint 'sphere'."
            )
        return make_result(self, arrays)

    def simulate_replica(self, *, key: jax.Array, dimension: int) -> dict[str, jax.Array]:
        """A drawn landscape (dimension^p numbers) and the method run as written."""
        from ._spiked_simulation import simulate_spiked

        return simulate_spiked(self, key=key, dimension=dimension)

    def schedule(self) -> Schedule:
        """Per-step weights of a discrete method, or of the Störmer-Verlet rule of a flow with inertia."""
        ones = jnp.ones(self.steps)
        if self.method != "gradient-flow":
            beta = (0.0 if self.method == "gd" else self.momentum) * ones
            return Schedule(self.learning_rate * ones, beta, beta if self.method == "nesterov" else 0 * ones)
        inertia, friction = self.mass / self.learning_rate**2, 0.5 / self.learning_rate
        rate = (ones / (inertia + friction)).at[0].set(0.5 / inertia)
        beta = (ones * (inertia - friction) / (inertia + friction)).at[0].set(0.0)
        return Schedule(rate, beta, 0 * ones)


def step_constraint(system: SpikedMatrixTensor) -> str:
    """How one step of a discrete scheme keeps the constraint."""
    if system.constraint == "ridge":
        return "ridge"
    return "multiplier" if system.mass else "project"


def _solve(system: SpikedMatrixTensor) -> dict[str, jax.Array]:
    noise = jnp.array([system.matrix_noise, system.tensor_noise])
    start, ridge = jnp.asarray(system.initial_overlap), jnp.asarray(system.ridge)
    if system.method == "gradient-flow" and not system.mass:
        return _flow(noise, start, ridge, jnp.asarray(system.learning_rate), power=system.power,
                     num=system.steps + 1, spherical=system.constraint == "sphere")  # fmt: skip
    arrays = _discrete(noise, start, ridge, system.schedule(), power=system.power, constraint=step_constraint(system))
    return arrays if not system.mass else _per_unit_time(arrays, system.learning_rate)


def _per_unit_time(arrays: dict[str, jax.Array], time_step: float) -> dict[str, jax.Array]:
    """Responses of a flow with inertia as a kernel in time; the first step is a half kick."""
    response = (arrays["response"] / time_step).at[:, 0].multiply(2.0)
    return {**arrays, "response": response, "response_to_first": response[:, 0]}


@partial(jax.jit, static_argnames=("power", "num", "spherical"))
def _flow(noise, overlap, ridge, time_step, *, power: int, num: int, spherical: bool):
    q = Covariance(power, noise[0], noise[1])
    done = run_flow(q, num=num, time_step=time_step, overlap=overlap, spherical=spherical, ridge=ridge)
    return _report(q, done, done.state, trapezoid(num, time_step) * done.response)


@partial(jax.jit, static_argnames=("power", "constraint"))
def _discrete(noise, overlap, ridge, schedule: Schedule, *, power: int, constraint: str):
    q = Covariance(power, noise[0], noise[1])
    done = run_discrete(q, schedule, overlap=overlap, constraint=constraint, ridge=ridge)
    return _report(q, done, done.query_state.T, done.response)


def _report(q: Covariance, done: Any, against, kernel) -> dict[str, jax.Array]:
    return {
        "overlap": done.overlap,
        "energy": -q.value(done.overlap) - jnp.sum(kernel * q.first(against), axis=1),
        "norm": jnp.diagonal(done.state),
        "multiplier": done.multiplier,
        "correlation": done.state,
        "response": done.response,
        "response_to_first": done.response[:, 0],
    }
