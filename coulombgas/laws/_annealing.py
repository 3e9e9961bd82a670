r"""Many levels: a population annealed from independent levels to the full repulsion (sequential Monte Carlo).

Along :math:`P_\lambda \propto \prod|x_i-x_j|^{\lambda\beta}\,e^{-\sum V_i/T}`, λ from 0 to 1, the product of the mean
weights of all steps is an unbiased estimate of Z_1/Z_0, and Z_0 is a product of one-dimensional integrals. Islands do
not exchange particles, so they are independent estimates whose scatter gives the error.

P. Del Moral, A. Doucet, A. Jasra, J. R. Stat. Soc. B 68 (2006) 411.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._partition import Potential, effective_interval

_GRID = 4097  # resolves the density of one level; the sweeps use the exact potential


class Population(NamedTuple):
    """Annealed particles (island, particle, level) and the estimates (island,) of log Z₁/Z₀."""

    levels: Any
    log_ratio: Any


@functools.partial(
    jax.jit, static_argnames=("potentials", "beta", "bounds", "num_islands", "num_particles", "num_steps", "num_sweeps")
)
def anneal(
    key: Any,
    potentials: tuple[Potential, ...],
    beta: float,
    temperature: Any,
    bounds: tuple[float, float],
    *,
    num_islands: int = 16,
    num_particles: int = 512,
    num_steps: int = 24,
    num_sweeps: int = 2,
) -> Population:
    """Anneal ``num_islands`` independent populations; each step is ``num_sweeps`` Metropolis sweeps long."""
    key_start, key_run = jax.random.split(key)
    shape = (num_islands, num_particles)
    levels, spread = _independent_levels(key_start, potentials, temperature, bounds, shape)
    exponents = beta * jnp.linspace(0.0, 1.0, num_steps + 1, dtype=levels.dtype)

    def step(state: Any, inputs: Any) -> tuple[Any, None]:
        levels, log_ratio = state
        key, before, after = inputs
        key_resample, key_move = jax.random.split(key)
        log_weight = (after - before) * _log_vandermonde(levels)
        top = log_weight.max(axis=1, keepdims=True)
        weight = jnp.exp(log_weight - top)
        log_ratio = log_ratio + top[:, 0] + jnp.log(weight.mean(axis=1))
        levels = jax.vmap(_resample)(jax.random.split(key_resample, num_islands), levels, weight)
        return (_sweeps(key_move, levels, after, potentials, temperature, bounds, spread, num_sweeps), log_ratio), None

    keys = jax.random.split(key_run, num_steps)
    start = (levels, jnp.zeros(num_islands, levels.dtype))
    (levels, log_ratio), _ = lax.scan(step, start, (keys, exponents[:-1], exponents[1:]))
    return Population(levels, log_ratio)


def _independent_levels(
    key: Any, potentials: Sequence[Potential], temperature: Any, bounds: tuple[float, float], shape: tuple[int, ...]
) -> tuple[Any, Any]:
    """Draws of every level without repulsion, by inversion on a fine grid, and their standard deviations."""
    tables = {well: _inversion_table(well, temperature, bounds) for well in dict.fromkeys(potentials)}
    grids, probabilities, spreads = (jnp.stack(rows) for rows in zip(*map(tables.get, potentials), strict=True))
    keys = jax.vmap(functools.partial(jax.random.fold_in, key))(jnp.arange(len(potentials)))
    uniform = jax.vmap(lambda key: jax.random.uniform(key, shape, grids.dtype))(keys)
    return jnp.moveaxis(jax.vmap(jnp.interp)(uniform, probabilities, grids), 0, -1), spreads


def _inversion_table(potential: Potential, temperature: Any, bounds: tuple[float, float]) -> tuple[Any, Any, Any]:
    """Positions of one level without repulsion, the probability below each, and the standard deviation."""
    low, high, lowest = effective_interval(potential, temperature, bounds)
    grid = low + (high - low) * jnp.linspace(0.0, 1.0, _GRID, dtype=low.dtype)
    density = jnp.exp((lowest - jax.vmap(potential)(grid)) / temperature)
    density = jnp.where(jnp.isfinite(density), density, 0.0)
    mass = jnp.concatenate([jnp.zeros(1, low.dtype), jnp.cumsum(density[1:] + density[:-1])])
    mean = (grid * density).sum() / density.sum()
    return grid, mass / mass[-1], jnp.sqrt(((grid - mean) ** 2 * density).sum() / density.sum())


def _log_vandermonde(levels: Any) -> Any:
    first, second = np.triu_indices(levels.shape[-1], 1)
    tiny = jnp.finfo(levels.dtype).tiny
    return jnp.log(jnp.abs(levels[..., first] - levels[..., second]) + tiny).sum(-1)


def _resample(key: Any, levels: Any, weight: Any) -> Any:
    """Systematic resampling of one island."""
    count = weight.shape[0]
    edges = jnp.cumsum(weight) / weight.sum()
    points = (jnp.arange(count) + jax.random.uniform(key, (), weight.dtype)) / count
    return levels[jnp.minimum(jnp.searchsorted(edges, points), count - 1)]


def _sweeps(
    key: Any, levels: Any, exponent: Any, potentials: Any, temperature: Any, bounds: Any, spread: Any, count: int
) -> Any:
    """Metropolis sweeps over all levels of all particles at one exponent of the repulsion."""
    size = len(potentials)
    identical = len({id(potential) for potential in potentials}) == 1
    branches = [jax.vmap(jax.vmap(potential)) for potential in potentials]

    def energy(label: Any, x: Any) -> Any:
        value = branches[0](x) if identical else lax.switch(label, branches, x)
        outside = (x < bounds[0]) | (x > bounds[1]) | ~jnp.isfinite(value)
        return jnp.where(outside, jnp.inf, value / temperature)

    def move(levels: Any, inputs: Any) -> tuple[Any, None]:
        """Move one level of every particle by a random step of random length, then (distinct wells) swap two labels."""
        key, label = inputs
        key_step, key_swap = jax.random.split(key)
        levels = _shift(key_step, levels, label, exponent, energy, spread)
        return (levels if identical else _swap(key_swap, levels, label, energy)), None

    keys = jax.random.split(key, count * size)
    return lax.scan(move, levels, (keys, jnp.tile(jnp.arange(size), count)))[0]


def _shift(key: Any, levels: Any, label: Any, exponent: Any, energy: Any, spread: Any) -> Any:
    """Levels after one Metropolis step of level ``label`` in every particle."""
    key_normal, key_length, key_accept = jax.random.split(key, 3)
    shape, dtype = levels.shape[:-1], levels.dtype
    length = spread[label] * jnp.exp(jax.random.uniform(key_length, shape, dtype, minval=-2.5, maxval=1.0))
    old = levels[..., label]
    new = old + length * jax.random.normal(key_normal, shape, dtype)
    others = jnp.arange(levels.shape[-1]) != label
    tiny = jnp.finfo(dtype).tiny
    ratio = (jnp.abs(new[..., None] - levels) + tiny) / (jnp.abs(old[..., None] - levels) + tiny)
    gain = exponent * jnp.where(others, jnp.log(ratio), 0.0).sum(-1) + energy(label, old) - energy(label, new)
    accept = jnp.log(jax.random.uniform(key_accept, shape, dtype)) < gain
    return levels.at[..., label].set(jnp.where(accept, new, old))


def _swap(key: Any, levels: Any, label: Any, energy: Any) -> Any:
    key_other, key_accept = jax.random.split(key)
    size = levels.shape[-1]
    other = (label + jax.random.randint(key_other, (), 1, size)) % size
    x, y = levels[..., label], levels[..., other]
    gain = energy(label, x) + energy(other, y) - energy(label, y) - energy(other, x)
    accept = jnp.log(jax.random.uniform(key_accept, x.shape, x.dtype)) < gain
    levels = levels.at[..., label].set(jnp.where(accept, y, x))
    return levels.at[..., other].set(jnp.where(accept, x, y))
