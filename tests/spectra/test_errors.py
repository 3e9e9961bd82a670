"""Stated errors of spectral statistics against the scatter of independent spectra; groups and outliers at the edges."""

import numpy as np
import pytest
from scipy import linalg, stats

from coulombgas import InputError
from coulombgas.laws import mp_cdf, mp_edges
from coulombgas.spectra import (
    level_groups,
    number_variance,
    number_variance_curve,
    rigidity,
    rigidity_curve,
    spacing_ratio,
    unfold,
    weights_to_levels,
)
from coulombgas.spectra._smoothing import diagnose_smoothing
from coulombgas.spectra._unfold import isolated_levels
from coulombgas.spectra._vectors import _upper_quantile


def poisson_levels(seed: int, num: int, size: int) -> np.ndarray:
    """Independent levels of mean spacing 1."""
    return np.cumsum(np.random.default_rng(seed).standard_exponential((num, size)), axis=1)


@pytest.mark.parametrize(("statistic", "length"), [(number_variance, 20.0), (rigidity, 30.0)])
def test_block_errors_of_one_spectrum_are_its_scatter(statistic, length):
    """150 spectra of 1600 levels: their scatter is known to 6%, the mean error to 2%; within 26%, 4 errors.

    Control: windows counted as independent would state an error that is a fraction of it.
    """
    found = [statistic(levels, np.array([length])) for levels in poisson_levels(0, 150, 1600)]
    scatter = np.std([one.value[0] for one in found], ddof=1)
    assert np.mean([one.error[0] for one in found]) == pytest.approx(scatter, rel=0.26)


def test_scatter_of_spectra_is_the_error_of_their_mean():
    rows = poisson_levels(1, 30, 400)
    alone = np.array([number_variance(row, np.array([5.0])).value[0] for row in rows])
    together = number_variance(rows, np.array([5.0]))
    assert together.value[0] == pytest.approx(alone.mean(), rel=1e-12)
    assert together.error[0] == pytest.approx(alone.std(ddof=1) / np.sqrt(30), rel=1e-12)


@pytest.mark.parametrize("kind", ["independent", "alternating"])
def test_the_error_of_a_spacing_ratio_knows_that_ratios_share_spacings(kind):
    """3000 spectra of 300 levels: 4.5 errors of 1.3%. Control: ratios taken as independent are off by more."""
    levels = poisson_levels(2, 3000, 300)
    if kind == "alternating":  # spacings of two sizes: neighbouring ratios are strongly correlated
        spacings = np.diff(levels, axis=1, prepend=0)
        levels = np.cumsum(np.where(np.arange(300) // 3 % 2, 3 * spacings, spacings), axis=1)
    found = [spacing_ratio(row) for row in levels]
    scatter = np.std([one.mean for one in found], ddof=1)
    stated = np.sqrt(np.mean([one.error**2 for one in found]))
    assert stated == pytest.approx(scatter, rel=4.5 / np.sqrt(2 * 3000))


def test_ratios_that_alternate_leave_the_mean_no_less_than_half_the_error_of_independent_ones():
    """Ratios 0.2, 0.9, 0.2, …, whose first covariances sum to a negative variance."""
    found = spacing_ratio(np.cumsum(np.tile([1.0, 0.2, 0.18, 0.9], 500)))
    independent = 0.35 / np.sqrt(found.num_ratios)
    assert 0.5 < found.error / independent < 0.6
    low, high = found.interval
    assert stats.norm.cdf([low, high], found.mean, found.error) == pytest.approx([0.025, 0.975], abs=1e-4)


def test_nearness_of_negative_levels_is_relative_to_their_size():
    assert [group.modes for group in level_groups(np.array([-5.0, -5.0, -1.0]))] == [(0, 1), (2,)]
    assert [group.modes for group in level_groups(np.array([-5.0, -4.996, -4.0]))] == [(0, 1), (2,)]
    assert [group.modes for group in level_groups(np.array([-5.0, 0.0, 0.004, 1.0]))] == [(0,), (1, 2), (3,)]
    assert len(level_groups(np.array([-1.0, -0.998]))) == 2


@pytest.mark.parametrize(("gap", "apart"), [(5.9, 0), (6.1, 1), (13.0, 1)])
def test_a_level_stands_apart_by_the_spacings_inside_and_not_by_its_own(gap, apart):
    even = np.arange(100.0)
    assert isolated_levels(np.insert(even, 0, -gap)) == (apart, 0)
    assert isolated_levels(np.append(even, 99 + gap)) == (0, apart)


def test_windows_reach_to_half_of_the_spectrum():
    for statistic in (number_variance, rigidity):
        statistic(np.arange(9.0), np.array([4.0]))
        with pytest.raises(InputError, match="half of the spectrum"):
            statistic(np.arange(9.0), np.array([4.01]))


@pytest.mark.parametrize("octaves", [1, 2, 3, 4])
def test_fluctuations_are_reliable_up_to_half_the_wavelength_of_the_slowest_that_is_left(octaves):
    """Independent levels (a random walk about the ramp, closed to a ring) without their slowest modes."""
    size, rng = 2000, np.random.default_rng(octaves)
    walk = np.cumsum(rng.standard_normal(size))
    waves = np.fft.rfft(walk - np.linspace(0.0, walk[-1], size))
    waves[: 2**octaves] = 0.0
    ring = np.fft.irfft(waves, size)
    start = int(np.argmin(np.abs(ring - np.roll(ring, 1))))  # begin where the ring closes best
    found = diagnose_smoothing(np.arange(size) + np.roll(ring, -start))
    assert found.reliable_length == pytest.approx(size / (2 * (2**octaves - 1)))


def test_smoothing_where_none_is_asked_for_is_the_one_that_is_documented():
    """1 + √n/2 knots, but 3 to 64; a kernel of 4 + √n/2 spacings, but at most 20. Control: another one differs."""
    for size, knots, width in ((13, 3, 4 + 13**0.5 / 2), (400, 11, 14.0), (1600, 21, 20.0), (17_000, 64, None)):
        levels = np.sort(np.random.default_rng(size).uniform(0.0, 1.0, size))
        settings = [("spline", "num_knots", knots, 4)] + [("kernel", "bandwidth", width, 1.5)] * (width is not None)
        for method, name, value, other in settings:
            found = unfold(levels, method=method, outliers=(0, 0)).levels
            same, control = (
                unfold(levels, method=method, outliers=(0, 0), **{name: each}).levels for each in (value, value + other)
            )
            np.testing.assert_array_equal(found, same)
            assert (found != control).any() or size == 13  # which has no place for more than two knots


def test_how_often_correct_smoothing_is_called_too_smooth(reduced):
    """Levels of a Gaussian matrix, unfolded by the semicircle law: one of 3000; a rate of 0.1% gives as few once in 5.

    Independent levels of constant density have a steeper law, whose slope 100 levels tell too roughly: one in five is
    called so (40 or fewer of 300 have probability 1e-4), but one in a hundred once a spline has unfolded them.
    Reduced, 600 matrices and 100 sets of independent levels: 6 or fewer of those, and more than 6, once in 10⁴ each.
    """
    rng, size = np.random.default_rng(0), 100
    num, sets, least, most = (600, 100, 6, 6) if reduced else (3000, 300, 40, 12)

    def matrix():
        diagonal, beside = rng.normal(0.0, 2**0.5, size), np.sqrt(rng.chisquare(np.arange(size - 1, 0, -1)))
        x = np.clip(linalg.eigvalsh_tridiagonal(diagonal, beside) / (4 * size) ** 0.5, -1.0, 1.0)
        return size * (0.5 + (x * np.sqrt(1 - x**2) + np.arcsin(x)) / np.pi)

    def over(found):
        return any("over-smoothed" in warning for warning in found.warnings)

    independent = [np.sort(rng.uniform(0.0, size, size)) for _ in range(sets)]
    assert sum(over(diagnose_smoothing(matrix())) for _ in range(num)) <= 1
    assert sum(over(diagnose_smoothing(levels)) for levels in independent) > least
    assert sum(over(unfold(levels)) for levels in independent) <= most


def test_slow_fluctuations_of_independent_levels_have_the_power_that_fast_ones_predict():
    """Median of 60 random walks. The slope of the fast ones is known to 0.2: a factor of 3 five e-folds away."""
    walks = np.cumsum(np.random.default_rng(8).standard_normal((60, 1000)), axis=1)
    found = [diagnose_smoothing(np.arange(1000) + walk).low_frequency_power for walk in walks]
    assert 0.5 < np.median(found) < 4


def test_rigidity_is_the_integral_of_the_number_variance():
    """Δ₃(L) = 2/L⁴ ∫₀ᴸ (L³ − 2L²r + r³) Σ²(r) dr; L/15 for independent levels, whose Σ² is r."""
    for beta in (0, 1, 2, 4):
        for length in (0.5, 3.0, 20.0):
            r = (np.arange(100_000) + 0.5) / 100_000 * length
            weight = 2 / length**4 * (length**3 - 2 * length**2 * r + r**3) * length / 100_000
            expected = weight @ number_variance_curve(r, beta)
            assert rigidity_curve(length, beta) == pytest.approx(expected, rel=1e-4)
    assert number_variance_curve(3.0, 0) == 3.0


def test_localisation_of_random_vectors_has_the_quantiles_of_their_law():
    """log Σv⁴ of 40 000 Gaussian vectors, to four errors of 2000; it rises beyond them, up to a single component."""
    square = np.random.default_rng(9).standard_normal((40_000, 50)) ** 2
    logs = np.log((square**2).sum(axis=1) / square.sum(axis=1) ** 2)
    for probability in (0.5, 0.2, 0.05):
        place = _upper_quantile(50, probability, 0)
        assert np.mean(logs > place) == pytest.approx(probability, rel=4 / np.sqrt(2000 * probability))
    rare = [_upper_quantile(50, probability, 0) for probability in (1e-2, 1e-4, 1e-6)]
    assert rare[0] < np.quantile(logs, 0.999) < rare[1] < rare[2]
    assert np.mean(logs > rare[1]) < 3e-4
    assert _upper_quantile(2, 1e-12, 0) == 0.0


def test_no_level_lies_beyond_the_edges_of_marchenko_pastur():
    low, high = mp_edges(0.5, 300, 100)
    assert mp_cdf(np.array([0.5 * low, low, high, 1.2 * high, 9 * high]), 0.5, 300, 100) == pytest.approx(
        [0, 0, 1, 1, 1]
    )


def test_symmetric_levels_of_many_matrices_are_those_of_each():
    weights = np.random.default_rng(0).normal(size=(4, 3, 3))
    found = weights_to_levels(weights, kind="symmetric")
    for one, own in zip(found, weights, strict=True):
        np.testing.assert_allclose(one, np.linalg.eigvalsh((own + own.T) / 2), atol=1e-12)
    pairs = weights_to_levels(weights.reshape(2, 2, 3, 3), kind="symmetric")
    np.testing.assert_allclose(pairs.reshape(4, 3), found, atol=1e-12)
