"""Records without a theory as settings of a fit, with temperatures relative to the first."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from coulombgas._arviz import effective_sample_size, r_hat
from coulombgas._checks import InputError
from coulombgas._interval import Interval
from coulombgas.inference._data_checks import duplicated_replicas
from coulombgas.inference._parts import ScalingFit, SettingFit
from coulombgas.inference._records import Record
from coulombgas.inference.scaling._rule import fit_log_temperatures

from ._fit import LevelData, RelativeFit, fit_relative_temperatures


def fit_relative_settings(
    records: Sequence[Record], reason: str, options: dict[str, Any]
) -> tuple[tuple[SettingFit, ...], ScalingFit | None]:
    """Relative temperatures of every record, and the scaling rule across them.

    Args:
        records: settings of one model, in the order of the data.
        reason: why there is no theory, for the errors.
        options: seed and numbers of chains and draws.

    Raises:
        InputError: for a single setting, which has no relative temperature, for copies, or different numbers of levels.
    """
    if len(records) < 2:
        raise InputError(
            f"{records[0].path}: {reason}, and one setting alone has no relative temperature: give at least two."
        )
    for record in records:
        if copies := duplicated_replicas(record.levels).refusal:
            raise InputError(f"{record.path}: {copies}")
    data = [LevelData(one.path, one.learning_rate, one.batch_size, one.levels) for one in records]
    drawing = {name: options[name] for name in ("seed", "num_chains", "num_draws")}
    fit = fit_relative_temperatures(data, **drawing)
    settings = tuple(_setting(record, fit, index, reason if index == 0 else "") for index, record in enumerate(records))
    return settings, _rule(fit, options)


def _setting(record: Record, fit: RelativeFit, index: int, reason: str) -> SettingFit:
    """One setting as the result of a fit, with a temperature relative to the first."""
    own = fit.settings[index]
    draws = np.exp(own.log_draws)
    constant = not np.ptp(draws)
    warnings = (*([f"{reason}: temperatures are relative"] if reason else []), *(fit.warnings if index == 0 else ()))
    return SettingFit(
        path=record.path, model=record.model_name, learning_rate=record.learning_rate, batch_size=record.batch_size,
        temperature=None, relative_temperature=Interval(*own.relative_temperature), temperature_draws=draws, levels=(),
        num_replicas=own.num_replicas, r_hat=1.0 if constant else r_hat(draws),
        ess=float(draws.size) if constant else effective_sample_size(draws), divergences=0,
        warnings=(*warnings, *own.warnings), formula="relative to the first setting", consistent=own.same_fixed_point,
        assumed=record.assumed,
    )  # fmt: skip


def _rule(fit: RelativeFit, options: dict[str, Any]) -> ScalingFit | None:
    """The rule across the settings at one fixed point."""
    kept = [setting for setting in fit.settings if setting.same_fixed_point]
    if len(kept) < 2:
        return None
    columns = [
        np.array([float(getattr(setting, name)) for setting in kept])
        for name in ("learning_rate", "batch_size", "log_temperature", "log_error")
    ]
    return fit_log_temperatures(*columns, **options)
