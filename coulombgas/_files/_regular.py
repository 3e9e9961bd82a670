"""Opening files of unknown origin: regular files of bounded size, with a one-line error for any defect."""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from coulombgas._checks import InputError

MAX_METADATA = 50_000_000
"""Size in bytes of the longest JSON text that is read."""
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def regular_file(path: str | os.PathLike[str], *, inside: Path | None = None) -> Path:
    """The path, if it is a regular file.

    Args:
        path: file to be read; a link to a regular file will do.
        inside: folder that links may not leave; anywhere when not given.

    Raises:
        InputError: when it is missing, may not be read, is a directory, pipe, socket or device (which could hang or
            never end), or a link that leaves ``inside``.
    """
    file = Path(path)
    with reading(file):
        mode = file.stat().st_mode
        for is_kind, word in _KINDS:
            if is_kind(mode):
                raise InputError(f"{file}: {word}, not a regular file: copy what it holds into a file first.")
        if inside is not None and file.is_symlink() and not within(file, inside):
            raise InputError(f"{file}: a link that leaves {str(inside)!r}, which is not followed: copy the file there.")
        if not os.access(file, os.R_OK):
            raise PermissionError
    return file


def links_stay_in(folder: Path) -> Path:
    """The folder in which the links of a folder of weights must stay: itself, or for a snapshot of the Hugging Face
    cache (``…/snapshots/<revision>``, all links) the cache of the whole model."""
    return folder.absolute().parent.parent if folder.absolute().parent.name == "snapshots" else folder


def check_tree(folder: Path) -> None:
    """Check that a folder to be read by a foreign library holds only regular files, and that no link leaves it.

    Raises:
        InputError: naming the first pipe, device or link that could hang it or lead elsewhere.
    """
    for place, folders, names in os.walk(folder, followlinks=False):
        for name in (*folders, *names):
            path = Path(place) / name
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode) and not within(path, folder):
                raise InputError(f"{path}: a link that leaves {str(folder)!r}, which is not followed: copy it there.")
            if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
                regular_file(path)


def within(path: Path, folder: Path) -> bool:
    """Whether a path lies in a folder after all links are resolved."""
    return path.resolve().is_relative_to(folder.resolve())


@contextmanager
def open_regular(path: str | os.PathLike[str], *, inside: Path | None = None) -> Iterator[IO[bytes]]:
    """A regular file open for reading. The open file is checked again, in case the path became a pipe meanwhile."""
    file = regular_file(path, inside=inside)
    with reading(file):
        handle = os.fdopen(os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb")
    with handle:
        if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
            raise InputError(f"{file}: not a regular file: copy what it holds into a file first.")
        yield handle


def check_not_empty(path: str | os.PathLike[str], file: IO[bytes]) -> None:
    """Check that an open file holds anything at all.

    Raises:
        InputError: for a file of no bytes, in the same words for every format.
    """
    if os.fstat(file.fileno()).st_size == 0:
        raise InputError(f"{path}: the file is empty: copy or download it again.")


def read_text(path: str | os.PathLike[str], *, inside: Path | None = None, limit: int = MAX_METADATA) -> str:
    """The text of a small file in UTF-8.

    Raises:
        InputError: when it is not a regular file, longer than ``limit`` bytes, or not UTF-8.
    """
    with open_regular(path, inside=inside) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise InputError(f"{path}: {size:,} bytes, more than the {limit:,} that are read of such a file.")
        content = file.read(limit + 1)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not text in UTF-8 (byte {error.start}): the file is damaged.") from None


def read_json(
    path: str | os.PathLike[str], *, what: str = "file", inside: Path | None = None, limit: int = MAX_METADATA
) -> dict[str, Any]:
    """The JSON object that a small file holds.

    Raises:
        InputError: when it cannot be read, or is not one JSON object; ``what`` is its name in the message.
    """
    return parse_json(read_text(path, inside=inside, limit=limit), str(path), what=what)


def parse_json(text: Any, source: str, *, what: str = "file") -> dict[str, Any]:
    """One JSON object from a text of unknown origin.

    Raises:
        InputError: when it is anything else.
    """
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise InputError(f"{source}: not JSON: the {what} is damaged.") from None
    if not isinstance(found, dict):
        raise InputError(f"{source}: not a JSON object: the {what} is damaged.")
    return found


@contextmanager
def reading(source: str | os.PathLike[str], what: str = "") -> Iterator[None]:
    """Turn whatever a decoder raises on damaged data into one line that names the file (and ``what`` in it).

    Decoders of foreign formats may raise anything, so this is the one place that catches everything; our own
    :class:`InputError` passes through.
    """
    named = f"{source}: {what}" if what else f"{source}"
    try:
        yield
    except InputError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{named}: no such file or directory.") from None
    except PermissionError:
        raise InputError(f"{named}: no permission to read it.") from None
    except MemoryError:
        raise InputError(f"{named}: needs more memory than this machine has.") from None
    except Exception as error:
        text = " ".join(str(error).split())[:160]
        raise InputError(f"{named}: damaged, or of another kind ({type(error).__name__}: {text}).") from None


@contextmanager
def naming(source: str | os.PathLike[str]) -> Iterator[None]:
    """Put the path in front of errors about a part of a file or store."""
    try:
        yield
    except InputError as error:
        if str(source) in str(error):
            raise
        raise InputError(f"{source}: {error}") from None


def memory() -> int:
    """Bytes of memory available to this process: those of the machine, or of its control group."""
    try:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        machine = 1 << 36
    try:
        group = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        group = "max"
    return min(machine, int(group)) if group.isdigit() else machine


def check_size(source: str, what: str, shape: tuple[int, ...], itemsize: int) -> int:
    """Bytes of an array, checked to fit into half of the memory.

    Raises:
        InputError: when it does not; nothing has been allocated by then.
    """
    size = itemsize
    for side in shape:
        size *= int(side)
    if size > memory() // 2:
        raise InputError(f"{source}: {what}: shape {_short(shape)} needs more memory than this machine has.")
    return size


def _short(shape: tuple[int, ...]) -> str:
    text = str(shape)
    return text if len(text) <= 60 else text[:57] + "..."
