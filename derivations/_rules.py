"""Learning rules as a user would write them: only a loss or an update in matrix elements.

Source: ALP24 (arXiv:2407.16427), PFLA24 (arXiv:2412.20496).
"""

import sympy as sp

from coulombgas.symbolic import LearningRule

T = sp.Symbol("T", positive=True)


def matrix(name, rows, columns):
    return sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"{name}{i + 1}{j + 1}", real=True))


def vector(name, size):
    return sp.Matrix([sp.Symbol(f"{name}{i + 1}", real=True) for i in range(size)])


def gaussian_rbm():
    """ALP24 (24): the log-likelihood's gradient with an exact target and one model sample."""
    mu2, sigma, *kappa = sp.symbols("mu2 sigma kappa1 kappa2", positive=True)
    w, phi = matrix("W", 2, 2), vector("phi", 2)
    model = (mu2 * sp.eye(2) - sigma**2 * w * w.T).inv()
    place = {symbol: k for k, symbol in enumerate(phi)}
    update = -(sigma**2) * (sp.diag(*(1 / k for k in kappa)) - phi * phi.T) * w
    rule = LearningRule(
        w, update, fields=phi, covariance=lambda a, b: model[place[a], place[b]], matrix=sigma**2 * w * w.T
    )
    return rule, {w[i, i]: sp.sqrt(mu2 - kappa[i]) / sigma for i in (0, 1)}, (mu2, sigma, kappa)


def teacher_student(teacher, decay=0):
    """ALP24 (56): fresh inputs, symmetric noise with diagonal √2 ε, weight decay."""
    size, epsilon = len(teacher), sp.Symbol("epsilon", positive=True)
    w, z, noise = matrix("W", size, size), vector("z", size), matrix("n", size, size)
    noise = sp.Matrix(size, size, lambda i, j: noise[min(i, j), max(i, j)])
    covariance = {(a, a): sp.S.One for a in z}
    covariance |= {
        (noise[i, j],) * 2: epsilon**2 * (2 if i == j else 1) for i in range(size) for j in range(i, size)
    }  # fmt: skip
    update = (w - sp.diag(*teacher)) * z * z.T + noise + decay * w
    rule = LearningRule(w, update, fields=[a for a, _ in covariance], covariance=covariance, matrix=(w + w.T) / 2)
    return rule, {w[i, i]: t / (1 + decay) for i, t in enumerate(teacher)}, epsilon


def two_layer(singular_values):
    """PFLA24: y = W2 W1 z against a teacher with label noise ν, balanced weights."""
    size, nu = len(singular_values), sp.Symbol("nu", positive=True)
    one, two, z, label = matrix("U", size, size), matrix("V", size, size), vector("z", size), vector("y", size)
    error = (two * one - sp.diag(*singular_values)) * z - label
    covariance = {(a, a): sp.S.One for a in z} | {(a, a): nu**2 for a in label}
    rule = LearningRule.from_loss(
        error.T * error / 2, [one, two], fields=[*z, *label], covariance=covariance,
        matrix=(two * one + (two * one).T) / 2,
    )  # fmt: skip
    return rule, {m[i, i]: sp.sqrt(s) for m in (one, two) for i, s in enumerate(singular_values)}, nu


def linear_autoencoder():
    """½|z − W2 W1 z|² with decay λ, data of variances c_i = λ/(1 − u_i²): at the fixed point W1 = W2 = diag(u)."""
    decay, *place = sp.symbols("lambda u1 u2", positive=True)
    one, two, z = matrix("U", 2, 2), matrix("V", 2, 2), vector("z", 2)
    error = z - two * one * z
    loss = (error.T * error)[0] / 2 + decay / 2 * sum(w**2 for w in [*one, *two])
    covariance = {(a, a): decay / (1 - u**2) for a, u in zip(z, place, strict=True)}
    rule = LearningRule.from_loss(
        loss, [one, two], fields=z, covariance=covariance, matrix=(two * one + (two * one).T) / 2
    )
    return rule, {m[i, i]: u for m in (one, two) for i, u in enumerate(place)}, (decay, place)


def oja():
    """w' = w + α(y z − y² w), y = wᵀz: the leading principal component of data of variances c1 > c2."""
    c = sp.symbols("c1 c2", positive=True)
    w, z = vector("w", 2), vector("z", 2)
    y = (w.T * z)[0]
    covariance = {(a, a): v for a, v in zip(z, c, strict=True)}
    return LearningRule(w, -(y * z - y**2 * w), fields=z, covariance=covariance, matrix=w * w.T), {w[0]: 1}, c
