"""Increments of recorded trajectories, and their sums over a grid of starting points."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from coulombgas._checks import InputError, check_magnitude
from coulombgas.spectra import healthy

from ._spline import spread_out

_MIN_RECORDS, _MIN_REPLICAS = 8, 8
_CELLS = 600
_STRAY = 30.0


@dataclass(frozen=True)
class Moves:
    """Increments between records that lie ``updates`` updates apart.

    Attributes:
        before, after: all levels, (replica, record, level).
        modes: the levels of interest.
        updates: updates an increment spans.
        stray: increments thirty times the noise of their neighbourhood, shape as ``before``.
        resolution: of the stored numbers, relative.
    """

    before: np.ndarray
    after: np.ndarray
    modes: tuple[int, ...]
    updates: int
    stray: np.ndarray
    resolution: float

    @property
    def start(self) -> np.ndarray:
        """Where the levels of interest start, (replica, record, mode)."""
        return self.before[..., list(self.modes)]

    def rows(self, levels: np.ndarray) -> np.ndarray:
        """The levels of interest as (replica, increment)."""
        return levels[..., list(self.modes)].reshape(len(levels), -1)

    @property
    def rounding(self) -> np.ndarray:
        """Mean square of the rounding in an increment of a level of interest, (replica, record, mode)."""
        return (self.resolution * self.start) ** 2 / 6

    @property
    def coarse(self) -> bool:
        """Whether the moves are near the resolution of the stored numbers."""
        change = (self.after - self.before)[..., list(self.modes)]
        return bool(np.mean(change**2) < 400 * np.mean(self.rounding))

    def squares(self, mode: int) -> tuple[np.ndarray, np.ndarray]:
        """Noise g² per update from second differences, which hold no smooth drift, and where there is one."""
        change = self.after[..., mode] - self.before[..., mode]
        squares, known = np.zeros(change.shape), np.zeros(change.shape, dtype=bool)
        rounding = (self.resolution * self.before[:, 1:, mode]) ** 2
        squares[:, 1:] = (np.diff(change, axis=1) ** 2 + rounding) / 4 / self.updates
        known[:, 1:] = ~(self.stray[:, 1:, mode] | self.stray[:, :-1, mode])
        return squares, known


def collect_moves(dataset: xr.Dataset, setting: int, modes: tuple[int, ...] | None, lag: int) -> Moves:
    """Increments over ``lag`` records, one after the other.

    Raises:
        InputError: for uneven or too few records, too few replicas, unknown modes or levels that do not move.
    """
    if not 0 <= setting < dataset.sizes["setting"]:
        raise InputError(f"`setting` must lie between 0 and {dataset.sizes['setting'] - 1}, got {setting}.")
    steps = np.diff(dataset.step.values)
    if len(steps) < _MIN_RECORDS - 1 or np.ptp(steps) > 0:
        raise InputError(
            "`spectra` must hold trajectories: at least 8 recorded steps, evenly spaced; record more while training."
        )
    if lag > len(steps) // 2:
        raise InputError(f"`lag` must be at most half of the {len(steps)} recorded moves, got {lag}.")
    levels = dataset.eigenvalue.values[setting][healthy(dataset)[setting]]
    if len(levels) < _MIN_REPLICAS:
        raise InputError(f"`spectra` has {len(levels)} usable trajectories, at least 8 replicas are needed for errors.")
    check_magnitude("eigenvalue", levels)
    num = levels.shape[-1]
    chosen = tuple(range(num)) if modes is None else tuple(modes)
    if not chosen or min(chosen) < 0 or max(chosen) >= num or len(set(chosen)) < len(chosen):
        raise InputError(f"`modes` must be different numbers between 0 and {num - 1}, got {chosen}.")
    return _moves(levels, chosen, lag, int(steps[0]) * lag)


def _moves(levels: np.ndarray, chosen: tuple[int, ...], lag: int, updates: int) -> Moves:
    """Levels before and after each move of ``lag`` records, with those that are strays marked."""
    before, after = levels[:, :-lag:lag], levels[:, lag::lag]
    before = before[:, : after.shape[1]].astype(np.float64)
    after = after.astype(np.float64)
    own = before[..., list(chosen)]
    if not np.ptp(own) > 0 or not np.any(after != before):
        raise InputError("`spectra` does not move: all recorded levels are the same.")
    digits = float(np.finfo(levels.dtype if levels.dtype.kind == "f" else np.float64).eps)
    stray = np.stack([_stray(b, a) for b, a in zip(before.T, after.T, strict=True)]).T
    if stray[..., list(chosen)].mean() > 0.01:
        stray = np.zeros_like(stray)  # so many are no accidents
    return Moves(before, after, chosen, updates, stray, digits)


def _stray(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Increments of one level that differ from both their neighbours in time by thirty times the noise around them."""
    change = after - before
    second = np.diff(change, axis=0) ** 2 / 2
    place = before[1:]
    order = np.argsort(place, axis=None)
    parts = np.array_split(order, max(1, min(50, place.size // 100)))
    typical = np.array([np.median(second.ravel()[part]) for part in parts]) / 0.455  # median of χ² with one degree
    around = np.max([np.append(typical[1:], 0), typical, np.insert(typical[:-1], 0, 0)], axis=0)
    large = np.zeros(place.size, dtype=bool)
    for part, level in zip(parts, around, strict=True):
        large[part] = second.ravel()[part] > _STRAY**2 * level
    large = large.reshape(place.shape)
    edge = np.ones((1, before.shape[1]), dtype=bool)
    return np.concatenate([edge, large]) & np.concatenate([large, edge])


@dataclass(frozen=True)
class Grid:
    """Linear interpolation between nodes, denser where the data are.

    Attributes:
        nodes: (node,).
        cell: left node of each increment, (replica, increment).
        fraction: position in the cell.
    """

    nodes: np.ndarray
    cell: np.ndarray
    fraction: np.ndarray

    def at_data(self, values: np.ndarray) -> np.ndarray:
        """A function of the nodes at every increment."""
        return values[self.cell] + self.fraction * np.diff(values)[self.cell]

    def sums(self, weights: np.ndarray) -> np.ndarray:
        """Transpose of the interpolation: per replica, (replica, node)."""
        replicas, size = len(self.cell), len(self.nodes)
        index = self.cell + size * np.arange(replicas)[:, None]
        out = np.bincount(index.ravel(), (weights * (1 - self.fraction)).ravel(), replicas * size)
        out += np.bincount((index + 1).ravel(), (weights * self.fraction).ravel(), replicas * size)
        return out.reshape(replicas, size)

    def gram(self, weights: np.ndarray, design: np.ndarray) -> np.ndarray:
        """Designᵀ · interpolationᵀ · diag(weights) · interpolation · design."""
        size, left = len(self.nodes), self.cell.ravel()
        f, w = self.fraction.ravel(), weights.ravel()
        diagonal = np.bincount(left, w * (1 - f) ** 2, size) + np.bincount(left + 1, w * f**2, size)
        beside = np.bincount(left, w * f * (1 - f), size)[:-1]
        cross = design[:-1].T @ (design[1:] * beside[:, None])
        return design.T @ (design * diagonal[:, None]) + cross + cross.T


def make_grid(start: np.ndarray, used: np.ndarray) -> Grid:
    """A grid for starting points, (replica, increment), over the range of those ``used``."""
    nodes = spread_out(start[used], _CELLS)
    start = np.clip(start, nodes[0], nodes[-1])
    cell = np.clip(np.searchsorted(nodes, start, side="right") - 1, 0, _CELLS - 1)
    return Grid(nodes, cell, (start - nodes[cell]) / np.diff(nodes)[cell])
