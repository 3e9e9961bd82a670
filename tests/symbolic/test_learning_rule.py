"""From a loss to widths: each rule against the library's statement and against its own updates, run in NumPy."""

import numpy as np
import pytest
import sympy as sp

from coulombgas import InputError, symbolic
from coulombgas.symbolic import CoulombGas, LearningRule, MatrixSDE
from derivations._rules import T, gaussian_rbm, linear_autoencoder, matrix, oja, teacher_student, two_layer, vector

RATE, BATCH = sp.symbols("alpha B", positive=True)


def simulate(rule, start, constants, *, rate, batch, steps, replicas=3000, momentum=0.0, seed=0):
    """(replica, row, column) observed matrices after updates drawn from the rule itself: no Wick, no linearisation."""
    fields = [v.subs(constants) for v in (rule.covariance(a, a) for a in rule.fields)]
    spread = np.sqrt(np.array(fields, dtype=float))
    gradient = sp.lambdify([rule.weights, rule.fields], [g.subs(constants) for g in rule.gradient], "numpy", cse=True)
    observe = sp.lambdify([rule.weights], [list(row) for row in rule.matrix.subs(constants).tolist()], "numpy")
    rng = np.random.default_rng(seed)
    first = np.array([float(sp.sympify(start.get(w, 0)).subs(constants)) for w in rule.weights])
    weights = np.tile(first[:, None], replicas)
    speed = np.zeros_like(weights)
    for _ in range(steps):
        draws = rng.standard_normal((len(spread), batch, replicas)) * spread[:, None, None]
        slopes = [np.broadcast_to(g, (batch, replicas)).mean(0) for g in gradient(weights[:, None, :], draws)]
        speed = momentum * speed - rate * np.array(slopes)
        weights = weights + speed
    return np.moveaxis(np.array([[np.broadcast_to(e, replicas) for e in row] for row in observe(weights)]), -1, 0)


def agrees(sample, expected, sigmas=3.0):
    """Whether a sample variance is the expected one within its standard error for Gaussian draws."""
    return abs(sample.var() / float(expected) - 1) < sigmas * np.sqrt(2 / len(sample))


@pytest.mark.slow
def test_gaussian_rbm_gives_the_statements_of_the_library(reduced):
    """In the reduced form for exact numbers; for symbols it is proved in the chain learning_rules."""
    rule, point, (mu2, sigma, kappa) = gaussian_rbm()
    if reduced:
        exact = {mu2: 13, sigma: 1, kappa[0]: 4, kappa[1]: 9}
        rule, point = rule.subs(exact), {w: sp.sympify(v).subs(exact) for w, v in point.items()}
        mu2, sigma, kappa = sp.Integer(13), sp.Integer(1), [sp.Integer(4), sp.Integer(9)]
    law = rule.at(point)
    x = [mu2 - k for k in kappa]
    covariance = law.covariance(T)
    for i in (0, 1):
        assert sp.simplify(law.width2(i, covariance) - symbolic.rbm_width2(x[i], T, sigma_h2=sigma**2)) == 0
    stated = symbolic.rbm_variance(*x, T, sigma_h2=sigma**2)
    assert sp.simplify(law.element_covariance((0, 1), (0, 1), covariance) - stated) == 0
    shift = law.mean_shift(0, T).subs(sigma, 1)
    assert sp.simplify(x[0] + shift - symbolic.rbm_mean_eigenvalue(0, x, mu2, T)) == 0
    assert len(law.neutral) == 1  # rotations of the hidden units
    assert all(sp.simplify(entry) == 0 for entry in law.current(T))


def test_gaussian_rbm_gives_drift_and_noise_of_each_labelled_level():
    rule, _, (mu2, sigma, kappa) = gaussian_rbm()
    x = sp.symbols("x_1 x_2", positive=True)
    w = rule.parameters[0]
    sde = rule.eigenvalue_sde({w[i, i]: sp.sqrt(x[i]) / sigma for i in (0, 1)}, x, temperature=T)
    by_hand = MatrixSDE.multiplicative(
        2,
        variance=lambda a, b: T * sigma**4 / ((mu2 - a) * (mu2 - b)),
        rate=[lambda y, k=k: sigma**2 * (1 / k - 1 / (mu2 - y)) for k in kappa],
    ).eigenvalues
    for i in (0, 1):
        assert sp.simplify(sde.drift[i] - 2 * sigma**2 * symbolic.rbm_drift(x[i], kappa[i], mu2)) == 0
        assert sp.simplify(sde.total_drift(i) - by_hand.total_drift(i)) == 0
        assert sp.simplify(sde.diffusion[i, i] - by_hand.diffusion[i, i]) == 0
    # away from a fixed point its law carries a current: it is no Coulomb gas, and the message says why
    with pytest.raises(InputError, match=r"no stationary law without current.* curl"):
        CoulombGas.from_process(sde)


@pytest.mark.parametrize("size", [
    2, pytest.param(3, marks=pytest.mark.full("test_teacher_student_is_exact_at_any_rate_and_batch[2]")),
])  # fmt: skip
def test_teacher_student_is_exact_at_any_rate_and_batch(size):
    rule, point, epsilon = teacher_student([sp.Symbol("t", positive=True)] * size)
    law = rule.at(point)
    rate, batch = (RATE, BATCH) if size == 2 else (sp.Rational(1, 5), 4)
    width2 = law.width2(0, law.covariance_at(rate, batch, exact=True))
    assert sp.simplify(width2 - symbolic.teacher_student_width2(rate, batch, epsilon, size)) == 0
    assert sp.simplify(law.width2(0, law.covariance(T)) - T * epsilon**2) == 0
    assert rule.fixed_points()[0] == {**dict.fromkeys(rule.weights, 0), **point}


@pytest.mark.full("test_momentum_is_an_underdamped_pair in test_learning_rule.py")
def test_momentum_raises_the_temperature_at_leading_order():
    """T/(1 − m), for symbols."""
    rule, point, epsilon = teacher_student(sp.symbols("t t", positive=True))
    law = rule.at(point)
    m = sp.Symbol("m", positive=True)
    width2 = law.width2(0, law.covariance_at(RATE, BATCH, momentum=m))
    assert sp.limit(width2 / RATE, RATE, 0).equals(epsilon**2 / (BATCH * (1 - m)))


def test_momentum_is_an_underdamped_pair(reduced):
    """At m = 9/10, α = 1/10, B = 16 against the updates themselves; at α = 10⁻⁶ the leading order, T/(1 − m)."""
    rule, point, epsilon = teacher_student(sp.symbols("t t", positive=True))
    law = rule.at(point)
    small = law.width2(0, law.covariance_at(sp.Rational(1, 10**6), 16, momentum=sp.Rational(9, 10)))
    assert float(small.subs(epsilon, 1)) == pytest.approx(1e-6 / 16 / (1 - 0.9), rel=1e-5)
    numbers = {epsilon: 0.1, sp.Symbol("t", positive=True): 2.0}
    covariance = law.covariance_at(sp.Rational(1, 10), 16, momentum=sp.Rational(9, 10), exact=True)
    replicas = 1000 if reduced else 3000
    found = simulate(rule, point, numbers, rate=0.1, batch=16, steps=250, momentum=0.9, replicas=replicas)
    off_diagonal = law.element_covariance((0, 1), (0, 1), covariance).subs(numbers)
    assert agrees(found[:, 0, 1], off_diagonal)
    assert not agrees(found[:, 0, 1], off_diagonal / 10)  # the temperature without momentum


@pytest.mark.full("teacher_decay of learning_rules in test_chains.py, and test_momentum_is_an_underdamped_pair")
def test_weight_decay_moves_the_point_and_feeds_the_noise():
    decay, t = sp.symbols("lambda t", positive=True)
    rule, point, epsilon = teacher_student([t, t], decay)
    law = rule.at(point)
    residual2 = (decay * t / (1 + decay)) ** 2  # the error that decay leaves makes the inputs a noise of their own
    assert sp.simplify(law.width2(0, law.covariance(T)) - T * (epsilon**2 + residual2) / (1 + decay)) == 0
    numbers = {decay: 0.5, t: 2.0, epsilon: 0.3}
    covariance = law.covariance_at(sp.Rational(1, 5), 4, exact=True)
    found = simulate(rule, point, numbers, rate=0.2, batch=4, steps=60)
    assert agrees(found[:, 0, 1], law.element_covariance((0, 1), (0, 1), covariance).subs(numbers))
    plain = law.element_covariance((0, 1), (0, 1), law.covariance(sp.Rational(1, 20))).subs(numbers)
    assert not agrees(found[:, 0, 1], plain)  # leading order is 20% off at this rate


@pytest.mark.full("network of learning_rules in test_chains.py")
def test_two_layer_network_gives_the_statement_of_the_library():
    s = sp.symbols("s1 s2", positive=True)
    rule, point, nu = two_layer(s)
    law = rule.at(point)
    covariance = law.covariance(T)
    for i in (0, 1):
        stated = symbolic.two_layer_width2(s[i], T, nu)
        assert sp.simplify(law.width2(i, covariance) - stated) == 0
    assert len(law.neutral) == 4  # W2 → W2 g, W1 → g⁻¹ W1


def test_linear_autoencoder_against_its_updates(reduced):
    """s² = 2Tλ²(c − λ)/c² for data of variance c; its noise makes the weights circulate.

    In the reduced form for exact numbers; for symbols it is proved in the chain learning_rules.
    """
    rule, point, (decay, place) = linear_autoencoder()
    exact = {decay: sp.Rational(2, 5), place[0]: sp.Rational(9, 10), place[1]: sp.Rational(7, 10)}
    law = rule.subs(exact).at({w: sp.sympify(v).subs(exact) for w, v in point.items()}) if reduced else rule.at(point)
    covariance = law.covariance(T)
    for i, u in enumerate(place):
        c = decay / (1 - u**2)
        left = law.width2(i, covariance) - 2 * T * decay**2 * (c - decay) / c**2
        assert sp.simplify(left.subs(exact) if reduced else left) == 0
    assert any(sp.simplify(entry) != 0 for entry in law.current(T))
    numbers = {decay: 0.4, place[0]: 0.9, place[1]: 0.7}
    replicas = 1000 if reduced else 3000
    found = simulate(rule, point, numbers, rate=0.01, batch=4, steps=700, replicas=replicas)
    for cell in ((0, 0), (1, 1), (0, 1)):
        assert agrees(
            found[:, cell[0], cell[1]], law.element_covariance(cell, cell, covariance).subs({**numbers, T: 0.0025})
        )


def test_oja_rule_fluctuates_in_direction_only():
    rule, point, (c1, c2) = oja()
    law = rule.at(point)
    covariance = law.covariance(T)
    assert law.width2(0, covariance) == 0
    assert sp.simplify(law.element_covariance((0, 1), (0, 1), covariance) - T * c1 * c2 / (2 * (c1 - c2))) == 0
    assert {frozenset(p.items()) for p in rule.fixed_points({rule.weights[1]: 0})} >= {
        frozenset({rule.weights[0]: sp.S(value), rule.weights[1]: sp.S.Zero}.items()) for value in (1, -1)
    }
    numbers = {c1: 2.0, c2: 0.5}
    found = simulate(rule, point, numbers, rate=0.01, batch=4, steps=400)
    assert agrees(found[:, 0, 1], law.element_covariance((0, 1), (0, 1), covariance).subs({**numbers, T: 0.0025}))
    assert found[:, 0, 0].var() < 0.05 * found[:, 0, 1].var()


def test_mean_shift_of_a_rule_of_ones_own_against_its_updates():
    """A cubic drift: dw = −(w³ − w) with constant noise has ⟨w⟩ = 1 − 3P/2 at order T, P = T σ²/4."""
    w, z, sigma = sp.Symbol("w", real=True), sp.Symbol("z", real=True), sp.Symbol("sigma", positive=True)
    rule = LearningRule([w], [w**3 - w + z], fields=[z], covariance={(z, z): sigma**2}, matrix=[[w]])
    assert [p[w] for p in rule.fixed_points()] == [-1, 0, 1]
    law = rule.at({w: 1})
    assert law.width2(0, law.covariance(T)) == T * sigma**2 / 4
    assert law.mean_shift(0, T) == -3 * T * sigma**2 / 8
    (level,) = law.to_theory(sigma=2.0)
    assert (level.center, level.modes) == (1.0, (0,))
    assert level.width2(0.1, 10) == pytest.approx(0.01)
    assert level.shift_per_temperature == pytest.approx(-1.5)
    found = simulate(rule, {w: 1}, {sigma: 2.0}, rate=0.02, batch=4, steps=300, replicas=20000)[:, 0, 0]
    assert abs(found.mean() - 1 + 1.5 * 0.005) < 3 * found.std() / np.sqrt(20000) + 0.1 * 0.0075
    with pytest.raises(InputError, match=r"`params` must give every parameter, missing sigma"):
        law.to_theory()


def test_a_rotating_force_makes_a_current():
    """dx = −(x + ωJx): P = T/2 stays, the current is ωT/2 J; by hand."""
    w, z, omega = vector("w", 2), vector("z", 2), sp.Symbol("omega", real=True)
    turn = sp.Matrix([[0, -omega], [omega, 0]])
    law = LearningRule(w, (sp.eye(2) + turn) * w + z, fields=z).at({})
    assert law.covariance(T) == T / 2 * sp.eye(2)
    assert law.current(T) == turn * T / 2


def test_code_and_text_of_a_rule(x64):
    rule, _, _ = teacher_student(sp.symbols("t1 t2", positive=True))
    values = [0.3, -0.2, 0.5, 1.1, 0.7, 2.0, 1.5]
    assert [s.name for s in (*rule.weights, *rule.constants)] == ["W11", "W12", "W21", "W22", "epsilon", "t1", "t2"]
    names = dict(zip((*rule.weights, *rule.constants), values, strict=True))
    for part in ("mean_gradient", "noise"):
        exact = np.array(getattr(rule, part).subs(names).tolist(), dtype=float)
        np.testing.assert_allclose(rule.to_jax(part)(*values), exact, rtol=1e-12)
        space: dict = {}
        exec(compile(rule.to_numpy_source(part), "source", "exec"), space)
        np.testing.assert_allclose(space[part](*values), exact, rtol=1e-12)
    assert r"\begin{matrix}" in rule.to_latex()
    law = rule.at(dict(zip((rule.weights[0], rule.weights[3]), rule.constants[1:], strict=True)))
    assert float(law.to_jax(0)(0.1)) == pytest.approx(0.01)


def test_stationary_laws_are_found_not_tested(reduced):
    """In the reduced form of two levels, and of three where all differ."""
    size = 2 if reduced else 3
    g, D, M, decay = sp.symbols("g D M Gamma", positive=True)
    for beta in (1, 2):
        gas = CoulombGas.from_process(MatrixSDE.symmetric(size, beta=beta, drift=lambda x: -x).eigenvalues)
        assert gas.beta == beta
        assert all(sp.simplify(v - x**2 / (2 * g**2)) == 0 for v, x in zip(gas.potentials, gas.variables, strict=True))
        assert gas.process.carries_no_current(gas.log_weight)
    wishart = MatrixSDE.rectangular(M, size, decay=decay).eigenvalues
    gas = CoulombGas.from_process(wishart)
    assert gas.beta == 1
    laguerre = [decay * x / (2 * D) - (M - size - 1) / 2 * sp.log(x) for x in gas.variables]
    assert all(sp.expand(v - stated) == 0 for v, stated in zip(gas.potentials, laguerre, strict=True))
    assert wishart.carries_no_current(wishart.stationary_law())
    unequal = CoulombGas.gaussian([1, 2, 4], sp.symbols("s1:4", positive=True))
    assert unequal.process.carries_no_current(unequal.process.stationary_law())
    unknown = MatrixSDE.symmetric(2).eigenvalues
    assert unknown.carries_no_current(unknown.stationary_law().doit())


def test_a_process_that_is_not_a_coulomb_gas_is_recognised():
    x, y = sp.symbols("x_1 x_2", real=True)
    eye = sp.ImmutableMatrix([[2, 0], [0, 2]])
    none = sp.ImmutableMatrix([[0, 0], [0, 0]])
    coupled = symbolic.EigenvalueSDE((x, y), (-x - y, -y - x), (0, 0), none, eye)
    with pytest.raises(InputError, match="interact by more than repulsion"):
        CoulombGas.from_process(coupled)
    turning = symbolic.EigenvalueSDE((x, y), (-x - y, -y + x), (0, 0), none, eye)
    with pytest.raises(InputError, match="no stationary law without current"):
        CoulombGas.from_process(turning)


def test_unequal_noise_and_labelled_targets_of_a_multiplicative_matrix():
    a, b, c = sp.symbols("a b c", positive=True)
    sde = MatrixSDE.multiplicative(2, variance=[[a, c], [c, b]], rate=[1, sp.Symbol("r")]).eigenvalues
    x, y = sde.levels
    assert sde.drift == (2 * x, 2 * y * sp.Symbol("r"))
    assert (sde.diffusion[0, 0], sde.diffusion[1, 1]) == (8 * a * x**2, 8 * b * y**2)
    assert sp.expand(sde.coupling[0, 1] - c * (x + y) ** 2) == 0
    for bad, message in (([[a, c], [b, c]], "symmetric matrix"), ([[a]], "symmetric matrix")):
        with pytest.raises(InputError, match=message):
            MatrixSDE.multiplicative(2, variance=bad)
    with pytest.raises(InputError, match="2 entries"):
        MatrixSDE.multiplicative(2, variance=a, rate=[1])


def test_refuses_clearly():
    w, z = matrix("w", 2, 2), vector("z", 2)
    with pytest.raises(InputError, match="must have 4 entries"):
        LearningRule(w, [z[0]], fields=z)
    with pytest.raises(InputError, match="polynomial in the fields"):
        LearningRule(w, [sp.exp(z[0])] * 4, fields=z)
    with pytest.raises(InputError, match="must be symmetric"):
        LearningRule(w, list(w), fields=z, matrix=w)
    rule = LearningRule(w, list(w - sp.eye(2)), fields=z, matrix=w + w.T)
    with pytest.raises(InputError, match="must be a fixed point"):
        rule.at({})
    with pytest.raises(InputError, match="must name weights"):
        rule.at({z[0]: 1})
    with pytest.raises(InputError, match="must be one of mean_gradient, noise"):
        rule.to_latex("loss")
    square = LearningRule(w, [e**2 - 1 + z[0] for e in w], fields=z, matrix=w + w.T)
    with pytest.raises(InputError, match="not linear in its weights"):
        square.at(dict.fromkeys(w, 1)).covariance_at(RATE, BATCH, exact=True)
    free = LearningRule(w, [z[0], *list(w)[1:]], fields=z, matrix=w + w.T).at({})
    with pytest.raises(InputError, match="diffuse along them"):
        free.covariance(T)
