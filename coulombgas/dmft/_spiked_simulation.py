"""The finite spiked matrix-tensor model: a random landscape and the explicit method."""

import jax
import jax.numpy as jnp
from jax import lax

from coulombgas._checks import fail

from ._sphere import on_sphere
from ._spiked_matrix_tensor import SpikedMatrixTensor
from ._spiked_solution import step_constraint, step_schedule

MAX_ENTRIES = 5e7  # of a tensor: 400 MB in float64


def simulate_spiked(system: SpikedMatrixTensor, *, key: jax.Array, dimension: int) -> dict[str, jax.Array]:
    """One landscape; the response to a field along a random direction during the first step, by differentiation."""
    if dimension**system.power > MAX_ENTRIES:
        fail("dimension", f"must be at most {int(MAX_ENTRIES ** (1 / system.power))} for power {system.power}: "
             "the full tensor is stored", dimension)  # fmt: skip
    keys = jax.random.split(key, 5)
    signal, probe = on_sphere(keys[0], dimension), on_sphere(keys[1], dimension)
    start = _start(system, keys[2], signal)
    energy = _landscape(system, keys[3], keys[4], signal)

    def run(strength):
        force = jax.grad(lambda x: -energy(x))
        return _run(system, force, start, strength * probe)

    path, echo = jax.jvp(run, (0.0,), (1.0,))
    correlation = path @ path.T / dimension
    return {
        "overlap": path @ signal / dimension,
        "energy": lax.map(energy, path) / dimension,
        "norm": jnp.diagonal(correlation),
        "correlation": correlation,
        "response_to_first": echo @ probe / dimension * (2 / system.learning_rate if system.mass else 1.0),
    }


def _start(system: SpikedMatrixTensor, key: jax.Array, signal: jax.Array) -> jax.Array:
    dimension, overlap = len(signal), system.initial_overlap
    other = jax.random.normal(key, (dimension,))
    other = other - signal * (signal @ other) / dimension
    other = other * jnp.sqrt(dimension / jnp.sum(other**2))
    return overlap * signal + jnp.sqrt(1 - overlap**2) * other


def _landscape(system: SpikedMatrixTensor, matrix_key, tensor_key, signal):
    """x → E(x) = -N Q(m) - noise, the noise Gaussian with covariance N Q(x·x'/N)."""
    dimension, power, q = len(signal), system.power, system.covariance
    matrix = jax.random.normal(matrix_key, (dimension,) * 2) * jnp.sqrt(q.matrix / (2 * dimension))
    tensor = jax.random.normal(tensor_key, (dimension,) * power)
    tensor = tensor * jnp.sqrt(q.tensor / (power * float(dimension) ** (power - 1)))

    def energy(x):
        form = tensor
        for _ in range(power):
            form = form @ x
        return -dimension * q.value(signal @ x / dimension) - x @ matrix @ x - form

    return energy


def _run(system: SpikedMatrixTensor, force, start, kick):
    """The path of one finite copy, (step + 1, N), with a kick to the force at the first step."""
    if system.method == "gradient-flow" and not system.mass:
        return _run_flow(system, force, start, kick)
    constraint, schedule = step_constraint(system), step_schedule(system)

    def advance(carry, item):
        (point, before), (n, rate, momentum, ahead) = carry, item
        change = point - before
        query = point + ahead * change
        new = point + momentum * change + rate * (force(query) + kick * (n == 0))
        new = _constrained(constraint, system.ridge, rate, new, query)
        return (new, point), new

    _, path = lax.scan(advance, (start, start), (jnp.arange(system.steps), *schedule))
    return jnp.concatenate([start[None], path])


def _constrained(constraint: str, ridge: float, rate, new, query):
    dimension = len(new)
    if constraint == "ridge":
        return new - rate * ridge * query
    if constraint == "project":
        return new * jnp.sqrt(dimension / jnp.sum(new**2))
    gap, cross, size = new @ new / dimension - 1, new @ query / dimension, query @ query / dimension
    return new - query * gap / (cross + jnp.sqrt(cross**2 - size * gap))


def _run_flow(system: SpikedMatrixTensor, force, start, kick):
    """Classical Runge-Kutta; the kick is a jump of the initial condition (on the sphere, tangential)."""
    dimension = len(start)

    def slope(x):
        push = force(x)
        strength = push @ x / dimension if system.constraint == "sphere" else system.ridge
        return push - strength * x

    def advance(point, _):
        h = system.learning_rate
        a = slope(point)
        b = slope(point + h / 2 * a)
        c = slope(point + h / 2 * b)
        new = point + h / 6 * (a + 2 * b + 2 * c + slope(point + h * c))
        if system.constraint == "sphere":  # otherwise the norm drifts at fifth order
            new = new * jnp.sqrt(dimension / jnp.sum(new**2))
        return new, new

    begin = start + kick
    _, path = lax.scan(advance, begin, None, length=system.steps)
    return jnp.concatenate([begin[None], path])
