"""Momentum speeds descent up but does not move the threshold (arXiv:2102.11755), from exact two-time equations.

Left: overlap with the signal against steps for gradient descent, heavy ball and Nesterov. Right: late growth rate of a
tiny overlap, per unit of time η/(1 − β) for the accelerated methods, against the strength 1/Δ₂ of the matrix: it
changes sign at the algorithmic threshold (line) up to the finite time of the run, for all methods alike.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from coulombgas._types import Progress
from coulombgas.dmft import SpikedMatrixTensor, algorithmic_threshold
from coulombgas.plot import house_style, new_figure

from ._experiment import Outcome, main

METHODS = ("gd", "heavy-ball", "nesterov")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the scan."""

    power: int = 4
    """p of the tensor."""
    tensor_noise: float = 4.0
    """Δ_p."""
    strengths: tuple[float, ...] = (1.2, 1.35, 1.5, 1.65, 1.8)
    """Values of 1/Δ₂."""
    learning_rate: float = 0.1
    """η."""
    momentum: float = 0.7
    """β of both accelerated methods."""
    steps: int = 250
    """Steps of gradient descent; the others take the same time, hence fewer steps."""
    shown: float = 2.4
    """1/Δ₂ of the curves on the left."""


FULL = Config(strengths=tuple(np.round(np.linspace(1.1, 2.0, 19), 3).tolist()), steps=1200)


def run(config: Config, *, progress: Progress | None = None, store: Path | None = None) -> Outcome:
    """Solve every method at every strength; ``store`` is for trained spectra and not used."""
    del store
    curves = {method: _solve(config, method, 1 / config.shown, 0.1, 120).overlap.values for method in METHODS}
    rates = {method: [] for method in METHODS}
    done, total = 0, len(METHODS) * len(config.strengths)
    for method in METHODS:
        for strength in config.strengths:
            rates[method].append(_growth(config, method, 1 / strength))
            done += 1
            if progress is not None:
                progress(done, total)
    half = {method: int(np.argmax(curve > 0.5 * curve.max())) for method, curve in curves.items()}
    numbers = {
        "algorithmic_threshold": 1 / algorithmic_threshold(config.power, config.tensor_noise),
        "sign_change": {method: _crossing(config.strengths, rate) for method, rate in rates.items()},
        "steps_to_half": half,
        "strengths": config.strengths,
        "growth_rate": rates,
    }
    return Outcome(numbers=numbers, figure=draw(config, numbers, curves))


def _system(config: Config, method: str, noise: float, overlap: float, steps: int) -> SpikedMatrixTensor:
    beta = 0.0 if method == "gd" else config.momentum
    return SpikedMatrixTensor(power=config.power, tensor_noise=config.tensor_noise, matrix_noise=noise, steps=steps,
                              method=method, momentum=beta, learning_rate=config.learning_rate,
                              initial_overlap=overlap)  # fmt: skip


def _solve(config: Config, method: str, noise: float, overlap: float, steps: int):
    return _system(config, method, noise, overlap, steps).solve()


def _growth(config: Config, method: str, noise: float) -> float:
    """d ln m/dt over the last third of the run, m too small to act back."""
    speed = 1.0 if method == "gd" else 1 / (1 - config.momentum)
    steps = max(30, round(config.steps / speed))
    overlap = _solve(config, method, noise, 1e-9, steps).overlap.values
    first = 2 * steps // 3
    return float(np.log(overlap[-1] / overlap[first]) / ((steps - first) * config.learning_rate * speed))


def _crossing(strengths, rates) -> float:
    """1/Δ₂ at which the rate changes sign, by linear interpolation; NaN outside the scan."""
    rate = np.array(rates)
    return float(np.interp(0.0, rate, strengths)) if rate[0] < 0 < rate[-1] else float("nan")


def draw(config: Config, numbers: dict, curves: dict) -> Figure:
    """Curves and growth rates."""
    with house_style():
        figure, axes = new_figure(2)
        left, right = np.ravel(axes)
        for method in METHODS:
            left.plot(curves[method], label=method)
            right.plot(config.strengths, numbers["growth_rate"][method], "o-", ms=3, label=method)
        left.set(xlabel="step", ylabel="overlap m", title=f"1/Δ₂ = {config.shown:g}")
        right.axhline(0, color="#829ab1", lw=0.8)
        right.axvline(numbers["algorithmic_threshold"], color="#102a43", ls="--", lw=1, label="threshold")
        right.set(xlabel="1/Δ₂", ylabel="growth rate of m", title="threshold")
        left.legend()
        right.legend()
    return figure


if __name__ == "__main__":
    sys.exit(main(run, Config(), FULL, name="dmft_momentum"))
