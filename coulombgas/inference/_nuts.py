"""One compiled No-U-Turn sampler per model, batched over problems and chains.

NumPyro's ``MCMC`` compiles once per object; here the data are traced arguments, so that a second call with the same
shapes compiles nothing, and many problems of one shape (settings, level groups, layers) run in one program.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from numpyro.infer import util
from numpyro.infer.hmc import hmc

from coulombgas._checks import check_count
from coulombgas._precision import in_x64

Model = Callable[[Any], None]
"""A NumPyro model of one problem; its single argument is a pytree of arrays."""

# These programs are small and mostly control flow: the full optimiser costs seconds and gains nothing.
_FAST_COMPILATION = {"xla_backend_optimization_level": 1}


class Draws(NamedTuple):
    """Draws of a batch of problems.

    ``sites[name]`` is (problem, chain, draw, ...), in the constrained space and with deterministic sites;
    ``diverging`` and ``num_steps`` are (problem, chain, draw).
    """

    sites: dict[str, np.ndarray]
    diverging: np.ndarray
    num_steps: np.ndarray


@in_x64
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
) -> Draws:
    """NUTS for every problem of a batch at once.

    Args:
        model: a module-level function (it is the key of the compilation cache).
        data: pytree of arrays with a leading problem axis; pad ragged data and mask them inside the model.
        initial: for each latent site the constrained starting values, (problem, ...); chains start around them.
        seed: seed of all chains; problem i and chain j use the same random numbers for any batch size.
        num_chains: chains a problem.
        num_warmup: adaptation steps a chain, discarded.
        num_draws: draws a chain.
        dense_mass: adapt a full mass matrix instead of a diagonal one.
        target_accept: acceptance the step size is adapted to; higher is slower and safer.
        max_depth: doublings of a trajectory; a batch waits for its longest one, and few parameters need few steps.

    Returns:
        The draws, without the padding of the batch.
    """
    check_count("num_chains", num_chains)
    check_count("num_warmup", num_warmup, 20)
    check_count("num_draws", num_draws, 20)
    data = jax.tree.map(lambda leaf: np.asarray(leaf), data)
    initial = {name: np.asarray(value, dtype=np.float64) for name, value in initial.items()}
    num = len(next(iter(initial.values())))
    padded = max(4, 1 << (num - 1).bit_length())
    data, initial = jax.tree.map(lambda leaf: pad_rows(leaf, padded), (data, initial))
    program = _compiled(model, num_chains, num_warmup, num_draws, dense_mass, target_accept, max_depth)
    sites, diverging, num_steps = program(jax.random.key(seed), data, initial)
    return Draws(
        {name: np.asarray(value)[:num] for name, value in sites.items()},
        np.asarray(diverging)[:num],
        np.asarray(num_steps)[:num],
    )


def padded_size(num: int) -> int:
    """The next of 1, 2, 3, 4, 6, 8, 12, 16, 24, …: few different shapes, at most half as much again."""
    size = 1
    while size < num:
        if size >= 2 and size * 3 // 2 >= num:
            return size * 3 // 2
        size *= 2
    return size


def pad_rows(array: np.ndarray, size: int) -> np.ndarray:
    """Repeat the last row until there are ``size`` of them."""
    missing = size - len(array)
    return array if missing <= 0 else np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])


@lru_cache(maxsize=256)
def _compiled(
    model: Model,
    num_chains: int,
    num_warmup: int,
    num_draws: int,
    dense_mass: bool,
    target_accept: float,
    max_depth: int,
):
    def problem(key, data, initial):
        chain_keys = jax.vmap(lambda index: jax.random.fold_in(key, index))(jnp.arange(num_chains))
        return jax.vmap(
            lambda k: _chain(model, k, data, initial, num_warmup, num_draws, dense_mass, target_accept, max_depth)
        )(chain_keys)

    def program(key, data, initial):
        num = len(next(iter(initial.values())))
        keys = jax.vmap(lambda index: jax.random.fold_in(key, index))(jnp.arange(num))
        return jax.vmap(problem)(keys, data, initial)

    return jax.jit(program, compiler_options=_FAST_COMPILATION)


def _chain(
    model: Model,
    key,
    data,
    initial,
    num_warmup: int,
    num_draws: int,
    dense_mass: bool,
    target_accept: float,
    max_depth: int,
):
    """One chain of one problem, in the unconstrained space, started near ``initial``."""
    key_start, key_run = jax.random.split(key)

    def potential(position):
        return util.potential_energy(model, (data,), {}, position)

    centre = util.unconstrain_fn(model, (data,), {}, initial)
    scale2 = _curvature_scale2(potential, centre)
    start = _jittered(key_start, centre, scale2)
    init_kernel, kernel = hmc(potential, algo="NUTS")
    inverse_mass = jnp.diag(scale2) if dense_mass else scale2
    state = init_kernel(
        start, num_warmup, step_size=0.5, inverse_mass_matrix=inverse_mass, dense_mass=dense_mass, rng_key=key_run,
        max_tree_depth=max_depth, target_accept_prob=target_accept,
    )  # fmt: skip

    def step(carry, _):
        carry = kernel(carry)
        return carry, (carry.z, carry.diverging, carry.num_steps)

    # warm-up and draws in one loop: the kernel is compiled once, which is most of the compilation
    _, (positions, diverging, num_steps) = jax.lax.scan(step, state, length=num_warmup + num_draws)
    positions = jax.tree.map(lambda leaf: leaf[num_warmup:], positions)
    sites = jax.vmap(lambda z: util.constrain_fn(model, (data,), {}, z, return_deterministic=True))(positions)
    return sites, diverging[num_warmup:], num_steps[num_warmup:]


def _curvature_scale2(potential, centre):
    """Inverse diagonal of the Hessian where it is positive, else 1: a first mass matrix."""
    flat, unravel = ravel_pytree(centre)
    diagonal = jnp.diagonal(jax.hessian(lambda vector: potential(unravel(vector)))(flat))
    good = jnp.isfinite(diagonal) & (diagonal > 0)
    return jnp.where(good, 1.0 / jnp.where(good, diagonal, 1.0), 1.0)


def _jittered(key, centre, scale2):
    """Start two posterior widths (at most 1 unconstrained) around the centre, so that r_hat means something."""
    flat, unravel = ravel_pytree(centre)
    spread = jnp.minimum(2.0 * jnp.sqrt(scale2), 1.0)
    return unravel(flat + spread * jax.random.normal(key, flat.shape))
