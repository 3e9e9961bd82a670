"""Safe writing: a path is checked before the work starts and appears only when it is complete."""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coulombgas._checks import InputError
from coulombgas._interrupts import deferred, safe_point

from ._owner import check_ours, mark_output, sweep_partial_files


def check_output(
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    keep: bool = False,
    directory: bool | None = None,
    argument: str = "out",
) -> Path:
    """The path as ``Path`` if it can be written.

    Args:
        path: where to write.
        overwrite: whether existing output may be replaced.
        keep: whether existing output is continued, so that only its location is checked.
        directory: whether a directory or a file will be written there, if known.
        argument: name of the path in errors.

    Raises:
        InputError: if it exists and neither ``overwrite`` nor ``keep`` is true; if it is a device, pipe or link, or a
            directory in which we did not write everything (none of which is ever replaced); or if its directory
            cannot be written.
    """
    target = Path(path)
    try:
        mode = os.lstat(target).st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = None
    except (OSError, ValueError) as error:  # too long, a null byte, a loop of links, no permission
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"`{argument}` {str(target)!r} cannot be written ({reason}): choose another path.") from None
    if mode is not None:
        _check_existing(target, mode, overwrite=overwrite, keep=keep, directory=directory, argument=argument)
    _check_place(target, argument)
    return target


def _check_existing(
    target: Path, mode: int, *, overwrite: bool, keep: bool, directory: bool | None, argument: str
) -> None:
    """Check that something that exists may be replaced or kept: allowed, of the right kind, and ours."""
    shown = f"`{argument}` {str(target)!r}"
    if not (overwrite or keep):
        raise InputError(f"{shown} exists already: choose another path or give --overwrite.")
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        word = "a symbolic link" if stat.S_ISLNK(mode) else "a device or pipe"
        raise InputError(f"{shown} is {word}, which is not replaced: choose another path.")
    if directory is not None and stat.S_ISDIR(mode) != directory:
        there, wanted = ("a directory", "file") if stat.S_ISDIR(mode) else ("a file", "directory")
        raise InputError(f"{shown} is {there}, which is not replaced by a {wanted}: choose another path.")
    if stat.S_ISDIR(mode) and not keep:
        check_ours(target, argument)


def _check_place(target: Path, argument: str) -> None:
    parent = target.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise InputError(f"`{argument}` {str(target)!r}: {str(parent)!r} is a file, not a directory.")
    if not _can_write(parent):
        raise InputError(f"`{argument}` {str(target)!r}: no permission to write in {str(parent)!r}.")


def _can_write(directory: Path) -> bool:
    # os.access returns True for root even where the mode forbids it; a mode without any write bit counts as a refusal.
    return os.access(directory, os.W_OK | os.X_OK) and bool(directory.stat().st_mode & 0o222)


@contextmanager
def atomic_directory(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary sibling directory that becomes ``path`` if the block succeeds and is removed if it fails.

    What a killed process left there is removed by the next one.

    Raises:
        InputError: as :func:`check_output`, or when another process is writing there.
    """
    target = check_output(path, overwrite=overwrite, directory=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.absolute().parent / f".{target.name}.writing"
    with only_writer(target):
        try:
            with deferred():
                shutil.rmtree(temporary, ignore_errors=True)
                temporary.mkdir()
            yield temporary
            publish(temporary, target)
        finally:
            with deferred():
                shutil.rmtree(temporary, ignore_errors=True)


def publish(source: Path, target: Path) -> None:
    """Mark a complete directory as ours and put it in the place of ``target``, which stays intact until the very end.

    Raises:
        InputError: when something that is not ours has appeared at ``target`` meanwhile.
        Interrupted: when a signal arrived first; the complete directory stays where it is.
    """
    safe_point()
    with deferred():
        sweep_partial_files(source)
        mark_output(source)
        replace_directory(source, target)


def replace_directory(source: Path, target: Path) -> None:
    """Put ``source`` in the place of ``target``; see :func:`publish`."""
    if not os.path.lexists(target):
        source.rename(target)
        return
    check_output(target, overwrite=True, directory=True)
    old = target.absolute().parent / f".{target.name}.old"
    if old.exists():  # left when a process was killed just before removing it
        check_ours(old, "out")
        shutil.rmtree(old)
    target.rename(old)
    source.rename(target)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def only_writer(out: Path) -> Iterator[None]:
    """Allow only one process at a time to write to a path; the lock ends with the process that holds it.

    Raises:
        InputError: when another process does.
    """
    directory = check_output(out, keep=True).absolute().parent
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f".{out.name}.lock"
    with _locked(file, out):
        try:
            yield
        finally:
            with deferred():
                file.unlink(missing_ok=True)


@contextmanager
def _locked(file: Path, out: Path) -> Iterator[None]:
    """An advisory lock on a file, checked to be still in its place once it is locked."""
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            _lock(handle, out)
            if _is_in_place(handle, file):
                yield
                return
        finally:
            os.close(handle)


def _lock(handle: int, out: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise InputError(f"`out` {str(out)!r}: another process is writing it: wait for it or stop it.") from None


def _is_in_place(handle: int, file: Path) -> bool:
    """Whether the file was not removed, as its last holder does, before it was locked."""
    try:
        return os.path.samestat(os.fstat(handle), file.stat())
    except FileNotFoundError:
        return False


@contextmanager
def atomic_file(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary sibling file that becomes ``path`` if the block succeeds and is removed if it fails."""
    target = check_output(path, overwrite=overwrite, directory=False)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary: Path | None = None
    try:
        with deferred():
            handle, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=target.suffix, dir=target.parent)
            temporary = Path(name)
            os.close(handle)
        yield temporary
        safe_point()
        with deferred():
            temporary.chmod(0o644)
            temporary.replace(target)
    finally:
        if temporary is not None:
            with deferred():
                temporary.unlink(missing_ok=True)
