"""Posteriors of one or two parameters without warm-up: a grid proposes independent draws, exact densities accept them.

NUTS evaluates all observations in each of its many steps and spends most of them on adaptation. In one or two
dimensions a grid finds the posterior in a few rounds, and the Metropolis rule corrects errors between its nodes, so
that the draws follow the exact posterior at any resolution.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.infer import util

from ._sampler import Draws, Model, on_the_processor

_DEPTH = 20.0  # the box holds every point within this of the largest log density: all but about 1e-8 of the mass
_NODES = {1: 512, 2: 22}  # in a round of the search, along each axis
_CELLS = {1: 1024, 2: 55}  # of the proposal, along each axis
_MAX_ROUNDS = 30  # of the search; where it has not ended by then, NUTS takes over
_FEW_NODES = 5.0  # a round whose weight is on fewer nodes is tempered until it is not
_LEAST_ACCEPTANCE = 0.5  # below, the grid is too coarse and NUTS takes over
_CHUNK = 16  # points whose densities are computed together
_BLOCK = 512  # points per call
_REACH = 7.5  # standard deviations: a Gaussian has fallen by more than the depth
_START = 2.0  # half the first box, in units of the unconstrained parameters


_LogDensity = Callable[[np.ndarray], np.ndarray]


class _Program(NamedTuple):
    """A model of scalar sites, compiled: rows of points are (point, parameter) in the unconstrained space."""

    log_density: Callable[[Any, Any], Any]
    unconstrain: Callable[[Any, Any], Any]
    constrain: Callable[[Any, Any], Any]


class _Box(NamedTuple):
    """x = centre + axes z for z between ``low`` and ``high``; ``axes`` is lower triangular."""

    centre: np.ndarray
    axes: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def points(self, z: np.ndarray) -> np.ndarray:
        """x of rows of z."""
        return self.centre + z @ self.axes.T

    def walled(self, wall: float) -> "_Box":
        """The box without the part below the wall in the first coordinate."""
        low = self.low.copy()
        low[0] = max(low[0], (wall - self.centre[0]) / self.axes[0, 0])
        return self._replace(low=low)

    def cells(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Midpoints z of count^d cells, (cell, d), and the sides of a cell."""
        sides = (self.high - self.low) / count
        axes = [low + side * (np.arange(count) + 0.5) for low, side in zip(self.low, sides, strict=True)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes)), sides


def sample_grid(
    model: Model,
    data: Any,
    initial: Mapping[str, float],
    *,
    seed: Sequence[int],
    num_chains: int,
    num_draws: int,
    even: str | None = None,
) -> Draws | None:
    r"""Draws of one problem with one or two scalar parameters, by independence Metropolis from a grid.

    The posterior p of the unconstrained parameters is tabulated at the midpoints :math:`x_c` of a box of cells. A cell
    is proposed with probability :math:`\propto p(x_c)`, a point x uniformly inside it; it is accepted with
    :math:`\min(1, r(x')/r(x))`, :math:`r(x) = p(x)/p(x_c)`. All of the error is the mass outside the box, where p is
    below :math:`e^{-20}` of its maximum along the box's surface.

    Args:
        model: a module-level function (it is the key of the compilation cache).
        data: pytree of arrays of this problem.
        initial: constrained starting value of each latent site.
        seed: seeds of the random numbers.
        num_chains, num_draws: chains and draws per chain.
        even: site in whose sign the posterior is even; only its positive half is drawn.

    Returns:
        The draws with a leading axis of one problem, or None if no such box is found or the grid is too coarse.
    """
    names = tuple(sorted(initial, key=lambda name: (name != even, name)))
    wall = -np.inf if even is None else 0.0
    with on_the_processor():
        program = _compiled(model, names)
        start = np.asarray(program.unconstrain(np.array([float(initial[name]) for name in names]), data))

        def log_density(x: np.ndarray) -> np.ndarray:
            values = _in_blocks(lambda block: program.log_density(block, data), x)
            return np.where(np.isnan(values) | (x[:, 0] < wall), -np.inf, values)

        box = _find_box(log_density, start, wall)
        drawn = None if box is None else _draw(log_density, box, np.random.default_rng(seed), num_chains, num_draws)
        if drawn is None:
            return None
        sites = {name: np.asarray(value) for name, value in program.constrain(drawn, data).items()}
    shape = (1, num_chains, num_draws)
    sites = {name: value.reshape(*shape, *value.shape[1:]) for name, value in sites.items() if name[0] != "_"}
    return Draws(sites, np.zeros(shape, dtype=bool), np.ones(shape, dtype=int))


def _in_blocks(program: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    """Values at rows of points, a fixed number at a time, so that one program serves any number."""
    count = -(-len(x) // _BLOCK) * _BLOCK
    filled = np.concatenate([x, np.repeat(x[-1:], count - len(x), axis=0)]).reshape(
        -1, _BLOCK // _CHUNK, _CHUNK, x.shape[1]
    )
    return np.concatenate([np.asarray(program(block)).ravel() for block in filled])[: len(x)]


@lru_cache(maxsize=64)
def _compiled(model: Model, names: tuple[str, ...]) -> _Program:
    """Compiled log density in unconstrained space, and the maps to it and back, of a model with these sites."""

    def named(x: Any) -> dict[str, Any]:
        return {name: x[i] for i, name in enumerate(names)}

    def log_density(chunks: Any, data: Any) -> Any:
        one = lambda x: -util.potential_energy(model, (data,), {}, named(x))  # noqa: E731
        return jax.lax.map(jax.vmap(one), chunks)

    def unconstrain(values: Any, data: Any) -> Any:
        free = util.unconstrain_fn(model, (data,), {}, named(values))
        return jnp.stack([free[name] for name in names])

    def constrain(points: Any, data: Any) -> Any:
        one = lambda x: util.constrain_fn(model, (data,), {}, named(x), return_deterministic=True)  # noqa: E731
        return jax.vmap(one)(points)

    return _Program(jax.jit(log_density), jax.jit(unconstrain), jax.jit(constrain))


def _find_box(log_density: _LogDensity, start: np.ndarray, wall: float) -> _Box | None:
    """The box that holds all but the tails of the posterior, along the axes of its covariance."""
    ones = np.ones(len(start))
    box = _Box(start, np.eye(len(start)), -_START * ones, _START * ones).walled(wall)
    nodes, settled = _NODES[len(start)], False
    for _ in range(_MAX_ROUNDS):
        z, sides = box.cells(nodes)
        depth = log_density(box.points(z))
        depth -= depth.max()
        if not np.isfinite(depth).any():
            return None
        low, high = _extent((depth > -_DEPTH).reshape((nodes,) * len(start)), box, sides, wall)
        weight, temper = _tempered(depth)
        if temper == 1.0 and settled:  # its covariance is known: only the edges remain to be found
            grown = bool(((low < box.low) | (high > box.high)).any())
            box = box._replace(low=low, high=high)
            if not grown:
                return box
        else:
            box, settled = _next_box(box, z, weight, sides).walled(wall), temper == 1.0
    return None


def _tempered(depth: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights exp(temper · depth) that lie on a few nodes at least, and the largest such exponent up to 1."""
    temper = 1.0
    while True:
        weight = np.exp(temper * depth)
        weight /= weight.sum()
        if 1 / (weight**2).sum() >= _FEW_NODES or temper < 1e-12:
            return weight, temper
        temper /= 1.5


def _extent(inside: np.ndarray, box: _Box, sides: np.ndarray, wall: float) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the inside, one cell wider; twice the box if the inside extends beyond the edge."""
    low, high = box.low.copy(), box.high.copy()
    for axis, side in enumerate(sides):
        used = np.flatnonzero(inside.any(axis=tuple(i for i in range(inside.ndim) if i != axis)))
        length = box.high[axis] - box.low[axis]
        at_wall = axis == 0 and box.centre[0] + box.axes[0, 0] * box.low[0] <= wall + 1e-12
        if used[0] > 0:
            low[axis] += (used[0] - 1) * side
        elif not at_wall:
            low[axis] -= length
        high[axis] += length if used[-1] == inside.shape[axis] - 1 else (used[-1] + 2 - inside.shape[axis]) * side
    return low, high


def _next_box(box: _Box, z: np.ndarray, weight: np.ndarray, sides: np.ndarray) -> _Box:
    """A box around the mean of the tempered posterior, a number of its standard deviations to either side."""
    x = box.points(z)
    centre = weight @ x
    node = box.axes @ np.diag(sides) / 2  # the variance within a cell
    covariance = (x - centre).T @ ((x - centre) * weight[:, None]) + node @ node.T
    reach = np.full(len(sides), _REACH)
    return _Box(centre, np.linalg.cholesky(covariance), -reach, reach)


def _draw(
    log_density: _LogDensity,
    box: _Box,
    rng: np.random.Generator,
    num_chains: int,
    num_draws: int,
) -> np.ndarray | None:
    """Unconstrained draws, (chain · draw, d), or None where too few proposals are accepted."""
    z, sides = box.cells(_CELLS[box.low.size])
    table = log_density(box.points(z))
    probability = np.exp(table - table.max())
    count = num_chains * (num_draws + 1)
    cell = rng.choice(len(z), size=count, p=probability / probability.sum())
    points = box.points(z[cell] + sides * (rng.random((count, sides.size)) - 0.5))
    ratio = (log_density(points) - table[cell]).reshape(num_chains, num_draws + 1)
    level = np.log(rng.random(ratio.shape))
    chain, kept = np.arange(num_chains), np.zeros(ratio.shape, dtype=int)
    for step in range(1, num_draws + 1):
        before = kept[:, step - 1]
        kept[:, step] = np.where(level[:, step] < ratio[:, step] - ratio[chain, before], step, before)
    moved = np.mean(kept[:, 1:] != kept[:, :-1])
    if moved < _LEAST_ACCEPTANCE:
        return None
    points = points.reshape(num_chains, num_draws + 1, -1)
    return points[chain[:, None], kept[:, 1:]].reshape(num_chains * num_draws, -1)
