"""Reading Zarr stores and Orbax checkpoints, array by array; codecs that could run code are refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from coulombgas._checks import InputError
from coulombgas._files import (
    StoredGrid,
    check_tree,
    examine_array,
    examine_group,
    list_arrays,
    read_grid,
    read_json,
    reading,
)

from ._stored import BadArray, StoredArray, real_array

_ORBAX = "_METADATA"
_OURS = {
    "coulombgas-recording": "a recording of spectra, no weights: give it alone, or use read_recording",
    "coulombgas-spectra": "an ensemble of spectra, no weights: `coulombgas fit` and `report` take it",
}


def read_zarr(path: Path) -> Iterator[StoredArray | BadArray]:
    """The arrays of a Zarr store (format 2 or 3), named by their path in it; symbolic links are not followed.

    Raises:
        InputError: when it is damaged, or holds spectra instead of weights.
    """
    ours = _OURS.get(str(examine_group(path).get("format")).split("/")[0])
    if ours is not None:
        raise InputError(f"{path}: {ours}.")
    for name, location in list_arrays(path):
        try:
            yield _zarr_array(examine_array(location, name, inside=path))
        except InputError as error:
            yield BadArray(name, str(error))


def _zarr_array(grid: StoredGrid) -> StoredArray:
    def raw() -> np.ndarray:
        grid.check_chunks()
        return read_grid(grid)

    return StoredArray(grid.name, grid.shape, grid.dtype, lambda: real_array(grid.name, raw()), raw=raw)


def orbax_folder(path: Path) -> Path | None:
    """The folder with the arrays of an Orbax checkpoint: the checkpoint itself, or one of its items."""
    if (path / _ORBAX).exists():
        return path
    items = sorted(mark.parent for mark in path.glob(f"*/{_ORBAX}") if not mark.parent.name.isdigit())
    usual = [item for item in items if item.name in ("default", "params", "state", "model")]
    return items[0] if len(items) == 1 else next(iter(usual), None)


def read_orbax(path: Path) -> Iterator[StoredArray | BadArray]:
    """The arrays of an Orbax checkpoint of a pytree, named by their keys joined with dots.

    Raises:
        InputError: when its metadata are missing or damaged, or tensorstore is not installed.
    """
    directory = orbax_folder(path) or path
    check_tree(path)
    metadata = read_json(directory / _ORBAX, what="checkpoint", inside=path)
    tree = metadata.get("tree_metadata")
    if not isinstance(tree, dict):
        raise InputError(f"{path}: its Orbax metadata name no arrays.")
    try:
        import tensorstore  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError(f"{path}: an Orbax checkpoint needs tensorstore: pip install coulombgas[formats].") from None
    for entry in tree.values():
        try:
            name = ".".join(str(key["key"]) for key in entry["key_metadata"])
            kind = str(entry["value_metadata"]["value_type"])
        except (KeyError, TypeError):
            yield BadArray("?", f"{path}: an entry of its Orbax metadata is malformed.")
            continue
        if "array" in kind.lower():
            yield _orbax_entry(tensorstore, directory, name, metadata)


def _orbax_entry(tensorstore: Any, directory: Path, name: str, metadata: dict) -> StoredArray | BadArray:
    """One array of an Orbax checkpoint, to be read later, or what is wrong with it."""
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
    except Exception as error:  # tensorstore raises ValueError, OverflowError and its own exceptions
        return BadArray(name, f"{name}: cannot be opened ({' '.join(str(error).split())[:160]}).")

    def read() -> np.ndarray:
        with reading(name):
            return real_array(name, np.asarray(opened.read().result()))

    return StoredArray(name, tuple(int(side) for side in opened.shape), str(opened.dtype.name), read)
