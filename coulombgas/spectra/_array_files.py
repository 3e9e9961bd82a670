"""Reading ``.npy``, ``.npz`` and HDF5: array by array, never a pickled object, never a linked file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from coulombgas._checks import InputError
from coulombgas._files import (
    ArchivedArray,
    check_dataset,
    list_archive,
    open_hdf5,
    open_regular,
    read_entry,
    read_npy_header,
    reading,
    walk_hdf5,
)

from ._stored import BadArray, StoredArray, real_array


def read_npy(path: Path) -> Iterator[StoredArray | BadArray]:
    """The one array of an ``.npy`` file, named after the file."""
    try:
        with open_regular(path) as file:
            shape, dtype = read_npy_header(path.stem, file, path.stat().st_size)
    except InputError as error:
        yield BadArray(path.stem, str(error))
        return

    def read() -> np.ndarray:
        with reading(path.stem):
            return real_array(path.stem, np.load(path, mmap_mode="r", allow_pickle=False))

    yield StoredArray(path.stem, shape, _word(dtype), read)


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
    def read() -> np.ndarray:
        with reading(entry.name):
            return real_array(entry.name, read_entry(path, entry))

    return StoredArray(entry.name, entry.shape, _word(entry.dtype), read)


def read_hdf5(path: Path) -> Iterator[StoredArray | BadArray]:
    """The datasets of an HDF5 file; links and external storage are not followed, plugins not loaded.

    Raises:
        InputError: when the file cannot be opened.
    """
    with open_hdf5(path) as file:
        found = [_hdf5_entry(path, name, item) for name, item in walk_hdf5(file)]
    yield from found


def _hdf5_entry(path: Path, name: str, dataset: Any) -> StoredArray | BadArray:
    if dataset.shape is None:
        return BadArray(name, f"{name}: an empty dataset.")
    try:
        with reading(name):
            check_dataset(str(path), name, dataset)
    except InputError as error:
        return BadArray(name, str(error))
    if dataset.dtype.hasobject:
        return StoredArray(name, dataset.shape, "object", lambda: real_array(name, np.empty(0, dtype=object)))

    def read() -> np.ndarray:
        with open_hdf5(path) as file, reading(name):
            return real_array(name, np.asarray(file[name][()]))

    return StoredArray(name, tuple(dataset.shape), _word(dataset.dtype), read)


def _word(dtype: np.dtype) -> str:
    return dtype.name
