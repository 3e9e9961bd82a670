"""``coulombgas fit`` as a user meets it."""

import json

import numpy as np
import pytest

import coulombgas as cg
from coulombgas.cli._main import main
from coulombgas.inference._records import as_datasets

ALPHA, BATCH, NOISE = 0.1, 16, 0.1


def user_file(path, replicas=300, **changes):
    rng = np.random.default_rng(1)
    width = np.sqrt(ALPHA / BATCH * NOISE**2 * 2 / (2 - ALPHA * (1 + 3 / BATCH)))
    draws = rng.standard_normal((replicas, 2, 2))
    levels = np.linalg.eigvalsh(2 * np.eye(2) + width * (draws + np.swapaxes(draws, 1, 2)) / 2)
    arrays = {
        "eigenvalue": levels, "learning_rate": ALPHA, "batch_size": BATCH, "model": "teacher-student",
        "target": [2.0, 2.0], "noise": NOISE,
    }  # fmt: skip
    np.savez(path, **{**arrays, **changes})
    return str(path)


def test_json_and_outputs(tmp_path, capsys):
    source, out = user_file(tmp_path / "user.npz"), tmp_path / "out"
    assert main(["fit", source, "--json", "--out", str(out)]) == 0
    document = json.loads(capsys.readouterr().out)
    only = document["settings"][0]
    assert only["path"] == source
    assert only["temperature"]["lower"] < ALPHA / BATCH < only["temperature"]["upper"]
    assert document["scaling"] is None
    assert json.loads((out / "fit.json").read_text())["settings"] == document["settings"]
    assert (out / "fit.nc").stat().st_size > 0
    assert "The spectra give T = " in (out / "report.html").read_text()
    assert main(["fit", source, "--out", str(out)]) == 2
    assert "exists" in capsys.readouterr().err


BAD = {
    "one replica": ({"replicas": 1}, "at least 2"),
    "nan": ({"eigenvalue": np.full((5, 2), np.nan)}, "NaN"),
    "negative learning rate": ({"learning_rate": -0.1}, "learning_rate"),
    "batch size 0": ({"batch_size": 0}, "batch_size"),
    "shapes": ({"target": [2.0, 2.0, 2.0]}, "target"),
    "pickle": ({"eigenvalue": np.array([{}], dtype=object)}, "pickle"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_nothing_is_written(case, tmp_path, capsys):
    changes, word = BAD[case]
    source, out = user_file(tmp_path / "user.npz", **changes), tmp_path / "out"
    assert main(["fit", source, "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert word in captured.err
    assert not out.exists()


def test_missing_and_empty_files(tmp_path, capsys):
    assert main(["fit", str(tmp_path / "none.npz")]) == 2
    assert "no such file" in capsys.readouterr().err
    (tmp_path / "empty.npz").touch()
    assert main(["fit", str(tmp_path / "empty.npz")]) == 2
    assert "empty" in capsys.readouterr().err
    assert main(["fit"]) == 2


def test_a_model_by_name(tmp_path, capsys):
    assert main(["fit", user_file(tmp_path / "user.npz"), "--model", "nonsense"]) == 2
    assert "'pair'" in capsys.readouterr().err


def recorded(path, seed, *, replicas=40, rate=0.1, batch=8, matrices=("w",), **options):
    """A recording of an ensemble near one fixed point, whose variance is proportional to learning_rate/batch_size."""
    rng = np.random.default_rng(seed)
    center = np.diag([3.0, 2.0, 1.0])
    with cg.SpectrumRecorder(
        path, every=1, replica_axis=replicas > 1, learning_rate=rate, batch_size=batch, **options
    ) as recorder:
        for step in (1, 2):
            noise = np.sqrt(rate / batch) * rng.normal(size=(len(matrices), replicas, 3, 3))
            values = center + noise
            recorder(
                step, {name: value if replicas > 1 else value[0] for name, value in zip(matrices, values, strict=True)}
            )


def test_recorded_ensembles_have_relative_temperatures(tmp_path, capsys):
    """The second is four times as hot; Adam and optimisers of others are no hindrance."""
    recorded(tmp_path / "a.zarr", 0, optimizer="adamw")
    recorded(tmp_path / "b.zarr", 1, rate=0.4, optimizer="lion")
    assert main(["fit", str(tmp_path / "a.zarr"), str(tmp_path / "b.zarr"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["method"] == "relative"
    second = found["settings"][1]["relative_temperature"]
    assert second["lower"] < 4.0 < second["upper"]


def test_the_motion_of_one_network_is_no_ensemble(tmp_path):
    recorded(tmp_path / "one.zarr", 0, replicas=1)
    network = cg.read_recording(tmp_path / "one.zarr")
    with pytest.raises(cg.InputError, match=r"must be an ensemble, .* got LayerSpectrum: .*`coulombgas rule`"):
        as_datasets(network)


def test_recordings_that_cannot_be_fitted(tmp_path, capsys):
    recorded(tmp_path / "one.zarr", 0, replicas=1)
    recorded(tmp_path / "two.zarr", 0, matrices=("w", "v"))
    cases = {
        ("one.zarr",): "a recording of one network, not of an ensemble: `coulombgas rule` finds its noise",
        ("two.zarr",): "`matrix` must say which of the 2 recorded matrices of",
        ("two.zarr", "--matrix", "u"): "`name` 'u' has no record",
    }
    for (path, *rest), line in cases.items():
        assert main(["fit", str(tmp_path / path), *rest]) == 2
        shown = capsys.readouterr().err
        assert line in shown
        assert shown.count("\n") == 1
