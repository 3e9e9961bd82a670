"""From records to settings: each with its model, its theory and its level groups."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from coulombgas._checks import InputError
from coulombgas._types import Progress
from coulombgas.models import Model
from coulombgas.spectra import LevelGroup
from coulombgas.theory import Theory, find_theory, scheduled_rate
from coulombgas.training import Optimizer

from ._level_groups import GroupData
from ._records import Record, collect_records
from ._scrutiny import scrutinise


@dataclass(frozen=True, kw_only=True)
class SettingData:
    """One setting: its model and theory, its replicas' levels and warnings about them."""

    record: Record = field(repr=False)
    model: Model = field(repr=False)
    theory: Theory = field(repr=False)
    optimizer: Optimizer = field(repr=False)
    """The optimiser with a constant schedule, as at the record."""
    groups: tuple[GroupData, ...] = field(repr=False)
    num_replicas: int
    effective_replicas: float
    """Effective number of independent replicas for the widths."""
    effective_means: float
    """Effective number of independent replicas for the mean levels."""
    tolerance: float
    """Largest distance of fixed points in one level group, relative to the largest."""
    warnings: tuple[str, ...]

    @property
    def path(self) -> str:
        """Source of the spectra."""
        return self.record.path

    @property
    def learning_rate(self) -> float:
        """α at the start of training."""
        return self.record.learning_rate

    @property
    def batch_size(self) -> int:
        """B."""
        return self.record.batch_size

    @property
    def assumed(self) -> dict[str, Any]:
        """Values that were not given but assumed."""
        return self.record.assumed

    @property
    def level_groups(self) -> tuple[LevelGroup, ...]:
        """The groups without their data."""
        return tuple(LevelGroup(group.center, group.modes) for group in self.groups)

    def theory_at(self, batch_size: int) -> Theory:
        """The theory of the same training at another batch size."""
        rate = self.theory.learning_rate
        return _theory_of(self.model, self.record, rate, self.optimizer, batch_size, self.tolerance)


def collect_settings(
    spectra: xr.Dataset | Sequence[xr.Dataset],
    *,
    model: Model | None = None,
    record: int = -1,
    tolerance: float = 1e-3,
    progress: Progress | None = None,
) -> list[SettingData]:
    """Every setting of every dataset, with its theory.

    Args:
        spectra: one dataset or several, each with its own model.
        model: the model of all of them, instead of the stored ones.
        record: index of the record to use.
        tolerance: largest distance of fixed points in one level group, relative to the largest.
        progress: called with (done, total) settings.

    Raises:
        InputError: one line naming the source and what is wrong with it.
    """
    return prepare_settings(collect_records(spectra, model=model, record=record), tolerance, progress)


def prepare_settings(
    records: Sequence[Record], tolerance: float, progress: Progress | None = None
) -> list[SettingData]:
    """Records with their theories and level groups.

    Raises:
        InputError: naming the source.
    """
    settings = []
    for done, record in enumerate(records):
        try:
            settings.append(_setting(record, tolerance))
        except InputError as error:
            prefix = "" if str(error).startswith(record.path) else f"{record.path}: "
            raise InputError(f"{prefix}{error}") from None
        if progress is not None:
            progress(done + 1, len(records))
    return settings


def _theory_of(
    model: Model, record: Record, learning_rate: float, optimizer: Optimizer, batch_size: int, tolerance: float
) -> Theory:
    return find_theory(
        model, learning_rate=learning_rate, batch_size=batch_size, optimizer=optimizer, sampling=record.sampling,
        updates_per_epoch=record.updates_per_epoch, tolerance=tolerance,
    )  # fmt: skip


def _theory(model: Model, record: Record, tolerance: float) -> tuple[Theory, Optimizer]:
    """The theory at the record, with the learning rate of the schedule there."""
    optimizer, batch = record.optimizer._replace(schedule="constant"), record.batch_size

    def at(rate: float) -> Theory:
        return _theory_of(model, record, rate, optimizer, batch, tolerance)

    if record.optimizer.schedule == "constant":
        return at(record.learning_rate), optimizer
    if record.step is None or record.steps is None:
        raise InputError(
            f"`optimizer` has the schedule {record.optimizer.schedule!r}: say at which update the levels were recorded "
            "(`step`) and how long the run was (`steps`)."
        )
    return scheduled_rate(record.optimizer, record.learning_rate, record.step, record.steps, at)[1], optimizer


def _setting(record: Record, tolerance: float) -> SettingData:
    """A record with its theory, level groups and the replicas that count."""
    model = record.model
    if model is None:
        if record.model_name:
            raise InputError(
                f"nothing is known of the model {record.model_name!r}: give `model=` or register its class."
            )
        raise InputError("`spectra` does not name its model: give `model=`.")
    theory, optimizer = _theory(model, record, tolerance)
    seen = scrutinise(record, model, theory)
    return SettingData(
        record=record, model=model, theory=theory, optimizer=optimizer, groups=seen.groups,
        num_replicas=seen.num_replicas, effective_replicas=seen.effective, effective_means=seen.effective_means,
        tolerance=tolerance, warnings=seen.warnings,
    )  # fmt: skip
