"""The experiments on networks: spikes, phases, transformers, each on a small configuration."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import coulombgas as cg
from simulations import bbp, initialisation, nano_gpt, phase_diagram


def test_spike_predictions_meet_at_the_critical_step():
    config = bbp.Config()
    at = float(bbp.predictions(config, np.array([0]))["critical_step"])
    just_after = bbp.predictions(config, np.array([at + 1e-6]))
    np.testing.assert_allclose(just_after["outlier"], just_after["edge"], rtol=1e-6)
    np.testing.assert_allclose(just_after["overlap"], 0, atol=1e-4)
    assert np.isnan(bbp.predictions(config, np.array([at - 1e-6]))["outlier"]).all()


@pytest.mark.slow
def test_a_spike_is_where_it_should_be_when_it_should(reduced):
    """Ten z-scores beyond the transition, |z| < 4 each: false alarm 6e-4. Control: the prediction of another rate."""
    config = bbp.Config(rows=200, columns=100, steps=(10, 60, 80), replicas=12 if reduced else 100)
    outcome = bbp.run(config)
    before, *after = outcome.numbers["steps"]
    assert not before["separated"]
    assert before["seen"]["value"] < 0.25
    for row in after:
        assert row["separated"]
        assert row["seen"]["value"] == 1.0
        assert abs(row["top"]["sigmas"]) < 4
        assert row["overlap"]["value"] == pytest.approx(row["overlap"]["predicted"], abs=0.02)
    wrong = bbp.predictions(replace(config, rate=0.022), np.array([80]))["outlier"][0]
    assert abs(after[-1]["top"]["value"] - wrong) / after[-1]["top"]["error"] > 4


def test_phases_are_distinguished():
    config = replace(phase_diagram.Config(), replicas=2)
    summary = {
        "motion": np.array([[[0.01, 0.01], [0.5, 0.5], [9.0, 9.0]]]),
        "loss_ratio": np.array([[[1.0, 1.0], [0.1, 0.1], [3.0, 2.0]]]),
    }
    assert [phase_diagram.classify(summary, (0, j), config) for j in range(3)] == ["frozen", "learning", "noisy"]


def test_the_network_is_the_one_described():
    weights = jax.random.normal(jax.random.key(0), (16, 32))
    first, last = phase_diagram.fixed_layers(jax.random.key(1))
    x = np.array([0.3, -1.0, 2.0])
    expected = np.tanh(np.asarray(weights) @ np.tanh(np.asarray(first) @ x)) @ np.asarray(last)
    np.testing.assert_allclose(phase_diagram.network(weights, (first, last), jnp.asarray(x)), expected, rtol=1e-5)


@pytest.mark.slow
def test_a_corner_of_the_phase_diagram():
    config = phase_diagram.Config(learning_rates=(0.125, 1.0), stds=(1.0, 256.0), steps=200, replicas=4)
    outcome = phase_diagram.run(config)
    points = {(row["std"], row["learning_rate"]): row for row in outcome.numbers["points"]}
    assert points[256.0, 0.125]["phase"] == "frozen"
    assert points[1.0, 1.0]["loss_ratio"]["value"] < 0.5
    assert points[1.0, 1.0]["motion"]["value"] > points[256.0, 0.125]["motion"]["value"]
    assert sum(outcome.numbers["counts"].values()) == 4


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: bbp.Config(rows=10, columns=20), "`rows`"),
        (lambda: bbp.Config(rate=0.0), "`rate`"),
        (lambda: phase_diagram.Config(stds=(-1.0,)), "`stds`"),
        (lambda: phase_diagram.Config(steps=1), "`steps`"),
    ],
)
def test_bad_settings_are_named(build, match):
    with pytest.raises(cg.InputError, match=match):
        build()


@pytest.mark.slow
def test_every_matrix_of_an_untrained_transformer_is_marchenko_pastur(reduced):
    """Shares within 3.3 binomial errors of their rates, <r> within 3.3 standard errors: false alarm 1e-3 each."""
    outcome = initialisation.run(initialisation.Config(size="tiny" if reduced else "char", seeds=2 if reduced else 26))
    every, num = outcome.numbers["all"], outcome.numbers["all"]["matrices"]
    assert num == (30 if reduced else 1014)
    limit = 3.3 * np.sqrt(0.05 * 0.95 / num)
    assert abs(every["variance_covered"]["value"] - 0.95) < limit
    assert abs(every["aspect_covered"]["value"] - 0.95) < limit
    assert every["false_spikes"]["value"] < 0.01 + 3.3 * np.sqrt(0.01 * 0.99 / num)
    assert every["marchenko_pastur"]["value"] > 0.99 - 3.3 * np.sqrt(0.01 * 0.99 / num)
    assert abs(every["ratio"]["sigmas"]) < 3.3
    # controls: independent levels are told apart; a signal at twice the BBP threshold is seen in most matrices
    assert every["ratio"]["value"] - 0.3863 > 10 * every["ratio"]["error"]
    assert every["control_found"]["value"] > (0.7 if reduced else 0.95)


@pytest.mark.slow
@pytest.mark.full(
    "test_every_matrix_of_an_untrained_transformer_is_marchenko_pastur; test_spectra_and_weights_are_kept"
)
def test_key_matrices_start_as_a_gas_of_random_levels(tmp_path):
    """At initialisation <r> of the pooled key matrices is the GOE's within 4 standard errors (false alarm 6e-5)."""
    (tmp_path / "t.txt").write_text("the level repels the level and the gas is warm. " * 200)
    config = nano_gpt.Config(text=str(tmp_path / "t.txt"), adamw=((1e-3, 4),), sgd=(), steps=4, records=2, replicas=2)
    outcome = nano_gpt.run(config)
    (row,) = outcome.numbers["runs"]
    assert [record["step"] for record in row["steps"]] == [0, 2, 4]
    first = row["steps"][0]
    assert first["matrices"] == 4
    assert first["matrices_with_spikes"] == 0
    assert first["tails"] == {"power law": 0, "log-normal": 0, "exponential": 0}
    assert first["bulk_variance"] == pytest.approx(0.02**2, rel=0.05)
    ratio = first["ratio"]
    assert abs(ratio["value"] - outcome.numbers["goe_ratio"]) < 4 * ratio["error"]
    assert abs(ratio["value"] - 0.3863) > 4 * ratio["error"]  # control: Poisson is told apart
