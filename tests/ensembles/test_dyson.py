"""Dyson Brownian motion: order through near-collisions, stationary laws, matrix against levels."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from coulombgas import InputError
from coulombgas.ensembles import (
    DysonLevels,
    DysonMatrix,
    Repulsion,
    proximal_step,
    simulate,
    spectral_drift,
)

LEVEL = 1e-4  # false-alarm rate of each test, Bonferroni over the modes


def _restoring(x):
    return -x


@eqx.filter_jit
def _finals(process, start, keys, time_step, num_steps):
    def one(key):
        run = simulate(process, start, key=key, time_step=time_step, num_steps=num_steps, record_every=num_steps)
        return run.levels[-1]

    return jax.vmap(one)(keys)


def _final(process, start, *, time_step, num_steps, replicas, seed=0):
    keys = jax.random.split(jax.random.key(seed), replicas)
    return np.asarray(_finals(process, start, keys, jnp.asarray(time_step), num_steps))


def _smallest_p(first, second):
    pairs = zip(np.asarray(first).T, np.asarray(second).T, strict=True)
    return min(stats.ks_2samp(a, b).pvalue for a, b in pairs) * np.shape(first)[-1]


def _hermite(n, beta, count):
    """Ascending eigenvalues of the tridiagonal matrices of Dumitriu and Edelman, in NumPy."""
    rng = np.random.default_rng(1)
    matrix = np.zeros((count, n, n))
    matrix[:, range(n), range(n)] = rng.normal(size=(count, n))
    matrix[:, range(1, n), range(n - 1)] = np.sqrt(rng.chisquare(beta * np.arange(n - 1, 0, -1), (count, n - 1)) / 2)
    return np.linalg.eigvalsh(matrix)


def test_the_proximal_step_solves_its_equation_from_any_point(x64):
    """Kicks that would reorder the levels many times over."""
    repulsion = Repulsion(jnp.ones((5, 5)))
    mobility = jnp.full(5, 0.01)
    y = 10 * jax.random.normal(jax.random.key(0), (200, 5))

    @jax.jit
    @jax.vmap
    def step(y):
        x, arrived = proximal_step(repulsion, y, start=jnp.arange(5.0) * 1e-6, mobility=mobility)
        return x, arrived, x - y - mobility * repulsion.force(x)

    x, arrived, residual = step(y)
    assert arrived.all()
    assert (np.diff(x) > 0).all()
    np.testing.assert_allclose(residual, 0, atol=1e-8)


@pytest.mark.parametrize("wall", [None, 2.5])
def test_force_and_curvature_are_derivatives_of_the_barrier(x64, wall):
    repulsion = Repulsion(1.0 + jnp.ones((3, 3)), None if wall is None else jnp.asarray(wall))

    def barrier(x):
        i, j = np.triu_indices(3, 1)
        energy = -2 * jnp.log(x[j] - x[i]).sum()
        return energy if wall is None else energy - 2 * jnp.log(x[j] + x[i]).sum() - wall * jnp.log(x).sum()

    @jax.jit
    def pairs(x, new):
        force = repulsion.force(x), -jax.grad(barrier)(x)
        curvature = repulsion.curvature(x), jax.hessian(barrier)(x)
        return force, curvature, (repulsion.rise(x, new), barrier(new) - barrier(x))

    for found, expected in pairs(np.asarray([0.5, 1.1, 2.0]), np.asarray([0.4, 1.2, 1.3])):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("beta", [
    4.0, pytest.param(1.0, marks=pytest.mark.full("test_levels_reach_the_hermite_ensemble[4.0] in test_dyson.py")),
])  # fmt: skip
def test_levels_reach_the_hermite_ensemble(beta, reduced):
    """Started with all levels within 2e-3; stationary width 1 at g = 1, K = −x."""
    process = DysonLevels(n=4, drift=_restoring, beta=beta)
    many = {"time_step": 0.04, "num_steps": 100, "replicas": 500 if reduced else 1000}
    levels = _final(process, jnp.linspace(-1e-3, 1e-3, 4), **many)
    assert (np.diff(levels, axis=-1) > 0).all()
    exact = _hermite(4, beta, 6000)
    assert _smallest_p(levels, exact) > LEVEL
    assert _smallest_p(levels, 1.15 * exact) < 1e-6  # control: a temperature 32% too high


def test_matrix_and_levels_have_one_law_at_all_times(x64, reduced):
    """β = 1, K(X) = −X, not yet stationary: the eigenvalue equation (63) against the matrix equation (62)."""
    levels = DysonLevels(n=3, drift=_restoring, noise=0.7)
    matrix = DysonMatrix(drift=_restoring, noise=0.7)
    start = jnp.asarray([-1.0, -0.9, 1.0])
    many = {"time_step": 0.01, "num_steps": 40, "replicas": 1000 if reduced else 2000}
    a = _final(levels, start, **many)
    b = _final(matrix, jnp.diag(start), seed=1, **many)
    assert _smallest_p(a, b) > LEVEL
    wrong = _final(DysonLevels(n=3, drift=_restoring, noise=0.7, beta=2.0), start, **many)
    assert _smallest_p(wrong, b) < 1e-6


def test_singular_values_reach_the_laguerre_ensemble(reduced):
    process = DysonLevels(n=3, drift=_restoring, wall=2.0)
    many = {"time_step": 0.02, "num_steps": 150, "replicas": 400 if reduced else 1000}
    levels = _final(process, jnp.asarray([0.01, 0.02, 0.03]), **many)
    rng = np.random.default_rng(2)
    exact, wrong = (np.linalg.svd(rng.normal(size=(6000, m, 3)), compute_uv=False)[:, ::-1] for m in (5, 7))
    assert (levels > 0).all()
    assert _smallest_p(levels, exact) > LEVEL
    assert _smallest_p(levels, wrong) < 1e-6


def test_species_keep_their_own_widths_and_the_product_law():
    """g_i² = s_i², K_i = κ_i − x_i: mean spacing (S0² + Δ²)/M(Δ, S0), the generalised semicircle of two species."""
    s, kappa = np.array([0.3, 0.6]), np.array([0.0, 0.5])
    process = DysonLevels(n=2, drift=lambda x: jnp.asarray(kappa, x.dtype) - x, noise=jnp.asarray(s))
    levels = _final(process, jnp.asarray(kappa), time_step=0.02, num_steps=200, replicas=3000)
    spacing = levels[:, 1] - levels[:, 0]
    gap, total = 0.5, np.hypot(*s)
    mean_abs = total * np.sqrt(2 / np.pi) * np.exp(-(gap**2) / (2 * total**2)) + gap * (
        2 * stats.norm.cdf(gap / total) - 1
    )
    # ordered Dyson motion keeps mode 0 at κ_0: the labelled law restricted to x_0 < x_1
    density = lambda y: y * np.exp(-((y - gap) ** 2) / (2 * total**2))  # noqa: E731
    grid = np.linspace(0, 8, 4001)
    expected = (grid * density(grid)).sum() / density(grid).sum()
    error = spacing.std() / np.sqrt(len(spacing))
    assert abs(spacing.mean() - expected) < 4 * error
    assert abs(spacing.mean() - (total**2 + gap**2) / mean_abs) > 4 * error  # control: both orders mixed


@pytest.mark.full("test_levels_reach_the_hermite_ensemble and test_matrix_and_levels_have_one_law_at_all_times")
def test_the_bias_of_a_finite_step_shrinks(x64):
    """Mean spacing of a pair at β = 1, exactly √π: common random numbers do not help, so 40 000 replicas."""
    errors = []
    for time_step in (0.2, 0.05):
        process, start = DysonLevels(n=2, drift=_restoring), jnp.asarray([-1.0, 1.0])  # of the stationary mean square
        x = _final(process, start, time_step=time_step, num_steps=round(2 / time_step), replicas=40_000)
        errors.append(np.sqrt(np.pi) - np.diff(x, axis=-1).mean())
    assert 0.03 < errors[0] < 0.07  # 0.050 ± 0.005: the control, a step that is too long shows
    assert errors[1] < 0.036  # 0.020 ± 0.005


def test_spectral_drift_is_the_drift_of_the_levels(x64):
    matrix = jnp.asarray([[1.0, 0.3], [0.3, 2.0]])
    lifted = spectral_drift(lambda x: x**3)(matrix)
    np.testing.assert_allclose(lifted, matrix @ matrix @ matrix, atol=1e-12)


def test_record_and_errors():
    process = DysonLevels(n=2, drift=_restoring)
    run = simulate(process, jnp.asarray([0.0, 1.0]), key=jax.random.key(0), time_step=0.1, num_steps=6, record_every=2)
    assert run.levels.shape == (3, 2)
    np.testing.assert_allclose(run.times, [0.2, 0.4, 0.6], rtol=1e-6)
    with pytest.raises(InputError, match="multiple of record_every"):
        simulate(process, jnp.asarray([0.0, 1.0]), key=jax.random.key(0), time_step=0.1, num_steps=5, record_every=2)
    with pytest.raises(Exception, match="ascend strictly"):
        simulate(process, jnp.asarray([1.0, 0.0]), key=jax.random.key(0), time_step=0.1, num_steps=2)
    with pytest.raises(InputError, match="`beta` must be symmetric"):
        DysonLevels(n=2, drift=_restoring, beta=jnp.asarray([[1.0, 2.0], [1.0, 1.0]]))
    with pytest.raises(InputError, match="`noise` must be positive"):
        DysonLevels(n=2, drift=_restoring, noise=0.0)
    with pytest.raises(InputError, match="`beta` must be 1 or 2"):
        DysonMatrix(drift=_restoring, beta=4)


@pytest.mark.parametrize("record_every", [1, 4])
def test_noise_of_successive_records_is_independent(record_every):
    """One free level: records of 2000 updates differ by independent normals of variance 2 g² dt, 4.5 errors of 2.2%."""
    process = DysonMatrix(drift=jnp.zeros_like, noise=0.5)
    run = simulate(
        process, jnp.zeros((1, 1)), key=jax.random.key(5), time_step=0.1, num_steps=2000 * record_every,
        record_every=record_every,
    )  # fmt: skip
    kicks = np.diff(np.asarray(run.levels)[:, 0])
    variance = 2 * 0.5**2 * 0.1 * record_every
    assert abs(kicks.mean()) < 4.5 * np.sqrt(variance / len(kicks))
    assert kicks.var() == pytest.approx(variance, rel=4.5 * np.sqrt(2 / len(kicks)))
    for lag in (1, 2, 4):
        assert abs(np.corrcoef(kicks[lag:], kicks[:-lag])[0, 1]) < 4.5 / np.sqrt(len(kicks))
