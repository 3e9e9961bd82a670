"""``coulombgas rule`` and ``rescale``, and recordings that are no weights."""

import json

import numpy as np
import pytest

from coulombgas import InputError, SpectrumRecorder, load_spectra
from coulombgas.cli import main


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Diagonal matrices whose entries diffuse with T = 10⁻⁴ α/B."""
    folder, paths = tmp_path_factory.mktemp("runs"), []
    for index, (rate, batch) in enumerate([(0.02, 16), (0.02, 256), (0.16, 16), (0.16, 256), (0.06, 64)]):
        rng, levels = np.random.default_rng(index), 5.0 * np.arange(1, 6)
        paths.append(str(folder / f"run{index}.zarr"))
        options = {"learning_rate": rate, "batch_size": batch, "optimizer": "sgd"}
        with SpectrumRecorder(paths[-1], every=10, **options) as recorder:
            for step in range(0, 800, 10):
                recorder(step, {"w": np.diag(levels)})
                levels = levels + np.sqrt(2e-3 * rate**2 / batch) * rng.standard_normal(5)
    return paths


def test_rule_prints_the_verdict_and_the_document(runs, capsys, tmp_path):
    out = tmp_path / "rule.json"
    assert main(["rule", *runs, "--json", "--out", str(out)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads(out.read_text())
    assert list(document) == ["runs", "scaling", "verdict"]
    assert [run["path"] for run in document["runs"]] == runs
    assert document["verdict"].startswith("holds")
    assert main(["rule", *runs, "--out", str(out)]) == 2
    assert "exists" in capsys.readouterr().err
    assert main(["rule", *runs[:2]]) == 0
    shown = capsys.readouterr().out
    assert "Linear scaling rule, T ∝ α/B: cannot be told" in shown
    assert "α = 0.02, B = 256" in shown


def test_rescale_prints_law_and_assumption(runs, capsys):
    words = ["rescale", "--learning-rate", "0.1", "--batch-size", "32", "--to-batch-size", "64"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "learning rate 0.2 at batch size 64" in shown
    assert "it assumes" in shown
    assert main([*words, *runs, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["learning_rate"]["lower"] < 0.2 < found["learning_rate"]["upper"]
    assert main([*words[:-1], "0"]) == 2
    assert "`to_batch_size` must be at least 1" in capsys.readouterr().err


def test_recordings_are_never_analysed_as_weights(runs, capsys, tmp_path):
    assert main(["spectra", *runs[:2]]) == 2
    assert "`coulombgas rule` compares several recordings" in capsys.readouterr().err
    page = tmp_path / "rule.html"
    assert main(["report", *runs[:2], "--out", str(page)]) == 0  # compared, as by the rule
    text = page.read_text(encoding="utf-8")
    assert "temperature" in text
    assert "Marchenko-Pastur" not in text
    with pytest.raises(InputError, match="holds eigenvalues"):
        load_spectra(runs[0])
    with pytest.raises(InputError, match="holds eigenvalues"):
        load_spectra(runs)


def test_spectra_of_one_recording_prints_its_motion(runs, capsys):
    assert main(["spectra", runs[0]]) == 0
    assert "one update adds" in capsys.readouterr().out
