"""A fit as xarray groups, as a NetCDF file, and back."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import xarray as xr

from coulombgas._checks import InputError
from coulombgas._files import (
    Anything,
    Flag,
    ListOf,
    MapOf,
    Number,
    OrNull,
    Record,
    Text,
    Whole,
    atomic_file,
    check_document,
    check_hdf5,
    naming,
    parse_json,
    reading,
)
from coulombgas._interval import Interval, summarise
from coulombgas._types import PathType
from coulombgas._version import __version__

from ._parts import LevelFit, ScalingFit, SettingFit
from .spacing_laws._store import FORMAT as MODEL_FORMAT
from .spacing_laws._store import rebuild as rebuild_model

FORMAT = "coulombgas-fit/1"
Settings: TypeAlias = Sequence[SettingFit]
_EXPONENTS = ("alpha_exponent", "batch_exponent")
_DIAGNOSTICS = {"r_hat": Number(finite=False), "ess": Number(finite=False), "divergences": Whole()}
_LEVEL = Record({
    "center": Number(),
    "width2_per_temperature": OrNull(Number()),
    "predicted_width": OrNull(Number()),
    "used": Flag(),
    "modes": ListOf(Whole(), least=1),
})  # fmt: skip
_SETTING = Record({
    "path": Text(),
    "model": OrNull(Text()),
    "learning_rate": Number(1e-300),
    "batch_size": Number(1e-300),
    "num_replicas": Whole(),
    "warnings": ListOf(Text()),
    "levels": ListOf(_LEVEL),  # absent without a model
    **_DIAGNOSTICS,
}, optional={
    # files of version 0.1.0 from before optimisers and relative temperatures lack these
    "true_temperature": OrNull(Number(1e-300)),
    "formula": Text(),
    "consistent": Flag(),
    "relative": Flag(),
    "assumed": MapOf(Anything()),
})  # fmt: skip
_RULE = Record(
    {"sites": ListOf(Text()), "warnings": ListOf(Text()), "method": Text(), **_DIAGNOSTICS},
    optional={"wider_prior": MapOf(ListOf(Number(finite=False)))},
)
_DESCRIPTION = Record({"settings": ListOf(_SETTING, least=1), "scaling": OrNull(_RULE), "method": Text()})


def fit_groups(settings: Settings, scaling: ScalingFit | None, method: str) -> dict[str, xr.Dataset]:
    """Groups "posterior", "sample_stats" and "observed_data", with everything needed to rebuild the fit in their
    attributes."""
    description = json.dumps(_describe(settings, scaling, method))
    posterior = _posterior(settings, scaling).assign_attrs(
        format=FORMAT, coulombgas_version=__version__, description=description
    )
    return {"posterior": posterior, "sample_stats": _stats(settings), "observed_data": _observed(settings)}


def save_fit(groups: dict[str, xr.Dataset], path: PathType, *, overwrite: bool = False) -> None:
    """Write the groups to one NetCDF file; an interrupted write leaves nothing.

    Raises:
        InputError: when the path exists and ``overwrite`` is false, or cannot be written.
    """
    tree = xr.DataTree.from_dict(groups)
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.unlink()
        tree.to_netcdf(temporary, engine="h5netcdf")


def load_parts(path: PathType) -> tuple[str, Any]:
    """The format of a saved fit and its contents: settings, scaling rule and method by name, or a model's groups.

    Raises:
        InputError: when the file is missing or holds something else.
    """
    check_hdf5(Path(path))
    with reading(path, "not a saved fit"):
        with xr.open_datatree(path, engine="h5netcdf", phony_dims="access") as opened:
            tree = opened.load()
        posterior, observed = (tree[name].to_dataset() for name in ("posterior", "observed_data"))
    kind, where = posterior.attrs.get("format"), f"{path}: `description`"
    if kind not in (FORMAT, MODEL_FORMAT):
        raise InputError(f"{path}: not a saved fit (format {kind!r}, expected {FORMAT!r} or {MODEL_FORMAT!r}).")
    if kind == MODEL_FORMAT:
        with reading(path, "its arrays do not fit its description"):
            return kind, rebuild_model(posterior, observed, where)
    description = parse_json(posterior.attrs.get("description"), where, what="fit")
    check_document(description, _DESCRIPTION, where, "the file is damaged; fit again")
    with naming(path), reading(path, "its arrays do not fit its description"):
        return kind, _rebuild(description, posterior, observed)


def _numbers(dataset: xr.Dataset, name: str, *dims: str, positive: bool = False) -> np.ndarray:
    """The values of a variable over its required dimensions, all of them finite."""
    variable, remedy = dataset[name], "the file is damaged; fit again"
    if variable.dims != dims or 0 in variable.shape[:2]:
        shape = dict(zip(map(str, variable.dims), variable.shape, strict=True))
        raise InputError(f"`{name}` must run over {', '.join(dims)}, got {shape}: {remedy}.")
    if variable.dtype.kind not in "fiu" or not np.isfinite(variable.values).all():
        raise InputError(f"`{name}` holds what is no finite number: {remedy}.")
    if positive and not (variable.values > 0).all():
        raise InputError(f"`{name}` must be positive, got {variable.values.min():g}: {remedy}.")
    if positive and not np.ptp(variable.values, axis=(0, 1)).all():
        raise InputError(f"`{name}` has draws that are all the same: {remedy}.")
    return variable.values


def _observations(observed: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The concatenated levels, and the number of them in each level group."""
    values, counts = observed["eigenvalue"], observed["observations"]
    if values.dtype.kind not in "fiu" or not np.isfinite(values.values).all():
        raise InputError("`eigenvalue` holds what is no finite number: the file is damaged; fit again.")
    if counts.dtype.kind not in "iu" or (counts.values <= 0).any() or counts.values.sum() != values.size:
        raise InputError(
            f"`observations` must be whole numbers above 0 that make {values.size} together: the file is damaged; "
            "fit again."
        )
    return values.values, counts.values


def _rebuild(description: dict[str, Any], posterior: xr.Dataset, observed: xr.Dataset) -> dict[str, Any]:
    settings, first = [], 0
    for index, meta in enumerate(description["settings"]):
        rows = range(first, first + len(meta["levels"]))
        first = rows.stop
        settings.append(_load_setting(meta, index, rows, posterior, observed))
    scaling = _load_scaling(description["scaling"], posterior)
    return {"settings": tuple(settings), "scaling": scaling, "method": description["method"]}


def _posterior(settings: Settings, scaling: ScalingFit | None) -> xr.Dataset:
    """Draws of temperatures, widths, centres and scaling rule, over chain, draw, setting and level."""
    dims = ("chain", "draw")
    levels = [(index, level) for index, setting in enumerate(settings) for level in setting.levels]
    variables: dict[str, Any] = {
        "temperature": ((*dims, "setting"), np.stack([s.temperature_draws for s in settings], axis=-1)),
        "width": ((*dims, "level"), _stack([level.width_draws for _, level in levels], settings)),
        "center": ((*dims, "level"), _stack([level.center_draws for _, level in levels], settings)),
    }
    if scaling:
        for name, value in scaling.draws.items():
            variables[f"rule_{name}" if name == "temperature" else name] = ((*dims, "setting")[: value.ndim], value)
    shape = settings[0].temperature_draws.shape
    coords = {
        "chain": np.arange(shape[0]),
        "draw": np.arange(shape[1]),
        "learning_rate": ("setting", [s.learning_rate for s in settings]),
        "batch_size": ("setting", [s.batch_size for s in settings]),
        "level_setting": ("level", [index for index, _ in levels]),
        "fixed_point": ("level", [level.center for _, level in levels]),
    }
    return xr.Dataset(variables, coords=coords)


def _stack(draws: list[np.ndarray], settings: Settings) -> np.ndarray:
    """(chain, draw, level); no level without a model."""
    return np.stack(draws, axis=-1) if draws else np.zeros((*settings[0].temperature_draws.shape, 0))


def _stats(settings: Settings) -> xr.Dataset:
    names = ("r_hat", "ess", "divergences")
    return xr.Dataset({name: ("setting", np.array([getattr(s, name) for s in settings])) for name in names})


def _observed(settings: Settings) -> xr.Dataset:
    flat = [level.levels.ravel() for setting in settings for level in setting.levels]
    sizes = [len(values) for values in flat]
    return xr.Dataset({
        "eigenvalue": ("observation", np.concatenate([np.zeros(0), *flat])),
        "observations": ("level", np.array(sizes, dtype=np.int64)),
    })  # fmt: skip


def _describe(settings: Settings, scaling: ScalingFit | None, method: str) -> dict[str, Any]:
    """What a file holds beside arrays, as JSON: settings, level groups, diagnostics, scaling rule."""
    described = []
    for setting in settings:
        names = (
            "path", "model", "learning_rate", "batch_size", "num_replicas", "r_hat", "ess", "divergences",
            "true_temperature", "formula", "consistent",
        )  # fmt: skip
        level_names = ("center", "width2_per_temperature", "predicted_width", "used")
        described.append({
            **{name: getattr(setting, name) for name in names},
            "warnings": list(setting.warnings),
            "assumed": dict(setting.assumed),
            "relative": setting.temperature is None,
            "levels": [
                {**{name: getattr(level, name) for name in level_names}, "modes": list(level.modes)}
                for level in setting.levels
            ],
        })  # fmt: skip
    rule = None
    if scaling:
        rule = {name: getattr(scaling, name) for name in ("r_hat", "ess", "divergences", "method")}
        rule |= {"warnings": list(scaling.warnings), "sites": sorted(scaling.draws)}
        rule |= {"wider_prior": {name: list(value) for name, value in scaling.wider_prior.items()}}
    return {"settings": described, "scaling": rule, "method": method}


def _load_setting(meta: dict, index: int, rows: range, posterior: xr.Dataset, observed: xr.Dataset) -> SettingFit:
    """One setting from its description and the arrays, which are checked."""
    values, counts = _observations(observed)
    ends, levels = np.cumsum(counts), []
    widths = _numbers(posterior, "width", "chain", "draw", "level", positive=True)
    centers = _numbers(posterior, "center", "chain", "draw", "level")
    for row, level in zip(rows, meta["levels"], strict=True):
        if level["modes"] != sorted(set(level["modes"])):
            raise InputError(f"`modes` of a level must ascend, got {level['modes']}: the file is damaged; fit again.")
        width = widths[..., row]
        levels.append(
            LevelFit(
                **{**level, "modes": tuple(level["modes"])},
                levels=values[ends[row] - counts[row] : ends[row]].reshape(-1, len(level["modes"])),
                width_draws=width,
                center_draws=centers[..., row],
                width=summarise(width),
            )
        )
    draws = _numbers(posterior, "temperature", "chain", "draw", "setting", positive=True)[..., index]
    rest = {**meta, "levels": tuple(levels), "warnings": tuple(meta["warnings"])}
    # early files of version 0.1.0 have neither optimisers nor relative temperatures
    relative = rest.pop("relative", False)
    rest.setdefault("true_temperature", rest["learning_rate"] / rest["batch_size"])
    found = summarise(draws)
    return SettingFit(
        **rest, temperature_draws=draws, temperature=None if relative else found,
        relative_temperature=found if relative else None,
    )  # fmt: skip


def _load_scaling(meta: dict | None, posterior: xr.Dataset) -> ScalingFit | None:
    """The scaling rule from its description and the arrays, which are checked; None where there is none."""
    if meta is None:
        return None
    stored = {name: f"rule_{name}" if name == "temperature" else name for name in meta.pop("sites")}
    extra = {"temperature": ("setting",)}
    draws = {
        name: _numbers(posterior, variable, "chain", "draw", *extra.get(name, ())) for name, variable in stored.items()
    }
    meta["wider_prior"] = {name: Interval(*value) for name, value in meta.get("wider_prior", {}).items()}
    known = {name: summarise(draws[name]) if name in draws else None for name in _EXPONENTS}
    return ScalingFit(
        **{**meta, "warnings": tuple(meta["warnings"])},
        draws=draws,
        alpha_exponent=known["alpha_exponent"],
        batch_exponent=known["batch_exponent"],
        prefactor=summarise(np.exp(draws["log_prefactor"])),
        scatter=summarise(draws["scatter"]),
    )
