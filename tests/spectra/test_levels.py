"""Level groups, spacings and weights → levels."""

import numpy as np
import pytest

import coulombgas as cg
from coulombgas.spectra import LevelGroup, group_levels, level_groups, level_spacings, make_spectra, weights_to_levels


def test_groups_of_the_free_scalar_field():
    k = np.arange(10)
    x = np.sort(9 - (4 + 2 - 2 * np.cos(2 * np.pi * k / 10)))
    groups = level_groups(x)
    assert [g.size for g in groups] == [1, 2, 2, 2, 2, 1]
    assert groups[1].modes == (1, 2)
    np.testing.assert_allclose(groups[0].center, x[0])


def test_tolerance_decides_what_is_near():
    x = np.array([1.0, 1.01, 2.0])
    assert len(level_groups(x)) == 3
    assert [g.modes for g in level_groups(x, tolerance=0.01)] == [(0, 1), (2,)]


@pytest.mark.parametrize(("points", "match"), [([2.0, 1.0], "ascending"), ([], "empty"), ([np.nan], "NaN")])
def test_bad_fixed_points_are_named(points, match):
    with pytest.raises(cg.InputError, match=match):
        level_groups(np.array(points))


def test_diverged_replicas_are_left_out():
    levels = np.array([[1.0, 2.0], [np.nan, np.nan], [1.0, 4.0]])[None, :, None, :]
    spectra = make_spectra(
        levels, learning_rate=[0.1], batch_size=[4], model={"name": "rbm"}, failed_step=[[-1, 7, -1]]
    )
    group = LevelGroup(1.5, (0, 1))
    np.testing.assert_array_equal(group_levels(spectra, group), [[1.0, 2.0], [1.0, 4.0]])
    np.testing.assert_array_equal(level_spacings(spectra, group), [[1.0], [3.0]])


def test_gram_levels_are_squared_singular_values_by_an_independent_route():
    weights = np.random.default_rng(0).normal(size=(3, 7, 4))
    levels = weights_to_levels(weights)
    np.testing.assert_allclose(levels, np.linalg.eigvalsh(np.swapaxes(weights, 1, 2) @ weights), rtol=1e-12)
    # W and its transpose share the spectrum that is not zero by shape
    np.testing.assert_allclose(levels, weights_to_levels(np.swapaxes(weights, 1, 2)), rtol=1e-12)


def test_symmetric_levels_keep_their_sign_and_singular_ones_lose_it():
    w = np.array([[0.0, 2.0], [2.0, 0.0]])
    np.testing.assert_allclose(weights_to_levels(w, kind="symmetric"), [-2.0, 2.0], atol=1e-14)
    np.testing.assert_allclose(weights_to_levels(w, kind="singular"), [2.0, 2.0])


@pytest.mark.parametrize(
    ("weights", "kind", "match"),
    [
        (np.ones(3), "gram", "shape"),
        (np.ones((0, 3)), "gram", "shape"),
        (np.ones((2, 3)), "symmetric", "square"),
        (np.array([[np.inf, 1.0], [1.0, 1.0]]), "gram", "infinite"),
        (np.ones((2, 2)), "squared", "one of"),
    ],
)
def test_bad_weights_are_named(weights, kind, match):
    with pytest.raises(cg.InputError, match=match):
        weights_to_levels(weights, kind=kind)
