"""A store under way survives SIGKILL at any moment; Ctrl-C leaves nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from coulombgas import InputError
from coulombgas.models import GaussianRBM
from coulombgas.spectra import read_spectra
from coulombgas.training import interrupted_run, merge_stores, train

SMALL = GaussianRBM(num_visible=3)
RUN = {"learning_rate": (0.05, 0.02), "batch_size": 4, "replicas": 12, "steps": 20, "record": 2, "chunk": 5}


def line(out: Path, steps: int) -> list[str]:
    return [
        "simulate", "rbm", "--learning-rate", "0.05", "0.02", "--batch-size", "8", "--num-visible", "3",
        "--replicas", "24", "--steps", str(steps), "--record", str(steps // 4), str(steps),
        "--resume", "--checkpoint-seconds", "0.05", "--out", str(out),
    ]  # fmt: skip


def start(out: Path, steps: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "coulombgas", *line(out, steps)]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(out: Path, steps: int) -> None:
    """Run to the end."""
    _, errors = (process := start(out, steps)).communicate(timeout=300)
    assert process.returncode == 0, errors


def snapshot_times(out: Path) -> list[int]:
    """When the snapshots of the run under way were written."""
    times = []
    for file in (out.parent / f".{out.name}.partial" / "state").glob("*.npz"):
        try:
            times.append(file.stat().st_mtime_ns)
        except FileNotFoundError:  # replaced meanwhile
            continue
    return times


def stop_at_work(out: Path, steps: int, pause: float, sent: signal.Signals) -> tuple[int, str]:
    """Stop a run that has begun to leave snapshots, some time later: its status and errors."""
    process, before, deadline = start(out, steps), time.time_ns(), time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if any(written > before for written in snapshot_times(out)):
            break
        time.sleep(0.01)
    time.sleep(pause)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.mark.slow
@pytest.mark.full("test_killed_before_every_write[rbm] in test_kills.py")
def test_killed_runs_resume_bit_for_bit(tmp_path):
    """20 kills. A store that could be seen half-written would not have the shape of the whole one."""
    kills, steps, longest = 20, 500_000, 0.6
    finish(tmp_path / "whole.zarr", steps)
    expected = read_spectra(tmp_path / "whole.zarr")
    random, out = np.random.default_rng(0), tmp_path / "killed.zarr"
    killed = 0
    for _ in range(kills):
        status, _ = stop_at_work(out, steps, random.uniform(0.0, longest), signal.SIGKILL)
        killed += status == -signal.SIGKILL
        assert not out.exists() or read_spectra(out).eigenvalue.shape == expected.eigenvalue.shape
    finish(out, steps)
    assert killed == kills
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


def ctrl_c(out: Path, steps: int) -> bool:
    """Interrupt the command at work; False if it had ended by then."""
    status, errors = stop_at_work(out, steps, 0.0, signal.SIGINT)
    if status == 0:
        return False
    assert status == 130, errors
    assert not out.exists()
    assert "--resume" in errors
    assert "Traceback" not in errors
    return True


@pytest.mark.slow
@pytest.mark.full("test_no_interrupt_is_swallowed[rbm-0] in test_interrupts.py")
def test_ctrl_c_in_the_command(tmp_path):
    if not ctrl_c(tmp_path / "run.zarr", 40_000):
        pytest.skip("finished before the signal came")


@pytest.mark.parametrize("kind", ["trained", "merged"])
def test_a_finished_store_opens_elsewhere_without_a_warning(tmp_path, kind):
    """xarray warns of a store without consolidated metadata, and warnings are errors here."""
    paths = [tmp_path / f"{index}.zarr" for index in range(2)]
    for index, path in enumerate(paths[: 1 if kind == "trained" else 2]):
        train(SMALL, out=path, first_replica=12 * index, **{**RUN, "steps": 2})
    found = paths[0]
    if kind == "merged":
        found = tmp_path / "all.zarr"
        merge_stores(paths, out=found)
    opened = xr.open_zarr(found)
    ours = read_spectra(found)
    xr.testing.assert_equal(opened.eigenvalue.load(), ours.eigenvalue)
