"""Readers: each accepted layout, and one clear line for each kind of bad file."""

import pickle
import zipfile

import numpy as np
import pytest

import coulombgas as cg
from coulombgas._checks import InputError
from coulombgas.spectra import make_spectra, model_config, read_spectra

RBM = {
    "eigenvalue": np.array([[5.1, 1.0, 3.0], [5.0, 1.1, 3.2]]),
    "learning_rate": 0.02,
    "batch_size": 16,
    "model": "rbm",
    "target": np.array([4.0, 6.0, 8.0]),
    "mu2": 9.0,
    "sigma_h2": 1.0,
}
STUDENT = {
    "eigenvalue": np.array([[1.9, 2.1], [2.0, 2.2]]),
    "learning_rate": 0.1,
    "batch_size": 4,
    "model": "teacher-student",
    "target": np.array([2.0, 2.0]),
    "noise": 0.1,
}


def _save(path, arrays):
    np.savez(path, **arrays)
    return path


def test_user_rbm(tmp_path):
    spectra = read_spectra(_save(tmp_path / "a.npz", RBM))
    np.testing.assert_array_equal(spectra.eigenvalue.values[0, 0, 0], [1.0, 3.0, 5.1])
    np.testing.assert_array_equal(spectra.target, [8.0, 6.0, 4.0])  # pairs with ascending levels: x = mu2 − kappa
    np.testing.assert_array_equal(spectra.fixed_point, [1.0, 3.0, 5.0])
    assert model_config(spectra)["mu2"] == 9.0
    assert spectra.attrs["source"].endswith("a.npz")


def test_user_teacher_student(tmp_path):
    spectra = read_spectra(_save(tmp_path / "a.npz", STUDENT))
    assert model_config(spectra) == {"name": "teacher-student", "teacher": [2.0, 2.0], "noise": 0.1, "inputs": "fresh"}
    assert float(spectra.learning_rate[0]) == 0.1
    quenched = read_spectra(_save(tmp_path / "b.npz", {**STUDENT, "inputs": "quenched"}))
    assert model_config(quenched)["inputs"] == "quenched"
    with pytest.raises(InputError, match="`inputs` must be one of 'fresh', 'quenched'"):
        read_spectra(_save(tmp_path / "c.npz", {**STUDENT, "inputs": "stirred"}))


def test_released_layout(tmp_path):
    weights = np.random.default_rng(0).normal(size=(5, 3, 2, 2))
    path = _save(tmp_path / "r.npz", {"W": weights, "lr": 0.1, "batch_size": 8, "noise": 0.05, "save_int": 2})
    spectra = read_spectra(path)
    assert dict(spectra.sizes) == {"setting": 1, "replica": 5, "step": 3, "mode": 2}
    expected = np.linalg.svd(weights, compute_uv=False)[..., ::-1]
    np.testing.assert_allclose(spectra.eigenvalue[0], expected)
    assert spectra.step.values.tolist() == [0, 2, 4]


def test_released_data_themselves(released_data):
    widths = {}
    for path in sorted((released_data / "teacher_student").glob("*.npz")):
        spectra = read_spectra(path)
        spacing = np.diff(spectra.eigenvalue[0, :, -1], axis=-1)
        widths[int(spectra.batch_size[0])] = float(np.sqrt((spacing**2).mean() / 4))
    assert widths == pytest.approx({4: 0.018135, 8: 0.011064, 16: 0.008165, 32: 0.005851, 64: 0.004095}, abs=1e-6)


def test_own_store_round_trip(tmp_path):
    spectra = make_spectra(
        np.random.default_rng(0).normal(size=(2, 3, 1, 4)),
        learning_rate=[0.1, 0.2], batch_size=[4, 8], model={"name": "rbm"}, fixed_point=np.arange(4.0),
    )  # fmt: skip
    spectra.to_zarr(tmp_path / "s.zarr", zarr_format=2)
    again = read_spectra(tmp_path / "s.zarr")
    np.testing.assert_array_equal(again.eigenvalue, spectra.eigenvalue)
    assert again.attrs["config"] == spectra.attrs["config"]


@pytest.mark.parametrize(
    ("base", "changes", "match"),
    [
        (RBM, {"eigenvalue": np.array([[np.nan, 1.0, 2.0]])}, "`eigenvalue` has 1 entry that is NaN"),
        (RBM, {"eigenvalue": np.array([1.0, 2.0, 3.0])}, "shape"),
        (RBM, {"eigenvalue": np.array([["a", "b", "c"]])}, "real numbers"),
        (RBM, {"learning_rate": -0.1}, "`learning_rate` must be positive and finite, got -0.1"),
        (RBM, {"batch_size": 0}, "`batch_size` must be at least 1, got 0"),
        (RBM, {"batch_size": 2.5}, "whole number"),
        (RBM, {"batch_size": np.array([4, 8])}, "one number"),
        (RBM, {"model": "mlp"}, "must be one of 'rbm', 'teacher-student'"),
        (RBM, {"target": np.array([4.0, 6.0])}, "3 modes"),
        (RBM, {"target": np.array([-4.0, 6.0, 8.0])}, "positive"),
        (RBM, {"mu2": None}, "`mu2` is missing"),
        (STUDENT, {"noise": None}, "`noise` is missing"),
        (STUDENT, {"noise": 0.0}, "`noise` must be positive"),
        (STUDENT, {"learning_rate": "fast"}, "must be a number"),
    ],
)
def test_bad_arrays(tmp_path, base, changes, match):
    arrays = {name: value for name, value in {**base, **changes}.items() if value is not None}
    with pytest.raises(cg.InputError, match=match) as caught:
        read_spectra(_save(tmp_path / "bad.npz", arrays))
    assert "\n" not in str(caught.value)
    assert "bad.npz" in str(caught.value)


def test_missing_empty_and_foreign_files(tmp_path):
    with pytest.raises(cg.InputError, match="no such file"):
        read_spectra(tmp_path / "none.npz")
    (tmp_path / "empty.npz").touch()
    with pytest.raises(cg.InputError, match="empty"):
        read_spectra(tmp_path / "empty.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(cg.InputError, match=r"not an \.npz"):
        read_spectra(tmp_path / "text.npz")
    (tmp_path / "dir").mkdir()
    with pytest.raises(cg.InputError, match="not a Zarr store"):
        read_spectra(tmp_path / "dir")
    with pytest.raises(cg.InputError, match="neither"):
        read_spectra(_save(tmp_path / "other.npz", {"x": np.ones(3)}))
    with zipfile.ZipFile(tmp_path / "zip.npz", "w") as archive:
        archive.writestr("eigenvalue.npy", b"\x93NUMPY junk")
    with pytest.raises(cg.InputError, match=r"zip\.npz"):
        read_spectra(tmp_path / "zip.npz")


def test_pickles_are_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was executed",))

    np.savez(tmp_path / "object.npz", eigenvalue=np.array([{"a": 1}], dtype=object))
    with pytest.raises(cg.InputError, match="pickled"):
        read_spectra(tmp_path / "object.npz")
    (tmp_path / "raw.npz").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(cg.InputError, match=r"not an \.npz"):
        read_spectra(tmp_path / "raw.npz")
    with zipfile.ZipFile(tmp_path / "inner.npz", "w") as archive:
        archive.writestr("eigenvalue.npy", pickle.dumps(Bomb()))
    with pytest.raises(cg.InputError, match=r"inner\.npz"):
        read_spectra(tmp_path / "inner.npz")


def test_one_array_is_no_archive(tmp_path):
    np.save(tmp_path / "levels.npy", np.ones((20, 2)))
    with pytest.raises(cg.InputError, match=r"levels.npy: one array \(.npy\), which names no settings: .*numpy.savez"):
        read_spectra(tmp_path / "levels.npy")


def test_truncated_npz(tmp_path):
    path = _save(tmp_path / "a.npz", RBM)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(cg.InputError, match="damaged"):
        read_spectra(path)
