"""Whatever is left of a terminal: escapes in names, missing letters, closed and unread streams; hash seeds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import coulombgas as cg
from coulombgas.cli import main
from coulombgas.cli._console import print_table, remark
from coulombgas.cli._plain import PlainStream

ROOT = Path(cg.__file__).parents[1]
EVIL = "a\x1b[31m\x1b]0;owned\x07\x08\x9b\u202eb"


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    """A store in a folder with a name that a terminal would obey."""
    folder = tmp_path_factory.mktemp("names") / EVIL
    folder.mkdir()
    cg.train(cg.TeacherStudent(), learning_rate=0.1, batch_size=2, replicas=2, steps=1, out=folder / "run.zarr")
    return folder / "run.zarr"


def obeyed(text: str) -> list[str]:
    """Characters that a terminal would obey."""
    return [c for c in text if not (c.isprintable() or c in "\n\t")]


@pytest.mark.parametrize("command", ["merge", "missing", "spectra", "report"])
def test_names_are_shown_and_not_obeyed(tmp_path, store, command, capsys):
    weights = store.parent / "w.npz"
    np.savez(weights, **{EVIL: np.random.default_rng(0).normal(size=(6, 4)), "v": np.ones(3)})
    words = {
        "merge": ["merge", store, "--out", tmp_path / EVIL],
        "missing": ["fit", store.parent / "nothing.npz"],
        "spectra": ["spectra", weights],
        "report": ["report", weights, "--out", tmp_path / f"{EVIL}.html"],
    }[command]
    status = main([str(word) for word in words])
    shown = capsys.readouterr()
    assert status == (2 if command == "missing" else 0), shown.err
    assert not obeyed(shown.out + shown.err)
    assert "\\x1b[31m" in shown.out + shown.err


def test_a_terminal_gets_no_escapes_of_names_either(monkeypatch, capsys):
    """On a terminal tables have colours; names still have none."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with_names = PlainStream(sys.stdout)
    monkeypatch.setattr(sys, "stdout", with_names)
    print_table([EVIL], [[EVIL]], title=EVIL)
    remark(EVIL)
    shown = capsys.readouterr()
    assert "\x1b]0;" not in shown.out + shown.err
    assert "\x07" not in shown.out + shown.err
    assert "\\x1b]0;owned" in shown.out


def run(words: list, **options) -> subprocess.CompletedProcess:
    """A command in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", **options.pop("env", {})}
    command = [sys.executable, "-m", "coulombgas", *map(str, words)]
    return subprocess.run(command, env=environment, check=False, timeout=120, **options)


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_letters_that_an_encoding_lacks(tmp_path, store, encoding):
    weights = tmp_path / "gewicht-µ-λ.npz"
    np.savez(weights, **{"schicht-λ": np.random.default_rng(0).normal(size=(6, 4))})
    for words in (["spectra", weights], ["spectra", tmp_path / "λ"]):
        done = run(words, capture_output=True, env={"PYTHONIOENCODING": encoding})
        assert done.returncode == (0 if words[1] == weights else 2), done.stderr
        text = (done.stdout + done.stderr).decode(encoding)
        assert "Traceback" not in text
        assert ("λ" if encoding == "utf-8" else "\\u03bb") in text


def test_closed_streams():
    """``>&-`` and ``2>&-``: the status alone tells."""
    for redirect in (">&-", "2>&-", ">&- 2>&-", "<&-"):
        for words, status in (("--help", 0), ("merge nothing.zarr --out x", 2)):
            done = subprocess.run(
                ["bash", "-c", f"{sys.executable} -m coulombgas {words} {redirect}"],
                capture_output=True,
                check=False,
                env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
            )
            assert done.returncode == status, (redirect, words, done.stderr)
            assert b"Traceback" not in done.stderr
            assert b"Exception ignored" not in done.stderr


def test_a_reader_that_goes_away_and_a_full_disk(store):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    for words in (
        "--help",
        "derive --drift=-x --noise 1 --num 3",
        f"merge '{store}' --out '{store.parent}'/x --resume",
    ):
        line = f"{sys.executable} -m coulombgas {words} | true; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, check=False, env=environment)
        assert (done.returncode, done.stderr) == (0, b""), words
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m coulombgas --help > /dev/full"],
        capture_output=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"No space left on device" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["derive", "--drift", "x*(1/k - 1/(m - x))", "--params", "k=4", "m=9", "g=0.3", "--domain", "0", "9"],
        ["derive", "--drift", "a*x - b*x**3 + c", "--json"],
        ["simulate", "rbm", "--replicas", "3", "--steps", "5", "--out", "run.zarr", "--json"],
        ["nonsense"],
    ],
    ids=["derive", "symbols", "rbm", "error"],
)  # fmt: skip
def test_nothing_depends_on_the_hash_seed(tmp_path, words, reduced):
    found = []
    for seed in ("1", "77") if reduced else ("1", "2", "3", "77"):
        (tmp_path / seed).mkdir()
        done = run(words, capture_output=True, cwd=tmp_path / seed, env={"PYTHONHASHSEED": seed})
        levels = [cg.read_spectra(path).eigenvalue.values.tolist() for path in (tmp_path / seed).glob("*.zarr")]
        found.append((done.returncode, done.stdout, done.stderr, levels))
    assert all(one == found[0] for one in found)


def test_json_is_json_whatever_the_names(store, capsys):
    assert main(["merge", str(store), "--out", str(store.parent / "y"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["out"] == str(store.parent / "y")
