"""The linear algebra of the theory without any model: recursions, sums and derivatives written out in NumPy."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg

from coulombgas.spectra import LevelGroup
from coulombgas.theory._fixed_point import _is_fixed, pseudo_inverse
from coulombgas.theory._gauge import _families, _respected, complement, find_gauge, without_gauge
from coulombgas.theory._levels import find_groups, group_width2, level_curvature, level_error, observe, within_groups
from coulombgas.theory._moments import BLOCKS, Slope, _white, jackknife_error, leave_one_out
from coulombgas.theory._optimizer_map import optimizer_map
from coulombgas.theory._shift import _bend
from coulombgas.theory._stationary import assemble, coordinates, covariance, epoch_noise, lyapunov, split
from coulombgas.theory._update import FlatUpdate
from coulombgas.training import Optimizer

ALPHA = 0.2


class Fake(FlatUpdate):
    """An update of which only what is given is known."""

    num_weights, matrix, model = None, None, None

    def __new__(cls, **known):
        one = tuple.__new__(cls, (None,) * len(FlatUpdate._fields))
        one.__dict__.update(known)
        return one


def fake(**known):
    return Fake(**known)


class Small(Fake):
    """An update of which only the sizes are known."""

    size, batch_size = 4, 1


def random(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def stable(size, radius, seed=0):
    table = random(size, size, seed=seed)
    return table * radius / np.abs(np.linalg.eigvals(table)).max()


@pytest.mark.parametrize("radius", [0.3, 0.9, 0.9999])
@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e12])
def test_lyapunov_equation(radius, scale):
    step, root = stable(4, radius), random(4, 4, seed=1)
    found = lyapunov(step, scale * root @ root.T)
    np.testing.assert_allclose(found, scale * linalg.solve_discrete_lyapunov(step, root @ root.T), rtol=1e-8)


@pytest.mark.parametrize("gauge", [0, 1])
def test_what_nothing_restores_diffuses_and_the_rest_is_stationary(gauge):
    """The covariance of z' = A z + ξ after 600 updates from zero; λ = 1 twice, else 0.95, −0.8 and 0.6 ± 0.5i."""
    core = linalg.block_diag(1.0, 1.0, 0.95, -0.8, np.array([[0.6, 0.5], [-0.5, 0.6]]))
    basis = random(6, 6, seed=2)
    basis[:, 0] = np.eye(6)[0] if gauge else basis[:, 0]
    step, root = basis @ core @ np.linalg.inv(basis), random(6, 6, seed=3)
    noise = root @ root.T
    table = np.zeros((6, 6))
    for _ in range(600):
        table = step @ table @ step.T + noise
    more = step @ table @ step.T + noise
    parts = split(step, 2 - gauge, np.eye(6)[:, :gauge], np.eye(6)[:, gauge:])
    law = covariance(parts, noise)
    assert parts.radius == pytest.approx(0.95)
    np.testing.assert_allclose(law.stable, parts.stable.T @ table @ parts.stable, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(law.mixed, parts.neutral.T @ table @ parts.stable, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(law.growth, parts.neutral.T @ (more - table) @ parts.neutral, rtol=1e-7, atol=1e-7)
    own = split(step, 0, np.zeros((6, 0)), np.eye(6))
    assert own.radius == pytest.approx(1.0)


def test_noise_of_an_epoch_is_that_of_updates_with_a_fixed_sum():
    step, root, num = stable(3, 0.8), random(3, 3, seed=4), 5
    noise, total = root @ root.T, np.zeros((3, 3))
    powers = [np.linalg.matrix_power(step, num - 1 - s) for s in range(num)]
    for s in range(num):
        for t in range(num):
            total += powers[s] @ noise @ powers[t].T * ((s == t) - 1 / num)
    power, found = epoch_noise(step, noise, num)
    np.testing.assert_allclose(power, np.linalg.matrix_power(step, num), rtol=1e-12)
    np.testing.assert_allclose(found, total, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("momentum", [None, "momentum", "nesterov"])
def test_an_update_of_weights_averages_and_memory_is_one_matrix(momentum):
    """v' = m v + g, w' = w − α(u + λw) with u = v' or g + m v'; g and c' are linear in (w, c)."""
    m, decay = (0.0 if momentum is None else 0.7), 0.1
    optimizer = Optimizer(momentum or "sgd", weight_decay=decay, **({"momentum": m} if momentum else {}))
    table, kept = random(5, 5, seed=5), int(momentum is not None)

    def update(z, kick):
        w, v, c = z[:3], z[3 : 3 + 3 * kept], z[3 + 3 * kept :]
        g, c = np.split(table @ np.concatenate([w, c]) + kick, [3])
        v = m * v + g if kept else v
        u = {None: g, "momentum": v, "nesterov": g + m * v if kept else g}[momentum]
        return np.concatenate([w - ALPHA * (u + decay * w), v, c])

    steps = optimizer_map(optimizer, ALPHA)
    size = 5 + 3 * kept
    found = assemble(table, steps, 3)
    expected = np.stack([update(one, np.zeros(5)) for one in np.eye(size)], axis=1)
    np.testing.assert_allclose(found.step, expected, atol=1e-12)
    kicks = np.stack([update(np.zeros(size), one) for one in np.eye(5)], axis=1)
    np.testing.assert_allclose(found.noise, kicks, atol=1e-12)
    assert steps.effective_decay == pytest.approx((1 - m) * decay)
    assert steps.gain == pytest.approx(ALPHA / (1 - m))


@pytest.mark.parametrize(("states", "whole"), [(0, False), (1, False), (1, True), (2, True)])
def test_coordinates_leave_out_the_averages_along_a_gauge_unless_asked(states, whole):
    basis = np.linalg.qr(random(4, 4))[0]
    gauge, rest = basis[:, :1], basis[:, 1:]
    flat, own = coordinates(gauge, rest, states, 2, whole=whole)
    both = np.concatenate([flat, own], axis=1)
    np.testing.assert_allclose(both.T @ both, np.eye(both.shape[1]), atol=1e-12)
    assert both.shape == (4 * (1 + states) + 2, 4 * (1 + states) + 2 - (0 if whole else states))
    np.testing.assert_allclose(flat[:4], gauge)
    if not whole:  # no other direction moves along the gauge, neither by a weight nor by an average
        blocks = own[: 4 * (1 + states)].reshape(1 + states, 4, -1)
        np.testing.assert_allclose(np.einsum("skz,kg->szg", blocks, gauge), 0, atol=1e-12)


def blocks_of(table, noise=0.0):
    kicks = noise * random(BLOCKS, *table.shape, seed=6)
    return Slope(np.zeros((BLOCKS, len(table))), table + kicks - kicks.mean(axis=0), 1)


def test_the_inverse_leaves_out_what_its_noise_hides():
    table, decay = random(5, 5, seed=7), 0.3
    whole = table + np.diag([decay, decay, decay, -1, -1])
    np.testing.assert_allclose(pseudo_inverse(blocks_of(table), 3, decay), np.linalg.inv(whole), rtol=1e-9)
    left, values, right = np.linalg.svd(whole)
    values = np.array([3.0, 2.0, 1.0, 0.5, 1e-3])
    weak = left @ np.diag(values) @ right
    slope = blocks_of(weak - np.diag([decay, decay, decay, -1, -1]), 0.01)
    np.testing.assert_allclose(pseudo_inverse(slope, 3, decay), np.linalg.pinv(weak, rcond=0.1), rtol=1e-7)
    none = blocks_of(left @ np.diag([3.0, 2.0, 1.0, 1e-2, 1e-7]) @ right - np.diag([decay] * 3 + [-1] * 2))
    expected = np.linalg.pinv(left @ np.diag([3.0, 2.0, 1.0, 1e-2, 0.0]) @ right, rcond=1e-5)
    np.testing.assert_allclose(pseudo_inverse(none, 3, decay), expected, rtol=1e-6)


@pytest.mark.parametrize(("shift", "fixed"), [(0.0, True), (1.5, False)])
def test_a_point_is_fixed_where_its_mean_update_is_zero_within_the_noise(monkeypatch, shift, fixed):
    """500 weights with means of eight blocks, off by 1.5 errors or by none; weights that never move are at zero."""
    kicks = random(BLOCKS, 500, seed=14) + shift / np.sqrt(BLOCKS)
    for still, holds in ((0.0, fixed), (1e-9, False)):
        blocks = np.concatenate([kicks, np.full((BLOCKS, 3), still)], axis=1)
        monkeypatch.setattr("coulombgas.theory._fixed_point._residual", lambda *_, blocks=blocks: blocks)
        assert _is_fixed(fake(num_weights=503), np.zeros(503), 0.0, 0) == holds


def test_the_bend_of_an_update_is_half_its_second_derivatives_times_any_covariance(monkeypatch):
    """½ Σ H_kij P_ij for a P with eigenvalues of both signs, of which each sign has directions of its own."""
    bend = random(4, 6, 6, seed=15)
    bend, law = bend + bend.transpose(0, 2, 1), random(6, 6, seed=16)
    law = law + law.T
    assert (np.linalg.eigvalsh(law) < 0).any()

    def curvature(update, state, root, *, draws, seed):
        return np.tile(np.einsum("kij,ij->k", bend, root @ root.T), (BLOCKS, 1))

    monkeypatch.setattr("coulombgas.theory._shift.measure_curvature", curvature)
    found = _bend(Small.__new__(Small), np.zeros(6), law)
    np.testing.assert_allclose(found, np.tile(np.einsum("kij,ij->k", bend, law) / 2, (BLOCKS, 1)), rtol=1e-9)


def test_directions_have_exact_second_moments_where_there_are_enough():
    draws = random(50, 7, seed=17)
    np.testing.assert_allclose(_white(draws).T @ _white(draws) / 50, np.eye(7), atol=1e-12)
    np.testing.assert_array_equal(_white(draws[:7]), draws[:7])


def test_the_jackknife_of_a_mean_is_its_standard_error():
    blocks = random(BLOCKS, 3, seed=18)
    expected = blocks.std(axis=0, ddof=1) / np.sqrt(BLOCKS)
    np.testing.assert_allclose(jackknife_error(leave_one_out(blocks)), expected, rtol=1e-12)


def test_the_width_of_a_group_is_that_of_its_gaussian_matrix():
    """⟨S_ab S_cd⟩ = s²(δ_ac δ_bd + δ_ad δ_bc)/2, and a common shift of all levels that does not count."""
    for size in (1, 2, 3):
        eye = np.eye(6)
        table = 0.49 * (np.einsum("ac,bd->abcd", eye, eye) + np.einsum("ad,bc->abcd", eye, eye)) / 2
        table = table + (2.0 * np.einsum("ab,cd->abcd", eye, eye) if size > 1 else 0.0)
        assert group_width2(table, tuple(range(1, 1 + size))) == pytest.approx(0.49)


def plain(shape, kind):
    """An update that shows its weights as they are."""
    return fake(
        num_weights=shape[0] * shape[1], matrix=lambda w: jnp.reshape(w, shape), model=SimpleNamespace(level_kind=kind)
    )


def levels_of(matrix, kind):
    if kind == "eigenvalues":
        return np.linalg.eigvalsh((matrix + matrix.T) / 2)
    values = np.linalg.svd(matrix, compute_uv=False)[::-1]
    return values if kind == "singular-values" else values**2


@pytest.mark.parametrize("kind", ["eigenvalues", "singular-values", "squared-singular-values"])
def test_levels_bend_by_second_order_perturbation_theory(kind):
    """Second differences of exact levels at another step; the first derivative is the diagonal of S."""
    shape = (3, 3) if kind == "eigenvalues" else (3, 4)
    point, ways = random(*shape, seed=8), random(2, shape[0] * shape[1], seed=9)
    update, groups = plain(shape, kind), (LevelGroup(0.0, (0,)), LevelGroup(0.0, (1, 2)))
    found = level_curvature(update, point.ravel(), ways, groups)
    observable = observe(update, point.ravel())
    slopes = observable.jacobian.reshape(3, 3, -1)
    for way, own in zip(ways, found, strict=True):
        plus, here, minus = (levels_of(point + t * way.reshape(shape), kind) for t in (1e-4, 0.0, -1e-4))
        bend, first = (plus - 2 * here + minus) / 1e-8, (plus - minus) / 2e-4
        np.testing.assert_allclose(own, [bend[0], bend[1:].mean()], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose([slopes[i, i] @ way for i in range(3)], first, rtol=1e-6)


def test_groups_are_as_wide_as_six_errors_of_the_fixed_point():
    levels = np.array([1.0, 1.05, 2.0])
    assert [group.modes for group in find_groups(levels, 0.01, 0.001)] == [(0, 1), (2,)]
    assert [group.modes for group in find_groups(levels, 0.008, 0.001)] == [(0,), (1,), (2,)]
    assert [group.modes for group in find_groups(levels, 0.0, 0.03)] == [(0, 1), (2,)]
    observable = observe(plain((2, 2), "eigenvalues"), random(4, seed=10))
    root = random(4, 6, seed=11)
    expected = np.sqrt(np.diag(observable.jacobian @ root @ root.T @ observable.jacobian.T)).max()
    assert level_error(observable, root) == pytest.approx(expected)
    assert level_error(observable, np.zeros((4, 0))) == 0.0


def test_rotations_of_rows_and_columns_leave_the_levels_where_they_are():
    """Directions of a 2×3 matrix: three generators for its columns, one for its rows; of a product also inner ones."""
    kind = "squared-singular-values"
    point = random(2, 3, seed=12)
    families = list(_families(plain((2, 3), kind), point.ravel()))
    assert [family.shape[1] for family in families] == [0, 3, 3, 1, 1]
    assert [family.shape[1] for family in _families(plain((1, 1), kind), point.ravel()[:1])] == [0]  # nothing turns

    def product(w):
        return jnp.reshape(w[:4], (2, 2)) @ jnp.reshape(w[4:], (2, 3))

    pair = fake(num_weights=10, matrix=product, model=SimpleNamespace(level_kind=kind))
    weights = random(10, seed=13)
    more = list(_families(pair, weights))
    assert [family.shape[1] for family in more] == [4, 3, 7, 1, 5]

    def thin(w):  # a hidden layer of one unit: its length is free, at any scale
        return jnp.reshape(w[:2], (2, 1)) @ jnp.reshape(w[2:], (1, 3))

    one = fake(num_weights=5, matrix=thin, model=SimpleNamespace(level_kind=kind))
    assert [next(_families(one, scale * weights[:5])).shape[1] for scale in (1e-6, 1.0, 1e6)] == [1, 1, 1]
    cases = [(point.ravel(), families, lambda w: w.reshape(2, 3)), (weights, more, lambda w: np.asarray(product(w)))]
    for at, found, matrix in cases:
        for family in found:
            np.testing.assert_allclose(family.T @ family, np.eye(family.shape[1]), atol=1e-10)
            for way in family.T:
                moved = (levels_of(matrix(at + t * way), kind) for t in (1e-5, -1e-5))
                assert np.abs(np.subtract(*moved)).max() < 1e-8
    # all that the mean update respects, or what it respects of it
    gauge, still = more[2], more[1]
    for along in (gauge, still):
        respected = blocks_of(random(10, 10) @ (np.eye(10) - along @ along.T), 0.01)
        np.testing.assert_allclose(find_gauge(pair, weights, respected), along)
    assert np.abs(gauge.T @ complement(gauge)).max() < 1e-12
    slope = without_gauge(Slope(np.zeros((BLOCKS, 11)), random(BLOCKS, 11, 11), 1), gauge)
    assert np.abs(slope.jacobian[:, :, :10] @ gauge).max() < 1e-12
    np.testing.assert_allclose(
        slope.jacobian[:, :, :10] @ complement(gauge), random(BLOCKS, 11, 11)[:, :, :10] @ complement(gauge), atol=1e-12
    )


@pytest.mark.parametrize("shape", [(3, 2), (2, 3)])
def test_a_rotation_moves_no_level_though_it_turns_the_basis(shape):
    """WO for a tall W keeps the levels of WᵀW and turns its eigenvectors. Control: other directions move the levels."""
    point = random(*shape, seed=21)
    observable = observe(plain(shape, "squared-singular-values"), point.ravel())
    inside = within_groups(find_groups(observable.levels, 0.0, 0.001), 2)
    assert inside.tolist() == [True, False, False, True]
    assert within_groups(find_groups(np.array([1.0, 1.0, 2.0]), 0.0, 0.001), 3).tolist() == [1, 1, 0, 1, 1, 0, 0, 0, 1]
    generator = np.array([[0, 1], [-1, 0]])
    turned = point @ generator if shape == (3, 2) else generator @ point
    moved = observable.jacobian @ turned.ravel()
    assert np.abs(moved[inside]).max() < 1e-12 < 0.1 < np.abs(moved[~inside]).max()
    assert np.abs(observable.jacobian[inside] @ point.ravel()).min() > 0.1


@pytest.mark.parametrize("independent", [1, 2, 5, 30])
def test_a_symmetry_is_recognised_though_the_noise_of_its_elements_is_correlated(independent):
    """66 elements that are mixtures of a few.

    The rate of 1e-4 becomes about 1e-3 because the number of independent ones is estimated: more than 7 of 2000 have a
    probability of 1e-3. Control: ten standard errors are found in 95 of 100.
    """
    rng = np.random.default_rng(independent)

    def refused(shift: float, draws: int) -> int:
        blocks = rng.standard_normal((draws, BLOCKS, independent)) + shift / np.sqrt(BLOCKS)
        mixed = blocks @ rng.standard_normal((draws, independent, 66))
        return sum(not _respected(one.reshape(BLOCKS, 11, 6)) for one in mixed)

    assert refused(0.0, 2000) <= 7
    assert refused(10.0, 100) >= 95
