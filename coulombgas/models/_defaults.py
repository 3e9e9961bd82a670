"""What follows from a model's three methods: the kind and number of its levels, and where training leads."""

import json
from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from coulombgas._checks import InputError, fail

from ._random import fold
from ._setting import Setting, own_key

_SYMMETRIC = 1e-4  # relative asymmetry below which a float32 matrix counts as symmetric
_UPDATES = 3  # from a random start: enough to break a symmetry that training does not keep
_REPLICAS, _BATCH = 64, 64  # a mean gradient has 1/64 of the noise of a single sample
_RATES = (0.2, 0.05, 0.0125, 0.003)  # tried from the largest; a quarter each time
_BLOCK = 256
_MAX_BLOCKS = 80  # of updates at most: descent ends earlier where it has settled


def plain(name: str, value: Any) -> Any:
    """A field in JSON-able form: numbers, words, None and sequences of them.

    Raises:
        InputError: naming a field of another kind.
    """
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        value = np.asarray(value).tolist()
    if isinstance(value, tuple | list):
        return [plain(name, item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return fail(name, "must be made of numbers, words and sequences of them, or `config` be overridden", type(value))


def frozen(value: Any) -> Any:
    """The inverse of :func:`plain`: sequences become tuples, which are hashable."""
    return tuple(frozen(item) for item in value) if isinstance(value, list | tuple) else value


def identity(model: Any) -> tuple[type, str]:
    """What distinguishes two models: class and configuration."""
    return type(model), json.dumps(model.config(), sort_keys=True)


class _ByIdentity:
    """A model as the key of a cache, whatever its fields are."""

    def __init__(self, model: Any):
        self.model, self._key = model, identity(model)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


def find_level_kind(model: Any) -> str:
    """Whether the matrix stays symmetric through a few updates from a random start."""
    return _level_kind(_ByIdentity(model))


@lru_cache(maxsize=256)
def _level_kind(key: _ByIdentity) -> str:
    """Whether ``matrix`` stays symmetric in a few updates: "eigenvalues" or "squared-singular-values"."""
    model = key.model
    with jax.ensure_compile_time_eval(), jax.enable_x64(False):
        words, setting = jnp.array([1, 2], jnp.uint32), _setting(8, 1e-3)
        weights, memory = _start(model, words, setting, "random")
        for step in range(_UPDATES):
            slope, memory = _gradient(model, weights, memory, fold(words, step), setting)
            weights = jax.tree.map(lambda w, g: w - 1e-3 * g, weights, slope)
        matrix = np.asarray(model.matrix(weights))
    if matrix.ndim != 2:
        raise InputError(f"`matrix` of {model.name!r} must have two axes, got shape {matrix.shape}.")
    if matrix.shape[0] != matrix.shape[1]:
        return "squared-singular-values"
    symmetric = np.abs(matrix - matrix.T).max() <= _SYMMETRIC * np.abs(matrix).max()
    return "eigenvalues" if symmetric else "squared-singular-values"


def matrix_shape(model: Any) -> tuple[int, int]:
    """Shape of the matrix of one replica."""

    def make(words: Array) -> Array:
        return model.matrix(_start(model, words, _setting(1, 1e-3), "random")[0])

    shape = jax.eval_shape(make, jax.ShapeDtypeStruct((2,), jnp.uint32)).shape
    if len(shape) != 2:
        raise InputError(f"`matrix` of {model.name!r} must have two axes, got shape {shape}.")
    return int(shape[0]), int(shape[1])


def averaged_descent(model: Any) -> np.ndarray:
    """Levels at the end of descent along the mean gradient, ascending, shape (mode,), float64.

    Raises:
        InputError: when descent diverges at every learning rate tried.
    """
    return _levels_after_descent(_ByIdentity(model)).copy()


@lru_cache(maxsize=64)
def _levels_after_descent(key: _ByIdentity) -> np.ndarray:
    with jax.ensure_compile_time_eval(), jax.enable_x64(False):
        weights = descend(key.model)
        return np.sort(np.asarray(key.model.spectrum(weights), dtype=np.float64))


def descend(model: Any, *, decay: float = 0.0, batch_size: int = _BATCH, rates: tuple[float, ...] = _RATES) -> PyTree:
    """Weights of one replica after descent along the gradient averaged over 64 batches, plus ``decay`` times them.

    Uses the largest learning rate at which descent stays finite. Descent ends when the movement of the weights over a
    block of 256 updates stops decreasing, three times in a row: only the noise of the average is left. Returns the mean
    over the last block.

    Raises:
        InputError: when descent diverges at every learning rate tried.
    """
    for rate in rates:
        weights = _descend_at(model, decay, batch_size, rate)
        if weights is not None:
            return weights
    raise InputError(f"`model` {model.name!r}: descent along its mean gradient diverges at learning rates {rates}.")


def _descend_at(model: Any, decay: float, batch_size: int, rate: float) -> PyTree | None:
    """Weights averaged over the last block of a descent by mean gradients; None if they diverge."""
    words = jnp.array([[11], [12]], jnp.uint32)
    keys = fold(words, jnp.arange(_REPLICAS, dtype=jnp.uint32)).T
    setting = _setting(batch_size, rate)
    weights, memories = _first(model, keys, setting)
    moved, quiet, mean = np.inf, 0, weights
    for block in range(_MAX_BLOCKS):
        previous = mean
        weights, memories, mean = _block(model, weights, memories, keys, setting, jnp.float32(decay), jnp.uint32(block))
        flat = [np.asarray(leaf) for leaf in jax.tree.leaves(mean)]
        if not all(np.isfinite(leaf).all() for leaf in flat):
            return None
        distance = sum(float(((a - b) ** 2).sum()) for a, b in zip(flat, jax.tree.leaves(previous), strict=True))
        quiet = quiet + 1 if distance >= 0.5 * moved else 0
        moved = min(moved, distance)
        if quiet == 3:
            break
    return mean


@eqx.filter_jit
def _first(model: Any, keys: Array, setting: Setting) -> tuple[PyTree, PyTree]:
    weights, _ = _start(model, keys[0], setting, "fixed-point")
    memories = jax.vmap(lambda key: _start(model, key, setting, "fixed-point")[1])(keys)
    return weights, memories


@eqx.filter_jit
def _block(
    model: Any, weights: PyTree, memories: PyTree, keys: Array, setting: Setting, decay: Array, block: Array
) -> tuple[PyTree, PyTree, PyTree]:
    """One block of updates by the mean gradient of all replicas: weights, memories, mean of the weights."""

    def update(carry: tuple, step: Array) -> tuple:
        weights, memories, total = carry

        def one(memory: PyTree, key: Array) -> tuple:
            own = fold(fold(key, block), step)
            fresh = eqx.tree_at(lambda s: s.key, setting, fold(own, 1))
            return _gradient(model, weights, memory, own, fresh)

        slopes, memories = jax.vmap(one)(memories, keys)
        weights = jax.tree.map(lambda w, g: w - setting.learning_rate * (g.mean(axis=0) + decay * w), weights, slopes)
        return (weights, memories, jax.tree.map(jnp.add, total, weights)), None

    zero = jax.tree.map(jnp.zeros_like, weights)
    steps = jnp.arange(_BLOCK, dtype=jnp.uint32)
    (weights, memories, total), _ = jax.lax.scan(update, (weights, memories, zero), steps)
    return weights, memories, jax.tree.map(lambda leaf: leaf / _BLOCK, total)


def _setting(batch_size: int, rate: float) -> Setting:
    return Setting(learning_rate=jnp.float32(rate), key=jnp.array([3, 4], jnp.uint32), batch_size=batch_size)


def _start(model: Any, words: Array, setting: Setting, init: str) -> tuple[PyTree, PyTree]:
    return model.start(key=own_key(model, fold(words, 1)), setting=setting, init=init, dtype=jnp.float32)


def _gradient(model: Any, weights: PyTree, memory: PyTree, words: Array, setting: Setting) -> tuple[PyTree, PyTree]:
    # a random position stands for all positions of quenched inputs
    step = (fold(words, 3)[0] >> 16).astype(jnp.int32)
    return model.gradient(weights, memory, key=own_key(model, fold(words, 2)), setting=setting, step=step)
