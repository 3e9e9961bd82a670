"""The network report: self-contained, escaped, valid charts, and usable in a real browser with 300 matrices."""

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from coulombgas import analyse, plot
from coulombgas.plot._svg import Chart, ridge, short_names, ticks
from coulombgas.report import network_report
from coulombgas.report._conclusions import conclusions
from coulombgas.spectra import layer_spectrum

HOSTILE = '<img src=x onerror="alert(1)">"\'</script><script>alert(2)</script>'


def network(num=3, signal=0.0, steps=(None,), shape=(40, 24)):
    rng = np.random.default_rng(0)
    layers = []
    for step in steps:
        for index in range(num):
            matrix = rng.normal(size=shape) + signal * (index % 2) * np.outer(np.ones(shape[0]), np.ones(shape[1])) / 10
            layers.append(layer_spectrum(f"layer.{index}.weight", matrix, step=step, vectors=False))
    return layers


def render(layers, path, **options):
    network_report(analyse(layers), path, **options)
    return path.read_text(encoding="utf-8")


def test_page_is_self_contained_and_names_are_escaped(tmp_path):
    layers = [*network(2, signal=9.0), layer_spectrum(HOSTILE, np.random.default_rng(1).normal(size=(40, 24)))]
    text = render(layers, tmp_path / "page.html")
    assert HOSTILE not in text
    assert "&lt;img src=x" in text
    assert text.count("<script>") == 1
    assert not re.search(r"""(?:src|href)=["']?(?!data:)[a-z]+:""", text)
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert "Content-Security-Policy" in text
    for chart in re.findall(r"<svg.*?</svg>", text, re.S):
        ET.fromstring(chart)
        assert "nan" not in chart


def test_matrices_without_results_have_a_row_too(tmp_path):
    layers = [layer_spectrum("zero", np.zeros((9, 9))), layer_spectrum("tiny", np.ones((2, 3))), *network(1)]
    text = render(layers, tmp_path / "page.html")
    assert text.count('class="row"') == 3
    assert "all entries are zero" in text


def test_trajectory_has_ridges_and_statements(tmp_path):
    text = render(network(2, steps=(0, 10, 20)), tmp_path / "page.html")
    assert text.count('class="row"') == 2
    assert text.count("Density through training") == 2
    assert "no temperature" in text


def test_figures_for_papers():
    analysis = analyse(network(1, steps=(0, 50, 100), shape=(300, 200)))
    from coulombgas.networks import follow

    assert len(plot.layer(analysis[0]).axes) == 3
    assert len(plot.long_range(analysis[0]).axes) == 2
    assert len(plot.evolution(follow(analysis)[0]).axes) == 4


def test_ticks_are_round_and_inside():
    assert ticks((0.0, 1.0), False) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert ticks((0.02, 300.0), True) == pytest.approx([0.1, 1, 10, 100])
    for low, high in ((0.0, 3e-5), (-2.0, 7.0), (0.0, 12345.0)):
        found = ticks((low, high), False)
        assert 2 <= len(found) <= 6
        assert all(low <= value <= high * (1 + 1e-9) for value in found)


def test_numbers_beside_an_axis_stay_inside():
    """Eight characters of at least 4.9 pixels, as browsers draw them at this size: 7.5·10⁻⁷ was cut to 5·10⁻⁷."""
    chart = Chart((0, 1), (4e-8, 9e-7), y_log=False)
    places = re.findall(r'<text x="([\d.]+)" y="[\d.]+" text-anchor="end"[^>]*>([^<]+)</text>', chart.svg())
    assert max(len(label) for _, label in places) == 8
    assert all(float(x) >= 4.9 * len(label) for x, label in places)


def test_labels_of_a_ridge_do_not_overlap():
    curves = [(np.linspace(0, 1, 5), np.ones(5))] * 22
    drawn = ridge(curves, [f"s{index}" for index in range(22)], row=9)
    heights = sorted(float(y) for y in re.findall(r'y="([\d.]+)"[^>]*>s\d+<', drawn))
    assert len(heights) == 11
    assert np.diff(heights).min() >= 12
    assert ">s21<" in drawn


def test_chart_escapes_its_labels():
    chart = Chart((0, 1), (0, 1), x_label="<b>")
    chart.line(np.array([0.0, np.nan, 1.0]), np.array([0.0, 0.5, 1.0]))
    ET.fromstring(chart.svg("a & b"))
    assert "<b>" not in chart.svg()


PROBE = """
<script>
window.addEventListener("load", () => {
  const shown = () => [...document.querySelectorAll("tr.row")].filter(row => !row.hidden);
  const spikes = [...document.querySelectorAll("th button")].find(b => b.textContent === "spikes");
  const column = 1 + Number(spikes.dataset.column);
  const found = { rows: shown().length, script: typeof alerted };
  spikes.click(); spikes.click();
  const values = shown().map(row => Number(row.cells[column].dataset.value));
  found.sorted = values.every((v, i) => i === 0 || values[i - 1] >= v);
  const filter = document.getElementById("filter");
  filter.value = "LAYER.17 weight"; filter.dispatchEvent(new Event("input"));
  found.filtered = shown().length;
  found.count = document.getElementById("count").textContent;
  filter.value = ""; filter.dispatchEvent(new Event("input"));
  const box = document.querySelector(".only[value=spikes]");
  box.click();
  found.spiked = shown().length;
  box.click();
  const row = shown()[0];
  row.click();
  const panel = row.nextElementSibling;
  found.open = !panel.hidden && panel.querySelector("svg").getBoundingClientRect().width > 100;
  found.wide = document.documentElement.scrollWidth <= document.documentElement.clientWidth;
  const note = document.createElement("pre");
  note.id = "found"; note.textContent = JSON.stringify(found);
  document.body.append(note);
});
</script>
"""


@pytest.mark.slow
def test_three_hundred_matrices_in_a_browser(tmp_path, reduced):
    """Sorting, filtering, thumbnails and panels work in headless Chromium without network.

    Twenty matrices in the reduced form.
    """
    num = 20 if reduced else 300
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium installed")
    page = tmp_path / "page.html"
    text = render(network(num, signal=9.0), page)
    assert len(text) < 40_000 * num
    page.write_text(text.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--window-size=1320,900", f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=8000",
        "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True).stdout
    match = re.search(r'<pre id="found">(.*?)</pre>', shown)
    assert match is not None
    found = json.loads(match[1])
    assert found["rows"] == num
    assert found["sorted"]
    filtered = 1 if reduced else 11  # 17 and 170 … 179
    assert found["filtered"] == filtered
    assert found["count"] == f"{filtered} of {num} matrices"
    assert num / 2 - 10 <= found["spiked"] <= num / 2 + (2 if reduced else 15)
    assert found["spiked"] >= 9
    assert found["open"]
    assert found["wide"]


def spectra_of(**matrices):
    return [layer_spectrum(name, value, vectors=False) for name, value in matrices.items()]


def test_conclusions_rest_on_numbers(tmp_path):
    """Pure noise, one planted direction, heavy tails and blocks: each is said, with its numbers, and only then."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(200, 120)) / np.sqrt(200)
    direction = np.outer(*(v / np.linalg.norm(v) for v in (rng.normal(size=200), rng.normal(size=120))))
    quiet = conclusions(analyse(spectra_of(a=noise)).layers, level=0.01)
    assert quiet[0].startswith("No direction stands out of the noise in 1 matrix: 0 spikes")
    assert "in the one matrix" in quiet[1]
    spiked = conclusions(analyse(spectra_of(a=noise, b=noise + 9 * direction)).layers, level=0.01)
    assert spiked[0].startswith("1 direction beyond noise in 1 of 2 matrices; noise alone would give 0.02")
    (value,) = re.findall(r"in b: singular value ([\d.]+),", spiked[0])
    assert float(value) == pytest.approx(9, rel=0.05)
    assert any("no sign of learning" in sentence for sentence in spiked)
    heavy = np.diag((np.arange(1, 121) / 120.0) ** -1.0) @ rng.normal(size=(120, 120))
    shaped = conclusions(analyse(spectra_of(a=noise, c=heavy)).layers, level=0.01)
    assert "They do not in c: in c they are displaced by up to" in shaped[1]
    assert not any("all 2 matrices" in sentence for sentence in shaped)
    assert all(re.search(r"\d", sentence) for sentence in shaped[:-1])
    assert conclusions(analyse(spectra_of(z=np.ones((2, 2)))).layers, level=0.01) == []


def test_a_checkpoint_says_first_what_it_means(tmp_path):
    rng = np.random.default_rng(1)
    layers = spectra_of(**{"net.0.weight": rng.normal(size=(60, 40)), "net.2.weight": np.diag(np.arange(1.0, 41.0))})
    text = render(layers, tmp_path / "page.html")
    assert text.index("What this says") < text.index('class="cards"')
    assert "not random" not in text
    assert "repel each other like" not in text
    for chart in re.findall(r"<svg[^>]*>(?:(?!</svg>).)*<title>spikes</title>.*?</svg>", text, re.S):
        assert re.findall(r'font-size="9.5"[^>]*>([^<]+)<', chart) == ["0", "2"]
    remark = text[text.index("Remarks") :]
    assert '<a href="#m1" class="to">net.2.weight</a>' in remark
    moving = render(network(2, steps=(0, 10, 20)), tmp_path / "moving.html")
    assert "No noise could be measured in 2 of 2 matrices; in layer.0.weight: fewer than three records" in moving
    assert "None of this is a temperature" not in moving


def test_short_names():
    words = ("0.attn", "1.mlp", "11.a_rather_long_name_indeed")
    assert short_names([f"model.layers.{word}.weight" for word in words]) == ["0.attn", "1.mlp", "…er_long_name_indeed"]
    assert short_names(["weight"]) == ["weight"]
    assert short_names(["a", "a"]) == ["a", "a"]
