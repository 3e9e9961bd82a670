"""Spectra of the Gaussian RBM, ALP24 (arXiv:2407.16427), Figs. 2-5: learning, density of all levels, Wigner surmise,
density of a pair."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from coulombgas._precision import x64
from coulombgas._types import Progress
from coulombgas.laws import PairDensity, WignerSurmise
from coulombgas.plot import house_style, new_figure
from coulombgas.spectra import healthy

from ._experiment import Outcome, levels_of, main, mean_of, measured, num_failed
from ._rbm import RBMConfig, pairs_and_singles

BINDER_PAIR = 4 / 27
"""Binder cumulant 1 − <y⁴>/(3<y²>²) of the density (78) of a degenerate pair; it is 0 for a Gaussian."""


@dataclass(frozen=True, kw_only=True)
class Config(RBMConfig):
    """Settings of the spectra."""

    settings: tuple[tuple[float, int], ...] = ((0.05, 16),)
    replicas: int = 1000
    steps: int = 8000
    record: int = 40


FULL = Config(settings=((0.1, 16),), replicas=7500, steps=100_000, record=100)


def run(config: Config, *, progress: Progress | None = None, store: Path | None = None) -> Outcome:
    """Train, take the spacings and densities of the first setting."""
    return analyse(config.train(progress, store))


def analyse(spectra: xr.Dataset) -> Outcome:
    """Spacings and densities of the first setting."""
    pairs, _ = pairs_and_singles(spectra)
    figure = draw(spectra, levels_of(spectra, 0), pairs)
    return Outcome(numbers=statistics(spectra), figure=figure, stores={"spectra": spectra})


def statistics(spectra: xr.Dataset) -> dict:
    """Spacings of every pair and Binder cumulants of every level group at the first setting, last record."""
    levels = levels_of(spectra, 0)
    pairs, singles = pairs_and_singles(spectra)
    return {
        "temperature": float(spectra.learning_rate[0] / spectra.batch_size[0]),
        "num_failed": num_failed(spectra),
        "pairs": [_pair(levels[:, list(modes)], center) for center, modes in pairs],
        "singles": [{"fixed_point": center, "binder": binder(levels[:, mode], 0.0)} for center, mode in singles],
    }


def _pair(levels: np.ndarray, center: float) -> dict:
    """Mean spacing, <S²>/<S>² (4/π), distance to the surmise of the same mean, Binder cumulant."""
    spacing = levels[:, 1] - levels[:, 0]
    unit = spacing / spacing.mean()
    ratio = (unit**2).mean()
    error = np.std(unit**2 - 2 * ratio * (unit - 1), ddof=1) / np.sqrt(len(unit))
    test = stats.kstest(unit, lambda s: 1 - np.exp(-np.pi * s**2 / 4))
    return {
        "fixed_point": center,
        "spacing": mean_of(spacing),
        "second_moment": measured(ratio, error, 4 / np.pi),
        "kolmogorov_distance": float(test.statistic),
        "kolmogorov_p_value": float(test.pvalue),
        "binder": binder(levels, BINDER_PAIR),
    }


def binder(levels: np.ndarray, predicted: float) -> dict[str, float]:
    """1 − <y⁴>/(3<y²>²) about the mean, with the jackknife error over replicas."""
    y = (levels - levels.mean()).reshape(len(levels), -1)
    second, fourth = (y**2).mean(1), (y**4).mean(1)
    n = len(y)
    leave_out = 1 - (fourth.sum() - fourth) / (n - 1) / (3 * ((second.sum() - second) / (n - 1)) ** 2)
    error = np.sqrt((n - 1) * leave_out.var())
    return measured(1 - fourth.mean() / (3 * second.mean() ** 2), error, predicted)


def draw(spectra: xr.Dataset, levels: np.ndarray, pairs: list) -> Figure:
    """Four panels: levels during training, density at its end, unit spacings, density of the highest pair."""
    with house_style():
        figure, axes = new_figure(2, 2)
        _draw_learning(axes[0, 0], spectra)
        _draw_density(axes[0, 1], spectra, levels)
        _draw_spacings(axes[1, 0], levels, pairs)
        _draw_pair(axes[1, 1], levels[:, list(pairs[-1][1])])
    return figure


def _draw_learning(axes: Axes, spectra: xr.Dataset) -> None:
    first = int(np.flatnonzero(healthy(spectra)[0])[0])
    axes.plot(spectra.step, spectra.eigenvalue.values[0, first], lw=1)
    for level in np.unique(np.round(spectra.fixed_point.values, 6)):
        axes.axhline(level, color="k", lw=0.6, ls=":")
    axes.set(title="one RBM; dotted: fixed points", xlabel="updates", ylabel="eigenvalues $x$")


def _draw_density(axes: Axes, spectra: xr.Dataset, levels: np.ndarray) -> None:
    axes.hist(levels.ravel(), bins=150, density=True, histtype="stepfilled", alpha=0.6)
    for level in np.unique(np.round(spectra.fixed_point.values, 6)):
        axes.axvline(level, color="k", lw=0.6, ls=":")
    axes.set(title="after training", xlabel="eigenvalue $x$", ylabel="density")


def _draw_spacings(axes: Axes, levels: np.ndarray, pairs: list) -> None:
    spacings = [levels[:, modes[1]] - levels[:, modes[0]] for _, modes in pairs]
    unit = np.concatenate([spacing / spacing.mean() for spacing in spacings])
    grid = np.linspace(1e-3, 4, 300)
    axes.hist(unit, bins=50, range=(0, 4), density=True, alpha=0.6, label=f"{len(pairs)} pairs")
    with x64():
        surmise = np.exp(np.asarray(WignerSurmise(1 / np.sqrt(np.pi)).log_prob(grid)))
    axes.plot(grid, surmise, "k-", lw=1.2, label="Wigner surmise")
    axes.set(title="no free parameter", xlabel=r"$S/\langle S\rangle$", ylabel="density")
    axes.legend()


def _draw_pair(axes: Axes, pair: np.ndarray) -> None:
    center, width = pair.mean(), np.sqrt(pair.var() / 1.5)
    grid = np.linspace(pair.min(), pair.max(), 300)
    with x64():
        density = np.exp(np.asarray(PairDensity(center, width).log_prob(grid)))
    axes.hist(pair.ravel(), bins=50, density=True, alpha=0.6, label="highest pair")
    axes.plot(grid, density, "k-", lw=1.2, label="density (78), moments matched")
    axes.plot(grid, stats.norm.pdf(grid, center, pair.std()), "k:", lw=1, label="Gaussian")
    axes.set(title="two peaks that repel", xlabel="eigenvalue $x$", ylabel="density")
    axes.legend()


if __name__ == "__main__":
    sys.exit(main(run, Config(), FULL, name="rbm_spectra"))
