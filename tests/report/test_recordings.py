"""Reports of recordings: the answer first, panels of every matrix, the rule across runs."""

import dataclasses
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import coulombgas as cg
from coulombgas.cli import main
from coulombgas.plot import motion_charts, rule_charts
from coulombgas.report import network_report, recordings_report, write_report
from tests.networks.test_motion_numbers import network

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def rule():
    """Held levels at three settings, by hand: 2αT an update with T ∝ α/B."""
    return cg.scaling_rule([network(relaxation=100.0, seed=seed) for seed in range(3)], num_draws=100)


def charts_of(text):
    return re.findall(r"<svg.*?</svg>", text, re.S)


def test_several_recordings_answer_first(rule, tmp_path):
    recordings_report(rule, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.index(f"Linear scaling rule, T ∝ α/B: {rule.verdict}.") < text.index('class="cards"')
    heats = [run.temperature.mean for run in rule.runs]
    assert f"{min(heats):.3g} to {max(heats):.3g}" in text
    assert text.count("<h3>α = 0.1, B = 8</h3>") == 3
    for title in ("levels in time", "noise of each level", "law of the moves", "stationarity"):
        assert text.count(f"<title>{title}</title>") == 3
    for chart in charts_of(text):
        ET.fromstring(chart)
        assert "nan" not in chart
    with pytest.raises(cg.InputError):
        write_report(rule, tmp_path / "page.html")


def test_one_recording_has_its_temperature_in_headline_and_cards(tmp_path):
    spectra = network(relaxation=100.0)
    network_report(cg.analyse(spectra), tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    heat = cg.scaling_rule(spectra, num_draws=100).runs[0].temperature
    told = f"Temperature {heat.mean:.3g} [{heat.lower:.3g}, {heat.upper:.3g}] in units of the loss"
    assert text.index(told) < text.index("What this says") < text.index('class="cards"')
    assert f'<div class="value">{heat.mean:.3g}</div>' in text
    assert "1 of 1 groups of levels is in equilibrium" in text
    network_report(cg.analyse(network(relaxation=np.inf)), tmp_path / "free.html")
    free = (tmp_path / "free.html").read_text(encoding="utf-8")
    assert "No temperature (sgd, α = 0.1, B = 8): of 1 groups of levels 1 diffuse without end" in free
    assert "in equilibrium, fluctuating" not in free


def test_charts_show_what_was_measured(rule):
    motion = rule.runs[0].layers[0].motion
    charts = dict(zip(("levels", "noise", "law", "isotropy", "stationary"), motion_charts(motion), strict=False))
    assert charts["levels"][0].count("<path") >= 6
    assert charts["noise"][0].count("<circle") == 6
    assert f"{motion.leading.noise.mean:.3g}" in charts["noise"][1]
    assert rule_charts(rule)[0][0].count("<circle") == 3  # one setting: no exponents, three points


def test_names_are_escaped(rule, tmp_path):
    runs = []
    for run in rule.runs:
        layers = tuple(dataclasses.replace(layer, name=HOSTILE) for layer in run.layers)
        runs.append(dataclasses.replace(run, path=HOSTILE, layers=layers))
    recordings_report(dataclasses.replace(rule, runs=tuple(runs)), tmp_path / "page.html")
    assert HOSTILE not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_command_takes_several_recordings(tmp_path, capsys):
    rng = np.random.default_rng(0)
    paths = []
    for index, rate in enumerate((0.1, 0.2)):
        paths.append(str(tmp_path / f"run{index}.zarr"))
        weights = np.diag(np.arange(1.0, 7.0))
        with cg.SpectrumRecorder(paths[-1], every=1, learning_rate=rate, batch_size=8, optimizer="sgd") as recorder:
            for step in range(1, 61):
                weights = weights + 1e-3 * rate * rng.standard_normal((6, 6))
                recorder(step, {"w": weights})
    assert main(["report", *paths, "--out", str(tmp_path / "page.html")]) == 0
    assert "Linear scaling rule, T ∝ α/B: " in (tmp_path / "page.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["spectra", paths[0]]) == 0
    assert "temperature, units of the loss: none: no group of levels is in equilibrium" in capsys.readouterr().out
