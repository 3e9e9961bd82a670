"""One compiled No-U-Turn sampler per model, shared by all problems and chains.

NumPyro's ``MCMC`` compiles once per object; here the data are traced arguments and a program takes a fixed number of
chains, so that any number of problems (settings, level groups, layers, data sets) of one shape compiles once. Problems
of a few numbers run sixteen chains in parallel; problems with many observations run chain after chain, because parallel
chains wait for the longest trajectory among them. Either way the runs are spread over the processor's cores.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from numpyro.infer import util
from numpyro.infer.hmc import hmc

from coulombgas._checks import check_count, check_seed
from coulombgas._precision import x64

Model = Callable[[Any], None]
"""A NumPyro model of one problem; its single argument is a pytree of arrays."""

_LANES = 16  # chains in one program

# A program of few numbers is mostly control flow: optimising it costs seconds and gains nothing. One of many numbers is
# mostly arithmetic.
_CONTROL_FLOW = {"xla_backend_optimization_level": 0}
_ARITHMETIC = {"xla_backend_optimization_level": 1}

_IMPOSSIBLE_RISE = 1000.0  # NumPyro's own bound on the error of the energy, beyond which a trajectory diverges


class Draws(NamedTuple):
    """Draws of a batch of problems.

    ``sites[name]`` is (problem, chain, draw, ...), in the constrained space and with deterministic sites, without those
    whose name begins with an underscore; ``diverging`` and ``num_steps`` are (problem, chain, draw).
    """

    sites: dict[str, np.ndarray]
    diverging: np.ndarray
    num_steps: np.ndarray


class _Options(NamedTuple):
    num_warmup: int
    num_draws: int
    dense_mass: bool
    target_accept: float
    max_depth: int


def sample_batch(
    model: Model,
    data: Any,
    initial: Mapping[str, np.ndarray],
    *,
    seed: int = 0,
    num_chains: int = 4,
    num_warmup: int = 500,
    num_draws: int = 1000,
    dense_mass: bool = False,
    target_accept: float = 0.9,
    max_depth: int = 6,
    abreast: bool = True,
) -> Draws:
    """NUTS for every problem of a batch.

    Args:
        model: a module-level function (it is the key of the compilation cache).
        data: pytree of arrays with a leading problem axis; pad ragged data and mask them inside the model.
        initial: for each latent site the constrained starting values, (problem, ...); chains start around them.
        seed: seed of all chains; problem i and chain j use the same random numbers for any batch size.
        num_chains: chains per problem.
        num_warmup: adaptation steps per chain, discarded.
        num_draws: draws per chain.
        dense_mass: adapt a full mass matrix instead of a diagonal one.
        target_accept: target acceptance rate for the step size; higher is slower and safer.
        max_depth: doublings of a trajectory; a batch waits for its longest one, and few parameters need few steps.
        abreast: run sixteen chains in parallel; False, for problems of many observations, runs them one by one.

    Returns:
        The draws.
    """
    seed = check_seed(seed)
    check_count("num_chains", num_chains)
    check_count("num_warmup", num_warmup, 20)
    check_count("num_draws", num_draws, 20)
    data = jax.tree.map(np.asarray, data)
    initial = {name: np.asarray(value, dtype=np.float64) for name, value in initial.items()}
    num = len(next(iter(initial.values())))
    lanes = _LANES if abreast else 1
    options = _Options(num_warmup, num_draws, dense_mass, target_accept, max_depth)
    runs = list(_runs(num, num_chains, lanes, data, initial))
    results = _execute(_compiled(model, lanes, options), seed, runs)
    sites, diverging, num_steps = jax.tree.map(
        lambda *parts: np.concatenate(parts)[: num * num_chains].reshape(num, num_chains, *parts[0].shape[1:]), *results
    )
    return Draws({name: value for name, value in sites.items() if name[0] != "_"}, diverging, num_steps)


def _runs(num: int, num_chains: int, lanes: int, data: Any, initial: dict) -> Iterator[tuple]:
    """Problem and chain of each lane with their data, one program at a time, padded with the last problem."""
    total = num * num_chains
    for first in range(0, total, lanes):
        problem, chain = np.divmod(np.minimum(np.arange(first, first + lanes), total - 1), num_chains)
        own = jax.tree.map(lambda leaf, rows=problem: leaf[rows], (data, initial))
        yield (np.stack([problem, chain], axis=1), *own)


def _execute(program: Callable, seed: int, runs: list[tuple]) -> list[Any]:
    """All runs, the first alone because it may compile, the others on all cores."""

    def execute(run: tuple) -> Any:
        with on_the_processor():
            return jax.tree.map(np.asarray, program(jax.random.key(seed), *run))

    first = execute(runs[0])
    if len(runs) == 1:
        return [first]
    with ThreadPoolExecutor(min(len(runs) - 1, _cores())) as pool:
        return [first, *pool.map(execute, runs[1:])]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def on_the_processor() -> Iterator[None]:
    """float64 on the CPU, even if there are accelerators: such programs are mostly control flow."""
    with ExitStack() as stack:
        stack.enter_context(x64())
        with suppress(RuntimeError):  # JAX configured without the CPU
            stack.enter_context(jax.default_device(jax.local_devices(backend="cpu")[0]))
        yield


def padded_size(num: int) -> int:
    """The next of 1, 2, 3, 4, 6, 8, 12, 16, 24, …: few different shapes, at most half as much again."""
    size = 1
    while size < num:
        if size >= 2 and size * 3 // 2 >= num:
            return size * 3 // 2
        size *= 2
    return size


@lru_cache(maxsize=64)
def _compiled(model: Model, lanes: int, options: _Options):
    """The program that runs ``lanes`` chains, (key, index, data, initial) to draws; one for each model."""

    def chain(key, index, data, initial):
        own = jax.random.fold_in(jax.random.fold_in(key, index[0]), index[1])
        return _chain(model, own, data, initial, options)

    def several(key, index, data, initial):
        return jax.vmap(lambda *own: chain(key, *own))(index, data, initial)

    def one(key, index, data, initial):
        result = chain(key, *jax.tree.map(lambda leaf: leaf[0], (index, data, initial)))
        return jax.tree.map(lambda leaf: leaf[None], result)

    if lanes == 1:
        return jax.jit(one, compiler_options=_ARITHMETIC)
    return jax.jit(several, compiler_options=_CONTROL_FLOW)


def _chain(model: Model, key, data, initial, options: _Options):
    """One chain of one problem, in the unconstrained space as one vector, started near ``initial``."""
    key_start, key_run = jax.random.split(key)
    centre, unravel = ravel_pytree(util.unconstrain_fn(model, (data,), {}, initial))

    def potential(vector):
        return util.potential_energy(model, (data,), {}, unravel(vector))

    scale2 = _curvature_scale2(potential, centre)
    # two posterior widths (at most 1 unconstrained) around the centre, so that r_hat means something
    spread = jnp.minimum(2.0 * jnp.sqrt(scale2), 1.0)
    start = centre + spread * jax.random.normal(key_start, centre.shape)
    init_kernel, kernel = hmc(potential, algo="NUTS")
    inverse_mass = jnp.diag(scale2) if options.dense_mass else scale2
    state = init_kernel(
        start, options.num_warmup, step_size=0.5, inverse_mass_matrix=inverse_mass, dense_mass=options.dense_mass,
        rng_key=key_run, max_tree_depth=options.max_depth, target_accept_prob=options.target_accept,
    )  # fmt: skip

    def step(carry, _):
        carry = _stay_if_lost(carry, kernel(carry))
        return carry, (carry.z, carry.diverging, carry.num_steps)

    # warm-up and draws in one loop, so that the kernel, most of the compilation, is compiled once
    _, recorded = jax.lax.scan(step, state, length=options.num_warmup + options.num_draws)
    positions, diverging, num_steps = jax.tree.map(lambda leaf: leaf[options.num_warmup :], recorded)
    sites = jax.vmap(
        lambda vector: util.constrain_fn(model, (data,), {}, unravel(vector), return_deterministic=True)
    )(positions)  # fmt: skip
    return sites, diverging, num_steps


def _stay_if_lost(old: Any, new: Any) -> Any:
    """The new state, or the old one marked divergent if the potential rose by more than any trajectory allows.

    A step beyond a steep wall gives a momentum r whose kinetic energy r·M⁻¹r/2 overflows. With a dense M⁻¹ its terms
    have either sign, and where the processor fuses multiplication and addition the sum is −∞ instead of NaN: NumPyro
    0.22 takes it for the best point of all. It happens in the first step after an adaptation window, which is ten times
    as long as the one before (two of 400 chains of Brody's law), and a chain never returns.
    ``docs/developers.md`` has a reproduction in a few lines, and a test tells when NumPyro no longer does it.
    """
    lost = jnp.logical_not(new.potential_energy < old.potential_energy + _IMPOSSIBLE_RISE)
    kept = {
        name: jnp.where(lost, getattr(old, name), getattr(new, name)) for name in ("z", "z_grad", "potential_energy")
    }
    return new._replace(**kept, diverging=new.diverging | lost)


def _curvature_scale2(potential, centre):
    """Inverse diagonal of the Hessian where it is positive, else 1: a first mass matrix."""
    diagonal = jnp.diagonal(jax.hessian(potential)(centre))
    good = jnp.isfinite(diagonal) & (diagonal > 0)
    return jnp.where(good, 1.0 / jnp.where(good, diagonal, 1.0), 1.0)
