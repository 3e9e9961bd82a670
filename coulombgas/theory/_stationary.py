r"""The stationary law of a linear update :math:`z' = A z + N\xi`, without the neutral directions.

In a real Schur basis with the k neutral directions first, :math:`A = U \begin{pmatrix} T_{11} & T_{12} \\ 0 & T_{22}
\end{pmatrix} U^T`, the other coordinates :math:`y = U_2^T z` move by :math:`T_{22}` alone and have a stationary
covariance; the neutral ones diffuse, and observables must not depend on them.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg

from ._optimizer_map import OptimizerMap

_DOUBLINGS = 60  # 2^60 updates: any |λ| below 1 in float64 has decayed


class Assembly(NamedTuple):
    """The linear update of z = (w, optimiser state, c)."""

    step: np.ndarray
    """A, (z, z)."""
    noise: np.ndarray
    """N, (z, state): from the noise of (g, c') to z."""


def assemble(jacobian: np.ndarray, optimizer: OptimizerMap, num_weights: int) -> Assembly:
    """A and N from the mean Jacobian of (g, c') and the optimiser's map."""
    own, kept = num_weights, optimizer.num_state
    size, memory = own * (1 + kept) + len(jacobian) - own, slice(own * (1 + kept), None)
    gradient, statistic = jacobian[:own], jacobian[own:]
    step, noise = np.zeros((size, size)), np.zeros((size, len(jacobian)))
    eye = np.eye(own)
    outputs = [(optimizer.ww, optimizer.wo, optimizer.wg)]
    outputs += [(optimizer.ow[i], optimizer.oo[i], optimizer.og[i]) for i in range(kept)]
    for i, (by_weight, by_state, by_gradient) in enumerate(outputs):
        rows = slice(i * own, (i + 1) * own)
        step[rows, :own] += by_weight * eye + by_gradient * gradient[:, :own]
        step[rows, memory] += by_gradient * gradient[:, own:]
        for j in range(kept):
            step[rows, (j + 1) * own : (j + 2) * own] += by_state[j] * eye
        noise[rows, :own] = by_gradient * eye
    step[memory, :own], step[memory, memory] = statistic[:, :own], statistic[:, own:]
    noise[memory, own:] = np.eye(len(jacobian) - own)
    return Assembly(step, noise)


def coordinates(
    gauge: np.ndarray, rest: np.ndarray, num_state: int, num_memory: int, *, whole: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Bases of z from bases of w: (gauge directions of the weights, everything else).

    Without ``whole`` the optimiser's averages along the gauge directions are left out: nothing else in z depends on
    them.
    """
    states = np.eye(num_state)
    own = np.asarray(linalg.block_diag(rest, np.kron(states, rest), np.eye(num_memory)))
    size, num = len(own), gauge.shape[1]
    flat = np.zeros((size, num))
    flat[: len(gauge)] = gauge
    if whole and num_state:
        averages = np.zeros((size, num_state * num))
        averages[len(gauge) : len(gauge) * (1 + num_state)] = np.kron(states, gauge)
        own = np.concatenate([own, averages], axis=1)
    return flat, own


class Split(NamedTuple):
    """A in a Schur basis, neutral directions first."""

    neutral: np.ndarray
    """U₁, (z, k)."""
    stable: np.ndarray
    """U₂, (z, rest)."""
    coupling: np.ndarray
    """T₁₂."""
    step: np.ndarray
    """T₂₂."""
    radius: float
    """Largest |λ| of T₂₂."""


def split(step: np.ndarray, num_neutral: int, gauge: np.ndarray, rest: np.ndarray) -> Split:
    """Neutral directions: the gauges, and in the rest the ``num_neutral`` eigenvalues nearest to 1.

    Args:
        step: A, with A G = G.
        num_neutral: number of neutral directions in the rest.
        gauge: G, orthonormal, (z, gauge).
        rest: coordinates with a dynamics of their own, orthonormal and orthogonal to G, (z, rest).
    """
    own = rest.T @ step @ rest
    values = np.linalg.eigvals(own)
    if num_neutral == 0:
        return Split(gauge, rest, gauge.T @ step @ rest, own, _radius(values))
    distance = np.sort(np.abs(values - 1.0))
    cut = distance[num_neutral - 1]
    limit = (cut + distance[num_neutral]) / 2 if num_neutral < len(distance) else np.inf

    table, basis, count = linalg.schur(  # pyright: ignore[reportAssignmentType]
        own, output="real", sort=lambda real, imaginary: abs(complex(real, imaginary) - 1.0) <= limit
    )
    neutral, stable = np.concatenate([gauge, rest @ basis[:, :count]], axis=1), rest @ basis[:, count:]
    own = table[count:, count:]
    return Split(neutral, stable, neutral.T @ step @ stable, own, _radius(np.linalg.eigvals(own)))


def _radius(values: np.ndarray) -> float:
    return float(np.abs(values).max(initial=0.0))


def lyapunov(step: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """P = A P Aᵀ + Q for |λ| < 1, by doubling: after n rounds the sum of the first 2ⁿ terms."""
    total, power = noise.copy(), step.copy()
    for _ in range(_DOUBLINGS):
        added = power @ total @ power.T
        total = total + added
        if np.abs(added).max() <= 1e-13 * np.abs(total).max():
            break
        power = power @ power
    return (total + total.T) / 2


def epoch_noise(step: np.ndarray, noise: np.ndarray, updates: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Aⁿ and the noise of a whole epoch of n updates without replacement.

    Batches of one epoch share a fixed sum: :math:`\mathrm{Cov}(\xi_s, \xi_t) = Q(\delta_{st} - 1/n)`, so that an epoch
    adds :math:`\sum_k A^k Q A^{kT} - \tfrac1n S Q S^T`, :math:`S = \sum_{k<n} A^k`.
    """
    power, total, sums = np.eye(len(step)), np.zeros_like(noise), np.zeros_like(step)
    for _ in range(updates):
        total += power @ noise @ power.T
        sums += power
        power = power @ step
    return power, total - sums @ noise @ sums.T / updates


class Covariance(NamedTuple):
    """Stationary covariance in the coordinates of a :class:`Split`."""

    stable: np.ndarray
    """P₂₂."""
    mixed: np.ndarray
    """P₁₂, which is stationary too."""
    growth: np.ndarray
    """Growth of P₁₁ per update."""


def covariance(parts: Split, noise: np.ndarray) -> Covariance:
    """P₂₂ by Lyapunov's equation, P₁₂ and the growth of P₁₁ with T₁₁ = 1; ``noise`` is Q of z."""
    own, step = parts.stable.T @ noise @ parts.stable, parts.step
    stable = lyapunov(step, own)
    if parts.neutral.shape[1] == 0:
        return Covariance(stable, np.zeros((0, len(step))), np.zeros((0, 0)))
    cross = parts.neutral.T @ noise @ parts.stable
    source = parts.coupling @ stable @ step.T + cross
    mixed = np.linalg.solve(np.eye(len(step)) - step, source.T).T
    growth = parts.coupling @ stable @ parts.coupling.T + parts.coupling @ mixed.T + mixed @ parts.coupling.T
    return Covariance(stable, mixed, growth + parts.neutral.T @ noise @ parts.neutral)
