"""Drift and noise in alternation: weighted regression of the increments, then of the squared residuals."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from coulombgas._checks import InputError

from ._increments import Grid, Moves, make_grid
from ._propagation import Flow, flow, repulsion
from ._spline import Basis, Posterior, make_basis, make_noise_basis, smooth

_MAX_ROUNDS = 40
_HALVINGS = 6
_ALLOWED = 0.5  # rise of the deviance in a round, an increment
_STILL = 0.02  # standard deviations of the posterior
_LOST = 1.0
_FORGOTTEN = 8.0  # fewer, and the records that pass are those in which the memory came out long by chance
_FEWEST_KEPT = 0.05
_ALIKE = 10.0  # deviance: less than the rest of the fit is uncertain by
_OTHERS_BASIS = 6
_LOG_MEAN, _LOG_VARIANCE = -1.27, 4.93  # of the logarithm of a square, χ² with one degree: −γ − log 2 and π²/2
MEANS = ("geometric", "arithmetic")


@dataclass(frozen=True)
class Estimate:
    """Posteriors of K per update and of log g² per update, as coefficients of ``basis`` and of ``noise_basis``.

    Attributes:
        coupling: what an error of the noise does to the drift through the Coulomb term, (drift, noise coefficient).
        num_crowded: increments left out beside two close neighbours.
        memory: correlation of the noise of one increment with that of the next.
        unsettled: standard deviations by which drift or noise still moved at the end; 0 once they stood still.
    """

    basis: Basis
    noise_basis: Basis
    drift: Posterior
    noise: Posterior
    coupling: np.ndarray
    num_crowded: int
    memory: float
    unsettled: float = 0.0


@dataclass(frozen=True)
class _Kicks:
    """What the other levels do to each increment, (replica, increment)."""

    shift: np.ndarray
    share: np.ndarray
    crowded: np.ndarray
    keep: np.ndarray


def estimate(moves: Moves, num_basis: int, beta: float) -> Estimate:
    """Alternate between drift and noise until both have converged.

    Where levels repel, the noise of the element between two of them is the geometric or the arithmetic mean of theirs,
    whichever the moves prefer.

    Raises:
        InputError: when they do not come near a common answer, as on records too far apart to tell drift from noise.
    """
    search = _Search(moves, num_basis, beta, MEANS[0])
    found = search.run(np.zeros(search.basis.size), search.first_noise())
    if moves.before.shape[-1] > 1 and beta > 0:
        search, found = _better(search, found, _Search(moves, num_basis, beta, MEANS[1]))
    search.check(found)
    state, drift = found.state, found.drift
    weight = search.weight(state)
    kicked = search.grid.sums(weight * state.kicks.shift).sum(axis=0)[:, None]
    pull = state.path.mean_slope.T @ (state.path.log_variance_slope * kicked)
    return Estimate(
        basis=search.basis, noise_basis=search.noise_basis, drift=drift, noise=found.noise,
        coupling=-drift.response @ pull,
        num_crowded=int(state.kicks.crowded.sum()), unsettled=found.distance if found.distance > _STILL else 0.0,
        memory=_correlation((np.sqrt(weight) * state.residual).reshape(moves.start.shape)),
    )  # fmt: skip


class _State(NamedTuple):
    """Coefficients of drift and log noise, and what follows from them."""

    theta: np.ndarray
    log_noise: np.ndarray
    path: Flow
    kicks: _Kicks
    residual: np.ndarray


class _Found(NamedTuple):
    """Posteriors around a state, and how far they are from it in their own standard deviations."""

    state: _State
    drift: Posterior
    noise: Posterior
    distance: float


class _Search:
    """The alternation: where it stands, the next step, and how far to go along it."""

    def __init__(self, moves: Moves, num_basis: int, beta: float, mean: str):
        self.moves, self._beta, self._mean = moves, beta, mean
        start, used = moves.rows(moves.before), ~moves.rows(moves.stray)
        self._end, self._rounding = moves.rows(moves.after), moves.rounding.reshape(start.shape)
        self.basis, self.grid = make_basis(start[used], num_basis), make_grid(start, used)
        self.noise_basis = make_noise_basis(start[used], num_basis)
        self._roughness = self.basis.roughness(), self.noise_basis.spread_roughness()
        self._others = _noise_of_others(moves)

    def first_noise(self) -> np.ndarray:
        return _first_noise(self.moves, self.noise_basis, self.grid)

    def visit(self, theta: np.ndarray, log_noise: np.ndarray) -> _State:
        path = flow(self.grid.nodes, self.basis, theta, log_noise, self.moves.updates, self.noise_basis)
        kicks = _kicks(self.moves, self.grid, path, self._others, self._beta, self._mean)
        return _State(theta, log_noise, path, kicks, self._end - self.grid.at_data(path.mean) - kicks.shift)

    def deviance(self, state: _State, keep: np.ndarray) -> float:
        variance = state.kicks.share * self.grid.at_data(state.path.variance)
        return float(np.sum(keep * ((state.residual**2 + self._rounding) / variance + np.log(variance))))

    def weight(self, state: _State) -> np.ndarray:
        # two near levels share part of their noise: what each lacks in variance their centre of mass has nevertheless
        return state.kicks.keep / self.grid.at_data(state.path.variance)

    def run(self, theta: np.ndarray, log_noise: np.ndarray) -> _Found:
        """From a start to convergence of both, or to the last round."""
        found, last = self._improve(self.visit(theta, log_noise)), None
        for _ in range(_MAX_ROUNDS):
            if found.distance < _STILL:
                break
            step = found.noise.mean - found.state.log_noise
            stride = _stride(step, last)
            last = None if stride > 1 else step
            log_noise = found.state.log_noise + np.clip(stride * step, -1.5, 1.5)
            found = self._improve(self._damped(found.state, found.drift.mean, log_noise))
        return found

    def check(self, found: _Found) -> None:
        """Raise where the data do not determine drift and noise."""
        updates, state = self.moves.updates, found.state
        if not found.distance < _LOST:
            raise InputError(
                f"`spectra`: drift and noise did not converge after {_MAX_ROUNDS} rounds: moves over {updates} "
                "updates do not tell one from the other; record more often, or with more replicas."
            )
        weight, end = self.weight(state), self.grid.at_data(state.path.mean)
        middle = np.sum(weight * end) / np.sum(weight)
        known = float(np.sqrt(np.sum(weight * (end - middle) ** 2)))
        if known < _FORGOTTEN:
            raise InputError(
                f"`spectra`: over {updates} updates the levels forget where they were ({known:.1f} standard errors of "
                f"memory, {_FORGOTTEN:g} are needed), so rate and noise cannot be separated: record several times "
                "within the relaxation time."
            )

    def _improve(self, state: _State) -> _Found:
        """One step for drift and one for noise, and how far they moved, in standard deviations."""
        grid, path, kicks, weight = self.grid, state.path, state.kicks, self.weight(state)
        if np.mean(kicks.keep) < _FEWEST_KEPT:
            raise InputError(
                f"`spectra`: nearly all levels have two neighbours within reach of the noise of {self.moves.updates} "
                "updates, too many to follow single levels: record more often."
            )
        drift = _drift_step(grid, path, state.residual, weight, state.theta, self._roughness[0])
        change = path.mean_slope @ (drift.mean - state.theta)
        leverage = weight * grid.at_data(np.sum((path.mean_slope @ drift.response) * path.mean_slope, axis=1))
        left = (state.residual - grid.at_data(change)) ** 2 + self._rounding
        squares = weight * left / (kicks.share * np.clip(1 - leverage, 0.1, 1.0))
        slope = path.log_variance_slope
        noise = _noise_step(grid, slope, squares, kicks.keep, state.log_noise, self._roughness[1])
        far = np.abs(change) / drift.spread(path.mean_slope)
        hot = np.abs(slope @ (noise.mean - state.log_noise)) / noise.spread(slope)
        return _Found(state, drift, noise, float(max(far.max(), hot.max())))

    def _damped(self, state: _State, theta: np.ndarray, log_noise: np.ndarray) -> _State:
        """The step, halved until the deviance grows little: smoothing may raise it, divergence raises it far more."""
        keep = state.kicks.keep
        share, limit = 1.0, self.deviance(state, keep) + _ALLOWED * np.count_nonzero(keep)
        for _ in range(_HALVINGS):
            there = self.visit(
                state.theta + share * (theta - state.theta), state.log_noise + share * (log_noise - state.log_noise)
            )
            if self.deviance(there, keep) <= limit:
                break
            share /= 2
        return there


def _better(search: _Search, found: _Found, other: _Search) -> tuple[_Search, _Found]:
    """Of two means the one with the smaller deviance, where the choice matters."""
    # crowded increments tell the means apart best; what pairs do not add up to is the same for both
    used, own = ~search.moves.rows(search.moves.stray), found.state
    deviance = search.deviance(own, used)
    if abs(other.deviance(other.visit(own.theta, own.log_noise), used) - deviance) < _ALIKE:
        return search, found
    there = other.run(own.theta, own.log_noise)
    better = there.distance < _LOST and other.deviance(there.state, used) < deviance
    return (other, there) if better else (search, found)


def _stride(step: np.ndarray, last: np.ndarray | None) -> float:
    """How far to go along a step: as far as all that would follow, where steps shrink slowly in one direction (Aitken).

    Fisher scoring creeps where the noise is far below its guess, as at the end of a range over decades.
    """
    if last is None:
        return 1.0
    ratio = float(step @ last / np.maximum(last @ last, np.finfo(np.float64).tiny))
    alike = step @ last > 0.9 * np.linalg.norm(step) * np.linalg.norm(last)
    return 1 / (1 - min(ratio, 0.95)) if alike and ratio > 0.5 else 1.0


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
    # the logarithms first: the steps below cannot go far down, by one in the logarithm where the guess is far too hot
    logs = keep * (np.log(np.maximum(squares, np.finfo(np.float64).tiny)) - _LOG_MEAN)
    information, linear = grid.gram(keep / _LOG_VARIANCE, slope), grid.sums(logs / _LOG_VARIANCE).sum(axis=0) @ slope
    theta = smooth(information, linear, roughness, None).mean
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
        basis, grid = make_noise_basis(place[known], _OTHERS_BASIS), make_grid(place, known)
        log_noise = grid.at_data(basis.design(grid.nodes) @ _fit_noise(basis, grid, squares, known))
        variance[..., mode] = 2 * moves.updates * np.exp(log_noise)
    return variance


def _kicks(moves: Moves, grid: Grid, path: Flow, others: np.ndarray, beta: float, mean: str) -> _Kicks:
    """Shift and share of the variance that repulsion by the neighbours gives each move, and crowded moves."""
    shape = moves.start.shape
    place, variance = moves.before.copy(), others.copy()
    place[..., list(moves.modes)] = grid.at_data(path.mean).reshape(shape)
    variance[..., list(moves.modes)] = grid.at_data(path.variance).reshape(shape)
    size = moves.before.shape[-1]
    columns = [repulsion(place.reshape(-1, size), variance.reshape(-1, size), mode, beta, mean) for mode in moves.modes]
    shift, share, crowded = (
        np.stack([getattr(column, name) for column in columns], axis=-1).reshape(shape[0], -1)
        for name in ("shift", "variance_share", "crowded")
    )
    return _Kicks(shift, share, crowded, ~crowded & ~moves.rows(moves.stray))


def _correlation(noise: np.ndarray) -> float:
    """Of successive records, (replica, record, mode)."""
    return float(np.sum(noise[:, 1:] * noise[:, :-1]) / np.sum(noise**2))
