"""The store of an unfinished run: a hidden sibling of the final path that survives SIGKILL at any moment.

``.NAME.partial/`` holds the identity of the run (``run.json``), a Zarr group whose regions are written as tasks end
(``spectra.zarr``), one marker for each finished task (``done/``, written after its region) and the newest snapshot of
each unfinished one (``state/``, replaced in one rename). The final path appears in one rename at the end.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr

from coulombgas._checks import InputError
from coulombgas._files import (
    Anything,
    ListOf,
    MapOf,
    Record,
    Whole,
    check_document,
    check_output,
    consolidate,
    parse_json,
    publish,
    read_archive,
    read_json,
    remove_partial,
)
from coulombgas._types import PathType
from coulombgas.spectra import EVERY_CHUNK, check_coordinates, read_spectra

from ._chunk import Snapshot
from ._plan import Outcome, Plan, Task

_RUN = Record({"identity": MapOf(Anything()), "chunks": ListOf(Whole(1), least=1)})
_KNOWN = ("run.json", ".run.json.tmp", "done", "state", "spectra.zarr")
_AFRESH = "give --overwrite to start afresh"


class PartialStore:
    """The arrays of an unfinished run on disk."""

    def __init__(self, out: Path, template: xr.Dataset, chunk: int):
        self.out, self.template, self.chunk = out, template, chunk
        self.directory = partial_directory(out)
        self._arrays: dict[str, Any] = {}
        self.saved = False
        """Whether there is anything to continue from."""

    def create(self, identity: Mapping[str, Any], chunks: tuple[int, ...]) -> None:
        """Create an empty partial store; ``run.json`` is written last, so that a directory without it is not a run."""
        remove_partial(self.directory, _KNOWN)
        for name in ("done", "state"):
            (self.directory / name).mkdir(parents=True)
        _create_arrays(self.directory / "spectra.zarr", self.template, self.chunk)
        _write_text(self.directory / "run.json", json.dumps({"identity": identity, "chunks": chunks}))

    def open(self) -> None:
        """Open the arrays for writing.

        Raises:
            InputError: when they do not belong to this run.
        """
        import zarr

        path = self.directory / "spectra.zarr"
        check_coordinates(path, self.template)
        # a chunk of one constant is written like any other, so that a missing one is a loss
        with zarr.config.set({"array.write_empty_chunks": True}):
            group = zarr.open_group(str(path), mode="r+", use_consolidated=False)
            self._arrays = {str(name): group[str(name)] for name in self.template.data_vars}

    def finished(self, task: Task) -> bool:
        """Whether a task's results are on disk."""
        return (self.directory / "done" / task.name).exists()

    def write(self, plan: Plan, task: Task, outcome: Outcome) -> None:
        """Write the results of a finished task, then its marker, then remove its snapshot."""
        region = plan.region(task)
        with (self.directory / "run.json").open("rb") as handle:
            # chunks on disk differ from those of the tasks: two processes must not change one at the same time
            fcntl.flock(handle, fcntl.LOCK_EX)
            for name, array in {**outcome.arrays, "failed_step": outcome.failed_step}.items():
                self._arrays[name][region] = array
        _write_text(self.directory / "done" / task.name, "")
        self._state_file(task).unlink(missing_ok=True)
        self.saved = True

    def save(self, task: Task, snapshot: Snapshot) -> None:
        """Replace a task's snapshot in one rename."""
        arrays = {f"leaf_{i}": leaf for i, leaf in enumerate(snapshot.leaves)}
        for i, record in enumerate(snapshot.records):
            arrays |= {f"record_{i}_{name}": value for name, value in record.items()}
        target = self._state_file(task)
        temporary = target.with_suffix(".tmp.npz")
        with temporary.open("wb") as file:
            np.savez(file, step=snapshot.step, **arrays)  # pyright: ignore[reportArgumentType]
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        self.saved = True

    def load(self, task: Task) -> Snapshot | None:
        """The newest snapshot of a task, if there is one."""
        file = self._state_file(task)
        if not file.exists():
            return None
        stored = read_archive(file)
        step, num_leaves = stored.pop("step", None), sum(name.startswith("leaf_") for name in stored)
        leaves = [stored.pop(f"leaf_{i}", None) for i in range(num_leaves)]
        records: dict[int, dict[str, np.ndarray]] = {}
        for name in list(stored):
            word, _, rest = name.partition("_")
            index, _, key = rest.partition("_")
            if word == "record" and index.isdigit() and len(index) < 10 and key:
                records.setdefault(int(index), {})[key] = stored.pop(name)
        whole = step is not None and step.shape == () and step.dtype.kind in "iu"
        if (
            step is None
            or not whole
            or stored
            or sorted(records) != list(range(len(records)))
            or any(one is None for one in leaves)
        ):
            raise InputError(f"{file}: not a snapshot of a chunk, or damaged: {_AFRESH}.")
        found = [leaf for leaf in leaves if leaf is not None]
        return Snapshot(int(step), found, [records[i] for i in range(len(records))])

    def _state_file(self, task: Task) -> Path:
        return self.directory / "state" / f"{task.name}.npz"

    def finish(self) -> None:
        """Put the complete store at its final path."""
        self._arrays = {}
        consolidate(self.directory / "spectra.zarr")
        publish(self.directory / "spectra.zarr", self.out)
        self.discard()

    def discard(self) -> None:
        """Remove everything but the final store."""
        shutil.rmtree(self.directory, ignore_errors=True)


def partial_directory(out: Path) -> Path:
    """Directory of an unfinished run that will become ``out``."""
    return out.absolute().parent / f".{out.name}.partial"


def read_identity(out: Path) -> dict[str, Any]:
    """Identity of the unfinished run for a path."""
    return read_run(out)["identity"]


def begin_partial(out: Path, identity: Mapping[str, Any]) -> Path:
    """Create an empty directory, with a description, for a store that is written in one go; returns the directory."""
    directory = partial_directory(out)
    remove_partial(directory, _KNOWN)
    directory.mkdir(parents=True)
    _write_text(directory / "run.json", json.dumps({"identity": identity, "chunks": [1]}))
    return directory / "spectra.zarr"


def end_partial(out: Path) -> None:
    """Remove what finished work leaves next to its store."""
    remove_partial(partial_directory(out), _KNOWN)


def interrupted_run(out: PathType) -> bool:
    """Whether an interrupted run for this path can be resumed."""
    return os.path.lexists(partial_directory(Path(out)) / "run.json")


def read_run(out: Path) -> dict[str, Any]:
    """Identity and chunks of the unfinished run for a path.

    Raises:
        InputError: when its description is damaged.
    """
    file = partial_directory(out) / "run.json"
    document = read_json(file, what="description of the run", inside=file.parent)
    return check_document(document, _RUN, str(file), f"the interrupted run is damaged; {_AFRESH}")


def claim(
    out: Path, *, identity: Mapping[str, Any], resume: bool, overwrite: bool
) -> tuple[tuple[int, ...] | None, xr.Dataset | None]:
    """Decide what to do about a path: (chunks of the run to continue or None, finished spectra or None).

    Raises:
        InputError: when the path exists, or a run there differs from the requested one.
    """
    check_output(out, overwrite=overwrite, keep=resume and not overwrite, directory=True)
    run = partial_directory(out) / "run.json"
    if os.path.lexists(run) and not overwrite:
        stored = read_run(out)
        if not resume:
            raise InputError(
                f"`out` {str(out)!r}: an interrupted run is waiting there: give --resume to go on with it "
                "or --overwrite to start afresh."
            )
        _compare(out, stored["identity"], identity)
        if (run.parent / "spectra.zarr").exists():
            return tuple(stored["chunks"]), None
    if out.exists() and resume and not overwrite:
        finished = read_spectra(out)
        stored = parse_json(finished.attrs.get("identity", "{}"), f"{out}: attribute `identity`", what="store")
        _compare(out, stored, identity)
        remove_partial(partial_directory(out), _KNOWN)
        return None, finished
    return None, None


def _compare(out: Path, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    plain = json.loads(json.dumps(wanted))
    different = sorted(key for key in {*stored, *plain} if stored.get(key) != plain.get(key))
    if different:
        key = different[0]
        raise InputError(
            f"`out` {str(out)!r} holds a run with another configuration ({', '.join(different)} differ"
            f"{'s' * (len(different) == 1)}: {key} is {_short(stored.get(key))} there, {_short(plain.get(key))} here): "
            "choose another path or give --overwrite."
        )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else text[:117] + "..."


def _create_arrays(path: Path, template: xr.Dataset, chunk: int) -> None:
    """Create the coordinates and the empty arrays of a store, one setting and ``chunk`` replicas to a chunk."""
    import zarr

    coordinates = template.drop_vars(list(template.data_vars)).assign_attrs({EVERY_CHUNK: True})
    coordinates.to_zarr(path, mode="w", consolidated=False, zarr_format=3, write_empty_chunks=True)
    group = zarr.open_group(str(path), mode="r+")
    for name, variable in template.data_vars.items():
        shape = variable.shape
        group.create_array(
            str(name),
            shape=shape,
            chunks=(1, min(chunk, shape[1]), *shape[2:]),
            dtype=variable.dtype,
            fill_value=np.nan if variable.dtype.kind == "f" else -2,
            dimension_names=tuple(map(str, variable.dims)),
        )


def _write_text(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text)
    temporary.replace(path)


def device_name() -> str:
    """Devices of this run, in words."""
    devices = jax.devices()
    return devices[0].device_kind if len(devices) == 1 else f"{len(devices)} × {devices[0].device_kind}"
