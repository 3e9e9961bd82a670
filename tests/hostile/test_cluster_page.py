"""The page "Run on a cluster": its own scripts, under a queue that is made up, with jobs that are killed."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import zarr

import coulombgas as cg
from coulombgas.cli import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "run_on_a_cluster.md"
SRUN = """#!/bin/bash
# as many processes as tasks, each told which it is; signals reach them all
pids=()
for ((i = 0; i < ${SLURM_NTASKS:-1}; i++)); do SLURM_PROCID=$i SLURM_LOCALID=$i "$@" & pids+=($!); done
trap 'kill -USR1 "${pids[@]}"; wait "${pids[0]}"; exit $?' USR1
trap 'kill -TERM "${pids[@]}"; wait "${pids[0]}"; exit $?' TERM
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=$?; done
exit $status
"""


def scripts() -> dict[str, str]:
    """The scripts of the page by their job's name."""
    if not PAGE.exists():
        pytest.skip("the pages are not here")
    found = re.findall(r"```bash\n(#!/bin/bash\n.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {re.search(r"--job-name=(\S+)", text)[1]: text for text in found}


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """A folder with commands of a made-up queue on the path; starts a script as one job of it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    root = Path(cg.__file__).parents[1]
    commands = {
        "srun": SRUN,
        "scontrol": f'#!/bin/bash\necho "$@" >> {tmp_path}/requeued\n',
        "coulombgas": f'#!/bin/bash\nexec {sys.executable} -m coulombgas "$@"\n',
    }
    for name, text in commands.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (tmp_path / "work").mkdir()

    def start(name: str, change: tuple[str, str] = ("", ""), **variables: str) -> subprocess.Popen:
        assert change[0] in scripts()[name]
        environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(root),
            "JAX_PLATFORMS": "cpu",
            "OPENBLAS_NUM_THREADS": "1",
            "SLURM_JOB_ID": "4242",
            **variables,
        }
        return subprocess.Popen(
            ["bash", "-c", scripts()[name].replace(*change) if change[0] else scripts()[name]],
            cwd=tmp_path / "work",
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return start


ARRAY = {"SLURM_ARRAY_TASK_COUNT": "8", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_MAX": "7"}


def until_saved(folder: Path, process: subprocess.Popen) -> None:
    """Wait for the first results of a job."""
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if list(folder.glob("done/*")) or list(folder.glob("state/*.npz")):
            return
        time.sleep(0.02)
    raise AssertionError("the job ended too early")


def child_of(pid: int) -> int:
    """The process that another one started last."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return int(children[-1])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_array_with_a_preempted_and_a_killed_job(tmp_path, queue, monkeypatch, reduced):
    """Job 2 gets SIGUSR1, job 5 is killed; both are put back; the merged store is that of one machine, bit for bit.

    In the full form only; `tests/cli/test_cluster.py` interrupts two shards in one process.
    """
    if reduced:
        pytest.skip("minutes: set COULOMBGAS_FULL=1")
    steps, replicas = "4000", "48"
    size = {"REPLICAS": replicas, "STEPS": steps, "CHUNK": str(int(replicas) // 8)}
    work = tmp_path / "work"
    # the other six in this process, by the very line of the script
    line = re.search(r"srun coulombgas (.*?)\n(?!    )", scripts()["ensemble"], flags=re.DOTALL)[1]
    words = re.sub(r'"\$\{(\w+):-\d+\}"', lambda found: size[found[1]], line.replace("\\\n", " ")).split()
    monkeypatch.chdir(work)
    for index, stop in ((2, signal.SIGUSR1), (5, signal.SIGKILL)):
        job = {**ARRAY, **size, "SLURM_ARRAY_TASK_ID": str(index)}
        process = queue("ensemble", **job)
        until_saved(work / f".run-{index}-of-8.zarr.partial", process)
        if stop == signal.SIGKILL:
            os.killpg(process.pid, stop)
        else:  # the queue warns what srun started, not the script
            os.kill(child_of(process.pid), stop)
        said = process.communicate(timeout=120)
        assert process.returncode == (143 if stop == signal.SIGUSR1 else -9), said
        assert not (work / f"run-{index}-of-8.zarr").exists()
        assert (work / f".run-{index}-of-8.zarr.partial" / "run.json").exists()
    assert (tmp_path / "requeued").read_text() == "requeue 4242\n"
    for name, value in ARRAY.items():
        monkeypatch.setenv(name, value)
    for index in range(8):
        monkeypatch.setenv("SLURM_ARRAY_TASK_ID", str(index))
        assert main(words) == 0
    merge = queue("merge")
    said = merge.communicate(timeout=120)
    assert merge.returncode == 0, said
    for name in (*ARRAY, "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name)
    assert main([*words[:-3], "--out", "whole.zarr"]) == 0
    whole, merged = (zarr.open_group(work / name, mode="r") for name in ("whole.zarr", "run.zarr"))
    for name, array in whole.arrays():
        np.testing.assert_array_equal(merged[name][...], array[...], err_msg=name)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_one_run_of_two_processes_that_jax_connects_itself(tmp_path, queue, reduced):
    """JAX finds the processes by Slurm's own variables. One batch size for three in the reduced form."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    nodes = {"SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2", "SLURM_STEP_NUM_NODES": "1"}
    replicas = 13 if reduced else 24  # with a remainder
    size = {"REPLICAS": str(replicas), "STEPS": "50", "CHUNK": "5"}
    batch_sizes = (4,) if reduced else (4, 8, 16)
    words = "--batch-size 4 8 16", " ".join(["--batch-size", *map(str, batch_sizes)])
    job = queue("together", words, JAX_COORDINATOR_PORT=str(port), **nodes, **size)
    out, errors = job.communicate(timeout=240)
    assert job.returncode == 0, errors
    assert out.count("learning rate") == 1  # one of them speaks
    found = cg.read_spectra(tmp_path / "work" / "together.zarr")
    expected = cg.train(
        cg.TeacherStudent(), learning_rate=(0.05, 0.1), batch_size=batch_sizes, replicas=replicas, steps=50, chunk=5
    )
    np.testing.assert_array_equal(found.eigenvalue.values, expected.eigenvalue.values)


def test_without_a_cluster_the_flag_says_so(tmp_path, monkeypatch):
    code = "from coulombgas.cli import main; import sys; sys.exit(main())"
    command = ["simulate", "rbm", "--distributed", "--replicas", "2", "--steps", "1", "--out", "x.zarr"]
    done = subprocess.run(
        [sys.executable, "-c", code, *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("coulombgas: error: `distributed`: JAX cannot connect the processes of this job")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
