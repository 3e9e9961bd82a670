r"""Temperature from motion: potential and noise of eigenvalues from their trajectories, the model unknown.

Between two records the eigenvalues move by (ALP24 (9)-(11))

.. math::
    \Delta x_i = \delta\,\Big[K(x_i) + \sum_{j\ne i}\frac{g_i g_j}{x_i - x_j}\Big] + \sqrt{2\delta}\,g(x_i)\,\eta_i,
    \qquad K = -\alpha\tilde V', \quad g^2 = \alpha\,\tilde T(x)

with δ updates between the records. The noise comes from the quadratic variation, the drift from a regression with the
Coulomb term taken out; both are smooth functions (cubic splines) of x. :math:`\tilde T = g^2/\alpha` is the temperature
in the units of the potential :math:`\tilde V`: T g̃² in the papers' words.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from scipy.interpolate import BSpline

from coulombgas._checks import InputError, check_count, check_positive
from coulombgas.spectra import healthy, validate_spectra

from ._interval import Interval, summarise

_DEGREE = 3
_GRID = 121
_DRAWS = 2000
_CLOSE = 6.0
_RIDGE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Band:
    """A function with its 95% credible band: ``mean``, ``lower``, ``upper``, each over the grid."""

    mean: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


@dataclass(frozen=True, kw_only=True)
class FixedPoint:
    """A stable zero of the drift.

    Attributes:
        position: x_s.
        rate: Ω̃ = Ṽ''(x_s), relaxation rate an update in units of the learning rate.
        temperature: T̃ = g²/α there, in units of the potential.
        width: s = sqrt(T̃/Ω̃), the width of a level at this temperature.
    """

    position: Interval
    rate: Interval
    temperature: Interval
    width: Interval


@dataclass(frozen=True, kw_only=True)
class MotionFit:
    """What trajectories say of the potential and of the noise.

    Attributes:
        grid: x.
        drift: K/α over the grid.
        potential: Ṽ over the grid, zero at its lowest mean.
        noise: g²/α = T̃ over the grid.
        fixed_point: the stable zero of the drift; None where the data hold none.
        num_increments: increments that entered.
        num_close: increments left out because a neighbour was too near for the Coulomb term.
        warnings: what a reader must know.
    """

    grid: np.ndarray = field(repr=False)
    drift: Band = field(repr=False)
    potential: Band = field(repr=False)
    noise: Band = field(repr=False)
    fixed_point: FixedPoint | None
    num_increments: int
    num_close: int
    warnings: tuple[str, ...] = ()

    def temperature(self, noise_scale: float) -> Interval | None:
        """T = T̃/g̃² at the fixed point for a model whose g̃ there is ``noise_scale``; None without a fixed point."""
        if self.fixed_point is None:
            return None
        own, factor = self.fixed_point.temperature, check_positive("noise_scale", noise_scale) ** 2
        return Interval(own.mean / factor, own.lower / factor, own.upper / factor, own.sd / factor)

    def table(self) -> str:
        """The result as text."""
        lines = [f"{self.num_increments} increments, {self.num_close} left out beside a close neighbour"]
        if self.fixed_point is not None:
            for name, value in self.fixed_point.__dict__.items():
                lines.append(f"  {name:12}{value.mean:.5g}  [{value.lower:.5g}, {value.upper:.5g}]")
        return "\n".join([*lines, *(f"! {warning}" for warning in self.warnings)])

    def plot(self) -> Any:
        """Drift, potential and noise with their bands."""
        import importlib

        return importlib.import_module("coulombgas.plot").plot_motion(self)


def temperature_from_motion(
    spectra: xr.Dataset,
    *,
    setting: int = 0,
    modes: tuple[int, ...] | None = None,
    lag: int = 1,
    num_basis: int = 10,
    seed: int = 0,
) -> MotionFit:
    """Potential, noise and temperature of eigenvalues that move, without a model.

    Args:
        spectra: trajectories: a ``Spectra`` dataset with evenly spaced recorded steps, at least 8.
        setting: which setting.
        modes: modes that share one potential; all by default. Every mode enters the Coulomb term.
        lag: records an increment spans; more where the noise of successive updates is correlated.
        num_basis: splines for the drift and for the logarithm of the noise.
        seed: seed of the draws for the bands.

    Returns:
        Functions of x with credible bands, robust to correlation in time (sandwich errors over replicas), and the
        stable fixed point with its rate, temperature and width.

    Raises:
        InputError: for uneven or too few records, or fewer than 8 replicas.
    """
    dataset = validate_spectra(spectra)
    moves = _increments(dataset, setting, modes, check_count("lag", lag))
    alpha = float(dataset.learning_rate.values[setting])
    knots = _knots(moves.start, check_count("num_basis", num_basis, 5))
    basis = BSpline.design_matrix(moves.start, knots, _DEGREE).toarray()
    residual, keep = moves.change, np.ones(len(moves.change), dtype=bool)
    drift, drift_cov = np.zeros(num_basis), np.zeros((num_basis, num_basis))
    log_noise, noise_cov = np.zeros(num_basis), np.zeros((num_basis, num_basis))
    for _ in range(4):
        log_noise, noise_cov = _noise_regression(basis, residual**2 / (2 * moves.updates), moves.replica)
        coulomb, keep = _coulomb(moves, knots, log_noise)
        variance = 2 * moves.updates * np.exp(basis @ log_noise)
        target = moves.change - moves.updates * coulomb
        drift, drift_cov = _drift_regression(basis * moves.updates, target, variance, moves.replica, keep)
        residual = np.where(keep, target - moves.updates * (basis @ drift), moves.change)
    rng = np.random.default_rng(seed)
    drifts = rng.multivariate_normal(drift, drift_cov, _DRAWS, method="eigh") / alpha
    noises = rng.multivariate_normal(log_noise, noise_cov, _DRAWS, method="eigh")
    return _summary(moves, knots, drifts, noises, alpha, int((~keep).sum()))


@dataclass(frozen=True)
class _Moves:
    start: np.ndarray  # (increment,)
    change: np.ndarray
    others: np.ndarray  # (increment, other mode)
    replica: np.ndarray
    updates: int


def _increments(dataset: xr.Dataset, setting: int, modes: tuple[int, ...] | None, lag: int) -> _Moves:
    steps = np.diff(dataset.step.values)
    if len(steps) < 7 or np.ptp(steps) > 0:
        raise InputError(
            "`spectra` must hold trajectories: at least 8 recorded steps, evenly spaced; record more while training."
        )
    levels = dataset.eigenvalue.values[setting][healthy(dataset)[setting]].astype(np.float64)
    if len(levels) < 8:
        raise InputError(f"`spectra` has {len(levels)} trajectories of use, at least 8 replicas are needed for errors.")
    num = levels.shape[-1]
    chosen = tuple(range(num)) if modes is None else modes
    if not chosen or min(chosen) < 0 or max(chosen) >= num:
        raise InputError(f"`modes` must lie between 0 and {num - 1}, got {chosen}.")
    before, after = levels[:, :-lag:lag], levels[:, lag::lag]
    before = before[:, : after.shape[1]]
    shape = before[..., 0].shape
    start = np.concatenate([before[..., m].ravel() for m in chosen])
    change = np.concatenate([(after - before)[..., m].ravel() for m in chosen])
    others = np.concatenate([np.delete(before, m, axis=-1).reshape(shape[0] * shape[1], num - 1) for m in chosen])
    replica = np.tile(np.repeat(np.arange(shape[0]), shape[1]), len(chosen))
    if not np.ptp(start) > 0:
        raise InputError("`spectra` does not move: all recorded levels are the same.")
    return _Moves(start, change, others, replica, int(steps[0]) * lag)


def _knots(values: np.ndarray, num_basis: int) -> np.ndarray:
    """Clamped cubic knots, inner ones half-way between even spacing and equal counts."""
    low, high = values.min(), values.max()
    inner = np.linspace(0, 1, num_basis - _DEGREE + 1)[1:-1]
    places = (np.quantile(values, inner) + low + (high - low) * inner) / 2
    pad = 1e-9 * (high - low)
    return np.concatenate([[low - pad] * (_DEGREE + 1), places, [high + pad] * (_DEGREE + 1)])


def _noise_regression(basis: np.ndarray, squares: np.ndarray, replica: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log g² as a spline: χ² likelihood with one degree of freedom (mean of squares g²), by Fisher scoring."""
    penalty = _RIDGE * len(squares) * np.eye(basis.shape[1])
    coefficients = np.full(basis.shape[1], np.log(squares.mean()))
    fisher = basis.T @ basis / 2 + penalty
    for _ in range(100):
        score = basis.T @ (squares * np.exp(-(basis @ coefficients)) - 1) / 2
        step = np.clip(np.linalg.solve(fisher, score), -1.0, 1.0)
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-8:
            break
    scores = basis * ((squares * np.exp(-(basis @ coefficients)) - 1) / 2)[:, None]
    return coefficients, _sandwich(fisher, scores, replica)


def _drift_regression(basis, target, variance, replica, keep) -> tuple[np.ndarray, np.ndarray]:
    """Weighted least squares with sandwich errors."""
    weight = keep / variance
    information = basis.T @ (basis * weight[:, None])
    information = information + _RIDGE * np.diag(np.diag(information))  # weights span decades: relative ridge
    coefficients = np.linalg.solve(information, basis.T @ (target * weight))
    scores = basis * ((target - basis @ coefficients) * weight)[:, None]
    return coefficients, _sandwich(information, scores, replica)


def _sandwich(information: np.ndarray, scores: np.ndarray, replica: np.ndarray) -> np.ndarray:
    """Covariance that allows any correlation within a replica."""
    num = int(replica.max()) + 1
    sums = np.zeros((num, scores.shape[1]))
    np.add.at(sums, replica, scores)
    inverse = np.linalg.inv(information)
    return inverse @ (sums.T @ sums) @ inverse * num / (num - 1)


def _coulomb(moves: _Moves, knots: np.ndarray, log_noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Σ_j g_i g_j/(x_i − x_j), and where no neighbour is nearer than six steps of the noise."""
    if moves.others.shape[1] == 0:
        return np.zeros(len(moves.start)), np.ones(len(moves.start), dtype=bool)
    spline = BSpline(knots, log_noise, _DEGREE)
    low, high = knots[0], knots[-1]
    own = np.exp(spline(moves.start) / 2)
    other = np.exp(spline(np.clip(moves.others, low, high)) / 2)
    gaps = moves.start[:, None] - moves.others
    keep = np.abs(gaps).min(axis=1) > _CLOSE * np.sqrt(2 * moves.updates) * own
    with np.errstate(divide="ignore"):
        force = (own[:, None] * other / gaps).sum(axis=1)
    return np.where(keep, force, 0.0), keep


def _summary(moves: _Moves, knots, drifts, noises, alpha: float, num_close: int) -> MotionFit:
    low, high = np.quantile(moves.start, [0.002, 0.998])
    grid = np.linspace(low, high, _GRID)
    design = BSpline.design_matrix(grid, knots, _DEGREE).toarray()
    curves, noise = drifts @ design.T, np.exp(noises @ design.T) / alpha
    steps = np.diff(grid) * (curves[:, 1:] + curves[:, :-1]) / 2
    potential = -np.concatenate([np.zeros((len(curves), 1)), np.cumsum(steps, axis=1)], axis=1)
    lowest = int(np.argmin(potential.mean(axis=0)))
    fixed = _fixed_point(grid, curves, noise)
    warnings = [] if fixed else ["the drift has no stable zero in the data: no fixed point, no single temperature"]
    if num_close > 0.5 * len(moves.start):
        warnings.append("most levels have a close neighbour: record more often, or fit their centre of mass")
    return MotionFit(
        grid=grid,
        drift=_band(curves),
        potential=_band(potential - potential[:, lowest : lowest + 1]),
        noise=_band(noise),
        fixed_point=fixed,
        num_increments=len(moves.start),
        num_close=num_close,
        warnings=tuple(warnings),
    )


def _band(curves: np.ndarray) -> Band:
    lower, upper = np.quantile(curves, [0.025, 0.975], axis=0)
    return Band(mean=curves.mean(axis=0), lower=lower, upper=upper)


def _fixed_point(grid: np.ndarray, curves: np.ndarray, noise: np.ndarray) -> FixedPoint | None:
    """The last downward zero crossing of every draw."""
    found = []
    for curve, own_noise in zip(curves, noise, strict=True):
        down = np.flatnonzero((curve[:-1] > 0) & (curve[1:] <= 0))
        if len(down):
            i = down[-1]
            slope = (curve[i] - curve[i + 1]) / (grid[i + 1] - grid[i])
            place = grid[i] + curve[i] / slope
            heat = np.interp(place, grid, own_noise)
            found.append((place, slope, heat, np.sqrt(heat / slope)))
    if len(found) < 0.5 * len(curves):
        return None
    position, rate, temperature, width = (summarise(np.array(column)) for column in zip(*found, strict=True))
    return FixedPoint(position=position, rate=rate, temperature=temperature, width=width)
