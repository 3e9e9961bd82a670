"""Writing without accidents: a path is checked before the work and appears only when it is complete."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ._checks import InputError

_OURS = ("zarr.json", ".zgroup", "report.html", "fit.nc", "losses.json", "checkpoint.json", "numbers.json")
"""A directory that holds one of these was written by this library, or is a store: only such a one is ever replaced."""


def check_output(path: str | os.PathLike[str], *, overwrite: bool = False, argument: str = "out") -> Path:
    """The path as ``Path`` if it can be written.

    Raises:
        InputError: if it exists and ``overwrite`` is false, if it is a directory of other things (which is never
            replaced), or if its directory cannot be written.
    """
    target = Path(path)
    if target.exists() and not overwrite:
        raise InputError(f"`{argument}` {str(target)!r} exists already: choose another path or give --overwrite.")
    if target.is_dir() and not _replaceable(target):
        raise InputError(
            f"`{argument}` {str(target)!r} is a directory that coulombgas did not write, and is not replaced: "
            "choose another path or remove it."
        )
    parent = target.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise InputError(f"`{argument}` {str(target)!r}: {str(parent)!r} is a file, not a directory.")
    if not _can_write(parent):
        raise InputError(f"`{argument}` {str(target)!r}: no permission to write in {str(parent)!r}.")
    return target


def _replaceable(directory: Path) -> bool:
    here = Path.cwd()
    inside = directory.resolve() == here or directory.resolve() in here.parents
    return not inside and (any((directory / name).exists() for name in _OURS) or not any(directory.iterdir()))


def _can_write(directory: Path) -> bool:
    # os.access says yes to root even where the mode forbids it; a mode without any write bit is a refusal for all.
    return os.access(directory, os.W_OK | os.X_OK) and bool(directory.stat().st_mode & 0o222)


@contextmanager
def atomic_directory(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary sibling directory that becomes ``path`` when the block ends well and vanishes when it does not."""
    target = check_output(path, overwrite=overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    temporary.chmod(0o755)
    try:
        yield temporary
        replace_directory(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def replace_directory(source: Path, target: Path) -> None:
    """Put ``source`` in the place of ``target``, which stays whole until the very end."""
    if not target.exists():
        source.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    target.rename(old / "old")
    source.rename(target)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def atomic_file(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary sibling file that becomes ``path`` when the block ends well and vanishes when it does not."""
    target = check_output(path, overwrite=overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
