"""Whether the statistic of a model's memory is sufficient: the gradient's variance, measured with the memory and
predicted.

A model whose memory is not its own statistic (chains, whose mean carries no information) would silently get a wrong
theory.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from coulombgas._checks import InputError
from coulombgas.models import fold, own_key, purpose

from ._moments import Slope, Spread
from ._stationary import lyapunov
from ._update import FlatUpdate, keys_for, ravel

_REPLICAS, _BURN, _KEPT = 256, 200, 100  # updates until the memory is stationary, then those averaged
_ALLOWED = 0.2  # relative, of the total variance: 256 replicas and 100 updates measure it to a few per cent


def check_memory(update: FlatUpdate, state: np.ndarray, slope: Slope, spread: Spread, batch_size: int) -> None:
    """Compare the total variance of the gradient at fixed weights with the prediction of the linear theory.

    Raises:
        InputError: when they differ by more than a fifth.
    """
    num = update.num_weights
    if update.num_memory == 0:
        return
    jacobian, noise = slope.jacobian.mean(axis=0), spread.covariance.mean(axis=0)
    answer, keep = jacobian[:num, num:], jacobian[num:, num:]
    statistic = lyapunov(keep, noise[num:, num:])
    predicted = float(np.trace(answer @ statistic @ answer.T + noise[:num, :num])) * batch_size / update.batch_size
    weights = update.weights.unravel(jnp.asarray(state[:num], jnp.float32))
    measured = float(_variance(update, weights, keys_for(0, "memory check", 0, _REPLICAS)))
    if not abs(measured - predicted) <= _ALLOWED * max(measured, predicted):
        raise InputError(
            f"`model` {update.model.name!r}: with its memory running the gradient varies by {measured:.3g}, its linear "
            f"theory has {predicted:.3g}: the memory is not its own statistic; define `reduce_memory` and "
            "`restore_memory` (moments for Markov chains)."
        )


@eqx.filter_jit
def _variance(update: FlatUpdate, weights: PyTree, keys: Array) -> Array:
    """Total variance of the gradient over replicas at fixed weights, averaged over the last updates."""

    def start(key: Array) -> PyTree:
        setting = update.setting(key)
        return update.model.start(
            key=own_key(update.model, fold(key, 1)), setting=setting, init="fixed-point", dtype=jnp.float32
        )[1]

    def one(memory: PyTree, key: Array) -> tuple[Array, PyTree]:
        own = fold(key, purpose("update"))
        step = (fold(key, purpose("step"))[0] >> 16).astype(jnp.int32)
        slope, memory = update.model.gradient(
            weights, memory, key=own_key(update.model, own), setting=update.setting(key), step=step
        )
        return ravel(slope), memory

    def advance(memories: PyTree, step: Array) -> tuple[PyTree, Array]:
        slopes, memories = jax.vmap(one)(memories, jax.vmap(lambda key: fold(key, step))(keys))
        return memories, slopes.var(axis=0, ddof=1).sum()

    _, total = jax.lax.scan(advance, jax.vmap(start)(keys), jnp.arange(_BURN + _KEPT, dtype=jnp.uint32))
    return total[_BURN:].mean()
