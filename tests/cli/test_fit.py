"""``coulombgas fit`` as a user meets it."""

import json

import numpy as np
import pytest

from coulombgas.cli._main import main

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
    assert "The spectra say T = " in (out / "report.html").read_text()
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
