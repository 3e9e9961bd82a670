"""Ownership of directories: only one that this library wrote, with nothing else inside, may be replaced.

A directory that we wrote holds a marker: a random identity and the names of everything we put there. A directory
without it, or with anything that the marker does not name, is not ours. The marker is a separate file, or in a Zarr
store an attribute, because Zarr complains about unknown files.
"""

import json
import os
import re
import shutil
import stat
import uuid
from pathlib import Path
from typing import Any

from coulombgas._checks import InputError

from ._regular import read_json
from ._schema import ListOf, Record, Text, check_document

MARKER = ".coulombgas.json"
ATTRIBUTE = "coulombgas_output"
"""Where a Zarr store holds its marker."""
_STORE = "zarr.json"
_FORMAT = "coulombgas-output/1"
_SCHEMA = Record({
    "format": Text(words=(_FORMAT,)),
    "identity": Text("[0-9a-f]{32}"),
    "files": ListOf(Text()),
    "arrays": ListOf(Text()),
})  # fmt: skip
_CHUNK = re.compile(r"c(/\d+)*")
_PARTIAL = re.compile(r".*\.[0-9a-f]{32}\.partial")  # what Zarr writes before it renames it
_SHOWN = 4


def mark_output(directory: Path) -> str:
    """Write or renew the marker: everything now in the directory is ours. Returns the identity."""
    files: list[str] = []
    arrays: list[str] = []
    for folder, folders, names in os.walk(directory):
        folders.sort()
        place = Path(folder).relative_to(directory)
        if _is_array(Path(folder), names):
            arrays.append(place.as_posix())
            folders[:] = [name for name in folders if name != "c"]
        files += [(place / name).as_posix() for name in sorted(names)]
    before = _marker(directory)
    identity = before["identity"] if before else uuid.uuid4().hex
    _write_marker(directory, identity, files, arrays)
    return identity


def add_to_output(directory: Path, *names: str) -> None:
    """Add to the marker files that we wrote after the directory was marked."""
    marker = _marker(directory)
    if marker is not None:
        _write_marker(directory, marker["identity"], [*marker["files"], *names], marker["arrays"])


def _write_marker(directory: Path, identity: str, files: list[str], arrays: list[str]) -> None:
    document = {"format": _FORMAT, "identity": identity, "files": files, "arrays": arrays}
    target = directory / MARKER
    if (directory / _STORE).is_file():
        target = directory / _STORE
        store = read_json(target, what="store")
        document = {**store, "attributes": {**store.get("attributes", {}), ATTRIBUTE: document}}
    temporary = directory / f"{MARKER}.tmp"
    temporary.write_text(json.dumps(document), encoding="utf-8")
    temporary.replace(target)


def sweep_partial_files(directory: Path) -> None:
    """Remove what a killed writer of a Zarr store wrote but did not rename."""
    for leftover in directory.rglob("*.partial"):
        if _PARTIAL.fullmatch(leftover.name):
            leftover.unlink()


def remove_partial(directory: Path, known: tuple[str, ...]) -> None:
    """Remove the hidden directory of an unfinished run, which holds only what ``known`` names.

    Raises:
        InputError: when it is a link or a file, or holds anything else.
    """
    if not os.path.lexists(directory):
        return
    if directory.is_symlink() or not directory.is_dir():
        raise InputError(f"`out`: {str(directory)!r} is in the way and is not a directory of coulombgas: move it away.")
    strangers = sorted(path.name for path in directory.iterdir() if path.name not in known)
    if strangers:
        raise InputError(
            f"`out`: {str(directory)!r} holds what coulombgas did not write ({_list(strangers)}), and is not removed: "
            "move it away."
        )
    shutil.rmtree(directory)


def identity_of(directory: Path) -> str | None:
    """The random identity of a directory that we wrote."""
    found = _marker(directory)
    return found["identity"] if found else None


def check_ours(directory: Path, argument: str) -> None:
    """Check that a directory may be replaced: it is empty, or ours with nothing else in it.

    Raises:
        InputError: otherwise, listing what is there.
    """
    shown = f"`{argument}` {str(directory)!r}"
    here = Path.cwd()
    if directory.resolve() == here or directory.resolve() in here.parents:
        raise InputError(
            f"{shown} is a directory that coulombgas did not write, or the one you are in, and is not replaced: "
            "choose another path."
        )
    entries = sorted(path.name for path in directory.iterdir())
    if not entries:
        return
    marker = _marker(directory)
    if marker is None:
        raise InputError(
            f"{shown} is a directory that coulombgas did not write ({_list(entries)}), and is not replaced: "
            "choose another path or remove it."
        )
    strangers = _strangers(directory, set(marker["files"]), set(marker["arrays"]))
    if strangers:
        raise InputError(
            f"{shown} holds what coulombgas did not write ({_list(strangers)}), and is not replaced: "
            "move it away or choose another path."
        )


def _marker(directory: Path) -> dict[str, Any] | None:
    """The marker of an output of ours in a directory or store; None where there is none that can be read."""
    in_store = (directory / _STORE).exists()
    file = directory / (_STORE if in_store else MARKER)
    if file.is_symlink() or not file.is_file():
        return None
    try:
        found = read_json(file, what="marker")
        if in_store:
            found = found.get("attributes", {}).get(ATTRIBUTE)
        return check_document(found, _SCHEMA, str(file), "remove the directory yourself")
    except (InputError, AttributeError):
        return None


def _strangers(directory: Path, files: set[str], arrays: set[str]) -> list[str]:
    """Paths that the marker does not name; a known name that has become a link or a pipe is no longer ours."""
    parents = {parent.as_posix() for name in files for parent in Path(name).parents}
    parents |= {parent.as_posix() for name in arrays for parent in (Path(name), *Path(name).parents)}
    found: list[str] = []
    for folder, folders, names in os.walk(directory):
        place = Path(folder).relative_to(directory)
        for name in sorted([*folders, *names]):
            path = place / name
            mode = os.lstat(directory / path).st_mode
            known = _knows_folder(path, parents, arrays) if stat.S_ISDIR(mode) else _knows_file(path, files, arrays)
            if not known or not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                found.append(path.as_posix())
        folders[:] = [name for name in folders if (place / name).as_posix() not in found]
    return found


def _knows_folder(path: Path, parents: set[str], arrays: set[str]) -> bool:
    return path.as_posix() in parents or _in_grid(path, arrays)


def _knows_file(path: Path, files: set[str], arrays: set[str]) -> bool:
    name = path.as_posix()
    return name in (MARKER, f"{MARKER}.tmp") or name in files or bool(_PARTIAL.fullmatch(name)) or _in_grid(path, arrays)  # fmt: skip  # noqa: E501


def _in_grid(path: Path, arrays: set[str]) -> bool:
    """Whether a path is a chunk of a known array, or a folder of them."""
    for parent in path.parents:
        if parent.as_posix() in arrays and _CHUNK.fullmatch(path.relative_to(parent).as_posix()):
            return True
    return False


def _is_array(folder: Path, names: list[str]) -> bool:
    if "zarr.json" not in names:
        return False
    try:
        return read_json(folder / "zarr.json", what="store").get("node_type") == "array"
    except InputError:
        return False


def _list(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
