"""Linear scaling of the RBM's level spacings and widths with sqrt(T κ²Ω), ALP24 (arXiv:2407.16427), Fig. 6, and its
10-setting data set.

With ``--full`` this is the whole data set of the paper: 10 settings × 7500 RBMs × 100 000 updates.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from coulombgas._types import Progress
from coulombgas.inference import fit_temperature
from coulombgas.models import GaussianRBM
from coulombgas.plot import house_style, new_figure
from coulombgas.spectra import healthy
from coulombgas.theory import find_theory

from ._experiment import Outcome, main, mean_of, measured, num_failed, std_of
from ._rbm import PAPER_SETTINGS, RBMConfig, pairs_and_singles

SPACING_COEFFICIENT = np.sqrt(2 * np.pi)
"""<S> / sqrt(σ_h² T κ²Ω) of a degenerate pair at leading order, from ALP24 (75) and appendix C."""

WIDTH_COEFFICIENT = np.sqrt(2.0)
"""Standard deviation of a single mode in the same unit."""

LOW = 0.007
"""Temperatures up to this value enter the linear extrapolation to T = 0."""


@dataclass(frozen=True, kw_only=True)
class Config(RBMConfig):
    """Settings of the scaling experiment."""

    settings: tuple[tuple[float, int], ...] = ((0.02, 16), (0.04, 16), (0.1, 16), (0.1, 8), (0.1, 64))
    replicas: int = 200
    steps: int = 5000
    record: int = 4
    init: str = "fixed-point"
    fit_draws: int = 400
    """Warm-up steps and draws of each of the two chains of the temperature fit; 0 for no fit."""


FULL = Config(settings=PAPER_SETTINGS, replicas=7500, steps=100_000, record=20, init="random")


def run(config: Config, *, progress: Progress | None = None, store: Path | None = None) -> Outcome:
    """Train, fit, draw."""
    return analyse(config.train(progress, store), config.model(), config.fit_draws)


def analyse(spectra: xr.Dataset, model: GaussianRBM, draws: int) -> Outcome:
    """Coefficients of every setting and at T = 0; the fit with ``draws`` draws of each of two chains, 0 for none."""
    pairs, singles = (leading_coefficients(model, size) for size in (2, 1))
    settings = [setting_numbers(spectra, index) for index in range(spectra.sizes["setting"])]
    fit = fit_temperature(spectra, num_chains=2, num_warmup=draws, num_draws=draws) if draws else None
    numbers = {
        "settings": settings,
        "spacing_coefficient": at_zero_temperature(settings, "spacing_coefficient", pairs),
        "width_coefficient": at_zero_temperature(settings, "width_coefficient", singles),
        "num_failed": num_failed(spectra),
        "fit": None if fit is None else [setting.record()["temperature"] for setting in fit.settings],
        "fit_consistent": None if fit is None else [setting.consistent for setting in fit.settings],
        "fit_warnings": None if fit is None else [list(setting.warnings) for setting in fit.settings],
        "scaling": None if fit is None or fit.scaling is None else fit.scaling.record(),
    }
    return Outcome(numbers=numbers, figure=draw(spectra, settings), stores={"spectra": spectra})


def setting_numbers(spectra: xr.Dataset, index: int) -> dict[str, Any]:
    """<S> of every pair and standard deviation of every single mode, in units of sqrt(T x_s), after half the steps."""
    levels = spectra.eigenvalue.values[index, healthy(spectra)[index]].astype(float)
    levels = levels[:, levels.shape[1] // 2 :]  # (replica, record, mode): the second half of the training
    temperature = float(spectra.learning_rate[index] / spectra.batch_size[index])
    pairs, singles = pairs_and_singles(spectra)
    unit = {center: np.sqrt(temperature * center) for center, _ in (*pairs, *singles)}
    spacing = [(center, levels[..., modes[1]] - levels[..., modes[0]]) for center, modes in pairs]
    return {
        "learning_rate": float(spectra.learning_rate[index]),
        "batch_size": int(spectra.batch_size[index]),
        "temperature": temperature,
        "pair_units": [unit[center] for center, _ in pairs],
        "single_units": [unit[center] for center, _ in singles],
        "spacing": [mean_of(s, SPACING_COEFFICIENT * unit[center]) for center, s in spacing],
        "spacing_coefficient": [mean_of(s / unit[center], SPACING_COEFFICIENT) for center, s in spacing],
        "width_coefficient": [
            std_of(levels[:, -1, mode] / unit[center], WIDTH_COEFFICIENT) for center, mode in singles
        ],
    }


def leading_coefficients(model: GaussianRBM, size: int) -> list[float]:
    """<S> of pairs (size 2) or standard deviation of single modes, in units of sqrt(T x_s), for T and α → 0.

    The memory of the persistent chains is in them; without it they are ``SPACING_COEFFICIENT`` and
    ``WIDTH_COEFFICIENT``.
    """
    theory = find_theory(model, learning_rate=1e-6, batch_size=16)
    groups = zip(theory.groups, theory.width2_per_temperature, strict=True)
    factor = np.pi if size == 2 else 1.0
    return [float(np.sqrt(factor * width2 / group.center)) for group, width2 in groups if group.size == size]


def at_zero_temperature(settings: list[dict[str, Any]], name: str, predicted: list[float]) -> dict[str, float]:
    """Weighted straight line through the coefficients against T ≤ ``LOW``, at T = 0 (a mean if only one T is low).

    ``predicted`` holds that of each pair or mode at T = 0; the prediction is the same line through these.
    """
    low = [s for s in settings if s["temperature"] <= LOW] or [min(settings, key=lambda s: s["temperature"])]
    points = [
        (s["temperature"], number["value"], number["error"], own)
        for s in low for number, own in zip(s[name], predicted, strict=True)
    ]  # fmt: skip
    temperature, value, error, expected = np.array(points).T
    powers = np.vander(temperature, 2 if np.ptp(temperature) > 0 else 1, increasing=True)
    covariance = np.linalg.inv((powers / error[:, None] ** 2).T @ powers)
    found, line = (covariance @ (powers.T @ (column / error**2)) for column in (value, expected))
    return measured(found[0], np.sqrt(covariance[0, 0]), line[0])


def draw(spectra: xr.Dataset, settings: list[dict[str, Any]]) -> Figure:
    """<S> and single-mode widths against sqrt(T κ²Ω), with the parameter-free lines."""
    with house_style():
        figure, axes = new_figure(2)
        for setting in settings:
            label = f"α = {setting['learning_rate']:g}, B = {setting['batch_size']}"
            spacing, width = setting["spacing"], setting["width_coefficient"]
            axes[0, 0].errorbar(
                setting["pair_units"], [s["value"] for s in spacing], [s["error"] for s in spacing],
                fmt="o", ms=4, lw=1, label=label,
            )  # fmt: skip
            unit = np.array(setting["single_units"])
            axes[0, 1].errorbar(
                unit, unit * [w["value"] for w in width], unit * [w["error"] for w in width], fmt="o", ms=4, lw=1
            )
        for axis, slope, name in (
            (axes[0, 0], SPACING_COEFFICIENT, r"$\sqrt{2\pi}$"),
            (axes[0, 1], WIDTH_COEFFICIENT, r"$\sqrt{2}$"),
        ):
            end = 1.05 * max(max(s["pair_units"] + s["single_units"]) for s in settings)
            axis.plot([0, end], [0, slope * end], "k-", lw=1, label=f"no free parameter: slope {name}")
            axis.set(xlabel=r"$\sqrt{T\,\kappa^2\Omega}$", xlim=(0, end), ylim=(0, None))
            axis.legend(loc="upper left", fontsize="x-small")
        axes[0, 0].set(title="degenerate pairs", ylabel=r"mean spacing $\langle S\rangle$")
        axes[0, 1].set(title="single modes", ylabel="standard deviation")
    return figure


if __name__ == "__main__":
    sys.exit(main(run, Config(), FULL, name="rbm_scaling"))
