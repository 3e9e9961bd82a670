"""Diagonal linear networks β = u² - v²: lazy and rich regimes by a Monte Carlo fixed point over single-site paths."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from coulombgas._checks import check_count, check_finite_array, check_non_negative, check_positive, fail
from coulombgas._precision import in_x64
from coulombgas._types import Progress

from ._causal import causal_inverse, trapezoid
from ._fixed_point import fixed_point
from ._system import System, make_result

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, kw_only=True)
class DiagonalNetwork(System):
    r"""Gradient flow of :math:`\beta = u^2 - v^2`, u = v = a at the start, X_ij ~ N(0, 1/d), n = αd samples.

    .. math:: \beta = 2a^2\sinh 2\theta,\quad \dot\theta = -u_g - \int R_r(t,s)[\beta(s)-\beta^*]\,ds,\quad
        u_g \sim GP(0, C_r/\alpha)

    with :math:`R_r = (1 + R_w/\alpha)^{-1}`, :math:`C_r = R_r(C_w + \sigma^2J)R_r^\top` and the averages C_w, R_w of
    w = β - β* over paths (arXiv:2510.01930 in the convention of this project). Trapezoidal time steps, second order.
    Large a is lazy (linear regression), a → 0 rich (minimum ℓ1 norm). The law of β* is discrete, hence bounded.

    Raises:
        InputError: for values out of range; a teacher law whose probabilities do not add up to 1.
    """

    samples_per_dimension: float
    """α = n/d"""
    scale: float = 1.0
    """a, size of the initial weights"""
    noise_variance: float = 0.0
    """σ² of the labels"""
    teacher_values: tuple[float, ...] = (0.0, 5.0**0.5, -(5.0**0.5))
    """values of β*"""
    teacher_probabilities: tuple[float, ...] = (0.8, 0.1, 0.1)
    """their probabilities"""
    time_step: float = 0.05
    """length of a step"""
    steps: int = 60
    """number of steps"""
    paths: int = 4000
    """Monte Carlo paths for the correlations"""
    response_paths: int = 500
    """paths for the response, which fluctuates less"""
    damping: float = 0.7
    """share of the new functions in a sweep"""
    tolerance: float = 1e-7
    """residual at which the sweeps stop"""
    max_sweeps: int = 60
    """sweeps allowed"""
    seed: int = 0
    """seed of the paths"""
    name = "diagonal-network"

    def __post_init__(self):
        check_positive("samples_per_dimension", self.samples_per_dimension)
        check_positive("scale", self.scale)
        check_non_negative("noise_variance", self.noise_variance)
        check_positive("time_step", self.time_step)
        check_count("steps", self.steps)
        check_count("paths", self.paths, 100)
        check_count("response_paths", self.response_paths, 20)
        check_count("max_sweeps", self.max_sweeps)
        check_positive("tolerance", self.tolerance)
        if not 0 < self.damping <= 1:
            fail("damping", "must lie in (0, 1]", self.damping)
        values = check_finite_array("teacher_values", self.teacher_values, ndim=1)
        weights = check_finite_array("teacher_probabilities", self.teacher_probabilities, ndim=1)
        if len(values) != len(weights) or np.any(weights < 0) or abs(weights.sum() - 1) > 1e-9:
            fail("teacher_probabilities", "must be as many as `teacher_values`, not negative, and add up to 1",
                 self.teacher_probabilities)  # fmt: skip
        object.__setattr__(self, "teacher_values", tuple(map(float, values)))
        object.__setattr__(self, "teacher_probabilities", tuple(map(float, weights)))

    def times(self) -> np.ndarray:
        return self.time_step * np.arange(self.steps + 1)

    @in_x64
    def solve(self, *, progress: Progress | None = None) -> "xr.Dataset":
        """`test_excess` (and its Monte Carlo error), `train_loss`, `overlap`, `norm1`, `correlation`, `response`.

        `correlation` is C_w = <(β - β*)(β' - β*)>, `response` R_w of β to a field on θ (per unit time).

        Raises:
            NotConvergedError: with the residual, when the sweeps run out.
        """
        num = self.steps + 1
        teacher, noise = _draw(self)
        start = Memory(jnp.eye(num), jnp.full((num, num), self.second_moment() + self.noise_variance))
        memory, convergence = fixed_point(
            partial(_sweep, self, teacher=teacher, noise=noise), start, damping=self.damping, tolerance=self.tolerance,
            max_sweeps=self.max_sweeps, progress=progress,
            remedy="lower `damping` (0.3), use a smaller `time_step` or fewer `steps`, raise `paths` or `max_sweeps`",
        )  # fmt: skip
        gap = _paths(self, memory, teacher, noise)
        arrays = _observables(self, memory, gap, teacher)
        return make_result(self, arrays, convergence=convergence)

    def second_moment(self) -> float:
        """E β*²."""
        return float(np.dot(np.square(self.teacher_values), self.teacher_probabilities))

    def simulate_replica(self, *, key: jax.Array, dimension: int) -> dict[str, jax.Array]:
        """Gaussian data and the gradient flow in θ by a Runge-Kutta method of fourth order."""
        samples = max(1, round(self.samples_per_dimension * dimension))
        data_key, noise_key = jax.random.split(key)
        data = jax.random.normal(data_key, (samples, dimension)) / jnp.sqrt(1.0 * dimension)
        label_noise = jnp.sqrt(self.noise_variance) * jax.random.normal(noise_key, (samples,))
        teacher = jnp.asarray(_stratified(self, dimension))

        def residual(theta):
            return data @ (_weights(self.scale, theta) - teacher) - label_noise

        def slope(theta):
            return -data.T @ residual(theta) * dimension / samples

        def advance(theta, _):
            h = self.time_step
            a = slope(theta)
            b = slope(theta + h / 2 * a)
            c = slope(theta + h / 2 * b)
            new = theta + h / 6 * (a + 2 * b + 2 * c + slope(theta + h * c))
            return new, new

        first = jnp.zeros(dimension)
        _, path = lax.scan(advance, first, None, length=self.steps)
        theta = jnp.concatenate([first[None], path])
        gap = _weights(self.scale, theta) - teacher
        left = jax.vmap(residual)(theta)
        return {**_one_time(gap, teacher, axis=1), "train_loss": jnp.mean(left**2, axis=1),
                "correlation": gap @ gap.T / dimension}  # fmt: skip


class Memory(NamedTuple):
    """R_r and C_r."""

    response: Float[Array, "n n"]
    covariance: Float[Array, "n n"]


def _weights(scale: float, theta):
    return 2 * scale**2 * jnp.sinh(2 * theta)


def _stratified(system: DiagonalNetwork, num: int) -> np.ndarray:
    """Values of β* in their exact proportions (the remainder to the likeliest)."""
    counts = np.floor(np.array(system.teacher_probabilities) * num + 1e-9).astype(int)
    counts[np.argmax(system.teacher_probabilities)] += num - counts.sum()
    return np.repeat(system.teacher_values, counts)


def _draw(system: DiagonalNetwork):
    """β* and white noise of the paths: antithetic pairs, shuffled so that any prefix has the right mixture."""
    half = (system.paths + 1) // 2
    shuffle, normal = jax.random.split(jax.random.key(system.seed))
    teacher = jax.random.permutation(shuffle, jnp.asarray(_stratified(system, half)))
    white = jax.random.normal(normal, (half, system.steps + 1))
    return jnp.repeat(teacher, 2), jnp.stack([white, -white], axis=1).reshape(2 * half, -1)


def _paths(system: DiagonalNetwork, memory: Memory, teacher, noise) -> Float[Array, "path n"]:
    """w = β - β* along every path, by the implicit trapezoidal rule (a monotone scalar equation in each step)."""
    num = system.steps + 1
    weights = trapezoid(num, system.time_step)
    jitter = 1e-11 * jnp.trace(memory.covariance) / num * jnp.eye(num)
    root = jnp.linalg.cholesky((memory.covariance + memory.covariance.T) / 2 + jitter)
    source = -(noise @ root.T) @ weights.T / jnp.sqrt(system.samples_per_dimension)
    kernel = weights @ memory.response
    amplitude = 2 * system.scale**2

    def advance(carry, n):
        gap, theta = carry
        known = source[:, n] - gap @ jnp.where(jnp.arange(num) < n, kernel[n], 0.0)
        own = kernel[n, n]

        def newton(_, x):
            value = x + own * (amplitude * jnp.sinh(2 * x) - teacher) - known
            return x - value / (1 + 2 * own * amplitude * jnp.cosh(2 * x))

        theta = lax.fori_loop(0, 8, newton, theta)
        return (gap.at[:, n].set(amplitude * jnp.sinh(2 * theta) - teacher), theta), None

    start = (jnp.zeros((len(teacher), num)), jnp.zeros(len(teacher)))
    (gap, _), _ = lax.scan(advance, start, jnp.arange(num))
    return gap


def _sweep(system: DiagonalNetwork, memory: Memory, *, teacher, noise) -> Memory:
    gap = _paths(system, memory, teacher, noise)
    correlation = gap.T @ gap / len(gap)
    few = slice(0, min(system.response_paths, len(gap)))
    answer = _response(system, memory, gap[few] + teacher[few, None])
    response = causal_inverse(jnp.eye(len(answer)) + answer / system.samples_per_dimension)
    return Memory(response, response @ (correlation + system.noise_variance) @ response.T)


def _response(system: DiagonalNetwork, memory: Memory, beta: Float[Array, "path n"]) -> Float[Array, "n n"]:
    """Integrated R_w = E[D (1 + T R_r D)⁻¹] T = E[(1/D + T R_r)⁻¹] T with D = 4a² cosh 2θ."""
    weights = trapezoid(system.steps + 1, system.time_step)
    kernel = weights @ memory.response
    slope = 2 * jnp.sqrt(4 * system.scale**4 + beta**2)

    def one(total, inverse_slope):
        return total + causal_inverse(jnp.diag(inverse_slope) + kernel), None

    total, _ = lax.scan(one, jnp.zeros_like(kernel), 1 / slope)
    return total / len(beta) @ weights


def _one_time(gap, teacher, axis: int) -> dict[str, jax.Array]:
    beta = gap + teacher
    return {
        "test_excess": jnp.mean(gap**2, axis=axis),
        "overlap": jnp.mean(beta * teacher, axis=axis) / jnp.maximum(jnp.mean(teacher**2), 1e-300),
        "norm1": jnp.mean(jnp.abs(beta), axis=axis),
    }


@in_x64
def _observables(system: DiagonalNetwork, memory: Memory, gap, teacher) -> dict[str, jax.Array]:
    few = slice(0, min(system.response_paths, len(gap)))
    integrated = _response(system, memory, gap[few] + teacher[few, None])
    return {
        **_one_time(gap.T, teacher, axis=1),
        "test_excess_error": _standard_error(gap, teacher, system),
        "train_loss": jnp.diagonal(memory.covariance),
        "correlation": gap.T @ gap / len(gap),
        "response": integrated / system.time_step,
    }


def _standard_error(gap, teacher, system: DiagonalNetwork) -> Float[Array, " n"]:
    """Monte Carlo error of the mean of w², given the exact proportions of the teacher's values."""
    square, variance = gap**2, 0.0
    for value in dict.fromkeys(system.teacher_values):
        chosen = (teacher == value)[:, None]
        share = jnp.maximum(chosen.mean(), 1e-300)
        mean = jnp.mean(square * chosen, axis=0) / share
        variance += jnp.mean(chosen * (square - mean) ** 2, axis=0)
    return jnp.sqrt(variance / len(gap))
