"""Thresholds and errors inside the analysis of a network, by hand or by SciPy."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from coulombgas.networks import analyse_layer, find_spikes, fit_bulk, fit_tail, independence
from coulombgas.networks._bulk import _effect, draw_bulk
from coulombgas.networks._spikes import level_sds
from coulombgas.networks._trajectory import _drift
from coulombgas.spectra import layer_spectrum, unfold
from coulombgas.spectra._entries import _large


def test_a_drift_is_a_regression_with_its_interval():
    """The later half of the records: slope of log v over that half and its error, by SciPy; 95% is 1.96 errors."""
    rng, steps = np.random.default_rng(0), 10 * np.arange(41)
    variance = np.exp(0.3 * steps / 400 + 0.05 * rng.normal(size=41))
    expected = stats.linregress((steps[20:] - 200) / 200, np.log(variance[20:]))
    small = analyse_layer(layer_spectrum("w", np.eye(2)))
    assert small.spikes is None  # whose errors would be added
    found = _drift(steps, variance, [small])
    assert found.mean == pytest.approx(expected.slope)
    assert found.sd == pytest.approx(expected.stderr)
    assert (found.lower, found.upper) == pytest.approx(
        (expected.slope - 1.96 * expected.stderr, expected.slope + 1.96 * expected.stderr)
    )


@pytest.mark.parametrize(("p_value", "told"), [(0.0015, True), (0.0025, False), (0.04, False)])
@pytest.mark.parametrize("test", range(4))
def test_each_of_five_tests_has_a_fifth_of_one_percent(p_value, told, test):
    layer = layer_spectrum("w", np.random.default_rng(1).normal(size=(60, 40)))
    p_values = tuple(p_value if index == test else 0.5 for index in range(4))
    layer = replace(layer, entries=layer.entries._replace(p_values=p_values))
    assert len(independence(layer, fit_bulk(layer.eigenvalues, layer.rows)).departures) == told


def test_logarithms_that_scatter_more_know_the_rows_less():
    """Entries of kurtosis 6: errors of the rows as much larger as Σ log x scatters; 4000 draws know both to 1.6%."""
    levels = np.linalg.eigvalsh((matrix := np.random.default_rng(2).normal(size=(80, 40))).T @ matrix)
    wide = _effect(levels, 80, 6.0, None).flattening
    assert wide > 1.4
    heavy, plain = (fit_bulk(levels, 80, kurtosis=kurtosis, num_draws=4000).rows for kurtosis in (6.0, 0.0))
    assert (heavy.sd / heavy.mean) / (plain.sd / plain.mean) == pytest.approx(np.sqrt(wide), rel=0.2)


@pytest.mark.parametrize("filled", [1, 20, 21, 22, 40])
def test_large_entries_among_zeros(filled):
    """Sizes that fall by a twentieth from one to the next end in no gap, however few entries are not zero."""
    sizes = 0.95 ** np.arange(filled)
    matrix = np.zeros((30, 8))
    matrix.ravel()[np.random.default_rng(3).permutation(240)[:filled]] = sizes * np.where(np.arange(filled) % 2, 1, -1)
    assert _large(matrix, 0.5) == pytest.approx(tuple(sizes[sizes > 0.5]))


def test_sixty_large_entries_in_one_block_are_all_found():
    sizes = 0.95 ** np.arange(120)
    matrix = np.zeros((30, 8))
    matrix.ravel()[np.random.default_rng(3).permutation(240)[:120]] = sizes
    assert _large(matrix, 0.047) == pytest.approx(tuple(sizes[:60]))


@pytest.mark.parametrize(
    ("scores", "p_value"), [((-1.0, 3.0), 0.61708), ((0.96, 2.96), 0.05), ((-2.96, -0.96), 0.05), ((-1.0, 1.0), 1.0)]
)
def test_the_number_of_rows_has_the_p_value_of_a_normal_score(scores, p_value):
    """Two draws of log ν have mean (a + b)/2 and deviation (b − a)/2; p at 0.5 and 1.96 deviations by the table."""
    layer = layer_spectrum("w", np.random.default_rng(1).normal(size=(60, 40)))
    fit = fit_bulk(layer.eigenvalues, 60)
    found = independence(layer, replace(fit, rows_draws=60 * np.exp(0.01 * np.array(scores))))
    assert found.p_values["number of rows"] == pytest.approx(p_value, abs=1e-4)


def test_a_known_number_of_rows_is_no_departure():
    """Equal draws have no score; rounding, which gives them a standard deviation of 1e−16, must not make one."""
    layer = layer_spectrum("w", np.random.default_rng(1).normal(size=(60, 40)))
    found = independence(layer, fit_bulk(layer.eigenvalues, 60, aspect="shape"))
    assert found.p_values["number of rows"] == 1.0
    assert found.holds


def test_the_largest_noise_level_scatters_as_simulated():
    """Over 4000 matrices, whose standard deviation is known to 1.5%; Tracy-Widom's law is good to a few percent."""
    noise = np.random.default_rng(4).normal(size=(4000, 60, 30))
    levels = np.linalg.eigvalsh(noise.transpose(0, 2, 1) @ noise)
    fit = find_spikes(levels[0], 60)
    assert fit.bulk.num_spikes == 0
    unit = fit.bulk.best_variance * fit.bulk.rows.mean / 60  # of this matrix
    assert level_sds(fit, edge=True) / unit == pytest.approx(levels[:, -1].std(), rel=0.08)


@pytest.mark.parametrize("minimum", [None, 1.0])
@pytest.mark.parametrize("unit", [1e-6, 0.1, 300.0])
def test_a_tail_is_the_same_in_any_unit(minimum, unit):
    values = np.sort(1 + np.random.default_rng(5).exponential(size=200))
    once = fit_tail(values, minimum=minimum)
    again = fit_tail(unit * values, minimum=None if minimum is None else minimum * unit)
    assert again.probabilities == pytest.approx(once.probabilities, rel=1e-6)
    assert again.minimum == pytest.approx(once.minimum * unit)
    assert again.exponent.mean == pytest.approx(once.exponent.mean)


def test_kurtosis_moves_levels_as_it_moves_their_mean():
    """Mean levels of 600 matrices fit as those of Gaussian entries with their own kurtosis (0.1), not with its negative
    (0.25 more)."""
    rng = np.random.default_rng(6)

    def mean_levels(entries):
        return np.linalg.eigvalsh(entries.transpose(0, 2, 1) @ entries).mean(axis=0)

    def distance(entries, kurtosis):
        return fit_bulk(mean_levels(entries), 60, kurtosis=kurtosis, aspect="shape").distance

    normal = distance(rng.normal(size=(600, 60, 30)), 0.0)
    signs, heavy = rng.choice([-1.0, 1.0], size=(600, 60, 30)), rng.laplace(size=(600, 60, 30))
    for entries, kurtosis in ((signs, -2.0), (heavy, 3.0)):
        assert distance(entries, kurtosis) == pytest.approx(normal, abs=0.1)
        assert distance(entries, -kurtosis) > normal + 0.25


@pytest.mark.parametrize("aspect", ["free", "shape"])
def test_the_aspect_counts_spikes_and_its_rows_are_the_mean_draw(aspect):
    levels = np.linalg.eigvalsh((matrix := np.random.default_rng(7).normal(size=(80, 40))).T @ matrix)
    levels[-4:] += 200 * np.arange(1, 5)
    draws = draw_bulk(levels, 80, 4, kurtosis=0.0, entries=None, aspect=aspect, num_draws=500, seed=0)
    fit = draws.fit
    assert (np.ptp(fit.rows_draws) > 0) == (aspect == "free")
    assert draws.mean_rows == pytest.approx(np.mean(fit.rows_draws), rel=1e-12)
    assert fit.aspect.mean == pytest.approx(np.mean(40 / fit.rows_draws), rel=1e-12)


@pytest.mark.parametrize("rank", [30, 12])
def test_localisation_is_that_of_the_vectors_of_levels_that_do_not_vanish(rank):
    """Participation numbers of NumPy's singular vectors over their mean (n + 2)/3."""
    left, singular, right = np.linalg.svd(np.random.default_rng(8).normal(size=(50, 30)), full_matrices=False)
    matrix = (left[:, :rank] * singular[:rank]) @ right[:rank]
    found = analyse_layer(layer_spectrum("w", matrix, vectors="all")).localisation
    assert found is not None
    for one, vectors in zip(found, (left[:, :rank].T, right[:rank]), strict=True):
        numbers = 1 / (vectors**4).sum(axis=1)
        assert one.mean == pytest.approx(3 * numbers.mean() / (vectors.shape[1] + 2), rel=1e-6)
        assert one.smallest == pytest.approx(numbers.min(), rel=1e-6)


def test_the_bulk_is_unfolded_by_the_method_asked_for():
    layer = layer_spectrum("w", np.random.default_rng(9).normal(size=(80, 40)))
    for method in ("polynomial", "kernel", "spline"):
        found = analyse_layer(layer, unfolding=method).unfolding
        assert found is not None
        assert found.method == method
        np.testing.assert_array_equal(found.levels, unfold(np.sqrt(layer.eigenvalues), method=method).levels)


def test_windows_are_no_longer_than_a_quarter_of_the_spectrum():
    """Ten of forty levels, though the analytic law leaves longer fluctuations as they are."""
    found = analyse_layer(layer_spectrum("w", np.random.default_rng(9).normal(size=(80, 40))))
    assert found.unfolding is not None
    assert found.unfolding.method == "marchenko-pastur"
    assert found.unfolding.diagnosis.reliable_length > 16
    for statistic in (found.number_variance, found.rigidity):
        assert statistic is not None
        assert statistic.length.tolist() == [1, 2, 3, 5, 8]
