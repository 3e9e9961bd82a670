"""The data released with arXiv:2407.16427: files and folders of RBM runs, whose pickled entry is never touched."""

import json

import numpy as np
import pytest

import coulombgas as cg
from coulombgas.spectra import model_config, read_spectra


class Bomb:
    """What must not be unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


def release(folder, name, weights, *, rate=0.1, batch=16, marker=None, **changed):
    """A run as the released script writes it: decompositions of WᵀW, numbers, and a pickled dictionary."""
    left, levels, right = np.linalg.svd(np.nan_to_num(np.swapaxes(weights, -1, -2) @ weights))
    arrays = {
        "sr": 1.0, "w": weights, "u": right, "vh": left, "s": levels, "dw": weights,
        "init_cond": np.array({"m": 3.0, "bomb": Bomb(marker)}, dtype=object), "epochs": 100, "batch_size": batch,
        "save_int": 20, "lr": rate, "beta": 0.0, "l2": 0.0, "lr_decay": 0.0, "n_seed": len(weights), **changed,
    }  # fmt: skip
    target = folder / f"{name}_lr{rate}bs{batch}"
    target.mkdir(parents=True)
    file = target / f"{target.name}.npz"
    np.savez(file, **{key: value for key, value in arrays.items() if value is not None})
    return file


def weights(seeds, seed=0):
    return 1.5 * np.random.default_rng(seed).normal(size=(seeds, 6, 10, 10))


def test_a_file_of_runs(tmp_path):
    marker = tmp_path / "executed"
    matrices = weights(7)
    spectra = read_spectra(release(tmp_path, "run02", matrices, rate=0.2, batch=8, marker=marker))
    truth = np.sort(np.linalg.svd(matrices, compute_uv=False) ** 2)
    np.testing.assert_allclose(spectra.eigenvalue.values[0], truth, rtol=1e-10)
    assert spectra.step.values.tolist() == [0, 20, 40, 60, 80, 100]
    assert (float(spectra.learning_rate[0]), int(spectra.batch_size[0])) == (0.2, 8)
    machine = cg.GaussianRBM(num_visible=10, mu2=9.0)
    found = model_config(spectra)
    expected = {key: value for key, value in machine.config().items() if key != "sampler"}
    np.testing.assert_allclose(found.pop("target"), expected.pop("target"))
    assert found == expected
    np.testing.assert_allclose(spectra.target.values, machine.target_modes)
    np.testing.assert_allclose(spectra.fixed_point.values, machine.fixed_point)
    assert cg.spectra.assumed(spectra)["mu2"] == 9
    assert not marker.exists()


def test_a_folder_of_runs_is_an_ensemble_for_each_setting(tmp_path):
    for run in (2, 3, 4):
        for batch in (8, 32):
            release(tmp_path / "bs", f"run0{run}", weights(5, seed=10 * run + batch), batch=batch)
    one = read_spectra(tmp_path / "bs")
    assert dict(one.eigenvalue.sizes) == {"setting": 2, "replica": 15, "step": 6, "mode": 10}
    assert one.batch_size.values.tolist() == [8, 32]
    first = np.sort(np.linalg.svd(weights(5, seed=28), compute_uv=False) ** 2)
    np.testing.assert_allclose(one.eigenvalue.values[0, :5], first)
    release(tmp_path / "bs", "run05", weights(4), batch=32)
    with pytest.raises(cg.InputError, match=r"15 at α = 0.1, B = 8, 19 at α = 0.1, B = 32"):
        read_spectra(tmp_path / "bs")


def test_levels_of_the_matrix_itself_will_do_and_others_will_not(tmp_path):
    matrices = weights(3)
    read_spectra(release(tmp_path / "a", "run", matrices, s=np.linalg.svd(matrices, compute_uv=False)))
    read_spectra(release(tmp_path / "b", "run", matrices, s=None, u=None, vh=None, dw=None))
    with pytest.raises(cg.InputError, match="`s` is not the decomposition of `w`"):
        read_spectra(release(tmp_path / "c", "run", matrices, s=np.ones((3, 6, 10))))


def test_diverged_seeds_are_named(tmp_path):
    matrices = weights(4)
    matrices[1, 3:] = np.nan
    spectra = read_spectra(release(tmp_path, "run", matrices, s=None))
    assert spectra.failed_step.values.tolist() == [[-1, 60, -1, -1]]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"beta": 0.9}, "`beta` must be 0"),
        ({"w": np.ones((3, 6, 5, 5))}, r"`w` must have shape \(seed, record, 10, 10\)"),
        ({"lr": -1.0}, "`lr` must be positive"),
        ({"save_int": 0.5}, "`save_int`"),
    ],
)
def test_what_no_released_file_holds(tmp_path, changed, message):
    with pytest.raises(cg.InputError, match=message) as error:
        read_spectra(release(tmp_path, "run", weights(3), **{"s": None, **changed}))
    assert "run_lr0.1bs16.npz" in str(error.value)


def test_a_folder_of_two_models_or_of_none(tmp_path):
    release(tmp_path / "both", "run", weights(3))
    np.savez(tmp_path / "both" / "ts.npz", W=np.ones((3, 6, 2, 2)), lr=0.1, batch_size=16, noise=0.1)
    with pytest.raises(cg.InputError, match="runs of different models"):
        read_spectra(tmp_path / "both")
    (tmp_path / "none").mkdir()
    np.savez(tmp_path / "none" / "a.npz", x=np.ones(3))
    with pytest.raises(cg.InputError, match="nor a folder of released runs"):
        read_spectra(tmp_path / "none")


@pytest.mark.slow
def test_the_command_line_takes_a_folder(tmp_path, capsys, reduced):
    if reduced:
        pytest.skip("one minute of sampling: set COULOMBGAS_FULL=1")
    from coulombgas.cli import main

    run = cg.train(
        cg.GaussianRBM(num_visible=10, mu2=9.0), learning_rate=0.1, batch_size=16, replicas=120, steps=5000,
        init="fixed-point", record=[0, 1000, 2000, 3000, 4000, 5000], keep_weights=True, dtype="float64",
    )  # fmt: skip
    kept = run.weights.values[0]
    for part in range(2):
        release(tmp_path, f"run{part}", kept[60 * part : 60 * part + 60], epochs=5000, save_int=1000)
    assert main(["fit", str(tmp_path), "--json"]) == 0
    fit = json.loads(capsys.readouterr().out)
    (setting,) = fit["settings"]
    assert setting["temperature"]["lower"] < 0.1 / 16 < setting["temperature"]["upper"]
