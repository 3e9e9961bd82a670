"""log Z of a Coulomb gas of up to three levels by quadrature over every order of the levels."""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Potential = Callable[[Any], Any]
_DEPTH = 45.0  # a level is neglected where its weight is below exp(-45) of the largest
_SCAN = 513  # points of one scan; three nested scans resolve bounds 1e7 times too wide


@functools.partial(jax.jit, static_argnums=(0, 2))
def effective_interval(potential: Potential, temperature: Any, bounds: tuple[float, float]) -> tuple[Any, Any, Any]:
    """(low, high, lowest V): where exp(−V/T) is above exp(−45) of its largest value, found by three nested scans."""
    first, last = (jnp.asarray(bound, jnp.result_type(float)) for bound in bounds)
    temperature = lax.stop_gradient(temperature)
    unit = jnp.linspace(0.0, 1.0, _SCAN, dtype=first.dtype)

    def narrow(_: Any, state: Any) -> Any:
        low, high, _ = state
        grid = low + (high - low) * unit
        values = lax.stop_gradient(jax.vmap(potential)(grid)).astype(first.dtype)
        values = jnp.where(jnp.isfinite(values), values, jnp.inf)
        lowest = values.min()
        within = values - lowest <= _DEPTH * temperature
        begin, end = jnp.argmax(within), _SCAN - 1 - jnp.argmax(within[::-1])
        step = (high - low) / (_SCAN - 1)
        return jnp.maximum(grid[begin] - step, first), jnp.minimum(grid[end] + step, last), lowest

    return lax.fori_loop(0, 3, narrow, (first, last, first))


@functools.partial(jax.jit, static_argnums=(0, 2))
def log_weight_integral(potential: Potential, temperature: Any, bounds: tuple[float, float]) -> Any:
    """log ∫ exp(−V/T) over the bounds, by Gauss-Legendre panels on the effective interval."""
    low, high, lowest = effective_interval(potential, temperature, bounds)
    nodes, weights = _panels(16, 12)
    x = low + (high - low) * nodes
    return (
        jnp.log((high - low) * (jnp.exp((lowest - jax.vmap(potential)(x)) / temperature) @ weights))
        - lowest / temperature
    )


@functools.partial(jax.jit, static_argnums=(0, 1, 3))
def quadrature_log_z(
    potentials: Sequence[Potential], beta: float, temperature: Any, bounds: tuple[float, float]
) -> Any:
    r"""log of :math:`\int\prod_{i<j}|x_i-x_j|^\beta\,e^{-\sum V_i(x_i)/T}\,d^Nx` for N ≤ 3.

    The integral is split into the N! orders of the levels; within each order the integrand is smooth, and each level is
    integrated from the one below it (for non-integer β in the square root of the distance).
    """
    identical = len({id(potential) for potential in potentials}) == 1
    num_nodes = 80 if len(potentials) < 3 else 48 if identical else 64
    found = {potential: effective_interval(potential, temperature, bounds) for potential in dict.fromkeys(potentials)}
    intervals = [found[potential] for potential in potentials]
    orders = [tuple(range(len(potentials)))] if identical else list(itertools.permutations(range(len(potentials))))
    sector = functools.partial(_sector, potentials, intervals, beta, temperature, num_nodes)
    logs = jnp.stack([sector(order) for order in orders])
    total = jax.scipy.special.logsumexp(logs) + (math.lgamma(len(potentials) + 1) if identical else 0.0)
    return total - sum(lowest for *_, lowest in intervals) / temperature


def _sector(
    potentials: Sequence[Potential], intervals: Any, beta: float, temperature: Any, num_nodes: int, order: Any
) -> Any:
    """log of the integral over x_order[0] < x_order[1] < …, with the lowest potentials factored out."""
    power = 1 if float(beta).is_integer() else 2

    def inner(placed: tuple[Any, ...], rest: tuple[int, ...]) -> Any:
        if not rest:
            return jnp.ones(())
        label, above = rest[0], [other for other in rest[1:] if potentials[other] is not potentials[rest[0]]]
        low, high, lowest = intervals[label]
        start = jnp.maximum(low, placed[-1]) if placed else low
        # the remaining integral changes where another level's interval begins or ends: cut there
        cuts = [jnp.clip(end, start, jnp.maximum(high, start)) for other in above for end in intervals[other][:2]]
        edges = jnp.stack([start, *(jnp.sort(jnp.stack(cuts)) if cuts else ()), high])

        def integrand(x: Any) -> Any:
            repulsion = math.prod([(x - other) ** beta for other in placed], start=jnp.ones(()))
            boltzmann = jnp.exp((lowest - potentials[label](x)) / temperature)
            return repulsion * boltzmann * inner((*placed, x), rest[1:])

        return _over_panels(integrand, edges, num_nodes // 2 if cuts else num_nodes, power if placed else 1)

    return jnp.log(inner((), tuple(order)))


def _over_panels(integrand: Callable[[Any], Any], edges: Any, count: int, power: int) -> Any:
    """Integral between the first and the last edge; the substitution of ``_nodes`` is used in every panel."""
    nodes, weights = _nodes(count, power)
    lengths = jnp.maximum(jnp.diff(edges), 0.0)[:, None]
    points = edges[:-1, None] + lengths * jnp.asarray(nodes, edges.dtype)
    return jnp.sum(lengths * jnp.asarray(weights, edges.dtype) * jax.vmap(jax.vmap(integrand))(points))


@functools.cache
def _nodes(count: int, power: int) -> tuple[np.ndarray, np.ndarray]:
    """Rule on [0, 1] after the substitution u = v^power."""
    x, w = np.polynomial.legendre.leggauss(count)
    v = (x + 1) / 2
    return v**power, w / 2 * power * v ** (power - 1)


@functools.cache
def _panels(num_panels: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Composite Gauss-Legendre rule on [0, 1]."""
    x, w = np.polynomial.legendre.leggauss(count)
    starts = np.arange(num_panels)[:, None] / num_panels
    return (starts + (x + 1) / (2 * num_panels)).ravel(), np.tile(w / (2 * num_panels), num_panels)
