"""An independent solution of linear regression: modes of the dynamics averaged over the Marchenko-Pastur law."""

import numpy as np

from coulombgas.laws import mp_nodes

from ._linear_regression import LinearRegression


def marchenko_pastur_quadrature(system: LinearRegression) -> dict[str, np.ndarray]:
    r"""Test excess and training loss by quadrature over the modes x_n(λ) of a linear method.

    .. math:: L - \sigma^2 = \int\rho x_n^2 + \frac{\sigma^2}{\alpha}\int\rho\,\frac{(1-x_n)^2}{\lambda}

    plus, for mini-batches, the noise that every step injects. For the gradient flow the modes are exact in time.
    Derived here; it agrees with the two-time equations, which do not diagonalise anything.
    """
    num = 2 * system.steps + 200
    eigenvalue, weight = mp_nodes(system.samples_per_dimension, num)
    moved = _moved(system, eigenvalue)
    excess, train = _losses(system, eigenvalue, weight, moved)
    if system.batch_fraction < 1:
        _, at_query = _losses(system, eigenvalue, weight, _ahead(system, moved))
        extra_test, extra_train = _batch_noise(system, eigenvalue, weight, at_query)
        excess, train = excess + extra_test, train + extra_train
    return {"test_excess": excess, "train_loss": train}


def _losses(system: LinearRegression, eigenvalue: np.ndarray, weight: np.ndarray, moved: np.ndarray):
    """Test excess and training loss of modes x = 1 - λd, from d (node, step)."""
    ratio, mode = system.samples_per_dimension, 1 - eigenvalue[:, None] * moved
    gone = weight @ (moved * (1 + mode))  # 1 - ∫ρ x², from 1 - x² = λ d (1 + x)
    excess = system.signal * (1 - gone) + system.noise_variance / ratio * (weight @ moved**2)
    return excess, system.signal * (weight @ mode**2) + system.noise_variance * (1 - gone / ratio)


def _moved(system: LinearRegression, eigenvalue: np.ndarray) -> np.ndarray:
    """(1 - x_n(λ))/λ, array (node, step)."""
    if system.method == "gradient-flow":
        return _flow_moved(system.mass, system.times(), eigenvalue)
    moved = before = np.zeros_like(eigenvalue)
    history = [moved]
    for _ in range(system.steps):
        ahead = moved + _momentum(system) * (moved - before)
        query = ahead if system.method == "nesterov" else moved
        moved, before = ahead + system.learning_rate * (1 - eigenvalue * query), moved
        history.append(moved)
    return np.stack(history, axis=1)


def _momentum(system: LinearRegression) -> float:
    return 0.0 if system.method == "gd" else system.momentum


def _ahead(system: LinearRegression, state: np.ndarray) -> np.ndarray:
    """Point at which the gradient is taken, step by step along the last axis: ahead of the state only for Nesterov."""
    if system.method != "nesterov":
        return state
    return state + _momentum(system) * np.diff(state, axis=-1, prepend=state[..., :1])


def _flow_moved(mass: float, time: np.ndarray, eigenvalue: np.ndarray) -> np.ndarray:
    if mass == 0:
        return -np.expm1(-eigenvalue[:, None] * time) / eigenvalue[:, None]
    root = np.sqrt(1 - 4 * mass * eigenvalue + 0j)[:, None]
    slow, fast = (-1 + root) / (2 * mass), (-1 - root) / (2 * mass)
    mode = ((slow * np.exp(fast * time) - fast * np.exp(slow * time)) / (slow - fast)).real
    return (1 - mode) / eigenvalue[:, None]


def _batch_noise(system: LinearRegression, eigenvalue: np.ndarray, weight: np.ndarray, loss: np.ndarray):
    """Contribution of independent masks to test and training loss.

    A mask injects noise in proportion to the squared residuals where the gradient is taken, ``loss`` without masks;
    their total obeys a Volterra equation, and both losses are sums over its past.
    """
    pulse = _pulse(system, eigenvalue)
    scale = (1 / system.batch_fraction - 1) / system.samples_per_dimension
    to_test, to_train = scale * (weight @ pulse**2), scale * ((weight * eigenvalue) @ pulse**2)
    to_query = scale * ((weight * eigenvalue) @ _ahead(system, pulse) ** 2)
    total, num = np.array(loss, float), len(loss)
    for n in range(1, num):
        total[n] += to_query[n:0:-1] @ total[:n]
    return tuple(np.array([kernel[n:0:-1] @ total[:n] for n in range(num)]) for kernel in (to_test, to_train))


def _pulse(system: LinearRegression, eigenvalue: np.ndarray) -> np.ndarray:
    """State at every lag after a unit kick of the gradient, array (node, lag); zero at lag 0."""
    now, before = np.full_like(eigenvalue, system.learning_rate), np.zeros_like(eigenvalue)
    history = [before]
    for _ in range(system.steps):
        history.append(now)
        ahead = now + _momentum(system) * (now - before)
        query = ahead if system.method == "nesterov" else now
        now, before = ahead - system.learning_rate * eigenvalue * query, now
    return np.stack(history, axis=1)
