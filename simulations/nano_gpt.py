"""Key matrices of a transformer through training (AHLP24, arXiv:2411.13512), under AdamW and under SGD.

X = KᵀK of the key matrices starts as Marchenko-Pastur; unfolded spacings follow the Wigner surmise throughout, while
the density develops structure beyond its bulk. Several settings (learning rate, batch size) are trained with AdamW,
which the paper uses, and with SGD, the only optimiser whose noise the Coulomb gas describes: Adam divides each entry of
the step by its own scale, so that the noise is no longer (α²/B) times a gradient covariance, and T = α/B is not its
temperature.

Pooled over the matrices of a run: the mean spacing ratio <r> (0.5307 for a GOE, 0.3863 for Poisson) and Brody's
exponent (1 for a GOE, 0 for Poisson); per matrix: bulk variance, spikes, tail: how many matrices have one beyond
noise, its exponent, and which of power law, log-normal and exponential describes it best.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from coulombgas._types import Progress
from coulombgas.laws import mp_density
from coulombgas.models import gpt_size, read_corpus
from coulombgas.networks import MODELS, NetworkAnalysis, analyse
from coulombgas.plot import house_style, new_figure
from coulombgas.spectra import RATIO_MEANS, LayerSpectrum
from coulombgas.training import LanguageRun, LanguageTraining, read_recording, train_language_model

from ._experiment import Outcome, main, measured


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the transformer experiment."""

    size: str = "tiny"
    """Named size: tiny or char."""
    text: str | None = None
    """Text file; Python's help topics when not given."""
    adamw: tuple[tuple[float, int], ...] = ((1e-3, 16), (3e-3, 16), (1e-3, 4))
    """(learning rate, batch size) trained with AdamW."""
    sgd: tuple[tuple[float, int], ...] = ((0.3, 16),)
    """(learning rate, batch size) trained with SGD."""
    steps: int = 300
    """Updates."""
    records: int = 6
    """Spectra along each run, besides the first."""
    replicas: int = 2
    """Seeds of each run."""
    select: str = "blocks.*.attn.key"
    """Names of the matrices."""
    compute_dtype: str = "float32"
    """float32, or bfloat16 on a GPU."""
    seed: int = 0
    """Seed of all random numbers."""


FULL = Config(
    size="char", steps=5000, records=20, replicas=4, adamw=((1e-3, 64), (3e-4, 64), (1e-3, 16), (3e-3, 64)),
    sgd=((0.1, 64), (0.3, 64), (0.3, 16)), compute_dtype="bfloat16",
)  # fmt: skip


def train_all(config: Config, directory: Path, progress: Progress | None) -> list[LanguageRun]:
    """Train all runs, one after another."""
    corpus = read_corpus(config.text)
    runs = [("adamw", *setting) for setting in config.adamw] + [("sgd", *setting) for setting in config.sgd]
    every = max(config.steps // config.records, 1)
    done = []
    for index, (optimizer, rate, batch) in enumerate(runs):
        training = LanguageTraining(
            size=gpt_size(config.size), steps=config.steps, learning_rate=rate, batch_size=batch, optimizer=optimizer,
            replicas=config.replicas, seed=config.seed, record_every=every, evaluate_every=every,
            warmup=min(100, config.steps // 5), select=(config.select,), compute_dtype=config.compute_dtype,
            weight_decay=0.1 if optimizer == "adamw" else 0.0,
        )  # fmt: skip
        out = directory / f"run{index}"
        done.append(train_language_model(training, corpus, out=out, resume=True, overwrite=True, progress=progress))
    return done


def trajectory(run: LanguageRun, replicas: int) -> dict[int, list[LayerSpectrum]]:
    """Spectra of all matrices and seeds by step."""
    found: dict[int, list[LayerSpectrum]] = {}
    for replica in range(replicas):
        for layer in read_recording(run.path / "spectra.zarr", replica=replica):
            found.setdefault(layer.step or 0, []).append(layer)
    return found


def run(config: Config, *, progress: Progress | None = None, store: Path | None = None) -> Outcome:
    """Train, analyse every record, draw; with ``store`` an interrupted run continues from there."""
    with tempfile.TemporaryDirectory() as directory:
        runs = train_all(config, store or Path(directory), progress)
        histories = [trajectory(one, config.replicas) for one in runs]
    analysed = [{step: analyse(layers, seed=config.seed) for step, layers in history.items()} for history in histories]
    rows = [_row(one, history) for one, history in zip(runs, analysed, strict=True)]
    numbers = {"unigram_entropy": runs[0].corpus.unigram_entropy, "goe_ratio": RATIO_MEANS[1], "runs": rows}
    return Outcome(numbers=numbers, figure=draw(rows, histories))


def _row(run: LanguageRun, history: dict[int, NetworkAnalysis]) -> dict[str, Any]:
    loss = run.losses.validation_loss.isel(step=-1).values
    return {
        "optimizer": run.config.optimizer,
        "learning_rate": run.config.learning_rate,
        "batch_size": run.config.batch_size,
        "validation_loss": [float(value) for value in loss],
        "steps": [{"step": step, **pooled(analysis)} for step, analysis in sorted(history.items())],
    }


def pooled(analysis: NetworkAnalysis) -> dict[str, Any]:
    """Statistics of all matrices of one record together."""
    ratios = [layer.ratio for layer in analysis if layer.ratio is not None]
    brody = [layer.repulsion.brody for layer in analysis if layer.repulsion is not None]
    spikes = [layer.spikes for layer in analysis if layer.spikes is not None]
    tails = [layer.tail for layer in analysis if layer.tail is not None and layer.tail.preferred != "none"]
    return {
        "ratio": _weighted([ratio.mean for ratio in ratios], [ratio.error for ratio in ratios]),
        "brody": _weighted([one.mean for one in brody], [one.sd for one in brody]),
        "matrices": len(analysis),
        "matrices_with_spikes": sum(one.num_spikes > 0 for one in spikes),
        "mean_spikes": float(np.mean([one.num_spikes for one in spikes])) if spikes else None,
        "tails": {name: sum(tail.preferred == name for tail in tails) for name in MODELS},
        "tail_exponent": float(np.median([tail.exponent.mean for tail in tails])) if tails else None,
        "mean_stable_rank": float(np.mean([layer.spectrum.stable_rank for layer in analysis])),
        "bulk_variance": float(np.mean([one.bulk.variance.mean for one in spikes])) if spikes else None,
    }


def _weighted(values: list[float], errors: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    weight = 1 / np.square(errors)
    return measured(float(np.average(values, weights=weight)), float(1 / np.sqrt(weight.sum())))


def draw(rows: list[dict[str, Any]], histories: list[dict[int, list[LayerSpectrum]]]) -> Figure:
    """Spectrum before and after the first run; spacing ratio, spikes and stable rank during all runs."""
    with house_style():
        figure, axes = new_figure(4, width=3.9)
        _draw_spectra(axes[0, 0], histories[0])
        for index, row in enumerate(rows):
            label = f"{row['optimizer']}, α = {row['learning_rate']:g}, B = {row['batch_size']}"
            style = {"color": f"C{index % 8}", "ls": "-" if row["optimizer"] == "adamw" else "--", "label": label}
            known = [record for record in row["steps"] if record["ratio"]]
            steps = [record["step"] for record in known]
            error = [record["ratio"]["error"] for record in known]
            axes[0, 1].errorbar(steps, [record["ratio"]["value"] for record in known], error, **style)
            every = [record["step"] for record in row["steps"]]
            axes[0, 2].plot(every, [record["mean_spikes"] for record in row["steps"]], **style)
            axes[0, 3].plot(every, [record["mean_stable_rank"] for record in row["steps"]], **style)
        for beta, name in ((1, "GOE"), (0, "Poisson")):
            axes[0, 1].axhline(RATIO_MEANS[beta], color="grey", lw=1, ls=":")
            axes[0, 1].annotate(name, (0, RATIO_MEANS[beta]), fontsize=8, va="bottom")
        titles = ("Spacing ratio <r>", "Spikes per matrix", "Stable rank")
        for ax, title in zip(axes[0, 1:], titles, strict=True):
            ax.set(title=title, xlabel="step")
        axes[0, 3].legend()
    return figure


def _draw_spectra(ax: Any, history: dict[int, list[LayerSpectrum]]) -> None:
    steps = sorted(history)
    top = max(float(layer.eigenvalues[-1]) for layer in history[steps[-1]]) ** 0.5
    for step, color in ((steps[0], "C0"), (steps[-1], "C1")):
        levels = np.sqrt(np.concatenate([layer.eigenvalues for layer in history[step]]))
        ax.hist(levels, bins=50, range=(0, top), density=True, alpha=0.55, color=color, label=f"step {step}")
    first = history[steps[0]][0]
    variance = float(np.mean([layer.eigenvalues.sum() / (layer.rows * layer.columns) for layer in history[steps[0]]]))
    grid = np.linspace(1e-3 * top, top, 300)
    ax.plot(
        grid, 2 * grid * mp_density(grid**2, variance, first.rows, first.columns), "k--", lw=1, label="Marchenko-Pastur"
    )
    ax.set(title="Key matrices", xlabel=r"singular value $\xi$")
    ax.legend()


if __name__ == "__main__":
    sys.exit(main(run, Config(), FULL, name="nano_gpt"))
