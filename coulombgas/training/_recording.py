"""Writing recordings: one complete record after another, whatever happens in between."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coulombgas._checks import InputError
from coulombgas._files import StoredGroup, consolidate, mark_output, separate, sweep_partial_files
from coulombgas._types import PathType
from coulombgas.spectra import EVERY_CHUNK, LayerSpectrum

from ._recording_format import (
    FIRST_FORMAT,
    FORMAT,
    PER_RECORD,
    TRACES,
    TRAINING_WORDS,
    examine_recording,
    has_noise,
    is_recording,
    recorded_steps,
)

_RECORDS_A_CHUNK = 16  # few files for long recordings, and little to rewrite for one record
_ArrayPlan = dict[str, tuple[tuple[int, ...], tuple[str, ...], str]]


class GradientNoise(NamedTuple):
    """Noise of the gradient at one record."""

    modes: dict[str, np.ndarray]
    """For each matrix: variance of u_iᵀ G v_i at the recorded batch size, (replica, mode)."""
    trace: float
    """tr Σ of one sample."""
    norm2: float
    """|G|², unbiased."""


class TrainingRecord(NamedTuple):
    """How the network was being trained at one record."""

    learning_rate: float = np.nan
    batch_size: float = np.nan
    optimizer: Mapping[str, Any] = {}
    """Values of the attribute ``training``."""
    noise: GradientNoise | None = None


class RecordRow(NamedTuple):
    """One record: the spectra of all replicas of each matrix, and how they were trained."""

    step: int
    spectra: Mapping[str, Sequence[LayerSpectrum]]
    training: TrainingRecord = TrainingRecord()


class Recording:
    """An open recording; ``extend`` adds records."""

    def __init__(
        self,
        path: PathType,
        *,
        matrices: Mapping[str, Sequence[int]],
        replicas: int,
        attrs: Mapping[str, Any],
        noise: bool = False,
    ):
        """Create the group, or open it and drop what a crash left after its last complete record."""
        import zarr

        self.path = Path(path)
        self._shapes = {name: tuple(int(side) for side in shape) for name, shape in matrices.items()}
        self._replicas, self._noise = replicas, noise
        if self.path.exists():
            self._check(replicas)
            sweep_partial_files(self.path)
            separate(self.path)
        else:
            self._create(attrs)
        # zarr's attributes and members are typed as unions of all JSON and Zarr types
        with zarr.config.set({"array.write_empty_chunks": True}):
            self._group: Any = zarr.open_group(self.path, mode="r+", use_consolidated=False)
            if self._group.attrs["format"] == FIRST_FORMAT:
                self._upgrade()
            self._arrays: dict[str, Any] = {name: self._group[name] for name in self._plan()}
        self._truncate(int(self._group.attrs["complete"]))

    @property
    def complete(self) -> int:
        """Number of complete records."""
        return int(self._group.attrs["complete"])

    @property
    def last_step(self) -> int | None:
        """Step of the last complete record."""
        return int(self._arrays["step"][self.complete - 1]) if self.complete else None

    def truncate_after(self, step: int) -> None:
        """Drop records beyond ``step``: a resumed run records them again."""
        steps = np.asarray(self._arrays["step"][: self.complete])
        self._truncate(int(np.searchsorted(steps, step, side="right")))

    def close(self) -> None:
        """Copy the metadata of all arrays into those of the group, from which other readers open them in one read. The
        copy goes before the next record is written, so that a kill leaves either none or one that is right."""
        consolidate(self.path)

    def extend(self, rows: Sequence[RecordRow]) -> dict[str, int]:
        """Add records, which count once all of them are complete.

        Returns:
            The optimiser settings that changed, with the step of the change; they are unknown from then on.

        Raises:
            InputError: when steps do not ascend, or the matrices are not those of the first record.
        """
        separate(self.path)  # of a recorder that was closed and goes on
        last = self.last_step
        for row in rows:
            self.check(row, after=last)
            last = row.step
        for name in self._shapes:
            levels = [[layer.eigenvalues for layer in row.spectra[name]] for row in rows]
            self._arrays[f"eigenvalue.{name}"].append(np.array(levels))
            self._arrays[f"kurtosis.{name}"].append(
                np.array([[layer.kurtosis for layer in row.spectra[name]] for row in rows])
            )
        if self._noise:
            self._extend_noise([row.training.noise for row in rows])
        for name in PER_RECORD:
            values = [getattr(row.training, name) for row in rows]
            self._arrays[name].append(np.array(values, dtype=np.float64))
        self._arrays["step"].append(np.array([row.step for row in rows]))
        stated, changed = dict(self._group.attrs.get("training", {})), {}
        for row in rows:
            stated, words = _merged(stated, row.training.optimizer)
            changed |= dict.fromkeys(words, row.step)
        self._group.attrs.update({"training": stated, "complete": self.complete + len(rows)})
        return changed

    def check(self, row: RecordRow, *, after: int | None) -> None:
        """Check that one record fits those before it.

        Raises:
            InputError: when its step does not ascend, or its matrices are not those of the first record.
        """
        if after is not None and row.step <= after:
            raise InputError(f"`step` must ascend from record to record, got {row.step} after {after}.")
        for name in sorted(self._shapes.keys() ^ row.spectra.keys()):
            where = (
                "the first record but not in this one" if name in self._shapes else "this record but not in the first"
            )
            raise InputError(f"{name} is in {where}: record the same matrices every time.")
        for name, replicas in row.spectra.items():
            if replicas[0].shape != self._shapes[name]:
                raise InputError(f"{name} had shape {self._shapes[name]} in the first record, now {replicas[0].shape}.")

    def _extend_noise(self, found: Sequence[GradientNoise | None]) -> None:
        for name, shape in self._shapes.items():
            unknown = np.full((self._replicas, min(shape)), np.nan)
            rows = [unknown if noise is None else noise.modes[name] for noise in found]
            self._arrays[f"noise.{name}"].append(np.array(rows))
        for name, word in zip(TRACES, ("trace", "norm2"), strict=True):
            values = [np.nan if noise is None else getattr(noise, word) for noise in found]
            self._arrays[name].append(np.array(values, dtype=np.float64))

    def _create(self, attrs: Mapping[str, Any]) -> None:
        """Create the empty group next to its path and rename it, so that a kill leaves none or a complete one."""
        import zarr

        temporary = self.path.absolute().parent / f".{self.path.name}.new"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.parent.mkdir(parents=True, exist_ok=True)
        group = zarr.open_group(temporary, mode="w", zarr_format=3)
        for name, (shape, dims, dtype) in self._plan().items():
            chunks = (_RECORDS_A_CHUNK, *shape)
            group.create_array(name, shape=(0, *shape), chunks=chunks, dtype=dtype, dimension_names=dims)
        stored = {name: list(shape) for name, shape in self._shapes.items()}
        group.attrs.update({"format": FORMAT, "complete": 0, "matrices": stored, EVERY_CHUNK: True, **attrs})
        mark_output(temporary)
        temporary.rename(self.path)

    def _upgrade(self) -> None:
        """Convert version 1 of the format to version 2, with unknown values for what it did not record. The name of the
        format is written last, so that a kill leaves a recording of one version or the other."""
        complete = int(self._group.attrs["complete"])
        for name in PER_RECORD:
            array = self._group.create_array(
                name, shape=(complete,), chunks=(_RECORDS_A_CHUNK,), dtype="f8", dimension_names=("record",),
                overwrite=True,
            )  # fmt: skip
            array[:] = np.nan
        self._group.attrs["format"] = FORMAT

    def _plan(self) -> _ArrayPlan:
        """Shape of one record, dimensions and type of every array."""
        found: _ArrayPlan = {"step": ((), ("record",), "i8")}
        found |= dict.fromkeys((*PER_RECORD, *(TRACES if self._noise else ())), ((), ("record",), "f8"))
        for name, shape in self._shapes.items():
            levels = ((self._replicas, min(shape)), ("record", "replica", f"mode_{min(shape)}"), "f8")
            found[f"eigenvalue.{name}"] = levels
            found[f"kurtosis.{name}"] = ((self._replicas,), ("record", "replica"), "f8")
            if self._noise:
                found[f"noise.{name}"] = levels
        return found

    def _check(self, replicas: int) -> None:
        shown = f"`out` {str(self.path)!r}"
        if not is_recording(self.path):
            raise InputError(f"{shown} exists and is not a recording: choose another path.")
        store = examine_recording(self.path)
        found = {name: tuple(shape) for name, shape in store.attributes["matrices"].items()}
        if found != self._shapes or _replicas(store) != replicas:
            raise InputError(f"{shown} records other matrices: choose another path.")
        there = {name for name in store.arrays if name in TRACES or name.startswith("noise.")}
        if self._noise and (missing := sorted({name for name in self._plan() if name not in PER_RECORD} - store.arrays.keys())):  # fmt: skip  # noqa: E501
            raise InputError(
                f"{shown} has no array `{missing[0]}`: continue without `gradient`, or choose another path."
            )
        if there and not self._noise:
            raise InputError(f"{shown} records the noise of the gradient: give `gradient`, or choose another path.")

    def _truncate(self, complete: int) -> None:
        self._group.attrs["complete"] = complete
        for array in self._arrays.values():
            array.resize((complete, *array.shape[1:]))


def truncate_recording(path: Path, step: int) -> list[int]:
    """Drop the records of a recording beyond ``step``; returns the steps of the remaining ones."""
    store = examine_recording(path)
    kept = [int(one) for one in recorded_steps(store) if one <= step]
    shapes = store.attributes["matrices"]
    recording = Recording(path, matrices=shapes, replicas=_replicas(store), attrs={}, noise=has_noise(store))
    recording.truncate_after(step)
    recording.close()
    return kept


def _replicas(store: StoredGroup) -> int:
    shapes = store.attributes["matrices"]
    return store.arrays[f"eigenvalue.{next(iter(shapes))}"].shape[1] if shapes else 0


def _merged(stated: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The settings that still hold for the whole training, and those that have just changed."""
    gone = set(stated.get("changed", ()))
    known = {word: stated[word] for word in TRAINING_WORDS if word in stated}
    changed = [word for word, value in now.items() if word in known and known[word] != value]
    merged = {word: value for word, value in {**now, **known}.items() if word not in gone.union(changed)}
    return {**merged, **({"changed": sorted(gone.union(changed))} if gone or changed else {})}, changed
