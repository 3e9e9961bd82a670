"""Streaming over the weight matrices of any checkpoint, and their spectra."""

import fnmatch
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from coulombgas._checks import InputError
from coulombgas._files import memory
from coulombgas._types import PathType, Progress

from ._adapters import has_adapter, with_adapters
from ._formats import Checkpoint, find_checkpoints
from ._layers import LayerSpectrum, NetworkSpectra, Vectors, layer_spectrum
from ._matrices import as_matrices, reason_to_skip
from ._quantised import dequantised
from ._settings import settings_of
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
    path: PathType | Sequence[PathType],
    *,
    select: str | Sequence[str] = "*",
    base: PathType | None = None,
    template: Any = None,
) -> Iterator[tuple[str, np.ndarray]]:
    """Name and values of one weight matrix after the other; only the current one is in memory.

    Args:
        path: a checkpoint in any of the formats of :func:`load_spectra`.
        select: glob or globs on the names.
        base, template: as in :func:`load_spectra`.

    Raises:
        InputError: at the first array or file that cannot be used.
    """
    foundation = _one("base", base)
    for checkpoint in find_checkpoints(path, template=template):
        for matrix in _select(checkpoint, _patterns(select), _Log(keep_going=False), base=foundation):
            yield matrix.name, matrix.read()


def load_spectra(
    path: PathType | Sequence[PathType],
    *,
    select: str | Sequence[str] = "*",
    initial: PathType | None = None,
    base: PathType | None = None,
    template: Any = None,
    vectors: Vectors = "spikes",
    device: str = "auto",
    keep_going: bool = False,
    progress: Progress | None = None,
) -> NetworkSpectra:
    """Spectra of the weight matrices of a checkpoint, or of a trajectory of checkpoints.

    Read are, told by their content: safetensors, ``.npz``, ``.npy``, HDF5, Keras, Zarr, Orbax, Flax msgpack, Equinox,
    ONNX, GGUF, and PyTorch's files in its ``weights_only`` mode, TorchScript and distributed ones included; folders of
    shards, LoRA adapters, and quantised weights of public layouts. Nothing is unpickled or executed. Matrices are read
    one at a time: memory is that of the largest. Kernels, gates and fused projections become matrices by the rules of
    the page "Read checkpoints".

    Args:
        path: file, directory, or a sequence of them; several checkpoints are a trajectory.
        select: glob or globs on the names, as ``"*.key.*"``.
        base: model that a LoRA adapter belongs to; its matrices with their updates are then read, not the updates.
        template: module that an Equinox file was written from, or one like it, which names its arrays.
        initial: checkpoint before training; each matrix is compared with the one of the same name in it.
        vectors: whose singular vectors are looked at, "spikes", "all" or "none": see :func:`layer_spectrum`.
        device: "cpu", "jax", or "auto": JAX where it has an accelerator.
        keep_going: collect arrays and files that cannot be used in ``problems`` instead of raising at the first.
        progress: called with (matrices done, matrices in all).

    Returns:
        Spectra in the order of the files, with the arrays left out and why.

    Raises:
        InputError: one line naming the file, the array and what is wrong with it.
    """
    log, patterns = _Log(keep_going), _patterns(select)
    checkpoints = _readable(path, log, template)
    reference, foundation = _reference(initial, patterns, log), _one("base", base)
    several = len(checkpoints) > 1
    todo = [
        (one, matrix) for one in checkpoints for matrix in _select(one, patterns, log, several=several, base=foundation)
    ]
    layers: list[LayerSpectrum] = []
    for done, (checkpoint, matrix) in enumerate(todo):
        try:
            layers.append(_spectrum(checkpoint, matrix, reference.get(matrix.name), vectors, device))
        except InputError as error:
            log.problem(str(checkpoint.path), str(error))
        if progress is not None:
            progress(done + 1, len(todo))
    if not layers:
        raise InputError(_nothing(checkpoints, patterns, log))
    sources = tuple(str(one.path) for one in checkpoints)
    return NetworkSpectra(tuple(layers), sources, tuple(log.skipped), tuple(log.problems))


def _readable(path: PathType | Sequence[PathType], log: _Log, template: Any) -> tuple[Checkpoint, ...]:
    if not log.keep_going or isinstance(path, str) or not isinstance(path, Sequence):
        return find_checkpoints(path, template=template)
    good = []
    for one in path:
        try:
            find_checkpoints(one)
            good.append(one)
        except InputError as error:
            log.problem(str(one), str(error))
    return find_checkpoints(good, template=template)


def _spectrum(
    checkpoint: Checkpoint, matrix: StoredArray, before: StoredArray | None, vectors: Vectors, device: str
) -> LayerSpectrum:
    initial = before.read() if before is not None else None
    return layer_spectrum(
        matrix.name,
        matrix.read(),
        step=checkpoint.step,
        vectors=vectors,
        initial=initial,
        kind=matrix.kind,
        device=device,
    )


def _reference(initial: PathType | None, patterns: Sequence[str], log: _Log) -> dict[str, StoredArray]:
    first = _one("initial", initial)
    if first is None:
        return {}
    return {matrix.name: matrix for matrix in _select(first, patterns, _Log(log.keep_going))}


def _one(argument: str, path: PathType | None) -> Checkpoint | None:
    if path is None:
        return None
    first, *more = find_checkpoints(path)
    if more:
        raise InputError(f"`{argument}` must be one checkpoint, got {1 + len(more)}: name one of them.")
    return first


def _select(
    checkpoint: Checkpoint,
    patterns: Sequence[str],
    log: _Log,
    *,
    several: bool = False,
    base: Checkpoint | None = None,
) -> Iterator[StoredArray]:
    where = str(checkpoint.path)
    settings = settings_of(checkpoint.path)
    arrays = _assembled(checkpoint, log, several=several, base=base)
    shapes = {array.name: array.shape for array in arrays if isinstance(array, StoredArray)}
    for array in arrays:
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
        matrices = as_matrices(array, settings.heads, shapes)
        wanted = (matrix for matrix in matrices if whole or _matches(matrix.name, patterns))
        yield from (matrix for matrix in wanted if _usable(matrix, where, log))


def _assembled(
    checkpoint: Checkpoint, log: _Log, *, several: bool = False, base: Checkpoint | None = None
) -> list[StoredArray | BadArray]:
    """The arrays of a checkpoint, quantised ones as numbers, the factors of an adapter as its updates."""
    settings = settings_of(checkpoint.path)
    arrays = list(dequantised(list(_arrays(checkpoint, log, several)), settings.quantisation))
    if base is None and not has_adapter(arrays):
        return arrays
    return list(with_adapters(arrays, settings.adapter, None if base is None else _assembled(base, log)))


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
