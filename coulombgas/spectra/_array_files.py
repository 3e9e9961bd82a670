"""Reading ``.npy``, ``.npz``, HDF5 and Keras files: array by array, never a pickled object, never a linked file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from coulombgas._checks import InputError
from coulombgas._files import (
    ArchivedArray,
    check_dataset,
    list_archive,
    list_members,
    open_hdf5,
    open_member,
    open_regular,
    read_entry,
    read_npy_header,
    reading,
    walk_hdf5,
)

from ._keras_files import keras_array, layer_name_of, layers_of, read_layers
from ._stored import BadArray, StoredArray, real_array

KERAS_WEIGHTS, KERAS_CONFIG = "model.weights.h5", "config.json"
MAX_METADATA = 50_000_000


def read_npy(path: Path) -> Iterator[StoredArray | BadArray]:
    """The one array of an ``.npy`` file, named after the file."""
    try:
        with open_regular(path) as file:
            shape, dtype = read_npy_header(path.stem, file, path.stat().st_size)
    except InputError as error:
        yield BadArray(path.stem, str(error))
        return

    def raw() -> np.ndarray:
        with reading(path.stem):
            return np.load(path, mmap_mode="r", allow_pickle=False)

    yield StoredArray(path.stem, shape, _word(dtype), lambda: real_array(path.stem, raw()), raw=raw)


def read_npz(path: Path) -> Iterator[StoredArray | BadArray]:
    """The arrays of an ``.npz`` file.

    Raises:
        InputError: when it is not a zip archive.
    """
    for entry in list_archive(path):
        if isinstance(entry, InputError):
            yield BadArray(str(entry).split(":")[0], str(entry))
        else:
            yield _npz_array(path, entry)


def _npz_array(path: Path, entry: ArchivedArray) -> StoredArray:
    def raw() -> np.ndarray:
        with reading(entry.name):
            return read_entry(path, entry)

    return StoredArray(entry.name, entry.shape, _word(entry.dtype), lambda: real_array(entry.name, raw()), raw=raw)


def read_hdf5(path: Path) -> Iterator[StoredArray | BadArray]:
    """The datasets of an HDF5 file; links and external storage are not followed, plugins not loaded.

    Raises:
        InputError: when the file cannot be opened.
    """
    yield from _hdf5(path, None, "")


def read_keras(path: Path) -> Iterator[StoredArray | BadArray]:
    """The variables of a ``.keras`` archive, read in place.

    Raises:
        InputError: when the archive or the weights in it are damaged.
    """
    config = ""
    if KERAS_CONFIG in list_members(path):
        with open_member(path, KERAS_CONFIG) as member:
            config = member.read(MAX_METADATA).decode("utf-8", "replace")
    yield from _hdf5(path, KERAS_WEIGHTS, config)


def _hdf5(path: Path, member: str | None, config: str) -> Iterator[StoredArray | BadArray]:
    with open_hdf5(path, member) as file:
        layers = read_layers(config, str(path)) if config else layers_of(file, str(path))
        found = []
        for name, item in walk_hdf5(file):
            entry = _hdf5_entry(path, member, name, item)
            keras = isinstance(entry, StoredArray)
            found.append(keras_array(entry, layers, layer_name_of(file, name)) if keras else entry)
    yield from found


def _hdf5_entry(path: Path, member: str | None, name: str, dataset: Any) -> StoredArray | BadArray:
    """One dataset of an HDF5 file, to be read later, or what is wrong with it."""
    if dataset.shape is None:
        return BadArray(name, f"{name}: an empty dataset.")
    try:
        with reading(name):
            check_dataset(str(path), name, dataset)
    except InputError as error:
        return BadArray(name, str(error))
    if dataset.dtype.hasobject:
        return StoredArray(name, dataset.shape, "object", lambda: real_array(name, np.empty(0, dtype=object)))

    def raw() -> np.ndarray:
        with open_hdf5(path, member) as file, reading(name):
            return np.asarray(file[name][()])

    shape = tuple(int(side) for side in dataset.shape)
    return StoredArray(name, shape, _word(dataset.dtype), lambda: real_array(name, raw()), raw=raw)


def _word(dtype: np.dtype) -> str:
    return dtype.name
