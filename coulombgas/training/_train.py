"""Train an ensemble."""

import contextlib
import dataclasses
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr

from coulombgas._checks import InputError, check_choice, check_count, check_non_negative, check_seed, fail
from coulombgas._files import only_writer
from coulombgas._interrupts import deferred
from coulombgas._precision import x64
from coulombgas._types import PathType, Progress
from coulombgas.models import Model, check_model
from coulombgas.spectra import make_spectra, read_spectra

from ._chunk import Hooks, Snapshot, run_task, weight_leaves
from ._devices import chunk_size, num_workers
from ._engine import make_program, make_setting, observe_chunk, replica_keys, start_chunk
from ._optimizer import Optimizer
from ._plan import Outcome, Plan, Task
from ._processes import add_over_processes, is_first, own_share, wait_for_all
from ._statistics import Statistic, make_statistics
from ._store import PartialStore, claim, device_name, read_run
from ._sweep import make_record, make_settings

_LARGEST = 1e15  # of a model's numbers: their squares stay far below float32's 3e38


def train(
    model: Model,
    *,
    learning_rate: float | Sequence[float],
    batch_size: int | Sequence[int],
    replicas: int,
    steps: int,
    seed: int = 0,
    record: int | Sequence[int] | None = None,
    init: str = "random",
    combine: str = "grid",
    dtype: str = "float32",
    optimizer: Optimizer | str = "sgd",
    statistics: Sequence[str] | Mapping[str, Statistic] | None = None,
    keep_weights: bool = False,
    first_replica: int = 0,
    shard: tuple[int, int] | None = None,
    chunk: int | None = None,
    out: PathType | None = None,
    overwrite: bool = False,
    resume: bool = False,
    checkpoint_seconds: float = 30.0,
    progress: Progress | None = None,
) -> xr.Dataset:
    r"""Train replicas of a model at every setting and return their spectra.

    .. math:: W' = W - \alpha\, g(W), \qquad g \text{ the stochastic gradient of the model}

    Replicas run in chunks: on all cores or all local devices, and divided among processes if ``jax.distributed`` is
    initialised (give ``out`` on a shared file system, or get the same dataset in each). Replica i of a setting draws
    the same random numbers whatever else runs, in any chunks, on any devices. A replica that diverges is frozen; its
    later spectra are NaN and ``failed_step`` holds the update (−1 otherwise).

    Args:
        model: the model to train.
        learning_rate: α, one or several.
        batch_size: B, one or several.
        replicas: independent copies at each setting.
        steps: updates.
        seed: seed of all random numbers.
        record: steps at which spectra are kept: None for the last, n for n equally spaced, or the steps themselves.
        init: "random" or "fixed-point".
        combine: "grid" for every (learning rate, batch size), "zip" for pairs.
        dtype: precision of the training.
        optimizer: "sgd", "momentum", "nesterov", "adam", or an ``Optimizer`` with its constants and schedule.
        statistics: further quantities to record: names among "gram", "norm", "matrix", or functions of one replica's
            weights by name; variables with dims (setting, replica, step, …).
        keep_weights: record the weights too, as variable ``weights``.
        first_replica: index of the first replica, so that runs of disjoint replicas can be merged.
        shard: (i, n), i from 0: keep only the i-th of n shares of the replicas. Merging the stores of all n gives the
            store of the whole run, bit for bit.
        chunk: replicas computed together; by default chosen from the size of the model and the number of cores. The
            last bits of the results depend on it.
        out: Zarr store to write, chunk by chunk; it appears when it is complete.
        overwrite: replace ``out`` if it exists.
        resume: continue an interrupted run for ``out``, bit for bit; start it if there is none.
        checkpoint_seconds: time between two checkpoints of each chunk.
        progress: called with (done, total) replica-updates.

    Returns:
        ``Spectra`` with dims (setting, replica, step, mode) and ``failed_step``.

    Raises:
        InputError: for values out of range, an ``out`` that exists or cannot be written, or a run to resume whose
            configuration differs.
    """
    check_model(model)
    settings = make_settings(learning_rate, batch_size, combine)
    _check_numbers(model)
    replicas = _below("replicas", check_count("replicas", replicas), 32)
    steps = _below("steps", check_count("steps", steps, 0), 31)
    seed, first_replica = check_seed(seed), check_count("first_replica", first_replica, 0)
    _below("first_replica", first_replica + replicas - 1, 32, " for the last replica")
    check_choice("dtype", dtype, ("float32", "float64"))
    if chunk is not None:
        check_count("chunk", chunk)
    if shard is not None:
        shard = check_shard(shard, replicas)
    sizes = [chunk or chunk_size(model, replicas, values.batch_size, np.dtype(dtype)) for values in settings]
    plan = Plan(
        model=model,
        settings=settings,
        replicas=replicas,
        first_replica=first_replica,
        steps=steps,
        recorded=make_record(record, steps),
        seed=seed,
        init=check_choice("init", init, ("random", "fixed-point")),
        dtype=dtype,
        optimizer=(Optimizer(optimizer) if isinstance(optimizer, str) else optimizer).check(),  # pyright: ignore[reportArgumentType]
        statistics=make_statistics(statistics),
        keep_weights=keep_weights,
        chunks=tuple(min(size, replicas) for size in sizes),
        shard=shard,
    )
    check_non_negative("checkpoint_seconds", checkpoint_seconds)
    if out is None:
        if resume or overwrite:
            fail("out", "must be given with `resume` or `overwrite`")
        return _in_memory(plan, progress)
    with _only_one(Path(out)):
        return _on_disk(plan, Path(out), overwrite, resume, checkpoint_seconds, progress)


def _check_numbers(model: Model) -> None:
    """Check that squares of the model's numbers are finite in float32, the precision of training."""
    for name, value in model.config().items():
        numbers = np.asarray(value if isinstance(value, list | tuple | float | int) else 0.0)
        if numbers.dtype.kind in "iuf" and numbers.size and np.abs(numbers).max() > _LARGEST:
            fail(f"model.{name}", f"must not exceed {_LARGEST:g} in size", float(np.abs(numbers).max()))


def check_shard(shard: Sequence[int], replicas: int) -> tuple[int, int]:
    """A pair (i, n) with 0 ≤ i < n ≤ replicas.

    Raises:
        InputError: for anything else.
    """
    if len(shard) != 2:
        fail("shard", "must be a pair (i, n) with 0 ≤ i < n", tuple(shard))
    index, number = check_count("shard", shard[0], 0), check_count("shard", shard[1])
    if index >= number:
        fail("shard", f"must count from 0: i/n with i between 0 and {number - 1}", f"{index}/{number}")
    if number > replicas:
        fail("shard", f"must not ask for more shares than the {replicas} replicas", f"{index}/{number}")
    return index, number


def _below(argument: str, value: int, bits: int, what: str = "") -> int:
    """A whole number that fits into the words of keys and counters of the random numbers."""
    if value >= 2**bits:
        fail(argument, f"must be below 2^{bits} = {2**bits}{what}", value)
    return value


def _only_one(out: Path) -> Any:
    return only_writer(out) if is_first() else contextlib.nullcontext()


def _in_memory(plan: Plan, progress: Progress | None) -> xr.Dataset:
    """Train all tasks and return their spectra without a store."""
    template = _template(plan)
    arrays = {str(name): np.zeros(variable.shape, variable.dtype) for name, variable in template.data_vars.items()}

    def keep(task: Task, outcome: Outcome) -> None:
        region = plan.region(task)
        for name, array in outcome.arrays.items():
            arrays[name][region] = array
        arrays["failed_step"][region] = outcome.failed_step

    sink = Sink(load=lambda task: None, save=lambda task, snapshot: None, keep=keep, worth_saving=lambda: False)
    _run(plan, own_share(plan.tasks()), sink, np.inf, progress)
    variables = {
        name: (variable.dims, add_over_processes(arrays[str(name)])) for name, variable in template.data_vars.items()
    }
    return xr.Dataset(variables, coords=template.coords, attrs=template.attrs)


def _on_disk(
    plan: Plan, out: Path, overwrite: bool, resume: bool, checkpoint_seconds: float, progress: Progress | None
) -> xr.Dataset:
    """Train what a store lacks, chunk by chunk, and publish it when complete."""
    template, chunks = _template(plan), None
    if is_first():
        chunks, finished = claim(out, identity=plan.identity(), resume=resume, overwrite=overwrite)
        if finished is not None:
            return finished
    store = PartialStore(out, template, max(plan.chunks))
    store.saved = chunks is not None  # done by an earlier process
    try:
        if is_first() and chunks is None:
            with deferred():
                store.create(plan.identity(), plan.chunks)
        wait_for_all("store created")
        plan = _with_stored_chunks(plan, out)
        store.open()
        tasks = [task for task in own_share(plan.tasks()) if not store.finished(task)]
        keep = partial(store.write, plan)
        sink = Sink(load=store.load, save=store.save, keep=keep, worth_saving=lambda: store.saved or resume)
        _run(plan, tasks, sink, checkpoint_seconds, progress)
    except BaseException:
        if not store.saved and is_first():
            with deferred():
                store.discard()
        raise
    wait_for_all("all tasks done")
    if is_first():
        store.finish()
    wait_for_all("store finished")
    return read_spectra(out)


def _with_stored_chunks(plan: Plan, out: Path) -> Plan:
    """The plan with the original chunks of the run, which determine its last bits."""
    chunks = tuple(read_run(out)["chunks"])
    if len(chunks) != len(plan.chunks) or max(chunks) > plan.replicas:
        raise InputError(
            f"`out` {str(out)!r}: the description of the interrupted run is damaged (chunks {chunks}): "
            "give --overwrite to start afresh."
        )
    return dataclasses.replace(plan, chunks=chunks)


class Sink(NamedTuple):
    """Where results and snapshots go."""

    load: Callable[[Task], Snapshot | None]
    save: Callable[[Task, Snapshot], None]
    keep: Callable[[Task, Outcome], None]
    worth_saving: Callable[[], bool]


class AnyOf(NamedTuple):
    """An event that is set when any of its events is set."""

    events: tuple[threading.Event, ...]

    def is_set(self) -> bool:
        """Whether to stop."""
        return any(event.is_set() for event in self.events)


def _run(plan: Plan, tasks: Sequence[Task], sink: Sink, checkpoint_seconds: float, progress: Progress | None) -> None:
    """Run all tasks, several at once on a CPU; when a signal arrives the tasks in progress first save their state."""
    everything = max(sum(task.stop - task.first for task in tasks), 1) * max(plan.steps, 1)
    report = _Report(progress, everything)
    failed, lock = threading.Event(), threading.Lock()
    with deferred() as signalled:
        stop = AnyOf((failed, signalled))
        hooks = Hooks(sink.load, sink.save, report.add, stop, sink.worth_saving, checkpoint_seconds)

        def work(task: Task) -> None:
            if stop.is_set():
                return
            outcome = run_task(plan, task, hooks)
            if outcome is not None:
                with lock:
                    sink.keep(task, outcome)

        with ThreadPoolExecutor(num_workers()) as pool:
            futures = [pool.submit(work, task) for task in tasks]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                failed.set()  # after an error the tasks still running save their state and end
        for future in futures:
            future.result()


def _template(plan: Plan) -> xr.Dataset:
    """The dataset of a run without its values: zero-stride arrays, which take no memory."""
    one = make_spectra(
        np.zeros((len(plan.settings), 1, len(plan.recorded), plan.model.num_modes)),
        learning_rate=[values.learning_rate for values in plan.settings],
        batch_size=[values.batch_size for values in plan.settings],
        step=plan.recorded,
        model=plan.model.config(),
        training=plan.training_config(),
        target=plan.model.target_modes,
        fixed_point=plan.model.fixed_point,
        seed=plan.seed,
        device=device_name(),
    )
    share = plan.share
    leading = (len(plan.settings), len(share))
    variables: dict[str, Any] = {}
    for name, (shape, dtype) in _recorded_shapes(plan).items():
        own = ("mode",) if name == "eigenvalue" else tuple(f"{name}_axis_{i}" for i in range(len(shape)))
        full = np.broadcast_to(np.zeros((), dtype), (*leading, len(plan.recorded), *shape))
        variables[name] = (("setting", "replica", "step", *own), full)
    variables["failed_step"] = (("setting", "replica"), np.broadcast_to(np.int64(0), leading))
    coordinates = {name: value for name, value in one.coords.items() if name != "replica"}
    coordinates["replica"] = plan.first_replica + np.arange(share.start, share.stop)  # pyright: ignore[reportArgumentType]
    attrs = {**one.attrs, "identity": json.dumps(plan.identity())}
    return xr.Dataset(variables, coords=coordinates, attrs=attrs)


def _recorded_shapes(plan: Plan) -> dict[str, tuple[tuple[int, ...], Any]]:
    """Shape for one replica and dtype of everything that is recorded."""
    dtype, values = np.dtype(plan.dtype), plan.settings[0]
    # program and shapes are those of a chunk, which is not traced again on a single device
    program = make_program(
        plan.model, plan.optimizer, plan.steps, dtype, values.batch_size, one_thread=plan.on_one_thread
    )
    replicas = np.zeros(plan.chunks[0], np.uint32)

    def observe() -> tuple[Any, Any]:
        key = np.zeros(2, np.uint32)
        setting = make_setting(key, *values, dtype)
        state = start_chunk(program, setting, replica_keys(key, replicas, "start"), plan.init)
        return observe_chunk(program, state, dict(plan.statistics)), state.weights

    with x64() if plan.dtype == "float64" else jax.enable_x64(False):
        found, weights = jax.eval_shape(observe)
    if plan.keep_weights:
        found |= weight_leaves(weights)
    return {name: (tuple(leaf.shape[:-1]), np.dtype(leaf.dtype)) for name, leaf in found.items()}


class _Report:
    """Counts replica-updates for a progress callable, from several threads."""

    def __init__(self, progress: Progress | None, total: int):
        self._progress, self._total, self._done = progress, total, 0
        self._lock = threading.Lock()

    def add(self, number: int) -> None:
        with self._lock:
            self._done += number
            if self._progress is not None:
                self._progress(min(self._done, self._total), self._total)
