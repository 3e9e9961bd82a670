"""Signals at random moments of every command: none is swallowed, nothing half-written is left."""

import os
import re
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from coulombgas.cli import main
from coulombgas.training import SpectrumRecorder

pytestmark = pytest.mark.timeout(300)

RNG = np.random.default_rng(0)
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 143)]
PATIENCE = 20.0
TIME_LEFT = re.compile(r"about [\d.]+ (s|min|h) (left|for the other)")  # said by whatever takes half a minute or more


@pytest.fixture(scope="session")
def inputs(tmp_path_factory) -> Path:
    """Spectra, weights and stores that keep a command busy."""
    folder = tmp_path_factory.mktemp("inputs")
    levels = np.array([1.0, 3.0, 5.0]) + 0.1 * RNG.normal(size=(400, 3))
    np.savez(
        folder / "own.npz",
        eigenvalue=levels,
        learning_rate=0.02,
        batch_size=16,
        model="rbm",
        mu2=9.0,
        sigma_h2=1.0,
        target=np.array([4.0, 6.0, 8.0]),
    )
    np.savez(folder / "weights.npz", **{f"w{i}": RNG.normal(size=(500, 400)).astype(np.float32) for i in range(60)})
    with SpectrumRecorder(folder / "recording.zarr", every=1) as recorder:
        for step in range(30):
            recorder(step, {"w": RNG.normal(size=(200, 100))})
    (folder / "t.txt").write_text("the level repels the level and the gas is warm. " * 80)
    return folder


COMMANDS = {
    "rbm": "simulate rbm --replicas 64 --steps 2000000 --out out",
    "teacher-student": "simulate teacher-student --replicas 64 --steps 2000000 --out out",
    "two-layer": "simulate two-layer --replicas 64 --steps 2000000 --out out --checkpoint-seconds 0",
    "gpt": "simulate gpt --steps 1000000 --text {inputs}/t.txt --out out",
    "dmft": "simulate dmft goe --dimension 800 --replicas 400",
    "fit": "fit {inputs}/own.npz --out out",
    "compare": "compare {inputs}/own.npz",
    "calibrate": "calibrate temperature --num 4000 --figure out.png",
    "spectra": "spectra {inputs}/weights.npz --out out.json",
    "recording": "spectra {inputs}/recording.zarr --out out.json",
    "report": "report {inputs}/weights.npz --out out.html",
    "demo": "demo --replicas 20000 --out out",
}
_CHECKPOINT = "the same command with --resume continues from the last checkpoint"
_MATRICES = "the same command with --resume continues with the remaining matrices"
# what an interrupted command may leave for --resume: where, and the remark that says so
RESUMABLE = {name: ([".out.partial"], _CHECKPOINT) for name in ("rbm", "teacher-student", "two-layer", "gpt")}
RESUMABLE["spectra"] = ([".out.json.partial"], _MATRICES)
REDUCED = 12
CASES = [(name, index) for index in range(4) for name in COMMANDS][:44]


def interrupt(command: list[str], number: int, delay: float) -> tuple[int, float | None]:
    """Status of a command that gets a signal after a while, and how long it then took; None where it had ended."""
    lock, sent = threading.Lock(), []
    running = True

    def send() -> None:
        with lock:
            if running:
                sent.append(time.monotonic())
                os.kill(os.getpid(), number)

    timer = threading.Timer(delay, send)
    timer.start()
    try:
        status = main(command)
    finally:
        with lock:
            running = False
        timer.cancel()
    return status, time.monotonic() - sent[0] if sent else None


@pytest.mark.slow
@pytest.mark.parametrize(("name", "index"), CASES)
def test_no_interrupt_is_swallowed(tmp_path, monkeypatch, capsys, inputs, name, index, reduced):
    number, expected = SIGNALS[(index + len(name)) % 3]
    if reduced and CASES.index((name, index)) >= REDUCED:
        pytest.skip("one for each command in the reduced form")
    monkeypatch.chdir(tmp_path)
    # while modules are loaded, programs compiled, or at work
    delay = float(np.random.default_rng([index, len(name)]).uniform(0.05, 1.0 if reduced else 3.0))
    status, took = interrupt(COMMANDS[name].format(inputs=inputs).split(), number, delay)
    shown = capsys.readouterr()
    if took is None:
        pytest.skip("ended before the signal came")
    assert status == expected, shown.err
    assert took < PATIENCE
    *remarks, last = [line for line in shown.err.splitlines() if not TIME_LEFT.search(line)]
    assert last == "coulombgas: error: interrupted; nothing half-written was left behind"
    kept = sorted(path.name for path in tmp_path.iterdir())
    left, remark = RESUMABLE.get(name, ([], None))
    assert (kept, remarks) in [([], []), (left, [remark])]
