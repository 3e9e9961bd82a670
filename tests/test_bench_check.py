"""The guard of the benchmarks compares ratios, not times."""

import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "benchmarks"


@pytest.fixture(scope="module")
def guard():
    sys.path.insert(0, str(FOLDER))
    try:
        spec = importlib.util.spec_from_file_location("bench_guard", FOLDER / "run.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(FOLDER))
    return module


def _record(seconds, ratio, rows=("10", "64")):
    header = ["N", "seconds", "× loop", "to the record"]
    return {"tables": [{"title": "t", "header": header, "labels": 1,
                        "rows": [[row, str(seconds), str(ratio), "1"] for row in rows]}]}  # fmt: skip


def test_a_slower_machine_shows_no_fall(guard):
    assert guard.fallen(_record(1.0, 5.0), _record(4.0, 4.9), 0.7) == []


def test_a_ratio_that_fell_is_named_with_both_values(guard):
    lines = guard.fallen(_record(1.0, 5.0), _record(1.0, 3.4), 0.7)
    assert lines == ["t · × loop · 10: was 5, is 3.4", "t · × loop · 64: was 5, is 3.4"]


def test_a_ratio_that_is_no_longer_measured_is_named(guard):
    assert guard.fallen(_record(1.0, 5.0), _record(1.0, 5.0, rows=("10",)), 0.7) == [
        "t · × loop · 64: was 5, is no longer measured"
    ]


def test_nothing_to_compare_with_is_no_success(guard, tmp_path, capsys):
    assert guard.main(["--check", "laws", "--results", str(tmp_path / "none.json")]) == 1
    assert "0 ratios compared" in capsys.readouterr().out


def test_an_unknown_name_is_refused_with_the_known_ones(guard, capsys):
    with pytest.raises(SystemExit):
        guard.main(["ruffle"])
    assert "no benchmark called ruffle" in capsys.readouterr().err
