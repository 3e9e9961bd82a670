"""Teacher and student: linear scaling of the spacing (ALP24, arXiv:2407.16427, Fig. 9) and the law of unequal teacher
levels.

Equal levels: <S> = √π s, s² = T ε² 2/(2 − α) up to terms of order α/B, which the model's width includes. Unequal ones:
the matrix gives the Rice law; the eigenvalue equation of the paper, (60), repels too strongly. With quenched inputs
(--full, as in the paper) the points of a setting share one input set and scatter about the line by a relative √T/2.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy import stats

from coulombgas._precision import x64
from coulombgas._types import Progress
from coulombgas.inference import fit_temperature
from coulombgas.laws import RiceSpacing, TwoSpeciesSpacing
from coulombgas.models import TeacherStudent
from coulombgas.plot import house_style, new_figure
from coulombgas.theory import find_theory
from coulombgas.training import train

from ._experiment import Outcome, levels_of, main, mean_of, num_failed

SETTINGS = (
    *((0.1, batch) for batch in (4, 8, 16, 32, 64)),
    *((alpha, 16) for alpha in (0.02, 0.05, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)),
)
"""14 settings: the five batch sizes of the released files and, at B = 16, nine more learning rates."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the teacher-student experiment."""

    settings: tuple[tuple[float, int], ...] = SETTINGS
    """Pairs of learning rate and batch size for the equal levels."""
    gaps: tuple[float, ...] = (0.01, 0.03, 0.08)
    """Distances of unequal teacher levels."""
    gap_setting: tuple[float, int] = (0.1, 16)
    """Setting of the unequal levels."""
    level: float = 2.0
    """Lower teacher eigenvalue."""
    noise: float = 0.1
    """ε, standard deviation of the off-diagonal noise."""
    inputs: str = "fresh"
    """Inputs of the equal levels: quenched (as in the paper: a setting shares one set of mini-batches) or fresh.

    Unequal levels always have fresh inputs, for which there is no scatter between input sets.
    """
    replicas: int = 2000
    """Students at each setting."""
    steps: int = 600
    """Updates."""
    init: str = "fixed-point"
    """random (the paper's) or fixed-point."""
    fit_draws: int = 400
    """Warm-up steps and draws of each of the two chains of the temperature fit; 0 for no fit."""
    seed: int = 0
    """Seed of all random numbers."""

    def model(self, teacher: tuple[float, ...], inputs: str) -> TeacherStudent:
        """Students of one teacher."""
        return TeacherStudent(teacher=teacher, noise=self.noise, inputs=inputs)

    def train(
        self,
        teacher: tuple[float, ...],
        settings: Any,
        inputs: str,
        progress: Progress | None = None,
        store: Path | None = None,
    ) -> xr.Dataset:
        """Spectra of students of one teacher."""
        rates, batches = zip(*settings, strict=True)
        options: dict[str, Any] = {"init": self.init, "combine": "zip", "progress": progress}
        options |= {} if store is None else {"out": store, "resume": True}
        return train(
            self.model(teacher, inputs), learning_rate=rates, batch_size=batches, replicas=self.replicas,
            steps=self.steps, seed=self.seed, **options,
        )  # fmt: skip


FULL = Config(replicas=3000, steps=5000, inputs="quenched", init="random")


def run(config: Config, *, progress: Progress | None = None, store: Path | None = None) -> Outcome:
    """Train equal and unequal levels, compare with the laws, fit the scaling rule."""
    spectra = config.train((config.level, config.level), config.settings, config.inputs, progress, store)
    settings = [_setting(spectra, index, config) for index in range(len(config.settings))]
    draws = config.fit_draws
    fit = fit_temperature(spectra, num_chains=2, num_warmup=draws, num_draws=draws) if draws else None
    gaps, stores = [], {"spectra": spectra}
    for index, gap in enumerate(config.gaps):
        unequal = config.train((config.level, config.level + gap), (config.gap_setting,), "fresh")
        gaps.append(_gap(unequal, gap, config))
        stores[f"gap_{index}"] = unequal
    numbers = {
        "settings": settings,
        "gaps": [{key: value for key, value in gap.items() if key != "spacing"} for gap in gaps],
        "num_failed": sum(num_failed(store) for store in stores.values()),
        "scaling": None if fit is None or fit.scaling is None else fit.scaling.record(),
    }
    return Outcome(numbers=numbers, figure=draw(settings, gaps, config), stores=stores)


def width_of(config: Config, learning_rate: float, batch_size: int) -> float:
    """s of a pair: exact for fresh inputs, the mean over input sets for quenched ones (theory.input_scatter)."""
    model = config.model((config.level, config.level), config.inputs)
    return float(np.sqrt(find_theory(model, learning_rate=learning_rate, batch_size=batch_size).width2[0]))


def _setting(spectra: xr.Dataset, index: int, config: Config) -> dict[str, Any]:
    """<S> and s²/(T ε²) of equal levels: the mean of S² is 4 s². Distances include the scatter between input sets."""
    learning_rate, batch_size = config.settings[index]
    temperature = learning_rate / batch_size
    spacing = np.diff(levels_of(spectra, index), axis=-1)[:, 0]
    width = width_of(config, learning_rate, batch_size)
    unit = temperature * config.noise**2
    model = config.model((config.level, config.level), config.inputs)
    scatter = find_theory(model, learning_rate=learning_rate, batch_size=batch_size).input_scatter
    return {
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "temperature": temperature,
        "scatter_of_width2": scatter,
        "spacing": _between_sets(mean_of(spacing, np.sqrt(np.pi) * width), scatter / 2),
        "finite_rate_factor": _between_sets(mean_of(spacing**2 / (4 * unit), width**2 / unit), scatter),
    }


def _between_sets(number: dict[str, float], scatter: float) -> dict[str, float]:
    """The distance from the prediction in units of the combined error of the replicas and of the input set."""
    error = np.hypot(number["error"], scatter * number["predicted"])
    return {**number, "sigmas": float((number["value"] - number["predicted"]) / error)}


def _gap(spectra: xr.Dataset, gap: float, config: Config) -> dict[str, Any]:
    """Spacing of unequal levels against Rice and against the product law of (60)."""
    spacing = np.diff(levels_of(spectra, 0), axis=-1)[:, 0]
    width = width_of(config, *config.gap_setting)
    with x64():
        rice, product = RiceSpacing(gap, width), TwoSpeciesSpacing(gap, width, width)
        tests = {name: stats.kstest(spacing, lambda s, law=law: np.asarray(law.cdf(s))) for name, law in
                 (("rice", rice), ("product", product))}  # fmt: skip
        return {
            "gap": gap,
            "gap_over_width": gap / width,
            "mean": mean_of(spacing, float(rice.mean)),
            "mean_of_product_law": float(product.mean),
            "rice_p_value": float(tests["rice"].pvalue),
            "product_p_value": float(tests["product"].pvalue),
            "spacing": spacing,
        }


def draw(settings: list[dict], gaps: list[dict], config: Config) -> Figure:
    """<S> against √T; histograms of the spacing of unequal levels with both laws."""
    with house_style():
        figure, axes = new_figure(1 + len(gaps), width=3.6)
        root = np.sqrt([s["temperature"] for s in settings])
        value, error = (np.array([s["spacing"][name] for s in settings]) for name in ("value", "error"))
        expected = np.array([s["spacing"]["predicted"] for s in settings])
        order = np.argsort(root)
        axes[0, 0].errorbar(root, value, error, fmt="o", ms=4, lw=1, label="students")
        axes[0, 0].plot(root, expected, "k_", ms=9, label=r"$\sqrt{\pi}\,s$ at this α, B")
        axes[0, 0].plot(root[order], np.sqrt(np.pi) * config.noise * root[order], "k:", lw=1, label="small α")
        axes[0, 0].set(title="equal levels", xlabel=r"$\sqrt{T}$", ylabel=r"$\langle S\rangle$")
        axes[0, 0].legend()
        for axis, gap in zip(axes[0, 1:], gaps, strict=True):
            grid = np.linspace(1e-6, gap["spacing"].max(), 300)
            width = width_of(config, *config.gap_setting)
            axis.hist(gap["spacing"], bins=40, density=True, alpha=0.6)
            with x64():
                laws = (RiceSpacing(gap["gap"], width), TwoSpeciesSpacing(gap["gap"], width, width))
                for law, style, label in zip(laws, ("k-", "C1--"), ("Rice", "product, (60)"), strict=True):
                    axis.plot(grid, np.exp(np.asarray(law.log_prob(grid))), style, lw=1.2, label=label)
            axis.set(title=f"gap {gap['gap_over_width']:.2g} s", xlabel="$S$")
            axis.legend()
    return figure


if __name__ == "__main__":
    sys.exit(main(run, Config(), FULL, name="teacher_student_scaling"))
