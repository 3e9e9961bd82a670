"""Posteriors of a law as xarray groups, as a NetCDF file, and back."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._checks import InputError
from coulombgas._files import ListOf, Number, Record, Text, Whole, check_document, parse_json
from coulombgas._version import __version__

FORMAT = "coulombgas-model-fit/1"
_DAMAGED = "the file is damaged; fit again"
_META = ("path", "learning_rate", "batch_size", "center", "gap", "r_hat", "ess", "divergences")
_GROUP = Record({
    "path": Text(),
    "learning_rate": Number(1e-300),
    "batch_size": Number(1e-300),
    "center": Number(),
    "gap": Number(),
    "r_hat": Number(finite=False),
    "ess": Number(finite=False),
    "divergences": Whole(),
    "warnings": ListOf(Text()),
})  # fmt: skip
_DESCRIPTION = Record({"model": Text(), "parameters": ListOf(Text(), least=1), "groups": ListOf(_GROUP, least=1)})


def model_groups(model: str, groups: Sequence[Any]) -> dict[str, xr.Dataset]:
    """Groups "posterior" and "observed_data" of each :class:`GroupModelFit`, with the data to rebuild the fit in their
    attributes."""
    names = list(groups[0].draws)
    described = [{**{n: getattr(g, n) for n in _META}, "warnings": list(g.warnings)} for g in groups]
    description = json.dumps({"model": model, "parameters": names, "groups": described})
    posterior = xr.Dataset(
        {n: (("chain", "draw", "group"), np.stack([g.draws[n] for g in groups], axis=-1)) for n in names},
        coords={
            "fixed_point": ("group", [g.center for g in groups]),
            "learning_rate": ("group", [g.learning_rate for g in groups]),
            "batch_size": ("group", [g.batch_size for g in groups]),
        },
        attrs={"model": model, "format": FORMAT, "coulombgas_version": __version__, "description": description},
    )
    flat = [np.ravel(g.values) for g in groups]
    observed = xr.Dataset({
        "value": ("observation", np.concatenate(flat)),
        "observations": ("group", np.array([len(values) for values in flat], dtype=np.int64)),
        "per_observation": ("group", np.array([np.size(g.values) // max(len(g.values), 1) for g in groups])),
    })  # fmt: skip
    return {"posterior": posterior, "observed_data": observed}


def rebuild(posterior: xr.Dataset, observed: xr.Dataset, where: str) -> tuple[str, list[dict[str, Any]]]:
    """The model's name and the fields of each group that :func:`model_groups` wrote.

    Raises:
        InputError: when some of it is inconsistent.
    """
    description = parse_json(posterior.attrs.get("description"), where, what="fit")
    check_document(description, _DESCRIPTION, where, _DAMAGED)
    num = len(description["groups"])
    values, counts, each = (observed[name].values for name in ("value", "observations", "per_observation"))
    if not (counts.shape == each.shape == (num,) and counts.sum() == values.size and (each > 0).all()):
        raise InputError(f"{where}: `observations` does not fit the {values.size} values: {_DAMAGED}.")
    _check_finite("value", values, where)
    ends = np.cumsum(counts)
    draws = {name: _draws(posterior, name, num, where) for name in description["parameters"]}
    found = []
    for index, meta in enumerate(description["groups"]):
        own = values[ends[index] - counts[index] : ends[index]]
        shaped = own if each[index] == 1 else own.reshape(-1, int(each[index]))
        found.append({
            **meta, "warnings": tuple(meta["warnings"]), "values": shaped,
            "draws": {name: value[..., index] for name, value in draws.items()},
        })  # fmt: skip
    return description["model"], found


def _draws(posterior: xr.Dataset, name: str, num: int, where: str) -> np.ndarray:
    if name not in posterior or posterior[name].dims != ("chain", "draw", "group") or posterior[name].shape[2] != num:
        raise InputError(f"{where}: `{name}` must run over chain, draw and {num} groups: {_DAMAGED}.")
    _check_finite(name, posterior[name].values, where)
    return posterior[name].values


def _check_finite(name: str, values: np.ndarray, where: str) -> None:
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise InputError(f"{where}: `{name}` holds what is no finite number: {_DAMAGED}.")
