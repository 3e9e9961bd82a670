"""How eigenvalues leave zero: learning curves of the RBM from a random start and the escape rate r_0 = 1/κ − 1/μ².

Small modes grow as x ∝ exp(2σ_h²α r_0 · updates), the linear part of ALP24 (arXiv:2407.16427), (33); r_0 is the lower
of the two rates of the Fokker-Planck operator. Single-mode RBMs measure it; the ten-mode RBM shows the curves.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy import integrate, stats

from coulombgas._types import Progress
from coulombgas.models import GaussianRBM
from coulombgas.plot import house_style, new_figure
from coulombgas.spectra import healthy
from coulombgas.training import train

from ._experiment import Outcome, main, mean_of, num_failed
from ._rbm import RBMConfig


@dataclass(frozen=True, kw_only=True)
class Config(RBMConfig):
    """Settings of the learning curves."""

    settings: tuple[tuple[float, int], ...] = ((0.1, 16),)
    replicas: int = 200
    steps: int = 4000
    record: int = 100
    kappas: tuple[float, ...] = (4.0, 5.0, 6.5, 8.0)
    """Targets of the single-mode RBMs."""
    escape_replicas: int = 1000
    """Single-mode RBMs for each target."""
    escape_steps: int = 150
    """Updates over which the growth is measured, while x stays small."""
    escape_start: float = 1e-3
    """Standard deviation of the single weight at the start."""


FULL = Config(replicas=7500, steps=100_000, record=500, escape_replicas=20_000)


def run(config: Config, *, progress: Progress | None = None, store: Path | None = None) -> Outcome:
    """Train, measure growth, draw."""
    return analyse(config.train(progress, store), config)


def analyse(spectra: xr.Dataset, config: Config) -> Outcome:
    """Levels of ``spectra`` with the noiseless curves; growth from zero of single-mode RBMs, trained here."""
    stores = {"spectra": spectra}
    escapes = []
    for index, kappa in enumerate(config.kappas):
        single = _train_single(config, kappa, config.seed + index + 1)
        stores[f"single_{index}"] = single
        escapes.append(_escape(single, config, kappa))
    numbers = {"escape": escapes, "num_failed": sum(num_failed(store) for store in stores.values())}
    return Outcome(numbers=numbers, figure=draw(spectra, config, escapes), stores=stores)


def _train_single(config: Config, kappa: float, seed: int) -> xr.Dataset:
    model = GaussianRBM(target=[kappa], mu2=config.mu2, init_std=config.escape_start)
    ((rate, batch),) = config.settings[:1]
    return train(
        model, learning_rate=rate, batch_size=batch, replicas=config.escape_replicas, steps=config.escape_steps,
        record=[0, config.escape_steps], seed=seed,
    )  # fmt: skip


def _escape(single: xr.Dataset, config: Config, kappa: float) -> dict[str, Any]:
    """Growth rate of log x in units of 2α, against r_0 and against the mean over the batches' fluctuations."""
    x = single.eigenvalue.values[0, healthy(single)[0], :, 0].astype(float)
    rate, batch = config.settings[0]
    growth = np.log(x[:, 1] / x[:, 0]) / (2 * rate * config.escape_steps)
    return {
        "kappa": kappa,
        "growth": mean_of(growth, expected_growth(kappa, config.mu2, rate, batch)),
        "escape_rate": 1 / kappa - 1 / config.mu2,
        "largest_x": float(x[:, 1].max()),
    }


def expected_growth(kappa: float, mu2: float, learning_rate: float, batch_size: int) -> float:
    r"""Mean of :math:`\log|1 + \alpha(1/\kappa - \chi^2_B/(B\mu^2))| / \alpha`: r_0 as α → 0 (derived here).

    At x = 0 the visible chains are independent normals of variance 1/μ², so the factor of the weight in one update is
    known exactly, including mini-batch fluctuations.
    """
    cutoff = float(stats.chi2.isf(1e-14, batch_size))

    def integrand(c: float) -> float:
        factor = 1 + learning_rate * (1 / kappa - c / (batch_size * mu2))
        return float(stats.chi2.pdf(c, batch_size) * np.log(abs(factor)))

    value, _ = integrate.quad(integrand, 0, cutoff, limit=200)
    return value / learning_rate


def mean_field_curve(times: np.ndarray, start: float, kappa: float, mu2: float) -> np.ndarray:
    """x(t') of dx/dt' = x(1/κ − 1/(μ² − x)), ALP24 (33), t' = 2σ_h²α · updates."""
    solution = integrate.solve_ivp(
        lambda _, x: x * (1 / kappa - 1 / (mu2 - x)), (0, times[-1]), [start], t_eval=times, rtol=1e-8, atol=1e-12
    )
    return solution.y[0]


def draw(spectra: xr.Dataset, config: Config, escapes: list[dict]) -> Figure:
    """Mean levels during training with the noiseless curves; growth rate against r_0."""
    steps = spectra.step.values
    levels = spectra.eigenvalue.values[0, healthy(spectra)[0]].astype(float)
    mean, spread = levels.mean(0), levels.std(0)
    rate = config.settings[0][0]
    colors = mpl.colormaps["viridis"](np.linspace(0, 0.9, levels.shape[-1]))
    with house_style():
        figure, axes = new_figure(2, width=5.0, height=3.8)
        for mode, target in enumerate(spectra.target.values):
            color = colors[mode]
            axes[0, 0].plot(steps, mean[:, mode], color=color, lw=1.4)
            low, high = mean[:, mode] - spread[:, mode], mean[:, mode] + spread[:, mode]
            axes[0, 0].fill_between(steps, low, high, color=color, alpha=0.2)
            times = 2 * rate * (steps - steps[0])
            curve = mean_field_curve(times, max(mean[0, mode], 1e-6), float(target), config.mu2)
            axes[0, 0].plot(steps, curve, color=color, lw=0.9, ls="--")
        axes[0, 0].set(title="levels; dashed: (33), each mode alone", xlabel="updates", ylabel="eigenvalues $x$")
        axes[0, 0].set_xscale("log")
        axes[0, 0].set_xlim(max(steps[0], steps[1]), steps[-1])
        r_0 = [escape["escape_rate"] for escape in escapes]
        axes[0, 1].errorbar(
            r_0, [e["growth"]["value"] for e in escapes], [e["growth"]["error"] for e in escapes], fmt="o", ms=4, lw=1
        )
        axes[0, 1].plot([0, max(r_0)], [0, max(r_0)], "k-", lw=1, label="$r_0$, no free parameter")
        axes[0, 1].set(title="leaving zero", xlabel=r"$r_0 = 1/κ - 1/μ^2$", ylabel="growth rate of $x$ / 2α")
        axes[0, 1].legend()
    return figure


if __name__ == "__main__":
    sys.exit(main(run, Config(), FULL, name="learning_curves"))
