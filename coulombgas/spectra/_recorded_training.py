"""How a recorded network was trained: optimiser, learning rate and batch size, and the noise of its gradient."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

_HEAVY_BALL = ("sgd", "momentum", "nesterov")


@dataclass(frozen=True)
class RecordedTraining:
    r"""How a recorded network was trained; unknown values are None, or NaN in an array.

    Arrays have one value per record, those of the noise one per record and mode (ascending, like the levels), for the
    replica that was read.
    """

    step: np.ndarray
    """Updates made before each record, (record,), whole numbers."""
    learning_rate: np.ndarray
    """Learning rate of the last update before each record, (record,)."""
    batch_size: np.ndarray
    """Samples in one gradient, micro-batches and devices together, (record,)."""
    optimizer: str | None = None
    """"sgd", "momentum", "nesterov", "adam", "adamw" or the name of another optimiser."""
    momentum: float | None = None
    """Decay m of the gradient average; β1 of Adam."""
    nesterov: bool | None = None
    """Whether the average is Nesterov's."""
    dampening: float | None = None
    """PyTorch's dampening: a gradient enters the average with the factor 1 − dampening."""
    weight_decay: float | None = None
    """As the optimiser applies it: decoupled for "adamw", part of the gradient for PyTorch's "sgd"."""
    second_moment: float | None = None
    """β2 of Adam."""
    source: str | None = None
    """Where this was read, such as "torch.optim.SGD"."""
    noise: Mapping[str, np.ndarray] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """For each matrix: variance of u_iᵀ G v_i, G one gradient at the recorded batch size, u_i and v_i the singular
    vectors of W at the record, (record, mode)."""
    noise_trace: np.ndarray | None = field(default=None, repr=False)
    """tr Σ, Σ the covariance of the gradient of one sample, all parameters together, (record,)."""
    gradient_norm2: np.ndarray | None = field(default=None, repr=False)
    """|G|² of the mean gradient, all parameters together, (record,); unbiased, so noise may make it negative."""

    @property
    def nominal_temperature(self) -> np.ndarray:
        """α/(B(1 − m)), with PyTorch's dampening d times (1 − d), at each record, (record,); NaN unless the optimiser
        is stochastic gradient descent, with or without momentum, and all values are known."""
        if self.optimizer not in _HEAVY_BALL:
            return np.full(self.step.shape, np.nan)
        momentum = 0.0 if self.optimizer == "sgd" else self.momentum
        if momentum is None or momentum >= 1:
            return np.full(self.step.shape, np.nan)
        damped = 1.0 - (self.dampening or 0.0) if momentum else 1.0
        return self.learning_rate * damped / (self.batch_size * (1.0 - momentum))
