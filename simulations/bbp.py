"""A spike leaves the bulk while a linear student learns (arXiv:2606.28486).

The teacher is one direction, W* = u vᵀ; gradient descent of rate ε on the population loss moves the student by
W ← W − ε(W − W*) from W₀ with entries N(0, σ²/M), M×N, r = N/M. Then W_t is the shrunk W₀ plus the grown spike:
A = (1−ε)^{2t} σ² is the variance of the bulk, B = (1 − (1−ε)^t)² the strength of the spike. With c = B/A the largest
eigenvalue of WᵀW leaves the bulk A(1+√r)² at c = √r, that is t_c = −ln(1 + σ r^{1/4}) / ln(1−ε); beyond it sits at
(B + rA)(B + A)/B and its vector has the squared overlap (1 − r/c²)/(1 + r/c) with v.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from coulombgas._checks import check_count, check_in_interval, check_positive
from coulombgas._types import Progress
from coulombgas.networks import find_spikes
from coulombgas.plot import house_style, new_figure

from ._experiment import Outcome, main, mean_of, measured


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the spike experiment."""

    rows: int = 300
    """M, outputs."""
    columns: int = 150
    """N, inputs; at most M."""
    rate: float = 0.02
    """ε, learning rate."""
    std: float = 1.0
    """σ, scale of the initial weights (entries have variance σ²/M)."""
    steps: tuple[int, ...] = (10, 20, 25, 28, 31, 34, 38, 45, 60, 80)
    """Steps at which spectra are taken."""
    replicas: int = 24
    """Students."""
    level: float = 0.01
    """False-alarm rate at which a spike counts as detected."""
    seed: int = 0
    """Seed of all random numbers."""

    def __post_init__(self) -> None:
        check_count("columns", self.columns, 2)
        check_count("rows", self.rows, self.columns)
        check_in_interval("rate", self.rate, 1e-6, 0.999)
        check_positive("std", self.std)
        check_count("replicas", self.replicas, 2)


FULL = Config(rows=2000, columns=1000, replicas=200)


def predictions(config: Config, step: np.ndarray) -> dict[str, np.ndarray]:
    """Bulk edge, outlier (NaN before it separates) and squared overlap at each step, and the time t_c."""
    r = config.columns / config.rows
    shrink = (1 - config.rate) ** np.asarray(step, dtype=float)
    a, b = shrink**2 * config.std**2, (1 - shrink) ** 2
    c = b / a
    out = c > np.sqrt(r)
    safe = np.where(out, c, 1.0)
    return {
        "edge": a * (1 + np.sqrt(r)) ** 2,
        "outlier": np.where(out, (b + r * a) * (b + a) / np.where(out, b, 1.0), np.nan),
        "overlap": np.where(out, (1 - r / safe**2) / (1 + r / safe), 0.0),
        "critical_step": np.asarray(-np.log(1 + config.std * r**0.25) / np.log(1 - config.rate)),
    }


def train_student(config: Config, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Gradient descent of one student: top eigenvalue, second, overlap and whether a spike is detected, step by
    step."""
    u, v = (x / np.linalg.norm(x) for x in (rng.normal(size=config.rows), rng.normal(size=config.columns)))
    teacher = np.outer(u, v)
    weights = rng.normal(size=teacher.shape) * config.std / np.sqrt(config.rows)
    found: dict[str, list[float]] = {"top": [], "second": [], "overlap": [], "seen": []}
    for step in range(max(config.steps) + 1):
        if step in config.steps:
            levels, vectors = np.linalg.eigh(weights.T @ weights)
            spikes = find_spikes(levels, config.rows, level=config.level)
            found["top"].append(levels[-1])
            found["second"].append(levels[-2])
            found["overlap"].append(float(vectors[:, -1] @ v) ** 2)
            found["seen"].append(float(spikes.num_spikes > 0))
        weights -= config.rate * (weights - teacher)
    return {name: np.array(values) for name, values in found.items()}


def run(config: Config, *, progress: Progress | None = None, store: Path | None = None) -> Outcome:
    """Train students, compare with the predictions, draw; too short to be resumed (``store`` is not used)."""
    students = []
    for replica in range(config.replicas):
        students.append(train_student(config, np.random.default_rng([config.seed, replica])))
        if progress is not None:
            progress(replica + 1, config.replicas)
    data = {name: np.stack([student[name] for student in students]) for name in students[0]}
    theory = predictions(config, np.array(config.steps))
    rows = [_row(config, index, data, theory) for index in range(len(config.steps))]
    numbers = {
        "critical_step": float(theory["critical_step"]),
        "first_step_seen": _first_seen(config, data),
        "steps": rows,
    }
    return Outcome(numbers=numbers, figure=draw(config, data))


def _row(config: Config, index: int, data: dict[str, np.ndarray], theory: dict[str, np.ndarray]) -> dict[str, Any]:
    out = bool(np.isfinite(theory["outlier"][index]))
    return {
        "step": config.steps[index],
        "separated": out,
        "edge": float(theory["edge"][index]),
        "top": mean_of(data["top"][:, index], theory["outlier"][index] if out else theory["edge"][index]),
        "overlap": mean_of(data["overlap"][:, index], theory["overlap"][index]),
        "seen": mean_of(data["seen"][:, index]),
    }


def _first_seen(config: Config, data: dict[str, np.ndarray]) -> dict[str, float]:
    """Step at which half of the students show a spike, by interpolation, with its error from resampling students."""
    steps = np.array(config.steps, dtype=float)
    rng = np.random.default_rng(config.seed)

    def crossing(seen: np.ndarray) -> float:
        share = np.maximum.accumulate(seen.mean(axis=0)) + 1e-9 * np.arange(len(steps))
        return float(np.interp(0.5, share, steps))

    draws = [crossing(data["seen"][rng.integers(0, config.replicas, config.replicas)]) for _ in range(200)]
    return measured(crossing(data["seen"]), float(np.std(draws, ddof=1)))


def draw(config: Config, data: dict[str, np.ndarray]) -> Figure:
    """Top eigenvalue, overlap and fraction of students with a spike, against the predictions."""
    steps = np.array(config.steps)
    fine = np.linspace(steps.min(), steps.max(), 400)
    theory = predictions(config, fine)
    with house_style():
        figure, axes = new_figure(3, width=4.2)
        top, second, overlap = axes[0]
        top.plot(fine, theory["edge"], "k--", lw=1, label="bulk edge")
        top.plot(fine, theory["outlier"], color="C1", label="outlier, predicted")
        top.errorbar(steps, data["top"].mean(0), data["top"].std(0), fmt="o", ms=4, label="largest eigenvalue")
        top.errorbar(steps, data["second"].mean(0), data["second"].std(0), fmt=".", ms=4, color="C2", label="second")
        top.set(title="Spectrum", xlabel="step", ylabel=r"eigenvalue of $W^TW$")
        overlap.plot(fine, theory["overlap"], color="C1", label="predicted")
        overlap.errorbar(steps, data["overlap"].mean(0), data["overlap"].std(0), fmt="o", ms=4, label="measured")
        overlap.set(title="Overlap with the teacher", xlabel="step", ylabel=r"$\langle v, \hat v\rangle^2$")
        second.plot(steps, data["seen"].mean(0), "o-", label=f"spike seen at {config.level:g}")
        second.set(title="Spike beyond Tracy-Widom", xlabel="step", ylabel="fraction of students")
        for ax in axes[0]:
            ax.axvline(float(theory["critical_step"]), color="grey", lw=1, ls=":", label="$t_c$")
            ax.legend()
    return figure


if __name__ == "__main__":
    sys.exit(main(run, Config(), FULL, name="bbp"))
