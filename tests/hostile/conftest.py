"""What every hostile case must meet: status 2, one clear line, nothing written, soon."""

import importlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SECONDS = 10.0


def snapshot(folder: Path) -> dict[str, tuple]:
    """Everything in a folder: kind, size and time of change of each path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        state = os.lstat(path)
        found[str(path.relative_to(folder))] = (state.st_mode, state.st_size if not path.is_dir() else 0, state.st_ino)
    return found


@pytest.fixture
def refused(tmp_path, capsys, monkeypatch) -> Callable[..., str]:
    """Run a command that must be refused; returns its line. ``named`` are words that the line must hold."""

    def run(arguments: list, *named: str) -> str:
        # not before the type checker of the tests is there, and before the clock starts
        from coulombgas.cli import main

        importlib.import_module("coulombgas.report")

        (tmp_path / "here").mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / "here")
        capsys.readouterr()
        before, started = snapshot(tmp_path), time.monotonic()
        status = main([str(argument) for argument in arguments])
        elapsed, shown = time.monotonic() - started, capsys.readouterr()
        assert status == 2, (status, shown.err)
        assert shown.out == ""
        assert shown.err.startswith("coulombgas: error: "), shown.err
        assert shown.err.count("\n") == 1, shown.err
        line = shown.err.rstrip("\n")
        assert line.isprintable(), line
        assert "Traceback" not in line
        assert "internal error" not in line
        assert len(line) < 700, line
        for word in named:
            assert word in line, (word, line)
        assert snapshot(tmp_path) == before
        assert elapsed < SECONDS
        return line

    return run
