"""Drift and noise by turns: weighted regression of the increments, and of the squares of what it leaves."""

from dataclasses import dataclass

import numpy as np

from ._increments import Grid, Moves, make_grid
from ._propagation import Flow, flow, repulsion
from ._spline import Basis, Posterior, make_basis, smooth

_MAX_ROUNDS = 20
_OTHERS_BASIS = 6


@dataclass(frozen=True)
class Estimate:
    """Posteriors of K per update and of log g² per update, as coefficients of ``basis``.

    Attributes:
        coupling: what an error of the noise does to the drift through the Coulomb term, (drift, noise coefficient).
        num_crowded: increments left out beside two close neighbours.
        memory: correlation of the noise of one increment with that of the next.
    """

    basis: Basis
    drift: Posterior
    noise: Posterior
    coupling: np.ndarray
    num_crowded: int
    memory: float


@dataclass(frozen=True)
class _Kicks:
    """What the other levels do to each increment, (replica, increment)."""

    shift: np.ndarray
    share: np.ndarray
    crowded: np.ndarray
    keep: np.ndarray


def estimate(moves: Moves, num_basis: int, beta: float) -> Estimate:
    """Alternate drift and noise until both stand still."""
    start, end = moves.rows(moves.before), moves.rows(moves.after)
    used, rounding = ~moves.rows(moves.stray), moves.rounding.reshape(start.shape)
    basis, grid = make_basis(start[used], num_basis), make_grid(start, used)
    roughness, noise_roughness = basis.roughness(), basis.spread_roughness()
    others = _noise_of_others(moves)
    theta, log_noise = np.zeros(basis.size), _first_noise(moves, basis, grid)
    for _ in range(_MAX_ROUNDS):
        path = flow(grid.nodes, basis, theta, log_noise, moves.updates)
        kicks = _kicks(moves, grid, path, others, beta)
        residual = end - grid.at_data(path.mean) - kicks.shift
        # two near levels share part of their noise: what each lacks in variance their centre of mass has nevertheless
        weight = kicks.keep / grid.at_data(path.variance)
        drift = _drift_step(grid, path, residual, weight, theta, roughness)
        change = grid.at_data(path.mean_slope @ (drift.mean - theta))
        leverage = weight * grid.at_data(np.sum((path.mean_slope @ drift.response) * path.mean_slope, axis=1))
        squares = weight * ((residual - change) ** 2 + rounding) / (kicks.share * np.clip(1 - leverage, 0.1, 1.0))
        noise = _noise_step(grid, path.log_variance_slope, squares, kicks.keep, log_noise, noise_roughness)
        step = noise.mean - log_noise
        theta, log_noise = drift.mean, log_noise + np.clip(step, -1.0, 1.0)
        if np.max(weight * change**2) < 1e-6 and np.max(np.abs(step)) < 1e-3:
            break
    pull = path.mean_slope.T @ (path.log_variance_slope * grid.sums(weight * kicks.shift).sum(axis=0)[:, None])
    memory = _correlation((np.sqrt(weight) * residual).reshape(moves.start.shape))
    return Estimate(basis, drift, noise, -drift.response @ pull, int(kicks.crowded.sum()), memory)


def _drift_step(
    grid: Grid, path: Flow, residual: np.ndarray, weight: np.ndarray, theta: np.ndarray, roughness: np.ndarray
) -> Posterior:
    """Weighted least squares for the coefficients of K, linear around the present ones."""
    information = grid.gram(weight, path.mean_slope)
    scores = grid.sums(weight * residual) @ path.mean_slope
    return smooth(information, information @ theta + scores.sum(axis=0), roughness, scores)


def _noise_step(
    grid: Grid, slope: np.ndarray, squares: np.ndarray, keep: np.ndarray, theta: np.ndarray, roughness: np.ndarray
) -> Posterior:
    """One Fisher-scoring step for the coefficients of log g²: squares over their expectation follow χ² with mean 1."""
    information = grid.gram(keep / 2, slope)
    scores = grid.sums(keep * (squares - 1) / 2) @ slope
    return smooth(information, information @ theta + scores.sum(axis=0), roughness, scores)


def _first_noise(moves: Moves, basis: Basis, grid: Grid) -> np.ndarray:
    squares, known = (np.stack(each, axis=-1) for each in zip(*map(moves.squares, moves.modes), strict=True))
    return _fit_noise(basis, grid, squares.reshape(len(squares), -1), known.reshape(len(known), -1))


def _fit_noise(basis: Basis, grid: Grid, squares: np.ndarray, keep: np.ndarray) -> np.ndarray:
    slope, roughness = basis.design(grid.nodes), basis.spread_roughness()
    theta = np.full(basis.size, np.log(squares[keep].mean()))
    for _ in range(30):
        found = _noise_step(grid, slope, squares * np.exp(-grid.at_data(slope @ theta)), keep, theta, roughness)
        step = np.clip(found.mean - theta, -1.5, 1.5)
        theta = theta + step
        if np.abs(step).max() < 1e-2:
            break
    return theta


def _noise_of_others(moves: Moves) -> np.ndarray:
    """Variance that each level not of interest collects in an increment, (replica, record, level)."""
    variance = np.zeros(moves.before.shape)
    for mode in sorted(set(range(moves.before.shape[-1])) - set(moves.modes)):
        place, (squares, known) = moves.before[..., mode], moves.squares(mode)
        basis, grid = make_basis(place[known], _OTHERS_BASIS), make_grid(place, known)
        log_noise = grid.at_data(basis.design(grid.nodes) @ _fit_noise(basis, grid, squares, known))
        variance[..., mode] = 2 * moves.updates * np.exp(log_noise)
    return variance


def _kicks(moves: Moves, grid: Grid, path: Flow, others: np.ndarray, beta: float) -> _Kicks:
    shape = moves.start.shape
    place, variance = moves.before.copy(), others.copy()
    place[..., list(moves.modes)] = grid.at_data(path.mean).reshape(shape)
    variance[..., list(moves.modes)] = grid.at_data(path.variance).reshape(shape)
    size = moves.before.shape[-1]
    columns = [repulsion(place.reshape(-1, size), variance.reshape(-1, size), mode, beta) for mode in moves.modes]
    shift, share, crowded = (
        np.stack([getattr(column, name) for column in columns], axis=-1).reshape(shape[0], -1)
        for name in ("shift", "variance_share", "crowded")
    )
    return _Kicks(shift, share, crowded, ~crowded & ~moves.rows(moves.stray))


def _correlation(noise: np.ndarray) -> float:
    """Of successive records, (replica, record, mode)."""
    return float(np.sum(noise[:, 1:] * noise[:, :-1]) / np.sum(noise**2))
