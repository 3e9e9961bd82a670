"""Rules of unwritten size: against the engine of definite sizes at N = 1 and 2, against samples in NumPy at N = 5."""

import functools

import numpy as np
import pytest
import sympy as sp
from sympy import Identity, Inverse, MatrixSymbol, Trace

from coulombgas import InputError, symbolic
from coulombgas.symbolic import LearningRule, MatrixRule
from derivations._rules import matrix, vector

N = sp.Symbol("n", integer=True, positive=True)
W, V, A, C = (MatrixSymbol(name, N, N) for name in "WVAC")
x, y = (MatrixSymbol(name, N, 1) for name in "xy")
column = MatrixSymbol("w", N, 1)
NU, DECAY, MU2, SIGMA, T = sp.symbols("nu lambda mu2 sigma T", positive=True)
KERNEL = Inverse(MU2 * Identity(N) - SIGMA**2 * W * W.T)


def teacher_student():
    error = (W - A) * x - y
    loss = Trace(error * error.T) / 2 + DECAY / 2 * Trace(W.T * W)
    return MatrixRule.from_loss(loss, W, fields=[x, y], covariance={(x, x): C, (y, y): NU**2 * Identity(N)})


def autoencoder():
    error = x - V * W * x
    loss = Trace(error * error.T) / 2 + DECAY / 2 * (Trace(W.T * W) + Trace(V.T * V))
    return MatrixRule.from_loss(loss, [W, V], fields=[x], covariance={(x, x): C})


def oja():
    update = column * column.T * x * x.T * column - x * x.T * column
    return MatrixRule(column, update, fields=[x], covariance={(x, x): C})


def rbm():
    update = SIGMA**2 * (x * x.T - Inverse(A)) * W
    return MatrixRule(W, update, fields=[x], covariance={(x, x): KERNEL})


def by_elements(name, size):
    """The same rules written in elements; covariances are diagonal, or the kernel's."""
    w, v, z, label = matrix("W", size, size), matrix("V", size, size), vector("z", size), vector("y", size)
    a, c = matrix("A", size, size), sp.symbols("c1:3", positive=True)[:size]
    data = {(s, s): value for s, value in zip(z, c, strict=True)}
    if name == "teacher_student":
        error = (w - a) * z - label
        loss = (error.T * error)[0] / 2 + DECAY / 2 * sum(e**2 for e in w)
        return LearningRule.from_loss(
            loss, w, fields=[*z, *label], covariance=data | {(s, s): NU**2 for s in label}
        ), {W: w, A: a, C: sp.diag(*c)}  # fmt: skip
    if name == "autoencoder":
        error = z - v * w * z
        loss = (error.T * error)[0] / 2 + DECAY / 2 * sum(e**2 for e in [*w, *v])
        return LearningRule.from_loss(loss, [w, v], fields=z, covariance=data), {W: w, V: v, C: sp.diag(*c)}
    if name == "oja":
        one = vector("w", size)
        out = (one.T * z)[0]
        return LearningRule(one, out**2 * one - out * z, fields=z, covariance=data), {column: one, C: sp.diag(*c)}
    kernel = (MU2 * sp.eye(size) - SIGMA**2 * w * w.T).inv()
    place = {symbol: k for k, symbol in enumerate(z)}
    update = SIGMA**2 * (z * z.T - a.inv()) * w
    return LearningRule(w, update, fields=z, covariance=lambda s, t: kernel[place[s], place[t]]), {W: w, A: a}


RULES = {rule.__name__: functools.cache(rule) for rule in (teacher_student, autoencoder, oja, rbm)}
SCALARS = {NU: 0.7, DECAY: 0.3, MU2: 4.0, SIGMA: 0.8}


def numbers(name, size, seed=0):
    """Matrices for every symbol: any, but a covariance that is one, and a kernel that is positive."""
    rng = np.random.default_rng(seed)
    values = {symbol: 0.4 * rng.normal(size=(size, size)) for symbol in (W, V)}
    root = rng.normal(size=(size, size))
    values |= {A: root.T @ root / size + np.eye(size), C: root @ root.T / size + 0.3 * np.eye(size)}
    return values | {column: rng.normal(size=(size, 1))} | SCALARS


def stacked(rule, blocks, values):
    rows = blocks if isinstance(blocks[0], tuple) else tuple((entry,) for entry in blocks)
    return np.block([[rule.evaluate(entry, values) for entry in row] for row in rows])


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("size", [1, 2])
def test_drift_and_noise_are_those_of_the_definite_engine(name, size):
    rule = RULES[name]()
    definite, places = by_elements(name, size)
    values = numbers(name, size)
    if C in places:
        values[C] = np.diag(np.diag(values[C]))
    values = {key: np.round(value, 1) for key, value in values.items()}
    table = {s: sp.Rational(round(10 * values[key][i, j]), 10) for key, m in places.items()
             for (i, j), s in np.ndenumerate(np.array(m)) if getattr(s, "is_Symbol", False)}  # fmt: skip
    exact = definite.subs(
        {s: v for s, v in table.items() if s not in definite.weights}
        | {s: sp.Rational(str(v)) for s, v in SCALARS.items()}
    )
    weights = {w: table[w] for w in definite.weights}
    mean = np.array(exact.mean_gradient.subs(weights), dtype=float)
    ours = np.concatenate([rule.evaluate(entry, values).reshape(-1, 1) for entry in rule.mean_gradient])
    np.testing.assert_allclose(ours, mean, rtol=1e-10, atol=1e-12)
    noise = np.array(exact.noise_at(weights), dtype=float)
    np.testing.assert_allclose(stacked(rule, rule.noise, values), noise, rtol=1e-9, atol=1e-12)


def samples(name, values, count, rng):
    """Gradients of samples, (sample, weight), from the loss's own formula in NumPy."""
    w, v, a, n = values[W], values[V], values[A], len(values[W])
    cov = np.linalg.inv(MU2_ * np.eye(n) - SIGMA_**2 * w @ w.T) if name == "rbm" else values[C]
    z = rng.normal(size=(count, n)) @ np.linalg.cholesky(cov).T
    if name == "teacher_student":
        error = z @ (w - a).T - SCALARS[NU] * rng.normal(size=(count, n))
        return (error[:, :, None] * z[:, None] + SCALARS[DECAY] * w).reshape(count, -1)
    if name == "autoencoder":
        error, hidden = z @ (v @ w).T - z, z @ w.T
        first = (error @ v)[:, :, None] * z[:, None] + SCALARS[DECAY] * w
        second = error[:, :, None] * hidden[:, None] + SCALARS[DECAY] * v
        return np.concatenate([first.reshape(count, -1), second.reshape(count, -1)], axis=1)
    if name == "oja":
        out = z @ values[column]
        return out**2 * values[column].T - out * z
    return (SIGMA_**2 * (z[:, :, None] * z[:, None] - np.linalg.inv(a)) @ w).reshape(count, -1)


MU2_, SIGMA_ = SCALARS[MU2], SCALARS[SIGMA]


@pytest.mark.parametrize("name", RULES)
def test_five_by_five_against_samples(name):
    """Every entry of mean and covariance within 6 standard errors: at most 50·50 of them, false alarm rate 5e-6."""
    rule, values, count = RULES[name](), numbers(name, 5, seed=1), 20_000
    drawn = samples(name, values, count, np.random.default_rng(2))
    mean = np.concatenate([rule.evaluate(entry, values).ravel() for entry in rule.mean_gradient])
    noise = stacked(rule, rule.noise, values)
    centred = drawn - mean
    assert (np.abs(centred.mean(0)) < 6 * drawn.std(0) / np.sqrt(count)).all()
    second = centred.T @ centred / count
    error = np.sqrt(((centred**2).T @ centred**2 / count - second**2) / count)
    assert (np.abs(second - noise) < 6 * error).all()
    # control: without the crossed pairing, the part that makes a covariance of Gaussian products
    straight = noise - stacked(rule, tuple(tuple(_crossed(e) for e in row) for row in rule.noise), values)
    assert (np.abs(second - straight) > 6 * error).any()


def _crossed(block):
    """The terms of a noise block that hold a commutation matrix."""
    parts = sp.MatAdd.make_args(block)
    kept = [p for p in parts if any(str(s).startswith("K(") for s in p.free_symbols)]
    return sp.MatAdd(*kept).doit(deep=False) if kept else sp.ZeroMatrix(*block.shape)


@pytest.mark.parametrize("name", RULES)
def test_the_jacobian_is_the_slope_of_the_mean(name):
    rule, values, step = RULES[name](), numbers(name, 3, seed=3), 1e-5
    matrices = rule.parameters

    def mean(shift):
        moved, start = dict(values), 0
        for w in matrices:
            size = values[w].size
            moved[w] = values[w] + shift[start : start + size].reshape(values[w].shape)
            start += size
        return np.concatenate([rule.evaluate(entry, moved).ravel() for entry in rule.mean_gradient])

    total = sum(values[w].size for w in matrices)
    numerical = np.stack([(mean(step * e) - mean(-step * e)) / (2 * step) for e in np.eye(total)], axis=1)
    np.testing.assert_allclose(stacked(rule, rule.jacobian, values), numerical, rtol=1e-6, atol=1e-7)


def test_pairs_of_any_size_have_the_widths_of_the_library():
    """Statements proved for N = 2 hold for a pair of levels among any number."""
    # the RBM: x_i = mu² − kappa_i; X = sigma² W Wᵀ moves by sigma² (w_j δ_ij + w_i δ_ji)
    k1, k2 = sp.symbols("k1 k2", positive=True)
    points = [{W: sp.sqrt(MU2 - k) / SIGMA, A: k} for k in (k1, k2)]
    law = rbm().pair(*points)
    weights = [SIGMA**2 * points[1][W], SIGMA**2 * points[0][W]]
    stated = symbolic.rbm_variance(MU2 - k1, MU2 - k2, T, sigma_h2=SIGMA**2)
    assert sp.simplify(law.variance(weights, T) - stated) == 0
    level = rbm().pair(points[0]).variance([2 * weights[1]], T)
    assert sp.simplify(level - symbolic.rbm_width2(MU2 - k1, T, sigma_h2=SIGMA**2)) == 0
    with pytest.raises(InputError, match="without restoring force"):  # a rotation of the hidden units
        law.variance([1, 0], T)
    # the student with decay: both targets t, data of variance 1
    t = sp.Symbol("t", positive=True)
    (point,) = teacher_student().fixed_points({W: sp.Symbol("w"), A: t, C: 1})
    at = {W: point[sp.Symbol("w")], A: t, C: 1}
    half = sp.Rational(1, 2)
    residual2 = (DECAY * t / (1 + DECAY)) ** 2
    width2 = teacher_student().pair(at, at).variance([half, half], T)  # of (W + Wᵀ)/2 off the diagonal: half a width²
    expected = T * (NU**2 + 2 * residual2) / (1 + DECAY) / 4
    assert sp.simplify(width2 - expected) == 0
    # the autoencoder: s² = 2 T λ² (c − λ)/c² for X = V W
    u = sp.Symbol("u", positive=True)
    c = DECAY / (1 - u**2)
    law = autoencoder().pair({W: u, V: u, C: c})
    assert sp.simplify(law.variance([u, u], T) - 2 * T * DECAY**2 * (c - DECAY) / c**2) == 0


def test_what_does_not_stay_general_is_refused_with_a_reason():
    for loss, reason in (
        (Trace(W * x * x.T) ** 2, "sum of traces"),
        (Trace(W * x * x.T * W.T * x * x.T), "degree 4 in the data"),
        (Trace(sp.HadamardProduct(W, W) * x * x.T), "does not stay general"),
        (Trace(W * sp.Inverse(C) * y * x.T) + Trace(W) * sp.Determinant(W), "sum of traces"),
    ):
        with pytest.raises(InputError, match=reason):
            MatrixRule.from_loss(loss, W, fields=[x, y], covariance={(x, x): C})
    with pytest.raises(InputError, match="shape"):
        MatrixRule(W, column, fields=[x], covariance={})
    with pytest.raises(InputError, match="no basis makes diagonal"):
        oja().pair({column: 1, C: 1})
    with pytest.raises(InputError, match="fixed point"):
        autoencoder().pair({W: 2, V: 1, C: 1})
    with pytest.raises(InputError, match="`values` must hold a matrix for"):
        oja().evaluate(oja().mean_gradient[0], {column: np.ones((2, 1))})
