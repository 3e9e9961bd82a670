"""One task from start to end: segments of updates, records, checkpoints."""

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from coulombgas._checks import InputError
from coulombgas._precision import x64

from ._devices import local_mesh, pad_replicas
from ._engine import ChunkState, advance_chunk, make_program, make_setting, observe_chunk, replica_keys, setting_key
from ._engine import start_chunk as _start
from ._plan import Outcome, Plan, Task

_SEGMENT_SECONDS = 0.3  # between two checks of the clock; how the run is divided never changes its results
_FIRST_SEGMENT = 16  # updates; the length then follows from the time taken
_LAPACK = threading.Lock()  # batched LAPACK calls of two threads can wait for each other in XLA's thread pool


class Snapshot(NamedTuple):
    """State of an unfinished task, sufficient to continue it."""

    step: int
    leaves: list[np.ndarray]
    records: list[dict[str, np.ndarray]]


class Stop(Protocol):
    """Checked at every safe point."""

    def is_set(self) -> bool:
        """Whether to save and stop."""
        ...


class Hooks(NamedTuple):
    """How a task communicates with the run."""

    load: Callable[[Task], Snapshot | None]
    save: Callable[[Task, Snapshot], None]
    report: Callable[[int], None]
    stop: "Stop"
    worth_saving: Callable[[], bool]
    """Whether to leave a snapshot when asked to stop."""
    checkpoint_seconds: float


def run_task(plan: Plan, task: Task, hooks: Hooks) -> Outcome | None:
    """Train one chunk; None if asked to stop on the way."""
    with x64() if plan.dtype == "float64" else jax.enable_x64(False):
        return _Chunk(plan, task, hooks).run()


class _Chunk:
    """The loop over segments of one chunk."""

    def __init__(self, plan: Plan, task: Task, hooks: Hooks):
        self.plan, self.task, self.hooks = plan, task, hooks
        mesh, dtype = local_mesh(), np.dtype(plan.dtype)
        values = plan.settings[task.setting]
        self.program = make_program(
            plan.model, plan.optimizer, plan.steps, dtype, values.batch_size, mesh, one_thread=plan.on_one_thread
        )
        base = setting_key(plan.seed, *values)
        replicas = pad_replicas(task.first, task.stop, task.size, mesh) + np.uint32(plan.first_replica)
        self.setting = make_setting(base, *values, dtype)
        self.keys = replica_keys(base, replicas, "update")
        self.state = _start(self.program, self.setting, replica_keys(base, replicas, "start"), plan.init)
        self.records: list[dict[str, np.ndarray]] = []
        self.step = 0
        self.num_replicas = task.stop - task.first
        self.kept = slice(task.kept.start - task.first, task.kept.stop - task.first)

    def run(self) -> Outcome | None:
        """Run all segments, with checkpoints at intervals and one when asked to stop."""
        self._restore()
        saved, segment = time.monotonic(), _FIRST_SEGMENT
        for target in self.plan.recorded[len(self.records) :]:
            while self.step < target:
                if self.hooks.stop.is_set():
                    if self.hooks.worth_saving():
                        self._save()
                    return None
                if time.monotonic() - saved > self.hooks.checkpoint_seconds:
                    self._save()
                    saved = time.monotonic()
                segment = self._advance(segment, target)
            self._record()
        return self._finish()

    def _advance(self, segment: int, target: int) -> int:
        """Run one segment; returns the length of the next, so that it takes about the intended time."""
        following = min(self.step + segment, target)
        started = time.monotonic()
        program, last = self.program, following == target
        state = advance_chunk(program, self.setting, self.keys, self.state, self.step, following, observed=last)
        self.state: ChunkState = jax.block_until_ready(state)
        elapsed, done = time.monotonic() - started, following - self.step
        self.step = following
        self.hooks.report(done * self.num_replicas)
        return int(np.clip(done * _SEGMENT_SECONDS / max(elapsed, 1e-6), 1, 8 * max(done, _FIRST_SEGMENT)))

    def _record(self) -> None:
        with _LAPACK:
            found = jax.block_until_ready(observe_chunk(self.program, self.state, dict(self.plan.statistics)))
        record = {name: _replica_first(value, self.num_replicas) for name, value in found.items()}
        if self.plan.keep_weights:
            for name, leaf in weight_leaves(self.state.weights).items():
                record[name] = _replica_first(leaf, self.num_replicas)
        self.records.append(record)

    def _finish(self) -> Outcome:
        arrays = {
            name: np.stack([record[name][self.kept] for record in self.records], axis=1) for name in self.records[0]
        }
        return Outcome(arrays, np.asarray(self.state.failed_step)[self.kept].astype(np.int64))

    def _save(self) -> None:
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(self.state)]
        self.hooks.save(self.task, Snapshot(self.step, leaves, self.records))

    def _restore(self) -> None:
        snapshot = self.hooks.load(self.task)
        if snapshot is None:
            return
        leaves, structure = jax.tree.flatten(self.state)
        self._check(snapshot, leaves)
        placed = [jax.device_put(new, old.sharding) for new, old in zip(snapshot.leaves, leaves, strict=True)]
        self.state = jax.tree.unflatten(structure, placed)
        self.step, self.records = snapshot.step, snapshot.records
        self.hooks.report(self.step * self.num_replicas)

    def _check(self, snapshot: Snapshot, leaves: list[jax.Array]) -> None:
        """Check that a snapshot from disk fits this chunk, so that a run never continues from a modified one."""
        found = [(leaf.shape, leaf.dtype) for leaf in snapshot.leaves]
        made, due = len(snapshot.records), sum(step <= snapshot.step for step in self.plan.recorded)
        names = [{name: value.shape for name, value in record.items()} for record in snapshot.records]
        fits = found == [(leaf.shape, leaf.dtype) for leaf in leaves] and 0 <= snapshot.step <= self.plan.steps
        same = all(one == names[0] and "eigenvalue" in one for one in names)
        lengths = all(shape[:1] == (self.num_replicas,) for one in names for shape in one.values())
        if not (fits and made == due and same and lengths):
            raise InputError(
                f"`resume`: the snapshot {self.task.name} is damaged or of another run: "
                "give --overwrite to start afresh."
            )


def weight_leaves(weights: object) -> dict[str, Any]:
    """Arrays (or their shapes) of the weights by name: "weights" for a single one, "weights_<path>" for several."""
    leaves = jax.tree_util.tree_leaves_with_path(weights)
    if len(leaves) == 1:
        return {"weights": leaves[0][1]}
    return {"weights_" + jax.tree_util.keystr(path, simple=True, separator="_"): leaf for path, leaf in leaves}


def _replica_first(value: jax.Array, number: int) -> np.ndarray:
    return np.moveaxis(np.asarray(value), -1, 0)[:number].copy()
