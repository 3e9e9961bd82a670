"""Merge stores: more settings, or more replicas of the same settings."""

import glob
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._checks import InputError
from coulombgas._files import check_output, only_writer, parse_json, publish
from coulombgas._interrupts import safe_point
from coulombgas._types import PathType
from coulombgas.spectra import read_spectra, validate_spectra, write_store

from ._shards import check_shards, whole_run
from ._store import begin_partial, end_partial, interrupted_run, partial_directory, read_identity

_PER_STORE = ("replicas", "first_replica", "chunks", "shard", "shard_of", "update")


def merge_spectra(parts: Sequence[xr.Dataset], *, names: Sequence[str] | None = None) -> xr.Dataset:
    """One dataset from several with the same model and training.

    Stores of the same settings are joined along the replicas, which must differ (``first_replica``); stores of
    different settings are joined along the settings and must hold the same replicas.

    Args:
        parts: ``Spectra`` datasets, at least one.
        names: their names in errors.

    Raises:
        InputError: when configurations differ or replicas overlap.
    """
    if not parts:
        raise InputError("`parts` is empty: give at least one store to merge.")
    names = [f"part {i}" for i in range(len(parts))] if names is None else list(names)
    parts = [validate_spectra(part) for part in parts]
    for name, part in zip(names[1:], parts[1:], strict=True):
        _must_agree(parts[0], part, names[0], name)
    check_shards(parts, names)
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


def merge_stores(
    paths: Sequence[PathType] | PathType, *, out: PathType, overwrite: bool = False, resume: bool = False
) -> xr.Dataset:
    """``merge_spectra`` for stores on disk.

    Args:
        paths: stores, or patterns such as ``"run-*.zarr"``.
        out: Zarr store to write; it appears when it is complete.
        overwrite: replace ``out`` if it exists.
        resume: continue an interrupted merge of the same stores.

    Raises:
        InputError: as ``merge_spectra``; when ``out`` exists; or when shards of a run are missing, naming them.
    """
    target = check_output(out, overwrite=overwrite, keep=resume and not overwrite, directory=True)
    found = expand(paths)
    with only_writer(target):
        if interrupted_run(target) and not overwrite:
            _may_go_on(target, found, resume)
        if target.exists() and not overwrite:
            return _finished(target, found)
        merged = merge_spectra([_read(path) for path in found], names=[str(path) for path in found])
        directory = begin_partial(target, {"merge": [str(path.absolute()) for path in found]})
        write_store(merged, directory)
        publish(directory, target)
        end_partial(target)
    return merged


def expand(paths: Sequence[PathType] | PathType) -> list[Path]:
    """Stores from paths and patterns, in the order given and within a pattern by name.

    Raises:
        InputError: when a pattern matches nothing, or a store is named twice.
    """
    given = [paths] if not isinstance(paths, Sequence) or isinstance(paths, str) else list(paths)
    found: list[Path] = []
    for one in map(str, given):
        if glob.has_magic(one) and not Path(one).exists():
            matches = [Path(match) for match in sorted(glob.glob(one))]  # noqa: PTH207 (patterns may be absolute)
            if not matches:
                raise InputError(f"`paths` {one!r} matches no store: check the pattern.")
            found += matches
        else:
            found.append(Path(one))
    return found


def _read(path: Path) -> xr.Dataset:
    safe_point()
    if not path.exists() and interrupted_run(path):
        raise InputError(f"{path}: its run was interrupted: finish it with --resume, then merge.")
    return read_spectra(path)


def _finished(target: Path, paths: Sequence[Path]) -> xr.Dataset:
    """The store that an earlier merge of the same stores completed."""
    merged = read_spectra(target)
    held = parse_json(f'{{"from": {merged.attrs.get("merged_from", "[]")}}}', f"{target}: attribute `merged_from`")
    if held["from"] != [str(path) for path in paths]:
        raise InputError(
            f"`out` {str(target)!r} is not a merge of these stores: choose another path or give --overwrite."
        )
    end_partial(target)
    return merged


def _may_go_on(target: Path, paths: Sequence[Path], resume: bool) -> None:
    """Raise unless the interrupted merge is of the same stores and is to be resumed."""
    if not resume:
        raise InputError(
            f"`out` {str(target)!r}: an interrupted merge is waiting there: give --resume to go on with it or "
            "--overwrite to start afresh."
        )
    if read_identity(target) != {"merge": [str(path.absolute()) for path in paths]}:
        raise InputError(
            f"`out` {str(target)!r}: {str(partial_directory(target))!r} is not a merge of these stores: name the same "
            "ones in the same order, or give --overwrite."
        )


def _settings(part: xr.Dataset) -> tuple:
    return tuple(zip(part.learning_rate.values.tolist(), part.batch_size.values.tolist(), strict=True))


def _no_setting_twice(groups: list[tuple]) -> None:
    """Raise for a setting in two groups of stores."""
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
    """What stores must agree on to be merged, by name."""
    config = _config(part)
    training = {key: value for key, value in config.get("training", {}).items() if key not in _PER_STORE}
    model = config.get("model", {})
    return {
        **{f"model {key}": value for key, value in model.items()},
        **{f"training {key}": value for key, value in training.items()},
        "seed": part.attrs.get("seed"),
        "step": part.step.values.tolist(),
        "number of modes": part.sizes["mode"],
        "variables": sorted(f"{name} {variable.dtype}" for name, variable in part.data_vars.items()),
        "coordinates": sorted(map(str, part.coords)),
    }


def _config(part: xr.Dataset) -> dict[str, Any]:
    return json.loads(part.attrs.get("config", "{}"))


def _must_agree(first: xr.Dataset, other: xr.Dataset, first_name: str, name: str) -> None:
    ours, theirs = _configuration(first), _configuration(other)
    for key in sorted({*ours, *theirs}):
        if ours.get(key) != theirs.get(key):
            raise InputError(
                f"{name}: {key} is {json.dumps(theirs.get(key))}, but {json.dumps(ours.get(key))} in {first_name}: "
                "only stores of the same configuration can be merged."
            )


def _join_replicas(parts: list[xr.Dataset], names: list[str]) -> xr.Dataset:
    """The replicas of several stores of one setting, in order; raises for one that is in two."""
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
    """Attributes of the merged store: those of the first part with the settings and replicas of all."""
    config, replicas = _config(parts[0]), merged.replica.values
    training = whole_run(config.get("training", {}))
    own = {"replicas": len(replicas), "first_replica": int(replicas[0]), **_updates(parts, merged)}
    attrs = {"config": json.dumps({**config, "training": {**training, **own}})}
    if "identity" in parts[0].attrs:
        identity = whole_run(json.loads(parts[0].attrs["identity"]))
        rates, batches = merged.learning_rate.values.tolist(), merged.batch_size.values.tolist()
        attrs["identity"] = json.dumps({**identity, **own, "learning_rate": rates, "batch_size": batches})
    sources = [json.loads(part.attrs["merged_from"]) if "merged_from" in part.attrs else [part.attrs.get("source", "")] for part in parts]  # fmt: skip  # noqa: E501
    return {**attrs, "merged_from": json.dumps([source for some in sources for source in some])}


def _updates(parts: list[xr.Dataset], merged: xr.Dataset) -> dict[str, list]:
    """The choices for each setting of the merged store; unknown if a store does not record them, as earlier ones."""
    chosen: dict[tuple[float, int], Any] = {}
    for part in reversed(parts):
        listed = _config(part).get("training", {}).get("update")
        settings = _settings(part)
        told = isinstance(listed, list) and len(listed) == len(settings)
        chosen |= dict(zip(settings, listed if told else [{}] * len(settings), strict=True))
    found = [chosen[setting] for setting in _settings(merged)]
    return {"update": found} if any(found) else {}
