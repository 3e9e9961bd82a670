"""Marchenko-Pastur bulk: calibrated variance and aspect, for any aspect, entries and spikes set aside."""

import numpy as np
import pytest

from coulombgas import InputError
from coulombgas.laws import mp_density, mp_edges
from coulombgas.networks import fit_bulk
from coulombgas.networks._bulk import bulk_potential, spike_strength

VARIANCE = 0.3


def planted(rng, rows, columns, strengths=(), entries="normal", variance=VARIANCE):
    """Noise of the given variance plus orthogonal signals of strength ℓ = θ²/(M v)."""
    if entries == "uniform":
        noise = rng.uniform(-np.sqrt(3), np.sqrt(3), (rows, columns))
    else:
        noise = rng.normal(size=(rows, columns))
    matrix = np.sqrt(variance) * noise
    if strengths:
        left = np.linalg.qr(rng.normal(size=(rows, len(strengths))))[0]
        right = np.linalg.qr(rng.normal(size=(columns, len(strengths))))[0]
        matrix = matrix + (left * np.sqrt(np.array(strengths) * rows * variance)) @ right.T
    return matrix


def levels_of(matrix):
    return np.linalg.svd(matrix, compute_uv=False)[::-1] ** 2


CASES = [
    (64, 16, (), "normal"),
    (60, 60, (), "normal"),
    pytest.param(128, 64, (), "uniform", marks=pytest.mark.full("test_kurtosis_sets_the_width")),
    (128, 64, (1.0, 2.0, 4.0, 8.0), "normal"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "columns", "strengths", "entries"), CASES)
def test_intervals_hold_the_truth_at_the_nominal_rate(reduced, rows, columns, strengths, entries):
    """95% intervals over n matrices: outside 95% ± 3.3 binomial errors with probability 1e-3 each; the seed is fixed.

    The bias of the standardised mean must be below 3.3/√n as well, or 0.4 where the ν ≥ N boundary or spikes shift it.
    """
    num = 120 if reduced else 1500
    rng = np.random.default_rng(rows + columns)
    variance, aspect, score = 0, 0, []
    for index in range(num):
        matrix = planted(rng, rows, columns, strengths, entries)
        kurtosis = -1.2 if entries == "uniform" else 0.0
        fit = fit_bulk(levels_of(matrix), rows, num_spikes=len(strengths), kurtosis=kurtosis, num_draws=800, seed=index)
        variance += fit.variance.contains(VARIANCE)
        aspect += fit.aspect.contains(columns / rows)
        score.append((fit.variance.mean - VARIANCE) / fit.variance.sd)
    tolerance = 3.3 * np.sqrt(0.05 * 0.95 / num)
    assert abs(variance / num - 0.95) < tolerance + 0.01
    assert abs(aspect / num - 0.95) < tolerance + 0.02
    assert abs(np.mean(score)) < 3.3 / np.sqrt(num) + 0.3
    assert np.std(score) == pytest.approx(1, abs=0.2 if reduced else 0.1)


def test_levels_as_independent_draws_would_be_wrong_by_far():
    """Control: the width of an i.i.d. Marchenko-Pastur likelihood is many times the true spread of the estimate."""
    rng = np.random.default_rng(0)
    levels = levels_of(planted(rng, 128, 64))
    grid = VARIANCE * np.linspace(0.8, 1.25, 1501)

    def log_likelihood(v):
        density = mp_density(levels, v, 128, 64)
        return np.log(density).sum() if (density > 0).all() else -np.inf

    mass = np.exp((values := np.array([log_likelihood(v) for v in grid])) - values.max())
    mean = (mass * grid).sum() / mass.sum()
    naive = np.sqrt((mass * (grid - mean) ** 2).sum() / mass.sum())
    honest = fit_bulk(levels, 128, aspect="shape").variance.sd
    assert honest == pytest.approx(VARIANCE * np.sqrt(2 / (128 * 64)), rel=0.1)
    assert naive > 2 * honest


def test_wrong_number_of_spikes_biases_the_variance():
    """Control: strong signals left in the bulk move the variance by many errors."""
    levels = levels_of(planted(np.random.default_rng(1), 128, 64, (8.0, 8.0, 8.0)))
    right, wrong = (fit_bulk(levels, 128, num_spikes=k) for k in (3, 0))
    assert abs(right.variance.mean - VARIANCE) < 3.5 * right.variance.sd
    assert abs(wrong.variance.mean - VARIANCE) > 6 * wrong.variance.sd


def test_kurtosis_sets_the_width():
    levels = levels_of(planted(np.random.default_rng(2), 128, 64))
    narrow, normal, wide = (
        fit_bulk(levels, 128, kurtosis=k, aspect="shape", num_draws=8000).variance.sd for k in (-1.2, 0.0, 6.0)
    )
    assert narrow / normal == pytest.approx(np.sqrt(0.4), rel=0.05)
    assert wide / normal == pytest.approx(2.0, rel=0.05)


def test_potential_is_the_integral_of_the_law():
    rows, columns = 400, 100
    lower, upper = mp_edges(1.0, rows, columns)
    angle = (np.arange(20_000) + 0.5) / 20_000 * np.pi
    x = (lower + upper) / 2 - (upper - lower) / 2 * np.cos(angle)
    weight = mp_density(x, 1.0, rows, columns) * (upper - lower) / 2 * np.sin(angle) * np.pi / 20_000
    for spike in (1.05 * upper, 2.0 * upper):
        strength = spike_strength(np.array(spike), np.array(1.0), np.array(400.0), columns)
        assert (1 + strength) * (1 + columns / rows / strength) * rows == pytest.approx(spike)
        expected = (weight * np.log((spike - x) / rows)).sum()
        assert bulk_potential(strength, np.array(0.25)) == pytest.approx(expected, abs=1e-7)


def test_fit_of_noise_is_accepted_and_of_correlated_rows_is_not():
    """Distance limit: exceeded by about 1% of noise matrices; more than 4 of 100 has probability 0.3%."""
    rng = np.random.default_rng(3)
    assert sum(not fit_bulk(levels_of(planted(rng, 100, 50)), 100).fits for _ in range(100)) <= 4
    scales = np.linspace(0.2, 3.0, 50)
    assert not fit_bulk(levels_of(rng.normal(size=(100, 50)) * scales), 100).fits


@pytest.mark.parametrize("bad", [np.array([1.0, 2.0]), np.array([0.0, 1, 2, 3, 4]), np.array([3.0, 2, 1, 4, 5])])
def test_bad_levels(bad):
    with pytest.raises(InputError):
        fit_bulk(bad, 10)
