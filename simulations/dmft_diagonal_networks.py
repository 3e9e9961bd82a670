"""Diagonal linear networks: from lazy to rich, and from search to descent (arXiv:2510.01930).

Left: test loss against the time scale of the lazy network, 4a²t: small initial weights a end lower, because
they end at a sparser solution. Right: training loss against t/ln(1/a²) for small a: a plateau (search),
then the descent, at a time that grows like ln(1/a). Points are finite copies.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from coulombgas._types import Progress
from coulombgas.dmft import DiagonalNetwork, compare, simulate, solve
from coulombgas.plot import house_style, new_figure

from ._experiment import Outcome, main


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the networks."""

    samples_per_dimension: float = 0.6
    """α."""
    lazy_to_rich: tuple[float, ...] = (3.0, 1.0, 0.5)
    """Scales a on the left."""
    search: tuple[float, ...] = (0.1, 0.01, 0.001)
    """Scales a on the right."""
    lazy_time: float = 12.0
    """Largest 4a²t on the left (rich networks stop at t = 3)."""
    steps: int = 40
    """Time steps of every run."""
    paths: int = 2000
    """Monte Carlo paths."""
    dimension: int = 300
    """d of the finite copies."""
    replicas: int = 8
    """Number of finite copies."""
    seed: int = 0
    """Seed of the copies."""


FULL = Config(lazy_to_rich=(8.0, 3.0, 1.0, 0.5, 0.2), search=(0.1, 0.03, 0.01, 1e-3, 1e-4), steps=120, paths=20000,
              dimension=800, replicas=20)  # fmt: skip


def run(config: Config, *, progress: Progress | None = None, store: Path | None = None) -> Outcome:
    """Solve and simulate every scale; ``store`` is for trained spectra and not used."""
    del store
    durations = [min(config.lazy_time / (4 * a**2), 3.0) for a in config.lazy_to_rich]
    durations += [np.log(1 / a**2) for a in config.search]
    runs = []
    for a, duration in zip((*config.lazy_to_rich, *config.search), durations, strict=True):
        runs.append((a, _both(config, a, duration)))
        if progress is not None:
            progress(len(runs), len(durations))
    left, right = dict(runs[: len(config.lazy_to_rich)]), dict(runs[len(config.lazy_to_rich) :])
    descent = {f"{a:g}": _descent_time(*right[a]) for a in config.search}
    lengths = [np.log(1 / a) for a in config.search]
    slope = np.polyfit(lengths, [descent[f"{a:g}"] for a in config.search], 1)[0] if len(lengths) > 1 else float("nan")
    numbers = {
        "final_test_loss": {f"{a:g}": float(theory.test_excess[-1]) for a, (theory, _) in left.items()},
        "final_norm1": {f"{a:g}": float(theory.norm1[-1]) for a, (theory, _) in left.items()},
        "time_of_descent": descent,
        "time_of_descent_per_log_inverse_scale": float(slope),
        "residual": {f"{a:g}": theory.attrs["residual"] for a, (theory, _) in {**left, **right}.items()},
        "largest_z": {
            f"{a:g}": {name: compare(theory, copies).worst()[name] for name in ("test_excess", "train_loss", "norm1")}
            for a, (theory, copies) in {**left, **right}.items()
        },
    }
    return Outcome(numbers=numbers, figure=draw(left, right))


def _both(config: Config, scale: float, duration: float):
    system = DiagonalNetwork(samples_per_dimension=config.samples_per_dimension, scale=scale, steps=config.steps,
                             time_step=duration / config.steps, paths=config.paths, response_paths=config.paths // 4,
                             damping=0.7, max_sweeps=120)  # fmt: skip
    return solve(system), simulate(system, dimension=config.dimension, replicas=config.replicas, seed=config.seed)


def _descent_time(theory, _) -> float:
    """Time at which the training loss has fallen to half."""
    loss = theory.train_loss.values
    return float(np.interp(-loss[0] / 2, -loss, theory.time.values))


def draw(left: dict, right: dict) -> Figure:
    """Two panels, one colour for each scale."""
    with house_style():
        figure, axes = new_figure(2)
        for axis, runs, quantity, unit in zip(
            np.ravel(axes), (left, right), ("test_excess", "train_loss"),
            (lambda a: 4 * a**2, lambda a: 1 / np.log(1 / a**2)), strict=True,
        ):  # fmt: skip
            for a, (theory, copies) in runs.items():
                (line,) = axis.plot(theory.time[1:] * unit(a), theory[quantity][1:], label=f"a = {a:g}")
                mean, scatter = copies[quantity].mean("replica"), copies[quantity].std("replica", ddof=1)
                some = slice(1, None, 3)
                axis.errorbar(copies.time[some] * unit(a), mean[some], scatter[some] / copies.sizes["replica"] ** 0.5,
                              fmt="o", ms=2.5, lw=1, color=line.get_color())  # fmt: skip
            axis.legend()
        first, second = np.ravel(axes)
        first.set(xlabel="4a²t", ylabel="test loss", title="lazy to rich", xscale="log")
        second.set(xlabel="t / ln(1/a²)", ylabel="training loss", title="search to descent")
    return figure


if __name__ == "__main__":
    sys.exit(main(run, Config(), FULL, name="dmft_diagonal_networks"))
