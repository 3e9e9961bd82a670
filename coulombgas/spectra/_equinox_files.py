"""Reading Equinox's ``.eqx``: arrays one after another, each as ``numpy.save`` writes it, without names.

The names are those of a ``template``, the module that the file was written from (or one like it). Without it the
arrays are numbered; kernels of three or more dimensions are then left out, because the meaning of their axes is
unknown.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from coulombgas._checks import InputError
from coulombgas._files import open_regular, read_npy_header, reading

from ._stored import BadArray, StoredArray, real_array

_MAX_LINE = 1_000_000
_MAX_ARRAYS = 100_000
MAGIC = b"\x93NUMPY"


def read_equinox(path: Path, template: Any = None) -> Iterator[StoredArray | BadArray]:
    """The arrays of a file of ``eqx.tree_serialise_leaves``, a line of JSON before them allowed.

    Raises:
        InputError: when the file is damaged, or the template has other leaves.
    """
    found = _positions(path)
    names = _names(template) if template is not None else None
    if names is not None and [shape for _, shape in names] != [shape for _, shape, _ in found]:
        raise InputError(
            f"{path}: holds {len(found)} arrays, which are not those of `template` ({len(names)} leaves): give the "
            "module that the file was written from."
        )
    for index, (offset, shape, dtype) in enumerate(found):
        name = names[index][0] if names is not None else f"{path.stem}[{index}]"
        yield _array(path, name, offset, shape, dtype, known=names is not None)


def _positions(path: Path) -> list[tuple[int, tuple[int, ...], np.dtype]]:
    """Where each array begins, its shape and type."""
    found = []
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if file.read(1) == b"{":
            file.readline(_MAX_LINE)
        else:
            file.seek(0)
        while file.tell() < size:
            offset = file.tell()
            shape, dtype = read_npy_header(f"{path}: array {len(found)}", file, size - offset)
            file.seek(math.prod(shape) * dtype.itemsize, os.SEEK_CUR)
            if file.tell() > size:
                raise InputError(f"{path}: truncated in array {len(found)}: copy it again.")
            found.append((offset, shape, dtype))
            if len(found) > _MAX_ARRAYS:
                raise InputError(f"{path}: more than {_MAX_ARRAYS:,} arrays are never read.")
    return found


def _names(template: Any) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the leaves that Equinox writes: arrays and numbers."""
    import jax

    leaves = jax.tree_util.tree_flatten_with_path(template)[0]
    return [
        (_dotted(place), tuple(np.shape(leaf)))
        for place, leaf in leaves
        if hasattr(leaf, "shape") or isinstance(leaf, bool | int | float | complex)
    ]


def _dotted(place: Any) -> str:
    words = [getattr(key, "name", None) or getattr(key, "key", None) or getattr(key, "idx", "") for key in place]
    return ".".join(map(str, words))


def _array(path: Path, name: str, offset: int, shape: tuple[int, ...], dtype: np.dtype, *, known: bool) -> StoredArray:
    def raw() -> np.ndarray:
        with open_regular(path) as file, reading(name):
            file.seek(offset)
            return npy_format.read_array(file, allow_pickle=False)

    layout = "unknown" if len(shape) > 2 and not known else ""
    return StoredArray(name, shape, dtype.name, lambda: real_array(name, raw()), layout=layout, raw=raw)
