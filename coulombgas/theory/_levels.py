"""From weights to levels: groups at the fixed point, and their response to small changes of the weights."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from coulombgas._precision import x64
from coulombgas.spectra import LevelGroup, group_freedom, level_groups

from ._update import FlatUpdate


class Observable(NamedTuple):
    """The matrix at the fixed point in its own basis.

    ``jacobian`` (element, weights) holds the derivatives of the symmetric matrix S whose eigenvalues are the levels to
    first order, with elements (a, b) row by row.
    """

    levels: np.ndarray
    """The levels, ascending, (mode,)."""
    matrix: np.ndarray
    left: np.ndarray
    """Basis of the rows, (row, mode)."""
    right: np.ndarray
    """Basis of the columns, (column, mode)."""
    kind: str
    jacobian: np.ndarray
    num_weights: int

    @property
    def num_modes(self) -> int:
        """Number of levels."""
        return len(self.levels)


def observe(update: FlatUpdate, state: np.ndarray) -> Observable:
    """Levels and their first derivatives at a state."""
    kind, num = update.model.level_kind, update.num_weights
    with x64():
        weights = jnp.asarray(state[:num], jnp.float64)
        matrix = np.asarray(update.matrix(weights), dtype=np.float64)
        levels, left, right = _basis(matrix, kind)

        def rotated(vector: Array) -> Array:
            return _symmetric(update.matrix(vector), jnp.asarray(left), jnp.asarray(right), kind).ravel()

        jacobian = np.asarray(jax.jacfwd(rotated)(weights), dtype=np.float64)
    return Observable(levels, matrix, left, right, kind, jacobian, num)


def _basis(matrix: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if kind == "eigenvalues":
        levels, basis = np.linalg.eigh((matrix + matrix.T) / 2)
        return levels, basis, basis
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    order = np.argsort(values)
    values = values[order]
    return values if kind == "singular-values" else values**2, left[:, order], right[order].T


def _symmetric(matrix: Array, left: Array, right: Array, kind: str) -> Array:
    """S: the matrix in the basis, its symmetric part; for squared singular values that of the smaller Gram matrix."""
    if kind == "squared-singular-values":
        small = left.T @ matrix if matrix.shape[0] <= matrix.shape[1] else (matrix @ right).T
        return small @ small.T
    moved = left.T @ matrix @ right
    return (moved + moved.T) / 2


def find_groups(levels: np.ndarray, error: float, tolerance: float) -> tuple[LevelGroup, ...]:
    """Groups of levels closer than ``tolerance`` times the largest, or than six errors of the fixed point."""
    largest = max(float(np.abs(levels).max()), 1e-300)
    return level_groups(levels, tolerance=max(tolerance, 6.0 * error / largest))


def within_groups(groups: tuple[LevelGroup, ...], size: int) -> np.ndarray:
    """Which elements of S, row by row, move levels at first order: those inside a group of equal ones, (size²,).

    The others only turn the basis, and a symmetry that rotates the matrix may do so freely.
    """
    group_of = np.zeros(size, int)
    for index, group in enumerate(groups):
        group_of[list(group.modes)] = index
    return (group_of[:, None] == group_of).ravel()


def level_error(observable: Observable, root: np.ndarray) -> float:
    """Largest standard error of an element of S from that of the fixed point."""
    return float(np.sqrt(((observable.jacobian @ root) ** 2).sum(axis=1)).max()) if root.size else 0.0


def group_width2(covariance: np.ndarray, modes: tuple[int, ...]) -> float:
    r"""s² of a level group from the covariance of S, (mode, mode, mode, mode).

    .. math:: s^2 = \frac{\tfrac12\sum_{ab}(C_{abab} + C_{abba}) - \tfrac1n\sum_{ab}C_{aabb}}{n(n+1)/2 - 1}

    which is what Σ(x − x̄)² over its degrees of freedom measures; a single level has the variance :math:`C_{iiii}`.
    """
    index = np.array(modes)
    own = covariance[np.ix_(index, index, index, index)]
    if len(index) == 1:
        return float(own[0, 0, 0, 0])
    total = 0.5 * (np.einsum("abab", own) + np.einsum("abba", own)) - np.einsum("aabb", own) / len(index)
    return float(total / group_freedom(len(index)))


def level_curvature(
    update: FlatUpdate, state: np.ndarray, directions: np.ndarray, groups: tuple[LevelGroup, ...], step: float = 1e-3
) -> np.ndarray:
    """Second derivative of the mean level of each group along directions of the weights, (direction, group).

    By central differences in float64: the mean of a group stays smooth when its levels cross.
    """
    num, kind, rows = update.num_weights, update.model.level_kind, [list(group.modes) for group in groups]
    sizes = step / np.maximum(np.abs(directions).max(axis=1, initial=0.0), 1e-300)
    shifts = directions * sizes[:, None]
    with x64():
        # eigenvalues outside the loop: LAPACK calls inside it can deadlock
        matrices = jax.jit(jax.vmap(update.matrix))(jnp.asarray(state[:num] + np.concatenate([shifts, -shifts])))
        centre = np.asarray(update.matrix(jnp.asarray(state[:num])))

    def means(matrix: np.ndarray) -> np.ndarray:
        levels = _basis(matrix, kind)[0]
        return np.array([levels[modes].mean() for modes in rows])

    moved = np.stack([means(matrix) for matrix in np.asarray(matrices)]).reshape(2, len(shifts), -1)
    return (moved.sum(axis=0) - 2 * means(centre)) / sizes[:, None] ** 2
