r"""Mean levels at order T, from the curvature of the mean update and of the levels.

With P the covariance of z, the mean of z moves from the fixed point by m with :math:`m = A m + \tfrac12\partial^2F:P`,
and a level by :math:`J m + \tfrac12\partial^2\lambda:P`. Along neutral directions P and m grow with every update, and
the growth of the two terms cancels in the levels, which do not depend on those directions; the remainder is computed
here with :math:`P = P_{fin} + k D` and :math:`m = m_0 + k m_1` after k updates.
"""

import numpy as np

from coulombgas.spectra import LevelGroup

from ._levels import Observable, level_curvature
from ._moments import BLOCKS, jackknife_error, leave_one_out, measure_curvature
from ._stationary import Assembly, Split, covariance
from ._update import FlatUpdate

_MOST_DIRECTIONS = 600  # numbers in (w, c): the curvature needs a direction for each
_SAMPLES = 2**17  # samples in the curvature, each with its own direction: an error of a few per cent of the shift
_NEGLIGIBLE = 1e-9  # of the largest eigenvalue of P


def mean_shift(
    update: FlatUpdate, state: np.ndarray, parts: Split, assembly: Assembly, noise: np.ndarray,
    observable: Observable, groups: tuple[LevelGroup, ...],
) -> tuple[np.ndarray | None, np.ndarray | None]:  # fmt: skip
    """Mean of each group minus its fixed point and its Monte Carlo error; (None, None) for states too large."""
    if update.size > _MOST_DIRECTIONS:
        return None, None
    num, size = update.num_weights, len(parts.neutral)
    seen = np.concatenate([np.arange(num), np.arange(size - update.num_memory, size)])  # (w, c) within z
    law = covariance(parts, noise)
    mixed = parts.neutral @ law.mixed @ parts.stable.T
    finite = parts.stable @ law.stable @ parts.stable.T + mixed + mixed.T
    growth = parts.neutral @ law.growth @ parts.neutral.T
    bent, bent_growing = (_bend(update, state, table[np.ix_(seen, seen)]) for table in (finite, growth))
    rest = np.eye(len(parts.step)) - parts.step
    own = parts.stable.T @ assembly.noise
    drift = np.linalg.solve(rest, own @ bent_growing.T)
    mean = np.linalg.solve(rest, own @ bent.T - drift)
    slope = _mean_slopes(observable, groups)
    values, vectors = _directions(finite[:num, :num])
    second = 0.5 * values @ level_curvature(update, state, vectors, groups)
    blocks = (slope @ parts.stable[:num] @ mean).T + second
    return blocks.mean(axis=0), jackknife_error(leave_one_out(blocks))


def _bend(update: FlatUpdate, state: np.ndarray, table: np.ndarray) -> np.ndarray:
    """½ ∂²E(g, c'):P by blocks, (block, state), as the mean over directions of covariance P."""
    values, vectors = _directions(table)
    total = np.zeros((BLOCKS, update.size))
    draws = max(8, _SAMPLES // (BLOCKS * update.batch_size))
    for sign in (1.0, -1.0):  # rounding and the mixed part can make eigenvalues negative
        kept = sign * values > 0
        if kept.any():
            root = vectors[kept].T * np.sqrt(np.abs(values[kept]))
            total += 0.5 * sign * measure_curvature(update, state, root, draws=draws, seed=5)
    return total


def _directions(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and eigenvectors (direction, …) of a symmetric table, without negligible ones."""
    values, vectors = np.linalg.eigh((table + table.T) / 2)
    kept = np.abs(values) > _NEGLIGIBLE * np.abs(values).max(initial=0.0)
    return values[kept], vectors[:, kept].T


def _mean_slopes(observable: Observable, groups: tuple[LevelGroup, ...]) -> np.ndarray:
    """Derivative of each group's mean level with respect to the weights, (group, weights)."""
    diagonal = observable.jacobian.reshape(observable.num_modes, observable.num_modes, -1)
    return np.stack([np.mean([diagonal[i, i] for i in group.modes], axis=0) for group in groups])
