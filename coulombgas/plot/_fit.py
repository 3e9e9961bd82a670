"""Figures of a :class:`~coulombgas.inference.TemperatureFit` by name."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from coulombgas._checks import InputError, check_choice
from coulombgas.inference import LevelFit, ScalingFit, SettingFit, TemperatureFit

from ._spacing import plot_density, plot_spacing
from ._style import house_style, new_figure
from ._temperature import plot_scaling, plot_temperature

FIGURES = ("temperature", "scaling", "spacing", "density")
_CURVES = 400


def plot_fit(fit: TemperatureFit, name: str, **options: Any) -> Figure:
    """One figure of a fit.

    Args:
        fit: what ``fit_temperature`` returned.
        name: "temperature" (inferred against true), "scaling" (the rule and its exponent), "spacing" (histogram,
            surmise, posterior band; unscaled and scaled) or "density" of degenerate pairs.
        options: for "spacing" and "density" ``setting`` (index); for "scaling" ``along`` ("batch_size" or
            "learning_rate").

    Raises:
        InputError: for an unknown name, or where the fit has nothing to draw under it.
    """
    check_choice("name", name, FIGURES)
    if name == "temperature":
        return _temperature(fit)
    if name == "scaling":
        return _scaling(fit, **options)
    return _pairs(fit, name, **options)


def pairs_of(setting: SettingFit) -> list[LevelFit]:
    """Level groups of two modes, the ones with a surmise to draw."""
    return [level for level in setting.levels if level.size == 2]


def scaling_axes(scaling: ScalingFit | None) -> tuple[str, ...]:
    """Along which variables the settings identify an exponent."""
    if scaling is None:
        return ()
    named = {"batch_size": scaling.batch_exponent, "learning_rate": scaling.alpha_exponent}
    return tuple(name for name, value in named.items() if value is not None)


def _temperature(fit: TemperatureFit) -> Figure:
    estimate = [setting.temperature for setting in fit.settings]
    mean, lower, upper = (np.array([getattr(e, end) for e in estimate]) for end in ("mean", "lower", "upper"))
    true = np.array([setting.true_temperature for setting in fit.settings])
    return plot_temperature(true, mean, lower, upper, labels=[setting.model for setting in fit.settings])


def _pairs(fit: TemperatureFit, name: str, *, setting: int = 0) -> Figure:
    chosen = fit.settings[setting]
    pairs = pairs_of(chosen)
    if not pairs:
        raise InputError(f"`setting` {setting} has no degenerate pair: figure {name!r} shows pairs only.")
    with house_style():
        if name == "spacing":
            figure, axes = new_figure(2, len(pairs), height=2.9)
        else:
            columns = min(len(pairs), 4)
            figure, axes = new_figure(columns, -(-len(pairs) // columns), width=3.6, height=2.9)
            for empty in axes.ravel()[len(pairs) :]:
                empty.set_visible(False)
    for index, pair in enumerate(pairs):
        title = f"x = {pair.center:.3g},  {chosen.label}"
        width = pair.width_draws.ravel()
        if name == "spacing":
            plot_spacing(pair.spacings.ravel(), width, title=title, figure_axes=(figure, list(axes[index])))
        else:
            plot_density(
                pair.levels, pair.center_draws.ravel(), width, title=title, figure_axes=(figure, [axes.ravel()[index]])
            )
    return figure


def _scaling(fit: TemperatureFit, *, along: str | None = None) -> Figure:
    known = scaling_axes(fit.scaling)
    if fit.scaling is None or not known:
        raise InputError("`name` 'scaling' needs settings that differ in learning rate or batch size.")
    axis = check_choice("along", along or known[0], known)
    draws = {name: np.asarray(value).ravel() for name, value in fit.scaling.draws.items()}
    alpha = np.array([setting.learning_rate for setting in fit.settings])
    batch = np.array([float(setting.batch_size) for setting in fit.settings])
    exponent = {
        "learning_rate": draws.get("alpha_exponent", np.ones_like(draws["log_prefactor"])),
        "batch_size": draws.get("batch_exponent", np.ones_like(draws["log_prefactor"])),
    }
    x, other = (batch, alpha) if axis == "batch_size" else (alpha, batch)
    grid = np.geomspace(x.min() * 0.8, x.max() * 1.25, 80)
    pick = np.linspace(0, draws["log_prefactor"].size - 1, _CURVES).astype(int)
    reference = np.exp(np.log(other).mean())
    fixed_sign, free_sign = (1.0, -1.0) if axis == "batch_size" else (-1.0, 1.0)
    fixed = "learning_rate" if axis == "batch_size" else "batch_size"
    curves = np.exp(
        draws["log_prefactor"][pick, None]
        + fixed_sign * exponent[fixed][pick, None] * np.log(reference)
        + free_sign * exponent[axis][pick, None] * np.log(grid)
    )
    # bring every setting to the common value of the other variable by the rule itself
    shift = (other / reference) ** (-fixed_sign * exponent[fixed].mean())
    estimate = [setting.temperature for setting in fit.settings]
    mean, lower, upper = (shift * np.array([getattr(e, end) for e in estimate]) for end in ("mean", "lower", "upper"))
    words = {
        "batch_size": ("batch size $B$", "exponent $b$ of $1/B$"),
        "learning_rate": (r"learning rate $\alpha$", r"exponent $a$ of $\alpha$"),
    }
    return plot_scaling(
        x, mean, lower, upper, exponent[axis], curves, grid, xlabel=words[axis][0], exponent_label=words[axis][1]
    )
