"""Outputs appear whole or not at all."""

import pytest

from coulombgas._checks import InputError
from coulombgas._files import atomic_directory, atomic_file, check_output


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
    target.mkdir()
    (target / "old").write_text("old")
    (target / "zarr.json").write_text("{}")
    with pytest.raises(RuntimeError), atomic_directory(target, overwrite=True):
        raise RuntimeError
    assert (target / "old").read_text() == "old"
    with atomic_directory(target, overwrite=True) as temporary:
        (temporary / "new").write_text("new")
    assert [p.name for p in target.iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_refusals(tmp_path):
    (tmp_path / "a").write_text("x")
    with pytest.raises(InputError, match="exists already"):
        check_output(tmp_path / "a")
    assert check_output(tmp_path / "a", overwrite=True) == tmp_path / "a"
    with pytest.raises(InputError, match="is a file, not a directory"):
        check_output(tmp_path / "a" / "b")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    with pytest.raises(InputError, match="no permission"):
        check_output(locked / "b")


def test_only_our_own_directories_are_replaced(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    assert check_output(home, overwrite=True) == home  # empty: nothing to lose
    (home / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="did not write"):
        check_output(home, overwrite=True)
    (home / "zarr.json").write_text("{}")
    assert check_output(home, overwrite=True) == home
    monkeypatch.chdir(home)
    with pytest.raises(InputError, match="did not write"):
        check_output(".", overwrite=True)
