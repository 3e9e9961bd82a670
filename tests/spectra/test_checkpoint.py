"""Loaders: every format gives the same matrices; bad files give one clear line; nothing is executed."""

import json
import pickle
import struct
import zipfile

import h5py
import ml_dtypes
import numpy as np
import pytest
import zarr
from safetensors.numpy import save_file

from coulombgas import InputError, load_spectra
from coulombgas.spectra import find_checkpoints, iterate_matrices
from tests.spectra.memory import peak_memory


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "blocks.0.attn.key.weight": rng.normal(size=(12, 8)).astype(np.float32),
        "blocks.1.mlp.weight": rng.normal(size=(6, 9)).astype(np.float32),
        "blocks.1.mlp.bias": np.ones(6, np.float32),
    }


def _header(entries: dict, data: bytes = b"") -> bytes:
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + data


def _write(path, arrays):
    suffix = path.suffix
    if suffix == ".safetensors":
        save_file(arrays, path)
    elif suffix == ".npz":
        np.savez(path, **arrays)
    elif suffix == ".h5":
        with h5py.File(path, "w") as file:
            for name, value in arrays.items():
                file[name] = value
    elif suffix == ".zarr":
        group = zarr.open_group(path, mode="w", zarr_format=3)
        for name, value in arrays.items():
            group[name] = value
    else:
        ocp = pytest.importorskip("orbax.checkpoint", reason="Orbax is not installed")

        with ocp.StandardCheckpointer() as checkpointer:
            checkpointer.save(path.absolute(), arrays)


@pytest.mark.parametrize("name", ["model.safetensors", "model.npz", "model.h5", "model.zarr", "orbax"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::ResourceWarning")
def test_every_format_gives_the_same_spectra(tmp_path, arrays, name):
    path = tmp_path / name
    _write(path, arrays)
    found = load_spectra(path)
    assert sorted(found.names) == ["blocks.0.attn.key.weight", "blocks.1.mlp.weight"]
    assert len(found.skipped) == 1
    for layer in found:
        expected = np.linalg.svd(arrays[layer.name].astype(float), compute_uv=False)[::-1] ** 2
        np.testing.assert_allclose(layer.eigenvalues, expected, rtol=1e-9)
        assert layer.shape == arrays[layer.name].shape


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_of_both_formats(tmp_path, arrays, version):
    group = zarr.open_group(tmp_path / "w.zarr", mode="w", zarr_format=version)
    group["w"] = arrays["blocks.1.mlp.weight"]
    assert load_spectra(tmp_path / "w.zarr").names == ("w",)


def test_npy_is_one_matrix_named_after_the_file(tmp_path, arrays):
    np.save(tmp_path / "weights.npy", arrays["blocks.1.mlp.weight"])
    assert load_spectra(tmp_path / "weights.npy").names == ("weights",)


@pytest.mark.parametrize(
    ("word", "dtype"),
    [("BF16", ml_dtypes.bfloat16), ("F16", np.float16), ("F8_E4M3", ml_dtypes.float8_e4m3fn), ("F64", np.float64)],
)
def test_narrow_floats_are_widened(tmp_path, word, dtype):
    matrix = np.linspace(-2, 2, 24).reshape(6, 4).astype(dtype)
    entry = {"w": {"dtype": word, "shape": [6, 4], "data_offsets": [0, matrix.nbytes]}}
    (tmp_path / "w.safetensors").write_bytes(_header(entry, matrix.tobytes()))
    ((_, found),) = iterate_matrices(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(found, matrix.astype(found.dtype))


def test_sharded_checkpoint_by_its_index(tmp_path, arrays):
    first, second, bias = arrays
    save_file({first: arrays[first]}, tmp_path / "model-00001-of-00002.safetensors")
    save_file({second: arrays[second], bias: arrays[bias]}, tmp_path / "model-00002-of-00002.safetensors")
    shards = {first: "model-00001-of-00002.safetensors", second: "model-00002-of-00002.safetensors"}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": shards}))
    for path in (index, tmp_path):
        assert load_spectra(path).names == (first, second)
    index.write_text(json.dumps({"weight_map": {first: "../secret.safetensors"}}))
    with pytest.raises(InputError, match="not a plain file name"):
        load_spectra(index)
    index.write_text(json.dumps({"weight_map": {first: "gone.safetensors", second: shards[second]}}))
    assert load_spectra(index, keep_going=True).names == (second,)


def test_several_checkpoints_are_a_trajectory_in_the_order_of_steps(tmp_path, arrays):
    for step in (900, 1000, 50):
        save_file(arrays, tmp_path / f"step-{step}.safetensors")
    assert load_spectra(tmp_path).steps == (50, 900, 1000)
    assert [one.step for one in find_checkpoints(sorted(map(str, tmp_path.iterdir())))] == [50, 900, 1000]


def test_select_names_what_there_is_when_nothing_matches(tmp_path, arrays):
    save_file(arrays, tmp_path / "m.safetensors")
    assert load_spectra(tmp_path / "m.safetensors", select="*.key.*").names == ("blocks.0.attn.key.weight",)
    with pytest.raises(InputError, match=r"matches none of the 2 matrices.*blocks\.0\.attn\.key\.weight"):
        load_spectra(tmp_path / "m.safetensors", select="*.query.*")
    with pytest.raises(InputError, match="a vector, no weight matrix"):
        load_spectra(tmp_path / "m.safetensors", select="*bias")


def test_comparison_with_initialisation(tmp_path, arrays):
    moved = {name: value + 0.1 for name, value in arrays.items()}
    save_file(arrays, tmp_path / "a.safetensors")
    save_file(moved, tmp_path / "b.safetensors")
    layer = load_spectra(tmp_path / "b.safetensors", initial=tmp_path / "a.safetensors")[0]
    before = arrays[layer.name].astype(float)
    assert layer.change is not None
    assert layer.change.relative_distance == pytest.approx(
        0.1 * np.sqrt(before.size) / np.linalg.norm(before), rel=1e-5
    )
    cosine = np.sum(before * (before + 0.1)) / np.linalg.norm(before) / np.linalg.norm(before + 0.1)
    assert layer.change.alignment == pytest.approx(cosine, abs=1e-6)
    assert layer.change.update.eigenvalues[-1] == pytest.approx(0.01 * before.size, rel=1e-5)


class _Bomb:
    def __reduce__(self):
        return (open, ("/tmp/coulombgas-was-executed", "w"))


def _truncated(path, arrays):
    save_file(arrays, path)
    path.write_bytes(path.read_bytes()[:-40])


def _one(dtype, shape, offsets, data=b"", name="w"):
    return _header({name: {"dtype": dtype, "shape": shape, "data_offsets": offsets}}, data)


BAD_SAFETENSORS = {
    "truncated header": (struct.pack("<Q", 5000) + b"{}", "truncated"),
    "header of 10 GB": (struct.pack("<Q", 10 * 2**30) + b"{}", "claims a header of 10,737,418,240 bytes"),
    "three bytes": (b"abc", "truncated, 3 bytes"),
    "not JSON": (_header({})[:8] + b"!!", "not JSON"),
    "nested JSON": (struct.pack("<Q", 100_000) + b"[" * 100_000, "not JSON"),
    "unknown type": (_one("X9", [2, 2], [0, 4], b"1234"), "unknown type 'X9'"),
    "negative offsets": (_one("F32", [2, 2], [-16, 0]), "malformed"),
    "size mismatch": (_one("F32", [2, 2], [0, 4], b"1234"), "cannot hold"),
    "huge shape": (_one("F32", [2**40, 2**40], [0, 2**82]), "bytes are missing"),
    "empty matrix": (_one("F32", [0, 4], [0, 0]), "an empty matrix"),
    "HTML in the name": (_one("X", [1], [0, 1], b"1", "<img src=x onerror=alert(1)>\n"), "unknown type 'X'"),
}


@pytest.mark.parametrize("case", BAD_SAFETENSORS)
def test_bad_safetensors_give_one_clear_line(tmp_path, case):
    content, message = BAD_SAFETENSORS[case]
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        load_spectra(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_header_of_ten_gigabytes_is_refused_from_its_length(tmp_path):
    path = tmp_path / "big.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 10 * 2**30))
        file.truncate(11 * 2**30)  # sparse: the header would fit

    def refused():
        with pytest.raises(InputError, match="claims a header"):
            load_spectra(path)

    assert peak_memory(refused) < 2_000_000


def test_keep_going_analyses_the_rest(tmp_path, arrays):
    path = tmp_path / "m.safetensors"
    _truncated(path, {"a": arrays["blocks.1.mlp.weight"], "b": np.full((30, 4), 1, np.float32)})
    with pytest.raises(InputError, match="b: truncated") as error:
        load_spectra([path, path])
    assert str(error.value).count("keep_going=True") == 1
    found = load_spectra(path, keep_going=True)
    assert found.names == ("a",)
    assert len(found.problems) == 1


def test_nan_and_infinity_are_counted(tmp_path, arrays):
    bad = arrays["blocks.1.mlp.weight"].copy()
    bad[0, 0], bad[1, 1] = np.nan, np.inf
    save_file({"bad": bad, "good": arrays["blocks.1.mlp.weight"]}, tmp_path / "m.safetensors")
    with pytest.raises(InputError, match="bad: 2 of 54 entries are NaN or infinite"):
        load_spectra(tmp_path / "m.safetensors")
    assert load_spectra(tmp_path / "m.safetensors", keep_going=True).names == ("good",)


def test_pickled_objects_are_never_loaded(tmp_path, arrays):
    marker = "/tmp/coulombgas-was-executed"
    bomb = np.array([[_Bomb()]], dtype=object)
    np.save(tmp_path / "p.npy", bomb, allow_pickle=True)
    np.savez(tmp_path / "p.npz", w=bomb, good=arrays["blocks.1.mlp.weight"])
    for name in ("p.npy", "p.npz"):
        with pytest.raises(InputError, match="pickled Python objects, which are never loaded"):
            load_spectra(tmp_path / name)
    assert load_spectra(tmp_path / "p.npz", keep_going=True).names == ("good",)
    (tmp_path / "raw.npy").write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(InputError, match="never executed"):
        load_spectra(tmp_path / "raw.npy")
    import pathlib

    assert not pathlib.Path(marker).exists()


def test_zarr_codec_that_unpickles_is_refused(tmp_path, arrays):
    group = zarr.open_group(tmp_path / "z.zarr", mode="w", zarr_format=2)
    group["w"] = arrays["blocks.1.mlp.weight"]
    meta = tmp_path / "z.zarr" / "w" / ".zarray"
    content = json.loads(meta.read_text())
    content["filters"] = [{"id": "pickle", "protocol": 4}]
    meta.write_text(json.dumps(content))
    with pytest.raises(InputError, match="'pickle', which is not trusted"):
        load_spectra(tmp_path / "z.zarr")


def test_hdf5_that_points_elsewhere_is_refused(tmp_path, arrays):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file.create_dataset("w", (2, 2), "f4", external=[(str(tmp_path / "other.bin"), 0, 16)])
        file["linked"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "x")
    with pytest.raises(InputError, match="its data are in another file"):
        load_spectra(tmp_path / "e.h5")


def test_damaged_archives(tmp_path, arrays):
    np.savez_compressed(tmp_path / "d.npz", w=arrays["blocks.0.attn.key.weight"])
    data = bytearray((tmp_path / "d.npz").read_bytes())
    data[80:160] = bytes(80)
    (tmp_path / "d.npz").write_bytes(data)
    (tmp_path / "n.npz").write_bytes(b"no zip")
    (tmp_path / "n.h5").write_bytes(b"no hdf5 " * 100)
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("../../evil.txt", b"text")
    for name in ("d.npz", "n.npz", "n.h5", "t.npz"):
        with pytest.raises(InputError) as error:
            load_spectra(tmp_path / name)
        assert "\n" not in str(error.value)


def test_arrays_beyond_the_memory_are_refused_before_reading(tmp_path):
    with h5py.File(tmp_path / "h.h5", "w") as file:
        file.create_dataset("w", (2**22, 2**22), "f4", chunks=(1024, 1024))
    with pytest.raises(InputError, match="more memory than this machine has"):
        load_spectra(tmp_path / "h.h5")


@pytest.mark.parametrize("name", ["gone.safetensors", "model.xyz", "empty.npz", "folder"])
def test_paths_that_are_no_checkpoints(tmp_path, name):
    path = tmp_path / name
    if name.startswith("empty") or name.endswith("xyz"):
        path.touch()
    if name == "folder":
        path.mkdir()
    with pytest.raises(InputError, match=name):
        load_spectra(path)


def test_torch_files_need_torch_and_are_read_with_weights_only(tmp_path, monkeypatch, arrays):
    path = tmp_path / "m.pt"
    path.write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")  # what torch.save once began with
    import builtins
    import sys
    import types

    class Tensor:
        def __init__(self, values):
            self.values, self.shape, self.dtype, self.layout = values, values.shape, "torch.float32", "strided"

        def is_floating_point(self):
            return True

        def detach(self):
            return self

        def to(self, _):
            return self

        def cpu(self):
            return self

        def numpy(self):
            return self.values

    seen = []

    def load(file, **options):
        seen.append(options)
        return {"state_dict": {"w": Tensor(arrays["blocks.1.mlp.weight"])}, "epoch": 3}

    fake = types.SimpleNamespace(load=load, Tensor=Tensor, float32="f", float64="d", strided="strided")
    monkeypatch.setitem(sys.modules, "torch", fake)
    assert load_spectra(path).names == ("state_dict.w",)
    assert all(options["weights_only"] is True for options in seen)

    def refuse(file, **options):
        raise pickle.UnpicklingError("Unsupported global: os.system")

    fake.load = refuse
    with pytest.raises(InputError, match=r"holds a pickled os\.system besides tensors; it is never executed") as error:
        load_spectra(path)
    assert "keep going" not in str(error.value)  # nothing is left of the file
    original = builtins.__import__

    def no_torch(name, *rest, **kwargs):
        if name == "torch":
            raise ImportError(name)
        return original(name, *rest, **kwargs)

    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(builtins, "__import__", no_torch)
    with pytest.raises(InputError, match=r"pip install coulombgas\[torch\]"):
        load_spectra(path)


@pytest.mark.filterwarnings("ignore")  # PyTorch's own, about the files made here
def test_files_of_a_real_pytorch(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    module = torch.nn.Linear(12, 8)
    content = {"model": module.state_dict(), "half": torch.randn(9, 7).bfloat16(), "epoch": 3}
    torch.save(content, tmp_path / "new.pt")
    torch.save(content, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    expected = np.linalg.svd(module.weight.detach().numpy().astype(float), compute_uv=False)[::-1] ** 2
    for name in ("new.pt", "old.pth"):
        found = load_spectra(tmp_path / name)
        assert found.names == ("model.weight", "half")
        np.testing.assert_allclose(found[0].eigenvalues, expected, rtol=1e-6)
    marker = tmp_path / "executed"

    class Bomb:
        def __reduce__(self):
            return (open, (str(marker), "w"))

    torch.save({"w": torch.randn(4, 3), "x": Bomb()}, tmp_path / "evil.pt")
    torch.save({"w": torch.randn(4, 3), "x": Bomb()}, tmp_path / "evil_old.pt", _use_new_zipfile_serialization=False)
    torch.save(module, tmp_path / "module.pt")
    (tmp_path / "raw.bin").write_bytes(pickle.dumps(Bomb()))
    for name in ("evil.pt", "evil_old.pt", "module.pt", "raw.bin"):
        with pytest.raises(InputError, match="besides tensors; it is never executed") as error:
            load_spectra(tmp_path / name)
        assert "\n" not in str(error.value)
    assert not marker.exists()
    (tmp_path / "cut.pt").write_bytes((tmp_path / "new.pt").read_bytes()[:-500])
    with pytest.raises(InputError, match="damaged, or no PyTorch file"):
        load_spectra(tmp_path / "cut.pt")


def test_one_matrix_at_a_time(tmp_path):
    """Memory is that of the largest matrix, not of the file."""
    rng = np.random.default_rng(0)
    size = 48 * 2048 * 32 * 4
    save_file({f"w{i}": rng.normal(size=(2048, 32)).astype(np.float32) for i in range(48)}, tmp_path / "m.safetensors")
    load_spectra(tmp_path / "m.safetensors", select="w0")
    peak = peak_memory(lambda: load_spectra(tmp_path / "m.safetensors"))
    assert peak < 0.4 * size  # a few copies of one matrix in float64 dominate: 16 times one, of 48
