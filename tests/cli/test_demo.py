"""The demo, small: temperatures printed, everything written, nothing left of an interrupt."""

import json

import pytest

from coulombgas.cli import _demo
from coulombgas.cli._main import main


@pytest.fixture
def small(monkeypatch, reduced):
    """Few steps; of the two ensembles the smaller one in the reduced form."""
    ensembles = _demo._ensembles
    monkeypatch.setattr(_demo, "_ensembles", lambda: ensembles()[1 if reduced else 0 :])
    monkeypatch.setattr(_demo, "_RBM", {"learning_rate": (0.04, 0.02), "batch_size": (8,), "steps": 400})
    monkeypatch.setattr(_demo, "_STUDENT", {"learning_rate": (0.1, 0.05), "batch_size": (4,), "steps": 100})


@pytest.mark.slow
def test_demo_writes_a_report_and_prints_the_fits(small, tmp_path, capsys, reduced):
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), "--replicas", "40", "--json"]) == 0
    fits = json.loads(capsys.readouterr().out)
    assert set(fits) == {"teacher-student", *(() if reduced else ("rbm",))}
    for fit in fits.values():
        for setting in fit["settings"]:
            t = setting["temperature"]
            assert t["lower"] < t["mean"] < t["upper"]
            assert t["true"] == pytest.approx(setting["learning_rate"] / setting["batch_size"])
            assert 0.3 < t["mean"] / t["true"] < 2
    names = {path.name for path in out.iterdir()}
    for name in fits:
        assert {f"{name}.zarr", f"{name}.nc", f"{name}-temperature.png"} <= names
    assert "report.html" in names
    assert "How hot was this training?" in (out / "report.html").read_text(encoding="utf-8")


def test_two_ensembles_at_several_temperatures():
    """Each at settings of its own, whose temperatures differ by at least 2."""
    (rbm, machine, cold), (student, _, hot) = _demo._ensembles()
    assert (rbm, student) == ("rbm", "teacher-student")
    assert machine.num_modes == 10
    for options in (cold, hot):
        heats = [rate / batch for rate in options["learning_rate"] for batch in options["batch_size"]]
        assert max(heats) >= 2 * min(heats)


def test_an_interrupt_leaves_nothing(small, monkeypatch, tmp_path, capsys):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(_demo, "_fit", interrupt)
    monkeypatch.setattr("coulombgas.training.train", lambda *args, **kwargs: None)
    assert main(["demo", "--out", str(tmp_path / "demo")]) == 130
    assert list(tmp_path.iterdir()) == []


def test_refusals(tmp_path, capsys):
    (tmp_path / "demo").mkdir()
    assert main(["demo", "--out", str(tmp_path / "demo")]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["demo", "--out", str(tmp_path / "new"), "--replicas", "1"]) == 2
    assert "`replicas` must be at least 2" in capsys.readouterr().err
