"""Statistics of levels against SciPy and against weighted central moments written out."""

import numpy as np
import pytest
from scipy import stats

from coulombgas.inference import binder_cumulant
from coulombgas.inference.spacing_laws._criticism import _skewness


def test_skewness_is_about_the_mean():
    values = 5 + np.random.default_rng(0).gamma(2.0, size=300)
    assert _skewness(values) == pytest.approx(stats.skew(values), rel=1e-12)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_binder_cumulant_is_that_of_weighted_central_moments(scale):
    """Twelve replicas, so that the mean of a bootstrap draw is far from the mean of all; any unit of the levels."""
    levels = np.random.default_rng(1).gamma(2.0, size=(12, 2))
    weights = np.random.default_rng(4).standard_exponential((500, 12))
    weights /= weights.sum(axis=1, keepdims=True)
    centred = levels[None] - (weights[:, :, None] * levels[None] / 2).sum(axis=(1, 2))[:, None, None]
    second, fourth = ((weights[:, :, None] * centred**power / 2).sum(axis=(1, 2)) for power in (2, 4))
    expected = 1 - fourth / (3 * second**2)
    found = binder_cumulant(scale * levels, num_draws=500, seed=4)
    assert found.mean == pytest.approx(expected.mean(), rel=1e-9)
    assert found.sd == pytest.approx(expected.std(), rel=2e-3)
