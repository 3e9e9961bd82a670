"""Sums, tables and mixtures inside the fits of motion, each against a few lines of NumPy or mpmath."""

import mpmath
import numpy as np
import pytest

from coulombgas.motion._groups import Group, _mean_and_error, group_noise, num_blocks
from coulombgas.motion._increments import Grid
from coulombgas.motion._moves_of_levels import MatrixMoves, moves_of
from coulombgas.motion._propagation import pair_excess, pair_spread
from coulombgas.motion._spline import Posterior, _ledoit_wolf


@pytest.mark.parametrize("beta", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("distance", [3.0, 14.2, 20.0, 60.0])
def test_two_levels_apart_are_as_far_as_a_vector_is_long(distance, beta):
    """Length of (d, 0, …) plus β + 1 normals of variance 2, by mpmath; series from d = 14 on, to 1e-5 of a width."""
    with mpmath.workdps(40):
        half, place = mpmath.mpf(beta + 1) / 2, mpmath.mpf(distance)
        mean = 2 * mpmath.gamma(half + 0.5) / mpmath.gamma(half) * mpmath.hyp1f1(-0.5, half, -(place**2) / 4)
        variance = place**2 + 2 * (mpmath.mpf(beta) + 1) - mean**2
    assert pair_excess(np.array([distance]), beta)[0] == pytest.approx(float(mean - place), abs=3e-5)
    assert pair_spread(np.array([distance]), beta)[0] == pytest.approx(float(variance), abs=1e-3)


def test_interpolation_and_its_transpose_are_those_of_a_matrix():
    rng = np.random.default_rng(0)
    cell, fraction = rng.integers(0, 6, (3, 5)), rng.random((3, 5))
    grid = Grid(np.arange(7.0), cell, fraction)
    matrix = np.zeros((15, 7))
    matrix[np.arange(15), cell.ravel()] = 1 - fraction.ravel()
    matrix[np.arange(15), cell.ravel() + 1] = fraction.ravel()
    values, weights, design = rng.normal(size=7), rng.random((3, 5)), rng.normal(size=(7, 4))
    np.testing.assert_allclose(grid.at_data(values).ravel(), matrix @ values)
    rows = matrix.reshape(3, 5, 7)
    np.testing.assert_allclose(grid.sums(weights), np.einsum("ri,rin->rn", weights, rows))
    expected = design.T @ matrix.T @ np.diag(weights.ravel()) @ matrix @ design
    np.testing.assert_allclose(grid.gram(weights, design), expected)


def test_spread_of_a_mixture_is_within_and_between():
    """By 400 000 draws with NumPy: variances to 1% (four standard errors are 0.9%)."""
    rng = np.random.default_rng(1)
    strengths, means = np.array([0.2, 0.5, 0.3]), np.array([[0.0, 2.0], [3.0, 2.5], [-1.0, 0.0]])
    roots = rng.normal(size=(3, 2, 2))
    covariances = roots @ np.swapaxes(roots, 1, 2)
    mixture = Posterior(strengths @ means, strengths, means, covariances, np.eye(2), 1.0)
    which = rng.choice(3, size=400_000, p=strengths)
    draws = means[which] + np.einsum("kij,kj->ki", roots[which], rng.normal(size=(400_000, 2)))
    design = np.array([[1.0, 0.0], [0.5, -2.0]])
    np.testing.assert_allclose(mixture.spread(design) ** 2, (draws @ design.T).var(axis=0), rtol=0.01)


@pytest.mark.parametrize("scale", [1.0, 1e90])
def test_a_covariance_is_shrunk_by_the_scatter_of_its_parts(scale):
    """Ledoit and Wolf (J. Multivariate Anal. 88, 2004): b²/d² of the way to a multiple of 1, by their definition."""
    samples = np.random.default_rng(2).standard_t(6, size=(30, 4)) * np.array([1.0, 1.5, 0.7, 1.2])
    sample = sum(np.outer(x, x) for x in samples) / 30
    target = np.trace(sample) / 4 * np.eye(4)
    scatter = sum(np.sum((np.outer(x, x) - sample) ** 2) for x in samples) / 30**2
    share = scatter / np.sum((sample - target) ** 2)
    assert 0.1 < share < 0.9
    found = _ledoit_wolf(samples * scale) / scale**2
    np.testing.assert_allclose(found, share * target + (1 - share) * sample, rtol=1e-10, atol=1e-14)


def relaxing(rate, *, levels, records, seed):
    """Levels far apart that forget e^−rate of their place between two records, by the exact recursion.

    One update between records adds a variance of 1; the stationary one is 1/(2 rate).
    """
    rng, kept = np.random.default_rng(seed), np.exp(-rate)
    place, found = rng.normal(size=levels) / np.sqrt(2 * rate), []
    for _ in range(records):
        place = kept * place + np.sqrt((1 - kept**2) / (2 * rate)) * rng.normal(size=levels)
        found.append(place)
    return 1000.0 + 100.0 * np.arange(levels) + np.array(found)


@pytest.mark.parametrize("rate", [0.02, 1.0])
def test_what_levels_forget_between_records_is_put_back(rate):
    """30 levels and 600 records: the true noise of 1 to 12% (half the distance of both laws of relaxation, at rate 1).

    Control: what is seen is a sixth lower there, and nothing is put back at 0.02.
    """
    levels, steps = relaxing(rate, levels=30, records=600, seed=3), np.arange(600)
    once, twice = (moves_of(levels, steps, span, 0.0) for span in (1, 2))
    found = group_noise(once, Group("all", np.arange(30), twice))
    assert found.noise.mean == pytest.approx(1.0, rel=0.12)
    assert found.noise.contains(1.0)
    assert (found.forgotten > 0.1) == (rate == 1.0)
    assert (np.mean(once.noise) < 0.87) == (rate == 1.0)


def steady(num, span):
    """Moves of four levels of equal noise 2, without any scatter."""
    change, free = np.full((num, 4), 2.0 * span), np.ones((num, 4), dtype=bool)
    return MatrixMoves(change, change, free, np.full(4, 2.0), float(span), np.zeros((0, 4)), span, span, 0.0)


@pytest.mark.parametrize(("num", "span", "blocks"), [(400, 1, 20), (400, 10, 10), (60, 3, 5), (9, 1, 4)])
def test_overlapping_moves_count_once(num, span, blocks):
    """A block is at least four moves that do not overlap; ⟨Δ²⟩ − ⟨ΔΔ'⟩ of n levels and m of them varies by 3/nm."""
    moves = steady(num, span)
    mean, error = _mean_and_error(moves, np.arange(4))
    assert mean == pytest.approx(2.0)
    assert error == pytest.approx(np.sqrt(3 / (4 * num / span)))
    assert num_blocks(moves) == blocks
