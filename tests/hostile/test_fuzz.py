"""Any bytes and any metadata: a reader gives arrays or one line, and nothing else (bounded, always the same)."""

import json
import os
import shutil
import struct
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import coulombgas as cg
from coulombgas._files import ListOf, MapOf, Number, Record, Text, Whole, check_document
from coulombgas.training import read_recording

EXAMPLES = settings(
    max_examples=1000 if os.environ.get("COULOMBGAS_FULL") == "1" else 15,
    deadline=None, database=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def gives_arrays_or_one_line(read, path: Path) -> None:
    """The only two things that reading may do."""
    try:
        read(path)
    except cg.InputError as error:
        line = str(error)
        assert "\n" not in line
        assert path.name in line
        assert len(line) < 2000


def in_folder(work) -> None:
    """Hypothesis runs many examples in one test: each has a folder of its own."""
    folder = Path(tempfile.mkdtemp())
    try:
        work(folder)
    finally:
        shutil.rmtree(folder)


def entries(**known: object):
    """Metadata in which some fields are what they must be and some are anything."""
    return st.fixed_dictionaries({name: st.just(value) | JSON for name, value in known.items()})


@EXAMPLES
@given(
    header=st.dictionaries(st.text(max_size=5), entries(dtype="F32", shape=[2, 2], data_offsets=[0, 16]), max_size=3)
    | JSON,
    extra=st.binary(max_size=40),
    length=st.none() | st.integers(0, 2**64 - 1),
)
def test_safetensors(header, extra, length):
    def work(folder):
        text = json.dumps(header).encode("utf-8", "surrogatepass")
        path = folder / "m.safetensors"
        path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + extra)
        gives_arrays_or_one_line(cg.load_spectra, path)

    in_folder(work)


NPY = st.sampled_from(["<f8", ">f4", "<i8", "|O", "<M8[s]", "<U3", "|V8", "<c16", "zzz", "|b1"])


@EXAMPLES
@given(
    dtype=NPY,
    shape=st.lists(st.integers(-2, 2**40), max_size=4),
    order=st.booleans() | st.text(max_size=3),
    data=st.binary(max_size=64),
    noise=st.none() | st.binary(max_size=80),
)
def test_npy_and_npz(dtype, shape, order, data, noise):
    text = repr({"descr": dtype, "fortran_order": order, "shape": tuple(shape)}).encode() + b"\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data if noise is None else noise

    def work(folder):
        (folder / "w.npy").write_bytes(content)
        with zipfile.ZipFile(folder / "w.npz", "w") as archive:
            archive.writestr("eigenvalue.npy", content)
        gives_arrays_or_one_line(cg.load_spectra, folder / "w.npy")
        gives_arrays_or_one_line(cg.load_spectra, folder / "w.npz")
        gives_arrays_or_one_line(cg.read_spectra, folder / "w.npz")

    in_folder(work)


ARRAY = {
    "zarr_format": 3, "node_type": "array", "shape": [2, 2], "data_type": "float64",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 2]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}}, "fill_value": 0.0,
    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}], "attributes": {},
    "dimension_names": ["record", "replica"],
}  # fmt: skip
V2 = {
    "zarr_format": 2,
    "shape": [2, 2],
    "chunks": [2, 2],
    "dtype": "<f8",
    "fill_value": 0,
    "order": "C",
    "compressor": None,
    "filters": None,
}
GROUP = {
    "zarr_format": 3,
    "node_type": "group",
    "attributes": {
        "format": "coulombgas-recording/2",
        "complete": 1,
        "matrices": {"w": [2, 2]},
        "training": {"momentum": 0.9},
    },
}


@EXAMPLES
@given(three=entries(**ARRAY), two=entries(**V2), chunk=st.binary(max_size=40) | st.just(bytes(32)))
def test_zarr_arrays(three, two, chunk):
    def work(folder):
        for name, file, metadata in (("a", "zarr.json", three), ("b", ".zarray", two)):
            store = folder / f"{name}.zarr"
            (store / "c" / "0").mkdir(parents=True)
            (store / file).write_text(json.dumps(metadata))
            (store / "c" / "0" / "0").write_bytes(chunk)
            (store / "0.0").write_bytes(chunk)
            gives_arrays_or_one_line(cg.load_spectra, store)

    in_folder(work)


@EXAMPLES
@given(attributes=entries(**GROUP["attributes"]) | JSON, member=entries(**ARRAY), group=entries(**GROUP))
def test_stores_and_recordings(attributes, member, group):
    def work(folder):
        for index, top in enumerate([{**GROUP, "attributes": attributes}, group]):
            store = folder / f"{index}.zarr"
            for name in ("step", "learning_rate", "batch_size", "noise.w", "eigenvalue.w", "kurtosis.w", "eigenvalue"):
                (store / name).mkdir(parents=True)
                (store / name / "zarr.json").write_text(json.dumps(member))
            (store / "zarr.json").write_text(json.dumps(top))
            for read in (cg.read_spectra, read_recording, cg.load_spectra):
                gives_arrays_or_one_line(read, store)

    in_folder(work)


RULE = Record({"a": Whole(), "b": ListOf(Record({"c": Text("x+")}), least=1)}, optional={"d": MapOf(Number())})


@settings(EXAMPLES, max_examples=max(60, EXAMPLES.max_examples))
@given(document=entries(a=1, b=[{"c": "xx"}], d={"e": 1.5}) | JSON)
def test_a_schema_accepts_or_names(document):
    """Control: what is accepted is what a second, naive reading accepts."""
    good = (
        isinstance(document, dict)
        and type(document.get("a")) is int
        and 0 <= document["a"] < 2**63
        and isinstance(document.get("b"), list)
        and len(document["b"]) > 0
        and all(
            isinstance(one, dict) and isinstance(one.get("c"), str) and set(one["c"]) == {"x"} for one in document["b"]
        )
        and (
            "d" not in document
            or (
                isinstance(document["d"], dict)
                and all(type(v) in (int, float) and np.isfinite(float(v)) for v in document["d"].values())
            )
        )
    )
    if good:
        assert check_document(document, RULE, "f", "r") is document
    else:
        with pytest.raises(cg.InputError, match=r"^f: "):
            check_document(document, RULE, "f", "r")


@EXAMPLES
@given(text=st.binary(max_size=200))
def test_indices(text):
    def work(folder):
        (folder / "model.safetensors.index.json").write_bytes(text)
        gives_arrays_or_one_line(cg.load_spectra, folder / "model.safetensors.index.json")

    in_folder(work)
