"""Sums, tables and mixtures inside the fits of motion, each against a few lines of NumPy or mpmath."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from scipy import stats

from coulombgas.motion._groups import (
    Group,
    GroupNoise,
    _mean_and_error,
    group_noise,
    level_intervals,
    log_interval,
    num_blocks,
)
from coulombgas.motion._increments import Grid, make_grid
from coulombgas.motion._isotropy import _between_classes, _between_halves, _equal
from coulombgas.motion._moves_of_levels import MatrixMoves, even_records, moves_of
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


def uneven(seed=4):
    """Moves of four levels whose noise differs from block to block: 20 blocks of 20 moves."""
    scale = np.random.default_rng(seed).uniform(1.0, 3.0, 20).repeat(20)
    change, free = np.tile(scale[:, None], (1, 4)), np.ones((400, 4), dtype=bool)
    return scale, MatrixMoves(change, change, free, np.full(4, scale.mean()), 1.0, np.zeros((0, 4)), 1, 1, 0.0)


@pytest.mark.parametrize("unit", [1.0, 1e-6])
def test_blocks_of_time_give_a_relative_error(unit):
    scale, moves = uneven()
    moves = replace(moves, change=unit * moves.change, noise=unit * moves.noise)
    blocks = scale.reshape(20, 20).mean(axis=1)
    expected = blocks.std(ddof=1) / np.sqrt(20) / blocks.mean()
    assert expected > np.sqrt(3 / 1600)
    assert _mean_and_error(moves, np.arange(4))[1] == pytest.approx(expected)


def test_an_interval_of_a_logarithm_is_that_of_student():
    found = log_interval(2.0, 0.1, 5.0)
    reach = stats.t.ppf(0.975, 5) * 0.1
    assert (found.lower, found.upper) == pytest.approx((2 * np.exp(-reach), 2 * np.exp(reach)))
    assert (found.mean, found.sd) == pytest.approx((2.0, 0.2))


def test_what_may_be_forgotten_unseen_lies_above():
    """At a rate of 0.02 nothing is seen over one record more: upper ends rise by D + its error, lower ones stay.

    D from second differences by NumPy; its error is at least that of 30 × 598 Gaussian moves.
    """
    levels, steps = relaxing(0.02, levels=30, records=600, seed=5), np.arange(600)
    once, twice = (moves_of(levels, steps, span, 0.0) for span in (1, 2))
    with_longer, without = (Group("all", np.arange(30), longer) for longer in (twice, None))
    short = ((levels[2:] - 2 * levels[1:-1] + levels[:-2]) ** 2).mean() / 2
    long = ((levels[4:] - 2 * levels[2:-2] + levels[:-4]) ** 2).mean() / 4
    least = max(np.log(short / long), 0.0) + np.sqrt(3 / (30 * 598))
    ends, plain = (level_intervals(once, group) for group in (with_longer, without))
    above = np.log(ends[:, 1] / plain[:, 1])
    np.testing.assert_allclose(above, above[0])
    assert -np.log(2 - np.exp(least)) - 1e-3 < above[0] < 3 * least
    np.testing.assert_allclose(ends[:, 0], plain[:, 0])
    both = [group_noise(once, group).noise.upper for group in (with_longer, without)]
    assert np.log(both[0] / both[1]) == pytest.approx(above[0])


def test_the_push_of_neighbours_counts_all_updates_between_records():
    """24 walks of 60 × 30 elements, 0.01 an update, recorded every 200: 30 levels a third apart that move by 0.14.

    Their noise to 3%, four standard errors. Control: second differences alone are quieter by more than that.
    """
    found, seen = [], []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        steps = 0.01 * np.sqrt(200) * rng.normal(size=(150, 60, 30))
        levels = np.linalg.svd(0.9 * rng.normal(size=(60, 30)) + np.cumsum(steps, axis=0), compute_uv=False)[:, ::-1]
        found.append(np.nanmean(moves_of(levels, 200 * np.arange(150), 1, 0.0).noise) / 1e-4)
        seen.append((np.diff(levels, 2, axis=0) ** 2).mean() / 2 / 200 / 1e-4)
    assert np.mean(found) == pytest.approx(1.0, abs=0.03)
    assert np.mean(seen) < 0.97


@pytest.mark.parametrize(
    ("steps", "even"),
    [
        ([0, 10, 20, 30], [0, 1, 2, 3]),
        ([0, 1, 2, 3, 10, 20, 30, 40, 50, 60], [0, 4, 5, 6, 7, 8, 9]),  # every tenth, over those between
        ([0, 5, 7, 10, 15, 20], [0, 1, 3, 4, 5]),
        ([0, 10, 20, 30, 33], [0, 1, 2, 3]),  # the last record breaks the step
        ([3], [0]),
        ([], []),
    ],
)
def test_the_longest_even_part_of_records(steps, even):
    assert even_records(np.array(steps, dtype=float)).tolist() == even


def test_a_grid_interpolates_what_starts_between_its_nodes():
    """A function with a kink, by NumPy's interpolation; starts beyond the used ones get its ends."""
    start = np.random.default_rng(6).normal(size=(7, 40))
    grid = make_grid(start, np.abs(start) < 1.5)
    kink = np.abs(grid.nodes - 0.3)
    np.testing.assert_allclose(grid.at_data(kink), np.interp(start, grid.nodes, kink), atol=1e-12)
    assert ((grid.fraction >= 0) & (grid.fraction <= 1)).all()


def classes(*rows):
    """Classes of levels with log noise and its error."""
    return tuple(GroupNoise(modes=(0,), noise=log_interval(np.exp(a), b, 19.0), log_error=b) for a, b in rows)


def test_classes_differ_at_most_by_the_end_of_a_welch_interval():
    """One-sided 95% of a difference of two means, each with 10% more error, which is not estimated; 20 blocks."""
    moves, rows = steady(400, 1), ((0.0, 0.1), (0.3, 0.2))
    variance = 0.1**2 + 0.2**2 + 2 * 0.1**2
    freedom = variance**2 / ((0.1**4 + 0.2**4) / 19)
    assert _between_classes(moves, classes(*rows)) == pytest.approx(0.3 + stats.t.ppf(0.95, freedom) * variance**0.5)
    wide = np.hypot([0.1, 0.2], 0.1)
    freedom = (wide**2).sum() ** 2 / ((wide**4) / 19).sum()
    expected = 2 * stats.t.sf(0.3 / np.sqrt((wide**2).sum()), freedom)
    assert _equal(moves, classes(*rows), np.zeros(2)) == pytest.approx(expected)


def test_levels_scatter_at_most_as_their_variance_allows():
    """95% bound of the variance of 12 normal logarithms, less that of 400 Gaussian moves; twice its root."""
    logs = 0.5 * np.random.default_rng(7).normal(size=12)
    variance = 11 * logs.var(ddof=1) / stats.chi2.ppf(0.05, 11) - 3 / 400
    assert _between_halves(steady(400, 1), logs, np.zeros(12)) == pytest.approx(2 * np.sqrt(variance))
    assert _between_halves(steady(400, 1), logs, np.full(12, 0.1)) == pytest.approx(2 * np.sqrt(variance) + 0.2)
