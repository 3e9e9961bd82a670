"""Two-time functions of the spiked matrix-tensor model: the scheme used for a system, and the reported quantities."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from coulombgas._checks import InputError
from coulombgas._precision import in_x64

from ._causal import trapezoid
from ._spiked_discrete import Schedule, run_discrete
from ._spiked_flow import run_flow
from ._spiked_matrix_tensor import SpikedMatrixTensor
from ._tensor_covariance import Covariance


def step_schedule(system: SpikedMatrixTensor) -> Schedule:
    """Per-step weights of a discrete method, or of the Störmer-Verlet rule of a flow with inertia."""
    ones = np.ones(system.steps)  # in NumPy: no program for each operation
    if system.method != "gradient-flow":
        beta = (0.0 if system.method == "gd" else system.momentum) * ones
        rates = (system.learning_rate * ones, beta, beta if system.method == "nesterov" else 0 * ones)
        return Schedule(*map(jnp.asarray, rates))
    inertia, friction = system.mass / system.learning_rate**2, 0.5 / system.learning_rate
    rate, beta = ones / (inertia + friction), ones * (inertia - friction) / (inertia + friction)
    rate[0], beta[0] = 0.5 / inertia, 0.0
    return Schedule(*map(jnp.asarray, (rate, beta, 0 * ones)))


def step_constraint(system: SpikedMatrixTensor) -> str:
    """How one step of a discrete scheme keeps the constraint."""
    if system.constraint == "ridge":
        return "ridge"
    return "multiplier" if system.mass else "project"


@in_x64
def solve_spiked(system: SpikedMatrixTensor) -> dict[str, np.ndarray]:
    """`overlap`, `energy`, `norm`, `multiplier`, `correlation`, `response`, `response_to_first`.

    Raises:
        InputError: if the iterates of a ridge-penalised method diverge.
    """
    arrays = {name: np.asarray(value) for name, value in _two_time(system).items()}
    if not all(np.isfinite(value).all() for value in arrays.values()):
        step = int(np.argmin(np.isfinite(arrays["norm"])))
        raise InputError(
            f"the dynamics diverges at step {step}: lower `learning_rate` (got {system.learning_rate}), "
            f"raise `ridge` (got {system.ridge}), or use constraint 'sphere'."
        )
    return arrays


def _two_time(system: SpikedMatrixTensor) -> dict[str, Any]:
    """The scheme for the system's method."""
    noise = jnp.array([system.matrix_noise, system.tensor_noise])
    start, ridge = jnp.asarray(system.initial_overlap), jnp.asarray(system.ridge)
    if system.method == "gradient-flow" and not system.mass:
        return _flow(noise, start, ridge, jnp.asarray(system.learning_rate), power=system.power,
                     num=system.steps + 1, spherical=system.constraint == "sphere")  # fmt: skip
    arrays = _discrete(
        noise, start, ridge, step_schedule(system), power=system.power, constraint=step_constraint(system)
    )
    return arrays if not system.mass else _per_unit_time(arrays, system.learning_rate)


def _per_unit_time(arrays: dict[str, Any], time_step: float) -> dict[str, Any]:
    """Responses of a flow with inertia as a kernel in time; the first step is a half kick."""
    response = np.asarray(arrays["response"]) / time_step
    response[:, 0] *= 2.0
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
