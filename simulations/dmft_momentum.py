"""Momentum speeds up descent but does not move the threshold (arXiv:2102.11755), from exact two-time equations.

Left: overlap with the signal against steps for gradient descent, heavy ball and Nesterov. Right: the spike of the
Hessian at the point where descent gets stuck. There the Hessian is marginal, with bulk edge 2√Q''(1); the strength s =
1/Δ₂ adds an outlier at s + Q''(1)/s, that is √(s·gap) = s − √Q''(1) above it (line), which starts at the threshold s_c.
The gap is measured from the late growth of a tiny overlap under each method (points) and extrapolated in time^(-2/3),
the power with which mean-field descent approaches a marginal state (the gap at 1/Δ₂ = 2.1 does so with exponent 0.70
from step 50 to 800): one curve, one threshold.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from coulombgas._types import Progress
from coulombgas.dmft import SpikedMatrixTensor, algorithmic_threshold, solve
from coulombgas.plot import house_style, new_figure

from ._experiment import Outcome, main

METHODS = {"gd": ("o", 7), "heavy-ball": ("s", 4), "nesterov": ("x", 5)}
"""Marker and size of each."""
AGEING = 2 / 3
"""Power of time with which mean-field descent approaches a marginal state; measured, see above."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the scan."""

    power: int = 4
    """p of the tensor."""
    tensor_noise: float = 4.0
    """Δ_p."""
    strengths: tuple[float, ...] = (1.9, 2.1, 2.3, 2.5)
    """Values of 1/Δ₂."""
    learning_rate: float = 0.1
    """η."""
    momentum: float = 0.7
    """β of both accelerated methods."""
    steps: int = 400
    """Steps of gradient descent; the others take the same time, hence fewer steps."""
    shown: float = 2.4
    """1/Δ₂ of the curves on the left."""


FULL = Config(strengths=tuple(np.round(np.linspace(1.6, 3.2, 17), 3).tolist()), steps=1200)


def run(config: Config, *, progress: Progress | None = None, store: Path | None = None) -> Outcome:
    """Solve every method at every strength; ``store`` is for trained spectra and not used."""
    del store
    curves = {method: _solve(config, method, 1 / config.shown, 0.1, 120).overlap.values for method in METHODS}
    rates = {method: [] for method in METHODS}
    done, total = 0, len(METHODS) * len(config.strengths)
    for method in METHODS:
        for strength in config.strengths:
            rates[method].append(_gap(config, method, 1 / strength))
            done += 1
            if progress is not None:
                progress(done, total)
    half = {method: int(np.argmax(curve > 0.5 * curve.max())) for method, curve in curves.items()}
    numbers = {
        "algorithmic_threshold": 1 / algorithmic_threshold(config.power, config.tensor_noise),
        "threshold": {method: _threshold(config.strengths, rate) for method, rate in rates.items()},
        "steps_to_half": half,
        "strengths": config.strengths,
        "gap": rates,
    }
    return Outcome(numbers=numbers, figure=draw(config, numbers, curves))


def _system(config: Config, method: str, noise: float, overlap: float, steps: int) -> SpikedMatrixTensor:
    beta = 0.0 if method == "gd" else config.momentum
    return SpikedMatrixTensor(power=config.power, tensor_noise=config.tensor_noise, matrix_noise=noise, steps=steps,
                              method=method, momentum=beta, learning_rate=config.learning_rate,
                              initial_overlap=overlap)  # fmt: skip


def _solve(config: Config, method: str, noise: float, overlap: float, steps: int):
    return solve(_system(config, method, noise, overlap, steps))


def _growth(config: Config, method: str, noise: float) -> float:
    """Growth of ln m per step for n → ∞, with m too small for feedback, from two times."""
    speed = 1.0 if method == "gd" else 1 / (1 - config.momentum)
    steps = max(40, round(config.steps / speed))
    overlap = np.log(_solve(config, method, noise, 1e-30, steps).overlap.values)

    def rate(n: int) -> tuple[float, float]:
        width = max(2, steps // 20)
        return float(overlap[n] - overlap[n - width]) / width, n - width / 2

    (late, t_late), (early, t_early) = rate(steps), rate(steps // 2)
    a, b = t_late**AGEING, t_early**AGEING
    return float((late * a - early * b) / (a - b))


def _gap(config: Config, method: str, noise: float) -> float:
    """Outlier minus bulk edge of the Hessian, from the growth of m: the modes of the method, kept on the sphere."""
    edge = 2 * np.sqrt(1 / noise + (config.power - 1) / config.tensor_noise)
    eta, beta, grow = config.learning_rate, config.momentum, np.exp(_growth(config, method, noise))
    norm = 1 + eta * edge
    outlier = {
        "gd": norm * grow - 1,
        "heavy-ball": (norm * grow**2 + beta) / grow - 1 - beta,
        "nesterov": norm * grow**2 / ((1 + beta) * grow - beta) - 1,
    }[method]
    return float(outlier / eta - edge)


def _threshold(strengths: Any, gaps: Any) -> float:
    """Where √(s·gap) starts, from a straight line through the strengths at which the overlap grows."""
    s, gap = np.array(strengths), np.array(gaps)
    grows = gap > 0
    if grows.sum() < 2:
        return float("nan")
    slope, offset = np.polyfit(s[grows], np.sqrt(gap[grows] * s[grows]), 1)
    return float(-offset / slope)


def draw(config: Config, numbers: dict, curves: dict) -> Figure:
    """Curves and growth rates."""
    with house_style():
        figure, axes = new_figure(2)
        left, right = np.ravel(axes)
        for method in METHODS:
            left.plot(curves[method], label=method)
            scaled = np.sqrt(np.maximum(np.multiply(numbers["gap"][method], config.strengths), 0))
            marker, size = METHODS[method]
            right.plot(config.strengths, scaled, marker, ms=size, fillstyle="none", label=method)
        left.set(xlabel="step", ylabel="overlap m", title=f"1/Δ₂ = {config.shown:g}")
        line = np.linspace(min(config.strengths) * 0.8, max(config.strengths), 50)
        predicted = line - np.sqrt(line + (config.power - 1) / config.tensor_noise)
        right.plot(line, np.maximum(predicted, 0), color="#829ab1", lw=1, label="theory")
        right.axvline(numbers["algorithmic_threshold"], color="#102a43", ls="--", lw=1, label="threshold")
        right.set(xlabel="s = 1/Δ₂", ylabel="√(s · gap of the Hessian)", title="threshold")
        left.legend()
        right.legend()
    return figure


if __name__ == "__main__":
    sys.exit(main(run, Config(), FULL, name="dmft_momentum"))
