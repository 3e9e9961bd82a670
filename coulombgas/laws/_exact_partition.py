r"""log Z of many levels in one common potential, exactly: a determinant (β = 2) or a Pfaffian (β = 1, 4).

With the weight :math:`w=e^{-V/T}` and monic polynomials p_i (de Bruijn, J. Indian Math. Soc. 19 (1955) 133)

.. math:: Z_2=N!\det\Big(\int p_ip_jw\Big),\quad
   Z_1=N!\,\mathrm{Pf}\Big(\iint_{x<y}[p_i(x)p_j(y)-p_j(x)p_i(y)]w(x)w(y)\Big),\quad
   Z_4=N!\,\mathrm{Pf}\Big(\int(p_ip_j'-p_i'p_j)w\Big)

of sizes N, N (for odd N bordered by ∫p_i w) and 2N. The polynomials are made orthonormal on the quadrature nodes by
Lanczos' recurrence, which gives their leading coefficients as products of norms, each to rounding: nothing is
ill-conditioned, at low or high temperature. Everything is differentiable in T and in what the potential depends on.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._partition import Potential

BETAS = (1, 2, 4)
MAX_LEVELS = 60
_DEPTH = 60.0  # a level is neglected where its weight, repulsion included, is below exp(-60) of the largest
_SCAN = 2049  # points of one scan for the interval; three nested scans resolve bounds 1e9 times too wide
# of Gauss-Legendre in each panel: log Z of ten levels in a quadratic well is off by 8e-7 at most with 4 nodes, 1e-9
# with 6, 1e-13 with 8 (β = 1, 2, 4); 12 leave room for steeper wells
_NUM_NODES = 12


def exact_log_z(potential: Potential, beta: float, temperature: Any, bounds: tuple[Any, Any], size: int) -> Any:
    """log of the integral of Π|x_i − x_j|^β exp(−ΣV(x_i)/T) over all levels within the bounds, for β = 1, 2 or 4."""
    count = 2 * size if beta == 4 else size
    x, weight, log_w = _rule(potential, temperature, bounds, beta * (size - 1), num_panels=64 + 2 * count)
    scale, centre = (x[-1] - x[0]) / 4, (x[-1] + x[0]) / 2
    u = (x - centre) / scale
    lowest = lax.stop_gradient(-log_w.max())
    log_w = log_w + lowest
    # β = 1: the functions p w are made orthonormal, so that the Pfaffian is that of a bounded operator; else p √w
    root = jnp.sqrt(weight) * jnp.exp(log_w if beta == 1 else log_w / 2)
    functions, slopes, log_norms = _orthonormal(u, root, count)
    total = math.lgamma(size + 1) - size * lowest + jnp.log(scale) * (beta * size * (size - 1) / 2)
    if beta == 2:
        return total + 2 * log_norms.sum()
    if beta == 4:
        half = jnp.triu(functions @ slopes.T, 1)  # p_j' has a lower degree than p_i for i ≥ j
        return total + log_norms.sum() + _log_pfaffian(half - half.T)
    values = functions / jnp.sqrt(weight)
    half = (_running_integral(values, weight) * weight) @ values.T
    matrix = half - half.T
    if size % 2:
        border = (values @ weight)[:, None]
        matrix = jnp.block([[matrix, border], [-border.T, jnp.zeros((1, 1), matrix.dtype)]])
    return total + log_norms.sum() + _log_pfaffian(matrix)


def _log_pfaffian(matrix: Any) -> Any:
    return jnp.linalg.slogdet(matrix)[1] / 2


def _orthonormal(u: Any, root: Any, count: int) -> tuple[Any, Any, Any]:
    """Polynomials in u times ``root``, orthonormal; their slopes times ``root``; logarithms of their monic norms.

    Each vector is orthogonalised twice against all before it, which is enough for orthogonality to rounding.
    """
    rows = jnp.zeros((count, len(u)), u.dtype)
    norm = jnp.linalg.norm(root)

    def extend(state: Any, k: Any) -> tuple[Any, Any]:
        values, slopes = state
        new, slope = u * values[k], values[k] + u * slopes[k]
        for _ in range(2):
            overlaps = values @ new
            new, slope = new - overlaps @ values, slope - overlaps @ slopes
        norm = jnp.linalg.norm(new)
        state = values.at[k + 1].set(new / norm), slopes.at[k + 1].set(slope / norm)
        return state, jnp.log(norm)

    (values, slopes), steps = lax.scan(extend, (rows.at[0].set(root / norm), rows), jnp.arange(count - 1))
    return values, slopes, jnp.cumsum(jnp.concatenate([jnp.log(norm)[None], steps]))


def _rule(
    potential: Potential, temperature: Any, bounds: tuple[Any, Any], charge: float, *, num_panels: int
) -> tuple[Any, Any, Any]:
    """Nodes, weights and log w = −V/T: Gauss-Legendre panels, dense where the levels are.

    In s, where x = low + (high − low)(3s² − 2s³), a power (x − low)^a with integer 2a is smooth, so walls do no harm.
    """
    dtype = jnp.result_type(float)
    low, high = _interval(potential, temperature, jnp.asarray(bounds, dtype), charge)
    grid = jnp.linspace(0.0, 1.0, _SCAN, dtype=dtype)
    log_w = lax.stop_gradient(_log_weight(potential, temperature, low + (high - low) * _smooth(grid)))
    mass = jnp.exp((log_w - log_w.max()) / 8)
    walls = 1 / (grid + 1e-6) + 1 / (1 - grid + 1e-6)
    density = mass / mass.mean() + 0.5 + 0.2 * walls / walls.mean()
    ladder = jnp.concatenate([jnp.zeros(1, dtype), jnp.cumsum((density[1:] + density[:-1]) / 2)])
    edges = jnp.interp(jnp.linspace(0.0, 1.0, num_panels + 1, dtype=dtype), ladder / ladder[-1], grid)
    nodes, weights, _ = _gauss()
    half = jnp.diff(edges)[:, None] / 2
    s = (edges[:-1, None] + half * (1 + nodes)).ravel()
    x = low + (high - low) * _smooth(s)
    weight = (half * weights).ravel() * (high - low) * 6 * s * (1 - s)
    return x, weight, _log_weight(potential, temperature, x)


def _smooth(s: Any) -> Any:
    return s * s * (3 - 2 * s)


def _log_weight(potential: Potential, temperature: Any, x: Any) -> Any:
    values = -jax.vmap(potential)(x) / temperature
    return jnp.where(jnp.isfinite(values), values, -1e30)


def _interval(potential: Potential, temperature: Any, bounds: Any, charge: float) -> tuple[Any, Any]:
    """Where w(x)|x − x₀|^charge, the weight of a level that all others repel from the bottom x₀, is not negligible.

    Its maximum lies inside the bulk, below the edge by 0.15 charge for a quadratic and 0.31 charge for a linear V.
    """
    unit = jnp.linspace(0.0, 1.0, _SCAN, dtype=bounds.dtype)
    temperature = lax.stop_gradient(temperature)

    def narrow(_: Any, ends: Any) -> Any:
        low, high = ends
        grid = low + (high - low) * unit
        log_w = lax.stop_gradient(_log_weight(potential, temperature, grid))
        relative = log_w - log_w.max()
        bottom, spread = grid[jnp.argmax(log_w)], jnp.ptp(jnp.where(relative > -1, grid, grid[jnp.argmax(log_w)]))
        pushed = log_w + charge * jnp.log(jnp.hypot(grid - bottom, spread + (high - low) / _SCAN))
        within = (pushed > pushed.max() - _DEPTH - charge) | (relative > -_DEPTH)
        begin, end = jnp.argmax(within), _SCAN - 1 - jnp.argmax(within[::-1])
        step = (high - low) / (_SCAN - 1)
        return jnp.maximum(grid[begin] - step, bounds[0]), jnp.minimum(grid[end] + step, bounds[1])

    return lax.fori_loop(0, 3, narrow, (bounds[0], bounds[1]))


def _running_integral(values: Any, weight: Any) -> Any:
    """∫ from the first end to every node, panel by panel."""
    _, weights, inner = _gauss()
    panels = (values * weight).reshape(len(values), -1, _NUM_NODES) / weights
    before = jnp.cumsum(panels @ weights, axis=1) - panels @ weights
    return (before[..., None] + panels @ inner.T).reshape(values.shape)


@functools.cache
def _gauss() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes and weights on [−1, 1], and the matrix of integrals from −1 to each node."""
    nodes, weights = np.polynomial.legendre.leggauss(_NUM_NODES)
    basis = [np.polynomial.legendre.Legendre.basis(k) for k in range(_NUM_NODES)]
    integrals = np.stack([b.integ(lbnd=-1)(nodes) for b in basis], axis=1)
    return nodes, weights, integrals @ np.linalg.inv(np.stack([b(nodes) for b in basis], axis=1))
