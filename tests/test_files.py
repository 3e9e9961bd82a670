"""Outputs appear whole or not at all."""

import os
import subprocess
import sys

import pytest
import zarr

from coulombgas._checks import InputError
from coulombgas._files import (
    MARKER,
    ListOf,
    Record,
    Text,
    Whole,
    atomic_directory,
    atomic_file,
    check_document,
    check_output,
    identity_of,
    mark_output,
)


def test_a_file_appears_when_complete(tmp_path):
    with atomic_file(tmp_path / "deep" / "a.txt") as temporary:
        temporary.write_text("x")
        assert not (tmp_path / "deep" / "a.txt").exists()
    assert (tmp_path / "deep" / "a.txt").read_text() == "x"
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_of_a_failure(tmp_path, error):
    def write_and_fail(context, path):
        with context(path) as temporary:
            (temporary / "part" if temporary.is_dir() else temporary).write_text("half")
            raise error

    for context in (atomic_file, atomic_directory):
        with pytest.raises(error):
            write_and_fail(context, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_old_directory_survives_until_the_new_one_is_complete(tmp_path):
    target = tmp_path / "d"
    with atomic_directory(target) as temporary:
        (temporary / "old").write_text("old")
    with pytest.raises(RuntimeError), atomic_directory(target, overwrite=True):
        raise RuntimeError
    assert (target / "old").read_text() == "old"
    identity = identity_of(target)
    with atomic_directory(target, overwrite=True) as temporary:
        (temporary / "new").write_text("new")
    assert sorted(p.name for p in target.iterdir()) == [MARKER, "new"]
    assert [p.name for p in tmp_path.iterdir()] == ["d"]
    assert identity_of(target) not in (None, identity)


def test_refusals(tmp_path):
    (tmp_path / "a").write_text("x")
    with pytest.raises(InputError, match="exists already"):
        check_output(tmp_path / "a")
    assert check_output(tmp_path / "a", overwrite=True) == tmp_path / "a"
    with pytest.raises(InputError, match="is a file, not a directory"):
        check_output(tmp_path / "a" / "b")
    with pytest.raises(InputError, match="is a file, which is not replaced by a directory"):
        check_output(tmp_path / "a", overwrite=True, directory=True)
    with pytest.raises(InputError, match="is a directory, which is not replaced by a file"):
        check_output(tmp_path, overwrite=True, directory=False)
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    with pytest.raises(InputError, match="no permission"):
        check_output(locked / "b")
    for path in ("x" * 300, "a\0b"):
        with pytest.raises(InputError, match="cannot be written"):
            check_output(tmp_path / path)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("no"), lambda path: path.symlink_to("/")])
def test_pipes_and_links_are_never_replaced(tmp_path, make):
    make(tmp_path / "x")
    before = os.lstat(tmp_path / "x")
    with pytest.raises(InputError, match="which is not replaced"):
        check_output(tmp_path / "x", overwrite=True)
    assert os.path.samestat(os.lstat(tmp_path / "x"), before)


def test_only_our_own_directories_are_replaced(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    assert check_output(home, overwrite=True) == home  # empty: nothing to lose
    (home / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"did not write \(thesis.tex\)"):
        check_output(home, overwrite=True)
    (home / "zarr.json").write_text("{}")
    with pytest.raises(InputError, match=r"did not write \(thesis.tex, zarr.json\)"):
        check_output(home, overwrite=True)
    mark_output(home)
    assert check_output(home, overwrite=True) == home
    (home / "zarr.json").unlink()
    (home / "zarr.json").symlink_to("thesis.tex")  # a name of ours, but no longer a file of ours
    with pytest.raises(InputError, match=r"zarr\.json"):
        check_output(home, overwrite=True)
    (home / "zarr.json").unlink()
    monkeypatch.chdir(home)
    with pytest.raises(InputError, match="the one you are in"):
        check_output(".", overwrite=True)


def test_chunks_that_come_later_are_ours_and_nothing_else_is(tmp_path):
    group = zarr.open_group(tmp_path / "r", mode="w")
    array = group.create_array("a", shape=(1, 2), chunks=(1, 1), dtype="f8")
    mark_output(tmp_path / "r")
    array[...] = 1.0
    assert check_output(tmp_path / "r", overwrite=True)
    (tmp_path / "r" / "a" / "c" / "0" / "7.zarr").write_text("")
    with pytest.raises(InputError, match=r"a/c/0/7\.zarr"):
        check_output(tmp_path / "r", overwrite=True)


def test_what_appears_during_the_work_is_not_erased(tmp_path):

    def write_while_another_does() -> None:
        with atomic_directory(tmp_path / "d"):
            (tmp_path / "d").mkdir()
            (tmp_path / "d" / "theirs").write_text("x")

    with pytest.raises(InputError, match="did not write"):
        write_while_another_does()
    assert (tmp_path / "d" / "theirs").exists()


def test_one_writer_at_a_time_and_the_dead_hold_nothing(tmp_path):
    code = f"import time, pathlib; from coulombgas._files import atomic_directory\nwith atomic_directory({str(tmp_path / 'd')!r}) as t: (t / 'half').write_text('x'); print('in', flush=True); time.sleep(60)"  # noqa: E501
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    with pytest.raises(InputError, match="another process is writing"), atomic_directory(tmp_path / "d"):
        pass
    process.kill()
    process.communicate()
    with atomic_directory(tmp_path / "d") as temporary:
        (temporary / "whole").write_text("y")
    assert sorted(p.name for p in (tmp_path / "d").iterdir()) == [MARKER, "whole"]
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"a": 1, "b": [{"c": "x"}]}, None),
        ({"b": []}, "`a` is missing"),
        ({"a": True, "b": []}, "`a` must be a whole number of at least 0, got True"),
        ({"a": -1, "b": []}, "`a` must be a whole number of at least 0, got -1"),
        ({"a": 1, "b": {}}, "`b` must be a list, got {}"),
        ({"a": 1, "b": [{"c": "x"}, {"c": 1}]}, "`b[1].c` must be text, got 1"),
        ([], "the document must be an object"),
    ],
)
def test_a_schema_names_the_field(document, message):
    rule = Record({"a": Whole(), "b": ListOf(Record({"c": Text()}))})
    if message is None:
        assert check_document(document, rule, "f.json", "write it again") is document
        return
    with pytest.raises(InputError) as error:
        check_document(document, rule, "f.json", "write it again")
    assert str(error.value).startswith(f"f.json: {message}")
    assert str(error.value).endswith(": write it again.")
