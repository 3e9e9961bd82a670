"""Reading Flax's msgpack: a tree of dictionaries with arrays as extensions, large ones in pieces."""

import math
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from coulombgas._checks import InputError
from coulombgas._files import check_size, open_regular, reading

from ._stored import BadArray, StoredArray, real_array

_ARRAY, _SCALAR = 1, 3
_MAX_DEPTH = 40
_CHUNKED = "__msgpack_chunked_array__"


def read_msgpack(path: Path) -> Iterator[StoredArray | BadArray]:
    """The arrays of a file of ``flax.serialization.to_bytes``, keys joined with slashes.

    Raises:
        InputError: without the msgpack package, or when the file is damaged.
    """
    try:
        import msgpack  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError(f"{path}: a msgpack file needs msgpack: pip install coulombgas[formats].") from None
    with open_regular(path) as file, reading(path):
        check_size(str(path), "its arrays together", (os.fstat(file.fileno()).st_size,), 2)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            tree = msgpack.unpackb(mapped, ext_hook=_Extension, raw=False, strict_map_key=False)
        yield from _walk(msgpack, "", tree, 0)


class _Extension:
    """An array, not yet decoded."""

    def __init__(self, code: int, data: bytes):
        self.code, self.data = code, data

    def describe(self, msgpack: Any) -> tuple[tuple[int, ...], np.dtype, bytes]:
        """Shape, type and bytes of the array that an extension holds."""
        shape, word, content = msgpack.unpackb(self.data, raw=True)
        word = word.decode("ascii")
        if word == "bfloat16" or word.startswith("float8"):
            import ml_dtypes

            dtype = np.dtype(getattr(ml_dtypes, word))
        else:
            dtype = np.dtype(word)
        sides = tuple(shape)
        if dtype.hasobject or not all(type(side) is int and side >= 0 for side in sides):
            raise ValueError("no array of numbers")
        if math.prod(sides) * dtype.itemsize != len(content):
            raise ValueError(f"{len(content)} bytes cannot hold shape {sides}")
        return sides, dtype, content


def _walk(msgpack: Any, name: str, value: Any, depth: int) -> Iterator[StoredArray | BadArray]:
    """All arrays of a nested document by path."""
    if depth > _MAX_DEPTH:
        yield BadArray(name, f"{name}: nested too deeply: save its parameters alone.")
    elif isinstance(value, _Extension):
        if value.code in (_ARRAY, _SCALAR):
            yield _array(msgpack, name, [value], None)
    elif isinstance(value, dict) and _CHUNKED in value:
        yield _chunked(msgpack, name, value)
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _walk(msgpack, f"{name}/{key}" if name else str(key), item, depth + 1)


def _chunked(msgpack: Any, name: str, value: dict) -> StoredArray | BadArray:
    def numbers(item: Any) -> list[Any]:  # lists are stored as dictionaries by index
        return [item[str(index)] for index in range(len(item))] if isinstance(item, dict) else list(item)

    try:
        return _array(msgpack, name, numbers(value["chunks"]), tuple(int(side) for side in numbers(value["shape"])))
    except (KeyError, TypeError, ValueError, AttributeError):
        return BadArray(name, f"{name}: its pieces are damaged: write the file again.")


def _array(msgpack: Any, name: str, pieces: list, whole: tuple[int, ...] | None) -> StoredArray | BadArray:
    """One array from its pieces, to be read later, or what is wrong with it."""
    try:
        described = [piece.describe(msgpack) for piece in pieces]
        shape = described[0][0] if whole is None else whole
        dtype = described[0][1]
        if math.prod(shape) != sum(math.prod(part[0]) for part in described):
            raise ValueError("its pieces do not fill it")
    except Exception as error:  # whatever NumPy or msgpack raise on foreign bytes
        return BadArray(name, f"{name}: damaged ({' '.join(str(error).split())[:100]}): write the file again.")

    def raw() -> np.ndarray:
        with reading(name):
            flat = [np.frombuffer(content, dtype=part) for _, part, content in described]
            return (flat[0] if len(flat) == 1 else np.concatenate(flat)).reshape(shape)

    return StoredArray(name, shape, dtype.name, lambda: real_array(name, raw()), raw=raw)
