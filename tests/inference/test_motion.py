"""Potential, noise and temperature from trajectories made by the stochastic eigenvalue equation itself."""

import numpy as np
import pytest

from coulombgas._checks import InputError
from coulombgas.inference import temperature_from_motion
from coulombgas.spectra import make_spectra

KAPPA, MU2, ALPHA, BATCH = 4.0, 9.0, 0.05, 64


def drift(x):
    """K of the Gaussian RBM, arXiv:2407.16427 (33), in the units of one update: 2 x (1/κ − 1/(μ² − x))."""
    return 2 * x * (1 / KAPPA - 1 / (MU2 - x))


def noise(x):
    """g²/α = T g̃², g̃ = 2 x/(μ² − x) in the same units."""
    return ALPHA / BATCH * (2 * x / (MU2 - x)) ** 2


def single_mode(replicas=120, steps=500, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.2, 6.0, replicas)
    path = [x]
    for _ in range(steps):
        x = x + ALPHA * drift(x) + np.sqrt(2 * ALPHA * noise(x)) * rng.standard_normal(replicas)
        path.append(x)
    return as_spectra(np.stack(path, axis=1)[..., None])


def matrix_pairs(replicas=150, steps=500, seed=1):
    """Eigenvalues of an Ornstein-Uhlenbeck matrix X' = X − αΩ(X − κ) + noise: a Coulomb gas with K = −Ω(x − κ)."""
    rng = np.random.default_rng(seed)
    step = np.sqrt(2 * ALPHA * ALPHA / BATCH)
    x = np.tile(np.diag([1.0, 3.0]), (replicas, 1, 1))
    path = []
    for _ in range(steps + 1):
        path.append(np.linalg.eigvalsh(x))
        draws = rng.standard_normal((replicas, 2, 2))
        x = x - ALPHA * 0.5 * (x - 2 * np.eye(2)) + step * (draws + np.swapaxes(draws, 1, 2)) / 2
    return as_spectra(np.stack(path, axis=1))


def as_spectra(levels, step=None):
    return make_spectra(levels[None], learning_rate=[ALPHA], batch_size=[BATCH], model={"name": "unknown"}, step=step)


@pytest.fixture(scope="module")
def single():
    return temperature_from_motion(single_mode())


def test_the_drift_of_the_machine_is_recovered_blind(single):
    truth = drift(single.grid)
    inside = (single.grid > 0.4) & (single.grid < 5.6)
    assert np.abs(single.drift.mean - truth)[inside].max() < 0.04 * np.abs(truth[inside]).max()
    covered = (single.drift.lower <= truth) & (truth <= single.drift.upper)
    assert covered[inside].mean() > 0.6  # a band of 95%, less what the splines and the finite step cost


def test_fixed_point_rate_and_temperature(single):
    found = single.fixed_point
    assert found.position.mean == pytest.approx(MU2 - KAPPA, abs=0.03)
    assert found.rate.mean == pytest.approx(2 * 5 / 16, rel=0.12)
    temperature = single.temperature(2 * 5 / 4)
    assert temperature.mean == pytest.approx(ALPHA / BATCH, rel=0.04)


def test_the_potential_is_the_integral_of_the_drift(single):
    x = single.grid
    truth = -(2 * (x**2 / (2 * KAPPA) + x + MU2 * np.log(1 - x / MU2)))
    truth = truth - np.interp(single.fixed_point.position.mean, x, truth)
    assert np.abs(single.potential.mean - truth).max() < 0.05 * np.ptp(truth)


def test_the_coulomb_term_is_taken_out_of_a_pair():
    fit = temperature_from_motion(matrix_pairs(), num_basis=6)
    assert fit.num_close > 0
    assert fit.fixed_point.position.mean == pytest.approx(2.0, abs=0.02)
    assert fit.fixed_point.rate.mean == pytest.approx(0.5, rel=0.15)
    assert fit.fixed_point.temperature.mean == pytest.approx(ALPHA / BATCH, rel=0.05)


def test_bad_trajectories_are_refused():
    good = single_mode(replicas=10, steps=12)
    with pytest.raises(InputError, match="at least 8 recorded"):
        temperature_from_motion(good.isel(step=slice(0, 4)))
    with pytest.raises(InputError, match="evenly spaced"):
        temperature_from_motion(good.isel(step=[0, 1, 2, 3, 4, 5, 6, 7, 9]))
    with pytest.raises(InputError, match="8 replicas"):
        temperature_from_motion(good.isel(replica=slice(0, 4)))
    with pytest.raises(InputError, match="modes"):
        temperature_from_motion(good, modes=(3,))
    with pytest.raises(InputError, match="does not move"):
        temperature_from_motion(good * 0 + 1)
