"""Figures of the dynamical mean-field theory: theory as lines, finite copies as points, z-scores below."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from coulombgas.dmft import Comparison

from ._style import INK, SERIES, new_figure, styled

LABELS = {
    "test_excess": "test loss − noise",
    "train_loss": "training loss",
    "overlap": "overlap m",
    "energy": "energy per degree of freedom",
    "norm": "norm",
    "norm1": "mean |β|",
    "readout": "|a|²/N",
    "response_to_first": "response to the first step",
    "top_singular_value": "largest singular value of W/√N",
    "hermitian": "Hermitian model",
}


@styled
def comparison(comparison: Comparison, *, max_points: int = 25) -> Figure:
    """One column for each quantity of one time: the curve with points of mean ± standard error, and the z-scores.

    Args:
        comparison: from ``coulombgas.dmft.compare``.
        max_points: points drawn along a curve.
    """
    data = comparison.data
    names = [name for name in comparison.names if data[name].dims == ("step",)]
    figure, axes = new_figure(len(names), 2, width=3.4, height=2.6)
    axes = np.asarray(axes, dtype=object).reshape(2, len(names))
    time = data["time"].values
    every = slice(None, None, max(1, -(-len(time) // max_points)))
    for column, name in enumerate(names):
        top, bottom, colour = axes[0, column], axes[1, column], SERIES[column % len(SERIES)]
        top.plot(time, data[name], color=colour, label="theory")
        top.errorbar(time[every], data[f"{name}_mean"][every], data[f"{name}_error"][every], fmt="o", ms=3,
                     color=INK, lw=1, label="{replicas} copies, N = {dimension}".format(**data.attrs))  # fmt: skip
        top.set_title(LABELS.get(name, name))
        bottom.axhspan(-3, 3, color="#d9e2ec", alpha=0.6, lw=0)
        bottom.plot(time[every], data[f"{name}_z"][every], ".", color=colour)
        reach = 1.15 * max(3.5, float(np.abs(data[f"{name}_z"]).max()))
        bottom.set(xlabel=_time_label(data), ylabel="z" if column == 0 else "", ylim=(-reach, reach))
    if names:
        axes[0, 0].legend()
    return figure


@styled
def dynamics(results: Mapping[str, xr.Dataset], quantity: str, *, logarithmic: bool = False) -> Figure:
    """One quantity of several solutions against time, one labelled line each."""
    figure, axes = new_figure()
    axis = axes[0, 0]
    for colour, (label, result) in zip(SERIES * 9, results.items(), strict=False):
        axis.plot(result["time"], result[quantity], color=colour, label=label)
    axis.set(xlabel=_time_label(next(iter(results.values()))), ylabel=LABELS.get(quantity, quantity))
    if logarithmic:
        axis.set_xscale("log")
    axis.legend()
    return figure


@styled
def decomposition(parts: xr.Dataset) -> Figure:
    """Bias and variances of ``coulombgas.dmft.decompose(system)`` stacked to the test loss."""
    figure, axes = new_figure()
    axis = axes[0, 0]
    names = [str(name) for name in parts.data_vars if name != "test_excess"]
    values = [np.maximum(parts[name].values, 0.0) for name in names]
    time = parts["time"].values
    axis.stackplot(time, values, labels=[name.replace("_", " ") for name in names], colors=SERIES, alpha=0.75)
    axis.plot(time, parts["test_excess"], color=INK, label=LABELS["test_excess"])
    axis.set(xlabel=_time_label(parts), ylabel=LABELS["test_excess"])
    axis.legend()
    return figure


def _time_label(data: xr.Dataset) -> str:
    return "step" if np.array_equal(data["time"].values, data["step"].values) else "time"
