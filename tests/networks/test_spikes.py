"""Spikes: false alarms at the stated rate, planted signals found, strengths covered."""

import numpy as np
import pytest

from coulombgas.networks import find_spikes
from coulombgas.networks._spikes import outlier_sd
from coulombgas.spectra import layer_spectrum

RARE = pytest.mark.full("test_large_entries_are_no_spikes in test_entries.py")


def planted(rng, rows, columns, strengths=(), variance=0.3):
    """Noise of the given variance plus orthogonal signals of strength ℓ = θ²/(M v)."""
    matrix = np.sqrt(variance) * rng.normal(size=(rows, columns))
    if strengths:
        left = np.linalg.qr(rng.normal(size=(rows, len(strengths))))[0]
        right = np.linalg.qr(rng.normal(size=(columns, len(strengths))))[0]
        matrix = matrix + (left * np.sqrt(np.array(strengths) * rows * variance)) @ right.T
    return matrix


def levels_of(matrix):
    return np.linalg.svd(matrix, compute_uv=False)[::-1] ** 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "level"),
    [
        ((128, 64), 0.1),
        pytest.param((64, 64), 0.1, marks=pytest.mark.full("the other shape, here")),
        pytest.param((128, 64), 0.01, marks=RARE),
        pytest.param((64, 64), 0.01, marks=RARE),
    ],
)
def test_false_spikes_come_at_the_stated_rate(reduced, shape, level):
    """Binomial upper limit with false alarm 1e-3; a rate below half the level is a fault as well (full form only)."""
    num = 30 if reduced else 3000
    rng = np.random.default_rng(11)
    found = sum(
        find_spikes(levels_of(planted(rng, *shape)), shape[0], level=level, num_draws=200, seed=i).num_spikes > 0
        for i in range(num)
    )
    from scipy.stats import binom

    assert found <= binom.ppf(0.999, num, 1.15 * level)
    if not reduced:
        assert found >= binom.ppf(0.001, num, 0.5 * level)


@pytest.mark.slow
def test_signals_above_the_threshold_are_found_and_those_below_are_not(reduced):
    """ℓ threshold at aspect 1/2: 0.707. Two above (1.5, 3), two below (0.3, 0.4), 95% of strengths covered.

    Exactly two in at least 80% of cases; coverage within 3.3 binomial errors.
    """
    num = 16 if reduced else 500
    rng = np.random.default_rng(5)
    exact, covered, total = 0, 0, 0
    for index in range(num):
        fit = find_spikes(levels_of(planted(rng, 256, 128, (3.0, 1.5, 0.4, 0.3))), 256, num_draws=500, seed=index)
        exact += fit.num_spikes == 2
        for spike, strength in zip(fit.spikes, (3.0, 1.5), strict=False):
            covered += spike.strength.contains(float(np.sqrt(strength * 256 * 0.3)))
            total += 1
    assert exact >= 0.8 * num
    assert abs(covered / total - 0.95) < 3.3 * np.sqrt(0.05 * 0.95 / total) + 0.01


def test_strong_spikes_hide_no_weaker_ones():
    """Twenty strong signals inflate a naive variance estimate; the median does not see them."""
    rng = np.random.default_rng(6)
    fit = find_spikes(levels_of(planted(rng, 256, 128, (50.0,) * 20 + (2.0,))), 256)
    assert fit.num_spikes == 21
    assert fit.bulk.variance.contains(0.3)
    naive = planted(rng, 256, 128, (50.0,) * 20).var()
    assert naive > 1.5 * 0.3


def test_equal_signals_repel_and_their_intervals_know():
    """20 equal signals: their outliers spread as a GOE of 20; 95% ± 3.3 errors of the strengths are still covered."""
    rng = np.random.default_rng(7)
    truth = float(np.sqrt(5.0 * 256 * 0.3))
    covered = [
        spike.strength.contains(truth)
        for index in range(12)
        for spike in find_spikes(levels_of(planted(rng, 256, 128, (5.0,) * 20)), 256, seed=index).spikes
    ]
    assert np.mean(covered) > 0.9


def test_number_has_a_posterior():
    rng = np.random.default_rng(8)
    fit = find_spikes(levels_of(planted(rng, 200, 100, (2.0, 6.0))), 200)
    assert fit.probabilities.sum() == pytest.approx(1)
    assert fit.candidates[np.argmax(fit.probabilities)] == 2
    assert fit.probabilities.max() > 0.9
    noise = find_spikes(levels_of(planted(rng, 200, 100)), 200)
    assert noise.candidates[0] == 0
    assert noise.probabilities[0] > 0.25


def test_overlaps_are_those_of_the_vectors():
    """Squared overlaps with the planted vectors, mean of 20 matrices against the formula within 4 errors."""
    rng = np.random.default_rng(9)
    rows, columns, strength = 300, 100, 2.0
    found, expected = [], []
    for _ in range(12):
        left, right = rng.normal(size=rows), rng.normal(size=columns)
        left, right = left / np.linalg.norm(left), right / np.linalg.norm(right)
        matrix = rng.normal(size=(rows, columns)) + np.sqrt(strength * rows) * np.outer(left, right)
        u, s, vt = np.linalg.svd(matrix, full_matrices=False)
        found.append(((u[:, 0] @ left) ** 2, (vt[0] @ right) ** 2))
        spike = find_spikes(s[::-1] ** 2, rows, num_draws=200).spikes[0]
        expected.append((spike.overlap_long, spike.overlap_short))
    found, expected = np.array(found), np.array(expected)
    error = np.hypot(found.std(axis=0), expected.std(axis=0)) / np.sqrt(12)
    assert (np.abs(found.mean(axis=0) - expected.mean(axis=0)) < 4 * error + 0.005).all()


def test_outliers_scatter_as_predicted():
    """Standard deviation of 300 outliers within 4 errors (16%) of the outlier equation's."""
    rng = np.random.default_rng(10)
    rows, columns = 120, 60
    for strength in (1.5, 6.0):
        tops = [levels_of(planted(rng, rows, columns, (strength,), 1.0))[-1] for _ in range(300)]
        predicted = float(outlier_sd(np.array(strength), 1.0, float(rows), columns))
        assert np.std(tops) == pytest.approx(predicted, rel=0.16)
        place = rows * (1 + strength) * (1 + columns / rows / strength)
        assert np.mean(tops) == pytest.approx(place, rel=0.02)


def narrow(rng, rows, columns, strengths):
    """Levels of Gaussian noise with signals ℓ in units of the threshold; rows without signal by Bartlett's factor."""
    top = rng.normal(size=(strengths.size, columns))
    top[np.arange(strengths.size), np.arange(strengths.size)] += np.sqrt(strengths * np.sqrt(rows * columns))
    rest = np.tril(rng.normal(size=(columns, columns)), -1)
    rest += np.diag(np.sqrt(rng.chisquare(rows - strengths.size - np.arange(columns))))
    return np.linalg.eigvalsh(top.T @ top + rest @ rest.T)


@pytest.mark.slow
def test_number_of_spikes_has_the_probability_it_is_given(reduced):
    """Signals drawn from the prior, k with (1/2)^{k+1} and ℓ with 1/ℓ³: the probability of any is right on average.

    Within 3.3 errors (1e-3) and 0.03, and 95% intervals of the rows hold in at least the 1e-3 quantile of 92%.
    Control: the spikes that are found at 1% are too few by more than 3.3 errors.
    """
    from scipy.stats import binom

    num, rows = 40 if reduced else 800, 2000
    rng = np.random.default_rng(12)
    error, found, covered = [], [], 0
    for index in range(num):
        number = min(rng.geometric(0.5) - 1, 4)
        strengths = (1 - rng.random(number)) ** -0.5
        fit = find_spikes(narrow(rng, rows, 20, strengths), rows, num_draws=400, seed=index)
        none = float(fit.probabilities[fit.candidates == 0].sum())
        error.append(1 - none - (number > 0))
        found.append((fit.num_spikes > 0) - float(number > 0))
        covered += fit.bulk.rows.contains(float(rows))
    tolerance = 3.3 * np.std(error) / np.sqrt(num)
    assert abs(np.mean(error)) < tolerance + 0.03
    assert np.mean(found) < -tolerance
    assert covered >= binom.ppf(1e-3, num, 0.92)


def test_a_level_that_random_orders_of_the_entries_reach_more_often_than_the_rate_is_no_spike(reduced):
    """Sparse noise whose largest level 1.4 to 2.1% of random orders exceed, by 1000 orders in NumPy; a rate of 1%.

    The level's own part in the mean square counts: without it these were spikes. Control: one that 0.3% exceed is one.
    """
    for seed, spikes in ((894, 0), (1627, 1)) if reduced else ((894, 0), (931, 0), (1317, 0), (1515, 0), (1627, 1)):
        rng = np.random.default_rng(seed)
        matrix = rng.normal(size=(400, 40)) * (rng.random((400, 40)) < 0.1)
        one = layer_spectrum("w", matrix)
        orders = [rng.permutation(matrix.ravel()).reshape(matrix.shape) for _ in range(1000)]
        above = np.mean([np.linalg.eigvalsh(mixed.T @ mixed)[-1] >= one.eigenvalues[-1] for mixed in orders])
        assert (above < 0.006) if spikes else (0.012 < above < 0.03)
        fit = find_spikes(one.eigenvalues, one.rows, kurtosis=one.kurtosis, entries=one.entries, seed=0)
        assert fit.num_spikes == spikes, (seed, above)
