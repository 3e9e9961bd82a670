"""The spectra of a path as a list of tasks, with their costs, run in one process or several, without finished ones."""

import math
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, NamedTuple

from coulombgas._checks import InputError, check_count
from coulombgas._files import memory
from coulombgas._types import PathType

from ._formats import Checkpoint
from ._gram import CHUNK
from ._layers import LayerSpectrum, NetworkSpectra, Vectors, layer_spectrum
from ._selection import (
    Log,
    globs,
    matrices_by_name,
    nothing_found,
    one_checkpoint,
    readable_checkpoints,
    select_matrices,
)
from ._stored import StoredArray

_EIGENVALUES = (
    9.0  # the eigenvalues of an N×N Gram matrix take as long as 9 N³ of its multiplications, measured at 1024-4096
)


class Task(NamedTuple):
    """One matrix of one checkpoint."""

    checkpoint: Checkpoint
    matrix: StoredArray

    @property
    def cost(self) -> float:
        """Cost in multiplications for M×N, M ≥ N: MN² for the Gram matrix and the equivalent of 9N³ for its levels."""
        rows, columns = max(self.matrix.shape), min(self.matrix.shape)
        return rows * columns**2 + _EIGENVALUES * columns**3

    @property
    def memory(self) -> int:
        """Bytes: the matrix as stored or dequantised, its Gram matrix, and one block of rows with its squares."""
        rows, columns = max(self.matrix.shape), min(self.matrix.shape)
        return 8 * (rows * columns + columns**2 + 2 * min(CHUNK, rows * columns))


class SpectraPlan:
    """The work that :func:`coulombgas.load_spectra` does.

    Args:
        path, select, initial, base, template, vectors, device, keep_going: as there.

    Raises:
        InputError: as there, before anything is computed.
    """

    def __init__(
        self,
        path: PathType | Sequence[PathType],
        *,
        select: str | Sequence[str] = "*",
        initial: PathType | None = None,
        base: PathType | None = None,
        template: Any = None,
        vectors: Vectors = "spikes",
        device: str = "auto",
        keep_going: bool = False,
    ):
        self._arguments = (path, {
            "select": select, "initial": initial, "base": base, "vectors": vectors, "device": device,
            "keep_going": keep_going,
        })  # fmt: skip
        self._template = template
        self._vectors: Vectors = vectors
        self._device, self._patterns = device, globs(select)
        self._log = Log(keep_going)
        self.checkpoints = readable_checkpoints(path, self._log, template)
        self._reference = matrices_by_name(initial, self._patterns, self._log)
        foundation, several = one_checkpoint("base", base), len(self.checkpoints) > 1
        self.tasks = tuple(
            Task(one, matrix)
            for one in self.checkpoints
            for matrix in select_matrices(one, self._patterns, self._log, several=several, base=foundation)
        )
        if not self.tasks:
            raise InputError(nothing_found(self.checkpoints, self._patterns, self._log))

    @property
    def problems(self) -> tuple[str, ...]:
        """Arrays and files that could not be used so far, one line each."""
        return tuple(self._log.problems)

    def compute(self, index: int) -> LayerSpectrum:
        """The spectrum of one matrix.

        Raises:
            InputError: when its entries cannot be read or have none.
        """
        checkpoint, matrix = self.tasks[index]
        before = self._reference.get(matrix.name)
        return layer_spectrum(
            matrix.name,
            matrix.read(),
            step=checkpoint.step,
            vectors=self._vectors,
            initial=before.read() if before is not None else None,
            kind=matrix.kind,
            device=self._device,
        )

    def run(
        self, *, workers: int = 1, done: Mapping[int, LayerSpectrum] | None = None
    ) -> Iterator[tuple[int, LayerSpectrum | None]]:
        """Index and spectrum of each matrix as it finishes, None if it has no spectrum (``keep_going``).

        Args:
            workers: processes, which share the cores; in a single process all cores work on one matrix.
            done: spectra that exist already.

        Raises:
            InputError: at the first matrix without a spectrum unless ``keep_going``; when the memory is too small for
                this many workers.
        """
        check_count("workers", workers)
        there = dict(done or {})
        yield from there.items()
        todo = [index for index in range(len(self.tasks)) if index not in there]
        workers = min(workers, len(todo))
        if workers < 2:
            for index in todo:
                yield index, self._attempt(index)
            return
        self._check_workers(todo, workers)
        yield from self._in_parallel(todo, workers)

    def _attempt(self, index: int) -> LayerSpectrum | None:
        try:
            return self.compute(index)
        except InputError as error:
            self._log.problem(str(self.tasks[index].checkpoint.path), str(error))
            return None

    def _check_workers(self, todo: Sequence[int], workers: int) -> None:
        if self._template is not None:
            raise InputError("`workers` must be 1 with a `template`, which other processes cannot use.")
        largest = max(self.tasks[index].memory for index in todo)
        most = max(1, memory() // largest)
        if workers > most:
            raise InputError(
                f"`workers` must be at most {most}, got {workers}: each may need {largest / 2**30:.1f} GiB of memory."
            )

    def _in_parallel(self, todo: Sequence[int], workers: int) -> Iterator[tuple[int, LayerSpectrum | None]]:
        """Index and spectrum of each task as they finish in other processes, which end with the caller."""
        path, options = self._arguments
        context = multiprocessing.get_context("spawn")
        with _share_of_cores(workers):
            pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(path, options))
            waiting: dict[Future, int] = {pool.submit(_compute, index): index for index in todo}
        try:
            while waiting:
                finished, _ = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in sorted(finished, key=lambda one: waiting[one]):
                    index = waiting.pop(future)
                    yield index, self._result(index, future)
        finally:
            processes = list((getattr(pool, "_processes", None) or {}).values()) if waiting else []
            pool.shutdown(wait=not waiting, cancel_futures=True)
            for process in processes:  # Python 3.14 has a method for it
                process.terminate()

    def _result(self, index: int, future: Future) -> LayerSpectrum | None:
        try:
            return future.result()
        except BrokenProcessPool:
            raise InputError(
                f"a worker died at {self.tasks[index].matrix.name}, probably for lack of memory: use fewer workers."
            ) from None
        except InputError as error:
            self._log.problem(str(self.tasks[index].checkpoint.path), str(error))
            return None

    def network(self, layers: Sequence[LayerSpectrum]) -> NetworkSpectra:
        """All spectra together, with the arrays left out and the reasons.

        Raises:
            InputError: when there is no spectrum.
        """
        if not layers:
            raise InputError(nothing_found(self.checkpoints, self._patterns, self._log))
        sources = tuple(str(one.path) for one in self.checkpoints)
        return NetworkSpectra(tuple(layers), sources, tuple(self._log.skipped), tuple(self._log.problems))


_plans: list[SpectraPlan] = []
"""The plan of a worker process."""


def _begin(path: Any, options: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process decides when to stop
    _plans[:] = [SpectraPlan(path, **options)]


def _compute(index: int) -> LayerSpectrum:
    return _plans[0].compute(index)


@contextmanager
def _share_of_cores(workers: int) -> Iterator[None]:
    """The environment in which each of several processes uses its share of the cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    share = str(max(1, math.floor(cores / workers)))
    os.environ.update({name: share for name in names if before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
