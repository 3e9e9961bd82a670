"""Streaming over the weight matrices of any checkpoint, and their spectra."""

import fnmatch
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from coulombgas._checks import InputError
from coulombgas._files import memory
from coulombgas._types import PathType, Progress

from ._formats import Checkpoint, find_checkpoints, number_of_heads
from ._layers import LayerSpectrum, NetworkSpectra, layer_spectrum
from ._matrices import as_matrices, reason_to_skip
from ._stored import BadArray, StoredArray, printable


@dataclass
class _Log:
    """What was left out and why, one line each."""

    keep_going: bool
    skipped: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def problem(self, where: str, reason: str, *, rest: bool = True) -> None:
        """Note a problem, or raise it; ``rest``: there is more to analyse without what it is about."""
        line = printable(reason if reason.startswith(where) else f"{where}: {reason}").rstrip(".") + "."
        if not self.keep_going:
            raise InputError(
                f"{line} To analyse the rest, keep going (keep_going=True, --keep-going)." if rest else line
            )
        self.problems.append(line)


def iterate_matrices(
    path: PathType | Sequence[PathType], *, select: str | Sequence[str] = "*"
) -> Iterator[tuple[str, np.ndarray]]:
    """Name and values of one weight matrix after the other; only the current one is in memory.

    Args:
        path: a checkpoint in any of the formats of :func:`load_spectra`.
        select: glob or globs on the names.

    Raises:
        InputError: at the first array or file that cannot be used.
    """
    for checkpoint in find_checkpoints(path):
        for matrix in _select(checkpoint, _patterns(select), _Log(keep_going=False)):
            yield matrix.name, matrix.read()


def load_spectra(
    path: PathType | Sequence[PathType],
    *,
    select: str | Sequence[str] = "*",
    initial: PathType | None = None,
    vectors: bool = True,
    keep_going: bool = False,
    progress: Progress | None = None,
) -> NetworkSpectra:
    """Spectra of the weight matrices of a checkpoint, or of a trajectory of checkpoints.

    Read are ``.safetensors`` (also sharded, by its index; float8 to float64), ``.npz``, ``.npy``, HDF5, Zarr, Orbax
    directories, and ``.pt``, ``.pth``, ``.bin`` in PyTorch's ``weights_only`` mode. Nothing is unpickled or executed.
    Matrices are read one at a time: memory is that of the largest. Kernels and fused projections become matrices by
    the rules in :mod:`coulombgas.spectra` (see the page "Read checkpoints").

    Args:
        path: file, directory, or a sequence of them; several checkpoints are a trajectory.
        select: glob or globs on the names, as ``"*.key.*"``.
        initial: checkpoint before training; each matrix is compared with the one of the same name in it.
        vectors: also compute how far singular vectors are spread; twice the time.
        keep_going: collect arrays and files that cannot be used in ``problems`` instead of raising at the first.
        progress: called with (matrices done, matrices in all).

    Returns:
        Spectra in the order of the files, with the arrays left out and why.

    Raises:
        InputError: one line naming the file, the array and what is wrong with it.
    """
    log, patterns = _Log(keep_going), _patterns(select)
    checkpoints = _readable(path, log)
    reference = _reference(initial, patterns, log)
    several = len(checkpoints) > 1
    todo = [(one, matrix) for one in checkpoints for matrix in _select(one, patterns, log, several=several)]
    layers: list[LayerSpectrum] = []
    for done, (checkpoint, matrix) in enumerate(todo):
        try:
            layers.append(_spectrum(checkpoint, matrix, reference.get(matrix.name), vectors))
        except InputError as error:
            log.problem(str(checkpoint.path), str(error))
        if progress is not None:
            progress(done + 1, len(todo))
    if not layers:
        raise InputError(_nothing(checkpoints, patterns, log))
    sources = tuple(str(one.path) for one in checkpoints)
    return NetworkSpectra(tuple(layers), sources, tuple(log.skipped), tuple(log.problems))


def _readable(path: PathType | Sequence[PathType], log: _Log) -> tuple[Checkpoint, ...]:
    if not log.keep_going or isinstance(path, str) or not isinstance(path, Sequence):
        return find_checkpoints(path)
    good = []
    for one in path:
        try:
            find_checkpoints(one)
            good.append(one)
        except InputError as error:
            log.problem(str(one), str(error))
    return find_checkpoints(good)


def _spectrum(checkpoint: Checkpoint, matrix: StoredArray, before: StoredArray | None, vectors: bool) -> LayerSpectrum:
    initial = before.read() if before is not None else None
    return layer_spectrum(matrix.name, matrix.read(), step=checkpoint.step, vectors=vectors, initial=initial)


def _reference(initial: PathType | None, patterns: Sequence[str], log: _Log) -> dict[str, StoredArray]:
    if initial is None:
        return {}
    first, *more = find_checkpoints(initial)
    if more:
        raise InputError(f"`initial` must be one checkpoint, got {1 + len(more)}.")
    return {matrix.name: matrix for matrix in _select(first, patterns, _Log(log.keep_going))}


def _select(
    checkpoint: Checkpoint, patterns: Sequence[str], log: _Log, *, several: bool = False
) -> Iterator[StoredArray]:
    heads = number_of_heads(checkpoint.path)
    where = str(checkpoint.path)
    for array in _arrays(checkpoint, log, several):
        if isinstance(array, BadArray):
            if _matches(array.name, patterns):
                log.problem(where, array.reason, rest=several or checkpoint.path.suffix != ".npy")
            continue
        skip = reason_to_skip(array)
        if skip is not None:
            if _matches(array.name, patterns):
                log.skipped.append(printable(f"{array.name}: {skip}, no weight matrix."))
            continue
        whole = _matches(array.name, patterns)
        wanted = (matrix for matrix in as_matrices(array, heads) if whole or _matches(matrix.name, patterns))
        yield from (matrix for matrix in wanted if _usable(matrix, where, log))


def _arrays(checkpoint: Checkpoint, log: _Log, several: bool) -> Iterator[StoredArray | BadArray]:
    """The arrays of a checkpoint up to where the file as a whole cannot be read."""
    try:
        yield from checkpoint.arrays()
    except InputError as error:
        log.problem(str(checkpoint.path), str(error), rest=several)


def _usable(matrix: StoredArray, where: str, log: _Log) -> bool:
    if 0 in matrix.shape:
        log.problem(where, f"{matrix.name}: an empty matrix, shape {matrix.shape}.")
    elif matrix.dtype == "object":
        log.problem(where, f"{matrix.name}: holds Python objects, not numbers.")
    elif 8 * math.prod(matrix.shape) > memory():
        log.problem(where, f"{matrix.name}: shape {matrix.shape} needs more memory than this machine has.")
    else:
        return True
    return False


def _patterns(select: str | Sequence[str]) -> tuple[str, ...]:
    patterns = (select,) if isinstance(select, str) else tuple(select)
    if not patterns or not all(isinstance(pattern, str) and pattern for pattern in patterns):
        raise InputError(f"`select` must be a glob or a list of globs, as '*.key.*', got {select!r}.")
    return patterns


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _nothing(checkpoints: Sequence[Checkpoint], patterns: Sequence[str], log: _Log) -> str:
    where = str(checkpoints[0].path)
    if log.problems:
        first = log.problems[0].removeprefix(f"{where}: ")
        return f"{where}: {first}" if len(log.problems) == 1 else f"{where}: no usable matrix: {first}"
    if log.skipped:
        return f"{where}: no weight matrix among the selected arrays; the first of {len(log.skipped)}: {log.skipped[0]}"
    every = _Log(keep_going=True)
    names = [printable(matrix.name) for matrix in _select(checkpoints[0], ("*",), every)]
    if not names:
        return f"{where}: holds no weight matrix."
    shown = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
    return f"`select` {' '.join(map(repr, patterns))} matches none of the {len(names)} matrices of {where}: {shown}."
