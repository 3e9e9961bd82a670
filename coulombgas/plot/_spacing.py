"""Level spacings and densities of a degenerate pair against the laws with their posterior band."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coulombgas._precision import x64

from ._style import BAND, DATA, MODEL, new_figure, styled

_GRID = 241
_BAND_DRAWS = 200


@styled
def plot_spacing(
    spacing: np.ndarray,
    width_draws: np.ndarray,
    *,
    title: str = "",
    figure_axes: tuple[Figure, list[Axes]] | None = None,
) -> Figure:
    """Histogram of spacings, unscaled (left) and scaled by the mean (right), with the Wigner surmise.

    P(S) = S/(2s²) exp(−S²/(4s²)) with the posterior of s as a 95% band, and P(S/<S>) = (π/2)(S/<S>) exp(−π(S/<S>)²/4),
    which has no free parameter (ALP24 (74), (76)).

    Args:
        spacing: spacings S of a degenerate pair, shape (n,).
        width_draws: posterior draws of the width s, shape (k,).
        title: what the data are.
        figure_axes: a figure and its two axes to draw into.
    """
    figure, axes = figure_axes or _pair_of_axes()
    s = np.asarray(width_draws, dtype=float)[:_BAND_DRAWS]
    grid = np.linspace(0.0, max(float(spacing.max()), 5.0 * float(s.mean())), _GRID)
    _law_over_histogram(axes[0], spacing, grid, _surmise(grid, s))
    axes[0].set(title=title, xlabel="level spacing $S$", ylabel="density")
    mean = np.sqrt(np.pi) * s.mean()
    unit = np.linspace(0.0, float(grid[-1] / mean), _GRID)
    _law_over_histogram(axes[1], spacing / mean, unit, _surmise(unit, np.array([1 / np.sqrt(np.pi)])))
    axes[1].set(title="scaled: no free parameter", xlabel=r"$S/\langle S\rangle$")
    return figure


@styled
def plot_density(
    levels: np.ndarray,
    center_draws: np.ndarray,
    width_draws: np.ndarray,
    *,
    title: str = "",
    figure_axes: tuple[Figure, list[Axes]] | None = None,
) -> Figure:
    """Histogram of the two levels of a pair with the density of a degenerate pair (ALP24 (78)) and its 95% band.

    Args:
        levels: eigenvalues, shape (replica, 2).
        center_draws: posterior draws of the centre κ, shape (k,).
        width_draws: posterior draws of the width s, shape (k,).
        title: what the data are.
        figure_axes: a figure and a list with one axes to draw into.
    """
    from coulombgas.laws import PairDensity

    figure, axes = figure_axes or _one_axes()
    center, width = np.asarray(center_draws)[:_BAND_DRAWS], np.asarray(width_draws)[:_BAND_DRAWS]
    grid = np.linspace(levels.min(), levels.max(), _GRID)
    with x64():
        curves = np.exp(np.asarray(PairDensity(center[:, None], width[:, None]).log_prob(grid[None, :])))
    _law_over_histogram(axes[0], levels.ravel(), grid, curves)
    axes[0].set(title=title, xlabel="eigenvalue $x$", ylabel=r"density $\rho(x)$")
    return figure


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


def _pair_of_axes() -> tuple[Figure, list[Axes]]:
    figure, axes = new_figure(2)
    return figure, list(axes[0])


def _one_axes() -> tuple[Figure, list[Axes]]:
    figure, axes = new_figure(1)
    return figure, [axes[0, 0]]
