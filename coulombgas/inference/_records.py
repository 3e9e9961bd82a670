"""From datasets to plain records: the levels of each setting and how they were trained, before any inference."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._checks import InputError, check_count
from coulombgas.models import Model, from_config, registered
from coulombgas.spectra import (
    LevelGroup,
    assumed,
    group_levels,
    has_model,
    model_config,
    training_config,
    validate_spectra,
)
from coulombgas.training import Optimizer


@dataclass(frozen=True, kw_only=True)
class Record:
    """One setting of one source.

    Attributes:
        path: source of the spectra.
        model: the trained model; None if unknown.
        model_name: its name, even if it is not registered; None without one.
        learning_rate, batch_size: the setting.
        optimizer: how it was trained.
        sampling, updates_per_epoch: how batches were drawn.
        levels: levels of the chosen record, without replicas that diverged, (replica, mode).
        history: levels of all records up to the chosen one, (replica, record, mode); None with one record.
        history_steps: the update of each of them.
        step: update of the chosen record; None if unknown.
        steps: updates of the whole run; None if unknown.
        num_failed: replicas that diverged.
        assumed: relevant values that were not given but assumed, by name.
    """

    path: str
    model: Model | None = field(repr=False)
    model_name: str | None
    learning_rate: float
    batch_size: int
    optimizer: Optimizer
    sampling: str
    updates_per_epoch: int | None
    levels: np.ndarray = field(repr=False)
    history: np.ndarray | None = field(repr=False)
    history_steps: np.ndarray | None = field(repr=False)
    step: int | None
    steps: int | None
    num_failed: int
    assumed: dict[str, Any]


def collect_records(
    spectra: xr.Dataset | Sequence[xr.Dataset], *, model: Model | None = None, record: int = -1
) -> list[Record]:
    """Every setting of every dataset.

    Args:
        spectra: one dataset or several.
        model: the model of all of them, instead of the stored ones.
        record: index of the record to use.

    Raises:
        InputError: one line naming the source and what is wrong with it.
    """
    datasets = as_datasets(spectra)
    if not datasets:
        raise InputError("`spectra` is empty: give at least one dataset.")
    return [found for dataset in datasets for found in _records_of(dataset, model, record)]


def as_datasets(spectra: Any) -> list[xr.Dataset]:
    """One dataset or several, as a list.

    Raises:
        InputError: for anything else, such as the recording of a single network.
    """
    datasets = [spectra] if isinstance(spectra, xr.Dataset) else list(spectra)
    for one in datasets:
        if not isinstance(one, xr.Dataset):
            raise InputError(
                "`spectra` must be an ensemble, as read_spectra or read_recorded_ensemble give it, got "
                f"{type(one).__name__}: the motion of a single network is what `coulombgas rule` and `report` look at."
            )
    return datasets


def _records_of(dataset: xr.Dataset, model: Model | None, record: int) -> list[Record]:
    """A record for each setting of a dataset; errors name its source."""
    dataset = validate_spectra(dataset)
    path = str(dataset.attrs.get("source", "spectra"))
    try:
        config = model_config(dataset) if has_model(dataset) else {}
        own = model if model is not None else _model(config)
        if own is not None and own.num_modes != dataset.sizes["mode"]:
            raise InputError(f"`eigenvalue` has {dataset.sizes['mode']} modes, its model {own.num_modes}.")
        if not -dataset.sizes["step"] <= record < dataset.sizes["step"]:
            num = dataset.sizes["step"]
            raise InputError(f"`record` must be between {-num} and {num - 1}, got {record}: there are {num} records.")
        return [_record(dataset, index, own, config, path, record) for index in range(dataset.sizes["setting"])]
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _model(config: dict[str, Any]) -> Model | None:
    return from_config(config) if registered(config.get("name")) else None


def _optimizer(training: dict[str, Any]) -> Optimizer:
    description = training.get("optimizer") or {"name": "sgd"}
    try:
        return Optimizer(**description).check()  # pyright: ignore[reportArgumentType]
    except TypeError:
        raise InputError(f"attrs['config'] names an unknown optimiser: {description}.") from None


def _record(
    dataset: xr.Dataset, index: int, model: Model | None, config: dict[str, Any], path: str, record: int
) -> Record:
    """One setting of a dataset at a record, with the levels of replicas that did not fail and their history."""
    training, chosen = training_config(dataset), record % dataset.sizes["step"]
    levels = group_levels(dataset, _all_modes(dataset), setting=index, step=record)
    history = None
    if chosen > 0:
        rows = dataset.eigenvalue.values[index, :, : chosen + 1]
        history = rows[np.isfinite(rows).all(axis=(1, 2))].astype(np.float64)
    in_updates = "layout" not in training or "steps" in training
    epoch = training.get("updates_per_epoch")
    return Record(
        path=path, model=model, model_name=config.get("name"),
        learning_rate=float(dataset.learning_rate.values[index]), batch_size=int(dataset.batch_size.values[index]),
        optimizer=_optimizer(training), sampling=training.get("sampling") or "with-replacement",
        updates_per_epoch=None if epoch is None else check_count("updates_per_epoch", epoch, 2), levels=levels,
        history=history, history_steps=None if history is None else dataset.step.values[: chosen + 1],
        step=int(dataset.step.values[chosen]) if in_updates else None, steps=training.get("steps"),
        num_failed=dataset.sizes["replica"] - len(levels), assumed=assumed(dataset),
    )  # fmt: skip


def _all_modes(dataset: xr.Dataset) -> LevelGroup:
    return LevelGroup(0.0, tuple(range(dataset.sizes["mode"])))
