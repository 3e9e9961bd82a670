"""The report of a fit: self-contained, escaped, honest about misses."""

import re

import numpy as np
import pytest

import coulombgas as cg
from coulombgas._interval import summarise
from coulombgas.inference import LevelFit, SettingFit, TemperatureFit
from coulombgas.report import Card, Section, Table, ensemble_report, render_page


def setting(*, inferred=0.00125, path="run.zarr", warnings=(), batch_size=16):
    rng = np.random.default_rng(0)
    draws = inferred * np.exp(0.03 * rng.normal(size=(4, 100)))
    width = 0.1 * np.exp(0.02 * rng.normal(size=(4, 100)))
    levels = np.sort(4.0 + 0.1 * rng.normal(size=(50, 2)), axis=-1)
    level = LevelFit(
        center=4.0, modes=(0, 1), levels=levels, width_draws=width, center_draws=0 * width, width=summarise(width)
    )
    return SettingFit(
        path=path, model="rbm", learning_rate=0.02, batch_size=batch_size, temperature=summarise(draws),
        temperature_draws=draws, levels=(level,), num_replicas=50, r_hat=1.0, ess=400.0, divergences=0,
        warnings=warnings, true_temperature=0.02 / batch_size,
    )  # fmt: skip


def page(tmp_path, *settings, **options):
    fit = TemperatureFit(settings=settings, scaling=None, method="leading-order")
    ensemble_report(fit, tmp_path / "r.html", **options)
    return (tmp_path / "r.html").read_text(encoding="utf-8")


def test_one_setting_answers_in_its_first_sentence(words_alone, tmp_path):
    html = page(tmp_path, setting())
    assert re.search(r"The spectra give T = 0\.0012\d*, with 95% probability between 0\.001\d+ and 0\.001\d+", html)
    assert "an interval that contains α/B = 0.00125" in html


@pytest.fixture
def words_alone(monkeypatch, reduced):
    """Figures are not drawn to the end in the reduced form: for tests of the words."""
    if reduced:
        monkeypatch.setattr("coulombgas.report._html.inline_svg", lambda _: "data:image/svg+xml;base64,")


def test_a_miss_is_called_a_miss(words_alone, tmp_path):
    html = page(tmp_path, setting(inferred=0.002))
    assert "an interval that misses" in html
    assert "truth outside" in html
    assert 'class="flag"' in html


def test_several_settings_are_counted(words_alone, tmp_path):
    html = page(tmp_path, setting(), setting(inferred=0.002), setting(warnings=("chains disagree",)))
    assert "2 of 3 intervals" in html
    assert "chains disagree" in html


def test_nothing_is_fetched_and_names_are_escaped(tmp_path):
    html = page(tmp_path, setting(path="<script>alert(1)</script>"), title="a <b> title")
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html
    assert not re.search(r'(?:src|href)="(?!data:)', html)


def test_an_existing_report_is_kept(tmp_path):
    (tmp_path / "r.html").write_text("mine")
    with pytest.raises(cg.InputError, match="exists already"):
        page(tmp_path, setting())
    assert (tmp_path / "r.html").read_text() == "mine"


def test_render_page_shows_every_block():
    section = Section(heading="H", text=("some words",), tables=[Table(header=["a"], rows=[["1"]])], folded=True)
    html = render_page(
        title="t", lead="l", cards=[Card(label="c", value="v")], sections=[section], provenance={"k": "w"}
    )
    for piece in ("some words", "<summary>H</summary>", "<th>a</th>", "<td>1</td>", "<dt>k</dt><dd>w</dd>", ">v<"):
        assert piece in html
