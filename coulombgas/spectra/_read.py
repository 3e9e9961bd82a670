"""Reading ensembles of spectra: our own Zarr stores, the data released with ALP24, and plain ``.npz`` files."""

from pathlib import Path

import numpy as np
import xarray as xr

from coulombgas._checks import InputError, check_finite_array
from coulombgas._files import is_store, naming, read_archive, regular_file
from coulombgas._types import PathType

from ._levels import weights_to_levels
from ._schema import make_spectra
from ._stores import read_store
from ._user_file import from_user_file
from ._user_keys import count, positive

_RELEASED = {"W", "lr", "batch_size", "noise"}
_RELEASED_TEACHER = 2.0  # both teacher eigenvalues of the released runs, which the files do not repeat


def read_spectra(path: PathType) -> xr.Dataset:
    """Read one file or store into the ``Spectra`` format.

    Understood are: a Zarr store written by ``coulombgas simulate``; the layout of the data released with
    arXiv:2407.16427 (arrays ``W``, ``lr``, ``batch_size``, ``noise``; singular values of W are the levels); a user's
    ``.npz`` with ``eigenvalue`` (replica, mode) or (setting, replica, mode), ``learning_rate``, ``batch_size``, and
    where they are known ``model`` ("rbm", "teacher-student", "two-layer" or "matrix-dyson") with the fields of the
    model and of the optimiser under their own names. What is not given and matters is in :func:`assumed`.

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
        return from_user_file(arrays, str(file))
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
    every = count("save_int", arrays["save_int"]) if "save_int" in arrays else 1
    return make_spectra(
        weights_to_levels(weights, kind="singular")[None],
        learning_rate=[positive("lr", arrays["lr"])],
        batch_size=[count("batch_size", arrays["batch_size"])],
        step=np.arange(weights.shape[1]) * every,
        model={
            "name": "teacher-student",
            "noise": positive("noise", arrays["noise"]),
            "teacher": teacher,
            "inputs": "quenched",  # one set of inputs served all seeds of a file
        },
        training={"layout": "released with arXiv:2407.16427", "step_unit": "epoch"},
        target=teacher,
        fixed_point=teacher,
        source=source,
    )
