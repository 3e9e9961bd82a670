"""Thresholds and errors inside the analysis of a network, by hand or by SciPy."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from coulombgas.networks import analyse_layer, fit_bulk, independence
from coulombgas.networks._bulk import _effect
from coulombgas.networks._trajectory import _drift
from coulombgas.spectra import layer_spectrum
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
