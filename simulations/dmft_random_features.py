"""Random features: the test loss falls and rises again without label noise; that of a Hermitian model never does.

The spectra of both models are the same, but the eigenvectors of the dynamics (AᵀA/N)(ΨᵀΨ/P) are not orthogonal. Points
are finite copies (convention of arXiv:2601.01010). Right: where the loss comes from.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from coulombgas._types import Progress
from coulombgas.dmft import RandomFeatures, compare, decompose, simulate, solve
from coulombgas.plot import house_style, new_figure

from ._experiment import Outcome, main


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the two models and of the finite copies."""

    samples_per_dimension: float = 0.5
    """α."""
    features_per_dimension: float = 2.0
    """ν."""
    num_times: int = 14
    """Times, logarithmic from 0.1 to 100."""
    dimension: int = 160
    """M of the finite copies."""
    replicas: int = 30
    """Number of finite copies."""
    seed: int = 0
    """Seed of the copies."""


FULL = Config(num_times=30, dimension=600, replicas=200)


def run(config: Config, *, progress: Progress | None = None, store: Path | None = None) -> Outcome:
    """Solve, simulate, compare, decompose; ``store`` is for trained spectra and not used."""
    del store
    times = tuple(np.geomspace(0.1, 100, config.num_times).tolist())
    system = RandomFeatures(samples_per_dimension=config.samples_per_dimension, time_points=times,
                            features_per_dimension=config.features_per_dimension)  # fmt: skip
    theory = solve(system)
    copies = simulate(system, dimension=config.dimension, replicas=config.replicas, seed=config.seed, progress=progress)
    comparison = compare(theory, copies)
    loss = theory.test_excess.values
    numbers = {
        "time": times,
        "test_excess": loss,
        "hermitian": theory.hermitian.values,
        "minimum": {"time": times[int(loss.argmin())], "loss": float(loss.min())},
        "limit": system.limit(),
        "rises_again_by": float(loss[-1] - loss.min()),
        "hermitian_rises_by": float(theory.hermitian[-1] - theory.hermitian.min()),
        "largest_z": comparison.worst(),
    }
    return Outcome(numbers=numbers, figure=draw(theory, comparison.data, decompose(system)))


def draw(theory, data, parts) -> Figure:
    """Loss of both models with finite copies; bias and variances."""
    with house_style():
        figure, axes = new_figure(2)
        left, right = np.ravel(axes)
        time = theory.time.values
        left.plot(time, theory.test_excess, label="random features")
        left.plot(time, theory.hermitian, label="Hermitian, same spectrum")
        left.errorbar(
            time, data.test_excess_mean, data.test_excess_error, fmt="o", ms=3, color="#1f2933", label="copies"
        )
        left.set(xscale="log", xlabel="time", ylabel="test loss", title="not monotone")
        names = [str(name) for name in parts.data_vars if name not in ("test_excess", "variance_noise")]
        for name in names:
            right.plot(time, parts[name], label=name.replace("_", " "))
        right.set(xscale="log", xlabel="time", title="bias and variances")
        left.legend()
        right.legend()
    return figure


if __name__ == "__main__":
    sys.exit(main(run, Config(), FULL, name="dmft_random_features"))
