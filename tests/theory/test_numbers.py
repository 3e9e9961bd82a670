"""Numbers of the theory by hand: moments of small recursions, roots, and what one weight does."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from coulombgas import InputError
from coulombgas.models import MatrixDyson, TeacherStudent
from coulombgas.theory import _fixed_point, find_theory, linear_noise
from coulombgas.theory._fixed_point import _is_fixed, _newton, find_fixed_point
from coulombgas.theory._gauge import _families
from coulombgas.theory._moments import BLOCKS, Slope, leave_one_out
from coulombgas.theory._stationary import covariance, split
from coulombgas.theory._update import FlatUpdate, flat_update


class Known(FlatUpdate):
    """An update of which only what is given is known."""

    num_weights, num_memory, matrix, model, batch_size = None, 0, None, None, 1

    def __new__(cls, **known):
        one = tuple.__new__(cls, (None,) * len(FlatUpdate._fields))
        one.__dict__.update(known)
        return one


def test_one_coordinate_that_nothing_restores_and_one_that_forgets():
    """x' = x + 2y + ξ₁, y' = 0.3y + ξ₂ with ⟨ξ₁²⟩ = 1, ⟨ξ₂²⟩ = 0.91, ⟨ξ₁ξ₂⟩ = 0.1.

    ⟨y²⟩ = 1, ⟨xy⟩ = 0.3⟨xy⟩ + 2·0.3 + 0.1 = 1, and x² grows by 4⟨xy⟩ + 4⟨y²⟩ + 1 = 9 an update.
    """
    step, noise, eye = np.array([[1.0, 2.0], [0.0, 0.3]]), np.array([[1.0, 0.1], [0.1, 0.91]]), np.eye(2)
    parts = split(step, 0, eye[:, :1], eye[:, 1:])
    found = covariance(parts, noise)
    assert parts.radius == pytest.approx(0.3)
    assert [float(np.squeeze(part)) for part in found] == pytest.approx([1.0, 1.0, 9.0])
    own = covariance(split(step[1:, 1:], 0, np.zeros((1, 0)), np.eye(1)), noise[1:, 1:])
    assert [part.shape for part in own] == [(1, 1), (0, 1), (0, 0)]
    assert own.stable[0, 0] == pytest.approx(1.0)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_what_leaves_a_product_as_it_is_does_not_depend_on_units(scale):
    """A column of 2 times a row of 3: their relative length is free, and each turns: by one angle, by two.

    Control: a diagonal matrix cannot be turned.
    """

    def thin(w):
        return jnp.reshape(w[:2], (2, 1)) @ jnp.reshape(w[2:], (1, 3))

    weights = scale * np.array([1.0, -0.5, 0.3, 2.0, 0.7])
    kind = SimpleNamespace(level_kind="squared-singular-values")
    inner, *others = _families(Known(num_weights=5, matrix=thin, model=kind), weights)
    assert inner.shape == (5, 1)
    assert [family.shape[1] for family in others] == [2, 3, 1, 2]
    expected = weights * np.array([1, 1, -1, -1, -1])
    assert abs(expected @ inner[:, 0]) == pytest.approx(np.linalg.norm(expected))
    still = list(_families(Known(num_weights=2, matrix=jnp.diag, model=kind), weights[:2]))
    assert [family.shape for family in still] == [(2, 0)]


def student_moments(size, alpha, batch, noise):
    """⟨E_ij E_kl⟩ of E' = E(1 − αC) + αη/√B: by Isserlis' theorem B⟨δC_aj δC_bl⟩ = δ_ab δ_jl + δ_al δ_jb."""
    eye, count = np.eye(size), size**4
    apart, scatter = np.einsum("aj,bl->ajbl", eye, eye), np.einsum("ab,jl->ajbl", eye, eye)
    scatter = alpha**2 / batch * (scatter + np.einsum("al,jb->ajbl", eye, eye))
    pair = (1 - alpha) ** 2 * apart + scatter
    step = np.einsum("im,kn,ajbl->ijklmanb", eye, eye, pair).reshape(count, count)
    return np.linalg.solve(np.eye(count) - step, noise**2 * scatter.ravel()).reshape((size,) * 4)


def test_widths_of_a_student_by_its_second_moments():
    """Apart, a level varies by ⟨S₁₁²⟩; in a pair s² = 2⟨S₁₂²⟩, which knows no common shift. Control: they differ."""
    alpha, batch, noise = 0.5, 4, 0.1
    table = student_moments(2, alpha, batch, noise)
    symmetric = (table + table.transpose(1, 0, 2, 3)) / 2
    symmetric = (symmetric + symmetric.transpose(0, 1, 3, 2)) / 2
    own, across = symmetric[0, 0, 0, 0], symmetric[0, 1, 0, 1]
    assert own - symmetric[0, 0, 1, 1] == pytest.approx(2 * across)
    setting = {"learning_rate": alpha, "batch_size": batch}
    pair, alone = (
        find_theory(TeacherStudent(teacher=levels, noise=noise), **setting) for levels in ((2.0, 2.0), (1.0, 2.0))
    )
    np.testing.assert_allclose(pair.width2, [2 * across], rtol=1e-9)
    np.testing.assert_allclose(alone.width2, [own, own], rtol=1e-9)
    assert own > 2.02 * across
    for theory in (pair, alone):
        np.testing.assert_allclose(theory.element_variance, across * np.array([[2, 1], [1, 2]]), rtol=1e-9)
    np.testing.assert_allclose(alone.mean_shift, [-across, across], rtol=1e-9)


def test_means_without_a_block():
    blocks = np.random.default_rng(0).normal(size=(5, 3, 2))
    expected = [np.delete(blocks, index, axis=0).mean(axis=0) for index in range(5)]
    np.testing.assert_allclose(leave_one_out(blocks), expected)


def test_weights_without_noise_are_fixed_only_where_nothing_moves_them(monkeypatch):
    """Without noise to the last bit; with it 20 000 weights off by 0.7 of their errors are found out.

    ⟨t²⟩ = 7/5 (1 + 0.49) then; 1.4 scatters by 0.02, so that six of it, 0.12, are less than what is added.
    """
    draws = np.random.default_rng(1).normal(size=(BLOCKS, 20_000))
    cases = [(np.zeros((BLOCKS, 3)), True), (np.full((BLOCKS, 3), 1e-9), False)]
    cases += [(draws, True), (draws + 0.7 / np.sqrt(BLOCKS), False)]
    for blocks, fixed in cases:
        monkeypatch.setattr(_fixed_point, "_residual", lambda *_, blocks=blocks: blocks)
        num = blocks.shape[1]
        assert _is_fixed(Known(num_weights=num), np.zeros(num), 0.0, 0) == fixed


@pytest.mark.parametrize("start", [2.6, 1.7])
def test_newtons_method_finds_the_root_of_a_cubic(monkeypatch, start):
    """w³ = 8, of which the method is told value and slope, from 0.3 and 0.6 away."""
    monkeypatch.setattr(
        _fixed_point, "measure_slope", lambda update, state, **_: Slope(None, np.full((BLOCKS, 1, 1), 3 * state**2), 1)
    )
    monkeypatch.setattr(_fixed_point, "_residual", lambda update, state, *_: np.full((BLOCKS, 1), state**3 - 8))
    found = _newton(Known(num_weights=1), np.array([start]), 0.0, 0)
    assert not found.exact
    assert found.state == pytest.approx(2.0, abs=1e-5)


def test_a_decay_moves_the_fixed_point_and_without_it_the_models_own_is_kept():
    """γ(w − t) + λw = 0 at tγ/(γ + λ), within the error that is stated or a thousandth."""
    model = MatrixDyson(target=(1.0, 3.0), noise2=0.01)
    update = flat_update(model, 16)
    own = find_fixed_point(model, update, 0.0, seed=0)
    assert own.exact
    assert own.error.shape == (4, 0)
    np.testing.assert_array_equal(own.state, [1.0, 0.0, 0.0, 3.0])
    moved = find_fixed_point(model, update, 0.25, seed=0)
    assert not moved.exact
    np.testing.assert_allclose(moved.state, np.array([1.0, 0.0, 0.0, 3.0]) / 1.25, atol=3e-3)


def test_one_weight_forgets_at_its_rate():
    """(1 − α)ᵏ summed over the lags k, half of the first: 1/α − 1/2; beyond α = 2 it diverges."""
    setting = {"batch_size": 16}
    theory = linear_noise(MatrixDyson(target=(1.0,)), learning_rate=0.1, **setting)
    assert theory.relaxation == pytest.approx([9.5], rel=1e-4)
    assert theory.multiplier == pytest.approx(0.9, rel=1e-5)
    with pytest.raises(InputError, match=r"`learning_rate` must be below 2, or the weights diverge, got 2\.6"):
        linear_noise(MatrixDyson(target=(1.0,)), learning_rate=2.6, **setting)
