"""Reading Zarr stores and Orbax checkpoints, array by array; codecs that could run code are refused."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from coulombgas._checks import InputError

from ._stored import BadArray, StoredArray, real_array

_SAFE_CODECS = {
    "astype", "bitround", "blosc", "bytes", "bz2", "crc32", "crc32c", "delta", "fixedscaleoffset", "gzip", "lz4",
    "lzma", "packbits", "quantize", "sharding_indexed", "shuffle", "transpose", "zlib", "zstd",
}  # fmt: skip
_MAX_METADATA = 50_000_000


def read_zarr(path: Path) -> Iterator[StoredArray | BadArray]:
    """The arrays of a Zarr store (format 2 or 3), named by their path in it; symbolic links are not followed."""
    for folder, folders, files in os.walk(path, followlinks=False):
        folders.sort()
        location = Path(folder)
        name = location.relative_to(path).as_posix() if location != path else path.stem
        if "zarr.json" in files:
            metadata = _json(location / "zarr.json")
            if metadata.get("node_type") == "array":
                folders.clear()
                yield _zarr_entry(location, name, metadata, metadata.get("data_type"))
        elif ".zarray" in files:
            folders.clear()
            metadata = _json(location / ".zarray")
            yield _zarr_entry(location, name, metadata, metadata.get("dtype"))


def read_orbax(path: Path) -> Iterator[StoredArray | BadArray]:
    """The arrays of an Orbax checkpoint of a pytree, named by their keys joined with dots.

    Raises:
        InputError: when its metadata are missing or damaged, or tensorstore is not installed.
    """
    directory = path if (path / "_METADATA").is_file() else path / "default"
    metadata = _json(directory / "_METADATA")
    tree = metadata.get("tree_metadata")
    if not isinstance(tree, dict):
        raise InputError(f"{path}: its Orbax metadata name no arrays.")
    try:
        import tensorstore  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError(f"{path}: an Orbax checkpoint needs tensorstore: pip install orbax-checkpoint.") from None
    for entry in tree.values():
        try:
            name = ".".join(str(key["key"]) for key in entry["key_metadata"])
            kind = str(entry["value_metadata"]["value_type"])
        except (KeyError, TypeError):
            yield BadArray("?", f"{path}: an entry of its Orbax metadata is malformed.")
            continue
        if "array" in kind.lower():
            yield _orbax_entry(tensorstore, directory, name, metadata)


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_METADATA:
            raise InputError(f"{path}: metadata of {path.stat().st_size:,} bytes are not read.")
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise InputError(f"{path}: missing or not JSON: the checkpoint is damaged.") from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: not the metadata of a checkpoint.")
    return found


def _zarr_entry(location: Path, name: str, metadata: dict[str, Any], dtype: Any) -> StoredArray | BadArray:
    shape = metadata.get("shape")
    if not isinstance(shape, list) or not all(type(side) is int and side >= 0 for side in shape):
        return BadArray(name, f"{name}: its Zarr metadata have no valid shape.")
    stages = [metadata.get("codecs"), metadata.get("filters"), metadata.get("compressor")]
    unsafe = sorted(_codecs(stages) - _SAFE_CODECS)
    if unsafe:
        return BadArray(name, f"{name}: encoded with {unsafe[0]!r}, which is not trusted to be free of code.")
    if not isinstance(dtype, str) or "O" in dtype:
        return BadArray(name, f"{name}: holds Python objects or records, not numbers.")
    word = np.dtype(dtype).name if dtype[:1] in "<>|=" else dtype

    def read() -> np.ndarray:
        import zarr

        try:
            return real_array(name, np.asarray(zarr.open_array(str(location), mode="r")[...]))
        except InputError:
            raise
        except Exception as error:  # codecs raise what they like
            raise InputError(f"{name}: damaged ({type(error).__name__}: {' '.join(str(error).split())}).") from None

    return StoredArray(name, tuple(shape), word, read)


def _codecs(value: Any) -> set[str]:
    """Names of all codecs in a piece of metadata, however deep."""
    if isinstance(value, dict):
        own = {str(value[key]).removeprefix("numcodecs.") for key in ("id", "name") if key in value}
        return own.union(*(_codecs(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(_codecs(item) for item in value))
    return set()


def _orbax_entry(tensorstore: Any, directory: Path, name: str, metadata: dict) -> StoredArray | BadArray:
    location = directory / name
    if location.resolve().parent != directory.resolve():
        return BadArray(name, f"{name}: not a plain name inside the checkpoint.")
    base = str(directory.resolve())
    if metadata.get("use_ocdbt"):
        store: dict[str, Any] = {"driver": "ocdbt", "base": f"file://{base}/", "path": f"{name}/"}
    else:
        store = {"driver": "file", "path": f"{base}/{name}/"}
    spec = {"driver": "zarr3" if metadata.get("use_zarr3") else "zarr", "kvstore": store}
    try:
        opened = tensorstore.open(spec, open=True, read=True).result()
    except Exception as error:  # tensorstore raises ValueError, OverflowError and its own kinds
        return BadArray(name, f"{name}: cannot be opened ({' '.join(str(error).split())[:160]}).")

    def read() -> np.ndarray:
        try:
            return real_array(name, np.asarray(opened.read().result()))
        except InputError:
            raise
        except Exception as error:
            raise InputError(f"{name}: damaged ({' '.join(str(error).split())[:160]}).") from None

    return StoredArray(name, tuple(int(side) for side in opened.shape), str(opened.dtype.name), read)
