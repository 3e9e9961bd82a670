"""The look at the built site finds each kind of fault, and none on a page without one."""

import importlib.util
import re
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "docs" / "check_site.py"
GOOD = """<html><body><article role="main"><h1 id="top">Levels<a href="#top">¶</a></h1><p>A level
<span class="math notranslate">\\(\\sqrt{T}\\)</span> of <code>x_$i$</code>, <a href="other.html#there">there</a>.</p>
<img src="a.png"/><div class="cell_output"><pre>T = 0.01 in runs/run.zarr</pre></div></article></body></html>"""
OTHER = '<html><body><article><h1 id="there">There</h1></article></body></html>'


@pytest.fixture(scope="module")
def checker():
    pytest.importorskip("bs4")
    if not SCRIPT.exists():
        pytest.skip("an installed copy has no pages")
    spec = importlib.util.spec_from_file_location("check_site", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _errors(checker, folder, text):
    tutorials = folder / "tutorials"
    tutorials.mkdir()
    (tutorials / "other.html").write_text(OTHER, encoding="utf-8")
    page = tutorials / "page.html"
    page.write_text(text, encoding="utf-8")
    return list(checker.errors_of(page, folder))


def test_a_sound_page_has_no_error(checker, tmp_path):
    assert _errors(checker, tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Levels<a", "Title<a", "has no title"),
        ("T = 0.01", "Traceback (most recent call last)", "a traceback"),
        ("T = 0.01", "/bin/sh: 1: coulombgas: not found", "a command that was not found"),
        ("T = 0.01", "UserWarning: cold", "a warning"),
        ("T = 0.01", "&lt;Figure size 9x2 with 2 Axes&gt;", "a representation of a figure"),
        ("T = 0.01", "&lt;a.B object at 0x7f&gt;", "the address of an object"),
        ("runs/run.zarr", "/home/somebody/run.zarr", "path of the machine"),
        ("A level", "A level \\frac{a}{b}", "formula as it was typed"),
        ("A level", "A level $x_i$", "formula as it was typed"),
        ("A level", "| a | b | | --- | --- | A level", "table as it was typed"),
        ("#there", "#nowhere", "no such anchor"),
        ("other.html#there", "gone.html", "is not there"),
        ("a.png", "https://cdn.example/a.png", "fetches"),
        ('<img src="a.png"/>', "", "without a picture"),
        ("x_$i$</code>", "x</code><pre>" + "x" * 89 + "</pre>", "cuts a line of"),
    ],
)
def test_each_fault_is_found(checker, tmp_path, old, new, said):
    assert old in GOOD
    assert any(said in error for error in _errors(checker, tmp_path, GOOD.replace(old, new)))


def test_the_way_of_one_temperature_names_what_exists():
    page = SCRIPT.parent / "developers.md"
    if not page.exists():
        pytest.skip("an installed copy has no pages")
    root = SCRIPT.parents[1]
    named = re.findall(r"`((?:tests/)?[a-z_]+(?:/[a-z_.]+)+|tests/[a-z_.]+)`", page.read_text(encoding="utf-8"))
    assert len(named) > 30
    for name in named:
        assert (root / name).exists() or (root / "coulombgas" / name).exists(), name
