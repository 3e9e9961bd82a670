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
    assert main(["spectra", str(checkpoint), "--select", "*.key.*", "--out", str(out), "--vectors", "all"]) == 0
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


def test_keep_going_reports_and_continues(checkpoint, tmp_path, capsys):
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


def test_a_matrix_of_one_checkpoint_of_several_has_no_motion(tmp_path, capsys):
    """Two files are a trajectory; what only one of them has was seen once."""
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", **{name: np.random.default_rng(0).normal(size=(9, 6))})
    assert main(["spectra", str(tmp_path / "a.npz"), str(tmp_path / "b.npz")]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:3]] == [["a", "0"], ["b", "1"]]


def levels_of(folder):
    """Everything that was kept, bit for bit."""
    found = {"analysis": (folder / "analysis.json").read_text()}
    for file in sorted((folder / "spectra").glob("*.npz")):
        found |= {f"{file.stem}/{name}": value.tolist() for name, value in np.load(file).items()}
    return found


@pytest.fixture
def many(tmp_path):
    rng = np.random.default_rng(3)
    path = tmp_path / "many.npz"
    np.savez(path, **{f"w{index}": rng.normal(size=(30 + index, 20)) + (index == 2) for index in range(5)})
    return path


class Stop(KeyboardInterrupt):
    """Ctrl-C."""


def stopped_after(monkeypatch, count):
    """Ctrl-C comes when ``count`` matrices are done."""
    from coulombgas.spectra import SpectraPlan

    whole, seen = SpectraPlan.compute, []

    def compute(self, index):
        if len(seen) == count:
            raise Stop
        seen.append(index)
        return whole(self, index)

    monkeypatch.setattr(SpectraPlan, "compute", compute)
    return seen


@pytest.mark.parametrize(
    "out",
    [
        "run",
        pytest.param(
            "run.json",
            marks=pytest.mark.full("test_an_interrupted_analysis_continues_bit_for_bit[run] in test_spectra.py"),
        ),
    ],
)
def test_an_interrupted_analysis_continues_bit_for_bit(many, tmp_path, monkeypatch, capsys, out):
    words = ["spectra", str(many), "--initial", str(many)]
    assert main([*words, "--out", str(tmp_path / "whole" / out)]) == 0
    shown = capsys.readouterr().out
    with monkeypatch.context() as patch:
        stopped_after(patch, 3)
        assert main([*words, "--out", str(tmp_path / out)]) == 130
    captured = capsys.readouterr()
    assert "--resume" in captured.err
    assert captured.out.splitlines() == shown.splitlines()[:4]  # the rows that were done, and the header
    assert not (tmp_path / out).exists()
    assert main([*words, "--out", str(tmp_path / out)]) == 2
    assert "is waiting there: give --resume" in capsys.readouterr().err
    assert main([*words, "--out", str(tmp_path / out), "--resume", "--select", "w1"]) == 2
    assert "was another one (files, select differ)" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        seen = stopped_after(patch, 99)
        assert main([*words, "--out", str(tmp_path / out), "--resume"]) == 0
    assert seen == [3, 4]
    assert capsys.readouterr().out == shown
    if out == "run":
        assert levels_of(tmp_path / "run") == levels_of(tmp_path / "whole" / "run")
    else:
        assert (tmp_path / out).read_text() == (tmp_path / "whole" / out).read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["many.npz", out, "whole"])
    assert main([*words, "--out", str(tmp_path / out), "--resume"]) == 2
    assert "is complete already" in capsys.readouterr().err
    assert main([*words, "--out", str(tmp_path / out), "--overwrite"]) == 0


def test_resume_needs_the_same_files_and_an_out(many, tmp_path, monkeypatch, capsys):
    assert main(["spectra", str(many), "--resume"]) == 2
    assert "`resume` needs the --out" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        stopped_after(patch, 2)
        assert main(["spectra", str(many), "--out", str(tmp_path / "run")]) == 130
    damaged = tmp_path / ".run.partial" / "spectra" / "00001.npz"
    damaged.write_bytes(damaged.read_bytes()[:-30])
    with monkeypatch.context() as patch:
        seen = stopped_after(patch, 99)
        assert main(["spectra", str(many), "--out", str(tmp_path / "run"), "--resume"]) == 0
    assert seen == [1, 2, 3, 4]  # what is damaged is computed again
    with monkeypatch.context() as patch:
        stopped_after(patch, 2)
        assert main(["spectra", str(many), "--out", str(tmp_path / "other")]) == 130
    np.savez(many, w0=np.ones((4, 3)))
    capsys.readouterr()
    assert main(["spectra", str(many), "--out", str(tmp_path / "other"), "--resume"]) == 2
    assert "files differ" in capsys.readouterr().err


def test_workers_give_the_same_rows_in_the_same_order(many, tmp_path, capsys):
    """One thread each, so that even the last bits agree; a bad matrix in a worker is one line."""
    bad = tmp_path / "bad.npz"
    np.savez(bad, a=np.ones((6, 4)), b=np.full((6, 4), np.nan), c=np.eye(5))
    words = ["spectra", str(many), str(bad), "--keep-going", "--out"]
    assert main([*words, str(tmp_path / "one")]) == 0
    alone = capsys.readouterr()
    assert main([*words, str(tmp_path / "two"), "--workers", "2"]) == 0
    both = capsys.readouterr()
    assert both.out == alone.out
    for shown in (alone, both):
        assert shown.err.count("b: 24 of 24 entries are NaN") == 1
    rows = [line.split()[0] for line in alone.out.splitlines()[1:8]]
    assert rows == [*(f"w{index}" for index in range(5)), "a", "c"]
    one, two = levels_of(tmp_path / "one"), levels_of(tmp_path / "two")
    assert sorted(one) == sorted(two)
    for index in range(5):
        np.testing.assert_allclose(two[f"0000{index}/eigenvalues"], one[f"0000{index}/eigenvalues"], rtol=1e-12)
    assert main(["spectra", str(many), "--workers", "0"]) == 2
    assert "`workers` must be at least 1" in capsys.readouterr().err


def test_a_bad_matrix_in_a_worker_is_one_line(tmp_path, capsys, reduced):
    """In the reduced form by one worker; `test_workers_give_the_same_rows_in_the_same_order` has two."""
    np.savez(tmp_path / "m.npz", a=np.ones((6, 4)), b=np.full((6, 4), np.nan), c=np.eye(5))
    workers = "1" if reduced else "2"
    assert main(["spectra", str(tmp_path / "m.npz"), "--workers", workers]) == 2
    assert "b: 24 of 24 entries are NaN" in capsys.readouterr().err
    assert main(["spectra", str(tmp_path / "m.npz"), "--workers", workers, "--keep-going", "--json"]) == 0
    captured = capsys.readouterr()
    assert [row["name"] for row in json.loads(captured.out)] == ["a", "c"]
    assert captured.err.count("b: 24 of 24") == 1


def test_kinds_and_adapters_on_the_command_line(tmp_path, capsys):
    rng = np.random.default_rng(0)
    arrays = {"conv.weight": rng.normal(size=(8, 6, 1, 1)), "deep.weight": rng.normal(size=(8, 1, 3, 3))}
    save_file({name: value.astype(np.float32) for name, value in arrays.items()}, tmp_path / "m.safetensors")
    assert main(["spectra", str(tmp_path / "m.safetensors")]) == 0
    shown = capsys.readouterr().out
    assert "1×1 convolution" in shown
    assert "depthwise or one-channel convolution 3×3" in shown
    assert main(["spectra", str(tmp_path / "m.safetensors"), "--base", str(tmp_path / "m.safetensors")]) == 2
    assert "leave `base` out" in capsys.readouterr().err


def test_progress_off_a_terminal_is_a_line_every_half_minute(monkeypatch, capsys):
    from coulombgas.cli import _console

    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(_console.time, "monotonic", lambda: float(next(clock)))
    with _console.progress_bar("reading") as progress:
        for done in range(1, 6):
            progress(done, 5)
    assert capsys.readouterr().err.splitlines() == [
        "reading: 2 of 5, about 60 s left",
        "reading: 4 of 5, about 20 s left",
    ]
    with _console.Estimate("analysing", [1.0, 8.0, 1.0, 1.0], unit="matrices", memory=2**30) as estimate:
        for index in range(4):
            estimate.done(index)
    assert capsys.readouterr().err.splitlines() == [
        "about 3 min for the other 3 matrices, in 1.0 GiB of memory", "analysing: 3 of 4, about 6 s left",
    ]  # fmt: skip


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
        compared = command == "report" and paths == ["a.zarr", "b.zarr"]
        assert ("at least three are needed" if compared else "is a recording, a trajectory by itself") in shown
        assert shown.count("\n") == 1
