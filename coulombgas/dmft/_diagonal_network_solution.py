"""Single-site paths of a diagonal network, and the averages over them that close its equations."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from coulombgas._precision import in_x64
from coulombgas._types import Progress

from ._causal import causal_inverse, running_sum, trapezoid
from ._convergence import Convergence
from ._diagonal_network import DiagonalNetwork
from ._fixed_point import fixed_point

BATCHES = 4
"""Independent solutions whose scatter gives the Monte Carlo error, including the feedback of the equations."""
GOLDEN = (5**0.5 - 1) / 2
Numbers = jax.Array | np.ndarray


class Memory(NamedTuple):
    """R_r and C_r, (n, n)."""

    response: Numbers
    covariance: Numbers


class Problem(NamedTuple):
    """α, a, σ², the matrix (n, n) of the time integral and the indices of the paths used for the response."""

    load: Any
    scale: Any
    noise_variance: Any
    integral: Numbers
    few: Numbers


class Paths(NamedTuple):
    """β* (path,), weights that add up to 1 (path,) and white noise (path, n)."""

    teacher: Numbers
    weight: Numbers
    noise: Numbers


@in_x64
def solve_diagonal(system: DiagonalNetwork, progress: Progress | None) -> tuple[dict[str, Numbers], Convergence]:
    """`test_excess`, `train_loss`, `overlap`, `norm1`, `correlation`, `response`, each with its `NAME_error`.

    `correlation` is C_w = <(β - β*)(β' - β*)>, `response` R_w of β to a field on θ (per unit time). The errors are
    Monte Carlo standard errors, from the scatter of four independent solutions of a quarter of the paths each.

    Raises:
        NotConvergedError: with the residual, when the sweeps run out.
    """
    num, few = system.steps + 1, min(system.paths, system.response_paths) // BATCHES
    flow = system.method == "gradient-flow"
    integral = trapezoid(num, system.time_step) if flow else system.time_step * np.asarray(running_sum(num))
    problem = Problem(system.samples_per_dimension, system.scale, system.noise_variance, integral, np.arange(few))
    paths = jax.tree.map(lambda *batches: np.stack(batches), *(draw(system, batch) for batch in range(BATCHES)))
    first = Memory(np.eye(num), np.full((num, num), system.second_moment() + system.noise_variance))
    memory, convergence = fixed_point(
        sweep, jax.tree.map(lambda array: np.stack([array] * BATCHES), first), constants=(problem, paths),
        damping=system.damping, tolerance=system.tolerance, max_sweeps=system.max_sweeps, progress=progress,
        remedy="lower `damping` (0.3), use a smaller `time_step` or fewer `steps`, raise `paths` or `max_sweeps`",
    )  # fmt: skip
    mean, error = observables(memory, problem, paths)
    arrays = {**mean, **{f"{name}_error": value for name, value in error.items()}}
    return {name: np.asarray(value) / system.time_step if name.startswith("response") else value
            for name, value in arrays.items()}, convergence  # fmt: skip


def weights(scale: Any, theta: Any):
    r""":math:`\beta = 2a^2\sinh 2\theta`."""
    return 2 * scale**2 * jnp.sinh(2 * theta)


def stratified(system: DiagonalNetwork, num: int) -> np.ndarray:
    """Values of β* in their proportions, rounded by largest remainders."""
    exact = np.array(system.teacher_probabilities) * num
    counts = np.floor(exact + 1e-9).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: num - counts.sum()]] += 1
    return np.repeat(system.teacher_values, counts)


def draw(system: DiagonalNetwork, batch: int) -> Paths:
    """One batch of paths, with smaller variance than independent draws.

    The values of β* keep their proportions in any prefix (a golden-ratio sequence) and have the weights of the law. The
    noise comes in pairs ± and, with enough pairs, has a sample covariance of exactly one, so that the lazy limit has no
    Monte Carlo error.
    """
    pairs, num = system.paths // (2 * BATCHES), system.steps + 1
    rank = np.argsort(np.argsort((np.arange(pairs) * GOLDEN) % 1))
    teacher = stratified(system, pairs)[rank]
    white = np.random.default_rng((system.seed, batch)).normal(size=(pairs, num))
    weight = np.zeros(pairs)
    for value, probability in zip(system.teacher_values, system.teacher_probabilities, strict=True):
        weight[teacher == value] += probability / max(1, np.sum(teacher == value))
    weight /= weight.sum()
    if pairs >= 2 * num:
        root = np.linalg.cholesky((white.T * weight) @ white)
        white = np.linalg.solve(root, white.T).T
    noise = np.stack([white, -white], axis=1).reshape(2 * pairs, num)
    return Paths(np.repeat(teacher, 2), np.repeat(weight / 2, 2), noise)


def implicit_point(own: Any, known: Any):
    r"""Solve :math:`\theta + c\sinh 2\theta = k` for c ≥ 0 by Newton from the right, where it converges monotonically.

    With k > 0 the left side is convex and :math:`\min(k, \mathrm{asinh}(k/c)/2)` lies right of the root.
    """
    size = jnp.abs(known)
    start = jnp.minimum(size, jnp.arcsinh(size / jnp.maximum(own, 1e-300)) / 2)

    def newton(_, x):
        return x - (x + own * jnp.sinh(2 * x) - size) / (1 + 2 * own * jnp.cosh(2 * x))

    return jnp.sign(known) * lax.fori_loop(0, 10, newton, start)  # to rounding for c in 1e-8 … 1e8, k up to 1e4


def follow(problem: Problem, memory: Memory, paths: Paths) -> Float[Array, "path n"]:
    """w = β - β* along every path; the implicit rule of the flow is one monotone scalar equation per step."""
    num = len(problem.integral)
    # lets Cholesky take a covariance that rounding has made slightly indefinite
    jitter = 1e-11 * jnp.trace(memory.covariance) / num * jnp.eye(num)
    root = jnp.linalg.cholesky((memory.covariance + memory.covariance.T) / 2 + jitter)
    source = -(paths.noise @ root.T) @ problem.integral.T / jnp.sqrt(problem.load)
    kernel = problem.integral @ memory.response
    amplitude = 2 * problem.scale**2

    def advance(gap, n):
        own = kernel[n, n]
        known = source[:, n] - gap @ jnp.where(jnp.arange(num) < n, kernel[n], 0.0)
        theta = lax.cond(
            own > 0, lambda: implicit_point(own * amplitude, known + own * paths.teacher), lambda: known
        )  # fmt: skip
        return gap.at[:, n].set(weights(problem.scale, theta) - paths.teacher), None

    gap, _ = lax.scan(advance, jnp.zeros_like(paths.noise), jnp.arange(num))
    return gap


def sweep(memory: Memory, problem: Problem, paths: Paths) -> Memory:
    """New R_r and C_r of every batch from its paths in the field of the old ones."""
    return jax.vmap(_sweep, in_axes=(0, None, 0))(memory, problem, paths)


def _sweep(memory: Memory, problem: Problem, paths: Paths) -> Memory:
    gap = follow(problem, memory, paths)
    correlation = (gap.T * paths.weight) @ gap
    answer = response(problem, memory, gap, paths)
    inverse = causal_inverse(jnp.eye(len(answer)) + answer / problem.load)
    return Memory(inverse, inverse @ (correlation + problem.noise_variance) @ inverse.T)


def response(problem: Problem, memory: Memory, gap: Float[Array, "path n"], paths: Paths) -> Float[Array, "n n"]:
    """Integrated R_w = E[D (1 + T R_r D)⁻¹] T = E[(1/D + T R_r)⁻¹] T, D = 4a² cosh 2θ."""
    beta = gap[problem.few] + paths.teacher[problem.few, None]
    share = paths.weight[problem.few]
    kernel = problem.integral @ memory.response
    slope = 2 * jnp.sqrt(4 * problem.scale**4 + beta**2)

    def one(total, item):
        inverse_slope, weight = item
        return total + weight * causal_inverse(jnp.diag(inverse_slope) + kernel), None

    total, _ = lax.scan(one, jnp.zeros_like(kernel), (1 / slope, share / jnp.sum(share)))
    return total @ problem.integral


@jax.jit
def observables(memory: Memory, problem: Problem, paths: Paths) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
    """Mean over the batches, and its standard error, of everything that is reported."""
    found = jax.vmap(_observables, in_axes=(0, None, 0))(memory, problem, paths)
    error = jax.tree.map(lambda part: jnp.std(part, axis=0, ddof=1) / BATCHES**0.5, found)
    return jax.tree.map(lambda part: jnp.mean(part, axis=0), found), error


def _observables(memory: Memory, problem: Problem, paths: Paths) -> dict[str, jax.Array]:
    gap = follow(problem, memory, paths)
    return {
        **one_time(gap, paths.teacher, paths.weight),
        "train_loss": jnp.diagonal(memory.covariance),
        "correlation": (gap.T * paths.weight) @ gap,
        "response": response(problem, memory, gap, paths),
    }


def one_time(gap, teacher, weight) -> dict[str, jax.Array]:
    """Losses and overlaps of w = β - β* (site, n), with site weights ``weight``."""
    beta = gap + teacher[:, None]
    return {
        "test_excess": weight @ gap**2,
        "overlap": (weight * teacher) @ beta / jnp.maximum(weight @ teacher**2, 1e-300),
        "norm1": weight @ jnp.abs(beta),
    }
