"""Draws to summaries: one :class:`SettingFit` for each setting."""

from collections.abc import Iterator, Sequence

import numpy as np

from coulombgas._arviz import effective_sample_size, r_hat
from coulombgas._interval import summarise
from coulombgas.inference._parts import LevelFit, SettingFit, diagnostic_warnings
from coulombgas.inference._sampler import Draws
from coulombgas.inference._settings import SettingData
from coulombgas.theory import ResponseCurve

from ._remarks import remarks


def summarise_settings(
    settings: Sequence[SettingData],
    curves: Sequence[ResponseCurve] | None,
    widths: Draws,
    temperatures: Draws,
    *,
    used: np.ndarray,
    seed: int,
) -> list[SettingFit]:
    """Posterior summaries of every setting; ``used`` (setting, group) says which groups determine the temperature."""
    fits, first = [], 0
    rng = np.random.default_rng(seed)
    for index, setting in enumerate(settings):
        own = slice(first, first + len(setting.groups))
        first = own.stop
        curve = None if curves is None else curves[index]
        draws, width_draws = temperatures.sites["temperature"][index], widths.sites["temperature"][own]
        divergences = int(temperatures.diverging[index].sum() + widths.diverging[own].sum())
        sites = [draws, *width_draws]
        worst = max(r_hat(site) for site in sites)
        own_used = used[index, : len(setting.groups)]
        levels = tuple(_levels(setting, curve, width_draws, own_used, rng))
        found, consistent = remarks(setting, curve, draws, own_used)
        theory = setting.theory
        fits.append(
            SettingFit(
                path=setting.path, model=setting.model.name, learning_rate=setting.learning_rate,
                batch_size=setting.batch_size, temperature=summarise(draws), temperature_draws=draws,
                levels=levels, num_replicas=setting.num_replicas, r_hat=worst,
                ess=min(effective_sample_size(site) for site in sites), divergences=divergences,
                warnings=(*setting.warnings, *found, *diagnostic_warnings(worst, divergences)),
                true_temperature=theory.temperature,
                formula=setting.record.optimizer.temperature_formula, consistent=consistent,
                assumed=setting.assumed,
            )
        )  # fmt: skip
    return fits


def _levels(
    setting: SettingData,
    curve: ResponseCurve | None,
    draws: np.ndarray,
    used: np.ndarray,
    rng: np.random.Generator,
) -> Iterator[LevelFit]:
    """Each level group with draws of its width and its centre."""
    true = setting.theory.temperature
    ratios = np.ones(len(setting.groups)) if curve is None else curve.ratio(true)
    for group, width2, use, ratio in zip(setting.groups, draws, used, ratios, strict=True):
        width = np.sqrt(width2)
        # given s the centre of mass is independent of the energy: Normal(mean, s²/(n·replicas)) under a flat prior
        center = group.levels.mean() + width / np.sqrt(group.levels.size) * rng.standard_normal(width.shape)
        yield LevelFit(
            center=group.center,
            modes=group.modes,
            levels=group.levels,
            width_draws=width,
            center_draws=center,
            width=summarise(width),
            width2_per_temperature=group.width2_per_temperature,
            predicted_width=float(np.sqrt(true * group.width2_per_temperature * ratio)),
            used=bool(use),
        )
