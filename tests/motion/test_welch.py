"""Welch's test of equal means, against the two-sample test that it generalises and its limit of known errors."""

import numpy as np
import pytest
from scipy import stats

from coulombgas.motion._isotropy import _welch


def test_two_means_are_compared_as_by_a_t_test_of_unequal_variances():
    means, errors, freedom = np.array([1.0, 2.1]), np.array([0.2, 0.5]), 7
    variance = errors**2
    satterthwaite = variance.sum() ** 2 / (variance**2 / freedom).sum()
    expected = 2 * stats.t.sf(1.1 / np.sqrt(variance.sum()), satterthwaite)
    assert _welch(means, errors, freedom) == pytest.approx(expected, rel=1e-9)


def test_means_of_known_errors_are_compared_by_chi_squared():
    means, errors = np.array([1.0, 1.2, 0.7, 1.9]), np.array([0.2, 0.3, 0.25, 0.4])
    weights = errors**-2
    chi2 = (weights * (means - np.average(means, weights=weights)) ** 2).sum()
    assert _welch(means, errors, 10**7) == pytest.approx(stats.chi2.sf(chi2, 3), rel=1e-4)


def test_several_means_are_compared_as_by_welchs_analysis_of_variance():
    """Four samples of six, of unlike scatter: SciPy's one-way analysis without equal variances."""
    samples = np.random.default_rng(0).normal(size=(4, 6)) * [[1.0], [2.0], [0.5], [3.0]] + [[0.0], [1.0], [0.5], [2.0]]
    errors = samples.std(axis=1, ddof=1) / np.sqrt(6)
    expected = stats.f_oneway(*samples, equal_var=False).pvalue
    assert 1e-3 < expected < 0.9
    assert _welch(samples.mean(axis=1), errors, 5) == pytest.approx(expected, rel=1e-9)
