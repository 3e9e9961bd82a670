"""Inferred temperatures against the true ones, and the scaling rule."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from ._style import BAND, MODEL, SERIES, TRUTH, new_figure, styled

_MOST_TICKS = 8


@styled
def plot_temperature(
    true: np.ndarray, mean: np.ndarray, lower: np.ndarray, upper: np.ndarray, *, labels: Sequence[str] | None = None
) -> Figure:
    """Inferred temperature with its interval against T = learning_rate / batch_size, and their ratio.

    Args:
        true: learning_rate / batch_size, shape (setting,).
        mean: posterior mean of T, shape (setting,).
        lower: lower end of the 95% interval, shape (setting,).
        upper: upper end, shape (setting,).
        labels: a group name for each setting (its model, say), shape (setting,); one colour per name.
    """
    figure, axes = new_figure(2)
    names = list(labels) if labels is not None else [""] * len(true)
    for color, name in zip(SERIES * (1 + len(names)), dict.fromkeys(names), strict=False):
        pick = np.array([other == name for other in names])
        t, m = true[pick], mean[pick]
        error = np.abs(np.stack([m - lower[pick], upper[pick] - m]))
        style = {"fmt": "o", "ms": 4.5, "color": color, "elinewidth": 1.4, "capsize": 2.5, "label": name or None}
        axes[0, 0].errorbar(t, m, yerr=error, **style)
        axes[0, 1].errorbar(t, m / t, yerr=error / t, **style)
    span = np.array([true.min(), true.max()]) * [0.75, 1.33]
    axes[0, 0].plot(span, span, color=TRUTH, lw=1, ls="--", label="inferred = true")
    axes[0, 0].set(xscale="log", yscale="log", title="Temperature", ylabel=r"inferred $T$")
    axes[0, 1].axhline(1.0, color=TRUTH, lw=1, ls="--")
    axes[0, 1].set(xscale="log", title="Ratio", ylabel=r"inferred / true", xlim=span)
    for ax in axes[0]:
        ax.set_xlabel(r"true $T$ = learning rate / batch size")
    axes[0, 0].legend()
    return figure


@styled
def plot_scaling(
    x: np.ndarray,
    temperature: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    exponent_draws: np.ndarray,
    predict: np.ndarray,
    grid: np.ndarray,
    *,
    xlabel: str,
    exponent_label: str,
    expected: float = 1.0,
) -> Figure:
    """The scaling rule log T = log c + a log α − b log B along one of its axes, and the posterior of that exponent.

    Args:
        x: learning rates or batch sizes of the settings, shape (setting,).
        temperature: posterior mean of T divided by the rule's dependence on the other variable, shape (setting,).
        lower: lower end of its 95% interval, shape (setting,).
        upper: upper end, shape (setting,).
        exponent_draws: posterior draws of the exponent, shape (k,).
        predict: posterior curves of T over ``grid``, shape (k', grid).
        grid: values of x, shape (grid,).
        xlabel: name of x.
        exponent_label: name of the exponent.
        expected: the exponent of the linear scaling rule.
    """
    figure, axes = new_figure(2)
    low, middle, high = np.quantile(predict, [0.025, 0.5, 0.975], axis=0)
    axes[0, 0].fill_between(grid, low, high, color=BAND, alpha=0.6, label="rule, 95% band")
    axes[0, 0].plot(grid, middle, color=MODEL)
    error = np.abs(np.stack([temperature - lower, upper - temperature]))
    axes[0, 0].errorbar(x, temperature, yerr=error, fmt="o", ms=4.5, color=SERIES[0], capsize=2.5, label="settings")
    axes[0, 0].set(xscale="log", yscale="log", title="Scaling rule", xlabel=xlabel, ylabel=r"inferred $T$")
    _name_ticks(axes[0, 0], x)
    axes[0, 0].legend()
    axes[0, 1].hist(exponent_draws, bins=50, density=True, color=BAND, edgecolor="white", linewidth=0.3)
    axes[0, 1].axvline(expected, color=TRUTH, lw=1, ls="--", label=f"linear scaling rule: {expected:g}")
    axes[0, 1].set(title="Posterior of the exponent", xlabel=exponent_label, ylabel="density")
    axes[0, 1].legend()
    return figure


def _name_ticks(axes: Axes, values: np.ndarray) -> None:
    """On a short logarithmic axis the settings themselves are the best ticks."""
    ticks = np.unique(values)
    if len(ticks) <= _MOST_TICKS:
        axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        axes.xaxis.set_minor_formatter(NullFormatter())
