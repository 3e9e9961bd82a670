"""The demo, small: temperatures printed, everything written, nothing left of an interrupt."""

import json
from types import SimpleNamespace

import pytest

from coulombgas.cli import _demo
from coulombgas.cli._main import main


@pytest.fixture
def small(monkeypatch):
    """Few steps."""
    monkeypatch.setattr(_demo, "_RBM", {"learning_rate": (0.04, 0.02), "batch_size": (8,), "steps": 400})
    monkeypatch.setattr(_demo, "_STUDENT", {"learning_rate": (0.1, 0.05), "batch_size": (4,), "steps": 100})


WATCHED = "test_the_demo_hands_on_what_it_trained in test_demo.py; test_json_and_outputs in test_fit.py"


@pytest.mark.slow
@pytest.mark.full(WATCHED)
def test_demo_writes_a_report_and_prints_the_fits(small, tmp_path, capsys):
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), "--replicas", "40", "--json"]) == 0
    fits = json.loads(capsys.readouterr().out)
    assert set(fits) == {"teacher-student", "rbm"}
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


def stand_in(name):
    """A fit without settings that says whose it is."""
    return SimpleNamespace(settings=(), as_dict=lambda: {"of": name}, save=lambda path: path.write_text(name))


def test_the_demo_hands_on_what_it_trained(small, monkeypatch, tmp_path, capsys):
    """Training, fits, pictures and the report by hand: each gets what the one before it gave."""
    told = {"train": [], "report": []}

    def train(model, *, replicas, seed, init, out, progress, **options):
        told["train"].append((model.name, replicas, seed, init, out.name, options))
        out.mkdir()
        return SimpleNamespace(attrs={"seed": seed, "config": model.name})

    def report(fits, path, *, notes, provenance):
        told["report"].append(([fit.as_dict() for fit in fits.values()], list(fits), provenance))
        path.write_text(" ".join(notes))

    def drawing(name):
        def draw(fit):
            return SimpleNamespace(savefig=lambda path: path.write_text("drawn"))

        draw.__name__ = name
        return draw

    monkeypatch.setattr("coulombgas.training.train", train)
    monkeypatch.setattr("coulombgas.inference.fit_temperature", lambda data, progress: stand_in(data.attrs["config"]))
    monkeypatch.setattr("coulombgas.report.ensemble_report", report)
    pictures = ("temperature", "scaling", "spacing", "density")
    for name in pictures:
        monkeypatch.setattr(f"coulombgas.plot.{name}", drawing(name))
    out, names = tmp_path / "demo", ("rbm", "teacher-student")
    assert main(["demo", "--out", str(out), "--replicas", "40", "--seed", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {name: {"of": name} for name in names}
    assert told["train"] == [
        (name, 40, 3, "fixed-point", f"{name}.zarr", options)
        for name, options in zip(names, (_demo._RBM, _demo._STUDENT), strict=True)
    ]
    provenance = {name: f"seed 3, {name}" for name in names}
    assert told["report"] == [([{"of": name} for name in names], list(names), provenance)]
    assert {path.name for path in out.iterdir()} - {".coulombgas.json"} == {
        "report.html", "temperature.png", *(f"{name}{end}" for name in names for end in (".zarr", ".nc")),
        *(f"{name}-{picture}.png" for name in names for picture in pictures),
    }  # fmt: skip


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
