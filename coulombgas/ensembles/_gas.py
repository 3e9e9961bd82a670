"""Markov chain Monte Carlo for a Coulomb gas in any differentiable potential."""

import functools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from coulombgas._checks import InputError, check_count, check_positive
from coulombgas._precision import x64

from ._batch import Number
from ._coordinates import Domain, gap_coordinates
from ._density import log_vandermonde
from ._equilibrium import minimise, whitening

Potential = Callable[[Float[Array, " n"]], Float[Array, "..."]]
MAX_R_HAT = 1.01
MIN_ESS_PER_CHAIN = 50


class ConvergenceWarning(UserWarning):
    """The chains have not converged: the sample does not represent the law."""


@dataclass(frozen=True)
class GasSample:
    """Levels of a Coulomb gas with convergence diagnostics.

    Attributes:
        levels: (chain, draw, mode), ascending in the last axis.
        ess: effective sample size, for each level and last for the log Vandermonde Σ log|x_i − x_j|.
        r_hat: split Gelman-Rubin statistic of the same n + 1 quantities.
        num_divergent: transitions whose integration failed.
        mean_steps: leapfrog steps per draw.
    """

    levels: Float[np.ndarray, "chain draw n"]
    ess: Float[np.ndarray, " n+1"]
    r_hat: Float[np.ndarray, " n+1"]
    num_divergent: int
    mean_steps: float

    @property
    def complaints(self) -> tuple[str, ...]:
        """Reasons not to trust the sample; empty for a converged run."""
        needed = MIN_ESS_PER_CHAIN * self.levels.shape[0]
        found = []
        if not self.r_hat.max() <= MAX_R_HAT:  # a NaN fails too
            found.append(f"r_hat reaches {self.r_hat.max():.3g} (limit {MAX_R_HAT})")
        if not self.ess.min() >= needed:
            found.append(f"the smallest effective sample size is {self.ess.min():.0f} (limit {needed})")
        if self.num_divergent > 0.01 * self.levels.shape[0] * self.levels.shape[1]:
            found.append(f"{self.num_divergent} transitions diverged")
        return tuple(found)

    @property
    def converged(self) -> bool:
        """True if r_hat ≤ 1.01, ESS ≥ 50 per chain and under 1% of the transitions diverged."""
        return not self.complaints

    def __str__(self) -> str:
        chains, draws, n = self.levels.shape
        verdict = "converged" if self.converged else "NOT CONVERGED: " + "; ".join(self.complaints)
        return (
            f"GasSample of {n} levels, {chains} chains of {draws}: effective sample size ≥ {self.ess.min():.0f}, "
            f"r_hat ≤ {self.r_hat.max():.3f}; {verdict}"
        )


def sample_gas(
    potential: Potential,
    *,
    key: Shaped[PRNGKeyArray, ""],
    n: int,
    beta: Number = 1.0,
    domain: Domain = (-np.inf, np.inf),
    num_samples: int = 1000,
    num_warmup: int = 500,
    num_chains: int = 2,
    start: Sequence[float] | None = None,
) -> GasSample:
    r"""Sample n levels of :math:`P(x) \propto \prod_{i<j}|x_i - x_j|^\beta \exp(-\sum_i V_i(x_i))` on ``domain``.

    NUTS over the logarithms of the gaps between ordered levels, whitened by the curvature at the most probable
    configuration, in float64. The cost is O(n²) a gradient.

    Args:
        potential: V, in JAX: takes the n ascending levels, gives either the n values V_i(x_i) or their sum (any
            function of the levels, ALP24 (arXiv:2407.16427), (68); a temperature enters as V/T).
        key: random key.
        n: number of levels.
        beta: Dyson index, any positive number.
        domain: (low, high), on which V must be finite.
        num_samples, num_warmup: draws of a chain, and adaptation steps before them.
        num_chains: independent chains.
        start: ascending levels from which to search for the most probable configuration; chosen automatically if
            omitted.

    Returns:
        The sample with effective sizes and r_hat.

    Raises:
        InputError: if V is not finite at the start or does not confine the levels.

    Warns:
        ConvergenceWarning: if the chains have not converged; the result says so as well.
    """
    n, beta = check_count("n", n), check_positive("beta", beta)
    num_samples, num_warmup = check_count("num_samples", num_samples, 4), check_count("num_warmup", num_warmup)
    num_chains, domain = check_count("num_chains", num_chains), (float(domain[0]), float(domain[1]))
    gap_coordinates(domain)
    with x64():
        first = _starting_levels(potential, n, beta, domain) if start is None else jnp.asarray(start, float)
        centre, root = _laplace(potential, domain, jnp.asarray(beta, float), first)
        if not bool(jnp.isfinite(centre).all() & jnp.isfinite(root).all()):
            raise InputError("`potential` is not finite, or does not confine the levels: check it, or give `start`.")
        keys = jax.random.split(key, num_chains)
        run = _chains(potential, domain, num_samples, num_warmup, jnp.asarray(beta, float), centre, root, keys)
        result = _summarise(*(np.asarray(part) for part in run))
    if not result.converged:
        warnings.warn("; ".join(result.complaints) + ": raise num_warmup or num_samples.", ConvergenceWarning, 2)
    return result


def _energy(potential: Potential, domain: Domain, beta: Array) -> Callable[[Array], Array]:
    coordinates = gap_coordinates(domain)

    def energy(u: Array) -> Array:
        x = coordinates.levels(u)
        return jnp.sum(potential(x)) - beta * log_vandermonde(x) - coordinates.log_volume(u)

    return energy


def _starting_levels(potential: Potential, n: int, beta: float, domain: Domain) -> Array:
    """Evenly spread levels: over a finite interval itself, else over the width with the least energy."""
    low, high = domain
    unit = (jnp.arange(n) + 0.5) / n
    if np.isfinite(low) and np.isfinite(high):
        return low + (high - low) * unit
    origin, shape = (low, unit) if np.isfinite(low) else (0.0, 2 * unit - 1)
    widths = np.geomspace(1e-3, 1e4, 57)  # eight a decade: a start for Newton's descent, not a result
    energies = np.asarray(_energies(potential, jnp.asarray(beta, float), origin + widths[:, None] * shape))
    if not np.isfinite(energies).any():
        raise InputError("`potential` is not finite at any of the widths tried: give `start`, n ascending levels.")
    width = widths[int(np.nanargmin(np.where(np.isfinite(energies), energies, np.nan)))]
    return origin + width * shape


@functools.partial(jax.jit, static_argnums=0)
def _energies(potential: Potential, beta: Array, levels: Array) -> Array:
    """Energy of each row of levels, in their own coordinates."""
    return jax.lax.map(lambda x: jnp.sum(potential(x)) - beta * log_vandermonde(x), levels)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _laplace(potential: Potential, domain: Domain, beta: Array, levels: Array) -> tuple[Array, Array]:
    energy = _energy(potential, domain, beta)
    centre = minimise(energy, gap_coordinates(domain).invert(levels))
    return centre, whitening(energy, centre)


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _chains(
    potential: Potential,
    domain: Domain,
    num_samples: int,
    num_warmup: int,
    beta: Array,
    centre: Array,
    root: Array,
    keys: Array,
) -> tuple[Array, Array, Array]:
    """NUTS chains of the gas in whitened coordinates: levels, divergences and steps of each draw."""
    from numpyro.infer.hmc import hmc

    energy, coordinates = _energy(potential, domain, beta), gap_coordinates(domain)
    init_kernel, sample_kernel = hmc(lambda z: energy(centre + root @ z), algo="NUTS")

    def chain(key: Array) -> tuple[Array, Array, Array]:
        key_start, key_run = jax.random.split(key)
        # wider than the law, so that r_hat detects chains that do not mix
        z = 2 * jax.random.normal(key_start, centre.shape, centre.dtype)
        state = init_kernel(z, num_warmup, adapt_mass_matrix=False, target_accept_prob=0.8, rng_key=key_run)

        def draw(state, _):
            state = sample_kernel(state)
            return state, (coordinates.levels(centre + root @ state.z), state.diverging, state.num_steps)

        # one loop over warm-up and draws: the kernel is compiled once
        draws = jax.lax.scan(draw, state, None, length=num_warmup + num_samples)[1]
        return jax.tree.map(lambda leaf: leaf[num_warmup:], draws)

    return jax.lax.map(chain, keys)


def _summarise(levels: np.ndarray, diverging: np.ndarray, steps: np.ndarray) -> GasSample:
    """The sample with diagnostics of each level and of the sum of log distances."""
    from numpyro.diagnostics import effective_sample_size, split_gelman_rubin

    watched = np.concatenate([levels, np.asarray(log_vandermonde(jnp.asarray(levels)))[..., None]], axis=-1)
    return GasSample(
        levels=levels,
        ess=np.asarray(effective_sample_size(watched)),
        r_hat=np.asarray(split_gelman_rubin(watched)),
        num_divergent=int(diverging.sum()),
        mean_steps=float(steps.mean()),
    )
