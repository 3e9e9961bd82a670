"""Files of every kind in the place of every input: damaged, mistyped, endless, or no files at all."""

import json
import os
import socket
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

pytestmark = pytest.mark.timeout(60)

COMMANDS = {
    "fit": lambda path: ["fit", path],
    "compare": lambda path: ["compare", path],
    "merge": lambda path: ["merge", path, "--out", "merged.zarr"],
    "spectra": lambda path: ["spectra", path],
    "report": lambda path: ["report", path],
    "initial": lambda path: ["spectra", path, "--initial", path],
    "text": lambda path: ["simulate", "gpt", "--steps", "1", "--out", "run", "--text", path],
}


def listening(path: Path) -> None:
    """A socket."""
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


NO_FILES = {
    "missing": lambda path: None,
    "pipe": os.mkfifo,
    "socket": listening,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "empty": lambda path: path.touch(),
    "empty folder": lambda path: path.mkdir(),
    "zeros": lambda path: path.write_bytes(bytes(5000)),
    "noise": lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)),
    "prose": lambda path: path.write_text("It was a dark and stormy night.\n" * 40),
    "half a zip": lambda path: path.write_bytes(b"PK\x03\x04" + bytes(400)),
}
READABLE_TEXT = {"prose", "zeros", "half a zip"}  # what `--text` may learn
ENDINGS = {
    "fit": [".npz", ".zarr"],
    "compare": [".npz"],
    "merge": [".zarr", ".npz"],
    "text": [".txt"],
    "initial": [".npz"],
}
FORMATS = [".npz", ".npy", ".h5", ".safetensors", ".safetensors.index.json", ".pt", ".nc", ".zarr"]
EVERYWHERE = [
    (command, ending, kind)
    for command in COMMANDS
    for ending in ENDINGS.get(command, FORMATS)
    for kind in NO_FILES
    if not (command == "text" and kind in READABLE_TEXT)
]


ANOTHER = pytest.mark.full("test_no_file_of_that_kind of the same command and kind with another ending")


def in_turn(command, ending, kind):
    """Whether it is the turn of this ending among those of the command: each kind has one, neighbours another."""
    endings = ENDINGS.get(command, FORMATS)
    turn = [own for own in NO_FILES if command != "text" or own not in READABLE_TEXT].index(kind)
    return endings[(turn + list(COMMANDS).index(command)) % len(endings)] == ending


@pytest.mark.parametrize(
    ("command", "ending", "kind"),
    [case if in_turn(*case) else pytest.param(*case, marks=ANOTHER) for case in EVERYWHERE],
)
def test_no_file_of_that_kind(tmp_path, refused, command, ending, kind):
    path = tmp_path / f"input{ending}"
    NO_FILES[kind](path)
    refused(COMMANDS[command](path), "input")


@pytest.mark.parametrize(
    "name", ["a\x1b[31mb.npz", "a\nb.npz", "a\u202eb.npz", "a\udcffb.npz", "a" * 300, "a\x07.zarr"]
)
@pytest.mark.parametrize("command", ["fit", "merge", "spectra", "report"])
def test_names_that_a_terminal_would_obey(tmp_path, refused, command, name):
    refused(COMMANDS[command](tmp_path / name))


RBM = {
    "eigenvalue": np.array([[5.1, 1.0, 3.0], [5.0, 1.1, 3.2]]), "learning_rate": 0.02, "batch_size": 16, "model": "rbm",
    "target": np.array([4.0, 6.0, 8.0]), "mu2": 9.0, "sigma_h2": 1.0,
}  # fmt: skip
OBJECTS = np.array([None, {}], dtype=object)
FIELDS = [
    *((name, None) for name in ("eigenvalue", "learning_rate", "batch_size", "target", "mu2")),
    *((name, "x") for name in ("eigenvalue", "learning_rate", "batch_size", "target", "mu2", "sigma_h2")),
    *((name, np.nan) for name in ("learning_rate", "batch_size", "target", "mu2", "sigma_h2")),
    *((name, OBJECTS) for name in RBM),
    *((name, np.ones((2, 2, 2))) for name in RBM if name != "model"),
    *((name, -1.0) for name in ("learning_rate", "batch_size", "mu2", "sigma_h2", "target")),
    *((name, 1j) for name in ("learning_rate", "target", "mu2")),
    ("eigenvalue", np.full((2, 3), np.nan)),
    ("eigenvalue", np.full((2, 3), np.inf)),
    ("eigenvalue", np.zeros((0, 3))),
    ("batch_size", 1.5),
    ("model", "nonsense"),
    ("model", 3),
]


@pytest.mark.parametrize(("name", "value"), FIELDS, ids=lambda value: str(value)[:20].replace("\n", ""))
def test_a_field_of_the_users_own_spectra(tmp_path, refused, name, value):
    arrays = {key: item for key, item in {**RBM, name: value}.items() if item is not None}
    np.savez(tmp_path / "own.npz", **arrays)
    refused(["fit", tmp_path / "own.npz"], name if value is not None else "own.npz")


def one_entry(path: Path, content: bytes, name: str = "w.npy", method: int = zipfile.ZIP_STORED) -> None:
    """An archive of one entry."""
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, content)


def npy(header: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    """An array file with any header."""
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + data


def patched(offset_of: bytes, change: dict[int, bytes]):
    """An archive whose directory is changed at some distance from a signature."""

    def make(path: Path) -> None:
        np.savez(path, w=np.ones((4, 3)))
        data = bytearray(path.read_bytes())
        at = data.index(offset_of)
        for distance, new in change.items():
            data[at + distance : at + distance + len(new)] = new
        path.write_bytes(data)

    return make


def header(shape: str, descr: str = "'<f8'") -> str:
    """What an array file says of itself."""
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"


ARCHIVES = {
    "encrypted": patched(b"PK\x01\x02", {8: b"\x01\x00"}),
    "encrypted and unknown": patched(b"PK\x01\x02", {8: b"\x01\x00", 10: b"\x63\x00"}),
    "unknown method": patched(b"PK\x01\x02", {10: b"\x63\x00"}),
    "a wrong checksum": patched(b"PK\x01\x02", {16: b"abcd"}),
    "an offset beyond the end": patched(b"PK\x01\x02", {42: b"\xf0\xff\xff\x7f"}),
    "a directory beyond the end": patched(b"PK\x05\x06", {16: b"\xf0\xff\xff\x7f"}),
    "a needed version of the future": patched(b"PK\x01\x02", {6: b"\xff\x00"}),
    "an entry that is no array": lambda path: one_entry(path, b"text", "w.txt"),
    "an entry that is empty": lambda path: one_entry(path, b""),
    "a huge shape": lambda path: one_entry(path, npy(header("(1099511627776, 1099511627776)"))),
    "a bomb": lambda path: one_entry(path, npy(header("(8000000000, 8)"), bytes(10**6)), method=zipfile.ZIP_DEFLATED),
    "a negative shape": lambda path: one_entry(path, npy(header("(-4, 3)"), bytes(96))),
    "a shape of words": lambda path: one_entry(path, npy(header("('a', 'b')"), bytes(96))),
    "a shape of truth": lambda path: one_entry(path, npy(header("(True, 3)"), bytes(96))),
    "a type that is none": lambda path: one_entry(path, npy(header("(4, 3)", "'zzz'"), bytes(96))),
    "a type of objects": lambda path: one_entry(path, npy(header("(4, 3)", "'|O'"), bytes(96))),
    "a type of dates": lambda path: one_entry(path, npy(header("(4, 3)", "'<M8[s]'"), bytes(96))),
    "a record": lambda path: one_entry(path, npy(header("(4, 3)", "[('a', '<f8')]"), bytes(96))),
    "a header that calls": lambda path: one_entry(path, npy("__import__('os').abort()", bytes(96))),
    "a header nested deeply": lambda path: one_entry(path, npy("(" * 3000 + ")" * 3000, bytes(96))),
    "a header that is no dictionary": lambda path: one_entry(path, npy("[1, 2]", bytes(96))),
    "a version of the future": lambda path: one_entry(path, npy(header("(4, 3)"), bytes(96), b"\x09\x00")),
    "truncated": lambda path: one_entry(path, npy(header("(4, 3)"), bytes(90))),
    "an empty matrix": lambda path: one_entry(path, npy(header("(0, 3)"))),
    "one number": lambda path: one_entry(path, npy(header("()"), bytes(8))),
    "NaN": lambda path: np.savez(path, w=np.full((4, 3), np.nan)),
    "words": lambda path: np.savez(path, w=np.full((4, 3), "word")),
    "whole numbers": lambda path: np.savez(path, w=np.ones((4, 3), int)),
    "complex numbers": lambda path: np.savez(path, w=np.ones((4, 3), complex)),
    "huge numbers": lambda path: np.savez(path, w=np.full((4, 3), 1e300)),
}


@pytest.mark.parametrize("case", ARCHIVES)
@pytest.mark.parametrize("command", ["spectra", "report", "fit"])
def test_archives(tmp_path, refused, command, case):
    ARCHIVES[case](tmp_path / "input.npz")
    refused(COMMANDS[command](tmp_path / "input.npz"), "input.npz")


def tensors(path: Path, entries: object, data: bytes = b"", *, length: int | None = None) -> None:
    """A safetensors file with any header."""
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def one(**changes: object) -> dict:
    """A header of one tensor with some of it changed."""
    entry = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16], **changes}
    return {"w": {key: value for key, value in entry.items() if value is not None}}


TENSORS = {
    **{f"no {name}": (one(**{name: None}), bytes(16)) for name in ("dtype", "shape", "data_offsets")},
    **{
        f"{name} is {value}"[:40]: (one(**{name: value}), bytes(16))
        for name in ("dtype", "shape", "data_offsets")
        for value in ("x", 3, -1, [], [1.5, 2], [-2, -2], [2**70, 2**70], {"a": 1}, True)
        if not (name == "shape" and value == [])
    },
    "an entry that is a word": ({"w": "x"}, b""),
    "a list": ([1, 2], b""),
    "no JSON": (b"{{{{", b""),
    "not UTF-8": (b'{"\xff": 1}', b""),
    "nested deeply": (b"[" * 50000, b""),
    "data that are missing": (one(), bytes(8)),
    "NaN": (one(), struct.pack("<4f", *[float("nan")] * 4)),
}


@pytest.mark.parametrize("case", TENSORS)
def test_safetensors(tmp_path, refused, case):
    tensors(tmp_path / "m.safetensors", *TENSORS[case])
    refused(["spectra", tmp_path / "m.safetensors"], "m.safetensors")


@pytest.mark.parametrize("length", [0, 1, 7, 2**20, 2**40, 2**63, 2**64 - 1])
def test_safetensors_of_any_length(tmp_path, refused, length):
    tensors(tmp_path / "m.safetensors", one(), bytes(16), length=length)
    refused(["spectra", tmp_path / "m.safetensors"], "m.safetensors")


def folder_of_weights(folder: Path) -> None:
    """Two shards and their index."""
    folder.mkdir()
    for index in (1, 2):
        tensors(
            folder / f"model-0000{index}-of-00002.safetensors",
            {f"w{index}": one()["w"]},
            struct.pack("<4f", 1, 2, 3, 5),
        )
    shards = {f"w{index}": f"model-0000{index}-of-00002.safetensors" for index in (1, 2)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))


def instead(name: str, make):
    """Put something else in the place of a file."""

    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        make(folder / name)

    return change


SHARD, INDEX = "model-00002-of-00002.safetensors", "model.safetensors.index.json"
FOLDERS = {
    **{
        f"config {kind}": instead("config.json", NO_FILES[kind])
        for kind in ("pipe", "socket", "device", "empty folder")
    },
    **{
        f"{name} {kind}": instead(name, NO_FILES[kind])
        for name in (SHARD, INDEX)
        for kind in ("pipe", "socket", "device", "empty folder", "empty", "noise", "zeros")
    },
    "a shard elsewhere": instead(SHARD, lambda path: path.symlink_to("/etc/hostname")),
    "an index elsewhere": instead(INDEX, lambda path: path.symlink_to("/etc/hostname")),
    "a missing shard": instead(SHARD, lambda path: None),
    "an index of a list": instead(INDEX, lambda path: path.write_text("[]")),
    "an index of numbers": instead(INDEX, lambda path: path.write_text('{"weight_map": {"w": 3}}')),
    "an index of nothing": instead(INDEX, lambda path: path.write_text('{"weight_map": {}}')),
    "an index of parents": instead(INDEX, lambda path: path.write_text('{"weight_map": {"w": "../x"}}')),
    "an index nested deeply": instead(INDEX, lambda path: path.write_text("[" * 100000)),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_folders_of_weights(tmp_path, refused, case):
    folder_of_weights(tmp_path / "model")
    FOLDERS[case](tmp_path / "model")
    refused(["spectra", tmp_path / "model"])


def hdf5(make):
    """An HDF5 file made by a function."""

    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            make(file)

    return write


def virtual(file: h5py.File) -> None:
    """A dataset that is in another file."""
    layout = h5py.VirtualLayout((2, 2), "f8")
    layout[:] = h5py.VirtualSource("other.h5", "w", (2, 2))
    file.create_virtual_dataset("w", layout)


HDF5 = {
    "external": hdf5(lambda file: file.create_dataset("w", (2, 2), "f8", external=[("other.bin", 0, 32)])),
    "virtual": hdf5(virtual),
    "a link to a file": hdf5(lambda file: file.__setitem__("w", h5py.ExternalLink("other.h5", "w"))),
    "a link to nothing": hdf5(lambda file: file.__setitem__("w", h5py.SoftLink("/nothing"))),
    "a link to itself": hdf5(lambda file: file.__setitem__("w", h5py.SoftLink("/w"))),
    "huge": hdf5(lambda file: file.create_dataset("w", (2**22, 2**22), "f4", chunks=(64, 64))),
    "a huge chunk": hdf5(lambda file: file.create_dataset("w", (2**16, 2**15), "f8", chunks=(2**15, 2**13))),
    "words": hdf5(lambda file: file.create_dataset("w", data=[[b"a", b"b"], [b"c", b"d"]])),
    "references": hdf5(lambda file: file.create_dataset("w", (2, 2), h5py.ref_dtype)),
    "a record": hdf5(lambda file: file.create_dataset("w", (2, 2), np.dtype([("a", "f8")]))),
    "nothing": hdf5(lambda file: None),
    "no shape": hdf5(lambda file: file.create_dataset("w", dtype="f8")),
    "NaN": hdf5(lambda file: file.create_dataset("w", data=np.full((3, 3), np.nan))),
}


@pytest.mark.parametrize("case", HDF5)
def test_hdf5(tmp_path, refused, case):
    HDF5[case](tmp_path / "m.h5")
    refused(["spectra", tmp_path / "m.h5"], "m.h5")
