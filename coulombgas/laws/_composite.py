"""Pseudo-likelihood of a Coulomb gas, with intervals that are correct although it is not a likelihood."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np

from coulombgas._checks import InputError, check_count, check_in_interval
from coulombgas._precision import x64

from ._coulomb_gas import CoulombGas
from ._partition import effective_interval
from ._scaling import as_floats

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)


@jax.jit
def pseudo_log_prob(gas: CoulombGas, value: Any) -> Any:
    r"""Sum of the conditional log densities of every level given the others, which needs no Z.

    .. math:: \ell = \sum_i \log\frac{\prod_{j\ne i}|x_i-x_j|^\beta\,e^{-V_i(x_i)/T}}
       {\int\prod_{j\ne i}|t-x_j|^\beta\,e^{-V_i(t)/T}\,dt}

    It is not a likelihood: its curvature is not the precision of the estimate, and using it as one gives wrong
    intervals. Pass it to :func:`composite_estimate`.

    Args:
        gas: a gas of N levels at a scalar temperature (it may be traced).
        value: (…, N) labelled levels.

    Returns:
        (…,) values of ℓ.
    """
    (value,) = as_floats(value)
    size = len(gas.potentials)
    single = jax.vmap(lambda x: jnp.stack([_conditional(gas, i, x) for i in range(size)]).sum())
    return single(value.reshape(-1, size)).reshape(value.shape[:-1])


def _conditional(gas: CoulombGas, index: int, levels: Any) -> Any:
    """log p(x_i | others) of one configuration; the integral is cut at the other levels, where it has kinks."""
    well, temperature = gas.potentials[index], gas.temperature
    low, high, _ = effective_interval(well, temperature, gas.bounds)
    others = jnp.delete(levels, index, assume_unique_indices=True)
    edges = jnp.concatenate([low[None], jnp.clip(jnp.sort(others), low, high), high[None]])
    lengths = jnp.diff(edges)
    points = edges[:-1, None] + lengths[:, None] * (jnp.asarray(_NODES, levels.dtype) + 1) / 2
    tiny = jnp.finfo(levels.dtype).tiny

    def log_weight(t: Any) -> Any:
        return gas.beta * jnp.log(jnp.abs(t - others) + tiny).sum() - well(t) / temperature

    log_terms = jax.vmap(jax.vmap(log_weight))(points)
    weights = lengths[:, None] * jnp.asarray(_WEIGHTS, levels.dtype) / 2
    return log_weight(levels[index]) - jsp.logsumexp(log_terms, b=weights)


class CompositeEstimate(NamedTuple):
    """Estimate by a composite likelihood.

    Attributes:
        estimate: (p,) parameters.
        covariance: (p, p) Godambe's H⁻¹ J H⁻¹, which is the covariance of the estimate.
        curvature_covariance: (p, p) H⁻¹, the covariance if the composite likelihood were a likelihood.
    """

    estimate: np.ndarray
    covariance: np.ndarray
    curvature_covariance: np.ndarray

    def interval(self, probability: float = 0.95) -> np.ndarray:
        """(p, 2) normal intervals from Godambe's covariance."""
        probability = check_in_interval("probability", probability, 0.0, 1.0)
        reach = float(jsp.ndtri(0.5 + probability / 2)) * np.sqrt(np.diag(self.covariance))
        return np.stack([self.estimate - reach, self.estimate + reach], axis=-1)


def composite_estimate(
    log_density: Callable[[Any, Any], Any], data: Any, start: Any, *, max_iterations: int = 100
) -> CompositeEstimate:
    r"""Maximise :math:`\sum_k \ell(\theta; x_k)` by damped Newton steps, with Godambe's covariance.

    .. math:: \mathrm{Cov}\,\hat\theta = H^{-1} J H^{-1}, \quad H = -\sum_k \nabla^2 \ell_k, \quad
       J = \sum_k \nabla\ell_k\,\nabla\ell_k^T

    Runs in float64; the samples x_k must be independent of each other.

    Args:
        log_density: (parameters (p,), one sample) -> ℓ. Use unconstrained parameters (log T rather than T).
        data: samples along the first axis.
        start: (p,) first guess.
        max_iterations: limit of Newton steps.

    Raises:
        InputError: if the maximum is not found, or is not a maximum.

    V. P. Godambe, Ann. Math. Stat. 31 (1960) 1208.
    """
    max_iterations = check_count("max_iterations", max_iterations)
    with x64():
        data, theta = jnp.asarray(data, float), jnp.atleast_1d(jnp.asarray(start, float))

        theta, information = _newton(log_density, data, theta, max_iterations)
        scores = _scores(log_density, theta, data)
        inverse = np.linalg.inv(information)
        variability = np.asarray(scores.T @ scores)
    return CompositeEstimate(np.asarray(theta), inverse @ variability @ inverse, inverse)


@functools.partial(jax.jit, static_argnums=0)
def _measure(log_density: Callable[[Any, Any], Any], theta: Any, data: Any) -> tuple[Any, Any, Any]:
    """Σℓ, its gradient and minus its Hessian."""

    def total(theta: Any) -> Any:
        return jax.vmap(lambda sample: log_density(theta, sample))(data).sum()

    return total(theta), jax.grad(total)(theta), -jax.hessian(total)(theta)


@functools.partial(jax.jit, static_argnums=0)
def _scores(log_density: Callable[[Any, Any], Any], theta: Any, data: Any) -> Any:
    return jax.vmap(jax.grad(log_density), (None, 0))(theta, data)


def _newton(
    log_density: Callable[[Any, Any], Any], data: Any, theta: Any, max_iterations: int
) -> tuple[Any, np.ndarray]:
    """Maximum and information matrix by Newton's method with halved steps; the curvature is made positive."""
    measure = functools.partial(_measure, log_density, data=data)
    value, gradient, information = measure(theta)
    for _ in range(max_iterations):
        curvature, basis = np.linalg.eigh(np.asarray(information))
        step = basis @ ((basis.T @ np.asarray(gradient)) / np.maximum(np.abs(curvature), 1e-12))
        if np.abs(step).max() < 1e-9 and curvature.min() > 0:
            return theta, np.asarray(information)
        for halving in range(30):
            new = theta + 0.5**halving * jnp.asarray(step)
            result = measure(new)
            if float(result[0]) >= float(value) - 1e-12 * abs(float(value)):
                break
        theta, (value, gradient, information) = new, result
    raise InputError(f"`start` did not lead to a maximum within {max_iterations} Newton steps: try another one.")
