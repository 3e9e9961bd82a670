"""One array of a Zarr store with valid metadata: its chunks, its numbers, and the rules of a format for it."""

import math
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coulombgas._checks import InputError

from ._regular import reading

_WIDTH = {"bool": 1, "bfloat16": 2}


@dataclass(frozen=True)
class StoredGrid:
    """The metadata of one array, all checked."""

    name: str
    location: Path
    shape: tuple[int, ...]
    dtype: str
    """NumPy's name of the type, such as "float32"."""
    chunks: tuple[int, ...]
    dims: tuple[str, ...] | None
    fill: Any
    prefix: str
    separator: str
    version: int
    """Of the format."""
    inner: int = 1
    """Chunks inside a shard."""
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def itemsize(self) -> int:
        """Bytes of one number."""
        return _WIDTH.get(self.dtype) or int(re.sub(r"\D", "", self.dtype)) // 8

    @property
    def kind(self) -> str:
        """NumPy's letter for the kind of type: b, i, u, f or c."""
        return "f" if self.dtype == "bfloat16" else self.dtype[0]

    @property
    def num_chunks(self) -> int:
        """Number of chunks in the whole grid."""
        return math.prod(-(-side // chunk) for side, chunk in zip(self.shape, self.chunks, strict=True))

    def chunk_files(self, rows: int | None = None) -> Iterator[Path]:
        """Paths of the chunks, in order; only those of the first ``rows`` along the first axis when given."""
        shape = self.shape if rows is None or not self.shape else (min(rows, self.shape[0]), *self.shape[1:])
        counts = [range(-(-side // chunk)) for side, chunk in zip(shape, self.chunks, strict=True)]
        for index in product(*counts):
            words = [self.prefix] if self.prefix else []
            words += map(str, index) if index else ([] if self.prefix else ["0"])
            yield self.location / self.separator.join(words)

    def check_chunks(self, *, rows: int | None = None, may_miss: bool = False) -> None:
        """Check that every chunk is a regular file of plausible size.

        Raises:
            InputError: when one is missing (unless ``may_miss``), a pipe, device or link, or far longer than its
                numbers could need, like a decompression bomb.
        """
        most = 4 * math.prod(self.chunks) * self.itemsize + 64 * self.inner + 1024
        for file in self.chunk_files(rows):
            try:
                found = os.lstat(file)
            except OSError:
                if may_miss:
                    continue
                missing = file.relative_to(self.location).as_posix()
                raise InputError(
                    f"{self.name}: chunk {missing} is missing: copy the store again, or write it again with all chunks."
                ) from None
            if not stat.S_ISREG(found.st_mode):
                raise InputError(f"{self.name}: chunk {file.name} is not a regular file: copy its contents into one.")
            if found.st_size > most:
                raise InputError(
                    f"{self.name}: chunk {file.name} has {found.st_size:,} bytes, more than its numbers could need: "
                    "the store is damaged."
                )


@dataclass(frozen=True)
class StoredGroup:
    """A store as its metadata describe it."""

    path: Path
    attributes: dict[str, Any]
    arrays: dict[str, StoredGrid]


class ArrayRule(NamedTuple):
    """Requirements for an array of one of our formats."""

    dims: tuple[tuple[str, ...], ...]
    """Allowed tuples of dimension names; the same name means the same length in all arrays."""
    kinds: str = "f"
    """Allowed kinds of type: f real, i and u integer, b boolean."""
    optional: bool = False


_KIND_WORDS = {"f": "real numbers", "i": "whole numbers", "u": "whole numbers", "b": "truth values"}


def check_arrays(store: StoredGroup, rules: Mapping[str, ArrayRule], *, sizes: Mapping[str, int] | None = None) -> None:
    """Check that the arrays of a store follow the rules of its format.

    Raises:
        InputError: naming the array that is missing, has another type, or does not fit the others.
    """
    known = dict(sizes or {})
    for name, rule in rules.items():
        grid = store.arrays.get(name)
        if grid is None:
            if rule.optional:
                continue
            held = ", ".join(list(store.arrays)[:6]) or "nothing"
            raise InputError(f"{store.path}: array `{name}` is missing: the store is damaged; it holds {held}.")
        if grid.kind not in rule.kinds:
            wanted = " or ".join(dict.fromkeys(_KIND_WORDS[kind] for kind in rule.kinds))
            raise InputError(
                f"{store.path}: array `{name}` must hold {wanted}, got {grid.dtype}: the store is damaged."
            )
        fits = grid.dims in rule.dims or (grid.dims is None and len(grid.shape) in map(len, rule.dims))
        if not fits:
            raise InputError(
                f"{store.path}: array `{name}` must have the dimensions {' or '.join(map(str, rule.dims))}, "
                f"got {grid.dims}: the store is damaged."
            )
        for dim, size in zip(grid.dims or (), grid.shape, strict=True) if grid.dims else ():
            if known.setdefault(dim, size) != size:
                raise InputError(
                    f"{store.path}: array `{name}` has {size} along `{dim}`, other arrays {known[dim]}: "
                    "the store is damaged."
                )


def read_grid(grid: StoredGrid) -> np.ndarray:
    """The numbers of an array that has been examined.

    Raises:
        InputError: when they cannot be decoded.
    """
    import zarr

    with reading(grid.name):
        opened: Any = zarr.open_array(str(grid.location), mode="r", zarr_format=grid.version)  # pyright: ignore[reportArgumentType]
        values = np.asarray(opened[...])
    if values.shape != grid.shape:
        raise InputError(f"{grid.name}: has shape {values.shape}, not {grid.shape}: the store is damaged.")
    return values
