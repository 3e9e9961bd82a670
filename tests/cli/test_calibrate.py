"""``coulombgas calibrate`` as a user meets it."""

import json

import numpy as np
import pytest

from coulombgas import inference
from coulombgas.cli._main import main
from coulombgas.inference import Calibration


@pytest.mark.full("test_the_result_is_printed_drawn_and_told_by_the_status in test_calibrate.py")
def test_json_and_figure(tmp_path, capsys):
    figure = tmp_path / "ranks.png"
    command = ["calibrate", "pair", "--num", "60", "--num-observations", "30", "--figure", str(figure), "--json"]
    assert main(command) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["model"] == "pair"
    assert document["passed"] is True
    assert figure.stat().st_size > 1000
    assert main(command) == 2  # the figure exists


@pytest.mark.parametrize("passes", [True, False])
def test_the_result_is_printed_drawn_and_told_by_the_status(monkeypatch, tmp_path, capsys, passes):
    """With ranks by hand in place of fits; what is asked for reaches the calibration."""
    asked = []

    def ranks(model, **options):
        asked.append((model, options))
        uniform = np.arange(60) % 20 if passes else np.zeros(60, dtype=int)
        return Calibration(
            model=model, ranks={"s": uniform}, num_ranks={"s": 20}, coverage={"s": {0.5: 0.5, 0.95: 0.95}},
            p_values={"s": 1.0 if passes else 1e-9}, divergences=0, worst_ess={"s": 900.0},
        )  # fmt: skip

    monkeypatch.setattr(inference, "calibrate", ranks)
    figure = tmp_path / "ranks.png"
    command = ["calibrate", "pair", "--num", "60", "--num-observations", "30", "--simulate-with", "gaussian"]
    command += ["--seed", "4", "--figure", str(figure), "--json"]
    assert main(command) == (0 if passes else 1)
    document = json.loads(capsys.readouterr().out)
    assert document["model"] == "pair"
    assert document["passed"] is passes
    assert figure.stat().st_size > 1000
    assert main(command) == 2  # the figure exists
    assert asked == [("pair", {"num": 60, "num_observations": 30, "simulate_with": "gaussian", "seed": 4})]


def test_bad_input_is_one_line(capsys):
    assert main(["calibrate", "nonsense"]) == 2
    assert main(["calibrate", "pair", "--num", "2"]) == 2
    assert capsys.readouterr().err.count("\n") == 2
