"""The format of a recording: a Zarr group that can be read while it grows and survives any interruption.

Layout of ``coulombgas-recording/2``:

- attributes ``format``, ``complete`` (number of complete records), ``matrices`` (name → [rows, columns]) and
  ``training`` (optimizer, momentum, nesterov, dampening, weight_decay, second_moment, source; absent ones are unknown,
  ``changed`` lists those that were not constant);
- arrays ``step``, ``learning_rate`` and ``batch_size`` (record,), the last two NaN where unknown; ``eigenvalue.<name>``
  (record, replica, mode) and ``kurtosis.<name>`` (record, replica);
- optional arrays ``noise.<name>`` (record, replica, mode), ``noise_trace`` and ``gradient_norm2`` (record,), NaN where
  unknown.

Version 1 has neither ``training``, ``learning_rate``, ``batch_size`` nor noise. Readers use the first ``complete``
records only, so a record cut off by a crash does not exist.
"""

from pathlib import Path

import numpy as np

from coulombgas._checks import InputError
from coulombgas._files import (
    Anything,
    ArrayRule,
    Flag,
    ListOf,
    MapOf,
    Number,
    Record,
    StoredGroup,
    Text,
    Whole,
    check_arrays,
    check_document,
    examine_store,
    is_store,
    naming,
    read_grid,
    read_json,
)
from coulombgas._types import PathType
from coulombgas.spectra import EVERY_CHUNK

FORMAT = "coulombgas-recording/2"
FIRST_FORMAT = "coulombgas-recording/1"
REMEDY = "the recording is damaged; record it again"
PER_RECORD = ("learning_rate", "batch_size")
"""Arrays with one value per record, added in version 2."""
TRACES = ("noise_trace", "gradient_norm2")
_TRAINING = {
    "optimizer": Text(),
    "momentum": Number(0.0, high=1.0),
    "nesterov": Flag(),
    "dampening": Number(),
    "weight_decay": Number(0.0),
    "second_moment": Number(0.0, high=1.0),
    "source": Text(),
}
TRAINING_WORDS = tuple(_TRAINING)
"""Keys that the attribute ``training`` may hold, besides ``changed``, the keys that were not constant."""
RESERVED = {"format", "complete", "matrices", "training", EVERY_CHUNK}
"""Attributes that the recorder writes itself."""
_ATTRIBUTES = Record(
    {
        "format": Text(words=(FORMAT, FIRST_FORMAT)),
        "complete": Whole(),
        "matrices": MapOf(ListOf(Whole(1), length=2)),
    },
    optional={"config": MapOf(Anything()), "training": Record({}, {**_TRAINING, "changed": ListOf(Text())})},
)


def is_recording(path: PathType) -> bool:
    """Whether a directory is a recording, according to the format named in its metadata."""
    directory = Path(path)
    if not directory.is_dir() or not is_store(directory):
        return False
    try:
        attributes = read_json(directory / "zarr.json", what="store", inside=directory).get("attributes")
    except InputError:
        return False
    return isinstance(attributes, dict) and attributes.get("format") in (FORMAT, FIRST_FORMAT)


def examine_recording(path: PathType) -> StoredGroup:
    """A recording whose metadata follow the schema of the format.

    Raises:
        InputError: naming the array or attribute that is missing, mistyped or does not fit.
    """
    if not is_recording(path):
        raise InputError(f"{path}: not a recording of spectra.")
    with naming(path):
        return _examine(Path(path))


def has_noise(store: StoredGroup) -> bool:
    """Whether the noise of the gradient is recorded with the spectra."""
    return any(name in TRACES or name.startswith("noise.") for name in store.arrays)


def recorded_steps(store: StoredGroup) -> np.ndarray:
    """Steps of the complete records.

    Raises:
        InputError: when they do not ascend.
    """
    with naming(store.path):
        steps = read_grid(store.arrays["step"])[: store.attributes["complete"]]
    if (np.diff(steps) <= 0).any() or (steps < 0).any():
        raise InputError(f"{store.path}: array `step` does not ascend: {REMEDY}.")
    return steps


def array_rules(store: StoredGroup) -> dict[str, ArrayRule]:
    """Requirements for each array of a recording; for the noise, only for arrays that exist."""
    newer = store.attributes["format"] != FIRST_FORMAT
    rules = {"step": ArrayRule((("record",),), "i")}
    per_record = [*PER_RECORD, *(name for name in TRACES if name in store.arrays)] if newer else []
    rules |= {name: ArrayRule((("record",),)) for name in per_record}
    for name, shape in store.attributes["matrices"].items():
        levels = ArrayRule((("record", "replica", f"mode_{min(shape)}"),))
        rules[f"eigenvalue.{name}"] = levels
        rules[f"kurtosis.{name}"] = ArrayRule((("record", "replica"),))
        if newer and f"noise.{name}" in store.arrays:
            rules[f"noise.{name}"] = levels
    return rules


def _examine(path: Path) -> StoredGroup:
    store = examine_store(path)
    check_document(store.attributes, _ATTRIBUTES, str(path), REMEDY)
    rules, complete = array_rules(store), store.attributes["complete"]
    for name, shape in store.attributes["matrices"].items():
        for word in ("eigenvalue", "noise"):
            grid = store.arrays.get(f"{word}.{name}")
            if f"{word}.{name}" in rules and grid is not None and grid.shape[2:] != (min(shape),):
                raise InputError(f"{path}: array `{word}.{name}` does not hold {min(shape)} levels: {REMEDY}.")
    # a record being written has reached only some arrays, so only complete ones are counted
    for name, rule in rules.items():
        check_arrays(store, {name: rule})
        grid = store.arrays[name]
        if grid.shape[0] < complete:
            raise InputError(f"{path}: array `{name}` has {grid.shape[0]} records of {complete}: {REMEDY}.")
        may_miss = name == "step" and not store.attributes.get(EVERY_CHUNK)  # older recordings left out a single step 0
        grid.check_chunks(rows=complete, may_miss=may_miss)
    if len({store.arrays[name].shape[1] for name, rule in rules.items() if len(rule.dims[0]) > 1}) > 1:
        raise InputError(f"{path}: its arrays have different numbers of replicas: {REMEDY}.")
    return store
