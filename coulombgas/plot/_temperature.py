"""Inferred temperatures against the true ones, and the scaling rule."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from coulombgas._checks import InputError, check_choice
from coulombgas.inference import ScalingFit, SettingFit, TemperatureFit

from ._style import BAND, MODEL, SERIES, TRUTH, new_figure, styled

_MOST_TICKS = 8
_CURVES = 400
_LABELS = {
    "batch_size": ("batch size $B$", "exponent $b$ of $1/B$"),
    "learning_rate": (r"learning rate $\alpha$", r"exponent $a$ of $\alpha$"),
}


@styled
def temperature(fit: TemperatureFit) -> Figure:
    """Inferred temperature of every setting with its interval against the true one, and their ratio.

    One colour for each model. Without a model both are relative to the first setting, the true one according to α/B.

    Args:
        fit: a result of :func:`coulombgas.fit_temperature`.
    """
    true = np.array([setting.nominal for setting in fit.settings])
    relative = fit.method == "relative"
    true = true / true[0] if relative else true
    mean, lower, upper = _intervals(fit.settings)
    models = [setting.model for setting in fit.settings]
    figure, axes = new_figure(2)
    for color, name in zip(SERIES * (1 + len(models)), dict.fromkeys(models), strict=False):
        pick = np.array([other == name for other in models])
        t, m = true[pick], mean[pick]
        error = np.abs(np.stack([m - lower[pick], upper[pick] - m]))
        style: dict[str, Any] = {"fmt": "o", "ms": 4.5, "color": color, "elinewidth": 1.4, "capsize": 2.5}
        axes[0, 0].errorbar(t, m, yerr=error, **style, label=name or "no model")
        axes[0, 1].errorbar(t, m / t, yerr=error / t, **style, label=name)
    span = np.array([true.min(), true.max()]) * [0.75, 1.33]
    axes[0, 0].plot(span, span, color=TRUTH, lw=1, ls="--", label="inferred = true")
    axes[0, 0].set(xscale="log", yscale="log", title="Temperature", ylabel=r"inferred $T$")
    axes[0, 1].axhline(1.0, color=TRUTH, lw=1, ls="--")
    axes[0, 1].set(xscale="log", title="Ratio", ylabel=r"inferred / true", xlim=span)
    for ax in axes[0]:
        ax.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))  # more labels than these run into each other
        ax.set_xlabel("ratio of learning rate / batch size" if relative else r"true $T$")
    axes[0, 0].legend()
    return figure


@styled
def scaling(fit: TemperatureFit, *, along: str | None = None) -> Figure:
    """The scaling rule log T = log c + a log α − b log B along one of its axes, and the posterior of that exponent.

    Settings are brought to the common value of the other variable (its geometric mean) by the rule itself.

    Args:
        fit: a result of :func:`coulombgas.fit_temperature`, for settings that differ in α or B.
        along: "batch_size" or "learning_rate"; by default the first that the settings identify.

    Raises:
        InputError: if the settings identify no exponent, or not that of ``along``.
    """
    known = scaling_axes(fit.scaling)
    if fit.scaling is None or not known:
        raise InputError("`fit` has no scaling rule to draw: its settings must differ in learning rate or batch size.")
    axis = check_choice("along", along or known[0], known)
    other = "learning_rate" if axis == "batch_size" else "batch_size"
    draws = {name: np.ravel(value) for name, value in fit.scaling.draws.items()}
    # an exponent that the settings do not identify takes the value of the rule
    one = np.ones_like(draws["log_prefactor"])
    exponent = {"learning_rate": draws.get("alpha_exponent", one), "batch_size": draws.get("batch_exponent", one)}
    power = {"learning_rate": exponent["learning_rate"], "batch_size": -exponent["batch_size"]}
    values = {name: np.array([float(getattr(setting, name)) for setting in fit.settings]) for name in power}
    reference = np.exp(np.log(values[other]).mean())
    grid = np.geomspace(values[axis].min() * 0.8, values[axis].max() * 1.25, 80)
    pick = np.linspace(0, one.size - 1, _CURVES).astype(int)
    offset = draws["log_prefactor"] + power[other] * np.log(reference)
    curves = np.exp(offset[pick, None] + power[axis][pick, None] * np.log(grid))
    figure, axes = new_figure(2)
    shift = (reference / values[other]) ** power[other].mean()
    _draw_rule(axes[0, 0], values[axis], shift * _intervals(fit.settings), grid, curves)
    axes[0, 0].set_xlabel(_LABELS[axis][0])
    _draw_exponent(axes[0, 1], exponent[axis])
    axes[0, 1].set_xlabel(_LABELS[axis][1])
    return figure


def scaling_axes(scaling: ScalingFit | None) -> tuple[str, ...]:
    """Variables along which the settings identify an exponent, so that :func:`scaling` can draw it."""
    if scaling is None:
        return ()
    named = {"batch_size": scaling.batch_exponent, "learning_rate": scaling.alpha_exponent}
    return tuple(name for name, value in named.items() if value is not None)


def _intervals(settings: Sequence[SettingFit]) -> np.ndarray:
    """Mean, lower and upper end of T, shape (3, setting)."""
    return np.array([[getattr(setting.known, end) for setting in settings] for end in ("mean", "lower", "upper")])


def _draw_rule(axes: Axes, x: np.ndarray, intervals: np.ndarray, grid: np.ndarray, curves: np.ndarray) -> None:
    """Settings with their intervals, and the band of the posterior curves over the grid."""
    low, middle, high = np.quantile(curves, [0.025, 0.5, 0.975], axis=0)
    axes.fill_between(grid, low, high, color=BAND, alpha=0.6, label="rule, 95% band")
    axes.plot(grid, middle, color=MODEL)
    mean, lower, upper = intervals
    error = np.abs(np.stack([mean - lower, upper - mean]))
    axes.errorbar(x, mean, yerr=error, fmt="o", ms=4.5, color=SERIES[0], capsize=2.5, label="settings")
    axes.set(xscale="log", yscale="log", title="Scaling rule", ylabel=r"inferred $T$")
    _name_ticks(axes, x)
    axes.legend()


def _draw_exponent(axes: Axes, draws: np.ndarray) -> None:
    axes.hist(draws, bins=50, density=True, color=BAND, edgecolor="white", linewidth=0.3)
    axes.axvline(1.0, color=TRUTH, lw=1, ls="--", label="linear scaling rule: 1")
    axes.set(title="Posterior of the exponent", ylabel="density")
    axes.legend()


def _name_ticks(axes: Axes, values: np.ndarray) -> None:
    """On a short logarithmic axis the settings themselves are the best ticks."""
    ticks = np.unique(values)
    if len(ticks) <= _MOST_TICKS:
        axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        axes.xaxis.set_minor_formatter(NullFormatter())
