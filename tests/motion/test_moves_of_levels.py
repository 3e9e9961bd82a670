"""Moves of singular values: the push of neighbours, levels near zero, and levels that glide."""

import numpy as np
import pytest

from coulombgas.motion._increments import Moves
from coulombgas.motion._moves_of_levels import _pushes, moves_of
from coulombgas.motion._propagation import repulsion


@pytest.mark.parametrize("gap", [0.3, 1.5, 5.0])
def test_pushes_are_those_of_a_matrix_of_two_levels(gap):
    """diag(100, 100 + gap) plus Gaussian noise of 3×2 elements of variance 1, by 200 000 matrices.

    Mean displacement within four of its errors, 0.01; share of the variance within four errors, 0.013.
    Control: at gaps of 0.3 and 1.5 both differ from those of levels that ignore each other.
    """
    noise = np.random.default_rng(0).standard_normal((200_000, 3, 2))
    start = np.array([100.0, 100.0 + gap])
    moved = np.linalg.svd(noise + np.eye(3, 2) * start, compute_uv=False)[:, ::-1] - start
    moved -= 1 / (2 * start)  # the third row adds a square to a level far from zero
    push, share, counts = _pushes(np.array([start, start]), np.ones(2))
    np.testing.assert_allclose(push[1], moved.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(share[1], moved.var(axis=0), atol=0.013)
    assert counts.all()
    if gap < 2:
        assert np.abs(push).min() > 0.1
        assert share.max() < 0.95


def test_a_level_between_two_near_ones_does_not_count():
    places = np.array([[0.0, 1.0, 2.0, 9.0]])
    assert _pushes(100 + places, np.ones(4))[2].tolist() == [[False, False, False, True]]
    assert _pushes(100 + 4 * places, np.ones(4))[2].all()


def shaken(levels, *, num, every, spread=0.1):
    """Singular values of diag(levels) under Gaussian noise, recorded ``every`` updates."""
    rng = np.random.default_rng(1)
    size = len(levels)
    noise = spread * np.sqrt(every) * rng.standard_normal((num, size, size))
    return np.linalg.svd(np.diag(levels) + np.cumsum(noise, axis=0), compute_uv=False)[:, ::-1]


@pytest.mark.parametrize("every", [1, 25])
def test_levels_within_reach_of_zero_have_no_known_noise(every):
    """Moves of 0.1√every, 40 of them; within four moves of zero the law is another. Control: levels at ten moves."""
    steps, move = every * np.arange(40), 0.1 * np.sqrt(every)
    near = moves_of(shaken(move * np.array([1.0, 30.0, 60.0]), num=40, every=every), steps, 1, 0.0)
    assert np.isfinite(near.noise).tolist() == [False, True, True]
    far = moves_of(shaken(move * np.array([30.0, 60.0, 90.0]), num=40, every=every), steps, 1, 0.0)
    assert np.isfinite(far.noise).all()
    np.testing.assert_allclose(far.noise, 0.01, rtol=0.9)


def test_a_single_level_that_glides_has_no_noise_to_measure():
    """Five levels diffuse, a sixth swings slowly; if all swing it is a momentum, and none is left out."""
    levels, steps = shaken(np.arange(50.0, 100.0, 10.0), num=200, every=1), np.arange(200)
    swing = np.sin(steps / 8)[:, None]
    one = moves_of(np.hstack([levels, 150 + swing]), steps, 1, 0.0)
    assert np.isfinite(one.noise).tolist() == [True] * 5 + [False]
    every = moves_of(200 + swing + np.arange(0, 60, 10), steps, 1, 0.0)
    assert np.isfinite(every.noise).all()


def test_an_increment_is_crowded_beside_two_levels_within_four_widths():
    places = np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 20.0], [0.0, 10.0, 20.0]])
    found = [repulsion(places, np.ones((3, 3)), mode, 1.0).crowded.tolist() for mode in range(3)]
    assert found == [[True, False, False]] * 3


@pytest.mark.parametrize(("size", "coarse"), [(0.5, True), (10.0, False)])
def test_moves_below_twenty_errors_of_rounding_are_coarse(size, coarse):
    """Levels at 100 stored to 1e-3: a difference of two is rounded by 0.1/√6 = 0.04."""
    before = np.full((8, 20, 1), 100.0)
    after = before + size * np.where(np.arange(20) % 2, 1.0, -1.0)[:, None]
    assert Moves(before, after, (0,), 1, np.zeros(before.shape, dtype=bool), 1e-3).coarse == coarse
