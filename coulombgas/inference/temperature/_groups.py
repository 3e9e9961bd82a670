"""The temperature of each setting: which groups enter, with which response, in one batch."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from coulombgas._checks import InputError
from coulombgas._types import Progress
from coulombgas.inference._level_groups import inflation
from coulombgas.inference._problem import Problem
from coulombgas.inference._programs import (
    SettingEnergies,
    SettingResponse,
    common_temperature,
    response_temperature,
)
from coulombgas.inference._settings import SettingData
from coulombgas.models import identity
from coulombgas.theory import ResponseCurve, response_for

from ._exact import sample_temperature

_PADDED_GROUPS = 8  # so that few programs are compiled


def leading_temperature(setting: SettingData) -> float:
    """Estimate from the theory's widths without correction, with all groups weighted by their degrees of freedom."""
    ratios = [group.energy / group.width2_per_temperature for group in setting.groups]
    return float(np.sum(ratios) / np.sum([group.freedom for group in setting.groups]))


def find_curves(settings: Sequence[SettingData], progress: Progress | None = None) -> list[ResponseCurve]:
    """The response curve of every setting; settings that differ only in the batch size share their ensembles.

    Raises:
        InputError: naming the source whose response cannot be measured.
    """
    highest: dict[tuple, float] = {}
    for setting in settings:
        key = _key(setting)
        highest[key] = max(highest.get(key, 0.0), leading_temperature(setting))
    known: dict[tuple, ResponseCurve] = {}
    for setting in settings:
        key = _key(setting)
        if key not in known:
            try:
                known[key] = response_for(
                    setting.model, setting.theory, optimizer=setting.optimizer, leading=highest[key],
                    theory_at=setting.theory_at, progress=_part(progress, len(known), len(highest)),
                )  # fmt: skip
            except InputError as error:
                raise InputError(f"{setting.path}: {error}") from None
    return [known[_key(setting)] for setting in settings]


def _part(progress: Progress | None, index: int, num: int) -> Progress | None:
    """Progress of one of several ensembles as a part of the total."""
    if progress is None:
        return None
    return lambda done, total: progress(round(1000 * (index + done / max(total, 1)) / num), 1000)


def _key(setting: SettingData) -> tuple:
    theory, record = setting.theory, setting.record
    batch = theory.batch_size if theory.element_variance is not None else 0
    groups = tuple(group.modes for group in setting.groups)
    training = (theory.learning_rate, setting.optimizer, record.sampling, record.updates_per_epoch)
    return (*identity(setting.model), *training, groups, batch)


def groups_used(setting: SettingData, curve: ResponseCurve | None) -> list[bool]:
    """All groups if their response is known; at leading order groups of two or more, or single modes if there are
    none."""
    several = [group.size > 1 for group in setting.groups]
    return several if curve is None and any(several) else [True] * len(several)


def width_problem(settings: Sequence[SettingData]) -> Problem:
    """The width² of every level group, as the temperature of one group with s²/T = 1."""
    size = _padded_groups(settings)
    groups = [group for setting in settings for group in setting.groups]
    # snapshots of one run count for less, as in the temperatures
    share = [setting.effective_replicas / setting.num_replicas for setting in settings for _ in setting.groups]
    energy, freedom = (np.array([getattr(g, name) for g in groups], dtype=float) for name in ("energy", "freedom"))
    ones = np.ones((len(groups), size - 1))
    first = np.broadcast_to(np.arange(size) == 0, (len(groups), size))
    columns = {"energy": energy * share, "freedom": freedom * share, "width2_per_temperature": np.ones(len(groups))}
    rows = {name: np.concatenate([column[:, None], ones], axis=1) for name, column in columns.items()}
    data = SettingEnergies(**rows, used=first)
    exact = partial(sample_temperature, stream=1)  # independent of the draws of the temperatures
    return Problem(program=common_temperature, data=data, start={"temperature": energy / freedom}, exact=exact)


def _padded_groups(settings: Sequence[SettingData]) -> int:
    most = max(len(setting.groups) for setting in settings)
    return -(-most // _PADDED_GROUPS) * _PADDED_GROUPS


def temperature_problem(settings: Sequence[SettingData], curves: Sequence[ResponseCurve] | None) -> Problem:
    """The temperature of every setting, from the energies of its level groups."""
    energies = setting_energies(settings, curves)
    ratio = np.where(energies.used, energies.energy / energies.width2_per_temperature, 0.0).sum(axis=1)
    start = {"temperature": ratio / np.where(energies.used, energies.freedom, 0.0).sum(axis=1)}
    if curves is None or all(curve.constant for curve in curves):
        return Problem(program=common_temperature, data=energies, start=start, exact=sample_temperature)
    start["_response_error"] = np.zeros(energies.energy.shape)
    data = SettingResponse(energies, *response_tables(curves, energies.energy.shape[1]))
    return Problem(program=response_temperature, data=data, start=start, exact=sample_temperature)


def problem_used(problem: Problem) -> np.ndarray:
    """Which groups determine a problem's temperatures, (setting, group)."""
    energies = problem.data.energies if isinstance(problem.data, SettingResponse) else problem.data
    return energies.used if isinstance(energies, SettingEnergies) else np.ones(np.shape(energies.energy), dtype=bool)


def setting_energies(settings: Sequence[SettingData], curves: Sequence[ResponseCurve] | None) -> SettingEnergies:
    """Energies of all settings, (setting, group), including the responses that are constant in temperature."""
    size = _padded_groups(settings)
    all_curves = [None] * len(settings) if curves is None else list(curves)
    rows = [_energies(setting, curve, size) for setting, curve in zip(settings, all_curves, strict=True)]
    return SettingEnergies(*(np.stack(column) for column in zip(*rows, strict=True)))


def response_tables(curves: Sequence[ResponseCurve], size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grids, log ratios and errors of all settings; 0 where :func:`setting_energies` already includes a constant
    ratio."""
    ratios = [curve.log_ratio * (not curve.constant) for curve in curves]
    return (
        np.stack([curve.temperature for curve in curves]),
        np.stack([_columns(ratio, size) for ratio in ratios]),
        np.stack([_columns(curve.error, size) for curve in curves]),
    )


def _columns(table: np.ndarray, size: int) -> np.ndarray:
    return np.pad(table, ((0, 0), (0, size - table.shape[1])))


def _energies(setting: SettingData, curve: ResponseCurve | None, size: int) -> SettingEnergies:
    """Energies, degrees of freedom and predicted widths of the level groups, padded to ``size``."""

    def padded(values) -> np.ndarray:
        return np.pad(np.array(values, dtype=np.float64), (0, size - len(setting.groups)), constant_values=1.0)

    used = np.zeros(size, dtype=bool)
    used[: len(setting.groups)] = groups_used(setting, curve)
    # the energy shrinks with the degrees of freedom, so that the estimate is unchanged and only its error grows
    share = setting.effective_replicas / setting.num_replicas
    tempering = 1.0 / inflation([group for group, use in zip(setting.groups, used, strict=False) if use], share)
    constant = np.exp(curve.log_ratio[0]) if curve is not None and curve.constant else np.ones(len(setting.groups))
    return SettingEnergies(
        padded([group.energy * tempering for group in setting.groups]),
        padded([group.freedom * tempering for group in setting.groups]),
        padded([group.width2_per_temperature for group in setting.groups] * constant),
        used,
    )
