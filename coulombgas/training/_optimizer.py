"""Optimisers and learning-rate schedules, through optax."""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, PyTree

from coulombgas._checks import check_choice, check_count, check_in_interval, check_non_negative, check_positive


class Optimizer(NamedTuple):
    r"""The update rule W' = W − α · schedule(t) · direction(gradient).

    The temperature α/B of the laws belongs to "sgd" with a constant schedule; with momentum m it is α/(B(1 − m)) at
    leading order.
    """

    name: Literal["sgd", "momentum", "nesterov", "adam"] = "sgd"
    """Direction: the gradient itself, its heavy-ball or Nesterov average, or Adam's."""
    momentum: float = 0.9
    """Decay of the gradient average for "momentum" and "nesterov", β1 for "adam"."""
    second_moment: float = 0.999
    """β2 of "adam"."""
    epsilon: float = 1e-8
    """ε of "adam"."""
    weight_decay: float = 0.0
    """Decoupled weight decay: adds this times W to the direction."""
    schedule: Literal["constant", "linear", "cosine", "exponential"] = "constant"
    """Factor on the learning rate, 1 at the first update."""
    schedule_steps: int = 0
    """Updates over which the schedule falls; 0 for all updates of the run."""
    schedule_end: float = 0.1
    """Factor at the end of the schedule (held afterwards)."""

    def config(self) -> dict[str, Any]:
        """JSON-able description."""
        return {"name": self.name} if self.plain else self._asdict()

    @property
    def plain(self) -> bool:
        """Whether it is plain stochastic gradient descent."""
        return self.name == "sgd" and self.schedule == "constant" and self.weight_decay == 0.0

    @property
    def temperature_formula(self) -> str:
        """Effective temperature at leading order, in words."""
        name = "α(t)" if self.schedule != "constant" else "α"
        return f"{name}/(B(1 − m))" if self.name in ("momentum", "nesterov") and self.momentum else f"{name}/B"

    def check(self) -> "Optimizer":
        """The optimiser itself, after checking its values.

        Raises:
            InputError: naming the first invalid value.
        """
        check_choice("optimizer", self.name, ("sgd", "momentum", "nesterov", "adam"))
        check_choice("schedule", self.schedule, ("constant", "linear", "cosine", "exponential"))
        check_in_interval("momentum", self.momentum, 0.0, 1.0 - 1e-9)
        check_in_interval("second_moment", self.second_moment, 0.0, 1.0 - 1e-9)
        check_positive("epsilon", self.epsilon)
        check_non_negative("weight_decay", self.weight_decay)
        check_count("schedule_steps", self.schedule_steps, 0)
        check_positive("schedule_end", self.schedule_end)
        return self

    def transformation(self) -> optax.GradientTransformation:
        """The direction as an optax transformation of one replica's gradient."""
        parts: list[Any] = []
        if self.name in ("momentum", "nesterov"):
            parts.append(optax.trace(self.momentum, nesterov=self.name == "nesterov"))
        elif self.name == "adam":
            parts.append(optax.scale_by_adam(self.momentum, self.second_moment, self.epsilon))
        if self.weight_decay:
            parts.append(optax.add_decayed_weights(self.weight_decay))
        return optax.chain(*parts) if parts else optax.identity()

    def factor(self, step: Array, steps: int, dtype: Any) -> Array:
        """Schedule at an update; ``steps`` is the length of the run."""
        length = max(self.schedule_steps or steps, 1)
        match self.schedule:
            case "linear":
                curve = optax.linear_schedule(1.0, self.schedule_end, length)
            case "cosine":
                curve = optax.cosine_decay_schedule(1.0, length, self.schedule_end)
            case "exponential":
                curve = optax.exponential_decay(1.0, length, self.schedule_end, end_value=self.schedule_end)
            case _:
                curve = optax.constant_schedule(1.0)
        return jnp.asarray(curve(step), dtype)


def start_optimizer(optimizer: Optimizer, weights: PyTree) -> PyTree:
    """Optimiser state of a chunk, replicas in the last axis of every leaf."""
    if optimizer.plain:
        return ()
    return jax.vmap(optimizer.transformation().init, in_axes=-1, out_axes=-1)(weights)


def apply_optimizer(
    optimizer: Optimizer, gradient: PyTree, state: PyTree, weights: PyTree, rate: Array, *, axis: int = -1
) -> tuple[PyTree, PyTree]:
    """New weights and optimiser state of a chunk, its replicas along ``axis`` of every leaf."""
    if not optimizer.plain:
        update = jax.vmap(optimizer.transformation().update, in_axes=axis, out_axes=axis)
        gradient, state = update(gradient, state, weights)
    return jax.tree.map(lambda w, g: w - rate * g, weights, gradient), state
