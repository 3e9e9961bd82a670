"""The independent route for linear regression: modes of the dynamics averaged over the Marchenko-Pastur law."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ._system import make_result

if TYPE_CHECKING:
    import xarray as xr

    from ._linear_regression import LinearRegression


def marchenko_pastur_nodes(samples_per_dimension: float, num: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Nodes λ and weights w with :math:`\sum w f(\lambda) = \int \rho(\lambda)\,\lambda f(\lambda)\,d\lambda`.

    ρ is the law of the eigenvalues of XᵀX/P (mean 1, edges :math:`(1 \pm \alpha^{-1/2})^2`). Gauss-Chebyshev nodes of
    the second kind: exact for polynomials f of degree below 2 num - 1, for every α including 1.
    """
    angle = np.pi * np.arange(1, num + 1) / (num + 1)
    ratio = samples_per_dimension
    eigenvalue = 1 + 1 / ratio + 2 / np.sqrt(ratio) * np.cos(angle)
    return eigenvalue, 2 / (num + 1) * np.sin(angle) ** 2


def marchenko_pastur_quadrature(system: "LinearRegression") -> "xr.Dataset":
    r"""Test excess and training loss by quadrature over the modes x_n(λ) of a linear method.

    .. math:: L - \sigma^2 = \int\rho x_n^2 + \frac{\sigma^2}{\alpha}\int\rho\,\frac{(1-x_n)^2}{\lambda}

    plus, for mini-batches, the noise that every step injects. For the gradient flow the modes are exact in time.
    (Derived here; agrees with the two-time equations, which never diagonalise anything.)
    """
    num = 2 * system.steps + 200
    eigenvalue, weight = marchenko_pastur_nodes(system.samples_per_dimension, num)
    ratio = system.samples_per_dimension
    mode, moved = _modes(system, eigenvalue)
    lost = 1 - weight @ (moved * (1 + mode))  # ∫ρ x², from 1 - x² = λ d (1 + x) with d = (1 - x)/λ
    excess = system.signal * lost + system.noise_variance / ratio * (weight @ moved**2)
    train = system.signal * (weight @ mode**2) + system.noise_variance * (1 - weight @ (moved * (1 + mode)) / ratio)
    if system.batch_fraction < 1:
        extra_test, extra_train = _batch_noise(system, eigenvalue, weight, train)
        excess, train = excess + extra_test, train + extra_train
    return make_result(system, {"test_excess": excess.T, "train_loss": train.T})


def _modes(system: "LinearRegression", eigenvalue: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x_n(λ) and (1 - x_n)/λ, arrays (node, step)."""
    if system.method == "gradient-flow":
        return _flow_modes(system.mass, system.times(), eigenvalue)
    rate, beta = system.learning_rate, 0.0 if system.method == "gd" else system.momentum
    moved = before = np.zeros_like(eigenvalue)
    history = [moved]
    for _ in range(system.steps):
        ahead = moved + beta * (moved - before)
        query = ahead if system.method == "nesterov" else moved
        moved, before = ahead + rate * (1 - eigenvalue * query), moved
        history.append(moved)
    moved = np.stack(history, axis=1)
    return 1 - eigenvalue[:, None] * moved, moved


def _flow_modes(mass: float, time: np.ndarray, eigenvalue: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if mass == 0:
        exponent = -eigenvalue[:, None] * time
        return np.exp(exponent), -np.expm1(exponent) / eigenvalue[:, None]
    root = np.sqrt(1 - 4 * mass * eigenvalue + 0j)[:, None]
    slow, fast = (-1 + root) / (2 * mass), (-1 - root) / (2 * mass)
    mode = ((slow * np.exp(fast * time) - fast * np.exp(slow * time)) / (slow - fast)).real
    return mode, (1 - mode) / eigenvalue[:, None]


def _batch_noise(system: "LinearRegression", eigenvalue: np.ndarray, weight: np.ndarray, train: np.ndarray):
    """What independent masks add: a Volterra equation for the training loss, a sum for the test loss."""
    if system.method == "nesterov":
        raise NotImplementedError("the quadrature of mini-batch noise covers gd and heavy-ball")
    ratio, extra = system.samples_per_dimension, 1 / system.batch_fraction - 1
    beta = 0.0 if system.method == "gd" else system.momentum
    pulse, before = np.full_like(eigenvalue, system.learning_rate), np.zeros_like(eigenvalue)
    test_kernel: list[Any] = [0.0]
    train_kernel: list[Any] = [0.0]
    for _ in range(system.steps):
        test_kernel.append(weight @ pulse**2 * extra / ratio)
        train_kernel.append(weight @ (eigenvalue * pulse**2) * extra / ratio)
        ahead = pulse + beta * (pulse - before)
        pulse, before = ahead - system.learning_rate * eigenvalue * pulse, pulse
    to_test, to_train = np.array(test_kernel), np.array(train_kernel)
    loss = np.array(train, float)
    for n in range(1, system.steps + 1):
        loss[n] += to_train[n:0:-1] @ loss[:n]
    test = np.array([to_test[n:0:-1] @ loss[:n] for n in range(system.steps + 1)])
    return test, loss - train
