"""Ensembles of spectra as Zarr stores: the schema of the format, and reading and writing by it."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._checks import InputError
from coulombgas._files import (
    ATTRIBUTE,
    Anything,
    ArrayRule,
    ListOf,
    MapOf,
    Number,
    Record,
    StoredGrid,
    StoredGroup,
    Text,
    Whole,
    check_arrays,
    check_document,
    consolidate,
    examine_store,
    parse_json,
    read_grid,
)

from ._schema import DIMS, FORMAT, validate_spectra

EVERY_CHUNK = "every_chunk"
"""Attribute of stores whose writer left out no chunk: in such a store a missing chunk is a loss, never a constant."""
_PER_SETTING = (("setting",), ())
_SPECTRA = {
    "learning_rate": ArrayRule(_PER_SETTING, "fiu"),
    "batch_size": ArrayRule(_PER_SETTING, "iuf"),
    "step": ArrayRule((("step",),), "iu", optional=True),
    "replica": ArrayRule((("replica",),), "iu", optional=True),
    "mode": ArrayRule((("mode",),), "iu", optional=True),
    "target": ArrayRule((("mode",),), "fiu", optional=True),
    "fixed_point": ArrayRule((("mode",),), "fiu", optional=True),
    "failed_step": ArrayRule((("setting", "replica"), ("replica",)), "if", optional=True),
}
_COORDINATES = ("learning_rate", "batch_size", "step", "replica", "mode", "target", "fixed_point", "setting")
_ATTRIBUTES = Record(
    {"format": Text(words=(FORMAT,))},
    optional={
        "config": Text(),
        "identity": Text(),
        "versions": Text(),
        "merged_from": Text(),
        "device": Text(),
        "source": Text(),
        "seed": Whole(),
    },
)
_CONFIG = Record(
    {"model": Record({"name": Text()})},
    optional={"training": Record({}, optional={"replicas": Whole(1), "first_replica": Whole(), "shard": Text()})},
)
_MODELS = {
    # fields of the papers' models; a user's own model may have any fields
    "rbm": Record({}, {"mu2": Number(), "sigma_h2": Number(), "target": ListOf(Number(), least=1)}),
    "teacher-student": Record({"noise": Number(), "teacher": ListOf(Number(), least=1)}),
    "two-layer": Record({"label_noise": Number(), "teacher": ListOf(Number(), least=1)}),
}
_REMEDY = "the store is damaged; write it again"


def read_store(directory: Path) -> xr.Dataset:
    """A Zarr store of spectra, validated field by field.

    Raises:
        InputError: naming the array or attribute that is missing, mistyped or damaged.
    """
    store = examine_store(directory)
    found = store.attributes.get("format")
    if found != FORMAT:
        raise InputError(f"{directory}: format {found!r} is not {FORMAT!r}.")
    check_document(store.attributes, _ATTRIBUTES, str(directory), _REMEDY)
    _check_config(store)
    grids = {name: grid for name, grid in store.arrays.items() if "/" not in name}
    check_arrays(StoredGroup(directory, store.attributes, grids), _SPECTRA)
    strict = bool(store.attributes.get(EVERY_CHUNK))
    variables = {name: _variable(grid, strict) for name, grid in grids.items()}
    try:
        own = {name: value for name, value in store.attributes.items() if name != ATTRIBUTE}
        dataset = xr.Dataset(variables, attrs={**own, "source": str(directory)})
    except ValueError as error:
        raise InputError(f"{directory}: its arrays do not fit together ({error}).") from None
    return validate_spectra(dataset.set_coords([name for name in _COORDINATES if name in dataset]))


def write_store(spectra: xr.Dataset, directory: Path) -> None:
    """Write a dataset of spectra as a Zarr store in which no chunk is left out."""
    for variable in spectra.variables.values():
        variable.encoding = {}
    marked = spectra.assign_attrs({EVERY_CHUNK: True})
    marked.to_zarr(directory, mode="w", consolidated=False, zarr_format=3, write_empty_chunks=True)
    consolidate(directory)


def check_coordinates(directory: Path, expected: xr.Dataset) -> None:
    """Check that an unfinished store has the arrays of its run, and complete coordinates.

    Raises:
        InputError: naming what is missing or different.
    """
    store = examine_store(directory)
    for name, variable in expected.variables.items():
        grid = store.arrays.get(str(name))
        if grid is None or grid.shape != variable.shape or grid.dtype != str(variable.dtype):
            found = "missing" if grid is None else f"{grid.dtype} of shape {grid.shape}"
            raise InputError(
                f"{directory}: array `{name}` must be {variable.dtype} of shape {variable.shape}, it is {found}: "
                "give --overwrite to start afresh."
            )
        if name in expected.coords:
            grid.check_chunks()
            if not np.array_equal(read_grid(grid), variable.values):
                raise InputError(f"{directory}: array `{name}` is damaged: give --overwrite to start afresh.")


def _variable(grid: StoredGrid, strict: bool) -> tuple[tuple[str, ...], np.ndarray]:
    """One variable. Older stores left out chunks of one constant: NaN of diverged replicas, zeros of coordinates."""
    constant = isinstance(grid.fill, str) or grid.name in _COORDINATES
    grid.check_chunks(may_miss=not strict and constant)
    dims = grid.dims or tuple(f"{grid.name}_axis_{i}" for i in range(len(grid.shape)))
    if grid.dims is None and grid.name == "eigenvalue" and len(grid.shape) == len(DIMS):
        dims = DIMS
    if len(set(dims)) < len(dims):
        raise InputError(f"array `{grid.name}` has a dimension twice, {dims}: {_REMEDY}.")
    return dims, read_grid(grid)


def _check_config(store: StoredGroup) -> None:
    for name, rule in (("config", _CONFIG), ("identity", MapOf(Anything()))):
        if name in store.attributes:
            where = f"{store.path}: attribute `{name}`"
            document: Any = parse_json(store.attributes[name], where, what="store")
            check_document(document, rule, where, _REMEDY)
            if name == "config":
                rule = _MODELS.get(document["model"]["name"], Record({}))
                check_document(document["model"], rule, f"{where}: model", _REMEDY)
