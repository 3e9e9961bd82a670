"""Optimisers and the training loop that all simulators share."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

Array = np.ndarray
Steps = int | Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """Gradient descent with momentum m and decoupled weight decay d.

    With the stochastic gradient g of one update and learning rate a::

        v' = m v + g
        u  = v'                       heavy ball; plain SGD when m = 0
        u  = g + m v'                 Nesterov, as optax.trace(nesterov=True)
        W' = W - a (u + d W)

    At rest u = v = g/(1 - m), so the fixed point is that of the loss with (1 - m) d |W|²/2 added, and v = -d W there.
    """

    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self):
        if not 0.0 <= self.momentum < 1.0:
            raise ValueError(f"`momentum` must be in [0, 1), got {self.momentum}.")
        if self.weight_decay < 0.0:
            raise ValueError(f"`weight_decay` must not be negative, got {self.weight_decay}.")

    @property
    def resting_decay(self) -> float:
        """(1 - m) d, the decay against which the gradient rests."""
        return (1.0 - self.momentum) * self.weight_decay

    def advance(self, weight: Array, velocity: Array, gradient: Array, learning_rate: float) -> tuple[Array, Array]:
        """One update of one weight matrix: new weight and new velocity."""
        velocity = self.momentum * velocity + gradient
        direction = gradient + self.momentum * velocity if self.nesterov else velocity
        return weight - learning_rate * (direction + self.weight_decay * weight), velocity


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


def train(
    weights: Sequence[Array],
    gradient: Callable[..., Sequence[Array]],
    levels: Callable[..., Array],
    *,
    steps: Steps,
    learning_rate: float,
    optimizer: Optimizer,
) -> Array:
    """Levels after ``steps`` updates, (replica, mode), or after each of several numbers of updates.

    Args:
        weights: matrices at the start, each (replica, row, column), at the fixed point: the velocity starts there too.
        gradient: (update number from 0, *weights) to one gradient per weight; it keeps its own memory.
        levels: (*weights) to levels (replica, mode).
    """
    records = [steps] if isinstance(steps, int) else list(steps)
    if not records or records[0] < 1 or any(b <= a for a, b in pairwise(records)):
        raise ValueError(f"`steps` must be positive and ascending, got {steps}.")
    velocity, kept = [-optimizer.weight_decay * weight for weight in weights], []
    for step in range(records[-1]):
        moves = [
            optimizer.advance(weight, speed, slope, learning_rate)
            for weight, speed, slope in zip(weights, velocity, gradient(step, *weights), strict=True)
        ]
        weights, velocity = [move[0] for move in moves], [move[1] for move in moves]
        if step + 1 == records[len(kept)]:
            kept.append(levels(*weights))
    return kept[0] if isinstance(steps, int) else np.stack(kept, axis=1)


def result(eigenvalue: Array, optimizer: Optimizer, **parameters) -> dict:
    """The dictionary that a simulator returns; levels that are not finite are an error."""
    if not np.isfinite(eigenvalue).all():
        raise FloatingPointError("the training diverged: lower `learning_rate` or raise `batch_size`.")
    return {"eigenvalue": eigenvalue, **parameters, **asdict(optimizer)}
