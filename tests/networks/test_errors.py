"""Stated errors and probabilities of one matrix against simulations and quadrature."""

import math

import numpy as np
import pytest

from coulombgas.networks import find_spikes, fit_repulsion
from coulombgas.networks._layer_noise import layer_motion
from coulombgas.networks._spikes import outlier_sd


def test_the_error_of_the_noise_is_its_scatter():
    """300 matrices of levels far apart that walk independently: (ŝ² − s²)/sd has variance 1.00 ± 0.08.

    The bounds are 4 errors away; both averages counted as one, ⟨Δ²⟩ alone, would give 1.5.
    """
    rng, place, sd = np.random.default_rng(0), np.linspace(20.0, 60.0, 30), 0.01
    scores = []
    for _ in range(300):
        walk = place + sd * np.cumsum(rng.standard_normal((25, 30)), axis=0)
        noise = layer_motion(walk**2, np.arange(25)).bulk.noise
        scores.append((noise.mean - sd**2) / noise.sd)
    assert 0.68 < np.var(scores) < 1.32
    assert abs(np.mean(scores)) < 0.25


def brody_log_likelihood(spacings: np.ndarray, q: float) -> float:
    """(q + 1) b s^q exp(−b s^{q+1}), b = Γ((q + 2)/(q + 1))^{q+1}."""
    b = math.gamma((q + 2) / (q + 1)) ** (q + 1)
    return float(np.sum(np.log((q + 1) * b) + q * np.log(spacings) - b * spacings ** (q + 1)))


@pytest.mark.parametrize("shape", [1.4, 2.0])
def test_probabilities_of_repulsion_by_quadrature(shape):
    """Wigner, Poisson, and Brody averaged over q uniform on [0, 4], with equal prior probabilities."""
    spacings = np.random.default_rng(1).weibull(shape, 60)
    spacings = spacings / spacings.mean()
    grid = np.linspace(0.0, 4.0, 4001)
    log = np.array([brody_log_likelihood(spacings, q) for q in grid])
    evidence = np.array([log[1000], log[0], log.max() + np.log(np.exp(log - log.max()).mean())])
    expected = np.exp(evidence - evidence.max())
    fit = fit_repulsion(spacings)
    assert list(fit.probabilities) == ["wigner", "poisson", "brody"]
    np.testing.assert_allclose(list(fit.probabilities.values()), expected / expected.sum(), rtol=0.01)
    weight = np.exp(log - log.max())
    assert fit.brody.mean == pytest.approx(np.average(grid, weights=weight), abs=4 * fit.brody.sd / np.sqrt(2000))


ROWS, COLUMNS = 800, 40


def planted(rng, strength: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Levels of unit noise and one signal of strength ℓ = θ²/M, squared overlaps of its vectors, and θ."""
    left, right = rng.standard_normal(ROWS), rng.standard_normal(COLUMNS)
    left, right = left / np.linalg.norm(left), right / np.linalg.norm(right)
    theta = float(np.sqrt(strength * ROWS))
    matrix = rng.standard_normal((ROWS, COLUMNS)) + theta * np.outer(left, right)
    values, vectors = np.linalg.eigh(matrix.T @ matrix)
    long = matrix @ vectors[:, -1] / np.sqrt(values[-1])
    return values, (long @ left) ** 2, (vectors[:, -1] @ right) ** 2, theta


@pytest.mark.parametrize("strength", [0.4, 1.5])
def test_outliers_scatter_by_both_sides(strength):
    """500 matrices of 800 × 40: standard deviation within 4 errors of 3.2%, above the threshold ℓ = √(1/20) = 0.22."""
    rng = np.random.default_rng(4)
    tops = np.array([planted(rng, strength)[0][-1] for _ in range(500)])
    predicted = float(outlier_sd(np.array(strength), 1.0, float(ROWS), COLUMNS))
    assert tops.std() == pytest.approx(predicted, rel=4 / np.sqrt(1000))


@pytest.mark.parametrize("strength", [0.8, 3.0])
def test_outliers_of_a_matrix_twenty_times_as_long_as_wide(strength):
    """Place and squared overlaps of 100 matrices against the formulas, strengths within their intervals."""
    rng, num, ratio = np.random.default_rng(2), 100, COLUMNS / ROWS
    drawn = [planted(rng, strength) for _ in range(num)]
    tops = np.array([values[-1] for values, *_ in drawn])
    assert tops.mean() == pytest.approx(ROWS * (1 + strength) * (1 + ratio / strength), abs=4 * tops.std() / num**0.5)
    long, short = (np.mean([one[side] for one in drawn]) for side in (1, 2))
    fits = [find_spikes(values, ROWS, num_draws=200, seed=i) for i, (values, *_) in enumerate(drawn[:25])]
    spikes = [fit.spikes[0] for fit in fits]
    assert all(fit.num_spikes == 1 for fit in fits)
    # 25 intervals of 95%: fewer than 20 hold with probability 1e-3
    assert sum(spike.strength.contains(drawn[0][3]) for spike in spikes) >= 20
    assert np.mean([spike.overlap_long for spike in spikes]) == pytest.approx(long, abs=0.02)
    assert np.mean([spike.overlap_short for spike in spikes]) == pytest.approx(short, abs=0.02)


def test_noise_twenty_times_as_long_as_wide_has_no_spikes():
    """60 matrices at level 5%: more than 10 false alarms with probability 1e-4."""
    rng = np.random.default_rng(3)
    found = 0
    for index in range(60):
        matrix = rng.standard_normal((400, 20))
        fit = find_spikes(np.linalg.eigvalsh(matrix.T @ matrix), 400, level=0.05, num_draws=100, seed=index)
        found += fit.num_spikes > 0
    assert found <= 10
