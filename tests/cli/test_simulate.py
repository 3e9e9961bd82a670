"""The simulate and merge commands: flags, summaries, one clear line for bad input."""

import json

import numpy as np
import pytest

from coulombgas.cli import main
from coulombgas.spectra import read_spectra

SHORT = ["--replicas", "4", "--steps", "3"]


@pytest.mark.parametrize(
    ("model", "flags", "modes"),
    [
        ("rbm", ["--num-visible", "3", "--num-hidden", "2", "--target-mass2", "3", "--mu2", "8"], 2),
        ("teacher-student", ["--teacher", "1", "2", "2", "--noise", "0.2", "--inputs", "fresh"], 3),
        ("two-layer", ["--teacher", "1", "2", "--label-noise", "0.2", "--trained", "second"], 2),
    ],
)  # fmt: skip
def test_sweep_to_store(model, flags, modes, tmp_path, capsys):
    out = tmp_path / "run.zarr"
    sweep = ["--learning-rate", "0.01", "0.02", "--batch-size", "2", "4", "--init", "fixed-point", "--seed", "3"]
    assert main(["simulate", model, *flags, *sweep, *SHORT, "--record", "0", "3", "--json", "--out", str(out)]) == 0
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
        assert main(["simulate", "two-layer", *SHORT, "--first-replica", str(first), "--out", out]) == 0
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
    assert main(["simulate", "two-layer", *SHORT, "--out", out]) == 0
    assert main(["simulate", "two-layer", *SHORT, "--seed", "1", "--out", out]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["simulate", "two-layer", *SHORT, "--seed", "1", "--resume", "--out", out]) == 2
    assert "another configuration (seed differs" in capsys.readouterr().err
    assert main(["simulate", "two-layer", *SHORT, "--seed", "1", "--overwrite", "--out", out]) == 0
