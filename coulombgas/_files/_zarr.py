"""Zarr stores, checked before Zarr opens them: metadata, codecs, types, shapes and chunk files.

Zarr decodes what numcodecs can decode, and numcodecs 0.16.3 can unpickle: a store whose array has the filter
``pickle`` runs code when it is opened. So every store is checked here first, and is then opened without its
consolidated metadata, whose arrays could differ from those of the files.
"""

import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coulombgas._checks import InputError

from ._grid import StoredGrid, StoredGroup
from ._regular import check_size, read_json, within

SAFE_CODECS = frozenset({
    "astype", "bitround", "blosc", "bytes", "bz2", "crc32", "crc32c", "delta", "fixedscaleoffset", "gzip", "lz4",
    "lzma", "packbits", "quantize", "sharding_indexed", "shuffle", "transpose", "zlib", "zstd",
})  # fmt: skip
"""Codecs that turn bytes into numbers and do nothing else."""
_NUMBERS = frozenset({
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
    "bfloat16", "complex64", "complex128",
})  # fmt: skip
_V2_DTYPE = re.compile(r"[<>|=]?([biufc])(1|2|4|8|16)")
_V2_WORDS = {"b": "bool", "i": "int", "u": "uint", "f": "float", "c": "complex"}
MARKS = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
"""Any of these files marks a directory as a Zarr store."""
MAX_CHUNKS = 1_000_000
_MAX_ARRAYS = 100_000
_MAX_SIDE = 2**62


def is_store(directory: Path) -> bool:
    """Whether a directory is marked as a Zarr store."""
    return any((directory / mark).exists() for mark in MARKS)


def examine_store(directory: Path) -> StoredGroup:
    """A store whose metadata are all valid, arrays named by their path in it; nothing has been decoded.

    Raises:
        InputError: naming the array and what is wrong with it.
    """
    attributes = examine_group(directory)
    arrays: dict[str, StoredGrid] = {}
    for name, location in list_arrays(directory):
        arrays[name] = examine_array(location, name, inside=directory)
        if len(arrays) > _MAX_ARRAYS:
            raise InputError(f"{directory}: more than {_MAX_ARRAYS:,} arrays are never read.")
    sizes = [math.prod(grid.shape) * grid.itemsize for grid in arrays.values()]
    check_size(str(directory), "its arrays together", (sum(sizes),), 1)
    return StoredGroup(directory, attributes, arrays)


def list_arrays(directory: Path) -> Iterator[tuple[str, Path]]:
    """Names and locations of the arrays of a store; linked folders are not entered."""
    for folder, folders, files in os.walk(directory, followlinks=False):
        folders.sort()
        location = Path(folder)
        marked = [mark for mark in ("zarr.json", ".zarray", ".zgroup") if mark in files]
        if not marked:
            # chunks and foreign folders: only a group of format 2 may be without a mark of its own
            folders[:] = folders if location == directory else []
            continue
        if _is_array(location, marked, directory):
            folders.clear()
            yield (location.relative_to(directory).as_posix() if location != directory else directory.stem), location


def examine_array(location: Path, name: str, *, inside: Path | None = None) -> StoredGrid:
    """The metadata of one array, checked; nothing has been decoded.

    Raises:
        InputError: beginning with the name of the array.
    """
    inside = location if inside is None else inside
    if not within(location, inside):
        raise InputError(f"{name}: a link that leaves the store, which is not followed.")
    try:
        if (location / "zarr.json").exists():
            return _version_3(location, name, read_json(location / "zarr.json", what="store", inside=inside))
        metadata = read_json(location / ".zarray", what="store", inside=inside)
        return _version_2(location, name, metadata, _attributes_2(location, inside))
    except InputError as error:
        raise InputError(str(error) if str(error).startswith(f"{name}: ") else f"{name}: {error}") from None


def examine_group(directory: Path) -> dict[str, Any]:
    """Attributes of the group, or array, at the top of a store, after its statements about arrays have been checked.

    Raises:
        InputError: when its metadata are damaged, or their consolidated copy holds something not allowed in an array.
    """
    file = directory / "zarr.json"
    if not is_store(directory):
        raise InputError(f"{directory}: not a Zarr store (no zarr.json in it), or damaged.")
    if not file.exists():
        if (directory / ".zmetadata").exists():
            _check_consolidated(directory, read_json(directory / ".zmetadata", what="store", inside=directory))
        return _attributes_2(directory, directory)
    metadata = read_json(file, what="store", inside=directory)
    if metadata.get("zarr_format") != 3 or metadata.get("node_type") not in ("group", "array"):
        raise InputError(f"{file}: neither a group nor an array of Zarr format 3: the store is damaged.")
    if metadata.get("consolidated_metadata") is not None:
        _check_consolidated(directory, metadata["consolidated_metadata"])
    return _dict(metadata.get("attributes", {}), f"{file}: `attributes`")


def _check_consolidated(directory: Path, consolidated: Any) -> None:
    """Check that the copy of all metadata holds nothing that the arrays themselves may not."""
    entries = _dict(consolidated, f"{directory}: its consolidated metadata").get("metadata", {})
    for name, entry in _dict(entries, f"{directory}: its consolidated metadata").items():
        if not isinstance(entry, dict):
            raise InputError(f"{directory}: its consolidated metadata of {name!r} are damaged.")
        if "shape" in entry:
            location = directory / str(name).removesuffix("/.zarray")
            version = _version_2 if entry.get("zarr_format") == 2 else _version_3
            extra = ({},) if version is _version_2 else ()
            version(location, str(name), entry, *extra)


def consolidate(directory: Path) -> None:
    """Copy the metadata of all arrays into those of the group, so that they open in one read.

    For finished stores only: an array appended to later would differ from its copy. :func:`separate` takes it back.
    """
    file = directory / "zarr.json"
    metadata = json.loads(file.read_text(encoding="utf-8"))
    arrays = {one.parent.relative_to(directory).as_posix(): one for one in sorted(directory.glob("*/**/zarr.json"))}
    copies = {name: json.loads(one.read_text(encoding="utf-8")) for name, one in arrays.items()}
    metadata["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": copies}
    _replace(file, metadata)


def separate(directory: Path) -> None:
    """Drop the copy that :func:`consolidate` made, before arrays change."""
    file = directory / "zarr.json"
    metadata = json.loads(file.read_text(encoding="utf-8"))
    if metadata.pop("consolidated_metadata", None) is not None:
        _replace(file, metadata)


def _replace(file: Path, metadata: dict[str, Any]) -> None:
    temporary = file.with_name(".zarr.json.tmp")
    temporary.write_text(json.dumps(metadata, indent=2), encoding="utf-8")
    temporary.replace(file)


def _is_array(location: Path, marked: list[str], root: Path) -> bool:
    if marked[0] != "zarr.json":
        return marked[0] == ".zarray"
    return read_json(location / "zarr.json", what="store", inside=root).get("node_type") == "array"


def _version_3(location: Path, name: str, metadata: dict[str, Any]) -> StoredGrid:
    """The description of an array of Zarr format 3, from its checked metadata."""
    if metadata.get("zarr_format") != 3 or metadata.get("node_type") != "array":
        raise InputError(f"{name}: not an array of Zarr format 3: the store is damaged.")
    shape = _sides(name, "shape", metadata.get("shape"))
    codecs = _checked_codecs(name, metadata.get("codecs"))
    if metadata.get("storage_transformers"):
        raise InputError(f"{name}: uses storage transformers, which are not known.")
    dtype = metadata.get("data_type")
    if not isinstance(dtype, str) or dtype not in _NUMBERS:
        raise InputError(f"{name}: holds {_short(dtype)}: Python objects or records, not numbers.")
    grid = _dict(metadata.get("chunk_grid"), f"{name}: `chunk_grid`")
    if grid.get("name") != "regular":
        raise InputError(f"{name}: its chunk grid {_short(grid.get('name'))} is not regular.")
    chunks = _sides(name, "chunk_shape", _dict(grid.get("configuration"), f"{name}: `chunk_grid`").get("chunk_shape"))
    encoding = _dict(metadata.get("chunk_key_encoding", {"name": "default"}), f"{name}: `chunk_key_encoding`")
    options = _dict(encoding.get("configuration", {}), f"{name}: `chunk_key_encoding`")
    default = encoding.get("name") == "default"
    separator = options.get("separator", "/" if default else ".")
    if encoding.get("name") not in ("default", "v2") or separator not in ("/", "."):
        raise InputError(f"{name}: `chunk_key_encoding` {_short(encoding)} is not known.")
    dims = metadata.get("dimension_names")
    if dims is not None and not (isinstance(dims, list) and len(dims) == len(shape)):
        raise InputError(f"{name}: `dimension_names` {_short(dims)} do not fit its shape {_short(shape)}.")
    return _checked(StoredGrid(
        name, location, shape, dtype, chunks, None if dims is None else tuple(map(str, dims)),
        metadata.get("fill_value"), "c" if default else "", separator, 3, _inner(chunks, codecs),
        _dict(metadata.get("attributes", {}), f"{name}: `attributes`"),
    ))  # fmt: skip


def _version_2(location: Path, name: str, metadata: dict[str, Any], attributes: dict[str, Any]) -> StoredGrid:
    """The description of an array of Zarr format 2, from its checked metadata."""
    if metadata.get("zarr_format") != 2:
        raise InputError(f"{name}: not an array of Zarr format 2: the store is damaged.")
    shape = _sides(name, "shape", metadata.get("shape"))
    compressor, filters = metadata.get("compressor"), metadata.get("filters")
    _checked_codecs(name, [] if compressor is None else [compressor])
    _checked_codecs(name, [] if filters is None else filters)
    dtype = metadata.get("dtype")
    found = _V2_DTYPE.fullmatch(dtype) if isinstance(dtype, str) else None
    if found is None:
        raise InputError(f"{name}: holds {_short(dtype)}: Python objects or records, not numbers.")
    word = _V2_WORDS[found[1]] + ("" if found[1] == "b" else str(8 * int(found[2])))
    if word not in _NUMBERS:
        raise InputError(f"{name}: type {_short(dtype)} is not known.")
    separator = metadata.get("dimension_separator", ".")
    if separator not in ("/", ".") or metadata.get("order", "C") not in ("C", "F"):
        raise InputError(f"{name}: `dimension_separator` or `order` is not known: the store is damaged.")
    chunks = _sides(name, "chunks", metadata.get("chunks"))
    dims = attributes.get("_ARRAY_DIMENSIONS")
    named = tuple(map(str, dims)) if isinstance(dims, list) and len(dims) == len(shape) else None
    return _checked(
        StoredGrid(name, location, shape, word, chunks, named, metadata.get("fill_value"), "", separator, 2)
    )


def _checked(grid: StoredGrid) -> StoredGrid:
    if len(grid.chunks) != len(grid.shape) or 0 in grid.chunks:
        raise InputError(f"{grid.name}: chunks {_short(grid.chunks)} do not fit its shape {_short(grid.shape)}.")
    if grid.num_chunks > MAX_CHUNKS:
        raise InputError(f"{grid.name}: {grid.num_chunks:,} chunks, more than {MAX_CHUNKS:,} are never read.")
    # a chunk is decoded whole, however little of it the array needs
    if math.prod(grid.chunks) > 64 * math.prod(max(side, 1) for side in grid.shape) + 1_000_000:
        raise InputError(f"{grid.name}: chunks {_short(grid.chunks)} are far larger than its shape {_short(grid.shape)}.")  # fmt: skip  # noqa: E501
    return grid


def _sides(name: str, word: str, value: Any) -> tuple[int, ...]:
    good = isinstance(value, list) and len(value) <= 32
    if not good or not all(type(side) is int and 0 <= side <= _MAX_SIDE for side in value):
        raise InputError(f"{name}: its Zarr metadata have no valid shape (`{word}` is {_short(value)}).")
    return tuple(value)


def _checked_codecs(name: str, codecs: Any) -> list[Any]:
    if not isinstance(codecs, list):
        raise InputError(f"{name}: its list of codecs is damaged.")
    unsafe = sorted(_codec_names(codecs) - SAFE_CODECS)
    if unsafe:
        raise InputError(f"{name}: encoded with {unsafe[0]!r}, which is not trusted to be free of code.")
    return codecs


def _codec_names(value: Any) -> set[str]:
    """Names of all codecs in a list, however deeply nested; one without a name is reported as such."""
    names: set[str] = set()
    for codec in value:
        if isinstance(codec, str):
            names.add(codec.removeprefix("numcodecs."))
        elif isinstance(codec, dict) and ({"id", "name"} & codec.keys()):
            names |= {str(codec[key]).removeprefix("numcodecs.") for key in ("id", "name") if key in codec}
            names |= _nested_names([item for key, item in codec.items() if key not in ("id", "name")])
        else:
            names.add("a codec without a name")
    return names


def _nested_names(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {str(value[key]).removeprefix("numcodecs.") for key in ("id", "name") if key in value}
        return own.union(*(_nested_names(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(_nested_names(item) for item in value))
    return set()


def _inner(chunks: tuple[int, ...], codecs: list[Any]) -> int:
    for codec in codecs:
        if isinstance(codec, dict) and codec.get("name") == "sharding_indexed":
            inner = codec.get("configuration", {}).get("chunk_shape") if isinstance(codec.get("configuration"), dict) else None  # fmt: skip  # noqa: E501
            if isinstance(inner, list) and len(inner) == len(chunks) and all(type(n) is int and n > 0 for n in inner):
                return math.prod(-(-chunk // side) for chunk, side in zip(chunks, inner, strict=True))
    return 1


def _attributes_2(location: Path, inside: Path) -> dict[str, Any]:
    file = location / ".zattrs"
    return read_json(file, what="store", inside=inside) if file.exists() else {}


def _dict(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{what} must be an object, got {_short(value)}: the store is damaged.")
    return value


def _short(value: Any) -> str:
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
