"""Two-time functions of the deep linear network: matrix equations over steps, iterated to their fixed point."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from coulombgas._precision import in_x64
from coulombgas._types import Progress

from ._causal import causal_inverse, running_sum, trapezoid
from ._convergence import Convergence
from ._deep_linear import DeepLinear
from ._fixed_point import fixed_point


class Memory(NamedTuple):
    """C_g, R_gξ, R_Δ, C_h."""

    gradient: Float[Array, "n n"]
    gradient_response: Float[Array, "n n"]
    residual_response: Float[Array, "n n"]
    error: Float[Array, "n n"]


class Problem(NamedTuple):
    """γ, ν, α, σ², |β*|²/D and the matrix of the time integral."""

    strength: Any
    width: Any
    load: Any
    noise_variance: Any
    signal: Any
    integral: Float[Array, "n n"]


def time_integral(system: DeepLinear) -> Float[Array, "n n"]:
    """Matrix of the time integral: running sums for gd, the trapezoidal rule for the flow."""
    num = system.steps + 1
    flow = system.method == "gradient-flow"
    return trapezoid(num, system.time_step) if flow else jnp.asarray(system.time_step * np.asarray(running_sum(num)))


@in_x64
def solve_deep_linear(system: DeepLinear, progress: Progress | None) -> tuple[dict[str, jax.Array], Convergence]:
    """`test_excess`, `train_loss`, `overlap`, `readout` (|a|²/N) and the two-time functions of a, g and h.

    Raises:
        NotConvergedError: with the residual, when the sweeps run out.
    """
    num = system.steps + 1
    problem = Problem(system.feature_strength, system.width_per_dimension, system.samples_per_dimension,
                      system.noise_variance, system.signal, time_integral(system))  # fmt: skip
    zero, eye = np.zeros((num, num)), np.eye(num)  # in NumPy: no program for each operation
    error = zero + system.signal + 1 / (system.feature_strength**2 * system.width_per_dimension)
    memory, convergence = fixed_point(
        _sweep, Memory(*map(jnp.asarray, (zero, zero, eye, error))), constants=(problem,), damping=system.damping,
        tolerance=system.tolerance, max_sweeps=system.max_sweeps, progress=progress,
        remedy="lower `damping` (0.3), use a smaller `time_step`, fewer `steps`, or more `max_sweeps`",
    )  # fmt: skip
    return _report(memory, problem), convergence


@jax.jit
def _report(memory: Memory, problem: Problem) -> dict[str, jax.Array]:
    """Observables from the converged two-time functions, by name."""
    rest = _close(memory, problem)
    return {
        "test_excess": jnp.diagonal(memory.error),
        "train_loss": jnp.diagonal(rest["residual"]),
        "overlap": 1 - jnp.sum(rest["history"], axis=1),
        "readout": jnp.diagonal(rest["readout"]),
        "correlation": memory.error,
        "residual": rest["residual"],
        "readout_correlation": rest["readout"],
        "gradient_correlation": memory.gradient,
        "readout_response": rest["readout_response"],
        "gradient_response": memory.gradient_response,
    }


def _close(memory: Memory, problem: Problem) -> dict[str, jax.Array]:
    """All quantities that follow from the memory by products and causal inverses."""
    gamma, nu, alpha, noise_variance, signal, integral = problem
    eye = jnp.eye(len(integral))
    own = memory.gradient_response / jnp.sqrt(nu) + gamma * integral * memory.gradient
    transfer = causal_inverse(eye - gamma * integral @ own)
    accumulated = integral @ memory.gradient @ integral.T
    readout = transfer @ (1.0 + gamma**2 * accumulated) @ transfer.T
    readout_response = transfer @ integral * gamma
    kernel = readout_response / gamma + integral * readout
    history = causal_inverse(eye + kernel @ memory.residual_response)
    residual = memory.residual_response @ (memory.error + noise_variance) @ memory.residual_response.T
    start = signal + readout / (gamma**2 * nu)
    return {
        "readout": readout, "readout_response": readout_response, "kernel": kernel, "history": history,
        "residual": residual, "start": start, "error_response": -history @ kernel, "alpha": jnp.asarray(alpha),
    }  # fmt: skip


def _sweep(memory: Memory, problem: Problem) -> Memory:
    rest = _close(memory, problem)
    alpha, eye = problem.load, jnp.eye(len(problem.integral))
    history, kernel, residual = rest["history"], rest["kernel"], rest["residual"]
    answer = causal_inverse(eye - rest["error_response"] / alpha)
    kappa = 1 / (problem.strength * jnp.sqrt(problem.width))
    error = history @ (rest["start"] + kernel @ residual @ kernel.T / alpha) @ history.T
    drive, echo = memory.residual_response @ history, eye - memory.residual_response @ history @ kernel
    gradient = drive @ rest["start"] @ drive.T + echo @ residual @ echo.T / alpha
    return Memory(gradient, -kappa * drive, answer, error)
