r"""Width at any noise: the ratio of the true width² of a level group to the theory's, as a function of T.

The theory holds for T → 0 and includes finite learning rate and optimiser. At finite T the drift is not linear, the
noise depends on the state, levels of neighbouring groups overlap and eigenvectors rotate. This part is measured on
ensembles of the model itself, or on sampled matrices if the fluctuations are Gaussian.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._checks import InputError, check_count, check_seed
from coulombgas._types import Progress
from coulombgas.models import Model
from coulombgas.spectra import LevelGroup, group_freedom
from coulombgas.training import Optimizer, train

from ._response_rows import response_dataset, response_rows, response_table
from ._theory import Theory

GRID = 48  # points of a curve that is a polynomial of low order
_SNAPSHOTS = 4  # a relaxation time apart, so that they are nearly independent
_MAX_STEPS = 12_000  # updates of an ensemble at most
_SAMPLED = 40_000  # matrices: s² of a pair to 0.5%
_SAMPLED_NUMBERS = 2**22  # numbers drawn at once: 32 MB
_HEALTHY = 0.5  # of the replicas: with more diverged, the rest are a selection


@dataclass(frozen=True)
class ResponseCurve:
    """log of (true width² / width² of the theory) of each level group over a grid of temperatures.

    Attributes:
        temperature: grid, shape (point,), from 0.
        log_ratio: shape (point, group).
        error: Monte Carlo standard deviation of ``log_ratio``, including that of the theory, shape (point, group).
        source: how it was obtained, in words.
        shift, shift_error: mean level of each group minus its fixed point, and its standard deviation, both (point,
            group), if measured on ensembles; else None.
    """

    temperature: np.ndarray
    log_ratio: np.ndarray = field(repr=False)
    error: np.ndarray = field(repr=False)
    source: str
    shift: np.ndarray | None = field(default=None, repr=False)
    shift_error: np.ndarray | None = field(default=None, repr=False)

    @property
    def constant(self) -> bool:
        """Whether the ratio is known exactly and is the same at every temperature."""
        return not self.error.any() and not np.ptp(self.log_ratio, axis=0).any()

    def ratio(self, temperature: float) -> np.ndarray:
        """R_g(T), shape (group,); beyond the grid the last value."""
        return np.exp([np.interp(temperature, self.temperature, column) for column in self.log_ratio.T])

    def ratio_error(self, temperature: float) -> np.ndarray:
        """Monte Carlo standard deviation of log R_g(T), shape (group,)."""
        return np.array([np.interp(temperature, self.temperature, column) for column in self.error.T])

    def records(self) -> list[dict[str, Any]]:
        """One dictionary of plain Python objects for each temperature and level group: ``ratio`` R_g(T) and ``shift``,
        each with its 95% interval; ``shift`` is None where it was not measured."""
        return response_rows(self.temperature, self.log_ratio, self.error, shift=(self.shift, self.shift_error))

    def dataset(self) -> xr.Dataset:
        """The records over ``temperature`` and ``group``."""
        return response_dataset(self.records(), source=self.source)

    def table(self) -> str:
        """Ratio of each level group at nine temperatures of the grid, or fewer, as text."""
        return response_table(self.temperature, self.log_ratio, self.error, source=self.source)


@dataclass(frozen=True)
class Measured:
    """Widths and means of ensembles.

    Attributes:
        temperature: shape (point,), ascending.
        log_ratio, error: log of width² over that of the theory and its standard error, (point, group).
        mean, mean_error: mean levels of the groups and their standard error, (point, group).
    """

    temperature: np.ndarray
    log_ratio: np.ndarray
    error: np.ndarray
    mean: np.ndarray
    mean_error: np.ndarray

    def records(self) -> list[dict[str, Any]]:
        """One dictionary of plain Python objects for each ensemble and level group: ``ratio``, width² over that of the
        theory, and ``mean``, the mean level, each with its 95% interval."""
        return response_rows(self.temperature, self.log_ratio, self.error, mean=(self.mean, self.mean_error))

    def dataset(self) -> xr.Dataset:
        """The records over ``temperature`` and ``group``."""
        return response_dataset(self.records())

    def table(self) -> str:
        """Ratio of each level group at each temperature as text."""
        return response_table(self.temperature, self.log_ratio, self.error, source="ensembles")


def measure_response(
    model: Model,
    theory_at: Callable[[int], Theory],
    *,
    learning_rate: float,
    batch_sizes: tuple[int, ...],
    optimizer: Optimizer | None = None,
    replicas: int = 512,
    seed: int = 0,
    progress: Progress | None = None,
) -> Measured:
    """Width² of stationary ensembles over the theory's, group by group.

    Args:
        model: the model to train.
        theory_at: the theory at a batch size.
        learning_rate: α of the ensembles.
        batch_sizes: one ensemble each.
        optimizer: plain gradient descent by default.
        replicas: replicas per ensemble; each gives four nearly independent snapshots.
        seed: seed of the training.
        progress: called with (done, total) replica-updates.

    Returns:
        Ratios with their Monte Carlo error, temperatures ascending.

    Raises:
        InputError: when half of an ensemble diverges, so that the response cannot be measured.
    """
    seed = check_seed(seed)
    sizes = sorted(batch_sizes, reverse=True)
    theories = [theory_at(size) for size in sizes]
    pause = min(int(np.ceil(max(theory.relaxation.max() for theory in theories))), _MAX_STEPS // _SNAPSHOTS)
    first = min(max(theory.updates_to_equilibrium for theory in theories), _MAX_STEPS)
    steps = [first + snapshot * max(pause, 1) for snapshot in range(_SNAPSHOTS)]
    run = train(
        model, learning_rate=learning_rate, batch_size=tuple(sizes), replicas=check_count("replicas", replicas, 16),
        steps=steps[-1], record=steps, init="fixed-point", seed=seed, progress=progress,
        optimizer=optimizer or Optimizer(),
    )  # fmt: skip
    rows = []
    for index, theory in enumerate(theories):
        levels = run.eigenvalue.values[index].astype(np.float64)
        levels = levels[np.isfinite(levels).all(axis=(1, 2))]
        if len(levels) < _HEALTHY * replicas:
            raise InputError(
                f"the response could not be measured at T = {theory.temperature:.3g}: {replicas - len(levels)} of "
                f"{replicas} replicas diverged: give spectra of a lower temperature, or `method` 'leading-order'."
            )
        own = zip(theory.groups, theory.width2, strict=True)
        pairs = [(levels[..., list(group.modes)], float(width2)) for group, width2 in own]
        rows.append([(*group_ratio(*pair), *_group_mean(pair[0])) for pair in pairs])
    temperatures = np.array([theory.temperature for theory in theories])
    return Measured(temperatures, *np.moveaxis(np.array(rows), -1, 0))


def group_ratio(levels: np.ndarray, width2: float) -> tuple[float, float]:
    """log ratio and its error from levels (replica, snapshot, mode); snapshots of a replica count as dependent."""
    size = levels.shape[-1]
    centre = levels.mean() if size == 1 else levels.mean(axis=-1, keepdims=True)
    energy = ((levels - centre) ** 2).sum(axis=-1).mean(axis=1) / (group_freedom(size) * width2)
    return float(np.log(energy.mean())), float(energy.std(ddof=1) / energy.mean() / np.sqrt(len(energy)))


def _group_mean(levels: np.ndarray) -> tuple[float, float]:
    """Mean level of a group and its error; snapshots of a replica count as dependent."""
    means = levels.mean(axis=(1, 2))
    return float(means.mean()), float(means.std(ddof=1) / np.sqrt(len(means)))


def fit_curve(measured: Measured, theory: Theory, source: str, *, order: int = 2) -> ResponseCurve:
    """Smooth curves log R = c₁T + c₂T² + … and the same for the mean levels, weighted by the errors.

    Args:
        measured: ratios to the theory, so that R(0) = 1.
        theory: the theory, from whose fixed points the means start.
        source: how it was obtained.
        order: highest power of T; at most the number of points.
    """
    unit = measured.temperature.max()
    grid = np.linspace(0.0, unit, GRID)
    powers = tuple(range(1, min(order, len(measured.temperature)) + 1))
    values, errors = smooth(measured.temperature / unit, measured.log_ratio, measured.error, grid / unit, powers)
    moved = measured.mean - np.array([group.center for group in theory.groups])
    means = smooth(measured.temperature / unit, moved, measured.mean_error, grid / unit, powers)
    return ResponseCurve(grid, values, errors, source, *means)


def smooth(
    at: np.ndarray, values: np.ndarray, errors: np.ndarray, grid: np.ndarray, powers: tuple[int, ...],
    scale: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Weighted polynomial Σ c_k T^k over the given powers, and its error: each (grid point, group).

    ``scale`` (group,) multiplies the first coefficient afterwards.
    """
    design, fine = (np.stack([points**k for k in powers], axis=1) for points in (at, grid))
    curve, deviation = np.empty((len(grid), values.shape[1])), np.empty((len(grid), values.shape[1]))
    for g in range(values.shape[1]):
        weight2 = errors[:, g] ** -2
        covariance = np.linalg.inv((design * weight2[:, None]).T @ design)
        own = fine if scale is None else np.column_stack([scale[g] * fine[:, 0], fine[:, 1:]])
        curve[:, g] = own @ (covariance @ (design.T @ (weight2 * values[:, g])))
        deviation[:, g] = np.sqrt(np.einsum("pi,ij,pj->p", own, covariance, own))
    return curve, deviation


def exact_curve(theory: Theory, highest: float) -> ResponseCurve:
    """R = 1, for temperatures so low that corrections are negligible."""
    shape = (GRID, len(theory.groups))
    return ResponseCurve(np.linspace(0.0, highest, GRID), np.zeros(shape), np.zeros(shape), "linear theory")


def matrix_curve(theory: Theory, highest: float) -> ResponseCurve:
    """The response of overlapping groups with Gaussian fluctuations: eigenvalues of sampled matrices over a grid of
    T."""
    variance = theory.element_variance
    if variance is None:
        raise InputError("`theory` has no independent elements to sample: measure the response on ensembles.")
    grid, size = np.linspace(0.0, highest, GRID), len(variance)
    ratios = np.zeros((GRID, len(theory.groups), 2))
    rng, number = np.random.default_rng(size), max(1000, min(_SAMPLED, _SAMPLED_NUMBERS // size**2))
    draws = rng.standard_normal((number, size, size))
    noise = (np.tril(draws) + np.swapaxes(np.tril(draws, -1), 1, 2)) * np.sqrt(variance)
    for point, temperature in enumerate(grid[1:], start=1):
        scale = temperature / theory.temperature
        levels = np.linalg.eigvalsh(np.diag(theory.levels) + np.sqrt(scale) * noise)[:, None, :]
        own = zip(theory.groups, theory.width2, strict=True)
        ratios[point] = [group_ratio(levels[..., list(g.modes)], scale * width2) for g, width2 in own]
    return ResponseCurve(grid, ratios[..., 0], ratios[..., 1], f"{number} sampled matrices")


def with_theory_error(curve: ResponseCurve, theory: Theory) -> ResponseCurve:
    """The curve with the Monte Carlo error of the theory's widths included in its own."""
    relative = theory.width2_error / theory.width2
    error = np.hypot(curve.error, relative)
    return replace(curve, error=error)


def same_groups(one: tuple[LevelGroup, ...], two: tuple[LevelGroup, ...]) -> bool:
    """Whether two theories have the same level groups."""
    return [group.modes for group in one] == [group.modes for group in two]
