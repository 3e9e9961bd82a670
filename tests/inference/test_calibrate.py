"""Ranks and coverage: every law is calibrated, the wrong one is not."""

import dataclasses

import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from coulombgas._checks import InputError
from coulombgas.inference import CATALOGUE, calibrate
from coulombgas.inference.calibration._calibrate import uniformity
from coulombgas.inference.calibration._cases import CALIBRATED

OPTIONS = {"num_chains": 2, "num_warmup": 200, "num_draws": 256}
LAWS = ("pair", "rice", "known-gap", "density", "single", "group", "product", "gaussian", "poisson", "brody", "mixture")
SETTINGS = ("temperature", "response", "spectrum", "scaling", "joint-scaling")
WATCHED = {
    "temperature": "test_temperatures_have_the_quantiles_of_the_exact_posterior in test_sampler.py",
    "rice": "test_the_rice_posterior_is_that_of_quadrature in test_grid.py",
    "joint-scaling": "test_the_joint_posterior_is_that_of_the_rule_and_the_energies in test_densities.py",
} | dict.fromkeys(
    ("response", "spectrum"), "test_a_fit_knows_the_response_that_was_measured in theory/test_response.py"
)


def every(names):
    """The pair and the rule, one sampled by NUTS and one exactly; the others at full size only."""
    for name in names:
        watched = WATCHED.get(name, "test_samples_follow_the_law_and_not_another in laws/test_protocol.py")
        yield name if name in ("pair", "scaling") else pytest.param(name, marks=pytest.mark.full(watched))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(every(LAWS + SETTINGS)))
def test_ranks_are_uniform_and_intervals_cover(name, reduced, few_matrices):
    # coverage of 90% intervals is binomial with sd sqrt(0.09/num); false alarm 1e-3, or 6e-5 of the 40 at full size
    num, observations, deviations = (60, 60, 3.3) if reduced else (1600, 200, 4.0)
    options = OPTIONS if reduced else {}
    result = calibrate(name, num=num, num_observations=observations, seed=4, **options)
    assert result.passed(1e-3)  # false alarm 0.001 a model for the ranks
    for cover in result.coverage.values():
        assert abs(cover[0.9] - 0.9) < deviations * np.sqrt(0.09 / num)


@pytest.mark.slow
def test_the_wrong_law_fails(reduced):
    # spacings without repulsion, read as a Wigner surmise
    num = 60 if reduced else 400
    result = calibrate("pair", simulate_with="gaussian", gap=0.0, num=num, num_observations=60, seed=3, **OPTIONS)
    assert not result.passed(1e-3)
    assert result.coverage["width"][0.9] < 0.8
    assert "< 1e-99" in dataclasses.replace(result, p_values={"width": 0.0}).table()


def test_uniformity_knows_uniform_from_skewed():
    rng = np.random.default_rng(0)
    assert uniformity(rng.integers(0, 256, 400)) > 1e-3
    assert uniformity((rng.beta(1, 2, 400) * 256).astype(int)) < 1e-6


def test_unknown_model_and_missing_template():
    with pytest.raises(InputError, match="model"):
        calibrate("nonsense")
    with pytest.raises(InputError, match="template"):
        calibrate(lambda data: None)
    with pytest.raises(InputError, match="num"):
        calibrate("pair", num=3)
    assert set(LAWS) == set(CATALOGUE)
    assert set(LAWS + SETTINGS) == set(CALIBRATED)


@pytest.mark.slow
def test_a_program_of_ones_own_under_another_prior(reduced):
    """Counts; reduced, Gaussian numbers, which compile in a third of the time."""

    def counts(data):
        rate = numpyro.sample("rate", dist.Normal(0.0, 1.0) if reduced else dist.Gamma(2.0, 1.0))
        with numpyro.plate("observation", 20):
            numpyro.sample("count", dist.Normal(rate, 4.0) if reduced else dist.Poisson(rate), obs=data)

    prior = {"rate": dist.Normal(5.0, 0.5) if reduced else dist.Gamma(5.0, 0.5)}
    num = 60 if reduced else 100
    result = calibrate(counts, prior, template=np.ones(20), num=num, seed=2, **OPTIONS)
    assert result.passed(1e-3)
    assert result.model == "counts"
