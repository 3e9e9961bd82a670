"""A store under way survives SIGKILL at any moment; Ctrl-C leaves nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from coulombgas import InputError
from coulombgas.models import GaussianRBM
from coulombgas.spectra import read_spectra
from coulombgas.training import interrupted_run, train

SMALL = GaussianRBM(num_visible=3)
RUN = {"learning_rate": (0.05, 0.02), "batch_size": 4, "replicas": 12, "steps": 20, "record": 2, "chunk": 5}
COMMAND = [
    sys.executable, "-m", "coulombgas", "simulate", "rbm", "--learning-rate", "0.05", "0.02", "--batch-size", "8",
    "--num-visible", "4", "--replicas", "24", "--steps", "40000", "--record", "10000", "40000", "--resume",
    "--checkpoint-seconds", "0.05",
]  # fmt: skip


def start(out: Path) -> subprocess.Popen:
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(
        [*COMMAND, "--out", str(out)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(out: Path) -> None:
    _, errors = (process := start(out)).communicate(timeout=200)
    assert process.returncode == 0, errors


@pytest.mark.slow
def test_killed_runs_resume_bit_for_bit(tmp_path, reduced):
    finish(tmp_path / "whole.zarr")
    expected = read_spectra(tmp_path / "whole.zarr")
    random, out = np.random.default_rng(0), tmp_path / "killed.zarr"
    kills = 0
    for _ in range(2 if reduced else 20):
        process = start(out)
        time.sleep(random.uniform(2.0, 5.0))
        kills += process.poll() is None
        process.kill()
        process.communicate()
        assert not out.exists() or (read_spectra(out).eigenvalue.shape == expected.eigenvalue.shape)
    finish(out)
    assert kills
    found = read_spectra(out)
    assert np.array_equal(found.eigenvalue.values, expected.eigenvalue.values)
    assert np.array_equal(found.failed_step.values, expected.failed_step.values)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed.zarr", "whole.zarr"]


class Stop(Exception):
    """Raised by a progress callable in the middle of a run."""


def test_interrupted_in_the_middle_and_resumed(tmp_path):
    expected = train(SMALL, **RUN)
    calls = 0

    def stop_late(done: int, total: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 4:
            raise Stop

    out = tmp_path / "run.zarr"
    with pytest.raises(Stop):
        train(SMALL, out=out, progress=stop_late, checkpoint_seconds=0.0, **RUN)
    assert not out.exists()
    assert interrupted_run(out)
    with pytest.raises(InputError, match="give --resume to go on with it or --overwrite"):
        train(SMALL, out=out, **RUN)
    with pytest.raises(InputError, match="another configuration \\(steps differ"):
        train(SMALL, out=out, resume=True, **{**RUN, "steps": 21, "record": [10, 20]})
    found = train(SMALL, out=out, resume=True, **RUN)
    assert np.array_equal(found.eigenvalue.values, expected.eigenvalue.values)
    again = train(SMALL, out=out, resume=True, **RUN)
    assert np.array_equal(again.eigenvalue.values, expected.eigenvalue.values)
    with pytest.raises(InputError, match="seed"):
        train(SMALL, out=out, resume=True, seed=3, **RUN)
    with pytest.raises(InputError, match="exists already"):
        train(SMALL, out=out, **RUN)
    train(SMALL, out=out, overwrite=True, seed=3, **RUN)
    assert [path.name for path in tmp_path.iterdir()] == ["run.zarr"]


def test_stopped_before_the_first_checkpoint_leaves_nothing(tmp_path):
    def stop(done: int, total: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        train(SMALL, out=tmp_path / "run.zarr", progress=stop, **RUN)
    assert list(tmp_path.iterdir()) == []


def test_unwritable_places_are_refused_before_the_work(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    with pytest.raises(InputError, match="no permission"):
        train(SMALL, out=closed / "run.zarr", **RUN)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file, not a directory"):
        train(SMALL, out=tmp_path / "file" / "run.zarr", **RUN)


def test_ctrl_c_in_the_command(tmp_path):
    out = tmp_path / "run.zarr"
    process = start(out)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".run.zarr.partial/state/*.npz")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("finished before the signal came")
    assert process.returncode == 130, errors
    assert not out.exists()
    assert "--resume" in errors
    assert "Traceback" not in errors
