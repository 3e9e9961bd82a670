"""Gauge directions: by symmetry, neither the levels nor the mean update change along them.

An observed matrix M(w) often has redundant weights: WO for an orthogonal O gives the same WWᵀ. Such directions follow
from M alone, without Monte Carlo error. The measured Jacobian then shows whether the update respects a family of them;
if so, the Jacobian along them is exactly zero, and all its noise there is removed.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from coulombgas._precision import x64
from coulombgas._tails import f_sf

from ._moments import Slope
from ._update import FlatUpdate

_FALSE_ALARM = 1e-4  # rate at which a family that the update respects is taken for one that it does not
_RANK = 1e-9  # of the largest singular value


def find_gauge(update: FlatUpdate, state: np.ndarray, slope: Slope) -> np.ndarray:
    """The largest family of directions that the mean update respects, orthonormal, (weights, direction)."""
    num, best = update.num_weights, np.zeros((update.num_weights, 0))
    for family in _families(update, state[:num]):
        if family.shape[1] > best.shape[1] and _respected(slope.jacobian[:, :, :num] @ family):
            best = family
    return best


def without_gauge(slope: Slope, gauge: np.ndarray) -> Slope:
    """The Jacobian with exact zeros along the gauge directions."""
    num = len(gauge)
    table = slope.jacobian.copy()
    table[:, :, :num] -= (table[:, :, :num] @ gauge) @ gauge.T
    return slope._replace(jacobian=table)


def complement(gauge: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the orthogonal complement of orthonormal columns."""
    return np.linalg.qr(gauge, mode="complete")[0][:, gauge.shape[1] :]


def _respected(along: np.ndarray) -> bool:
    """Whether block means of a Jacobian along directions are zero within their scatter.

    The elements are correlated: their sum of squares varies like that of f independent ones, f = (tr C)²/tr C² with C
    their covariance (Satterthwaite), and its ratio to the scatter follows F(f, (blocks − 1) f). tr C² is estimated
    without bias from the blocks.
    """
    blocks, free = len(along), len(along) - 1
    mean = along.mean(axis=0)
    apart = (along - mean).reshape(blocks, -1)
    products = apart @ apart.T / free
    total = float(np.trace(products))
    if total == 0.0:
        return not mean.any()
    square = free**2 / ((free - 1) * (free + 2)) * (float((products**2).sum()) - total**2 / free)
    independent = min(max(total**2 / square, 1.0), mean.size) if square > 0.0 else mean.size
    ratio = blocks * float((mean**2).sum()) / total
    return bool(f_sf(ratio, independent, free * independent) > _FALSE_ALARM)


def _families(update: FlatUpdate, weights: np.ndarray) -> Iterator[np.ndarray]:
    """Directions that leave M unchanged, alone and together with those that rotate its columns or rows."""
    with x64():
        at = jnp.asarray(weights, jnp.float64)
        matrix = np.asarray(update.matrix(at), dtype=np.float64)
        table = np.asarray(jax.jacfwd(update.matrix)(at), dtype=np.float64).reshape(matrix.size, -1)
    left, values, right = np.linalg.svd(table)
    rank = int((values > _RANK * values.max(initial=0.0)).sum())
    inner = right[rank:].T
    yield inner
    if update.model.level_kind == "eigenvalues":
        return
    for moved in (_turned(matrix), _turned(matrix.T).transpose(0, 2, 1)):
        changes = moved.reshape(len(moved), matrix.size).T
        inside = left[:, :rank].T @ changes
        if len(moved) and np.linalg.norm(changes - left[:, :rank] @ inside) <= 1e-6 * np.linalg.norm(changes):
            orbit = _orthonormal(right[:rank].T @ (inside / values[:rank, None]))
            yield orbit
            yield np.concatenate([inner, orbit], axis=1)


def _turned(matrix: np.ndarray) -> np.ndarray:
    """M a for each generator a of rotations of its columns, (generator, row, column)."""
    size = matrix.shape[1]
    first, second = np.triu_indices(size, 1)
    moved = np.zeros((len(first), *matrix.shape))
    index = np.arange(len(first))
    moved[index, :, second], moved[index, :, first] = matrix[:, first].T, -matrix[:, second].T
    return moved


def _orthonormal(columns: np.ndarray) -> np.ndarray:
    basis, values, _ = np.linalg.svd(columns, full_matrices=False)
    return basis[:, values > 1e-7 * values.max(initial=0.0)]
