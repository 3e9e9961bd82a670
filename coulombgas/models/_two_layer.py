"""The two-layer linear network of PFLA24 (arXiv:2412.20496), in our own normalisation (derived here; see
derivations/two_layer)."""

from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from coulombgas._checks import check_choice, check_count, check_finite_array, check_positive, fail

from ._linalg import matmul, singular_values, trailing_ones, transpose
from ._protocol import Model
from ._random import fold, normals, purpose
from ._setting import Key, Setting, Start

Weights = dict[str, Array]


class TwoLayerLinear(Model):
    r"""A network :math:`\hat y = W_2 W_1 z` learns :math:`y = W_t z + \nu\xi` from mini-batches of Gaussian inputs.

    .. math::
        W_1' = W_1 - \alpha W_2^T G, \quad W_2' = W_2 - \alpha G W_1^T, \quad
        G = \frac1B \sum_{a=1}^{B} \big[(W_2 W_1 - W_t) z_a - \nu\xi_a\big] z_a^T

    with :math:`W_t = \mathrm{diag}(s_1, \dots, s_N)`. The spectrum is the singular values of :math:`W_2 W_1`.

    Args:
        teacher: singular values s of W_t, positive, shape (N,).
        label_noise: ν, standard deviation of the label noise of each output.
        num_hidden: width of the hidden layer, N when not given, at least N.
        trained: "both" layers, or the "first" or "second" with the other frozen.
        balance: c, the fixed-point start is W_1 = diag(√s)/c and W_2 = c·diag(√s): 1 is balanced.
        init_std: standard deviation of both layers at a random start.

    Raises:
        InputError: when a value is out of range.

    Source: PFLA24 (arXiv:2412.20496).
    """

    teacher: tuple[float, ...] = eqx.field(static=True)
    label_noise: float = eqx.field(static=True)
    num_hidden: int = eqx.field(static=True)
    trained: str = eqx.field(static=True)
    balance: float = eqx.field(static=True)
    init_std: float = eqx.field(static=True)

    name: ClassVar[str] = "two-layer"
    trailing_replicas: ClassVar[bool] = True
    levels = "singular-values"

    def __init__(
        self,
        *,
        teacher: Sequence[float] | np.ndarray = (2.0, 2.0),
        label_noise: float = 0.1,
        num_hidden: int | None = None,
        trained: str = "both",
        balance: float = 1.0,
        init_std: float = 0.1,
    ):
        levels = np.sort(check_finite_array("teacher", teacher, ndim=1))
        if levels.size == 0:
            fail("teacher", "must hold at least one singular value", "none")
        check_positive("teacher", float(levels[0]))
        self.teacher = tuple(levels.tolist())
        self.label_noise = check_positive("label_noise", label_noise)
        self.num_hidden = check_count("num_hidden", len(levels) if num_hidden is None else num_hidden, len(levels))
        self.trained = check_choice("trained", trained, ("both", "first", "second"))
        self.balance = check_positive("balance", balance)
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
        names = ("label_noise", "num_hidden", "trained", "balance", "init_std")
        return {"name": self.name, "teacher": list(self.teacher), **{name: getattr(self, name) for name in names}}

    def start(self, *, key: Key, setting: Setting, init: Start, dtype: Any) -> tuple[Weights, None]:
        del setting
        size, hidden = self.num_modes, self.num_hidden
        first = self.init_std * normals(fold(key, purpose("first")), (hidden, size), dtype)
        second = self.init_std * normals(fold(key, purpose("second")), (size, hidden), dtype)
        if init == "fixed-point":
            roots = np.sqrt(np.array(self.teacher))
            exact = np.eye(hidden, size) * roots
            first = jnp.broadcast_to(trailing_ones(exact / self.balance, first), first.shape)
            second = jnp.broadcast_to(trailing_ones(exact.T * self.balance, second), second.shape)
        return {"first": first, "second": second}, None

    def gradient(
        self, weights: Weights, memory: None, *, key: Key, setting: Setting, step: Array
    ) -> tuple[Weights, None]:
        del step
        first, second = weights["first"], weights["second"]
        size, batch = self.num_modes, setting.batch_size
        inputs = normals(fold(key, purpose("inputs")), (size, batch), first.dtype)
        labels = normals(fold(key, purpose("labels")), (size, batch), first.dtype) * self.label_noise
        if first.ndim == 2 and batch < size:  # no square matrix is built if the batch is smaller
            return self._slopes(first, second, inputs, labels), memory
        error = matmul(second, first) - trailing_ones(np.diag(self.teacher), first)
        slope = matmul(matmul(error, inputs) - labels, transpose(inputs)) / batch
        return {
            "first": matmul(transpose(second), slope) if self.trained != "second" else jnp.zeros_like(first),
            "second": matmul(slope, transpose(first)) if self.trained != "first" else jnp.zeros_like(second),
        }, memory

    def _slopes(self, first: Array, second: Array, inputs: Array, labels: Array) -> Weights:
        """Both gradients, computed from the outputs of each layer for the batch, for one replica."""
        hidden = first @ inputs
        teacher = jnp.asarray(self.teacher, first.dtype)[:, None]
        errors = (second @ hidden - teacher * inputs - labels) / inputs.shape[1]
        return {
            "first": (second.T @ errors) @ inputs.T if self.trained != "second" else jnp.zeros_like(first),
            "second": errors @ hidden.T if self.trained != "first" else jnp.zeros_like(second),
        }

    def matrix(self, weights: Weights) -> Array:
        """W_2 W_1: its singular values are the levels."""
        return matmul(weights["second"], weights["first"])

    def spectrum(self, weights: Weights) -> Array:
        return singular_values(self.matrix(weights))

    def healthy(self, weights: Weights) -> Array:
        finite = [jnp.isfinite(layer).all(axis=(0, 1)) for layer in (weights["first"], weights["second"])]
        return finite[0] & finite[1]
