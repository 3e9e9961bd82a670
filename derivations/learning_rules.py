r"""From the loss itself to drift, noise, widths and mean shifts: the engine against the library's statements."""

import functools
from typing import Any

import sympy as sp

from coulombgas import InputError, symbolic

from ._framework import Board, Chain
from ._rules import T, gaussian_rbm, linear_autoencoder, oja, teacher_student, two_layer

chain = Chain(order=95, title="Learning rules from their losses")

alpha, B = sp.symbols("alpha B", positive=True)


@functools.cache
def _rbm_law() -> tuple[Any, Any]:
    """The linear law of the RBM, solved once for two steps, and its symbols."""
    rule, point, symbols = gaussian_rbm()
    return rule.at(point), symbols


@chain.step
def rbm(board: Board) -> None:
    """derived here: the update (24) of the Gaussian RBM, N = 2, by Wick's theorem and a Lyapunov equation, has
    s_i^2 = 2 sigma_h^2 T x_i, v_12 = T sigma_h^2 (x_1 + x_2)/2, and no circulating current."""
    law, (mu2, sigma, kappa) = _rbm_law()
    board.line("The drift's Jacobian at the fixed point:", law.jacobian, name="H")
    board.line("The covariance of one sample's gradient:", law.noise, name="\\Sigma")
    covariance = board.line("Stationary, without the one rotation of hidden units:", law.covariance(T), name="P")
    x = [mu2 - k for k in kappa]
    for i in (0, 1):
        stated = symbolic.rbm_width2(x[i], T, sigma_h2=sigma**2)
        board.zero(f"Width of level {i + 1}.", law.width2(i, covariance) - stated, by=sp.simplify)
    stated = symbolic.rbm_variance(*x, T, sigma_h2=sigma**2)
    board.zero("Off-diagonal.", law.element_covariance((0, 1), (0, 1), covariance) - stated, by=sp.simplify)
    board.zero("No current.", list(law.current(T)), by=sp.simplify)


@chain.step
def rbm_shift(board: Board) -> None:
    """derived here: the second order of that expansion is the library's mean eigenvalue of the RBM (sigma_h = 1)."""
    law, (mu2, sigma, kappa) = _rbm_law()
    x = [mu2 - k for k in kappa]
    shift = board.line(
        "Bend of the drift, of X, and repulsion:", law.mean_shift(0, T), name="\\langle\\delta x_1\\rangle"
    )
    stated = symbolic.rbm_mean_eigenvalue(0, x, mu2, T)
    board.zero("The library's statement.", x[0] + shift.subs(sigma, 1) - stated, by=sp.simplify)


@chain.step
def labelled_levels(board: Board) -> None:
    """derived here: each level of the RBM keeps its own target, dx_i = 2 sigma_h^2 K_i(x_i) dt + ..., with noise
    2 sqrt(2 T) sigma_h^2 x_i/(mu^2 - x_i); the joint law is not a Coulomb gas, because the force has a curl."""
    rule, _, (mu2, sigma, kappa) = gaussian_rbm()
    x = sp.symbols("x_1 x_2", positive=True)
    w = rule.parameters[0]
    sde = rule.eigenvalue_sde({w[i, i]: sp.sqrt(x[i]) / sigma for i in (0, 1)}, x, temperature=T)
    for i in (0, 1):
        board.zero("Drift.", sde.drift[i] - 2 * sigma**2 * symbolic.rbm_drift(x[i], kappa[i], mu2), by=sp.simplify)
        board.zero("Noise.", sde.diffusion[i, i] - 8 * T * sigma**4 * x[i] ** 2 / (mu2 - x[i]) ** 2, by=sp.simplify)
    by_hand = symbolic.MatrixSDE.multiplicative(
        2,
        variance=lambda a, b: T * sigma**4 / ((mu2 - a) * (mu2 - b)),
        rate=[lambda y, k=k: sigma**2 * (1 / k - 1 / (mu2 - y)) for k in kappa],
    ).eigenvalues
    board.zero("The multiplicative matrix.", [sde.total_drift(i) - by_hand.total_drift(i) for i in (0, 1)])
    try:
        sde.stationary_law()
        current = False
    except InputError:
        current = True
    board.true("A law without current does not exist.", current)


@chain.step
def teacher(board: Board) -> None:
    """derived here: teacher-student with fresh inputs, N = 2, exactly at any learning rate and batch size, from the
    discrete Lyapunov equation with the noise due to the error itself."""
    rule, point, epsilon = teacher_student(sp.symbols("t t", positive=True))
    law = rule.at(point)
    width2 = board.line("Exact:", law.width2(0, law.covariance_at(alpha, B, exact=True)), name="s^2")
    board.zero("The library's width.", width2 - symbolic.teacher_student_width2(alpha, B, epsilon, 2))


@chain.step
def teacher_decay(board: Board) -> None:
    """derived here: with weight decay the student stops at t/(1 + lambda), and the remaining error, lambda t/(1 +
    lambda), turns the inputs into noise: s^2 = T (eps^2 + (lambda t/(1 + lambda))^2)/(1 + lambda)."""
    t, decay = sp.symbols("t lambda", positive=True)
    rule, point, epsilon = teacher_student([t, t], decay)
    law = rule.at(point)
    width2 = board.line("Width:", law.width2(0, law.covariance(T)), name="s^2")
    board.zero("As said.", width2 - T * (epsilon**2 + (decay * t / (1 + decay)) ** 2) / (1 + decay))
    board.zero("Without decay: the library's.", width2.subs(decay, 0) - sp.limit(
        symbolic.teacher_student_width2(alpha, B, epsilon, 2) / alpha, alpha, 0) * B * T)  # fmt: skip


@chain.step
def network(board: Board) -> None:
    """derived here: the two-layer linear network, N = 2, from its loss: s_i^2 = T s_i nu^2; four neutral directions."""
    values = sp.symbols("s1 s2", positive=True)
    rule, point, nu = two_layer(values)
    law = rule.at(point)
    covariance = law.covariance(T)
    for i, value in enumerate(values):
        stated = symbolic.two_layer_width2(value, T, nu)
        board.zero(f"Width of level {i + 1}.", law.width2(i, covariance) - stated)
    board.true("Changes of basis between the layers.", len(law.neutral) == 4)


@chain.step
def autoencoder(board: Board) -> None:
    """derived here: the linear autoencoder with weight decay lambda on data of variance c has
    s^2 = 2 T lambda^2 (c - lambda)/c^2; unlike the others its weights circulate."""
    rule, point, (decay, place) = linear_autoencoder()
    law = rule.at(point)
    covariance = law.covariance(T)
    for i, u in enumerate(place):
        c = decay / (1 - u**2)
        board.zero(f"Level {i + 1}.", law.width2(i, covariance) - 2 * T * decay**2 * (c - decay) / c**2)
    board.true("A current.", any(sp.simplify(entry) != 0 for entry in law.current(T)))


@chain.step
def principal_component(board: Board) -> None:
    """derived here: Oja's rule has no fluctuation of |w|^2 at order T; its direction has the variance
    T c_1 c_2/(2 (c_1 - c_2)), and <|w|^2> = 1 + T c_2/2."""
    rule, point, (c1, c2) = oja()
    law = rule.at(point)
    covariance = law.covariance(T)
    board.zero("Length.", law.width2(0, covariance))
    direction = law.element_covariance((0, 1), (0, 1), covariance)
    board.zero("Direction.", direction - T * c1 * c2 / (2 * (c1 - c2)))
    board.zero("Mean.", law.mean_shift(0, T) - T * c2 / 2)
