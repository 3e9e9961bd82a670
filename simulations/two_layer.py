"""Two-layer linear network, PFLA24 (arXiv:2412.20496): every mode has its own width, as in a Coulomb gas of several
species, and its repulsion.

Width_i² = T s_i ν². Inside a degenerate group the gas is the generalised semicircle; between different levels the
matrix gives the Rice law, and the product form of the eigenvalue equation repels too strongly.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from coulombgas._precision import x64
from coulombgas._types import Progress
from coulombgas.ensembles import source_eigenvalues
from coulombgas.laws import TwoSpeciesDensity, TwoSpeciesSpacing, matrix_pair_spacing
from coulombgas.models import TwoLayerLinear
from coulombgas.plot import house_style, new_figure
from coulombgas.theory import find_theory
from coulombgas.training import train

from ._experiment import Outcome, levels_of, main, mean_of, measured, num_failed, std_of


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the two-layer experiment."""

    species: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    """Teacher levels far apart, whose widths are measured."""
    pairs: tuple[tuple[float, float], ...] = ((2.0, 2.0), (2.0, 2.1), (2.0, 2.2))
    """Pairs of teacher levels, whose spacings are measured."""
    learning_rate: float = 0.02
    """α."""
    batch_size: int = 8
    """B."""
    label_noise: float = 0.4
    """ν, standard deviation of the noise of each output."""
    replicas: int = 4000
    """Networks."""
    steps: int = 600
    """Updates."""
    init: str = "fixed-point"
    """random or fixed-point."""
    seed: int = 0
    """Seed of all random numbers."""

    def train(
        self, teacher: tuple[float, ...], progress: Progress | None = None, store: Path | None = None
    ) -> xr.Dataset:
        """Spectra of networks that learn one teacher."""
        options: dict[str, Any] = {"init": self.init, "progress": progress}
        options |= {} if store is None else {"out": store, "resume": True}
        return train(
            TwoLayerLinear(teacher=teacher, label_noise=self.label_noise), learning_rate=self.learning_rate,
            batch_size=self.batch_size, replicas=self.replicas, steps=self.steps, seed=self.seed, **options,
        )  # fmt: skip

    def widths(self, teacher: tuple[float, ...]) -> np.ndarray:
        """Width of every mode at this setting, including the effect of the finite learning rate."""
        model = TwoLayerLinear(teacher=teacher, label_noise=self.label_noise)
        return np.sqrt(find_theory(model, learning_rate=self.learning_rate, batch_size=self.batch_size).mode_width2)


FULL = Config(replicas=100_000, steps=5000)


def run(config: Config, *, progress: Progress | None = None, store: Path | None = None) -> Outcome:
    """Train one teacher of distant levels and one for every pair."""
    stores = {"species": config.train(config.species, progress, store)}
    widths = _species(stores["species"], config)
    pairs = []
    for index, teacher in enumerate(config.pairs):
        stores[f"pair_{index}"] = config.train(teacher)
        pairs.append(_pair(levels_of(stores[f"pair_{index}"], 0), teacher, config))
    numbers = {"species": widths, "pairs": pairs, "num_failed": sum(num_failed(store) for store in stores.values())}
    return Outcome(numbers=numbers, figure=draw(stores, widths, config), stores=stores)


def _species(spectra: xr.Dataset, config: Config) -> list[dict[str, Any]]:
    levels, widths = levels_of(spectra, 0), config.widths(config.species)
    leading = config.learning_rate / config.batch_size * config.label_noise**2
    found = []
    for mode, (level, width) in enumerate(zip(config.species, widths, strict=True)):
        std = std_of(levels[:, mode])
        unit = leading * level
        factor = measured(std["value"] ** 2 / unit, 2 * std["value"] * std["error"] / unit, width**2 / unit)
        found.append({"level": level, "width": {**std, "predicted": float(width)}, "width2_over_leading": factor})
    return found


def _pair(levels: np.ndarray, teacher: tuple[float, float], config: Config) -> dict[str, Any]:
    """<S>/S_0 compared with the Rice and the product law, with Kolmogorov-Smirnov p-values."""
    spacing, widths = levels[:, 1] - levels[:, 0], config.widths(teacher)
    total, gap = float(np.hypot(*widths)), teacher[1] - teacher[0]
    with x64():
        rice, product = matrix_pair_spacing(*teacher, *widths), TwoSpeciesSpacing(gap, *widths)
        p_values = [
            float(stats.kstest(spacing, lambda s, law=law: np.asarray(law.cdf(s))).pvalue) for law in (rice, product)
        ]
        means = float(rice.mean), float(product.mean)
    return {
        "teacher": teacher,
        "gap_over_width": gap / total,
        "mean_over_width": mean_of(spacing / total, means[0] / total),
        "product_mean_over_width": means[1] / total,
        "rice_p_value": p_values[0],
        "product_p_value": p_values[1],
    }


def draw(stores: dict[str, xr.Dataset], widths: list[dict], config: Config) -> Figure:
    """Widths against the level; density of each pair with the laws."""
    with house_style():
        figure, axes = new_figure(1 + len(config.pairs), width=3.6)
        level = np.array([w["level"] for w in widths])
        axes[0, 0].errorbar(
            level, [w["width"]["value"] for w in widths], [w["width"]["error"] for w in widths], fmt="o", ms=4, lw=1
        )
        grid = np.linspace(0, 1.05 * level.max(), 100)
        unit = config.label_noise * np.sqrt(config.learning_rate / config.batch_size)
        axes[0, 0].plot(grid, unit * np.sqrt(grid), "k-", lw=1, label=r"$\sqrt{T s}\,\nu$, no free parameter")
        axes[0, 0].plot(level, [w["width"]["predicted"] for w in widths], "k_", ms=9, label="at this α, B")
        axes[0, 0].set(title="one species per mode", xlabel="teacher level $s$", ylabel="width of the mode")
        axes[0, 0].legend()
        for index, teacher in enumerate(config.pairs):
            _draw_pair(axes[0, 1 + index], levels_of(stores[f"pair_{index}"], 0), teacher, config)
        axes[0, 1].set_ylim(0, 1.5 * axes[0, 1].get_ylim()[1])  # leaves room for the legend of all three
        axes[0, 1].legend(loc="upper left")
    return figure


def _draw_pair(axes: Axes, levels: np.ndarray, teacher: tuple[float, float], config: Config) -> None:
    widths = config.widths(teacher)
    grid = np.linspace(levels.min(), levels.max(), 300)
    square = (widths[:, None] ** 2 + widths**2) / 2
    with x64():
        matrix = source_eigenvalues(
            np.array(teacher), key=jax.random.key(config.seed), width=np.sqrt(square), shape=(200_000,)
        )
        density = np.exp(np.asarray(TwoSpeciesDensity(*teacher, *widths).log_prob(grid)))
    axes.hist(levels.ravel(), bins=60, density=True, alpha=0.6, label="networks")
    height, edges = np.histogram(np.asarray(matrix).ravel(), bins=grid[::3], density=True)
    axes.stairs(height, edges, color="k", lw=1, label="matrix with source")
    axes.plot(grid, density, "C1--", lw=1.2, label="generalised semicircle")
    axes.set(title=f"levels {teacher[0]:g}, {teacher[1]:g}", xlabel="singular value")


if __name__ == "__main__":
    sys.exit(main(run, Config(), FULL, name="two_layer"))
