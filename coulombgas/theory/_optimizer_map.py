"""An optimiser as a linear map: from (weight, its state, gradient) to (new weight, new state)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from coulombgas._checks import InputError
from coulombgas._precision import x64
from coulombgas.training import Optimizer, apply_optimizer, start_optimizer


class OptimizerMap(NamedTuple):
    """w' = ww·w + wo·o + wg·g and o' = ow·w + oo·o + og·g for each weight, o of shape (state,)."""

    ww: float
    wo: np.ndarray
    wg: float
    ow: np.ndarray
    oo: np.ndarray
    og: np.ndarray

    @property
    def num_state(self) -> int:
        """Number of values that the optimiser keeps for each weight."""
        return len(self.og)

    @property
    def effective_decay(self) -> float:
        """λ for which the fixed point is where the mean gradient plus λ times the weights vanishes."""
        rest = np.linalg.inv(np.eye(self.num_state) - self.oo) if self.num_state else self.oo
        weight = self.ww - 1.0 + float(self.wo @ rest @ self.ow)
        gradient = self.wg + float(self.wo @ rest @ self.og)
        return weight / gradient

    @property
    def gain(self) -> float:
        """Total displacement of the weights by one gradient, in units of α times it: 1/(1 − m) with momentum m."""
        rest = np.linalg.inv(np.eye(self.num_state) - self.oo) if self.num_state else self.oo
        return -(self.wg + float(self.wo @ rest @ self.og))


def optimizer_map(optimizer: Optimizer, learning_rate: float) -> OptimizerMap:
    """The map of one weight, by differentiating the update used in training.

    Raises:
        InputError: for an optimiser that is not linear in the gradient, which has no temperature α/B.
    """
    if optimizer.name == "adam":
        raise InputError(
            "`optimizer` 'adam' rescales every gradient by its own size, so there is no temperature α/B for it: fit "
            "without a model for temperatures relative to the first setting."
        )
    with x64():
        one = jnp.ones(1)
        flat, unravel = ravel_pytree(start_optimizer(optimizer, one))

        def step(vector: jax.Array) -> jax.Array:
            weight, gradient, state = vector[:1], vector[1:2], unravel(vector[2:])
            new, state = apply_optimizer(optimizer, gradient, state, weight, jnp.asarray(learning_rate))
            return jnp.concatenate([new, ravel_pytree(state)[0] if flat.size else jnp.zeros(0)])

        table = np.asarray(jax.jacfwd(step)(jnp.full(2 + flat.size, 0.5)), dtype=np.float64)
    return OptimizerMap(table[0, 0], table[0, 2:], table[0, 1], table[1:, 0], table[1:, 2:], table[1:, 1])
