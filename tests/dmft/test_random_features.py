"""Random features: quoted numbers, limits, ensembles that share a disorder, finite copies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulombgas._precision import x64 as in_x64
from coulombgas.dmft import RandomFeatures, compare, decompose, quadrature, simulate, solve
from coulombgas.dmft._random_features_simulation import flow_of_features
from coulombgas.dmft._talbot import invert, invert_two


def test_talbot_inverts_known_transforms():
    time = np.array([0.2, 1.0, 5.0])
    np.testing.assert_allclose(invert(lambda z: 1 / (z + 0.7), time), np.exp(-0.7 * time), atol=1e-10)
    np.testing.assert_allclose(invert(lambda z: 1 / np.sqrt(z), time), 1 / np.sqrt(np.pi * time), rtol=1e-9)
    pair = invert_two(lambda z, w: 1 / ((z + 0.5) * (w + 0.5)) + 2 / ((z + 2) * (w + 2)), time)
    both = time[:, None] + time
    np.testing.assert_allclose(pair, np.exp(-0.5 * both) + 2 * np.exp(-2 * both), atol=1e-9)


def test_quoted_numbers_not_monotone_where_the_hermitian_model_is():
    result = solve(RandomFeatures(samples_per_dimension=0.5, features_per_dimension=2.0))
    np.testing.assert_allclose(result.test_excess[1:], [0.7491, 0.6689, 0.6488, 0.6599, 0.6664], atol=5e-5)
    np.testing.assert_allclose(result.hermitian[1:], [0.7189, 0.5880, 0.5224, 0.5013, 0.5000], atol=5e-5)
    assert (np.diff(result.test_excess) > 0).any()
    assert (np.diff(result.hermitian) < 0).all()


@pytest.mark.parametrize(("alpha", "nu"), [(0.5, 2.0), (1.7, 0.4), (0.3, 0.8), (2.0, 3.0)])
def test_limit(alpha, nu):
    system = RandomFeatures(samples_per_dimension=alpha, features_per_dimension=nu, time_points=(1e4,))
    np.testing.assert_allclose(solve(system).test_excess[0], system.limit(), atol=2e-4)


def test_many_features_are_linear_regression():
    """ν → ∞ leaves linear regression: an independent theory of this package."""
    from coulombgas.dmft import LinearRegression

    times = (0.0, 0.5, 1.0, 4.0)
    wide = RandomFeatures(samples_per_dimension=1.5, features_per_dimension=1e7, noise_variance=0.2, time_points=times)
    regression = LinearRegression(samples_per_dimension=1.5, noise_variance=0.2, method="gradient-flow",
                                  learning_rate=0.5, steps=8)  # fmt: skip
    flow = quadrature(regression)
    theory = solve(wide)
    for name in ("test_excess", "train_loss"):
        np.testing.assert_allclose(theory[name], flow[name][[0, 1, 2, 8]], atol=1e-6)


def test_correlation_of_few_and_many_times_agree():
    many = solve(RandomFeatures(samples_per_dimension=1.4, features_per_dimension=0.8, noise_variance=0.1))
    np.testing.assert_allclose(np.diagonal(many.correlation), many.test_excess, atol=1e-12)
    np.testing.assert_allclose(many.correlation, many.correlation.T, atol=1e-9)
    one = RandomFeatures(samples_per_dimension=1.4, features_per_dimension=0.8, noise_variance=0.1, time_points=(3.0,))
    np.testing.assert_allclose(solve(one).test_excess[0], many.test_excess[3], rtol=1e-12)


@pytest.mark.slow
def test_finite_copies_agree(reduced):
    """|z| < 4; fewer than 10 independent numbers, false alarms 6e-4. The control has the wrong number of features."""
    values = {"samples_per_dimension": 1.5, "noise_variance": 0.3, "time_points": (0.0, 0.4, 2.0, 6.0)}
    system = RandomFeatures(features_per_dimension=0.7, **values)
    copies = simulate(system, dimension=120 if reduced else 400, replicas=40 if reduced else 100, seed=2)
    assert max(compare(solve(system), copies).worst().values()) < 4
    wrong = solve(RandomFeatures(features_per_dimension=1.0, **values)).assign_attrs(config=copies.attrs["config"])
    assert compare(wrong, copies).worst()["test_excess"] > 5


def test_plenty_of_features_or_of_data_leaves_no_variance_of_them():
    """Control: what is scarce keeps its own."""
    times = (0.5, 2.0, 8.0)
    wide = decompose(RandomFeatures(samples_per_dimension=0.8, features_per_dimension=1e7, time_points=times))
    long = decompose(RandomFeatures(samples_per_dimension=1e7, features_per_dimension=0.8, time_points=times))
    for none, some in ((wide.variance_features, wide.variance_data), (long.variance_data, long.variance_features)):
        assert abs(none).max() < 1e-5
        assert some.min() > 1e-3


@pytest.mark.slow
@pytest.mark.full("test_plenty_of_features_or_of_data_leaves_no_variance_of_them and test_parts_add_up")
def test_ensembles_that_share_data_or_features():
    """Products of two learners with shared data, features or neither have the means that ``decompose`` adds up.

    Each of 9 numbers within 4 standard errors: false-alarm rate 6e-4.
    """
    system = RandomFeatures(samples_per_dimension=0.8, features_per_dimension=1.3, time_points=(0.5, 2.0, 8.0))
    parts = decompose(system)
    size, num = 100, 400
    samples, features = 80, 130
    with in_x64():

        def pair(key):
            keys = jax.random.split(key, 4)
            data = [jax.random.normal(k, (samples, size)) for k in keys[:2]]
            lift = [jax.random.normal(k, (features, size)) for k in keys[2:]]
            teacher, quiet, time = jnp.ones(size), jnp.zeros(samples), jnp.asarray(system.times())

            def path(i, j):
                return flow_of_features(data[i], lift[j], teacher, quiet, time)

            base = path(0, 0)
            return jnp.stack([jnp.mean(base * path(*other), axis=1) for other in ((0, 1), (1, 0), (1, 1))])

        found = np.asarray(jax.lax.map(pair, jax.random.split(jax.random.key(0), num)))
    expected = np.stack([parts.bias + parts.variance_data, parts.bias + parts.variance_features, parts.bias])
    z = (found.mean(0) - expected) / (found.std(0, ddof=1) / np.sqrt(num))
    assert np.abs(z).max() < 4
    swapped = (found.mean(0) - expected[[1, 0, 2]]) / (found.std(0, ddof=1) / np.sqrt(num))
    assert np.abs(swapped).max() > 5


def test_parts_add_up():
    parts = decompose(RandomFeatures(samples_per_dimension=1.2, features_per_dimension=0.9, noise_variance=0.3))
    total = sum(parts[name] for name in parts.data_vars if name != "test_excess")
    np.testing.assert_allclose(total, parts.test_excess, atol=1e-12)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"features_per_dimension": 0.0}, "features_per_dimension"),
        ({"noise_variance": -1.0}, "noise_variance"),
        ({"time_points": (1.0, 0.5)}, "ascend"),
        ({"time_points": ()}, "at least 1"),
        ({"time_points": (0.0, float("nan"))}, "NaN"),
    ],
)
def test_refuses(values, message):
    with pytest.raises(ValueError, match=message):
        RandomFeatures(**{"samples_per_dimension": 1.0, "features_per_dimension": 2.0, **values})
