"""The simulate and merge commands: flags, summaries, one clear line for bad input."""

import json

import numpy as np
import pytest

from coulombgas.cli import main
from coulombgas.cli._main import _build
from coulombgas.models import GaussianRBM, TeacherStudent, TwoLayerLinear, free_scalar_field
from coulombgas.spectra import read_spectra

SHORT = ["--replicas", "4", "--steps", "3"]
STUDENT = ["simulate", "teacher-student", "--teacher", "1", "2", "2", "--noise", "0.2", "--batch-size", "4"]
STUDENT += ["--inputs", "fresh", *SHORT]  # as in the sweep, so that it is compiled once


FLAGS = {
    "rbm": ["--num-visible", "3", "--num-hidden", "2", "--target-mass2", "3", "--mu2", "8"],
    "teacher-student": ["--teacher", "1", "2", "2", "--noise", "0.2", "--inputs", "fresh"],
    "two-layer": ["--teacher", "1", "2", "--label-noise", "0.2", "--trained", "second"],
}
MODELS = {
    "rbm": lambda: GaussianRBM(num_visible=3, num_hidden=2, mu2=8.0, target=free_scalar_field(3, mass2=3.0)),
    "teacher-student": lambda: TeacherStudent(teacher=(1.0, 2.0, 2.0), noise=0.2, inputs="fresh"),
    "two-layer": lambda: TwoLayerLinear(teacher=(1.0, 2.0), label_noise=0.2, trained="second"),
}
FULL = pytest.mark.full("test_flags_are_those_of_model_and_training in test_simulate.py")


@pytest.mark.parametrize("name", FLAGS)
def test_flags_are_those_of_model_and_training(name, monkeypatch, tmp_path):
    """With the training left out."""
    asked = []
    monkeypatch.setattr("coulombgas.training.train", lambda model, **options: asked.append((model, options)))
    monkeypatch.setattr("coulombgas.cli._simulate.print_summary", lambda *_, **__: 0)
    sweep = ["--learning-rate", "0.01", "0.02", "--batch-size", "2", "4", "--init", "fixed-point", "--seed", "3"]
    words = [*FLAGS[name], *sweep, *SHORT, "--record", "0", "3", "--out", str(tmp_path / "run.zarr")]
    assert _build(("simulate", name), words).run() == 0
    ((model, options),) = asked
    assert model.config() == MODELS[name]().config()
    wanted = {
        "learning_rate": (0.01, 0.02), "batch_size": (2, 4), "init": "fixed-point", "seed": 3, "replicas": 4,
        "steps": 3, "record": (0, 3), "dtype": "float32", "keep_weights": False, "first_replica": 0,
    }  # fmt: skip
    assert {key: options[key] for key in wanted} == wanted


@pytest.mark.parametrize(
    ("model", "modes"),
    [pytest.param("rbm", 2, marks=FULL), ("teacher-student", 3), pytest.param("two-layer", 2, marks=FULL)],
)
def test_sweep_to_store(model, modes, tmp_path, capsys):
    out = tmp_path / "run.zarr"
    sweep = ["--learning-rate", "0.01", "0.02", "--batch-size", "2", "4", "--init", "fixed-point", "--seed", "3"]
    assert (
        main(["simulate", model, *FLAGS[model], *sweep, *SHORT, "--record", "0", "3", "--json", "--out", str(out)]) == 0
    )
    summary = json.loads(capsys.readouterr().out)
    assert [setting["temperature"] for setting in summary["settings"]] == [0.005, 0.0025, 0.01, 0.005]
    spectra = read_spectra(out)
    assert spectra.eigenvalue.shape == (4, 4, 2, modes)
    np.testing.assert_allclose(spectra.eigenvalue.values[0, 0, 0], spectra.fixed_point.values, rtol=1e-5)
    assert spectra.attrs["seed"] == 3
    assert json.loads(spectra.attrs["config"])["model"]["name"] == summary["model"]["name"]


def test_merge(tmp_path, capsys):
    for first in (0, 4):
        out = str(tmp_path / f"{first}.zarr")
        assert main([*STUDENT, "--first-replica", str(first), "--out", out]) == 0
    stores = [str(tmp_path / f"{first}.zarr") for first in (0, 4)]
    assert main(["merge", *stores, "--out", str(tmp_path / "all.zarr"), "--json"]) == 0
    assert read_spectra(tmp_path / "all.zarr").sizes["replica"] == 8
    capsys.readouterr()
    assert main(["merge", stores[0], stores[0], "--out", str(tmp_path / "x.zarr")]) == 2
    assert "same random numbers" in capsys.readouterr().err
    assert not (tmp_path / "x.zarr").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--learning-rate", "-1"], "`learning_rate` must be positive"),
        (["--learning-rate", "nan"], "`learning_rate` must be a finite number, got nan"),
        (["--batch-size", "0"], "`batch_size` must be at least 1"),
        (["--replicas", "0"], "`replicas` must be at least 1"),
        (["--steps", "many"], "many"),
        (["--mu2", "0"], "`mu2` must be positive"),
        (["--record", "99"], "`record` must lie between"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(flags, message, tmp_path, capsys):
    assert main(["simulate", "rbm", *SHORT, *flags, "--out", str(tmp_path / "run.zarr")]) == 2
    errors = capsys.readouterr().err.strip()
    assert message in errors
    assert len(errors.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_existing_store_is_kept(tmp_path, capsys):
    out = str(tmp_path / "run.zarr")
    assert main([*STUDENT, "--out", out]) == 0
    assert main([*STUDENT, "--seed", "1", "--out", out]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*STUDENT, "--seed", "1", "--resume", "--out", out]) == 2
    assert "another configuration (seed differs" in capsys.readouterr().err
    assert main([*STUDENT, "--seed", "1", "--overwrite", "--out", out]) == 0
