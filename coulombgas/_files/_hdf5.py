"""HDF5 files, checked before their arrays are read: no other file is opened, no plugin loaded, no size trusted."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from coulombgas._checks import InputError

from ._archive import open_member
from ._regular import check_not_empty, check_size, open_regular, reading, regular_file

_FILTERS = {1, 2, 3, 4, 5, 6, 32000}
"""deflate, shuffle, fletcher32, szip, nbit, scaleoffset, and h5py's own lzf: all others are plugins, which are code."""
_MAX_EXPANSION = 1100  # deflate makes at most 1032 bytes of one
_MAX_ITEMS = 100_000


@contextmanager
def open_hdf5(path: Path, member: str | None = None) -> Iterator[Any]:
    """An HDF5 file for reading (``h5py.File``), or one that is a ``member`` of a zip archive.

    Raises:
        InputError: when it is not a regular file, or not HDF5.
    """
    import h5py

    file = regular_file(path)
    with open_regular(file) as handle:
        check_not_empty(file, handle)
    with ExitStack() as stack:
        source = file if member is None else stack.enter_context(open_member(file, member))
        with reading(file):
            opened = stack.enter_context(h5py.File(source, "r"))
            yield opened


def check_hdf5(path: Path) -> None:
    """Check that every dataset of a file may be read.

    Raises:
        InputError: naming the first that lies in another file, needs a plugin, or does not fit into memory or the file.
    """
    with open_hdf5(path) as file:
        for name, dataset in walk_hdf5(file):
            with reading(path, name):
                check_dataset(str(path), name, dataset)


def walk_hdf5(file: Any) -> Iterator[tuple[str, Any]]:
    """Names and datasets of a file, each once; links to other files are not followed.

    Raises:
        InputError: when there are more than any checkpoint has.
    """
    import h5py

    found: list[str] = []

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found.append(name)
        if len(found) > _MAX_ITEMS:
            raise InputError(f"more than {_MAX_ITEMS:,} datasets are never read.")

    file.visititems(note)
    for name in found:
        yield name, file[name]


def check_dataset(source: str, name: str, dataset: Any) -> None:
    """Check that one dataset may be read; see :func:`check_hdf5`."""
    import h5py

    if dataset.external is not None or dataset.is_virtual:
        raise InputError(f"{name}: its data are in another file, which is not opened: write them into this file.")
    layout = dataset.id.get_create_plist()
    for index in range(layout.get_nfilters()):
        number = layout.get_filter(index)[0]
        if number not in _FILTERS:
            raise InputError(f"{name}: stored with filter {number}, a plugin: write it with gzip or uncompressed.")
    if dataset.shape is None or h5py.check_string_dtype(dataset.dtype) is not None:
        return
    size = check_size(source, name, dataset.shape, dataset.dtype.itemsize)
    chunks = dataset.chunks
    if chunks is not None:
        check_size(source, f"{name}: a chunk", chunks, dataset.dtype.itemsize)
    if size > 2**28 and size > _MAX_EXPANSION * max(dataset.id.get_storage_size(), 1):
        raise InputError(
            f"{name}: shape {dataset.shape} does not fit in the file, which is far too short: the file is damaged."
        )
