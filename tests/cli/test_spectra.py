"""``coulombgas spectra``: JSON with the agreed keys, one clear line for bad files, --keep-going."""

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import save_file

from coulombgas.cli import main
from coulombgas.training import SpectrumRecorder


@pytest.fixture
def checkpoint(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "model.safetensors"
    signal = np.outer(rng.normal(size=60), rng.normal(size=40)) / 60
    save_file(
        {
            "a.key.weight": (0.05 * rng.normal(size=(60, 40))).astype(np.float32),
            "b.query.weight": (0.05 * rng.normal(size=(60, 40)) + 3 * signal).astype(np.float32),
            "b.bias": np.zeros(40, np.float32),
        },
        path,
    )
    return path


def test_json_rows(checkpoint, capsys):
    assert main(["spectra", str(checkpoint), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["a.key.weight", "b.query.weight"]
    assert [row["num_spikes"] for row in rows] == [0, 1]
    for row in rows:
        assert list(row) == ["name", "shape", "bulk", "num_spikes", "spikes", "tail", "spacing", "warnings"]
        assert set(row["bulk"]) == {"variance", "edge"}
        assert set(row["bulk"]["variance"]) == {"mean", "lower", "upper"}
        assert set(row["tail"]) == {"exponent", "preferred"}
        assert set(row["spacing"]) == {"brody", "ratio"}


def test_select_table_and_out(checkpoint, tmp_path, capsys):
    out = tmp_path / "full.json"
    assert main(["spectra", str(checkpoint), "--select", "*.key.*", "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "a.key.weight" in shown
    assert "b.query" not in shown
    full = json.loads(out.read_text())
    assert full["matrices"][0]["rigidity"]["length"]
    assert len(full["matrices"][0]["localisation"]) == 2
    assert main(["spectra", str(checkpoint), "--no-vectors", "--out", str(out), "--overwrite"]) == 0
    assert json.loads(out.read_text())["matrices"][0]["localisation"] is None
    capsys.readouterr()
    assert main(["spectra", str(checkpoint), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_comparison_with_initialisation_has_columns(checkpoint, capsys):
    assert main(["spectra", str(checkpoint), "--initial", str(checkpoint), "--select", "*.key.*"]) == 0
    shown = capsys.readouterr().out
    assert "alignment" in shown
    assert "1.00" in shown
    assert "none" in shown  # and then no exponent is shown: the edge of a noise bulk has none


def test_bad_file_is_one_line_and_status_2(tmp_path, capsys):
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(struct.pack("<Q", 10 * 2**30) + b"{}")
    assert main(["spectra", str(bad), "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("coulombgas: error: ")
    assert captured.err.count("\n") == 1


def test_keep_going_reports_and_goes_on(checkpoint, tmp_path, capsys):
    bad = tmp_path / "bad.npz"
    bad.write_bytes(b"nothing")
    arguments = ["spectra", str(checkpoint), str(bad), "--json"]
    assert main(arguments) == 2
    capsys.readouterr()
    assert main([*arguments, "--keep-going"]) == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)) == 2
    assert captured.err.startswith("coulombgas: warning: ")
    assert captured.err.count("\n") == 1


def test_without_paths(capsys):
    assert main(["spectra"]) == 2
    assert "`paths`" in capsys.readouterr().err


def test_recordings_are_trajectories(tmp_path, capsys):
    from coulombgas.training import SpectrumRecorder

    rng = np.random.default_rng(1)
    with SpectrumRecorder(tmp_path / "spectra.zarr", every=10) as recorder:
        for step in (10, 20):
            recorder(step, {"w": rng.normal(size=(40, 30)).astype(np.float32)})
    for path in (tmp_path, tmp_path / "spectra.zarr"):
        assert main(["spectra", str(path), "--json"]) == 0
        assert len(json.loads(capsys.readouterr().out)) == 2
    assert main(["spectra", str(tmp_path), "--replica", "1"]) == 2
    assert "`replica` must lie between 0 and 0, got 1" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["spectra", "report"])
def test_recordings_are_never_read_as_weights(tmp_path, capsys, command):
    """Two at once, or one beside a checkpoint: their tables of eigenvalues are no matrices of a network."""
    for name in ("a", "b"):
        with SpectrumRecorder(tmp_path / f"{name}.zarr", every=1) as recorder:
            recorder(1, {"w": np.eye(12)})
    np.savez(tmp_path / "c.npz", w=np.eye(12))
    for paths in (["a.zarr", "b.zarr"], ["c.npz", "a.zarr"]):
        out = ["--out", str(tmp_path / "x.html")] if command == "report" else []
        assert main([command, *(str(tmp_path / path) for path in paths), *out]) == 2
        shown = capsys.readouterr().err
        assert "a recording of spectra, no weights" in shown
        assert shown.count("\n") == 1
