"""A deep linear network that learns features develops a spike in its weights (convention of arXiv:2601.01010).

Left: test loss, theory and finite copies. Right: largest singular value of W/√N against time: theory of the outlier
(line, from where it leaves the bulk edge) and finite copies (points). Weak feature learning leaves the bulk unchanged.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from coulombgas._types import Progress
from coulombgas.dmft import DeepLinear, compare, outliers, simulate, solve
from coulombgas.plot import house_style, new_figure

from ._experiment import Outcome, main, mean_of


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the networks."""

    samples_per_dimension: float = 2.0
    """α."""
    width_per_dimension: float = 2.0
    """ν."""
    feature_strengths: tuple[float, ...] = (0.5, 1.5, 3.0)
    """Values of γ."""
    noise_variance: float = 0.2
    """σ²."""
    time_step: float = 0.04
    """Learning rate."""
    steps: int = 40
    """Steps of gradient descent."""
    every: int = 4
    """Steps between two outliers."""
    dimension: int = 120
    """D of the finite copies."""
    replicas: int = 8
    """Number of finite copies."""
    seed: int = 0
    """Seed of the copies."""


FULL = Config(time_step=0.02, steps=120, every=8, dimension=600, replicas=12)


def run(config: Config, *, progress: Progress | None = None, store: Path | None = None) -> Outcome:
    """Solve, find outliers, simulate; ``store`` is for trained spectra and not used."""
    del store
    runs, numbers = {}, {}
    for done, gamma in enumerate(config.feature_strengths, 1):
        system = DeepLinear(samples_per_dimension=config.samples_per_dimension, feature_strength=gamma,
                            width_per_dimension=config.width_per_dimension, noise_variance=config.noise_variance,
                            time_step=config.time_step, steps=config.steps)  # fmt: skip
        theory = solve(system)
        copies = simulate(system, dimension=config.dimension, replicas=config.replicas, seed=config.seed)
        steps = range(config.every, config.steps + 1, config.every)
        tops = {step: [float(top) for top in outliers(system, theory, step)] for step in steps}
        runs[gamma] = (theory, copies, tops, system.bulk_edge())
        comparison = compare(theory, copies)
        numbers[f"{gamma:g}"] = {
            "outliers": tops,
            "simulated_top": {
                step: mean_of(copies.top_singular_value.values[:, step], top[0] if top else None)
                for step, top in tops.items()
            },
            "final_test_loss": float(theory.test_excess[-1]),
            "largest_z": comparison.worst(),
            "residual": theory.attrs["residual"],
        }
        if progress is not None:
            progress(done, len(config.feature_strengths))
    return Outcome(numbers={"bulk_edge": next(iter(runs.values()))[3], "gamma": numbers}, figure=draw(runs))


def draw(runs: dict) -> Figure:
    """Losses and outliers."""
    with house_style():
        figure, axes = new_figure(2)
        left, right = np.ravel(axes)
        for gamma, (theory, copies, tops, _) in runs.items():
            time = theory.time.values
            (line,) = left.plot(time, theory.test_excess / theory.test_excess[0], label=f"γ = {gamma:g}")
            every, colour = slice(None, None, 4), line.get_color()
            mean = copies.mean("replica")
            left.plot(time[every], (mean.test_excess / mean.test_excess[0])[every], "o", ms=2.5, color=colour)
            found = [(time[step], top[0]) for step, top in tops.items() if top]
            right.plot(*np.transpose(found) if found else ([], []), color=colour, label=f"γ = {gamma:g}")
            right.plot(time[every], mean.top_singular_value[every], "o", ms=2.5, color=colour)
        right.axhline(next(iter(runs.values()))[3], color="#829ab1", ls="--", lw=1, label="bulk edge")
        left.set(xlabel="time", ylabel="test loss / initial", title="loss")
        right.set(xlabel="time", ylabel="largest singular value of W/√N", title="spike in the weights")
        left.legend()
        right.legend()
    return figure


if __name__ == "__main__":
    sys.exit(main(run, Config(), FULL, name="dmft_deep_linear"))
