"""Before training the spectra of a transformer are random: Marchenko-Pastur bulks, Wigner spacings (AHLP24).

Many seeds of the character-level baseline are initialised but not trained, and every matrix is analysed as a trained
one would be (the starting point of arXiv:2411.13512): does the posterior of variance and aspect contain the truth at
its nominal rate, do false spikes appear no more often than stated, are spacings those of random matrices? The control
is the same analysis of the same matrices after a signal twice as strong as the BBP threshold was added to each.
"""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

from coulombgas._checks import InputError, check_count, check_in_interval
from coulombgas._types import Progress
from coulombgas.models import GPT, gpt_size, init_gpt, read_corpus
from coulombgas.networks import LayerAnalysis, analyse_layer, fit_repulsion
from coulombgas.plot import house_style, new_figure
from coulombgas.spectra import RATIO_MEANS, layer_spectrum
from coulombgas.training import named_arrays

from ._experiment import Outcome, main, measured

NOMINAL = 0.95


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the initialisation experiment."""

    size: str = "char"
    """Named size: tiny or char."""
    seeds: int = 26
    """Transformers; a char one has 39 matrices."""
    level: float = 0.01
    """False-alarm rate of a spike in a matrix of noise."""
    seed: int = 0
    """Seed of all random numbers."""

    def __post_init__(self) -> None:
        gpt_size(self.size)
        check_count("seeds", self.seeds)
        check_in_interval("level", self.level, 1e-6, 0.5)


FULL = Config(seeds=260)


@dataclass(frozen=True)
class _Matrix:
    """One matrix, its analysis and its true parameters."""

    kind: str
    std: float
    layer: LayerAnalysis
    control: LayerAnalysis


def run(config: Config, *, progress: Progress | None = None, store: Path | None = None) -> Outcome:
    """Initialise, analyse, count, draw; too short to be resumed (``store`` is not used)."""
    found: list[_Matrix] = []
    vocabulary = len(read_corpus().alphabet)
    start = jax.jit(partial(init_gpt, gpt_size(config.size), vocabulary))
    for index in range(config.seeds):
        found += _matrices(start(key=jax.random.fold_in(jax.random.key(config.seed), index)), index, config)
        if progress is not None:
            progress(index + 1, config.seeds)
    kinds = dict.fromkeys(matrix.kind for matrix in found)
    rows = [_row(kind, [matrix for matrix in found if matrix.kind == kind]) for kind in kinds]
    spacings = np.concatenate([matrix.layer.unfolding.spacings for matrix in found if matrix.layer.unfolding])
    numbers = {"level": config.level, "all": _row("all", found), "by_kind": rows, "brody": _brody(spacings)}
    return Outcome(numbers=numbers, figure=draw(found, rows, spacings, config.level))


def _matrices(model: GPT, index: int, config: Config) -> list[_Matrix]:
    residual = 0.02 / float(np.sqrt(2 * len(model.blocks)))
    rng, found = np.random.default_rng([config.seed, index]), []
    for name, value in named_arrays(model):
        if value.ndim != 2:
            continue
        matrix = np.asarray(value)
        word = name.split(".")[-1]
        std = residual if word in ("output", "down") else 0.02
        layer, control = (
            analyse_layer(layer_spectrum(name, weights, vectors=False), level=config.level, seed=index)
            for weights in (matrix, matrix + _signal(rng, matrix.shape, std))
        )
        if layer.spikes is None or layer.ratio is None:
            raise InputError(f"`size` {config.size!r}: {name} has too few levels to analyse.")
        found.append(_Matrix(f"{word} {min(matrix.shape)}×{max(matrix.shape)}", std, layer, control))
    return found


def _signal(rng: np.random.Generator, shape: tuple[int, ...], std: float) -> np.ndarray:
    """A matrix of rank one, its singular value twice the BBP threshold σ (M N)^{1/4}."""
    left, right = (side / np.linalg.norm(side) for side in (rng.normal(size=shape[0]), rng.normal(size=shape[1])))
    return (2 * std * (shape[0] * shape[1]) ** 0.25 * np.outer(left, right)).astype(np.float32)


def _row(kind: str, matrices: list[_Matrix]) -> dict[str, Any]:
    fits = [matrix.layer.spikes for matrix in matrices if matrix.layer.spikes is not None]
    sides = [(matrix.layer.spectrum.columns, matrix.layer.spectrum.rows) for matrix in matrices]
    mean, error, num = np.array([matrix.layer.ratio for matrix in matrices if matrix.layer.ratio is not None]).T
    controls = [matrix.control.spikes for matrix in matrices if matrix.control.spikes is not None]
    return {
        "kind": kind,
        "matrices": len(matrices),
        "variance_covered": _share([f.bulk.variance.contains(m.std**2) for f, m in zip(fits, matrices, strict=True)]),
        "aspect_covered": _share([f.bulk.aspect.contains(n / m) for f, (n, m) in zip(fits, sides, strict=True)]),
        "false_spikes": _share([fit.num_spikes > 0 for fit in fits]),
        "marchenko_pastur": _share([fit.bulk.fits for fit in fits]),
        "ratio": measured(num @ mean / num.sum(), np.linalg.norm(num * error) / num.sum(), RATIO_MEANS[1]),
        "control_found": _share([fit.num_spikes == 1 for fit in controls]),
    }  # fmt: skip


def _share(events: list[bool]) -> dict[str, float]:
    """A fraction, with its standard error from one extra pseudo-count on each side, so that it does not vanish at 0 or
    1."""
    num = len(events)
    smoothed = (sum(events) + 1) / (num + 2)
    return measured(sum(events) / num, float(np.sqrt(smoothed * (1 - smoothed) / num)))


def _brody(spacings: np.ndarray) -> dict[str, float]:
    """Brody's exponent of all spacings together; 0.96 for large GOE matrices, 0 for independent levels."""
    brody = fit_repulsion(spacings).brody
    return measured(brody.mean, brody.sd)


def draw(found: list[_Matrix], rows: list[dict[str, Any]], spacings: np.ndarray, level: float) -> Figure:
    """Errors of the variance in posterior standard deviations, coverage and false spikes by kind, spacings."""
    fits = [matrix.layer.spikes for matrix in found if matrix.layer.spikes is not None]
    bulks = [fit.bulk for fit in fits]
    score = np.array([(bulk.variance.mean - m.std**2) / bulk.variance.sd for bulk, m in zip(bulks, found, strict=True)])
    grid, s = np.linspace(-4, 4, 200), np.linspace(0, 3.5, 200)
    place = np.arange(len(rows))
    with house_style():
        figure, axes = new_figure(4, width=3.9)
        first, second, third, fourth = axes[0]
        first.hist(score, bins=40, range=(-4, 4), density=True, alpha=0.6)
        first.plot(grid, np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi), color="C1", label="standard normal")
        first.set(title="Error of the variance", xlabel="posterior standard deviations")
        for offset, (name, label) in enumerate((("variance_covered", "variance"), ("aspect_covered", "aspect"))):
            _bars(second, [row[name] for row in rows], place + 0.2 * offset, label)
        second.axvline(NOMINAL, color="grey", lw=1, ls=":")
        second.set(title="Intervals that hold the truth", xlim=(0.7, 1.02))
        second.set_yticks(place, [row["kind"] for row in rows], fontsize=7)
        _bars(third, [row["false_spikes"] for row in rows], place, "false spikes")
        third.axvline(level, color="grey", lw=1, ls=":", label="level")
        third.set(title="Matrices with a false spike")
        third.set_yticks(place, [])
        fourth.hist(spacings, bins=70, range=(0, 3.5), density=True, alpha=0.6, label=f"{spacings.size} spacings")
        fourth.plot(s, np.pi / 2 * s * np.exp(-np.pi * s**2 / 4), color="C1", label="Wigner surmise")
        fourth.plot(s, np.exp(-s), color="grey", lw=1, ls="--", label="independent levels")
        fourth.set(title="Spacings", xlabel="unfolded spacing")
        for ax in axes[0]:
            ax.legend()
    return figure


def _bars(ax: Any, shares: list[dict[str, float]], place: np.ndarray, label: str) -> None:
    values = [share["value"] for share in shares]
    ax.errorbar(values, place, xerr=[1.96 * share["error"] for share in shares], fmt="o", ms=4, label=label)


if __name__ == "__main__":
    sys.exit(main(run, Config(), FULL, name="initialisation"))
