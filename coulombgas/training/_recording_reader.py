"""Reading recordings: as a trajectory of spectra with its training data, and as an ensemble of replicas."""

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._checks import InputError
from coulombgas._files import StoredGroup, naming, read_grid
from coulombgas._types import PathType
from coulombgas.spectra import LayerSpectrum, NetworkSpectra, RecordedTraining, make_spectra, read_spectra

from ._recording_format import (
    FIRST_FORMAT,
    PER_RECORD,
    REMEDY,
    TRACES,
    TRAINING_WORDS,
    examine_recording,
    is_recording,
    recorded_steps,
)


def read_recording(path: PathType, *, replica: int = 0, select: str | Sequence[str] = "*") -> NetworkSpectra:
    """A recording as a trajectory of spectra; ``training`` of the result says how the network was trained.

    Args:
        path: Zarr group written by a recorder.
        replica: which of the replicas.
        select: glob or globs on the names.

    Raises:
        InputError: when it is not a recording, holds no complete record, nothing matches, or there is no such replica.
    """
    store = examine_recording(path)
    complete, shapes = store.attributes["complete"], store.attributes["matrices"]
    steps = recorded_steps(store)
    patterns = [select] if isinstance(select, str) else list(select)
    names = [name for name in shapes if any(fnmatch.fnmatchcase(name, p) for p in patterns)]
    if not complete or not names:
        reason = (
            "it holds no complete record yet" if not complete else f"`select` {select!r} matches none of its matrices"
        )
        raise InputError(f"{path}: {reason}.")
    layers: list[LayerSpectrum] = []
    for name in names:
        levels, kurtosis = store.arrays[f"eigenvalue.{name}"], store.arrays[f"kurtosis.{name}"]
        if not 0 <= replica < levels.shape[1]:
            raise InputError(f"`replica` must lie between 0 and {levels.shape[1] - 1}, got {replica}.")
        rows, columns = shapes[name]
        with naming(path):
            values, fourth = read_grid(levels)[:complete, replica], read_grid(kurtosis)[:complete, replica]
        _check_levels(path, name, values)
        layers += [
            LayerSpectrum(name, (rows, columns), values[i], int(steps[i]), float(fourth[i])) for i in range(complete)
        ]
    layers.sort(key=lambda layer: layer.step or 0)
    return NetworkSpectra(tuple(layers), (str(path),), training=_training(store, steps, names, replica))


def read_recorded_ensemble(
    path: PathType, name: str, *, learning_rate: float | int | None = None, batch_size: int | None = None
) -> xr.Dataset:
    """One matrix of all replicas of a recording as ``Spectra``, from which temperatures are inferred.

    :func:`coulombgas.inference.temperature_from_motion` infers drift, noise and temperature from it, given eight
    replicas and evenly spaced steps.

    Args:
        path: Zarr group written by a recorder with a replica axis.
        name: name of the matrix.
        learning_rate, batch_size: of the training, if the recording does not hold them.

    Returns:
        Spectra of WᵀW, dims (setting, replica, step, mode).

    Raises:
        InputError: when it is not a recording, has no such matrix, or learning rate or batch size are unknown or
            changed during the training.
    """
    store = examine_recording(path)
    complete, shapes = store.attributes["complete"], store.attributes["matrices"]
    if name not in shapes or not complete:
        raise InputError(f"`name` {name!r} has no record in {path}; recorded are {', '.join(shapes)}.")
    config, steps = dict(store.attributes.get("config", {})), recorded_steps(store)
    training = _training(store, steps, [], 0)
    given = {"learning_rate": learning_rate, "batch_size": batch_size}
    known = {word: _setting(path, word, value, config, training) for word, value in given.items()}
    with naming(path):
        levels = read_grid(store.arrays[f"eigenvalue.{name}"])[:complete]
    _check_levels(path, name, levels)
    return make_spectra(
        np.moveaxis(levels, 0, 1)[None],
        learning_rate=[known["learning_rate"]],
        batch_size=[known["batch_size"]],
        model={"name": "recording", "matrix": name, "shape": list(shapes[name])},
        step=steps,
        training=_described(config, training),
        source=str(path),
    )


def read_ensemble(path: PathType, *, matrix: str | None = None) -> xr.Dataset:
    """Data for fitting a temperature: a store or file of spectra, or one matrix of a recording with replicas.

    Args:
        path: as in :func:`coulombgas.read_spectra`, or a recording, or the directory of a run that holds one.
        matrix: which of the recorded matrices, when there are several.

    Raises:
        InputError: as the readers; also for a recording of a single network, which is not an ensemble.
    """
    recording = recording_in(path)
    if recording is None:
        if matrix is not None:
            raise InputError(f"`matrix` {matrix!r} names a matrix of a recording, but {path} is not one: leave it out.")
        return read_spectra(path)
    store = examine_recording(recording)
    names = list(store.attributes["matrices"])
    replicas = {store.arrays[f"eigenvalue.{name}"].shape[1] for name in names}
    if replicas == {1}:
        raise InputError(
            f"{path}: a recording of one network, not of an ensemble: `coulombgas rule` finds its noise and "
            "temperature from its motion, `coulombgas report` shows it."
        )
    if matrix is None and len(names) > 1:
        shown = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
        raise InputError(f"`matrix` must say which of the {len(names)} recorded matrices of {path} to fit: {shown}.")
    return read_recorded_ensemble(recording, names[0] if matrix is None and names else matrix or "")


def recording_in(path: PathType) -> Path | None:
    """The recording at a path or, for the directory of a run, inside it."""
    return next((one for one in (Path(path), Path(path) / "spectra.zarr") if is_recording(one)), None)


def _described(config: dict[str, Any], training: RecordedTraining | None) -> dict[str, Any]:
    """The configuration with the optimiser in terms of :class:`coulombgas.Optimizer`, if it is one of these."""
    rest = {word: value for word, value in config.items() if word != "optimizer"}
    if training is None or training.optimizer is None:
        return rest
    name = "adam" if training.optimizer == "adamw" else training.optimizer
    given = {word: getattr(training, word) for word in ("momentum", "second_moment", "weight_decay")}
    known = {word: value for word, value in given.items() if value is not None}
    if name == "sgd":
        known.pop("momentum", None)
    if name not in ("sgd", "adam") and (name not in ("momentum", "nesterov") or "momentum" not in known):
        return rest
    return {**rest, "optimizer": {"name": name, **known}}


def _setting(path: PathType, word: str, given: Any, config: dict[str, Any], training: RecordedTraining | None) -> Any:
    """Learning rate or batch size of a whole recording: given, configured, or the same in all its records."""
    if given is not None or config.get(word) is not None:
        return config[word] if given is None else given
    values = np.array([]) if training is None else getattr(training, word)
    known = np.unique(values[np.isfinite(values)])
    if known.size == 0:
        raise InputError(f"`{word}` is not stored in {path}: give it.")
    if known.size > 1:
        raise InputError(f"`{word}` changes in {path}, from {known[0]:g} to {known[-1]:g}: give the one to use.")
    return int(known[0]) if word == "batch_size" else float(known[0])


def _training(store: StoredGroup, steps: np.ndarray, names: Sequence[str], replica: int) -> RecordedTraining | None:
    """How the network was trained; None for version 1 of the format, which does not record it."""
    if store.attributes["format"] == FIRST_FORMAT:
        return None
    values = {word: _row(store, word) for word in (*PER_RECORD, *TRACES) if word in store.arrays}
    noise = {
        name: _row(store, f"noise.{name}")[:, replica] for name in names if f"noise.{name}" in store.arrays
    }  # fmt: skip
    stated = store.attributes.get("training", {})
    return RecordedTraining(
        step=steps, noise=MappingProxyType(noise), **values,
        **{word: stated[word] for word in TRAINING_WORDS if word in stated},
    )  # fmt: skip


def _row(store: StoredGroup, name: str) -> np.ndarray:
    """The complete records of one training array; NaN is unknown, and only |G|² may be negative."""
    with naming(store.path):
        values = read_grid(store.arrays[name])[: store.attributes["complete"]].astype(np.float64)
    low = {"batch_size": np.nextafter(0.0, 1.0), "gradient_norm2": -np.inf}.get(name, 0.0)
    if np.isinf(values).any() or (values < low).any():
        raise InputError(f"{store.path}: array `{name}` holds values that it cannot have: {REMEDY}.")
    return values


def _check_levels(path: PathType, name: str, levels: np.ndarray) -> None:
    if not np.isfinite(levels).all() or (levels < 0).any():
        raise InputError(f"{path}: array `eigenvalue.{name}` holds values that are no levels of WᵀW: {REMEDY}.")
