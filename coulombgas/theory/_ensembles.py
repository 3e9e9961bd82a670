r"""Temperature at any noise: the ratio of the true width² of a level group to the leading formula, as a function of T.

The leading formula s² = T·(s²/T) (ALP24 (17)-(18), appendix C) holds for T → 0. Three things change it:

1. the update is discrete and, under persistent chains, its noise is correlated in time. A mode of an RBM relaxes by
   :math:`\lambda = 2\sigma_h^2\alpha x_s/\kappa^2` an update, and the two-point function of its chain keeps
   :math:`\rho = (x_s/\mu^2)^{2k}` of its deviation. A linear mode driven by such noise has (derived here)

   .. math:: s^2 = T\,\frac{s^2}{T}\cdot\frac{1}{1-\lambda/2}\cdot\frac{1+\rho(1-\lambda)}{1-\rho(1-\lambda)};

2. the drift is not linear and the noise depends on the state;
3. levels of neighbouring groups overlap, and eigenvectors turn.

The first is known exactly; the other two are measured on ensembles of the model itself.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from coulombgas._checks import check_count, check_positive
from coulombgas._types import Progress
from coulombgas.models import GaussianRBM, Model
from coulombgas.spectra import LevelGroup, group_freedom, level_groups

GRID = 48
_RELAXATIONS = 4.0
_SNAPSHOTS = 4
_MAX_STEPS = 12_000


@dataclass(frozen=True)
class ResponseCurve:
    """log of (true width² / leading width²) of each level group over a grid of temperatures.

    Attributes:
        temperature: grid, shape (point,), from 0.
        log_ratio: shape (point, group).
        error: Monte Carlo standard deviation of ``log_ratio``, shape (point, group).
        source: how it was found, in words.
    """

    temperature: np.ndarray
    log_ratio: np.ndarray = field(repr=False)
    error: np.ndarray = field(repr=False)
    source: str

    @property
    def constant(self) -> bool:
        """Whether the ratio is known without error and the same at every temperature."""
        return not self.error.any() and not np.ptp(self.log_ratio, axis=0).any()

    def ratio(self, temperature: float) -> np.ndarray:
        """R_g(T), shape (group,); beyond the grid its last value."""
        return np.exp([np.interp(temperature, self.temperature, column) for column in self.log_ratio.T])

    def ratio_error(self, temperature: float) -> np.ndarray:
        """Monte Carlo standard deviation of log R_g(T), shape (group,)."""
        return np.array([np.interp(temperature, self.temperature, column) for column in self.error.T])


@dataclass(frozen=True)
class Measured:
    """Width ratios of ensembles: ``temperature`` (point,), ``log_ratio`` and ``error`` (point, group).

    ``mean`` and ``mean_error`` (point, group) are the mean levels with their Monte Carlo error.
    """

    temperature: np.ndarray
    log_ratio: np.ndarray
    error: np.ndarray
    mean: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    mean_error: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))


def linear_log_ratio(model: Model, groups: tuple[LevelGroup, ...], learning_rate: float) -> np.ndarray:
    """log of the width² ratio at T → 0, effect 1 above, for each group; 0 for models whose formula has it already."""
    if not isinstance(model, GaussianRBM):
        return np.zeros(len(groups))
    x = np.array([group.center for group in groups])
    rate = 2 * model.sigma_h2 * learning_rate * x / (model.mu2 - x) ** 2
    memory = (x / model.mu2) ** (2 * model.gibbs_steps) * (1 - rate)
    return -np.log1p(-rate / 2) + np.log1p(memory) - np.log1p(-memory)


def relaxation_rates(model: Model, groups: tuple[LevelGroup, ...], learning_rate: float) -> np.ndarray:
    """Fraction by which a small deviation of each group shrinks in one update."""
    if isinstance(model, GaussianRBM):
        x = np.array([group.center for group in groups])
        return 2 * model.sigma_h2 * learning_rate * x / (model.mu2 - x) ** 2
    return np.full(len(groups), learning_rate)


def learnt_groups(model: Model, tolerance: float = 1e-3) -> tuple[LevelGroup, ...]:
    """Level groups with a fixed point above zero width."""
    width2 = model.width2_per_temperature(learning_rate=1e-3, batch_size=1000)
    groups = level_groups(model.fixed_point, tolerance=tolerance)
    return tuple(group for group in groups if np.all(width2[list(group.modes)] > 0))


def measure_response(
    model: Model,
    *,
    learning_rate: float,
    batch_sizes: tuple[int, ...],
    replicas: int = 512,
    seed: int = 0,
    tolerance: float = 1e-3,
    progress: Progress | None = None,
) -> Measured:
    """Width² of stationary ensembles over the leading formula, group by group.

    Args:
        model: what is trained.
        learning_rate: α of the ensembles.
        batch_sizes: one ensemble each, at T = α/B.
        replicas: replicas an ensemble; each gives four nearly independent snapshots.
        seed: seed of the training.
        tolerance: how near is degenerate.
        progress: called with (done, total) replica-updates.

    Returns:
        Ratios with their Monte Carlo error, temperatures ascending.
    """
    from coulombgas.training import train

    groups = learnt_groups(model, tolerance)
    slowest = relaxation_rates(model, groups, learning_rate).min()
    pause = int(np.ceil(1.0 / slowest))
    first = min(int(np.ceil(_RELAXATIONS / slowest)), _MAX_STEPS)
    steps = [first + snapshot * min(pause, _MAX_STEPS // _SNAPSHOTS) for snapshot in range(_SNAPSHOTS)]
    sizes = sorted(batch_sizes, reverse=True)
    run = train(
        model, learning_rate=learning_rate, batch_size=tuple(sizes), replicas=check_count("replicas", replicas, 16),
        steps=steps[-1], record=steps, init="fixed-point", seed=seed, progress=progress,
    )  # fmt: skip
    rows = []
    for index, size in enumerate(sizes):
        levels = run.eigenvalue.values[index].astype(np.float64)
        levels = levels[np.isfinite(levels).all(axis=(1, 2))]
        width2 = model.width2_per_temperature(learning_rate=learning_rate, batch_size=size) * learning_rate / size
        own = [(levels[..., list(group.modes)], float(width2[group.modes[0]])) for group in groups]
        rows.append([(*_group_ratio(*pair), *_group_mean(pair[0])) for pair in own])
    return Measured(learning_rate / np.array(sizes, dtype=float), *np.moveaxis(np.array(rows), -1, 0))


def _group_ratio(levels: np.ndarray, width2: float) -> tuple[float, float]:
    """log ratio and its error from levels (replica, snapshot, mode); snapshots of a replica count as dependent."""
    size = levels.shape[-1]
    centre = levels.mean() if size == 1 else levels.mean(axis=-1, keepdims=True)
    energy = ((levels - centre) ** 2).sum(axis=-1).mean(axis=1) / (group_freedom(size) * width2)
    return float(np.log(energy.mean())), float(energy.std(ddof=1) / energy.mean() / np.sqrt(len(energy)))


def _group_mean(levels: np.ndarray) -> tuple[float, float]:
    """Mean level of a group and its error; snapshots of a replica count as dependent."""
    means = levels.mean(axis=(1, 2))
    return float(means.mean()), float(means.std(ddof=1) / np.sqrt(len(means)))


def fit_curve(measured: Measured, linear: np.ndarray, source: str, *, order: int = 2) -> ResponseCurve:
    """Smooth curve log R = linear + c₁T + c₂T² through measured ratios, weighted by their errors.

    Args:
        measured: ratios at the α for which ``linear`` is the T → 0 limit.
        linear: log ratio at T = 0, shape (group,).
        source: how it was found.
        order: highest power of T; at most the number of points.
    """
    unit = measured.temperature.max()
    grid = np.linspace(0.0, unit, GRID)
    powers = tuple(range(1, min(order, len(measured.temperature)) + 1))
    rest = measured.log_ratio - linear
    values, errors = smooth(measured.temperature / unit, rest, measured.error, grid / unit, powers)
    return ResponseCurve(grid, linear + values, errors, source)


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


def exact_curve(model: Model, groups: tuple[LevelGroup, ...], learning_rate: float, highest: float) -> ResponseCurve:
    """The curve with effect 1 alone, for temperatures so low that nothing else counts."""
    linear = linear_log_ratio(model, groups, learning_rate)
    grid = np.linspace(0.0, check_positive("highest", highest), GRID)
    return ResponseCurve(grid, np.tile(linear, (GRID, 1)), np.zeros((GRID, len(groups))), "linear theory")


def matrix_curve(teacher: np.ndarray, groups: tuple[LevelGroup, ...], width2: float, highest: float) -> ResponseCurve:
    """Effect 3 for additive noise: eigenvalues of diag(teacher) + GOE of width s, sampled directly on a grid of T."""
    grid = np.linspace(0.0, highest, GRID)
    matrices = _goe(len(teacher))
    ratios = np.zeros((len(grid), len(groups), 2))
    for point, temperature in enumerate(grid[1:], start=1):
        scale = np.sqrt(temperature * width2)
        levels = np.linalg.eigvalsh(np.diag(teacher) + scale * matrices)[:, None, :]
        ratios[point] = [_group_ratio(levels[..., list(g.modes)], scale**2) for g in groups]
    return ResponseCurve(grid, ratios[..., 0], ratios[..., 1], f"{len(matrices)} sampled matrices")


@lru_cache(maxsize=4)
def _goe(size: int, num: int = 40_000) -> np.ndarray:
    draws = np.random.default_rng(size).standard_normal((num, size, size))
    return (draws + np.swapaxes(draws, 1, 2)) / 2  # variance 1 on the diagonal, 1/2 off it: width s = 1


def mean_levels(model: GaussianRBM, temperature: float) -> np.ndarray:
    r"""Mean eigenvalues at first order in T, shape (mode,): <x_i> = x_i + m_i + Σ_j v_ij/(x_i − x_j) over other levels.

    .. math::
        v_{ij} = T\sigma_h^2\tfrac{x_i+x_j}{2}(1+\delta_{ij}), \qquad
        m_i = \frac{\kappa_i^2}{2x_i}\Big[-2x_i\sum_j\frac{v_{ij}}{\kappa_i^2\kappa_j}
              - 2\sum_j\frac{v_{ij}}{\kappa_i\kappa_j} + T\sum_j\frac{x_j(1+\delta_{ij})}{\kappa_i\kappa_j}\Big]

    for σ_h = 1, with x in units of σ_h² otherwise; degenerate levels share their mean. Derived here.
    """
    x, kappa = model.fixed_point, model.mu2 - model.fixed_point
    size = len(x)
    same = np.abs(x[:, None] - x[None, :]) < 1e-3 * x.max()
    delta = np.eye(size)
    noise = model.sigma_h2 * temperature
    v = noise * (x[:, None] + x[None, :]) / 2 * (1 + delta)
    with np.errstate(divide="ignore", invalid="ignore"):
        repulsion = np.where(same, 0.0, v / (x[:, None] - x[None, :])).sum(axis=1)
        bracket = (
            -2 * x * (v / (kappa[:, None] ** 2 * kappa)).sum(axis=1)
            - 2 * (v / (kappa[:, None] * kappa)).sum(axis=1)
            + noise * (x * (1 + delta) / (kappa[:, None] * kappa)).sum(axis=1)
        )
        drift = np.where(x > 0, kappa**2 / (2 * x) * bracket, 0.0)
    return x + drift + repulsion


def ensemble_sizes(learning_rate: float, leading: float) -> tuple[int, ...]:
    """Batch sizes that put T = α/B at about 1 and 1.8 times the leading estimate, which tends to be low."""
    wanted = {max(1, round(learning_rate / (factor * leading))) for factor in (1.0, 1.8)}
    return tuple(sorted(wanted))
