"""The common format of spectra: an :class:`xarray.Dataset` with fixed names.

Variable ``eigenvalue`` with dims ``(setting, replica, step, mode)``, modes ascending; coordinates ``learning_rate``
and ``batch_size`` over ``setting``, ``step``, ``replica``, ``mode`` and, when the model is known, ``target`` and
``fixed_point`` over ``mode``; attributes ``format``, ``config`` (JSON), ``seed``, ``versions`` (JSON), ``device``.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._checks import InputError, check_count, check_finite_array, check_positive, check_seed, fail

FORMAT = "coulombgas-spectra/1"
DIMS = ("setting", "replica", "step", "mode")
_PACKAGES = ("coulombgas", "jax", "jaxlib", "numpy", "scipy", "numpyro", "equinox", "xarray")


def make_spectra(
    eigenvalue: Any,
    *,
    learning_rate: Sequence[float] | np.ndarray,
    batch_size: Sequence[int] | np.ndarray,
    model: Mapping[str, Any] | None,
    step: Sequence[int] | np.ndarray | None = None,
    training: Mapping[str, Any] | None = None,
    assumed: Mapping[str, Any] | None = None,
    target: Any = None,
    fixed_point: Any = None,
    failed_step: Any = None,
    seed: int = 0,
    device: str = "cpu",
    source: str | None = None,
) -> xr.Dataset:
    """Assemble a validated ``Spectra`` dataset.

    Args:
        eigenvalue: levels x, shape (setting, replica, step, mode); sorted here along the last axis.
        learning_rate: learning rate of each setting, shape (setting,).
        batch_size: batch size of each setting, shape (setting,).
        model: JSON-able description with at least ``name`` (what ``models.from_config`` reads); None if the model is
            unknown, in which case spectra give relative temperatures only.
        step: training steps at which the spectra were taken, shape (step,); 0, 1, … when not given.
        training: JSON-able description of the training.
        assumed: JSON-able values, by name, that affect the law of the levels and were assumed because they were not
            given.
        target: target eigenvalue κ belonging to each mode, shape (mode,).
        fixed_point: eigenvalue of each mode at the fixed point, ascending, shape (mode,).
        failed_step: step at which a replica diverged, −1 where it did not, shape (setting, replica).
        seed: seed of the run.
        device: where it ran, in words.
        source: file it came from.

    Raises:
        InputError: when shapes do not match or values are out of range.
    """
    seed = check_seed(seed)
    for name, value in (("model", model), ("training", training), ("assumed", assumed)):
        _check_mapping(name, value)
    levels = np.asarray(eigenvalue)
    if levels.ndim != 4:
        raise InputError(f"`eigenvalue` must have the 4 dimensions {DIMS}, got shape {levels.shape}.")
    _, num_replicas, num_steps, num_modes = levels.shape
    data: dict[str, Any] = {"eigenvalue": (DIMS, np.sort(levels, axis=-1))}
    if failed_step is not None:
        data["failed_step"] = (DIMS[:2], np.asarray(failed_step, dtype=np.int64))
    coords: dict[str, Any] = {
        "learning_rate": ("setting", np.asarray(learning_rate, dtype=np.float64)),
        "batch_size": ("setting", np.asarray(batch_size)),
        "replica": np.arange(num_replicas),
        "step": np.arange(num_steps) if step is None else np.asarray(step, dtype=np.int64),
        "mode": np.arange(num_modes),
    }
    for name, value in (("target", target), ("fixed_point", fixed_point)):
        if value is not None:
            coords[name] = ("mode", np.asarray(value, dtype=np.float64))
    attrs = {
        "format": FORMAT,
        "config": json.dumps(_config(model, training, assumed)),
        "seed": seed,
        "versions": json.dumps(package_versions()),
        "device": device,
        **({"source": source} if source else {}),
    }
    try:
        dataset = xr.Dataset(data, coords=coords, attrs=attrs)
    except ValueError as error:
        raise InputError(f"shapes of spectra and settings do not fit together: {error}.") from None
    return validate_spectra(dataset)


def _check_mapping(argument: str, value: Any) -> None:
    if value is not None and not isinstance(value, Mapping):
        fail(argument, "must be a dictionary of JSON-able values, or None", value)


def _config(
    model: Mapping[str, Any] | None, training: Mapping[str, Any] | None, assumed: Mapping[str, Any] | None
) -> dict[str, Any]:
    config = {"model": None if model is None else dict(model), "training": dict(training or {})}
    return config if assumed is None else {**config, "assumed": dict(assumed)}


def validate_spectra(spectra: xr.Dataset) -> xr.Dataset:
    """The dataset in its 4-dimensional form, after checking names, shapes and settings.

    ``setting`` and ``step`` may be missing (one setting, one step); NaN is allowed only in replicas that
    ``failed_step`` names as diverged.

    Raises:
        InputError: naming the variable that is missing or wrong.
    """
    if "eigenvalue" not in spectra:
        raise InputError(f"`spectra` has no variable 'eigenvalue': it holds {sorted(map(str, spectra.data_vars))}.")
    for name in ("learning_rate", "batch_size"):
        if name not in spectra.coords:
            raise InputError(f"`spectra` has no coordinate `{name}`: add it, one value for each setting.")
    dataset = spectra
    if "setting" not in dataset.dims:
        per_setting = [name for name in ("eigenvalue", "failed_step", "weights") if name in dataset]
        dataset = dataset.assign({name: dataset[name].expand_dims("setting") for name in per_setting})
        dataset = dataset.assign_coords({
            name: ("setting", np.atleast_1d(spectra[name].values)) for name in ("learning_rate", "batch_size")
        })  # fmt: skip
    if "step" not in dataset.eigenvalue.dims:
        dataset = dataset.assign(eigenvalue=dataset.eigenvalue.expand_dims(step=[0]))
    if set(dataset.eigenvalue.dims) != set(DIMS):
        raise InputError(f"`eigenvalue` must have the dims {DIMS}, got {tuple(map(str, dataset.eigenvalue.dims))}.")
    dataset = dataset.assign(eigenvalue=dataset.eigenvalue.transpose(*DIMS))
    if 0 in dataset.eigenvalue.shape:
        raise InputError(f"`eigenvalue` is empty: shape {dataset.eigenvalue.shape} over {DIMS}.")
    for value in dataset.learning_rate.values:
        check_positive("learning_rate", float(value))
    for value in dataset.batch_size.values:
        check_count("batch_size", value.item() if hasattr(value, "item") else value)
    _check_levels(dataset)
    return dataset


def _check_levels(dataset: xr.Dataset) -> None:
    levels = dataset.eigenvalue.values
    if not np.issubdtype(levels.dtype, np.floating):
        check_finite_array("eigenvalue", levels)
        return
    bad = ~np.isfinite(levels)
    if "failed_step" in dataset:
        bad &= (dataset.failed_step.values < 0)[..., None, None]
    if bad.any():
        check_finite_array("eigenvalue", np.where(bad, np.nan, 0.0))


def has_model(spectra: xr.Dataset) -> bool:
    """Whether a dataset names its model; without one it gives relative temperatures only."""
    return _entry(spectra, "model") is not None


def training_config(spectra: xr.Dataset) -> dict[str, Any]:
    """Description of the training of a dataset, empty if it has none.

    For a user's ``.npz``: ``optimizer`` (as ``Optimizer.config()``), ``sampling``, ``updates_per_epoch``, ``steps``.
    """
    return dict(_entry(spectra, "training") or {})


def assumed(spectra: xr.Dataset) -> dict[str, Any]:
    """Values, by name, that affect the law of the levels and were assumed because the data do not give them."""
    return dict(_entry(spectra, "assumed") or {})


def _entry(spectra: xr.Dataset, name: str) -> Any:
    """An entry of the configuration, None where it or the configuration is missing."""
    try:
        return json.loads(spectra.attrs["config"]).get(name)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def model_config(spectra: xr.Dataset) -> dict[str, Any]:
    """Description of the model of a dataset; check :func:`has_model` first if it may have none.

    Raises:
        InputError: when the dataset has none.
    """
    try:
        config = json.loads(spectra.attrs["config"])["model"]
        if not isinstance(config["name"], str):
            raise TypeError
    except (KeyError, TypeError, ValueError):
        raise InputError(
            "`spectra` does not say which model it came from: set attrs['config'] to JSON "
            '{"model": {"name": "rbm", …}}.'
        ) from None
    return config


def healthy(spectra: xr.Dataset) -> np.ndarray:
    """Which replicas did not diverge, shape (setting, replica), bool."""
    shape = (spectra.sizes["setting"], spectra.sizes["replica"])
    return spectra.failed_step.values < 0 if "failed_step" in spectra else np.ones(shape, dtype=bool)


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages a number depends on."""
    found = {"python": sys.version.split()[0]}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
