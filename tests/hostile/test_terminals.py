"""Whatever is left of a terminal: escapes in names, missing letters, closed and unread streams; hash seeds."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import coulombgas as cg
from coulombgas.cli import main
from coulombgas.cli._console import print_table, remark
from coulombgas.cli._plain import PlainStream
from coulombgas.spectra import make_spectra, write_store

ROOT = Path(cg.__file__).parents[1]
EVIL = "a\x1b[31m\x1b]0;owned\x07\x08\x9b\u202eb"


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    """A store in a folder with a name that a terminal would obey."""
    folder = tmp_path_factory.mktemp("names") / EVIL
    folder.mkdir()
    levels = np.random.default_rng(0).normal(2.0, 0.1, (1, 3, 1, 2))
    spectra = make_spectra(np.sort(levels), learning_rate=[0.1], batch_size=[2], model=cg.TeacherStudent().config())
    write_store(spectra, folder / "run.zarr")
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


SEVERAL = """
import json, os, sys
from coulombgas.cli import main
for words in json.loads(sys.argv.pop(1)):
    folder, sys.argv[1:] = words[0], words[1:]
    os.chdir(folder)
    status = main()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.write(f"== {status}\\n")
            stream.flush()
"""


def run(*commands: list, folder: Path, env: dict[str, str]) -> tuple[list[int], list[str], list[str]]:
    """Commands one after the other in a process of their own, each in its folder: statuses, outputs and errors."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", **env}
    for index in range(len(commands)):
        (folder / str(index)).mkdir(parents=True)
    words = [[str(folder / str(index)), *map(str, command)] for index, command in enumerate(commands)]
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL, json.dumps(words)],
        env=environment,
        check=False,
        timeout=200,
        capture_output=True,
    )
    encoding = env.get("PYTHONIOENCODING", "utf-8")
    parts = [re.split(r"== \d+\n", stream.decode(encoding)) for stream in (done.stdout, done.stderr)]
    statuses = [int(word) for word in re.findall(r"== (\d+)\n", done.stderr.decode(encoding))]
    assert len(statuses) == len(commands), done.stderr
    return statuses, *parts


def letters(folder: Path) -> list[list]:
    """Commands that show letters which not every encoding has."""
    weights = folder / "gewicht-µ-λ.npz"
    np.savez(weights, **{"schicht-λ": np.random.default_rng(0).normal(size=(6, 4))})
    return [["spectra", weights], ["spectra", folder / "λ"]]


def shows_letters(encoding: str, statuses: list[int], outputs: list[str], errors: list[str]) -> None:
    """What the two commands said, as they are or as escapes."""
    assert statuses == [0, 2], errors
    for output, error in zip(outputs, errors, strict=True):
        assert "Traceback" not in output + error
        assert ("λ" if encoding == "utf-8" else "\\u03bb") in output + error


@pytest.mark.full("test_nothing_depends_on_the_hash_seed in test_terminals.py")
@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_letters_that_an_encoding_lacks(tmp_path, encoding):
    found = run(*letters(tmp_path), folder=tmp_path / "here", env={"PYTHONIOENCODING": encoding})
    shows_letters(encoding, found[0], found[1][:2], found[2][:2])


TWO = """
import sys
from coulombgas.cli import main
statuses = []
for words in (["--help"], ["demo", "--replicas", "1", "--out", "x"]):
    sys.argv[1:] = words
    statuses.append(main())
sys.exit(int("".join(map(str, statuses))))
"""


@pytest.mark.parametrize("redirect", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_closed_streams(redirect):
    """``>&-`` and ``2>&-``: the statuses of --help, 0, and of a demo of one replica, 2, alone tell."""
    done = subprocess.run(
        ["bash", "-c", f'{sys.executable} -c "$TWO" {redirect}'],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", "TWO": TWO},
    )
    assert done.returncode == 2, (redirect, done.stderr)  # 02
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_a_reader_that_goes_away_and_a_full_disk(store, reduced):
    """The commands that load much in the full form only."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    merge = f"merge '{store}' --out '{store.parent}'/x --resume"
    for words in ("--help", *([] if reduced else ["derive --drift=-x --noise g", merge])):
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


WORDS = (
    ["nonsense"],
    ["derive", "--drift", "a*x - b*x**3 + c", "--json"],
    ["derive", "--drift", "x*(1/k - 1/(m - x))", "--params", "k=4", "m=9", "g=0.3", "--domain", "0", "9"],
    ["simulate", "rbm", "--replicas", "3", "--steps", "5", "--out", "run.zarr", "--json"],
)


@pytest.mark.slow
def test_nothing_depends_on_the_hash_seed(tmp_path, reduced):
    """Numbers and training in the full form only: `test_one_run_of_two_processes_that_jax_connects_itself` compares

    runs of several processes, each with a seed of its own. In the reduced form letters beyond the encoding as well.
    """
    words, found = WORDS[:2] if reduced else WORDS, []
    for seed in ("1", "77") if reduced else ("1", "2", "3", "77"):
        environment = {"PYTHONHASHSEED": seed, **({"PYTHONIOENCODING": "ascii"} if reduced else {})}
        more = letters(tmp_path) if reduced and seed == "77" else []
        found.append([*run(*words, *more, folder=tmp_path / seed, env=environment)])
        if more:
            shows_letters("ascii", *(part[len(words) : len(words) + 2] for part in found[-1]))
            found[-1] = [part[: len(words)] for part in found[-1]]
        found[-1][1:] = [part[: len(words)] for part in found[-1][1:]]
        if not reduced:
            found[-1].append(cg.read_spectra(tmp_path / seed / "3" / "run.zarr").eigenvalue.values.tolist())
    assert found[0][0] == [2, 0, 0, 0][: len(words)]
    assert all(one == found[0] for one in found)


def test_json_is_json_whatever_the_names(store, capsys):
    assert main(["merge", str(store), "--out", str(store.parent / "y"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["out"] == str(store.parent / "y")
