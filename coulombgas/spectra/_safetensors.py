"""Reading ``.safetensors``: the header is checked before anything of its size is allocated, arrays are mapped."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from coulombgas._checks import InputError
from coulombgas._files import links_stay_in, open_regular, read_json, reading, regular_file

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
_OTHERS = {"BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "U32": 4, "I32": 4, "U64": 8, "I64": 8, "C64": 8}


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


def read_index(path: Path) -> Iterator[StoredArray | BadArray]:
    """The arrays of a checkpoint in several ``.safetensors`` files, from its ``….index.json``."""
    inside = links_stay_in(path.parent)
    weight_map = read_json(path, what="index", inside=inside).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(value, str) for value in weight_map.values()):
        raise InputError(f"{path}: not an index of a sharded checkpoint (JSON with `weight_map`).")
    shards = dict.fromkeys(weight_map.values())
    for shard in shards:
        if Path(shard).name != shard or shard in ("", ".", "..") or "\\" in shard:
            raise InputError(f"{path}: shard {shard!r} is not a plain file name beside the index.")
    for shard in shards:
        file = path.parent / shard
        if not file.exists():
            yield BadArray(shard, f"{file}: shard is missing.")
            continue
        try:
            regular_file(file, inside=inside)
            yield from (array for array in read_safetensors(file) if weight_map.get(array.name) == shard)
        except InputError as error:
            yield BadArray(shard, str(error))


def _header(path: Path) -> tuple[dict[str, Any], int]:
    size = regular_file(path).stat().st_size
    with open_regular(path) as file:
        head = file.read(8)
        if len(head) < 8:
            raise InputError(f"{path}: truncated, {len(head)} bytes are no safetensors file.")
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
    try:
        dtype, shape = str(entry["dtype"]), tuple(entry["shape"])
        begin, end = entry["data_offsets"]
        if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
            raise ValueError
    except (KeyError, TypeError, ValueError):
        return BadArray(name, f"{name}: its entry in the header is malformed.")
    width = _OTHERS.get(dtype) or (np.dtype(_storage(dtype)).itemsize if _storage(dtype) is not None else None)
    if width is None:
        return BadArray(name, f"{name}: unknown type {dtype!r}.")
    count = 1
    for side in shape:
        count *= side
    if end - begin != count * width:
        return BadArray(name, f"{name}: {end - begin} bytes cannot hold shape {shape} of type {dtype}.")
    if end > available:
        return BadArray(name, f"{name}: truncated, {end - available:,} of its bytes are missing from {path.name}.")

    def read() -> np.ndarray:
        with reading(name):
            mapped = np.memmap(path, dtype=_storage(dtype), mode="r", offset=start + begin, shape=shape)
            return real_array(name, np.asarray(mapped))

    return StoredArray(name, shape, dtype, read)


def _storage(dtype: str) -> Any:
    if dtype in _FLOATS:
        return np.dtype(_FLOATS[dtype]).newbyteorder("<")
    if dtype in _NARROW_FLOATS:
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, _NARROW_FLOATS[dtype]))
    return None
