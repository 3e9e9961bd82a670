"""Spectra recorded along a training: a Zarr group that can be read while it grows and survives any interruption.

Layout: attributes ``format``, ``complete`` (records that are whole) and ``matrices`` (name → [rows, columns]); arrays
``step`` (record,), ``eigenvalue.<name>`` (record, replica, mode) and ``kurtosis.<name>`` (record, replica). Readers
look at the first ``complete`` records only, so a record cut off by a crash does not exist.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._checks import InputError
from coulombgas._types import PathType
from coulombgas.spectra import LayerSpectrum, NetworkSpectra, make_spectra

FORMAT = "coulombgas-recording/1"
_RECORDS_A_CHUNK = 16


class Recording:
    """An open recording; ``append`` adds one record."""

    def __init__(
        self, path: PathType, *, matrices: Mapping[str, Sequence[int]], replicas: int, attrs: Mapping[str, Any]
    ):
        """Create the group, or open it and drop what a crash left behind its last whole record."""
        import zarr

        self.path = Path(path)
        self._shapes = {name: tuple(int(side) for side in shape) for name, shape in matrices.items()}
        self._group: Any  # zarr's attributes and members are typed as unions of everything JSON and Zarr know
        if self.path.exists():
            self._group = zarr.open_group(self.path, mode="a")
            self._check()
            self._truncate(int(self._group.attrs["complete"]))
            return
        self._group = zarr.open_group(self.path, mode="w")
        stored = {name: list(shape) for name, shape in self._shapes.items()}
        self._group.attrs.update({"format": FORMAT, "complete": 0, "matrices": stored, **attrs})
        self._create("step", (0,), "i8", ("record",))
        for name, shape in self._shapes.items():
            self._create(
                f"eigenvalue.{name}", (0, replicas, min(shape)), "f8", ("record", "replica", f"mode_{min(shape)}")
            )
            self._create(f"kurtosis.{name}", (0, replicas), "f8", ("record", "replica"))

    @property
    def complete(self) -> int:
        """Number of whole records."""
        return int(self._group.attrs["complete"])

    @property
    def last_step(self) -> int | None:
        """Step of the last whole record."""
        return int(self._group["step"][self.complete - 1]) if self.complete else None

    def truncate_after(self, step: int) -> None:
        """Forget records beyond ``step``: a resumed run makes them again."""
        steps = np.asarray(self._group["step"][: self.complete])
        self._truncate(int(np.searchsorted(steps, step, side="right")))

    def append(self, step: int, spectra: Mapping[str, Sequence[LayerSpectrum]]) -> None:
        """Add one record: for each matrix the spectra of all replicas. It counts once it is whole.

        Raises:
            InputError: when steps do not ascend, or the matrices are not those of the first record.
        """
        last = self.last_step
        if last is not None and step <= last:
            raise InputError(f"`step` must ascend from record to record, got {step} after {last}.")
        for name in sorted(self._shapes.keys() ^ spectra.keys()):
            where = (
                "the first record but not in this one" if name in self._shapes else "this record but not in the first"
            )
            raise InputError(f"{name} is in {where}: record the same matrices every time.")
        for name, replicas in spectra.items():
            if replicas[0].shape != self._shapes[name]:
                raise InputError(f"{name} had shape {self._shapes[name]} in the first record, now {replicas[0].shape}.")
        for name, replicas in spectra.items():
            self._group[f"eigenvalue.{name}"].append(np.stack([layer.eigenvalues for layer in replicas])[None])
            self._group[f"kurtosis.{name}"].append(np.array([[layer.kurtosis for layer in replicas]]))
        self._group["step"].append(np.array([step]))
        self._group.attrs["complete"] = self.complete + 1

    def _create(self, name: str, shape: tuple[int, ...], dtype: str, dims: tuple[str, ...]) -> None:
        chunks = (_RECORDS_A_CHUNK, *shape[1:])
        self._group.create_array(name, shape=shape, chunks=chunks, dtype=dtype, dimension_names=dims)

    def _check(self) -> None:
        if self._group.attrs.get("format") != FORMAT:
            raise InputError(f"`out` {str(self.path)!r} exists and is no recording: choose another path.")
        found = {name: tuple(shape) for name, shape in self._group.attrs["matrices"].items()}
        if found != self._shapes:
            raise InputError(f"`out` {str(self.path)!r} records other matrices: choose another path.")

    def _truncate(self, complete: int) -> None:
        self._group.attrs["complete"] = complete
        for _, array in self._group.arrays():
            array.resize((complete, *array.shape[1:]))


def is_recording(path: PathType) -> bool:
    """Whether a directory is a recording."""
    directory = Path(path)
    if not (directory / "zarr.json").is_file():
        return False
    import zarr

    try:
        return zarr.open_group(directory, mode="r").attrs.get("format") == FORMAT
    except (ValueError, KeyError, OSError):
        return False


def read_recording(path: PathType, *, replica: int = 0, select: str | Sequence[str] = "*") -> NetworkSpectra:
    """A recording as a trajectory of spectra.

    Args:
        path: Zarr group written by a recorder.
        replica: which of the replicas.
        select: glob or globs on the names.

    Raises:
        InputError: when it is no recording, holds no whole record, nothing matches, or there is no such replica.
    """
    import fnmatch

    import zarr

    if not is_recording(path):
        raise InputError(f"{path}: not a recording of spectra.")
    group: Any = zarr.open_group(Path(path), mode="r")
    complete = int(group.attrs["complete"])
    steps = np.asarray(group["step"][:complete])
    patterns = [select] if isinstance(select, str) else list(select)
    names = [name for name in group.attrs["matrices"] if any(fnmatch.fnmatchcase(name, p) for p in patterns)]
    if not complete or not names:
        reason = "it holds no whole record yet" if not complete else f"`select` {select!r} matches none of its matrices"
        raise InputError(f"{path}: {reason}.")
    layers: list[LayerSpectrum] = []
    for name in names:
        levels, kurtosis = group[f"eigenvalue.{name}"], group[f"kurtosis.{name}"]
        if not 0 <= replica < levels.shape[1]:
            raise InputError(f"`replica` must lie between 0 and {levels.shape[1] - 1}, got {replica}.")
        rows, columns = group.attrs["matrices"][name]
        values, fourth = np.asarray(levels[:complete, replica]), np.asarray(kurtosis[:complete, replica])
        layers += [
            LayerSpectrum(name, (rows, columns), values[i], int(steps[i]), float(fourth[i])) for i in range(complete)
        ]
    layers.sort(key=lambda layer: layer.step or 0)
    return NetworkSpectra(tuple(layers), (str(path),))


def read_recorded_ensemble(
    path: PathType, name: str, *, learning_rate: float | int | None = None, batch_size: int | None = None
) -> xr.Dataset:
    """One matrix of all replicas of a recording as ``Spectra``: what temperatures are inferred from.

    :func:`coulombgas.inference.temperature_from_motion` finds drift, noise and temperature in it, given eight replicas
    and evenly spaced steps.

    Args:
        path: Zarr group written by a recorder with a replica axis.
        name: name of the matrix.
        learning_rate, batch_size: of the training; known when ``coulombgas simulate gpt`` made the recording.

    Returns:
        Spectra of WᵀW, dims (setting, replica, step, mode).

    Raises:
        InputError: when it is no recording, has no such matrix, or learning rate or batch size are not known.
    """
    import zarr

    if not is_recording(path):
        raise InputError(f"{path}: not a recording of spectra.")
    group: Any = zarr.open_group(Path(path), mode="r")
    complete, shapes = int(group.attrs["complete"]), dict(group.attrs["matrices"])
    if name not in shapes or not complete:
        raise InputError(f"`name` {name!r} has no record in {path}; recorded are {', '.join(shapes)}.")
    config = dict(group.attrs.get("config", {}))
    given = {"learning_rate": learning_rate, "batch_size": batch_size}
    known: dict[str, Any] = {word: config.get(word) if value is None else value for word, value in given.items()}
    for word, value in known.items():
        if value is None:
            raise InputError(f"`{word}` is not stored in {path}: give it.")
    levels = np.asarray(group[f"eigenvalue.{name}"][:complete])
    return make_spectra(
        np.moveaxis(levels, 0, 1)[None],
        learning_rate=[known["learning_rate"]],
        batch_size=[known["batch_size"]],
        model={"name": "recording", "matrix": name, "shape": list(shapes[name])},
        step=np.asarray(group["step"][:complete]),
        training=config,
        source=str(path),
    )
