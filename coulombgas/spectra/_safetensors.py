"""Reading safetensors: the header is checked before anything of its size is allocated, arrays are mapped."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from coulombgas._checks import InputError
from coulombgas._files import open_regular, reading, regular_file

from ._stored import BadArray, StoredArray, real_array

MAX_HEADER = 100_000_000
"""Longest header in bytes, as in the reference implementation of the format."""
_FLOATS = {"F64": "float64", "F32": "float32", "F16": "float16"}
_NARROW_FLOATS = {
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
}  # fmt: skip
_OTHERS = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "C64": "<c8",
}  # fmt: skip


def read_safetensors(path: Path) -> Iterator[StoredArray | BadArray]:
    """The arrays of one ``.safetensors`` file.

    Raises:
        InputError: for a truncated file or a header that is too long, not JSON, or points outside the file.
    """
    header, start = _header(path)
    available = path.stat().st_size - start
    for name, entry in header.items():
        if name != "__metadata__":
            yield _describe(path, name, entry, start, available)


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The header and the offset of the data, with sizes checked before anything is read."""
    size = regular_file(path).stat().st_size
    with open_regular(path) as file:
        head = file.read(8)
        if len(head) < 8:
            raise InputError(f"{path}: truncated, {len(head)} bytes are not a safetensors file.")
        (length,) = struct.unpack("<Q", head)
        if length > MAX_HEADER:
            raise InputError(f"{path}: claims a header of {length:,} bytes; more than {MAX_HEADER:,} is never read.")
        if 8 + length > size:
            raise InputError(f"{path}: truncated, its header of {length:,} bytes ends after the file ({size:,} bytes).")
        text = file.read(length)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise InputError(f"{path}: the header is not JSON: no safetensors file, or damaged.")
    return header, 8 + length


def _describe(path: Path, name: str, entry: Any, start: int, available: int) -> StoredArray | BadArray:
    """One tensor, to be read later from a memory map, or what is wrong with it."""
    try:
        dtype, shape = str(entry["dtype"]), tuple(entry["shape"])
        begin, end = entry["data_offsets"]
        if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
            raise ValueError
    except (KeyError, TypeError, ValueError):
        return BadArray(name, f"{name}: its entry in the header is malformed.")
    if _storage(dtype) is None:
        return BadArray(name, f"{name}: unknown type {dtype!r}: save it as F32.")
    width = np.dtype(_storage(dtype)).itemsize
    count = 1
    for side in shape:
        count *= side
    if end - begin != count * width:
        return BadArray(name, f"{name}: {end - begin} bytes cannot hold shape {shape} of type {dtype}.")
    if end > available:
        return BadArray(name, f"{name}: truncated, {end - available:,} of its bytes are missing from {path.name}.")

    def raw() -> np.ndarray:
        with reading(name):
            if 0 in shape:
                return np.empty(shape, dtype=_storage(dtype))
            return np.asarray(np.memmap(path, dtype=_storage(dtype), mode="r", offset=start + begin, shape=shape))

    return StoredArray(name, shape, dtype, lambda: real_array(name, raw()), raw=raw)


def _storage(dtype: str) -> Any:
    if dtype in _FLOATS:
        return np.dtype(_FLOATS[dtype]).newbyteorder("<")
    if dtype in _NARROW_FLOATS:
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, _NARROW_FLOATS[dtype]))
    return np.dtype(_OTHERS[dtype]) if dtype in _OTHERS else None
