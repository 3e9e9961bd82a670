"""Signals: heard everywhere, acted on at safe points, never swallowed."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from coulombgas._interrupts import Interrupted, deferred, handled, heard, safe_point

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 143)]


def send(number: int = signal.SIGINT) -> None:
    """To this process."""
    os.kill(os.getpid(), number)


def send_and_wait(number: int = signal.SIGINT) -> None:
    """The handler runs before this ends."""
    send(number)
    time.sleep(5)


@pytest.mark.parametrize(("number", "status"), SIGNALS)
def test_a_signal_is_raised_and_gives_its_status(number, status):
    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as error, handled():
        send_and_wait(number)
    assert error.value.status == status
    assert signal.getsignal(number) == before


@pytest.mark.parametrize(("number", "status"), SIGNALS)
def test_deferred_work_ends_at_its_own_point(number, status):
    done = []

    def work():
        with deferred() as stop:
            send(number)
            assert stop.is_set()
            done.append("saved")

    with pytest.raises(Interrupted) as error:
        work()
    assert done == ["saved"]
    assert error.value.status == status
    safe_point()  # nothing is left of it


def test_blocks_may_be_nested_and_the_outermost_raises():
    done = []

    def work():
        with handled(), deferred():
            with deferred():
                send()
            done.append("inner")
            safe_point()
            done.append("outer")

    with pytest.raises(Interrupted):
        work()
    assert done == ["inner", "outer"]


def test_an_error_of_the_work_goes_first():

    def work():
        with deferred():
            send()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()


def until_interrupted(seconds: float = 10.0) -> None:
    """Work that never looks at a flag."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)


def test_an_exception_lost_in_the_garbage_collector_comes_again():
    sent = []

    def callback(phase, info):
        if phase == "start" and not sent:
            sent.append(phase)
            send()
            for _ in range(100):  # the handler runs, and raises, inside this callback
                pass

    def work():
        with handled():
            gc.collect()
            until_interrupted()

    gc.callbacks.append(callback)
    try:
        with pytest.raises(Interrupted):
            work()
    finally:
        gc.callbacks.remove(callback)
    assert sent


def test_an_exception_that_foreign_code_swallows_comes_again():
    def work():
        with handled():
            with contextlib.suppress(BaseException):
                send_and_wait()
            until_interrupted()

    with pytest.raises(Interrupted):
        work()


def test_cleaning_up_is_not_interrupted():
    steps = []

    def work():
        try:
            send()
            time.sleep(5)
        finally:
            send()
            until_interrupted(0.8)  # longer than it takes to be reminded
            steps.append("clean")

    with pytest.raises(Interrupted), handled():
        work()
    assert steps == ["clean"]


def test_once_heard_it_is_over():
    with handled():
        with contextlib.suppress(Interrupted):
            send()
            time.sleep(5)
        heard()
        until_interrupted(0.6)
        safe_point()


def test_other_threads_are_left_alone():
    found = []

    def work():
        with deferred() as stop, handled():
            found.append(stop.is_set())
            safe_point()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]


TRAP = """
import importlib.abc, os, signal, sys

class Trap(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Trap())
sys.argv[1:] = ["fit", "nothing.npz"]
from coulombgas.cli import main
sys.exit(main())
"""


AS_ANOTHER = pytest.mark.full("test_ctrl_c_during_the_imports_is_one_line[tyro] and [coulombgas.cli._main]")


@pytest.mark.parametrize(
    "module",
    ["tyro", "coulombgas.cli._main", *(pytest.param(name, marks=AS_ANOTHER) for name in ("numpy", "xarray"))],
)
def test_ctrl_c_during_the_imports_is_one_line(module):
    code = TRAP.format(module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, ""), done.stderr
    assert done.stderr == "coulombgas: error: interrupted; nothing half-written was left behind\n"
