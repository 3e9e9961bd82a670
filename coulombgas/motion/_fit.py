r"""Temperature from motion: potential and noise of eigenvalues from their trajectories, the model unknown.

Between two records the eigenvalues move by (ALP24 (9)-(11))

.. math::
    \Delta x_i = \delta\,\Big[K(x_i) + \sum_{j\ne i}\frac{g_{ij}^2}{x_i - x_j}\Big]
        + \sqrt{2\delta}\,g(x_i)\,\eta_i,
    \qquad K = -\alpha\tilde V', \quad g^2 = \alpha\,\tilde T(x)

with δ updates between the records and g_ij² the geometric or the arithmetic mean of both levels' g², whichever the
moves prefer. The noise comes from the quadratic variation of what the drift leaves, the drift from a regression with
the Coulomb term taken out; both are smooth functions of x whose smoothness is inferred, log g² one of log x where the
levels span decades. What many updates do between
two records, and what neighbours do at a near-collision, is that of the matrix (``_propagation``), so that neither a
long interval nor a close pair biases the result. Records so far apart that the levels have forgotten where they were
are refused. :math:`\tilde T = g^2/\alpha` is
the temperature in the units of the potential :math:`\tilde V`: T g̃² in the papers' words.

K and g² are those of the updates as they are. Where an update goes a fraction αΩ̃ of the way to the fixed point, a noise
that depends on x differs from its limit at α → 0 by about as much: for WᵀW, :math:`W' = (1 - \alpha)W + \sigma\eta`
with M rows, the variance of an update is :math:`4(1 - \alpha)^2\sigma^2 x + 2M\sigma^4` at N = 1, not
:math:`4\sigma^2 x`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._checks import check_count, check_positive, check_seed, fail
from coulombgas._interval import Interval, summarise
from coulombgas._results import to_dataset
from coulombgas.spectra import validate_spectra

from ._increments import Moves, collect_moves
from ._regression import Estimate, estimate

_GRID = 121
_DRAWS = 4000
_MEMORY = 0.02
_LARGE_UPDATE = 0.05  # of the way to the fixed point; 95% bands of 8×3 Wishart matrices hold 0.93 at 0.025, 0.87 at 0.1
_DEPENDS = 1.5  # largest over smallest noise from which it depends on the level


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
        rate: Ω̃ = Ṽ''(x_s): a level relaxes by αΩ̃ of its distance in each update.
        temperature: T̃ = g²/α there, in units of the potential.
        width: s = sqrt(T̃/(Ω̃(1 − αΩ̃/2))), the width of a level at this temperature (ALP24, arXiv:2407.16427, (93)-(95)).
    """

    position: Interval
    rate: Interval
    temperature: Interval
    width: Interval


@dataclass(frozen=True, kw_only=True)
class MotionFit:
    """Potential and noise inferred from trajectories.

    Attributes:
        grid: levels x at which the functions are given, ascending.
        drift: K/α over the grid.
        potential: Ṽ over the grid, zero at its lowest mean.
        noise: g²/α = T̃ over the grid.
        fixed_point: the stable zero of the drift; None where the data hold none.
        num_increments: increments that entered.
        num_close: increments left out because two neighbours at once were within the reach of the noise.
        memory: correlation of the noise of one increment with that of the next; 0 for independent noise.
        dispersion: how much more replicas scatter than their increments tell, ≥ 1; the bands are wider by its root.
        warnings: what to know before using the result, one sentence each.
    """

    grid: np.ndarray = field(repr=False)
    drift: Band = field(repr=False)
    potential: Band = field(repr=False)
    noise: Band = field(repr=False)
    fixed_point: FixedPoint | None
    num_increments: int
    num_close: int
    memory: float
    dispersion: float
    warnings: tuple[str, ...] = ()

    def temperature(self, noise_scale: float) -> Interval | None:
        """T = T̃/g̃² at the fixed point for a model whose g̃ there is ``noise_scale``; None without a fixed point."""
        if self.fixed_point is None:
            return None
        own, factor = self.fixed_point.temperature, check_positive("noise_scale", noise_scale) ** 2
        return Interval(own.mean / factor, own.lower / factor, own.upper / factor, own.sd / factor)

    def records(self) -> list[dict[str, Any]]:
        """One dictionary of plain Python objects for the fixed point, none where the data hold none."""
        if self.fixed_point is None:
            return []
        return [{name: value.as_dict() for name, value in self.fixed_point.__dict__.items()}]

    def dataset(self) -> xr.Dataset:
        """Drift, potential and noise over ``x`` with the ends of their bands; the records over ``fixed_point``."""
        bands = {"drift": self.drift, "potential": self.potential, "noise": self.noise}
        curves = {}
        for name, band in bands.items():
            parts = {name: band.mean, f"{name}_lower": band.lower, f"{name}_upper": band.upper}
            curves |= {key: ("x", value) for key, value in parts.items()}
        own = {"num_increments": self.num_increments, "memory": self.memory, "dispersion": self.dispersion}
        return to_dataset(self.records(), "fixed_point", **own).assign(curves).assign_coords(x=self.grid)

    def table(self) -> str:
        """The result as text."""
        lines = [f"{self.num_increments} increments, {self.num_close} left out beside two close neighbours"]
        if self.fixed_point is not None:
            for name, value in self.fixed_point.__dict__.items():
                lines.append(f"  {name:12}{value.mean:.5g}  [{value.lower:.5g}, {value.upper:.5g}]")
        return "\n".join([*lines, *(f"! {warning}" for warning in self.warnings)])


def temperature_from_motion(
    spectra: xr.Dataset,
    *,
    setting: int = 0,
    modes: tuple[int, ...] | None = None,
    lag: int = 1,
    beta: float | int = 1.0,
    num_basis: int = 24,
    seed: int = 0,
) -> MotionFit:
    r"""Potential, noise and temperature of eigenvalues that move, without a model.

    .. math:: \Delta x_i = \delta\,\Big[K(x_i) + \sum_{j\ne i}\frac{g_{ij}^2}{x_i - x_j}\Big]
        + \sqrt{2\delta}\,g(x_i)\,\eta_i, \qquad K = -\alpha\tilde V', \quad g^2 = \alpha\,\tilde T(x)

    with δ updates between two records and learning rate α. The noise comes from the quadratic variation of the moves,
    the drift from a regression with the Coulomb term taken out.

    Args:
        spectra: trajectories: a ``Spectra`` dataset with evenly spaced recorded steps, at least 8.
        setting: which setting.
        modes: modes that share one potential; all by default. Every mode enters the Coulomb term.
        lag: records an increment spans; more where the noise of successive updates is correlated.
        beta: Dyson index of the repulsion: 1 for real matrices, 2 for complex ones, 0 for sorted levels without any.
        num_basis: splines for the drift and for the logarithm of the noise; their smoothness is inferred.
        seed: seed of the draws for the bands.

    Returns:
        Functions of x with credible bands, for drift and noise as smooth as the data say, widened where replicas
        scatter more than their moves tell, and the stable fixed point with its rate, temperature and width.

    Raises:
        InputError: for uneven or too few records, fewer than 8 replicas, levels that do not move, or records so far
            apart that drift and noise cannot be told from one another.

    Source: ALP24 (arXiv:2407.16427), (9)-(11).
    """
    seed = check_seed(seed)
    dataset = validate_spectra(spectra)
    moves = collect_moves(dataset, setting, modes, check_count("lag", lag))
    if not (np.isfinite(beta) and beta >= 0):
        fail("beta", "must be at least 0", beta)
    found = estimate(moves, check_count("num_basis", num_basis, 6), float(beta))
    alpha = float(dataset.learning_rate.values[setting])
    rng = np.random.default_rng(seed)
    noises = found.noise.draw(rng, _DRAWS)
    drifts = found.drift.draw(rng, _DRAWS) + (noises - found.noise.mean) @ found.coupling.T
    return _summary(moves, found, drifts / alpha, noises, alpha)


def _summary(moves: Moves, found: Estimate, drifts: np.ndarray, noises: np.ndarray, alpha: float) -> MotionFit:
    """Bands of drift, potential and noise on a grid, from draws of the spline coefficients."""
    low, high = np.quantile(moves.start, [0.002, 0.998])
    grid = np.linspace(low, high, _GRID)
    design = found.basis.design(grid)
    curves, noise = drifts @ design.T, np.exp(noises @ found.noise_basis.design(grid).T) / alpha
    steps = np.diff(grid) * (curves[:, 1:] + curves[:, :-1]) / 2
    potential = -np.concatenate([np.zeros((len(curves), 1)), np.cumsum(steps, axis=1)], axis=1)
    lowest = int(np.argmin(potential.mean(axis=0)))
    fixed, own = _fixed_point(grid, curves, noise, alpha), _band(noise)
    return MotionFit(
        grid=grid,
        drift=_band(curves),
        potential=_band(potential - potential[:, lowest : lowest + 1]),
        noise=own,
        fixed_point=fixed,
        num_increments=moves.start.size,
        num_close=found.num_crowded,
        memory=found.memory,
        dispersion=found.drift.dispersion,
        warnings=(*_warnings(moves, found, fixed, alpha), *_large_updates(fixed, own, alpha)),
    )


def _large_updates(fixed: FixedPoint | None, noise: Band, alpha: float) -> Iterator[str]:
    share = 0.0 if fixed is None else alpha * fixed.rate.mean
    if share > _LARGE_UPDATE and noise.mean.max() > _DEPENDS * noise.mean.min():
        yield (
            f"an update goes {share:.0%} of the way to the fixed point: noise that depends on the level is that of "
            "such updates, and differs from its limit at small learning rates by about as much"
        )


def _warnings(moves: Moves, found: Estimate, fixed: FixedPoint | None, alpha: float) -> Iterator[str]:
    """What to know before using drift and noise, one sentence each."""
    if fixed is None:
        yield "the drift has no stable zero within the data, so there is no fixed point and no single temperature"
    elif fixed.rate.mean * alpha * moves.updates > 1:
        yield "records are farther apart than the relaxation time: record more often"
    if found.unsettled:
        yield (
            f"drift and noise still changed by {found.unsettled:.2g} standard deviations when the search ended: the "
            "bands may be off by as much where data are few"
        )
    if found.num_crowded > 0.5 * moves.start.size:
        yield "most levels have two neighbours within reach of the noise: record more often"
    if abs(found.memory) > max(_MEMORY, 5 / np.sqrt(moves.start.size)):
        factor = (1 + found.memory) / (1 - found.memory)
        yield (
            f"noise of successive moves is correlated ({found.memory:+.2f}): over long times it is about {factor:.2f} "
            "times as strong; raise `lag`"
        )
    if moves.stray.any():
        yield f"{int(moves.stray.sum())} increments of more than thirty times the noise around them left out as stray"
    if moves.coarse:
        yield "the moves are near the resolution of the stored numbers: keep more digits, or raise `lag`"


def _band(curves: np.ndarray) -> Band:
    points = np.ascontiguousarray(curves.T)  # draws side by side are sorted three times as fast
    lower, upper = np.quantile(points, [0.025, 0.975], axis=1, overwrite_input=True)
    return Band(mean=curves.mean(axis=0), lower=lower, upper=upper)


def _fixed_point(grid: np.ndarray, curves: np.ndarray, noise: np.ndarray, alpha: float) -> FixedPoint | None:
    """The last downward zero crossing of every draw."""
    down = (curves[:, :-1] > 0) & (curves[:, 1:] <= 0)
    rows = np.flatnonzero(down.any(axis=1))
    if len(rows) < 0.5 * len(curves):
        return None
    i = down.shape[1] - 1 - np.argmax(down[rows, ::-1], axis=1)
    above, below = curves[rows, i], curves[rows, i + 1]
    fraction, step = above / (above - below), np.diff(grid)[i]
    rate = (above - below) / step
    heat = noise[rows, i] * (1 - fraction) + noise[rows, i + 1] * fraction
    width = np.sqrt(heat / (rate * np.maximum(1 - alpha * rate / 2, 0.1)))
    place = grid[i] + fraction * step
    return FixedPoint(**{
        name: summarise(values)
        for name, values in (("position", place), ("rate", rate), ("temperature", heat), ("width", width))
    })  # fmt: skip
