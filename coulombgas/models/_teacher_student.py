"""The teacher-student model, ALP24 (arXiv:2407.16427), section IV and appendix D, in the normalisation of its released
code."""

from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from coulombgas._checks import check_choice, check_count, check_finite_array, check_positive, fail

from ._linalg import matmul, pair_index, symmetric_eigenvalues, trailing_ones, transpose
from ._protocol import Model
from ._random import fold, normals, purpose
from ._setting import Key, Setting, Start


class TeacherStudent(Model):
    r"""A linear student W learns a symmetric teacher W_t from mini-batches of Gaussian inputs.

    .. math::
        W' = W + \alpha (W_t - W) C_b + \frac{\alpha}{\sqrt{B}}\,\eta, \qquad C_b = \frac1B\sum_{a=1}^{B} z_a z_a^T

    with η symmetric, standard deviation ε off the diagonal and √2 ε on it. The spectrum is that of (W + Wᵀ)/2.

    Args:
        teacher: eigenvalues of W_t, shape (N,).
        noise: ε.
        inputs: "quenched" (all replicas of a setting share one set of mini-batches, as in the released code) or
            "fresh" (each replica draws its own).
        num_batches: mini-batches in an epoch of quenched inputs, after which they repeat.
        init_std: standard deviation of W at a random start.

    Raises:
        InputError: when a value is out of range.

    Source: ALP24 (arXiv:2407.16427), (51)-(56), appendix D.
    """

    teacher: tuple[float, ...] = eqx.field(static=True)
    noise: float = eqx.field(static=True)
    inputs: str = eqx.field(static=True)
    num_batches: int = eqx.field(static=True)
    init_std: float = eqx.field(static=True)

    name: ClassVar[str] = "teacher-student"
    trailing_replicas: ClassVar[bool] = True
    levels = "eigenvalues"

    def __init__(
        self,
        *,
        teacher: Sequence[float] | np.ndarray = (2.0, 2.0),
        noise: float = 0.1,
        inputs: str = "quenched",
        num_batches: int = 500,
        init_std: float = 0.1,
    ):
        levels = np.sort(check_finite_array("teacher", teacher, ndim=1))
        if levels.size == 0:
            fail("teacher", "must hold at least one eigenvalue", "none")
        self.teacher = tuple(levels.tolist())
        self.noise = check_positive("noise", noise)
        self.inputs = check_choice("inputs", inputs, ("quenched", "fresh"))
        self.num_batches = check_count("num_batches", num_batches)
        self.init_std = check_positive("init_std", init_std)

    @property
    def num_modes(self) -> int:
        return len(self.teacher)

    @property
    def target_modes(self) -> np.ndarray:
        return np.array(self.teacher)

    @property
    def fixed_point(self) -> np.ndarray:
        return np.array(self.teacher)

    def config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "teacher": list(self.teacher),
            "noise": self.noise,
            "inputs": self.inputs,
            "num_batches": self.num_batches,
            "init_std": self.init_std,
        }

    def start(self, *, key: Key, setting: Setting, init: Start, dtype: Any) -> tuple[Array, None]:
        del setting
        draws = normals(fold(key, purpose("weights")), (self.num_modes, self.num_modes), dtype)
        if init == "random":
            return (self.init_std * draws).astype(dtype), None
        return jnp.broadcast_to(self._teacher(draws), draws.shape), None

    def _teacher(self, like: Array) -> Array:
        return trailing_ones(np.diag(self.teacher), like)

    def gradient(self, weights: Array, memory: None, *, key: Key, setting: Setting, step: Array) -> tuple[Array, None]:
        batch = setting.batch_size
        noise = self._noise(weights, key) / np.sqrt(batch).astype(weights.dtype)
        error, inputs = weights - self._teacher(weights), self._inputs(key, setting, step, weights)
        if weights.ndim == 2 and batch < self.num_modes:  # no square matrix is built if the batch is smaller
            return (error @ inputs) @ inputs.T / batch - noise, memory
        covariance = matmul(inputs, transpose(inputs)) / batch
        covariance = covariance.reshape(*covariance.shape, *(1,) * (weights.ndim - covariance.ndim))
        return matmul(error, covariance) - noise, memory

    def _inputs(self, key: Key, setting: Setting, step: Array, like: Array) -> Array:
        """A mini-batch, shape (mode, sample), with a trailing replica axis if each replica draws its own."""
        shape = self.num_modes, setting.batch_size
        if self.inputs == "fresh":
            return normals(fold(key, purpose("inputs")), shape, like.dtype)
        return normals(fold(setting.key, step % self.num_batches), shape, like.dtype)

    def _noise(self, weights: Array, key: Key) -> Array:
        """Symmetric η: ε off the diagonal, √2 ε on it."""
        size = self.num_modes
        draws = normals(fold(key, purpose("noise")), (size * (size + 1) // 2,), weights.dtype)
        scale = self.noise * np.where(np.eye(size, dtype=bool), np.sqrt(2.0), 1.0)
        return draws[pair_index(size)] * trailing_ones(scale, weights)

    def matrix(self, weights: Array) -> Array:
        """(W + Wᵀ)/2."""
        return (weights + transpose(weights)) / 2

    def spectrum(self, weights: Array) -> Array:
        return symmetric_eigenvalues(self.matrix(weights))

    def healthy(self, weights: Array) -> Array:
        return jnp.isfinite(weights).all(axis=(0, 1))
