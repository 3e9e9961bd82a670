"""What is known and not read: one line with its remedy, before any library is imported."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import time
import zipfile

import numpy as np
import pytest

from coulombgas import InputError, load_spectra

LEVELDB = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"


class Bomb:
    def __reduce__(self):
        return (open, ("/tmp/coulombgas-was-executed", "w"))


def tar(content=b"x"):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("model.pth")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def archive(**entries):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as found:
        for name, content in entries.items():
            found.writestr(name.replace("__", "/").replace("_pkl", ".pkl").replace("_txt", ".txt"), content)
    return file.getvalue()


REFUSED = {
    "m.pt": (pickle.dumps(Bomb()), r"holds a pickled .*open besides tensors; it is never executed.*numpy\.savez"),
    "m.pkl": (pickle.dumps({"w": np.ones(3)}), "holds a pickled .*; it is never executed"),
    "whole.pth": (archive(m__data_pkl=pickle.dumps(Bomb(), 2), m__version=b"3"), r"pickled .*open .*state_dict\(\)"),
    "mp_rank_00_model_states.pt": (archive(m__data_pkl=pickle.dumps(Bomb(), 2)), r"zero_to_fp32\.py"),
    "model.pth.tar": (tar(), r"a tar archive: tar -xf model\.pth\.tar"),
    "m.safetensors": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull --include m.safe"),
    "m.bin": (b"<!DOCTYPE html><html>Sign in</html>", "a web page, not a checkpoint: download"),
    "m.npz.gz": (gzip.compress(b"x"), r"compressed: gunzip m\.npz\.gz"),
    "m.npz.bz2": (bz2.compress(b"x"), "compressed: bunzip2"),
    "m.npz.xz": (lzma.compress(b"x"), "compressed: unxz"),
    "m.tflite": (b"\x1c\x00\x00\x00TFL3" + bytes(64), "Lite model: python -m tf2onnx.convert --tflite m.tfl"),
    "ggml-model.bin": (b"tjgg" + bytes(64), "GGML of before GGUF: python convert_llama_ggml_to_gguf.py"),
    "model.ckpt.index": (bytes(40) + LEVELDB, r"only TensorFlow reads: python -c .*load_checkpoint\('model\.ckpt'\)"),
    "model.ckpt.data-00000-of-00001": (bytes(64), r"only TensorFlow reads: .*load_checkpoint\('model\.ckpt'\)"),
    "saved_model.pb": (bytes(64), r"only TensorFlow reads: .*'variables/variables'"),
    "m.mat": (b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(128), r"MATLAB file: python -c .*loadmat\('m\.mat'"),
    "texts.zip": (archive(readme_txt=b"hello"), r"a zip archive of something else \(readme\.txt.*: unzip texts\.zip"),
    "m.ckpt": (b"plain text", "damaged, or no PyTorch file .*download it again"),
    "m.xyz": (b"plain text", "format not known; readable are safetensors, .*: save it as safetensors"),
    "empty.pt": (b"", "the file is empty: copy or download"),
    "m.weights.h5": (b"no hdf5 " * 100, "damaged, or of another kind"),
    "cut.keras": (archive(config_txt=b"{}")[:-30], "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_one_line_with_a_remedy_before_heavy_imports(tmp_path, monkeypatch, name):
    content, message = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    import builtins

    original = builtins.__import__

    def light(module, *rest, **options):
        assert module.split(".")[0] not in ("torch", "tensorflow", "keras", "onnx", "gguf", "flax", "orbax"), module
        return original(module, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", light)
    start = time.thread_time()
    with pytest.raises(InputError, match=message) as error:
        load_spectra(tmp_path / name)
    assert time.thread_time() - start < 10  # milliseconds on a quiet machine
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(str(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "content", "module", "message"),
    [
        ("m.pt", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "torch", r"pip install coulombgas\[torch\]"),
        ("m.gguf", b"GGUF" + bytes(64), "gguf", r"pip install coulombgas\[formats\]"),
        ("m.onnx", b"\x08\x08\x3a\x02\x12\x00", "onnx", r"pip install coulombgas\[formats\]"),
        ("m.msgpack", b"\x81\xa1w\xc7\x1a\x01\x93\x92\x02\x03\xa7float32\xc4\x18" + bytes(24), "msgpack",
         r"pip install coulombgas\[formats\]"),
    ],
)  # fmt: skip
def test_a_format_without_its_library_says_what_to_install(tmp_path, monkeypatch, name, content, module, message):
    import builtins
    import sys

    original = builtins.__import__

    def without(found, *rest, **options):
        if found.split(".")[0] == module:
            raise ImportError(found)
        return original(found, *rest, **options)

    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    for file in (tmp_path / name, tmp_path / "weights"):  # told by content, whatever the name
        file.write_bytes(content)
        with pytest.raises(InputError, match=message):
            load_spectra(file)


def test_the_packed_parts_of_a_folder_do_not_stop_its_checkpoints(tmp_path):
    np.savez(tmp_path / "step10.npz", w=np.random.default_rng(0).normal(size=(6, 4)))
    (tmp_path / "logs.gz").write_bytes(gzip.compress(b"x"))
    (tmp_path / "state.pkl").write_bytes(pickle.dumps(Bomb()))
    assert load_spectra(tmp_path).names == ("w",)
    (tmp_path / "step20.npz").write_bytes(b"damaged")
    with pytest.raises(InputError, match="step20"):
        load_spectra(tmp_path)


def test_a_saved_model_is_refused_as_a_folder(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(bytes(8))
    with pytest.raises(InputError, match="only TensorFlow reads"):
        load_spectra(tmp_path)


def test_external_data_of_onnx_stay_in_the_folder(tmp_path):
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    secret = tmp_path / "secret.bin"
    secret.write_bytes(np.ones((6, 4), np.float32).tobytes())
    (tmp_path / "model").mkdir()
    values = onnx.numpy_helper.from_array(np.ones((6, 4), np.float32), "w")
    values.ClearField("raw_data")
    values.data_location = onnx.TensorProto.EXTERNAL
    for location in ("../secret.bin", str(secret)):
        del values.external_data[:]
        values.external_data.add(key="location", value=location)
        graph = onnx.helper.make_graph([], "g", [], [], [values])
        (tmp_path / "model" / "m.onnx").write_bytes(onnx.helper.make_model(graph).SerializeToString())
        with pytest.raises(InputError, match="outside the folder of the model"):
            load_spectra(tmp_path / "model" / "m.onnx")


@pytest.mark.parametrize(
    "content", [b"GGUF" + b"\xff" * 200, b"GGUF" + struct.pack("<IQQ", 3, 2**60, 2**60) + bytes(64)]
)
def test_damaged_gguf_is_one_line(tmp_path, content):
    pytest.importorskip("gguf", reason="gguf is not installed")
    (tmp_path / "m.gguf").write_bytes(content)
    with pytest.raises(InputError, match=r"m\.gguf: damaged"):
        load_spectra(tmp_path / "m.gguf")


def test_damaged_msgpack_is_one_line(tmp_path):
    msgpack = pytest.importorskip("msgpack", reason="msgpack is not installed")

    def array(shape, word, content):
        return msgpack.ExtType(1, msgpack.packb((shape, word, content)))

    good = np.ones((2, 3), np.float32)
    trees = {
        "cannot hold": array((2, 30), "float32", good.tobytes()),
        "no array of numbers": array((-2, -3), "float32", good.tobytes()),
        "damaged": array((2, 3), "O", good.tobytes()),
        "its pieces are damaged": {"__msgpack_chunked_array__": True, "shape": 3, "chunks": 4},
    }
    for message, tree in trees.items():
        (tmp_path / "m.msgpack").write_bytes(msgpack.packb({"a": array((2, 3), "float32", good.tobytes()), "w": tree}))
        with pytest.raises(InputError, match=message):
            load_spectra(tmp_path / "m.msgpack", select="w*")


def test_an_equinox_file_needs_its_own_template(tmp_path):
    with (tmp_path / "m.eqx").open("wb") as file:
        file.write(json.dumps({"width": 4}).encode() + b"\n")
        for shape in ((6, 4), (4,), (2, 3, 3, 3)):
            np.save(file, np.random.default_rng(0).normal(size=shape).astype(np.float32))
    found = load_spectra(tmp_path / "m.eqx")
    assert found.names == ("m[0]",)
    assert any("order of its axes is not known" in line for line in found.skipped)
    template = {"a": np.ones((6, 4)), "b": np.ones(4), "weight": np.ones((2, 3, 3, 3))}
    assert load_spectra(tmp_path / "m.eqx", template=template).names == ("a", "weight")
    with pytest.raises(InputError, match=r"not those of `template` \(1 leaves\)"):
        load_spectra(tmp_path / "m.eqx", template={"a": np.ones((6, 4))})
    np.savez(tmp_path / "m.npz", w=np.ones((6, 4)))
    with pytest.raises(InputError, match="Equinox files only"):
        load_spectra(tmp_path / "m.npz", template=template)
