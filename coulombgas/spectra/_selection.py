"""Selection of what is analysed: the checkpoints of a path, and the requested matrices in them."""

import fnmatch
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from coulombgas._checks import InputError
from coulombgas._files import memory
from coulombgas._types import PathType

from ._adapters import has_adapter, with_adapters
from ._formats import Checkpoint, find_checkpoints
from ._matrices import as_matrices, reason_to_skip
from ._quantised import dequantised
from ._settings import settings_of
from ._stored import BadArray, StoredArray, printable

_LONGEST_LINE = 1000  # the message holds a command that converts the file


@dataclass
class Log:
    """Arrays and files left out and the reasons, one line each."""

    keep_going: bool
    skipped: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def problem(self, where: str, reason: str, *, rest: bool = True) -> None:
        """Note a problem, or raise it; ``rest`` says that there is more to analyse without the item concerned."""
        whole = reason if reason.startswith(where) else f"{where}: {reason}"
        line = printable(whole, _LONGEST_LINE).rstrip(".") + "."
        if not self.keep_going:
            raise InputError(
                f"{line} To analyse the rest, keep going (keep_going=True, --keep-going)." if rest else line
            )
        self.problems.append(line)


def readable_checkpoints(path: PathType | Sequence[PathType], log: Log, template: Any) -> tuple[Checkpoint, ...]:
    """The checkpoints of a path; those that cannot be read are noted if the log keeps going."""
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


def matrices_by_name(initial: PathType | None, patterns: Sequence[str], log: Log) -> dict[str, StoredArray]:
    """The matrices of the initial checkpoint."""
    first = one_checkpoint("initial", initial)
    if first is None:
        return {}
    return {matrix.name: matrix for matrix in select_matrices(first, patterns, Log(log.keep_going))}


def one_checkpoint(argument: str, path: PathType | None) -> Checkpoint | None:
    """The one checkpoint that an argument names, if any.

    Raises:
        InputError: when there are several.
    """
    if path is None:
        return None
    first, *more = find_checkpoints(path)
    if more:
        raise InputError(f"`{argument}` must be one checkpoint, got {1 + len(more)}: name one of them.")
    return first


def select_matrices(
    checkpoint: Checkpoint,
    patterns: Sequence[str],
    log: Log,
    *,
    several: bool = False,
    base: Checkpoint | None = None,
) -> Iterator[StoredArray]:
    """The matrices of a checkpoint whose names match; what is left out goes to the log."""
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
    checkpoint: Checkpoint, log: Log, *, several: bool = False, base: Checkpoint | None = None
) -> list[StoredArray | BadArray]:
    """The arrays of a checkpoint, with quantised ones as numbers and the factors of an adapter as updates."""
    settings = settings_of(checkpoint.path)
    arrays = list(dequantised(list(_arrays(checkpoint, log, several)), settings.quantisation))
    if base is None and not has_adapter(arrays):
        return arrays
    return list(with_adapters(arrays, settings.adapter, None if base is None else _assembled(base, log)))


def _arrays(checkpoint: Checkpoint, log: Log, several: bool) -> Iterator[StoredArray | BadArray]:
    """The arrays of a checkpoint, up to the point where the file as a whole can no longer be read."""
    try:
        yield from checkpoint.arrays()
    except InputError as error:
        log.problem(str(checkpoint.path), str(error), rest=several)


def _usable(matrix: StoredArray, where: str, log: Log) -> bool:
    if 0 in matrix.shape:
        log.problem(where, f"{matrix.name}: an empty matrix, shape {matrix.shape}.")
    elif matrix.dtype == "object":
        log.problem(where, f"{matrix.name}: holds Python objects, not numbers.")
    elif 8 * math.prod(matrix.shape) > memory():
        log.problem(where, f"{matrix.name}: shape {matrix.shape} needs more memory than this machine has.")
    else:
        return True
    return False


def globs(select: str | Sequence[str]) -> tuple[str, ...]:
    """The globs of ``select``.

    Raises:
        InputError: when it is not a glob.
    """
    patterns = (select,) if isinstance(select, str) else tuple(select)
    if not patterns or not all(isinstance(pattern, str) and pattern for pattern in patterns):
        raise InputError(f"`select` must be a glob or a list of globs, such as '*.key.*', got {select!r}.")
    return patterns


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def nothing_found(checkpoints: Sequence[Checkpoint], patterns: Sequence[str], log: Log) -> str:
    """Why there is nothing to analyse."""
    where = str(checkpoints[0].path)
    if log.problems:
        first = log.problems[0].removeprefix(f"{where}: ")
        return f"{where}: {first}" if len(log.problems) == 1 else f"{where}: no usable matrix: {first}"
    if log.skipped:
        return f"{where}: no weight matrix among the selected arrays; the first of {len(log.skipped)}: {log.skipped[0]}"
    every = Log(keep_going=True)
    names = [printable(matrix.name) for matrix in select_matrices(checkpoints[0], ("*",), every)]
    if not names:
        return f"{where}: holds no weight matrix."
    shown = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
    return f"`select` {' '.join(map(repr, patterns))} matches none of the {len(names)} matrices of {where}: {shown}."
