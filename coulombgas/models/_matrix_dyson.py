"""The matrix Dyson surrogate: the Gaussian matrix update with the first two moments of a model at its fixed point."""

from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from coulombgas._checks import check_finite_array, fail

from ._linalg import pair_index, symmetric_eigenvalues, trailing_ones
from ._protocol import Model
from ._random import fold, normals, purpose
from ._setting import Key, Setting, Start


class MatrixDyson(Model):
    r"""A symmetric matrix that is an Ornstein-Uhlenbeck process around diag(target), ALP24 (arXiv:2407.16427), (62)
    with linear drift.

    .. math::
        X_{ij}' = X_{ij} - \alpha\gamma_{ij} (X_{ij} - x_i\delta_{ij})
        + \frac{\alpha}{\sqrt B} \sqrt{D_{ij} (1 + \delta_{ij})}\;\eta_{ij}

    It is exactly Gaussian: a cheap surrogate of a model near its fixed point, and a check of it.

    Args:
        target: levels x_i at the fixed point, shape (N,).
        rate: γ, a number or symmetric (N, N), in the order of ``target``.
        noise2: D, a number or symmetric (N, N).

    Raises:
        InputError: for shapes that do not match, and for negative or asymmetric values.
    """

    target: tuple[float, ...] = eqx.field(static=True)
    rate: tuple[tuple[float, ...], ...] = eqx.field(static=True)
    noise2: tuple[tuple[float, ...], ...] = eqx.field(static=True)

    name: ClassVar[str] = "matrix-dyson"
    trailing_replicas: ClassVar[bool] = True
    levels = "eigenvalues"

    def __init__(
        self,
        *,
        target: Sequence[float] | np.ndarray = (2.0, 2.0),
        rate: float | Sequence[Sequence[float]] | np.ndarray = 1.0,
        noise2: float | Sequence[Sequence[float]] | np.ndarray = 0.01,
    ):
        levels = check_finite_array("target", target, ndim=1)
        if levels.size == 0:
            fail("target", "must hold at least one level", "none")
        order = np.argsort(levels, kind="stable")
        self.target = tuple(levels[order].tolist())
        self.rate = _symmetric("rate", rate, order)
        self.noise2 = _symmetric("noise2", noise2, order)

    @property
    def num_modes(self) -> int:
        return len(self.target)

    @property
    def target_modes(self) -> np.ndarray:
        return np.array(self.target)

    @property
    def fixed_point(self) -> np.ndarray:
        return np.array(self.target)

    def config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "target": list(self.target),
            "rate": [list(row) for row in self.rate],
            "noise2": [list(row) for row in self.noise2],
        }

    def start(self, *, key: Key, setting: Setting, init: Start, dtype: Any) -> tuple[Array, None]:
        del setting
        size = self.num_modes
        draws = 0.1 * normals(fold(key, purpose("weights")), (size * (size + 1) // 2,), dtype)[pair_index(size)]
        exact = trailing_ones(np.diag(self.target), draws)
        return (jnp.broadcast_to(exact, draws.shape) if init == "fixed-point" else draws), None

    def gradient(self, weights: Array, memory: None, *, key: Key, setting: Setting, step: Array) -> tuple[Array, None]:
        del step
        size = self.num_modes
        draws = normals(key, (size * (size + 1) // 2,), weights.dtype)[pair_index(size)]
        scale = np.sqrt(np.array(self.noise2) * (1.0 + np.eye(size)) / setting.batch_size)
        drift = trailing_ones(np.array(self.rate), weights) * (weights - trailing_ones(np.diag(self.target), weights))
        return drift - trailing_ones(scale, weights) * draws, memory

    def matrix(self, weights: Array) -> Array:
        """X itself."""
        return weights

    def spectrum(self, weights: Array) -> Array:
        return symmetric_eigenvalues(weights)

    def healthy(self, weights: Array) -> Array:
        return jnp.isfinite(weights).all(axis=(0, 1))


def _symmetric(name: str, value: Any, order: np.ndarray) -> tuple[tuple[float, ...], ...]:
    size = len(order)
    matrix = check_finite_array(name, value)
    if matrix.ndim == 0:
        matrix = np.full((size, size), float(matrix))
    if matrix.shape != (size, size):
        fail(name, f"must be a number or have shape ({size}, {size})", f"shape {matrix.shape}")
    if (matrix < 0).any() or not np.allclose(matrix, matrix.T, rtol=1e-12, atol=0.0):
        fail(name, "must be symmetric and nowhere negative", matrix.tolist())
    return tuple(map(tuple, matrix[np.ix_(order, order)].tolist()))
