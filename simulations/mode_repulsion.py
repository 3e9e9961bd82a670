"""The shift of the RBM's mean levels due to the noise of SGD, ALP24 (arXiv:2407.16427), Fig. 7, with a parameter-free
prediction.

<x_i> = x_i + m_i + Σ v_ij/(x_i − x_j), v_ij = T (x_i + x_j)/2: the repulsion between modes at half the strength of the
eigenvalue equation (9), because eigenvectors fluctuate too, and the shift m_i of the non-linear drift. The memory of
persistent chains of a few Gibbs steps is added by ``symbolic.rbm_chain_mean_eigenvalue``.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from coulombgas._types import Progress
from coulombgas.models import GaussianRBM
from coulombgas.plot import house_style, new_figure
from coulombgas.spectra import healthy, level_groups
from coulombgas.symbolic import rbm_chain_variance, rbm_variance

from ._experiment import Outcome, main, mean_of, num_failed
from ._rbm import PAPER_SETTINGS, RBMConfig, chain_means, predicted_means


@dataclass(frozen=True, kw_only=True)
class Config(RBMConfig):
    """Settings of the mode-repulsion experiment."""

    settings: tuple[tuple[float, int], ...] = ((0.02, 16), (0.05, 16), (0.1, 16))
    replicas: int = 400
    steps: int = 6000
    record: int = 6
    init: str = "fixed-point"


FULL = Config(settings=PAPER_SETTINGS, replicas=7500, steps=100_000, record=4, init="random")


def run(config: Config, *, progress: Progress | None = None, store: Path | None = None) -> Outcome:
    """Train, average, compare."""
    return analyse(config.train(progress, store, statistics=("gram",)), config.model())


def analyse(spectra: xr.Dataset, model: GaussianRBM) -> Outcome:
    """Mean levels and variances of matrix elements, from spectra recorded with their Gram matrices."""
    settings, fixed = [], spectra.fixed_point.values
    for index in range(spectra.sizes["setting"]):
        temperature = float(spectra.learning_rate[index] / spectra.batch_size[index])
        settings.append({
            "learning_rate": float(spectra.learning_rate[index]),
            "batch_size": int(spectra.batch_size[index]),
            "temperature": temperature,
            "elements": _elements(spectra, index, temperature, element_memory(fixed, model)),
            "levels": _levels(
                spectra, index, chain_means(fixed, model.mu2, temperature, model.gibbs_steps),
                predicted_means(fixed, model.mu2, temperature),
            ),
        })  # fmt: skip
    numbers = {"settings": settings, "num_failed": num_failed(spectra)}
    return Outcome(numbers=numbers, figure=draw(spectra, settings, model), stores={"spectra": spectra})


def _levels(spectra: xr.Dataset, index: int, predicted: np.ndarray, memoryless: np.ndarray) -> list[dict]:
    """<x>/x_s of every level group, highest first; the second half of the records.

    Predicted with the memory of the persistent chains; beside it without, which is the limit of many Gibbs steps.
    """
    levels = spectra.eigenvalue.values[index, healthy(spectra)[index]].astype(float)
    levels = levels[:, levels.shape[1] // 2 :]
    groups = [group for group in level_groups(spectra.fixed_point.values) if group.center > 0]
    return [
        {
            "fixed_point": group.center,
            "ratio": mean_of(
                levels[..., list(group.modes)] / group.center, predicted[list(group.modes)].mean() / group.center
            ),
            "without_memory": float(memoryless[list(group.modes)].mean() / group.center),
        }
        for group in groups[::-1]
    ]


def element_memory(fixed_point: np.ndarray, model: GaussianRBM) -> dict[str, float]:
    """What the memory of the chains multiplies the variances of X's elements by, averaged as :func:`_elements` is."""
    levels = [float(value) for value in fixed_point if value > 0]
    pairs = [(i, j) for i in range(len(levels)) for j in range(len(levels))]
    ratio = {
        (one, two): float(rbm_chain_variance(one, two, model.mu2, 1, model.gibbs_steps) / rbm_variance(one, two, 1))
        for one, two in {(levels[i], levels[j]) for i, j in pairs}
    }
    return {
        "off_diagonal": float(np.mean([ratio[levels[i], levels[j]] for i, j in pairs if i != j])),
        "diagonal": float(np.mean([ratio[level, level] for level in levels])),
    }


def _elements(spectra: xr.Dataset, index: int, temperature: float, memory: Mapping[str, float]) -> dict[str, dict]:
    """Variances of X's elements in the target's basis over v_ij = T (x_i + x_j)(1 + δ_ij)/2, averaged over i, j.

    Predicted with the memory of the persistent chains.
    """
    gram = spectra.gram.values[index, healthy(spectra)[index]].astype(float)
    gram = gram[:, gram.shape[1] // 2 :]  # (replica, record, i, j)
    level = spectra.fixed_point.values[::-1]  # the target of unit i increases with i
    kept = level > 0
    variance = temperature * (level[:, None] + level) / 2 * (1 + np.eye(len(level)))
    ratio = (gram - gram.mean((0, 1))) ** 2 / np.where(variance > 0, variance, 1)
    diagonal = np.eye(len(level), dtype=bool)
    learnt = kept[:, None] & kept
    return {
        "off_diagonal": mean_of(ratio[..., learnt & ~diagonal], memory["off_diagonal"]),
        "diagonal": mean_of(ratio[..., learnt & diagonal], memory["diagonal"]),
    }


def draw(spectra: xr.Dataset, settings: list[dict], model: GaussianRBM) -> Figure:
    """<x>/x_s against T, points and parameter-free lines."""
    temperature = np.array([setting["temperature"] for setting in settings])
    grid = np.array([0.0, 1.1 * temperature.max()])
    fixed = spectra.fixed_point.values
    lines = np.stack([chain_means(fixed, model.mu2, t, model.gibbs_steps) for t in grid])
    with house_style():
        figure, axes = new_figure(width=6.4, height=4.4)
        for place, level in enumerate(settings[0]["levels"]):
            center = level["fixed_point"]
            ratios = [setting["levels"][place]["ratio"] for setting in settings]
            modes = np.isclose(fixed, center)
            (line,) = axes[0, 0].plot(grid, lines[:, modes].mean(1) / center, lw=1)
            axes[0, 0].errorbar(
                temperature, [r["value"] for r in ratios], [r["error"] for r in ratios],
                fmt="o", ms=4, lw=1, color=line.get_color(), label=f"$x_s$ = {center:.3f}",
            )  # fmt: skip
        axes[0, 0].set(xlabel="temperature $T = α/B$", ylabel=r"$\langle x\rangle / x_s$", xlim=(0, None))
        axes[0, 0].set(title="mean levels; lines: prediction at order T, no parameter")
        axes[0, 0].legend(ncols=2)
    return figure


if __name__ == "__main__":
    sys.exit(main(run, Config(), FULL, name="mode_repulsion"))
