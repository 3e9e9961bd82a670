"""Level spacings and densities of degenerate pairs against the laws with their posterior band."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coulombgas._checks import InputError, check_count
from coulombgas._precision import x64
from coulombgas.inference import LevelFit, SettingFit, TemperatureFit

from ._style import BAND, DATA, MODEL, new_figure, styled

_GRID = 241
_BAND_DRAWS = 200
_COLUMNS = 4


@styled
def spacing(fit: TemperatureFit, *, setting: int = 0) -> Figure:
    """Spacings of every degenerate pair, unscaled (left) and scaled by the mean (right), with the Wigner surmise.

    P(S) = S/(2s²) exp(−S²/(4s²)) with the posterior of s as a 95% band, and P(S/<S>) = (π/2)(S/<S>) exp(−π(S/<S>)²/4),
    which has no free parameter (ALP24, arXiv:2407.16427, (74), (76)).

    Args:
        fit: a result of :func:`coulombgas.fit_temperature`.
        setting: which of its settings.

    Raises:
        InputError: where there is no such setting, or no pair in it.
    """
    chosen, pairs = _pairs(fit, setting, "spacing")
    figure, axes = new_figure(2, len(pairs), height=2.9)
    for row, pair in zip(axes, pairs, strict=True):
        _draw_spacing(list(row), pair.spacings.ravel(), pair.width_draws.ravel(), _title(chosen, pair))
    return figure


@styled
def density(fit: TemperatureFit, *, setting: int = 0) -> Figure:
    """Both levels of every degenerate pair, with the density of a pair (ALP24 (78)) and its 95% band.

    Args:
        fit: a result of :func:`coulombgas.fit_temperature`.
        setting: which of its settings.

    Raises:
        InputError: where there is no such setting, or no pair in it.
    """
    chosen, pairs = _pairs(fit, setting, "density")
    columns = min(len(pairs), _COLUMNS)
    figure, axes = new_figure(columns, -(-len(pairs) // columns), width=3.6, height=2.9)
    for axis, pair in zip(axes.ravel(), pairs, strict=False):
        _draw_density(axis, pair)
        axis.set_title(_title(chosen, pair))
    for empty in axes.ravel()[len(pairs) :]:
        empty.set_visible(False)
    return figure


def pairs_of(setting: SettingFit) -> list[LevelFit]:
    """Level groups of two modes, which :func:`spacing` and :func:`density` draw."""
    return [level for level in setting.levels if level.size == 2]


def _pairs(fit: TemperatureFit, setting: int, name: str) -> tuple[SettingFit, list[LevelFit]]:
    check_count("setting", setting, 0)
    if setting >= len(fit.settings):
        raise InputError(f"`setting` must be below {len(fit.settings)}, the number of settings, got {setting}.")
    pairs = pairs_of(fit.settings[setting])
    if not pairs:
        raise InputError(f"`setting` {setting} has no degenerate pair: figure {name!r} shows pairs only.")
    return fit.settings[setting], pairs


def _title(setting: SettingFit, pair: LevelFit) -> str:
    return f"x = {pair.center:.3g},  {setting.label}"


def _draw_spacing(axes: Sequence[Axes], spacings: np.ndarray, width_draws: np.ndarray, title: str) -> None:
    s = np.asarray(width_draws, dtype=float)[:_BAND_DRAWS]
    grid = np.linspace(0.0, max(float(spacings.max()), 5.0 * float(s.mean())), _GRID)
    _law_over_histogram(axes[0], spacings, grid, _surmise(grid, s))
    axes[0].set(title=title, xlabel="level spacing $S$", ylabel="density")
    mean = np.sqrt(np.pi) * s.mean()
    unit = np.linspace(0.0, float(grid[-1] / mean), _GRID)
    _law_over_histogram(axes[1], spacings / mean, unit, _surmise(unit, np.array([1 / np.sqrt(np.pi)])))
    axes[1].set(title="scaled: no free parameter", xlabel=r"$S/\langle S\rangle$")


def _draw_density(axes: Axes, pair: LevelFit) -> None:
    from coulombgas.laws import PairDensity

    center, width = pair.center_draws.ravel()[:_BAND_DRAWS], pair.width_draws.ravel()[:_BAND_DRAWS]
    grid = np.linspace(pair.levels.min(), pair.levels.max(), _GRID)
    with x64():
        curves = np.exp(np.asarray(PairDensity(center[:, None], width[:, None]).log_prob(grid[None, :])))
    _law_over_histogram(axes, pair.levels.ravel(), grid, curves)
    axes.set(xlabel="eigenvalue $x$", ylabel=r"density $\rho(x)$")


def _surmise(grid: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Curves of the library's surmise, shape (draw, grid)."""
    from coulombgas.laws import WignerSurmise

    with x64():
        return np.exp(np.asarray(WignerSurmise(width[:, None]).log_prob(grid[None, :])))


def _law_over_histogram(axes: Axes, values: np.ndarray, grid: np.ndarray, curves: np.ndarray) -> None:
    bins = int(np.clip(np.sqrt(values.size), 10, 60))
    axes.hist(values, bins=bins, range=(grid[0], grid[-1]), density=True, color=DATA, edgecolor="white", linewidth=0.4)
    if len(curves) > 1:
        low, high = np.quantile(curves, [0.025, 0.975], axis=0)
        axes.fill_between(grid, low, high, color=BAND, alpha=0.8, label="95% band")
    axes.plot(grid, curves.mean(axis=0), color=MODEL, label="law")
    axes.set_ylim(bottom=0)
    axes.legend()
