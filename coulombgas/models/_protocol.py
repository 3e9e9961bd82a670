"""What the ensemble engine needs to know of a model."""

from abc import abstractmethod
from typing import Any, ClassVar, Literal, TypeAlias

import equinox as eqx
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree

Start: TypeAlias = Literal["random", "fixed-point"]
"""How training begins."""

Key: TypeAlias = Array
"""A typed JAX key, or two key words (2, *replicas) for models with trailing replicas."""


class Setting(eqx.Module):
    """One point of a sweep, as an update sees it."""

    learning_rate: Float[Array, ""]
    """α of this setting, schedules not included."""
    key: Key
    """Random numbers shared by all replicas of the setting (quenched inputs)."""
    batch_size: int = eqx.field(static=True)
    """|B|."""


class Model(eqx.Module):
    """Parameters of a model under training: its start, a stochastic gradient, its spectrum.

    Write every method for one replica; the engine batches. ``trailing_replicas = True`` promises more: each method
    also accepts arrays with one replica axis behind their own (weights (i, j, replica), keys (2, replica)) and
    treats it elementwise. The engine then calls it on whole chunks instead of through ``vmap``.
    """

    name: ClassVar[str]
    trailing_replicas: ClassVar[bool] = False

    @property
    @abstractmethod
    def num_modes(self) -> int:
        """Number of eigenvalues in the spectrum."""

    @property
    @abstractmethod
    def target_modes(self) -> np.ndarray:
        """Target κ belonging to each mode in the order of ``fixed_point``, shape (mode,), float64."""

    @property
    @abstractmethod
    def fixed_point(self) -> np.ndarray:
        """Spectrum at the fixed point of the mean dynamics, ascending, shape (mode,), float64."""

    @abstractmethod
    def width2_per_temperature(self, *, learning_rate: float, batch_size: int) -> np.ndarray:
        """s_i²/T of each mode (ALP24 (17)-(18)), shape (mode,), with the finite learning-rate factor where known."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """JSON-able description; ``from_config`` inverts it."""

    @abstractmethod
    def start(self, *, key: Key, setting: Setting, init: Start, dtype: Any) -> tuple[PyTree, PyTree]:
        """Weights and memory (what persists beside the weights, such as Markov chains; None if nothing)."""

    @abstractmethod
    def gradient(
        self, weights: PyTree, memory: PyTree, *, key: Key, setting: Setting, step: Array
    ) -> tuple[PyTree, PyTree]:
        """Stochastic gradient of the loss, as the weights are, and the new memory."""

    @abstractmethod
    def spectrum(self, weights: PyTree) -> Float[Array, "mode *replicas"]:
        """Eigenvalues, ascending."""

    @abstractmethod
    def healthy(self, weights: PyTree) -> Bool[Array, "*replicas"]:
        """False once the replica has diverged: NaN, Inf or outside the domain of the model."""
