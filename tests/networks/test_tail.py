"""Tails: exponents recovered at the nominal rate, models told apart, agreement with the powerlaw library."""

import warnings

import numpy as np
import pytest
from scipy import special, stats

from coulombgas import InputError
from coulombgas.networks import fit_tail
from coulombgas.networks._tail import _distances, _exponential_evidence, _log_normal_evidence, _power_law_evidence


def pareto(rng, exponent, size):
    return (1 - rng.random(size)) ** (-1 / (exponent - 1))


@pytest.mark.slow
@pytest.mark.parametrize("exponent", [1.8, 2.5, 4.0, 8.0])
def test_exponent_is_covered_at_the_nominal_rate(reduced, exponent):
    """x_min known: 95% ± 3.3 binomial errors (false alarm 1e-3); large exponents are not clamped."""
    num = 100 if reduced else 1500
    rng = np.random.default_rng(int(10 * exponent))
    covered = np.mean([
        fit_tail(np.sort(pareto(rng, exponent, 200)), minimum=1.0, num_draws=800, seed=i).exponent.contains(exponent)
        for i in range(num)
    ])  # fmt: skip
    assert abs(covered - 0.95) < 3.3 * np.sqrt(0.05 * 0.95 / num) + 0.01


@pytest.mark.slow
def test_exponent_with_unknown_minimum(reduced):
    """A uniform body below the tail: x_min is chosen, the interval holds the truth in at least 85% of cases."""
    num = 60 if reduced else 500
    rng = np.random.default_rng(3)
    covered, preferred = 0, 0
    for index in range(num):
        levels = np.sort(np.concatenate([rng.uniform(0, 1, 300), pareto(rng, 3.5, 100)]))
        fit = fit_tail(levels, num_draws=800, seed=index)
        covered += fit.exponent.contains(3.5)
        preferred += fit.preferred == "power law"
    assert covered >= 0.85 * num
    assert preferred >= 0.7 * num


def test_models_are_told_apart():
    """The right model has a probability above 0.95.

    It needs 12 000 values where models nearly coincide: a log-normal centred four widths below x_min differs from a
    power law by 0.0016 nats a value, so that 3000 values give 0.95 in 85% of samples only, 12 000 in 40 of 40 (lowest
    0.994); the same for an exponential (38 of 40 with 3000 values, 40 of 40 with 12 000).
    """
    rng = np.random.default_rng(4)
    samples = {
        "power law": pareto(rng, 2.5, 12_000),
        "exponential": 1 + rng.exponential(size=12_000),
        "log-normal": (x := np.exp(rng.normal(0.5, 0.6, 8000)))[x > 1],
    }
    for name, values in samples.items():
        fit = fit_tail(np.sort(values), minimum=1.0)
        assert fit.preferred == name
        assert fit.probabilities[name] > 0.95


def test_distances_of_tails_are_those_of_kolmogorov_and_smirnov():
    """SciPy's, of the logarithms from their exponential law; a whole weight is a value that occurs as often."""
    logs = np.sort(np.random.default_rng(7).exponential(0.7, 40)) + 1.3
    starts, counts = np.array([0, 12, 30]), np.random.default_rng(8).integers(1, 5, 40)
    found = _distances(logs, starts, logs[starts] - 0.1, np.array([np.ones(40), counts]))
    for row, times in zip(found, (np.ones(40, dtype=int), counts), strict=True):
        for value, start in zip(row, starts, strict=True):
            tail = np.repeat(logs[start:], times[start:]) - (logs[start] - 0.1)
            assert value == pytest.approx(stats.kstest(tail, stats.expon(scale=tail.mean()).cdf).statistic, rel=1e-9)


def test_evidence_of_each_law_is_its_likelihood_averaged_over_its_prior():
    """Eight values; SciPy's densities, by Gauss-Legendre over the logarithm of the rate or width, and the centre."""
    y = np.array([0.02, 0.1, 0.15, 0.4, 0.5, 0.9, 1.1, 2.0])
    nodes, weights = np.polynomial.legendre.leggauss(200)
    few, light = np.polynomial.legendre.leggauss(40)

    def average(log_likelihood, low, high):
        values = np.exp(np.log(low) + np.log(high / low) * (nodes + 1) / 2)
        return special.logsumexp(log_likelihood(values), b=weights / 2)

    def log_normal(width):
        wide, centre = width[:, None, None], (-0.5 + 3.5 * few)[:, None]  # widths from zero: −4 to 3
        law = stats.norm(centre * wide, wide)
        return special.logsumexp((law.logpdf(y) - law.logsf(0)).sum(axis=2), b=light / 2, axis=1)

    def power_law(rate):
        return stats.expon(scale=1 / rate[:, None]).logpdf(y).sum(axis=1)

    def exponential(rate):
        return stats.expon(scale=1 / rate[:, None]).logpdf(np.expm1(y)).sum(axis=1) + y.sum()

    assert _power_law_evidence(y) == pytest.approx(average(power_law, 0.05, 100), abs=0.02)
    assert _exponential_evidence(y) == pytest.approx(average(exponential, 1e-3, 100), abs=0.02)
    assert _log_normal_evidence(y) == pytest.approx(average(log_normal, 0.05, 5), abs=0.05)


def test_agrees_with_the_powerlaw_library():
    """Same x_min by Kolmogorov distance, same maximum-likelihood exponent, same winner."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import powerlaw

        rng = np.random.default_rng(5)
        levels = np.sort(np.concatenate([rng.uniform(0.2, 1, 15), pareto(rng, 2.6, 55)]))
        fit = fit_tail(levels)
        other = powerlaw.Fit(levels, verbose=False)
        at_theirs = fit_tail(levels, minimum=float(other.xmin))
    tail = levels[levels >= other.xmin]
    mle = 1 + tail.size / np.log(tail / other.xmin).sum()
    assert float(other.power_law.alpha) == pytest.approx(mle, rel=1e-6)
    assert at_theirs.exponent.mean == pytest.approx(mle, abs=0.15 * (mle - 1) / np.sqrt(tail.size) + 0.02)
    if tail.size >= 10:
        assert fit.minimum == pytest.approx(float(other.xmin))


def test_noise_gets_an_interval_that_says_so():
    """The edge of a Marchenko-Pastur bulk has no exponent worth the name: its interval spans a factor of two."""
    rng = np.random.default_rng(6)
    levels = np.linalg.svd(rng.normal(size=(300, 150)), compute_uv=False)[::-1] ** 2
    exponent = fit_tail(levels).exponent
    assert exponent.upper > 2 * exponent.lower


@pytest.mark.parametrize(
    "bad", [np.arange(1.0, 6), np.ones(50), np.zeros(50), np.r_[np.nan, np.arange(1.0, 40)], np.arange(40.0, 0, -1)]
)
def test_bad_levels(bad):
    with pytest.raises(InputError, match="eigenvalues"):
        fit_tail(bad)
