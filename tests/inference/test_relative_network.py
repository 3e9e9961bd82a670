"""Relative temperatures of a real network: a perceptron on scikit-learn's digits, trained here without the engine.

A 64-12-10 tanh network, squared loss with weight decay. All replicas start from one minimum, found by full-batch
descent, and are trained by plain SGD (mini-batches with replacement) for the same learning_rate · steps, so that the
variance of every level is proportional to T whether or not its slowest directions have come to equilibrium. Levels are
the singular values of the output layer. Nothing in the library knows this network.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy import optimize, stats
from sklearn.datasets import load_digits

from coulombgas._precision import x64
from coulombgas.inference._programs import SettingTemperatures
from coulombgas.inference.relative import LevelData, fit_relative_temperatures
from coulombgas.inference.scaling._exact import sample_rule
from coulombgas.inference.scaling._rule import padded, rule_data

DECAY = 0.01
SETTINGS = [(rate, batch) for batch in (256, 128, 64) for rate in (0.08, 0.16)]  # T from 0.0003 to 0.0025
SIZE = {"replicas": 480, "length": 60.0}  # at T = 0.01 variances are 5-10% below proportionality, which these see
pytestmark = pytest.mark.full(
    "test_intervals_hold_the_ratio, test_another_fixed_point_is_named in test_relative.py; "
    "test_independent_draws_have_the_posterior_of_the_program in test_scaling.py"
)


def loss(weights, pixels, labels):
    error = jnp.tanh(pixels @ weights["hidden"]) @ weights["output"] - labels
    decay = sum((matrix**2).sum() for matrix in weights.values())
    return 0.5 * (error**2).sum(axis=-1).mean() + 0.5 * DECAY * decay


def digits():
    """Pixels of mean square length 4, and labels as unit vectors."""
    raw, target = (np.asarray(part) for part in load_digits(return_X_y=True))
    pixels = raw - raw.mean(axis=0)
    return 2.0 * pixels / np.sqrt((pixels**2).sum(axis=1).mean()), np.eye(10)[target]


def minimum(pixels, labels, seed):
    """A minimum of the full loss."""
    rng = np.random.default_rng(seed)
    start = {"hidden": rng.standard_normal((64, 12)) / 8.0, "output": rng.standard_normal((12, 10)) / np.sqrt(12.0)}
    with x64():
        flat, unravel = ravel_pytree(jax.tree.map(jnp.asarray, start))
        slope = jax.jit(jax.value_and_grad(lambda w: loss(unravel(w), jnp.asarray(pixels), jnp.asarray(labels))))
        found = optimize.minimize(
            lambda w: [np.asarray(part) for part in slope(jnp.asarray(w))], np.asarray(flat), jac=True,
            method="L-BFGS-B", options={"maxiter": 2000, "maxfun": 3000, "ftol": 1e-14, "gtol": 1e-6},
        )  # fmt: skip
        rest = unravel(jnp.asarray(found.x))
    return {name: jnp.asarray(np.asarray(matrix), jnp.float32) for name, matrix in rest.items()}


@partial(jax.jit, static_argnames=("batch_size", "replicas"))
def sgd(key, weights, pixels, labels, learning_rate, steps, *, batch_size, replicas):
    """Singular values of the output layer, ascending, (replica, 10)."""

    def step(index, ensemble):
        drawn = jax.random.randint(jax.random.fold_in(key, index), (replicas, batch_size), 0, len(pixels))
        slope = jax.vmap(jax.grad(loss))(ensemble, pixels[drawn], labels[drawn])
        return jax.tree.map(lambda w, g: w - learning_rate * g, ensemble, slope)

    start = jax.tree.map(lambda w: jnp.broadcast_to(w, (replicas, *w.shape)), weights)
    ensemble = jax.lax.fori_loop(0, steps, step, start)
    return jnp.linalg.svd(ensemble["output"], compute_uv=False)[:, ::-1]


def train(settings, *, minimum_seed, replicas, length, seed):
    """Spectra at several settings, all trained for learning_rate · steps = length."""
    pixels, labels = digits()
    weights = minimum(pixels, labels, minimum_seed)
    arrays = jnp.asarray(pixels, jnp.float32), jnp.asarray(labels, jnp.float32)
    found = []
    for index, (learning_rate, batch_size) in enumerate(settings):
        key = jax.random.fold_in(jax.random.key(seed), index)
        levels = sgd(
            key, weights, *arrays, learning_rate, round(length / learning_rate), batch_size=batch_size,
            replicas=replicas,
        )  # fmt: skip
        found.append(LevelData("digits", learning_rate, batch_size, np.asarray(levels, dtype=np.float64)))
    return found


@pytest.fixture(scope="module")
def trained():
    return train(SETTINGS, minimum_seed=0, seed=0, **SIZE)


def constancy(settings, temperature):
    """Smallest p-value, over levels, that log sd − ½ log T is one constant over all settings, times the levels."""
    logs, errors = [], []
    for setting in settings:
        levels = setting.levels[:, 1:]  # the smallest singular value is 0 at the minimum: one output is redundant
        squares = (levels - levels.mean(axis=0)) ** 2
        logs.append(0.5 * np.log(squares.mean(axis=0) / temperature(setting.learning_rate, setting.batch_size)))
        errors.append(0.5 * squares.std(axis=0) / squares.mean(axis=0) / np.sqrt(len(levels)))
    weight = np.array(errors) ** -2
    center = (weight * logs).sum(axis=0) / weight.sum(axis=0)
    chi2 = (weight * (logs - center) ** 2).sum(axis=0)
    return chi2.size * stats.chi2.sf(chi2, len(settings) - 1).min()


def test_widths_over_the_root_of_temperature_are_constant(trained):
    """Each of nine levels, false-alarm rate 1e-3 (Bonferroni); with T = α/√B, or α²/B, it is not."""
    assert constancy(trained, lambda alpha, batch: alpha / batch) > 1e-3
    assert constancy(trained, lambda alpha, batch: alpha / np.sqrt(batch)) < 1e-6  # control
    assert constancy(trained, lambda alpha, batch: alpha**2 / batch) < 1e-6  # control


def test_scaling_rule_without_a_theory(trained):
    """(a, b) = (1, 1) inside the 95% region of the posterior, (1, ½) outside."""
    fit = fit_relative_temperatures(trained)
    assert fit.warnings == ("left out level 0: near 0 variances are not ∝ T",)
    assert all(setting.same_fixed_point for setting in fit.settings)
    estimate = np.array([setting.log_temperature for setting in fit.settings])
    error = np.array([setting.log_error for setting in fit.settings])
    rates = np.array([setting.learning_rate for setting in fit.settings])
    batches = np.array([float(setting.batch_size) for setting in fit.settings])
    rule = rule_data(rates, batches, (True, True))
    problem = SettingTemperatures(padded(estimate, len(rule.used)), padded(error, len(rule.used)), rule)
    draws = sample_rule(problem, seed=0, num_chains=4, num_draws=2500)
    exponents = np.stack([draws["alpha_exponent"].ravel(), draws["batch_exponent"].ravel()])
    center, precision = exponents.mean(axis=1), np.linalg.inv(np.cov(exponents))

    def distance(points):
        return np.einsum("ik,ij,jk->k", points - center[:, None], precision, points - center[:, None])

    limit = np.quantile(distance(exponents), 0.95)
    right, wrong = distance(np.array([[1.0, 1.0], [1.0, 0.5]]).T)
    assert right < limit < wrong


def test_ratios_hold(trained):
    """All five ratios to the first setting inside 4 standard errors (false-alarm rate 3e-4) and 10% of finite noise."""
    fit = fit_relative_temperatures(trained)
    first = fit.settings[0]
    for setting in fit.settings[1:]:
        exact = np.log(setting.learning_rate / setting.batch_size) - np.log(first.learning_rate / first.batch_size)
        error = np.hypot(setting.log_error, first.log_error)
        assert abs(setting.log_temperature - exact) < 0.1 + 4 * error


def test_another_minimum_is_named(trained):
    """One more setting, trained from another minimum of the same network."""
    (other,) = train(SETTINGS[-1:], minimum_seed=1, seed=1, **SIZE)
    fit = fit_relative_temperatures([*trained, other])
    assert [setting.same_fixed_point for setting in fit.settings] == [True] * 6 + [False]
    assert any("rests at another fixed point" in text for text in fit.settings[6].warnings)
