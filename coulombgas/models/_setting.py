"""What an update gets besides the weights: its setting and its key."""

from typing import Any, Literal, TypeAlias

import equinox as eqx
import jax
from jaxtyping import Array, Float

Start: TypeAlias = Literal["random", "fixed-point"]
"""How training starts."""

Key: TypeAlias = Array
"""A typed JAX key, or two key words (2, *replicas) for models with trailing replicas."""


class Setting(eqx.Module):
    """One point of a sweep, as passed to an update."""

    learning_rate: Float[Array, ""]
    """α of this setting, schedules not included."""
    key: Key
    """Random numbers shared by all replicas of the setting (quenched inputs)."""
    batch_size: int = eqx.field(static=True)
    """B."""


def own_key(model: Any, words: Array) -> Key:
    """Key words (2,) as the methods of one replica of a model take them."""
    return words if model.trailing_replicas else jax.random.wrap_key_data(words)
