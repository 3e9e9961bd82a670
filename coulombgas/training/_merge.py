"""Put stores together: more settings, or more replicas of the same settings."""

import json
from collections.abc import Sequence

import numpy as np
import xarray as xr

from coulombgas._checks import InputError
from coulombgas._files import atomic_directory, check_output
from coulombgas._types import PathType
from coulombgas.spectra import read_spectra, validate_spectra

_PER_STORE = ("replicas", "first_replica", "chunks")


def merge_spectra(parts: Sequence[xr.Dataset], *, names: Sequence[str] | None = None) -> xr.Dataset:
    """One dataset from several of the same model and training.

    Stores of the same settings are joined along the replicas and must hold different ones (``first_replica``);
    stores of different settings along the settings and must hold the same replicas.

    Args:
        parts: ``Spectra`` datasets, at least one.
        names: what to call them in errors.

    Raises:
        InputError: when configurations differ or replicas overlap.
    """
    if not parts:
        raise InputError("`parts` is empty: give at least one store to merge.")
    names = [f"part {i}" for i in range(len(parts))] if names is None else list(names)
    parts = [validate_spectra(part) for part in parts]
    for name, part in zip(names[1:], parts[1:], strict=True):
        _must_agree(parts[0], part, names[0], name)
    groups: dict[tuple, list[int]] = {}
    for index, part in enumerate(parts):
        groups.setdefault(_settings(part), []).append(index)
    _no_setting_twice(list(groups))
    rows = [_join_replicas([parts[i] for i in members], [names[i] for i in members]) for members in groups.values()]
    for row in rows[1:]:
        if not np.array_equal(row.replica.values, rows[0].replica.values):
            raise InputError(
                "stores of different settings must hold the same replicas to be merged, "
                f"got {row.sizes['replica']} and {rows[0].sizes['replica']}: train the missing ones first."
            )
    merged = rows[0] if len(rows) == 1 else xr.concat(rows, dim="setting", coords="minimal", compat="override", join="exact", data_vars="all", combine_attrs="override")  # fmt: skip  # noqa: E501
    return merged.assign_attrs(_attributes(parts, merged))


def merge_stores(paths: Sequence[PathType], *, out: PathType, overwrite: bool = False) -> xr.Dataset:
    """``merge_spectra`` from stores to a store.

    Raises:
        InputError: as ``merge_spectra``, or when ``out`` exists.
    """
    check_output(out, overwrite=overwrite)
    merged = merge_spectra([read_spectra(path) for path in paths], names=[str(path) for path in paths])
    for variable in merged.variables.values():
        variable.encoding = {}
    with atomic_directory(out, overwrite=overwrite) as temporary:
        merged.to_zarr(temporary, mode="w", consolidated=False, zarr_format=3)
    return merged


def _settings(part: xr.Dataset) -> tuple:
    return tuple(zip(part.learning_rate.values.tolist(), part.batch_size.values.tolist(), strict=True))


def _no_setting_twice(groups: list[tuple]) -> None:
    seen: set = set()
    for settings in groups:
        repeated = seen & set(settings)
        if repeated:
            rate, batch = sorted(repeated)[0]
            raise InputError(
                f"learning rate {rate:g} with batch size {batch} is in two stores beside other settings: "
                "merge stores whose settings are all equal or all different."
            )
        seen |= set(settings)


def _configuration(part: xr.Dataset) -> dict:
    config = json.loads(part.attrs.get("config", "{}"))
    training = {key: value for key, value in config.get("training", {}).items() if key not in _PER_STORE}
    model = config.get("model", {})
    return {
        **{f"model {key}": value for key, value in model.items()},
        **{f"training {key}": value for key, value in training.items()},
        "seed": part.attrs.get("seed"),
        "step": part.step.values.tolist(),
        "number of modes": part.sizes["mode"],
    }


def _must_agree(first: xr.Dataset, other: xr.Dataset, first_name: str, name: str) -> None:
    ours, theirs = _configuration(first), _configuration(other)
    for key in sorted({*ours, *theirs}):
        if ours.get(key) != theirs.get(key):
            raise InputError(
                f"{name}: {key} is {json.dumps(theirs.get(key))}, but {json.dumps(ours.get(key))} in {first_name}: "
                "only stores of the same configuration can be merged."
            )


def _join_replicas(parts: list[xr.Dataset], names: list[str]) -> xr.Dataset:
    if len(parts) == 1:
        return parts[0]
    seen: dict[int, str] = {}
    for part, name in zip(parts, names, strict=True):
        for replica in part.replica.values.tolist():
            if replica in seen:
                raise InputError(
                    f"{name}: replica {replica} is in {seen[replica]} too: they are the same random numbers; "
                    "train more with another first replica."
                )
            seen[replica] = name
    joined = xr.concat(parts, dim="replica", coords="minimal", compat="override", join="override", data_vars="all", combine_attrs="override")  # fmt: skip  # noqa: E501
    return joined.sortby("replica")


def _attributes(parts: list[xr.Dataset], merged: xr.Dataset) -> dict[str, str]:
    config = json.loads(parts[0].attrs.get("config", "{}"))
    replicas = merged.replica.values
    config.setdefault("training", {}).update(replicas=len(replicas), first_replica=int(replicas[0]))
    sources = [json.loads(part.attrs["merged_from"]) if "merged_from" in part.attrs else [part.attrs.get("source", "")] for part in parts]  # fmt: skip  # noqa: E501
    return {"config": json.dumps(config), "merged_from": json.dumps([source for some in sources for source in some])}
