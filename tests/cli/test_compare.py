"""``coulombgas compare`` as a user meets it."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from coulombgas import inference
from coulombgas.cli._main import main
from coulombgas.inference import Comparison, TemperatureFit


def write(path):
    rng = np.random.default_rng(1)
    draws = rng.standard_normal((300, 2, 2))
    levels = np.linalg.eigvalsh(2 * np.eye(2) + 0.01 * (draws + np.swapaxes(draws, 1, 2)) / 2)
    np.savez(
        path, eigenvalue=levels, learning_rate=0.1, batch_size=16, model="teacher-student", target=[2.0, 2.0], noise=0.1
    )
    return str(path)


def test_repulsion_beats_poisson(tmp_path, capsys):
    source = write(tmp_path / "user.npz")
    assert main(["compare", source, "--laws", "pair", "poisson", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["num_observations"] == 300
    assert [law["law"] for law in document["laws"]] == ["pair", "poisson"]
    worse = document["laws"][1]
    assert worse["difference"] > 3 * worse["difference_se"]


SETTINGS = ((0.1, 16), (0.1, 64), (0.02, 16), (0.02, 64))


def sweep(folder, replicas=200):
    """Widths with T ∝ α/B, one file for each setting."""
    rng, sources = np.random.default_rng(2), []
    for rate, batch in SETTINGS:
        draws = rng.standard_normal((replicas, 2, 2))
        width = 0.1 * (rate / batch / (1 - rate / 2)) ** 0.5
        levels = np.linalg.eigvalsh(2 * np.eye(2) + width * (draws + np.swapaxes(draws, 1, 2)) / 2)
        sources.append(str(folder / f"{rate}_{batch}.npz"))
        np.savez(
            sources[-1], eigenvalue=levels, learning_rate=rate, batch_size=batch, model="teacher-student",
            target=[2.0, 2.0], noise=0.1,
        )  # fmt: skip
    return sources


@pytest.mark.full("test_the_scaling_rules_are_those_of_the_fit_of_all_files in test_compare.py")
def test_scaling_rules(tmp_path, capsys):
    sources = sweep(tmp_path)
    assert main(["compare", *sources, "--scaling", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {law["law"] for law in document["laws"]} == {"linear rule", "free exponents"}
    assert main(["compare", sources[0], "--scaling"]) == 2
    assert "4 settings" in capsys.readouterr().err


def test_the_scaling_rules_are_those_of_the_fit_of_all_files(monkeypatch, tmp_path, capsys):
    """With a fit and a ranking by hand in place of long ones; what is asked for reaches them."""
    refuse, asked = inference.compare_scaling, []

    def fit(spectra, *, seed):
        asked.append(([(float(one.learning_rate[0]), int(one.batch_size[0])) for one in spectra], seed))
        return SimpleNamespace(settings=spectra)

    def rank(found, *, seed):
        if len(found.settings) < 4:
            return refuse(TemperatureFit(settings=(), scaling=None, method=""), seed=seed)
        asked.append(seed)
        return Comparison(scores=(), num_observations=len(found.settings))

    monkeypatch.setattr(inference, "fit_temperature", fit)
    monkeypatch.setattr(inference, "compare_scaling", rank)
    sources = sweep(tmp_path, replicas=3)
    assert main(["compare", *sources, "--scaling", "--seed", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["num_observations"] == 4
    assert asked == [(list(SETTINGS), 3), 3]
    assert main(["compare", sources[0], "--scaling"]) == 2
    assert "4 settings" in capsys.readouterr().err


def test_bad_laws_are_one_line(tmp_path, capsys):
    source = write(tmp_path / "user.npz")
    assert main(["compare", source, "--laws", "nonsense"]) == 2
    assert main(["compare", source, "--laws", "pair", "density"]) == 2
    assert main(["compare", str(tmp_path / "none.npz")]) == 2
    assert capsys.readouterr().err.count("\n") == 3
