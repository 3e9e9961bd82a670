"""Spectra recorded along a training: a Zarr group that can be read while it grows and survives any interruption.

Layout: attributes ``format``, ``complete`` (records that are whole) and ``matrices`` (name → [rows, columns]); arrays
``step`` (record,), ``eigenvalue.<name>`` (record, replica, mode) and ``kurtosis.<name>`` (record, replica). Readers
look at the first ``complete`` records only, so a record cut off by a crash does not exist.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._checks import InputError
from coulombgas._files import (
    Anything,
    ArrayRule,
    ListOf,
    MapOf,
    Record,
    StoredGroup,
    Text,
    Whole,
    check_arrays,
    check_document,
    examine_store,
    is_store,
    mark_output,
    naming,
    read_grid,
    read_json,
    sweep_partial_files,
)
from coulombgas._types import PathType
from coulombgas.spectra import EVERY_CHUNK, LayerSpectrum, NetworkSpectra, make_spectra

FORMAT = "coulombgas-recording/1"
_RECORDS_A_CHUNK = 16
_ATTRIBUTES = Record(
    {"format": Text(words=(FORMAT,)), "complete": Whole(), "matrices": MapOf(ListOf(Whole(1), length=2))},
    optional={"config": MapOf(Anything())},
)
_REMEDY = "the recording is damaged; record it again"


class Recording:
    """An open recording; ``append`` adds one record."""

    def __init__(
        self, path: PathType, *, matrices: Mapping[str, Sequence[int]], replicas: int, attrs: Mapping[str, Any]
    ):
        """Create the group, or open it and drop what a crash left behind its last whole record."""
        import zarr

        self.path = Path(path)
        self._shapes = {name: tuple(int(side) for side in shape) for name, shape in matrices.items()}
        self._replicas = replicas
        if self.path.exists():
            self._check(replicas)
            sweep_partial_files(self.path)
        else:
            self._create(attrs)
        # zarr's attributes and members are typed as unions of everything JSON and Zarr know
        with zarr.config.set({"array.write_empty_chunks": True}):
            self._group: Any = zarr.open_group(self.path, mode="r+", use_consolidated=False)
            self._arrays: dict[str, Any] = {name: self._group[name] for name in self._names()}
        self._truncate(int(self._group.attrs["complete"]))

    @property
    def complete(self) -> int:
        """Number of whole records."""
        return int(self._group.attrs["complete"])

    @property
    def last_step(self) -> int | None:
        """Step of the last whole record."""
        return int(self._arrays["step"][self.complete - 1]) if self.complete else None

    def truncate_after(self, step: int) -> None:
        """Forget records beyond ``step``: a resumed run makes them again."""
        steps = np.asarray(self._arrays["step"][: self.complete])
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
            self._arrays[f"eigenvalue.{name}"].append(np.stack([layer.eigenvalues for layer in replicas])[None])
            self._arrays[f"kurtosis.{name}"].append(np.array([[layer.kurtosis for layer in replicas]]))
        self._arrays["step"].append(np.array([step]))
        self._group.attrs["complete"] = self.complete + 1

    def _create(self, attrs: Mapping[str, Any]) -> None:
        """The empty group, made beside its place and put there in one rename: a kill leaves none or a whole one."""
        import zarr

        temporary = self.path.absolute().parent / f".{self.path.name}.new"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.parent.mkdir(parents=True, exist_ok=True)
        group = zarr.open_group(temporary, mode="w", zarr_format=3)
        for name, (shape, dims, dtype) in self._names().items():
            chunks = (_RECORDS_A_CHUNK, *shape)
            group.create_array(name, shape=(0, *shape), chunks=chunks, dtype=dtype, dimension_names=dims)
        stored = {name: list(shape) for name, shape in self._shapes.items()}
        group.attrs.update({"format": FORMAT, "complete": 0, "matrices": stored, EVERY_CHUNK: True, **attrs})
        mark_output(temporary)
        temporary.rename(self.path)

    def _names(self) -> dict[str, tuple[tuple[int, ...], tuple[str, ...], str]]:
        """Shape of one record, dimensions and type of every array."""
        found: dict[str, tuple[tuple[int, ...], tuple[str, ...], str]] = {"step": ((), ("record",), "i8")}
        for name, shape in self._shapes.items():
            modes = min(shape)
            found[f"eigenvalue.{name}"] = ((self._replicas, modes), ("record", "replica", f"mode_{modes}"), "f8")
            found[f"kurtosis.{name}"] = ((self._replicas,), ("record", "replica"), "f8")
        return found

    def _check(self, replicas: int) -> None:
        if not is_recording(self.path):
            raise InputError(f"`out` {str(self.path)!r} exists and is no recording: choose another path.")
        store = examine_recording(self.path)
        found = {name: tuple(shape) for name, shape in store.attributes["matrices"].items()}
        held = {store.arrays[f"eigenvalue.{name}"].shape[1] for name in found}
        if found != self._shapes or held != {replicas}:
            raise InputError(f"`out` {str(self.path)!r} records other matrices: choose another path.")

    def _truncate(self, complete: int) -> None:
        self._group.attrs["complete"] = complete
        for array in self._arrays.values():
            array.resize((complete, *array.shape[1:]))


def truncate_recording(path: Path, step: int) -> list[int]:
    """Forget the records of a recording beyond ``step``; returns the steps of those that are left."""
    store = examine_recording(path)
    shapes = store.attributes["matrices"]
    replicas = store.arrays[f"eigenvalue.{next(iter(shapes))}"].shape[1] if shapes else 0
    kept = [int(one) for one in _steps(store) if one <= step]
    Recording(path, matrices=shapes, replicas=replicas, attrs={}).truncate_after(step)
    return kept


def is_recording(path: PathType) -> bool:
    """Whether a directory is a recording, by the format that its metadata name."""
    directory = Path(path)
    if not directory.is_dir() or not is_store(directory):
        return False
    try:
        attributes = read_json(directory / "zarr.json", what="store", inside=directory).get("attributes")
    except InputError:
        return False
    return isinstance(attributes, dict) and attributes.get("format") == FORMAT


def examine_recording(path: PathType) -> StoredGroup:
    """A recording whose metadata follow the schema of the format.

    Raises:
        InputError: naming the array or attribute that is missing, mistyped or does not fit.
    """
    if not is_recording(path):
        raise InputError(f"{path}: not a recording of spectra.")
    with naming(path):
        return _examine(Path(path))


def _examine(path: Path) -> StoredGroup:
    store = examine_store(path)
    check_document(store.attributes, _ATTRIBUTES, str(path), _REMEDY)
    complete = store.attributes["complete"]
    rules = {"step": ArrayRule((("record",),), "i")}
    for name, shape in store.attributes["matrices"].items():
        rules[f"eigenvalue.{name}"] = ArrayRule((("record", "replica", f"mode_{min(shape)}"),))
        rules[f"kurtosis.{name}"] = ArrayRule((("record", "replica"),))
        levels = store.arrays.get(f"eigenvalue.{name}")
        if levels is not None and levels.shape[2:] != (min(shape),):
            raise InputError(f"{path}: array `eigenvalue.{name}` does not hold {min(shape)} levels: {_REMEDY}.")
    # a record under way has reached some arrays and not others, so that only the whole ones are counted
    for name, rule in rules.items():
        check_arrays(store, {name: rule})
        grid = store.arrays[name]
        if grid.shape[0] < complete:
            raise InputError(f"{path}: array `{name}` has {grid.shape[0]} records of {complete}: {_REMEDY}.")
        may_miss = name == "step" and not store.attributes.get(EVERY_CHUNK)  # older ones left out a single step 0
        grid.check_chunks(rows=complete, may_miss=may_miss)
    if len({store.arrays[name].shape[1] for name in rules if name != "step"}) > 1:
        raise InputError(f"{path}: its arrays have different numbers of replicas: {_REMEDY}.")
    return store


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

    store = examine_recording(path)
    complete, shapes = store.attributes["complete"], store.attributes["matrices"]
    steps = _steps(store)
    patterns = [select] if isinstance(select, str) else list(select)
    names = [name for name in shapes if any(fnmatch.fnmatchcase(name, p) for p in patterns)]
    if not complete or not names:
        reason = "it holds no whole record yet" if not complete else f"`select` {select!r} matches none of its matrices"
        raise InputError(f"{path}: {reason}.")
    layers: list[LayerSpectrum] = []
    for name in names:
        levels, kurtosis = store.arrays[f"eigenvalue.{name}"], store.arrays[f"kurtosis.{name}"]
        if not 0 <= replica < levels.shape[1]:
            raise InputError(f"`replica` must lie between 0 and {levels.shape[1] - 1}, got {replica}.")
        rows, columns = shapes[name]
        with naming(path):
            values, fourth = read_grid(levels)[:complete, replica], read_grid(kurtosis)[:complete, replica]
        _check_values(path, name, values)
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
    store = examine_recording(path)
    complete, shapes = store.attributes["complete"], store.attributes["matrices"]
    if name not in shapes or not complete:
        raise InputError(f"`name` {name!r} has no record in {path}; recorded are {', '.join(shapes)}.")
    config = dict(store.attributes.get("config", {}))
    given = {"learning_rate": learning_rate, "batch_size": batch_size}
    known: dict[str, Any] = {word: config.get(word) if value is None else value for word, value in given.items()}
    for word, value in known.items():
        if value is None:
            raise InputError(f"`{word}` is not stored in {path}: give it.")
    with naming(path):
        levels = read_grid(store.arrays[f"eigenvalue.{name}"])[:complete]
    _check_values(path, name, levels)
    return make_spectra(
        np.moveaxis(levels, 0, 1)[None],
        learning_rate=[known["learning_rate"]],
        batch_size=[known["batch_size"]],
        model={"name": "recording", "matrix": name, "shape": list(shapes[name])},
        step=_steps(store),
        training=config,
        source=str(path),
    )


def _steps(store: StoredGroup) -> np.ndarray:
    with naming(store.path):
        steps = read_grid(store.arrays["step"])[: store.attributes["complete"]]
    if (np.diff(steps) <= 0).any() or (steps < 0).any():
        raise InputError(f"{store.path}: array `step` does not ascend: {_REMEDY}.")
    return steps


def _check_values(path: PathType, name: str, levels: np.ndarray) -> None:
    if not np.isfinite(levels).all() or (levels < 0).any():
        raise InputError(f"{path}: array `eigenvalue.{name}` holds values that are no levels of WᵀW: {_REMEDY}.")
