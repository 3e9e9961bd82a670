"""Six learning rules from their losses against linear noise, which knows only their updates, and against NumPy."""

import numpy as np
import pytest
import sympy as sp

import coulombgas as cg
from coulombgas import InputError
from coulombgas.models import RuleModel
from coulombgas.symbolic import LearningRule
from derivations._rules import gaussian_rbm, linear_autoencoder, matrix, oja, teacher_student, two_layer, vector

R = sp.Rational


def rbm():
    rule, point, (mu2, sigma, kappa) = gaussian_rbm()
    return rule, point, {mu2: 3, sigma: 1, kappa[0]: 2, kappa[1]: R(3, 4)}


def student():
    decay, t = sp.symbols("lambda t", positive=True)
    rule, point, epsilon = teacher_student([t, t], decay)
    return rule, point, {epsilon: R(3, 10), decay: R(1, 2), t: 2}


def network():
    values = sp.symbols("s1 s2", positive=True)
    rule, point, nu = two_layer(values)
    return rule, point, {values[0]: 1, values[1]: 4, nu: R(3, 10)}


def autoencoder():
    rule, point, (decay, place) = linear_autoencoder()
    return rule, point, {decay: R(2, 5), place[0]: R(9, 10), place[1]: R(7, 10)}


def principal_component():
    """Its direction: the length of w does not fluctuate at this order."""
    rule, point, c = oja()
    w = rule.weights
    rule = LearningRule(
        rule.parameters, rule.gradient, fields=rule.fields, covariance=rule.covariance, matrix=[[w[1]]]
    )  # fmt: skip
    return rule, point, {c[0]: 2, c[1]: R(1, 2)}


def denoiser():
    """The tutorial's: |z - W(z + eta)|^2/2 with decay."""
    c, n, decay = sp.symbols("c n decay", positive=True)
    w, z, eta = matrix("W", 2, 2), vector("z", 2), vector("eta", 2)
    error = z - w * (z + eta)
    loss = (error.T * error)[0] / 2 + decay / 2 * sum(entry**2 for entry in w)
    covariance = {(a, a): c for a in z} | {(a, a): n for a in eta}
    rule = LearningRule.from_loss(loss, w, fields=[*z, *eta], covariance=covariance, matrix=(w + w.T) / 2)
    (point,) = rule.fixed_points()
    return rule, point, {c: 1, n: R(1, 2), decay: R(1, 10)}


RULES = {f.__name__: f for f in (rbm, student, network, autoencoder, principal_component, denoiser)}


def with_numbers(name):
    """The rule, its fixed point and its linear law for exact numbers, and the numbers."""
    rule, point, numbers = RULES[name]()
    exact = rule.subs(numbers)
    place = {w: sp.sympify(value).subs(numbers) for w, value in point.items()}
    return rule, place, exact.at(place), numbers


NUMPY = "test_widths_are_those_of_the_updates_in_numpy"
ANOTHER = pytest.mark.full(NUMPY + ", and the principal component here")
STATED = pytest.mark.full("tests/symbolic/test_learning_rule.py")


@pytest.mark.parametrize(
    "name", ["principal_component", *(pytest.param(n, marks=ANOTHER) for n in RULES if n != "principal_component")]
)
def test_widths_and_levels_are_those_of_the_updates_by_linear_noise(name):
    """Within four standard errors of its Monte Carlo plus the order α that the leading law leaves out; 20% are seen."""
    rule, point, law, numbers = with_numbers(name)
    stated, rate, batch = law.to_theory(), 0.002, 8
    model = RuleModel(rule, numbers, point=point)
    theory = cg.linear_noise(model, learning_rate=rate, batch_size=batch)
    assert len(theory.groups) == len(stated)
    for group, level, width2, error in zip(theory.groups, stated, theory.width2, theory.width2_error, strict=True):
        np.testing.assert_allclose(theory.levels[list(group.modes)], level.center, rtol=1e-3, atol=1e-3)
        expected = level.width2(rate, batch)
        margin = 4 * error + 10 * rate * expected
        assert abs(width2 - expected) < margin
        assert abs(width2 - 1.2 * expected) > margin
    shifts = np.array([level.shift_per_temperature for level in stated]) * rate / batch
    scale = np.abs(shifts).max()
    np.testing.assert_allclose(theory.mean_shift, shifts, atol=5 * theory.mean_shift_error.max() + 0.05 * scale + 1e-12)


def simulate(rule, point, numbers, *, rate, batch, steps, replicas, seed=0):
    """(replica, row, column) observed matrices of updates with fields drawn at the present weights, in NumPy."""
    weights, fields = list(rule.weights), list(rule.fields)
    gradient = sp.lambdify([weights, fields], [g.subs(numbers) for g in rule.gradient], "numpy", cse=True)
    pairs = [[rule.covariance(a, b).subs(numbers) for b in fields] for a in fields]
    spread = sp.lambdify([weights], pairs, "numpy")
    rng = np.random.default_rng(seed)
    w = np.tile(np.array([float(point.get(v, 0)) for v in weights])[:, None], replicas)
    for _ in range(steps):
        table = np.array([[np.broadcast_to(entry, replicas) for entry in row] for row in spread(w)], dtype=float)
        root = np.linalg.cholesky(np.moveaxis(table, -1, 0))
        draws = np.einsum("rij,rbj->ibr", root, rng.standard_normal((replicas, batch, len(fields))))
        slopes = gradient(w[:, None, :], draws)
        w = w - rate * np.array([np.broadcast_to(g, (batch, replicas)).mean(0) for g in slopes])
    observe = sp.lambdify([weights], [list(row) for row in rule.matrix.subs(numbers).tolist()], "numpy")
    return np.moveaxis(np.array([[np.broadcast_to(e, replicas) for e in row] for row in observe(w)]), -1, 0)


STEPS = {"rbm": 500, "student": 200, "network": 300, "autoencoder": 600, "principal_component": 400, "denoiser": 300}


@pytest.mark.parametrize(
    "name", ["network", *(pytest.param(name, marks=STATED) for name in STEPS if name != "network")]
)
def test_widths_are_those_of_the_updates_in_numpy(name, reduced):
    """Every diagonal element of X has the variance of the linear law at this rate, within three standard errors.

    α = 0.01 and B = 16, so that what is not linear is small; the control is a temperature 40% too high.
    """
    rule, point, law, numbers = with_numbers(name)
    rate, batch, replicas = 0.01, 16, 1000 if reduced else 3000
    covariance = law.covariance_at(R(1, 100), batch)
    sampled = simulate(rule, point, numbers, rate=rate, batch=batch, steps=STEPS[name], replicas=replicas)
    for i in range(rule.matrix.rows):
        expected = float(law.element_covariance((i, i), (i, i), covariance))
        ratio, error = sampled[:, i, i].var() / expected, np.sqrt(2 / replicas)
        assert abs(ratio - 1) < 3 * error
        assert abs(ratio / 1.4 - 1) > 3 * error


@pytest.mark.full("test_widths_and_levels_are_those_of_the_updates_by_linear_noise; the tutorial has a fit too")
def test_a_rule_of_ones_own_trains_and_is_fitted():
    rule, point, _, numbers = with_numbers("denoiser")
    model = RuleModel(rule, numbers, point=point)
    run = cg.train(model, learning_rate=0.05, batch_size=8, replicas=300, steps=300, init="fixed-point", seed=1)
    (only,) = cg.fit_temperature(run, model=model).settings
    assert abs(only.temperature.mean / (0.05 / 8) - 1) < 0.04 + 3 * only.temperature.sd / (0.05 / 8)
    assert only.consistent


BARE = denoiser()[0]
NUMBERS = {"c": 1, "n": 1, "decay": 1}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RuleModel(BARE), "missing"),
        (lambda: RuleModel(BARE, NUMBERS, q=2), "unknown"),
        (lambda: RuleModel(BARE, NUMBERS, point={BARE.weights[0]: sp.Symbol("q")}), "constants of the rule"),
        (lambda: RuleModel(LearningRule(BARE.parameters, BARE.gradient, fields=BARE.fields)), "must have a `matrix`"),
    ],
)
def test_refuses_clearly(call, message):
    with pytest.raises(InputError, match=message):
        call()
