"""Reading ensembles of spectra: our own Zarr stores, the data released with ALP24, and plain ``.npz`` files."""

from pathlib import Path

import numpy as np
import xarray as xr

from coulombgas._checks import InputError
from coulombgas._files import is_store, naming, read_archive
from coulombgas._types import PathType

from ._released import (
    RBM_FILE,
    TEACHER_FILE,
    archived_names,
    find_runs,
    from_rbm,
    from_teacher_student,
    join_runs,
)
from ._stores import read_store
from ._user_file import from_user_file


def read_spectra(path: PathType) -> xr.Dataset:
    """Read one file or store into the ``Spectra`` format.

    It reads a Zarr store written by ``coulombgas simulate``; the data released with arXiv:2407.16427, a file or a
    folder of runs, of the teacher-student model (``W``, …; the levels are the singular values of W) and of the RBM
    (``w``, …; eigenvalues of WᵀW; the pickled entry is never touched), with the runs of one setting as one ensemble;
    and a user's ``.npz`` with ``eigenvalue`` (replica, mode) or (setting, replica, mode), ``learning_rate``,
    ``batch_size``, and, where known, ``model`` ("rbm", "teacher-student", "two-layer" or "matrix-dyson") with the
    fields of the model and of the optimiser under their own names. :func:`assumed` lists the relevant values that were
    not given.

    Args:
        path: file or directory.

    Returns:
        The validated dataset; ``attrs["source"]`` is the path.

    Raises:
        InputError: one line naming the file and what is wrong with it.
    """
    file = Path(path)
    with naming(file):
        return _read(file)


def _read(file: Path) -> xr.Dataset:
    """Spectra from a store, a directory of runs, released weights or a user's file."""
    if file.is_dir():
        return read_store(file) if is_store(file) else join_runs(list(map(_run, find_runs(file))), str(file))
    if archived_names(file) >= RBM_FILE:
        return from_rbm(file)
    arrays = read_npz(file)
    if set(arrays) >= TEACHER_FILE:
        return from_teacher_student(arrays, str(file))
    if "eigenvalue" in arrays:
        return from_user_file(arrays, str(file))
    raise InputError(
        f"{file}: neither spectra (`eigenvalue`, `learning_rate`, …) nor released weights (`W`, `lr`, …), "
        f"it holds {sorted(arrays)}."
    )


def _run(file: Path) -> xr.Dataset:
    with naming(file):
        return _read(file)


def read_npz(file: Path) -> dict[str, np.ndarray]:
    """All arrays of an ``.npz`` file; pickled objects are refused, never loaded."""
    return read_archive(file)
