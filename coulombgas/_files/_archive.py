"""Archives of NumPy arrays (``.npz``): every entry is described and its size checked before anything is allocated."""

import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy_format

from coulombgas._checks import InputError

from ._regular import check_not_empty, check_size, open_regular, reading

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_MAX_ENTRIES = 100_000
_ONE_ARRAY = b"\x93NUMPY"


class ArchivedArray(NamedTuple):
    """One array of an archive, not yet read."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    entry: str


def list_archive(path: Path) -> Iterator[ArchivedArray | InputError]:
    """The contents of an archive, with an error in place of each entry that cannot be used.

    Raises:
        InputError: when it is not an archive, or too damaged to be listed.
    """
    with open_regular(path) as file, _zip(path, file) as archive:
        entries = archive.infolist()
        if len(entries) > _MAX_ENTRIES:
            raise InputError(f"{path}: {len(entries):,} entries, more than {_MAX_ENTRIES:,} are never read.")
        for entry in entries:
            try:
                yield _describe(path, archive, entry)
            except InputError as error:
                yield error


def read_entry(path: Path, array: ArchivedArray) -> np.ndarray:
    """One array; its size has been checked.

    Raises:
        InputError: when it is damaged.
    """
    with open_regular(path) as file, _zip(path, file) as archive, reading(path, array.name):
        check_size(str(path), array.name, array.shape, array.dtype.itemsize)
        with archive.open(array.entry) as member:
            return npy_format.read_array(member, allow_pickle=False)


def read_archive(path: Path) -> dict[str, np.ndarray]:
    """All arrays by name.

    Raises:
        InputError: at the first entry that cannot be used, or when together they need too much memory.
    """
    found: dict[str, ArchivedArray] = {}
    total = 0
    for array in list_archive(path):
        if isinstance(array, InputError):
            raise array
        if array.name in found:
            raise InputError(f"{path}: {array.name} occurs twice: the archive is damaged.")
        total += check_size(str(path), array.name, array.shape, array.dtype.itemsize)
        check_size(str(path), "its arrays together", (total,), 1)
        found[array.name] = array
    return {name: read_entry(path, array) for name, array in found.items()}


@contextmanager
def open_member(path: Path, name: str) -> Iterator[IO[bytes]]:
    """One entry of a zip archive as a seekable file; an entry stored uncompressed is not copied.

    Raises:
        InputError: when it is missing, encrypted, or would not fit into the memory once decompressed.
    """
    with open_regular(path) as file, _zip(path, file) as archive:
        try:
            entry = archive.getinfo(name)
        except KeyError:
            raise InputError(f"{path}: {name} is missing: the archive is damaged.") from None
        _check_entry(name, entry)
        with reading(path, name), archive.open(entry) as member:
            if entry.compress_type == zipfile.ZIP_STORED:
                yield io.BufferedReader(_Window(file, _start(file, entry), entry.file_size))
                return
            check_size(str(path), name, (entry.file_size,), 1)
            yield io.BytesIO(member.read())


def _start(file: IO[bytes], entry: zipfile.ZipInfo) -> int:
    """Offset of the bytes of an entry: after its own header, whose names may differ from those in the directory."""
    file.seek(entry.header_offset + 26)
    name, extra = struct.unpack("<HH", file.read(4))
    return entry.header_offset + 30 + name + extra


class _Window(io.RawIOBase):
    """A part of a file as a file."""

    def __init__(self, file: IO[bytes], start: int, size: int):
        self._file, self._start, self._size, self._place = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = max(0, offset + (0, self._place, self._size)[whence])
        return self._place

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._start + self._place)
        found = self._file.read(max(0, min(len(buffer), self._size - self._place)))
        buffer[: len(found)] = found
        self._place += len(found)
        return len(found)


def list_members(path: Path) -> list[str]:
    """Names of all entries of a zip archive.

    Raises:
        InputError: when it is not a zip archive, or too damaged to be listed.
    """
    with open_regular(path) as file, _zip(path, file) as archive:
        entries = archive.namelist()
    if len(entries) > _MAX_ENTRIES:
        raise InputError(f"{path}: {len(entries):,} entries, more than {_MAX_ENTRIES:,} are never read.")
    return entries


def _zip(path: Path, file: IO[bytes]) -> zipfile.ZipFile:
    check_not_empty(path, file)
    try:
        return zipfile.ZipFile(file)
    except Exception as error:  # damaged directories raise BadZipFile, struct.error, NotImplementedError, …
        file.seek(0)
        if file.read(len(_ONE_ARRAY)) == _ONE_ARRAY:
            raise InputError(f"{path}: one array (.npy), which names no settings: save it by name, with them, by numpy.savez.") from None  # fmt: skip  # noqa: E501
        text = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: not an .npz archive (a zip of arrays written by numpy.savez), or damaged ({text}).") from None  # fmt: skip  # noqa: E501


def _describe(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> ArchivedArray:
    name = entry.filename.removesuffix(".npy")
    if not entry.filename.endswith(".npy"):
        raise InputError(f"{name}: not a NumPy array: save it with numpy.savez.")
    _check_entry(name, entry)
    with reading(name), archive.open(entry) as member:
        shape, dtype = read_npy_header(name, member, entry.file_size)
    return ArchivedArray(name, shape, dtype, entry.filename)


def _check_entry(name: str, entry: zipfile.ZipInfo) -> None:
    if entry.flag_bits & _ENCRYPTED:
        raise InputError(f"{name}: encrypted: write the archive without a password.")
    if entry.compress_type not in _METHODS:
        raise InputError(f"{name}: compression method {entry.compress_type} is not known: use numpy.savez_compressed.")


def read_npy_header(name: str, file: Any, size: int) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type that an ``.npy`` stream of ``size`` bytes claims.

    Raises:
        InputError: when it holds pickled objects, or fewer bytes than its shape needs.
    """
    try:
        version = npy_format.read_magic(file)
        read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
        shape, _, dtype = read(file)
    except Exception as error:  # the header is a Python literal: SyntaxError, TypeError, RecursionError and others
        text = " ".join(str(error).split())[:120]
        raise InputError(f"{name}: not a NumPy array, or damaged ({text}).") from None
    if dtype.hasobject:
        raise InputError(f"{name}: holds pickled Python objects, which are never loaded: save it as a plain array.")
    if any(type(side) is not int or side < 0 for side in shape):
        raise InputError(f"{name}: its shape {shape} is damaged.")
    needed = dtype.itemsize
    for side in shape:
        needed *= side
    if needed > size:
        raise InputError(f"{name}: truncated, shape {shape} needs {needed:,} bytes of {size:,}.")
    return tuple(shape), dtype
