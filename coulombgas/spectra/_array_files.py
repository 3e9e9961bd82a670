"""Reading ``.npy``, ``.npz`` and HDF5: array by array, never a pickled object, never a linked file."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from coulombgas._checks import InputError

from ._stored import BadArray, StoredArray, real_array


def read_npy(path: Path) -> Iterator[StoredArray | BadArray]:
    """The one array of an ``.npy`` file, named after the file."""
    with path.open("rb") as file:
        found = _npy_header(path.stem, file, path.stat().st_size)
    if isinstance(found, BadArray):
        yield found
        return
    shape, dtype = found

    def read() -> np.ndarray:
        try:
            return real_array(path.stem, np.load(path, mmap_mode="r", allow_pickle=False))
        except (ValueError, OSError) as error:
            raise InputError(f"{path.stem}: cannot be read ({error}).") from None

    yield StoredArray(path.stem, shape, _word(dtype), read)


def read_npz(path: Path) -> Iterator[StoredArray | BadArray]:
    """The arrays of an ``.npz`` file.

    Raises:
        InputError: when it is not a zip archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            found = [_npz_entry(path, archive, entry) for entry in entries]
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise InputError(f"{path}: not an .npz archive, or damaged ({error}).") from None
    yield from found


def read_hdf5(path: Path) -> Iterator[StoredArray | BadArray]:
    """The datasets of an HDF5 file; links and external storage are not followed.

    Raises:
        InputError: when the file cannot be opened.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            found: list[StoredArray | BadArray] = []
            file.visititems(lambda name, item: found.append(_hdf5_entry(path, name, item)) if _is_data(item) else None)
    except (OSError, RuntimeError, KeyError) as error:
        raise InputError(f"{path}: not an HDF5 file, or damaged ({' '.join(str(error).split())}).") from None
    yield from found


def _npz_entry(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> StoredArray | BadArray:
    name = entry.filename.removesuffix(".npy")
    if not entry.filename.endswith(".npy"):
        return BadArray(name, f"{name}: not a NumPy array.")
    try:
        with archive.open(entry) as file:
            found = _npy_header(name, file, entry.file_size)
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError) as error:
        return BadArray(name, f"{name}: damaged ({error}).")
    if isinstance(found, BadArray):
        return found
    shape, dtype = found

    def read() -> np.ndarray:
        try:
            with zipfile.ZipFile(path) as again, again.open(entry) as file:
                return real_array(name, npy_format.read_array(file, allow_pickle=False))
        except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
            raise InputError(f"{name}: damaged ({error}).") from None
        except Exception as error:  # zlib.error and its kin have no common base
            raise InputError(f"{name}: damaged ({type(error).__name__}: {error}).") from None

    return StoredArray(name, shape, _word(dtype), read)


def _npy_header(name: str, file: Any, size: int) -> tuple[tuple[int, ...], np.dtype] | BadArray:
    try:
        version = npy_format.read_magic(file)
        if version == (1, 0):
            shape, _, dtype = npy_format.read_array_header_1_0(file)
        else:
            shape, _, dtype = npy_format.read_array_header_2_0(file)
    except (ValueError, EOFError, UnicodeDecodeError) as error:
        return BadArray(name, f"{name}: not a NumPy array, or damaged ({' '.join(str(error).split())[:120]}).")
    if dtype.hasobject:
        return BadArray(name, f"{name}: holds pickled Python objects, which are never loaded.")
    count = 1
    for side in shape:
        count *= int(side)
    if count * dtype.itemsize > size:
        return BadArray(name, f"{name}: truncated, shape {shape} needs {count * dtype.itemsize:,} bytes of {size:,}.")
    return tuple(int(side) for side in shape), dtype


def _is_data(item: Any) -> bool:
    import h5py

    return isinstance(item, h5py.Dataset)


def _hdf5_entry(path: Path, name: str, dataset: Any) -> StoredArray | BadArray:
    if dataset.external is not None or dataset.is_virtual:
        return BadArray(name, f"{name}: its data lie in another file, which is not opened.")
    if dataset.shape is None:
        return BadArray(name, f"{name}: an empty dataset.")
    if dataset.dtype.hasobject:
        return StoredArray(name, dataset.shape, "object", lambda: real_array(name, np.empty(0, dtype=object)))

    def read() -> np.ndarray:
        import h5py

        try:
            with h5py.File(path, "r") as file:
                return real_array(name, np.asarray(file[name][()]))  # pyright: ignore[reportIndexIssue]
        except (OSError, RuntimeError, KeyError) as error:
            raise InputError(f"{name}: damaged ({' '.join(str(error).split())}).") from None

    return StoredArray(name, tuple(dataset.shape), _word(dataset.dtype), read)


def _word(dtype: np.dtype) -> str:
    return dtype.name
