"""A fit as xarray groups, as a NetCDF file, and back."""

import json
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._checks import InputError
from coulombgas._files import atomic_file
from coulombgas._types import PathType
from coulombgas._version import __version__

from ._interval import Interval, summarise
from ._result import LevelFit, ScalingFit, SettingFit, TemperatureFit

FORMAT = "coulombgas-fit/1"
_EXPONENTS = ("alpha_exponent", "batch_exponent")


def fit_groups(fit: TemperatureFit) -> dict[str, xr.Dataset]:
    """Groups "posterior", "sample_stats" and "observed_data", with everything needed to rebuild the fit in attrs."""
    return {"posterior": _posterior(fit), "sample_stats": _stats(fit), "observed_data": _observed(fit)}


def save_fit(fit: TemperatureFit, path: PathType, *, overwrite: bool = False) -> None:
    """Write the groups to one NetCDF file; an interrupt leaves nothing behind.

    Raises:
        InputError: when the path exists and ``overwrite`` is false, or cannot be written.
    """
    tree = xr.DataTree.from_dict(fit_groups(fit))
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.unlink()
        tree.to_netcdf(temporary, engine="h5netcdf")


def load_fit(path: PathType) -> TemperatureFit:
    """Read a fit that :meth:`TemperatureFit.save` wrote.

    Raises:
        InputError: when the file is missing or holds something else.
    """
    try:
        with xr.open_datatree(path, engine="h5netcdf") as opened:
            tree = opened.load()
        posterior, observed = (tree[name].to_dataset() for name in ("posterior", "observed_data"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file.") from None
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not a saved fit ({' '.join(str(error).split())}).") from None
    if posterior.attrs.get("format") != FORMAT:
        raise InputError(f"{path}: not a saved fit (format {posterior.attrs.get('format')!r}, expected {FORMAT!r}).")
    description = json.loads(posterior.attrs["description"])
    settings, first = [], 0
    for index, meta in enumerate(description["settings"]):
        rows = range(first, first + len(meta["levels"]))
        first = rows.stop
        settings.append(_load_setting(meta, index, rows, posterior, observed))
    scaling = _load_scaling(description["scaling"], posterior)
    return TemperatureFit(settings=tuple(settings), scaling=scaling, method=description["method"])


def _posterior(fit: TemperatureFit) -> xr.Dataset:
    dims = ("chain", "draw")
    levels = [(index, level) for index, setting in enumerate(fit.settings) for level in setting.levels]
    variables: dict[str, Any] = {
        "temperature": ((*dims, "setting"), np.stack([s.temperature_draws for s in fit.settings], axis=-1)),
        "width": ((*dims, "level"), np.stack([level.width_draws for _, level in levels], axis=-1)),
        "center": ((*dims, "level"), np.stack([level.center_draws for _, level in levels], axis=-1)),
    }
    if fit.scaling:
        for name, value in fit.scaling.draws.items():
            variables[f"rule_{name}" if name == "temperature" else name] = ((*dims, "setting")[: value.ndim], value)
    shape = fit.settings[0].temperature_draws.shape
    coords = {
        "chain": np.arange(shape[0]),
        "draw": np.arange(shape[1]),
        "learning_rate": ("setting", [s.learning_rate for s in fit.settings]),
        "batch_size": ("setting", [s.batch_size for s in fit.settings]),
        "level_setting": ("level", [index for index, _ in levels]),
        "fixed_point": ("level", [level.center for _, level in levels]),
    }
    attrs = {"format": FORMAT, "coulombgas_version": __version__, "description": json.dumps(_describe(fit))}
    return xr.Dataset(variables, coords=coords, attrs=attrs)


def _stats(fit: TemperatureFit) -> xr.Dataset:
    names = ("r_hat", "ess", "divergences")
    return xr.Dataset({name: ("setting", np.array([getattr(s, name) for s in fit.settings])) for name in names})


def _observed(fit: TemperatureFit) -> xr.Dataset:
    flat = [level.levels.ravel() for setting in fit.settings for level in setting.levels]
    sizes = [len(values) for values in flat]
    return xr.Dataset({
        "eigenvalue": ("observation", np.concatenate(flat)),
        "observations": ("level", np.array(sizes)),
    })  # fmt: skip


def _describe(fit: TemperatureFit) -> dict[str, Any]:
    settings = []
    for setting in fit.settings:
        names = ("path", "model", "learning_rate", "batch_size", "num_replicas", "r_hat", "ess", "divergences")
        level_names = ("center", "width2_per_temperature", "predicted_width", "used")
        settings.append({
            **{name: getattr(setting, name) for name in names},
            "warnings": list(setting.warnings),
            "levels": [
                {**{name: getattr(level, name) for name in level_names}, "modes": list(level.modes)}
                for level in setting.levels
            ],
        })  # fmt: skip
    scaling = None
    if fit.scaling:
        scaling = {name: getattr(fit.scaling, name) for name in ("r_hat", "ess", "divergences")}
        scaling |= {"warnings": list(fit.scaling.warnings), "sites": sorted(fit.scaling.draws)}
        scaling |= {
            "method": fit.scaling.method,
            "wider_prior": {n: list(v) for n, v in fit.scaling.wider_prior.items()},
        }
    return {"settings": settings, "scaling": scaling, "method": fit.method}


def _load_setting(meta: dict, index: int, rows: range, posterior: xr.Dataset, observed: xr.Dataset) -> SettingFit:
    ends = np.cumsum(observed["observations"].values)
    levels = []
    for row, level in zip(rows, meta["levels"], strict=True):
        values = observed["eigenvalue"].values[ends[row] - observed["observations"].values[row] : ends[row]]
        width = posterior["width"].values[..., row]
        levels.append(
            LevelFit(
                **{**level, "modes": tuple(level["modes"])},
                levels=values.reshape(-1, len(level["modes"])),
                width_draws=width,
                center_draws=posterior["center"].values[..., row],
                width=summarise(width),
            )
        )
    draws = posterior["temperature"].values[..., index]
    rest = {**meta, "levels": tuple(levels), "warnings": tuple(meta["warnings"])}
    return SettingFit(**rest, temperature=summarise(draws), temperature_draws=draws)


def _load_scaling(meta: dict | None, posterior: xr.Dataset) -> ScalingFit | None:
    if meta is None:
        return None
    stored = {name: f"rule_{name}" if name == "temperature" else name for name in meta.pop("sites")}
    draws = {name: posterior[variable].values for name, variable in stored.items()}
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
