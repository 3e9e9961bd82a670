"""The experiments of the mean-field theory in tiny form: their claims, their files."""

import importlib
import json

import numpy as np
import pytest


def experiment(name):
    return importlib.import_module(f"simulations.dmft_{name}")


def test_momentum_is_faster_and_starts_at_the_same_place():
    module = experiment("momentum")
    numbers = module.run(module.Config(strengths=(2.0, 2.3, 2.6), steps=240)).numbers
    places = np.array(list(numbers["threshold"].values()))
    assert np.ptp(places) < 0.05
    assert abs(places - numbers["algorithmic_threshold"]).max() < 0.08
    assert numbers["steps_to_half"]["heavy-ball"] < 0.7 * numbers["steps_to_half"]["gd"]


def test_random_features_rise_again():
    module = experiment("random_features")
    numbers = module.run(module.Config(num_times=8, dimension=60, replicas=12)).numbers
    assert numbers["rises_again_by"] > 0.01
    assert numbers["hermitian_rises_by"] == pytest.approx(0, abs=1e-9)
    assert numbers["largest_z"]["test_excess"] < 6


@pytest.mark.slow
@pytest.mark.full(
    "test_momentum_is_faster_and_starts_at_the_same_place in test_dmft.py; tests/dmft/test_diagonal_network.py"
)
def test_small_scales_search_longer_and_end_lower():
    module = experiment("diagonal_networks")
    config = module.Config(lazy_to_rich=(2.0, 0.5), search=(0.1, 0.01), steps=20, paths=400, dimension=60, replicas=2)
    numbers = module.run(config).numbers
    descent = numbers["time_of_descent"]
    assert descent["0.01"] > 1.3 * descent["0.1"]
    assert numbers["final_norm1"]["0.5"] < numbers["final_norm1"]["2"]


@pytest.mark.full(
    "test_momentum_is_faster_and_starts_at_the_same_place in test_dmft.py; tests/dmft/test_fixed_point.py"
)
def test_feature_learning_grows_a_spike(tmp_path):
    module = experiment("deep_linear")
    from simulations._experiment import save

    config = module.Config(feature_strengths=(0.3, 3.0), steps=12, every=12, time_step=0.05, dimension=60, replicas=4)
    outcome = module.run(config)
    assert outcome.numbers["gamma"]["0.3"]["outliers"][12] == []
    top = outcome.numbers["gamma"]["3"]["outliers"][12][0]
    assert top > outcome.numbers["bulk_edge"]
    simulated = outcome.numbers["gamma"]["3"]["simulated_top"][12]
    assert abs(simulated["value"] / top - 1) < 0.05
    assert simulated["predicted"] == top
    save(outcome, config, tmp_path / "out", name="dmft_deep_linear", seconds=1.0)
    assert json.loads((tmp_path / "out" / "numbers.json").read_text())["gamma"]
    assert {path.suffix for path in (tmp_path / "out").iterdir()} >= {".png", ".pdf", ".json"}
