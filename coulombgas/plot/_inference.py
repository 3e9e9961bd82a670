"""Figures of model criticism and motion: calibration ranks, predictive checks, drift and potential with their bands."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from coulombgas.inference import Calibration, PredictiveCheck
from coulombgas.motion import MotionFit

from ._style import BAND, DATA, MODEL, TRUTH, new_figure, styled

_BINS = 16
_COLUMNS = 3


@styled
def ranks(calibration: Calibration) -> Figure:
    """Histogram of the ranks of true parameters among posterior draws, with the 99% band of a uniform one.

    Args:
        calibration: a result of :func:`coulombgas.calibrate`.
    """
    from scipy.stats import binom  # loads longer than the rest of this module

    figure, axes = new_figure(max(1, len(calibration.ranks)))
    for axis, (name, values) in zip(axes[0], calibration.ranks.items(), strict=True):
        flat = np.ravel(values)
        bins = int(np.clip(len(flat) // 5, 2, _BINS))
        low, high = binom.ppf([0.005, 0.995], len(flat), 1 / bins)
        axis.axhspan(low, high, color=BAND, alpha=0.6, label="99% of bins")
        limits = (0, calibration.num_ranks[name])
        axis.hist(flat, bins=bins, range=limits, color=DATA, edgecolor="white", linewidth=0.4)
        axis.set(title=f"{calibration.model}: {name}", xlabel="rank of the truth", ylabel="data sets")
        axis.legend()
    return figure


@styled
def predictive(checks: Mapping[str, PredictiveCheck], *, title: str = "") -> Figure:
    """Statistics of replicated data (histogram) against the observed ones (line).

    Args:
        checks: a result of :func:`coulombgas.inference.predictive_checks`.
        title: name of the model.
    """
    rows = -(-len(checks) // _COLUMNS)
    figure, axes = new_figure(min(_COLUMNS, len(checks)), rows, width=3.4, height=2.6)
    for axis, (name, check) in zip(axes.ravel(), checks.items(), strict=False):
        axis.hist(check.replicated, bins=30, color=DATA, edgecolor="white", linewidth=0.3)
        axis.axvline(check.observed, color=MODEL)
        axis.set(title=f"{name}, p = {check.p_value:.2g}", yticks=[])
    for axis in axes.ravel()[len(checks) :]:
        axis.set_axis_off()
    if title:
        figure.suptitle(title, x=0.02, ha="left", fontweight="bold")
    return figure


@styled
def motion(fit: MotionFit, *, truth: Mapping[str, np.ndarray] | None = None) -> Figure:
    """Drift, potential and noise of moving eigenvalues with 95% bands.

    Args:
        fit: a result of :func:`coulombgas.temperature_from_motion`.
        truth: known "drift", "potential" or "noise" over ``fit.grid``, to compare with.
    """
    figure, axes = new_figure(3, width=3.8)
    labels = {"drift": r"drift $K/\alpha$", "potential": r"potential $\tilde V$", "noise": r"noise $g^2/\alpha$"}
    for axis, (name, label) in zip(axes[0], labels.items(), strict=True):
        band = getattr(fit, name)
        axis.fill_between(fit.grid, band.lower, band.upper, color=BAND, label="95% band")
        axis.plot(fit.grid, band.mean, color=MODEL, label="inferred")
        if truth and name in truth:
            axis.plot(fit.grid, truth[name], color=TRUTH, linestyle="--", label="truth")
        if fit.fixed_point is not None:
            axis.axvline(fit.fixed_point.position.mean, color=DATA, linewidth=1.0)
        axis.set(title=label, xlabel="eigenvalue $x$")
        axis.legend()
    return figure
