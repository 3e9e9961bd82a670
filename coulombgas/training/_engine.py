"""The compiled core: a chunk of replicas of one setting through any number of updates."""

import functools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh
from jaxtyping import Array, PyTree

from coulombgas.models import Model, Setting, fold, key_words, own_key, purpose

from ._devices import on_mesh
from ._layout import TRAILING, Layout, choose_layout
from ._optimizer import Optimizer, apply_optimizer, start_optimizer

_CPU_OPTIONS = {"xla_cpu_prefer_vector_width": 512}  # no effect where vectors are shorter
_ON_ONE_THREAD = {"xla_cpu_multi_thread_eigen": False}  # for matrix products
HEALTHY = -1
"""``failed_step`` of a replica that has not diverged."""


class ChunkState(NamedTuple):
    """Everything a chunk needs to continue; replicas in the last axis of every leaf."""

    weights: PyTree
    memory: PyTree
    optimizer: PyTree
    failed_step: Array


class Program(NamedTuple):
    """The static part of a compilation: everything about an update that is not a number."""

    model: Model
    optimizer: Optimizer
    steps: int
    dtype: Any
    mesh: Mesh | None = None
    layout: Layout = TRAILING
    one_thread: bool = False
    """Whether each matrix product keeps to one thread, because other chunks use the other cores of a CPU: a product of
    small matrices that waits for a second thread costs more CPU time, a large one gains nothing (``bench_sizes.py``).
    It can change the last bits."""


def make_program(
    model: Model,
    optimizer: Optimizer,
    steps: int,
    dtype: Any,
    batch_size: int,
    mesh: Mesh | None = None,
    *,
    one_thread: bool = False,
) -> Program:
    """The program of a chunk: runs of any length share it unless a schedule depends on the length."""
    steps = 0 if optimizer.schedule == "constant" else steps
    layout = choose_layout(model, batch_size)
    return Program(model, optimizer, steps, dtype, mesh, layout, one_thread and layout.axis == 0)


class Ensemble(eqx.Module):
    """A model acting on a chunk of replicas, with their axis after or before all others."""

    model: Model
    axis: int = eqx.field(static=True)

    def call(self, method: str, *arguments: Any, key: Array | None = None, **shared: Any) -> Any:
        """Call a method on all replicas: at once if their axis trails and the model supports it, else by ``vmap``."""
        function = getattr(self.model, method)
        if self.axis == -1 and self.model.trailing_replicas:
            return function(*arguments, **shared) if key is None else function(*arguments, key=key, **shared)
        if key is None:
            return jax.vmap(partial(function, **shared), in_axes=self.axis, out_axes=self.axis)(*arguments)

        def one(words: Array, *own: Any) -> Any:
            return function(*own, key=own_key(self.model, words), **shared)

        return jax.vmap(one, in_axes=self.axis, out_axes=self.axis)(key, *arguments)


def setting_key(seed: int, learning_rate: float, batch_size: int) -> np.ndarray:
    """Key words of one setting: they depend on the setting itself, not on other settings in the sweep."""
    bits = int(np.float64(learning_rate).view(np.uint64))
    key = key_words(jax.random.key(seed))
    for number in (bits >> 32, bits & 0xFFFFFFFF, batch_size):
        key = fold(key, number)
    return np.asarray(key)


def make_setting(key: np.ndarray, learning_rate: float, batch_size: int, dtype: Any) -> Setting:
    """The setting as passed to the model's methods."""
    shared = fold(jnp.asarray(key), purpose("shared"))
    return Setting(learning_rate=jnp.asarray(learning_rate, dtype), key=shared, batch_size=batch_size)


def replica_keys(key: np.ndarray, replicas: np.ndarray, use: str) -> Array:
    """Key words (2, replica) for one use; replica i is the same in any chunk."""
    base = fold(jnp.asarray(key), purpose("replica"))
    return fold(fold(base[:, None], jnp.asarray(replicas)), purpose(use))


@eqx.filter_jit
def start_chunk(program: Program, setting: Setting, keys: Array, init: str) -> ChunkState:
    """State of a chunk before the first update."""

    def start(setting: Setting, keys: Array) -> ChunkState:
        ensemble = Ensemble(program.model, -1)
        weights, memory = ensemble.call("start", key=keys, setting=setting, init=init, dtype=program.dtype)
        failed = jnp.full(keys.shape[1:], HEALTHY, jnp.int32)
        return ChunkState(weights, memory, start_optimizer(program.optimizer, weights), failed)

    return on_mesh(program.mesh, start, setting, keys)


def advance_chunk(
    program: Program, setting: Setting, keys: Array, state: ChunkState, first: int, last: int, *, observed: bool = True
) -> ChunkState:
    """Updates ``first`` … ``last − 1``; their number is traced, so any segmentation runs the same program.

    ``observed``: whether the state is recorded afterwards, so that a divergence must have been noted by then.
    """
    return _compiled_advance(program.one_thread)(
        program, setting, keys, state, np.int32(first), np.int32(last), np.bool_(observed)
    )


@functools.cache
def _compiled_advance(one_thread: bool) -> Callable[..., ChunkState]:
    """The loop with the compiler's options for the CPU, or without them if this compiler does not accept them."""
    options = _CPU_OPTIONS | (_ON_ONE_THREAD if one_thread else {})
    try:
        jax.block_until_ready(jax.jit(lambda x: x + 1, compiler_options=options)(np.float32(0)))
    except jax.errors.JaxRuntimeError:
        return eqx.filter_jit(_advance)
    return eqx.filter_jit(_advance, compiler_options=options)  # pyright: ignore[reportCallIssue]


def _advance(
    program: Program, setting: Setting, keys: Array, state: ChunkState, first: Array, last: Array, observed: Array
) -> ChunkState:
    """The state of a chunk after updates ``first`` to ``last``, marked for divergence if it is observed then."""

    def advance(shared: tuple, each: tuple[Array, ChunkState]) -> ChunkState:
        setting, first, last, observed = shared
        keys, state = program.layout.enter(each)
        update = partial(_update, program, setting, keys)
        state = lax.fori_loop(first, last, update, state)
        state = lax.cond(observed, partial(_mark_failed, program), lambda state, step: state, state, last)
        return program.layout.leave(state)

    return on_mesh(program.mesh, advance, (setting, first, last, observed), (keys, state))


def _update(program: Program, setting: Setting, keys: Array, step: Array, state: ChunkState) -> ChunkState:
    """One update of all replicas of a chunk; diverged ones stand still."""
    layout = program.layout
    if layout.check_every == 1:
        state = _mark_failed(program, state, step)
    else:
        due = step % layout.check_every == 0
        state = lax.cond(due, partial(_mark_failed, program), lambda state, step: state, state, step)
    gradient, memory = Ensemble(program.model, layout.axis).call(
        "gradient", state.weights, state.memory, key=layout.fold(keys, step), setting=setting, step=step
    )
    rate = setting.learning_rate
    if program.optimizer.schedule != "constant":
        rate = rate * program.optimizer.factor(step, program.steps, program.dtype)
    weights, optimizer = apply_optimizer(
        program.optimizer, gradient, state.optimizer, state.weights, rate, axis=layout.axis
    )
    alive = state.failed_step == HEALTHY

    def frozen(new: PyTree, old: PyTree) -> PyTree:
        return jax.tree.map(lambda new, old: jnp.where(layout.beside(alive, new), new, old), new, old)

    return ChunkState(
        frozen(weights, state.weights),
        frozen(memory, state.memory),
        frozen(optimizer, state.optimizer),
        state.failed_step,
    )


def _mark_failed(program: Program, state: ChunkState, step: Array) -> ChunkState:
    """Note the step at which a replica is first seen diverged."""
    healthy = Ensemble(program.model, program.layout.axis).call("healthy", state.weights)
    diverged = ~healthy & (state.failed_step == HEALTHY)
    return state._replace(failed_step=jnp.where(diverged, jnp.asarray(step, jnp.int32), state.failed_step))


@eqx.filter_jit
def observe_chunk(
    program: Program, state: ChunkState, statistics: Mapping[str, Callable[..., Array]]
) -> dict[str, Array]:
    """Eigenvalues (mode, replica) and statistics of the weights (…, replica); NaN for diverged replicas."""

    def observe(shared: None, state: ChunkState) -> dict[str, Array]:
        del shared
        layout = program.layout
        alive, weights = layout.enter((state.failed_step == HEALTHY, state.weights))
        safe = jax.tree.map(lambda w: jnp.where(layout.beside(alive, w), w, jnp.zeros_like(w)), weights)
        found = {"eigenvalue": Ensemble(program.model, layout.axis).call("spectrum", safe)}
        for name, function in statistics.items():
            found[name] = jax.vmap(function, in_axes=layout.axis, out_axes=layout.axis)(safe)
        found = {name: jnp.where(layout.beside(alive, value), value, jnp.nan) for name, value in found.items()}
        return layout.leave(found)

    return on_mesh(program.mesh, observe, None, state)
