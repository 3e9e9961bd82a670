"""NUTS for a Coulomb gas: exact laws, honest diagnostics, clear refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from coulombgas import InputError
from coulombgas.ensembles import ConvergenceWarning, _gas, hermite_eigenvalues, laguerre_eigenvalues, sample_gas
from coulombgas.ensembles._coordinates import gap_coordinates

LEVEL = 1e-4  # false-alarm rate of each comparison


def _agree(sample, exact):
    """Means of all levels and of their squares within the Bonferroni limit, errors scaled by effective sample size."""
    draws = sample.levels.reshape(-1, sample.levels.shape[-1])
    exact = np.asarray(exact)
    limit = stats.norm.isf(LEVEL / (4 * exact.shape[-1]))
    worst = 0.0
    for power in (1, 2):
        a, b = draws**power, exact**power
        error = np.sqrt(a.var(0) / (sample.ess[:-1] / 1.5) + b.var(0) / len(b))
        worst = max(worst, float((np.abs(a.mean(0) - b.mean(0)) / error).max()))
    return worst < limit


def _quadratic(x):
    return x**2 / 2


def _linear(x):
    return x / 2


@pytest.fixture(scope="module")
def quadratic_gas():
    return sample_gas(_quadratic, key=jax.random.key(0), n=6, beta=2.0)


def test_quadratic_potential_is_the_hermite_ensemble(quadratic_gas):
    assert quadratic_gas.converged, str(quadratic_gas)
    assert "converged" in str(quadratic_gas)
    assert (np.diff(quadratic_gas.levels, axis=-1) > 0).all()
    assert _agree(quadratic_gas, hermite_eigenvalues(key=jax.random.key(1), n=6, beta=2.0, shape=(20_000,)))
    assert not _agree(quadratic_gas, hermite_eigenvalues(key=jax.random.key(1), n=6, beta=1.6, shape=(20_000,)))


@pytest.mark.full("test_quadratic_potential_is_the_hermite_ensemble and test_coordinates_invert_... in test_gas.py")
def test_linear_potential_on_the_half_line_is_laguerre():
    """β = 1, V = x/2, m = n + 1: the power of x is 0."""
    gas = sample_gas(_linear, key=jax.random.key(2), n=3, beta=1.0, domain=(0.0, np.inf))
    assert gas.converged, str(gas)
    assert _agree(gas, laguerre_eigenvalues(key=jax.random.key(3), n=3, m=4, shape=(20_000,)))
    assert not _agree(gas, laguerre_eigenvalues(key=jax.random.key(3), n=3, m=4.5, shape=(20_000,)))


def test_draws_that_have_not_mixed_are_told(monkeypatch):
    """Two slow random walks instead of chains."""
    walks = np.cumsum(np.random.default_rng(0).normal(size=(2, 20, 1)), axis=1) + np.arange(6.0)
    monkeypatch.setattr(_gas, "_chains", lambda *_: (walks, np.zeros((2, 20), bool), np.ones((2, 20), int)))
    with pytest.warns(ConvergenceWarning, match="effective sample size"):
        gas = sample_gas(_quadratic, key=jax.random.key(4), n=6, beta=2.0)
    assert not gas.converged
    assert "NOT CONVERGED" in str(gas)


@pytest.mark.full("test_draws_that_have_not_mixed_are_told in test_gas.py")
def test_an_unconverged_run_says_so():
    with pytest.warns(ConvergenceWarning, match="effective sample size"):
        gas = sample_gas(_quadratic, key=jax.random.key(4), n=6, beta=2.0, num_samples=20, num_warmup=5)
    assert not gas.converged
    assert "NOT CONVERGED" in str(gas)


def test_calling_twice_gives_the_same(quadratic_gas):
    again = sample_gas(_quadratic, key=jax.random.key(0), n=6, beta=2.0)
    np.testing.assert_array_equal(again.levels, quadratic_gas.levels)


def test_a_potential_that_does_not_confine_or_is_nan_is_refused():
    with pytest.raises(InputError, match="`potential` is not finite"):
        sample_gas(lambda x: x * jnp.nan, key=jax.random.key(0), n=3)
    with pytest.raises(InputError, match="`domain`"):
        sample_gas(_quadratic, key=jax.random.key(0), n=3, domain=(1.0, 0.0))


@pytest.mark.parametrize("domain", [(-np.inf, np.inf), (1.0, np.inf), (-1.0, 2.0)])
def test_coordinates_invert_and_their_volume_is_the_jacobian(x64, domain):
    coordinates = gap_coordinates(domain)
    u = np.asarray([0.3, -0.5, 0.2, 0.9])

    @jax.jit
    def all_of(u):
        x = coordinates.levels(u)
        return x, coordinates.invert(x), jax.jacobian(coordinates.levels)(u), coordinates.log_volume(u)

    x, inverted, jacobian, log_volume = all_of(u)
    assert (np.diff(x) > 0).all()
    assert x[0] > domain[0]
    assert x[-1] < domain[1]
    np.testing.assert_allclose(inverted, u, atol=1e-12)
    np.testing.assert_allclose(log_volume, np.linalg.slogdet(jacobian)[1], atol=1e-12)
