"""Reading ensembles of spectra: our own Zarr stores, the data released with ALP24, and plain ``.npz`` files."""

from pathlib import Path

import numpy as np
import xarray as xr

from coulombgas._checks import InputError, check_choice, check_count, check_finite_array, check_positive
from coulombgas._files import is_store, naming, read_archive, regular_file
from coulombgas._types import PathType

from ._levels import weights_to_levels
from ._schema import make_spectra
from ._stores import read_store

_RELEASED = {"W", "lr", "batch_size", "noise"}
_MODELS = ("rbm", "teacher-student")
_RELEASED_TEACHER = 2.0  # both teacher eigenvalues of the released runs, which the files do not repeat


def read_spectra(path: PathType) -> xr.Dataset:
    """Read one file or store into the ``Spectra`` format.

    Understood are: a Zarr store written by ``coulombgas simulate``; the layout of the data released with
    arXiv:2407.16427 (arrays ``W``, ``lr``, ``batch_size``, ``noise``; singular values of W are the levels); a user's
    ``.npz`` with ``eigenvalue`` (replica, mode), ``learning_rate``, ``batch_size``, ``model`` ("rbm" or
    "teacher-student"), ``target`` (mode,), for an RBM ``mu2`` and ``sigma_h2``, for teacher-student ``noise`` and,
    where one set of inputs served all replicas, ``inputs`` = "quenched" ("fresh" where it is not given).

    Args:
        path: file or directory.

    Returns:
        The validated dataset; ``attrs["source"]`` is the path.

    Raises:
        InputError: one line saying what is wrong with which file.
    """
    file = Path(path)
    with naming(file):
        return _read(file)


def _read(file: Path) -> xr.Dataset:
    if file.is_dir():
        if not is_store(file):
            raise InputError(f"{file}: not a Zarr store of spectra (no zarr.json in it).")
        return read_store(file)
    if regular_file(file).stat().st_size == 0:
        raise InputError(f"{file}: the file is empty.")
    arrays = read_npz(file)
    if set(arrays) >= _RELEASED:
        return _from_released(arrays, str(file))
    if "eigenvalue" in arrays:
        return _from_user(arrays, str(file))
    raise InputError(
        f"{file}: neither spectra (`eigenvalue`, `learning_rate`, …) nor released weights (`W`, `lr`, …), "
        f"it holds {sorted(arrays)}."
    )


def read_npz(file: Path) -> dict[str, np.ndarray]:
    """All arrays of an ``.npz`` file; pickled objects are refused, never loaded."""
    return read_archive(file)


def _from_released(arrays: dict[str, np.ndarray], source: str) -> xr.Dataset:
    weights = check_finite_array("W", arrays["W"])
    if weights.ndim != 4 or weights.shape[-1] != weights.shape[-2]:
        raise InputError(f"`W` must have shape (seed, epoch, N, N), got {weights.shape}.")
    size = weights.shape[-1]
    teacher = [_RELEASED_TEACHER] * size
    every = int(_scalar(arrays, "save_int")) if "save_int" in arrays else 1
    return make_spectra(
        weights_to_levels(weights, kind="singular")[None],
        learning_rate=[check_positive("lr", _scalar(arrays, "lr"))],
        batch_size=[check_count("batch_size", _scalar(arrays, "batch_size"))],
        step=np.arange(weights.shape[1]) * every,
        model={
            "name": "teacher-student",
            "noise": check_positive("noise", _scalar(arrays, "noise")),
            "teacher": teacher,
            "inputs": "quenched",  # one set of inputs served all seeds of a file
        },
        training={"layout": "released with arXiv:2407.16427", "step_unit": "epoch"},
        target=teacher,
        fixed_point=teacher,
        source=source,
    )


def _from_user(arrays: dict[str, np.ndarray], source: str) -> xr.Dataset:
    levels = check_finite_array("eigenvalue", arrays["eigenvalue"])
    if levels.ndim != 2 or 0 in levels.shape:
        raise InputError(f"`eigenvalue` must have shape (replica, mode), got {levels.shape}.")
    name = str(_get(arrays, "model", '"rbm" or "teacher-student"'))
    if name not in _MODELS:
        raise InputError(f"`model` must be one of {', '.join(map(repr, _MODELS))}, got {name!r}.")
    kappa = np.atleast_1d(check_finite_array("target", _get(arrays, "target", "the target eigenvalues κ_i")))
    if kappa.ndim != 1 or kappa.size != levels.shape[1]:
        raise InputError(
            f"`target` must hold one value for each of the {levels.shape[1]} modes of `eigenvalue`, "
            f"got shape {kappa.shape}."
        )
    model, target, fixed_point = _describe(name, kappa, arrays)
    return make_spectra(
        levels[None, :, None, :],
        learning_rate=[check_positive("learning_rate", _scalar(arrays, "learning_rate"))],
        batch_size=[check_count("batch_size", _scalar(arrays, "batch_size"))],
        model=model,
        training={"layout": "user npz"},
        target=target,
        fixed_point=fixed_point,
        source=source,
    )


def _describe(name: str, kappa: np.ndarray, arrays: dict[str, np.ndarray]) -> tuple[dict, np.ndarray, np.ndarray]:
    """Model description, targets and fixed points in the order of ascending levels."""
    if name == "teacher-student":
        teacher = np.sort(kappa)
        noise = check_positive("noise", _scalar(arrays, "noise"))
        inputs = check_choice("inputs", str(arrays.get("inputs", "fresh")), ("fresh", "quenched"))
        return {"name": name, "teacher": teacher.tolist(), "noise": noise, "inputs": inputs}, teacher, teacher
    mu2 = check_positive("mu2", _scalar(arrays, "mu2"))
    sigma_h2 = check_positive("sigma_h2", _scalar(arrays, "sigma_h2")) if "sigma_h2" in arrays else 1.0
    if kappa.min() <= 0:
        raise InputError(
            f"`target` must be positive for an RBM (eigenvalues of a precision matrix), got {kappa.min():g}."
        )
    target = np.sort(kappa)[::-1].copy()
    config = {"name": name, "mu2": mu2, "sigma_h2": sigma_h2, "target": np.sort(kappa).tolist()}
    # x = mu2 − kappa (ALP24 (26)); where kappa ≥ mu2 the mode cannot be learnt and stays at the wall x = 0
    return config, target, np.maximum(mu2 - target, 0.0)


def _get(arrays: dict[str, np.ndarray], name: str, meaning: str) -> np.ndarray:
    if name not in arrays:
        raise InputError(f"`{name}` is missing: add {meaning} to the file.")
    return arrays[name]


def _scalar(arrays: dict[str, np.ndarray], name: str) -> float:
    value = _get(arrays, name, "a number")
    if value.size != 1:
        raise InputError(f"`{name}` must be one number, got shape {value.shape}.")
    try:
        return float(value.reshape(()))
    except (TypeError, ValueError):
        raise InputError(f"`{name}` must be a number, got {value.reshape(())!r}.") from None
