"""Warnings about the data before any inference: copies, snapshots, outliers, levels in another form."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from coulombgas._checks import InputError
from coulombgas.models import Model
from coulombgas.spectra import LevelGroup
from coulombgas.theory import Theory

from ._data_checks import duplicated_replicas, equilibrium, replica_autocorrelation
from ._group_checks import FEW_REPLICAS, oddities
from ._level_groups import GroupData, group_data
from ._level_space import refuse_other_space
from ._records import Record

_IMPOSSIBLE_WIDTHS = 30.0  # from the median: no law with such a width gives such a level
_MAX_EXCLUDED = 0.05  # of the replicas: with more the data are not those of the model


class Scrutiny(NamedTuple):
    """The usable part of a record after checking its levels."""

    groups: tuple[GroupData, ...]
    num_replicas: int
    effective: float
    """Effective number of independent replicas for the widths."""
    effective_means: float
    """Effective number of independent replicas for the mean levels."""
    warnings: tuple[str, ...]


def scrutinise(record: Record, model: Model, theory: Theory) -> Scrutiny:
    """Level groups of the usable replicas, their effective number, and warnings.

    Raises:
        InputError: for copies, levels in another form than the model's, or levels that carry no temperature.
    """
    found = []
    if record.num_failed:
        count = record.num_failed
        found.append(f"{_replicas(count)} diverged in training and {_were(count)} left out")
    if not theory.groups:
        raise InputError("no mode is learnt: every fixed point is 0, so the spectra carry no temperature.")
    levels, excluded = _possible(record.levels, model, theory.groups)
    found.extend(excluded)
    if len(levels) < FEW_REPLICAS:
        found.append(f"only {_replicas(len(levels))}: the interval is wide and depends on the prior")
    groups = group_data(levels, theory)
    found.extend(warning for group in groups for warning in oddities(group))
    refuse_other_space(levels, theory.mean_levels, np.sqrt(theory.mode_width2), model.level_kind, model.config())
    if copies := duplicated_replicas(levels).refusal:
        raise InputError(copies)
    order = replica_autocorrelation(levels, [group.modes for group in groups])
    timely = equilibrium(record.history, record.history_steps, record.step, theory.updates_to_equilibrium)
    found.extend(filter(None, (order.warning, *timely)))
    return Scrutiny(groups, len(levels), order.num_effective, order.num_effective_means, tuple(found))


def _possible(levels: np.ndarray, model: Model, groups: Sequence[LevelGroup]) -> tuple[np.ndarray, list[str]]:
    """Levels of the replicas inside the domain of the model, and warnings about the others."""
    num = len(levels)
    wall = ~model.allowed(levels)
    far = np.zeros(num, dtype=bool)
    for group in groups:
        far |= _far_away(levels[:, list(group.modes)])
    warnings = []
    if wall.any():
        count = int(wall.sum())
        warnings.append(f"{_replicas(count)} with levels outside the domain ({model.domain}) {_were(count)} left out")
    if (far & ~wall).any():
        count = int((far & ~wall).sum())
        warnings.append(
            f"{_replicas(count)} with a level more than {_IMPOSSIBLE_WIDTHS:g} widths away {_were(count)} left out"
        )
    out = wall | far
    if out.sum() > max(_MAX_EXCLUDED * num, 1):
        raise InputError(
            f"{int(out.sum())} of {num} replicas hold levels that the model cannot have ({'; '.join(warnings)}): "
            "check the model's parameters and the data."
        )
    if num - out.sum() < 2:
        raise InputError(
            f"{_replicas(int(num - out.sum()))} of use, at least 2 are needed: train more of them, or with a "
            "smaller learning rate where they diverged."
        )
    return levels[~out], warnings


def _far_away(levels: np.ndarray) -> np.ndarray:
    """Replicas with a level of the group more than 30 widths from the median; never with fewer than 5 replicas."""
    if len(levels) < 5:
        return np.zeros(len(levels), dtype=bool)
    distance = np.abs(levels - np.median(levels)).max(axis=1)
    return distance > _IMPOSSIBLE_WIDTHS * max(np.median(distance), np.finfo(float).tiny)


def _replicas(count: int) -> str:
    return f"{count} replica{'s' * (count != 1)}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
