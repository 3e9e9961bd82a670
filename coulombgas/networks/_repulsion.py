"""How strongly neighbouring levels repel: posterior of Brody's exponent, and Wigner against Poisson."""

import functools
from dataclasses import dataclass, field

import numpy as np

from coulombgas._checks import InputError, check_count, check_finite_array, check_seed, fail
from coulombgas._interval import Interval, summarise
from coulombgas._precision import x64

LARGEST_REPULSION = 4.0
_NUM_NODES = 24  # of Chebyshev: errors of the log likelihood are 1e-9, 1e-8, 1e-7 for 20, 200, 2000 spacings


@dataclass(frozen=True, kw_only=True)
class RepulsionFit:
    """Level repulsion of one spectrum.

    Attributes:
        brody: exponent q of Brody's law, 0 for independent levels, 1 for the Wigner surmise; mean and 95% interval.
            Levels of large GOE matrices give 0.96, because the surmise is not quite their law.
        probabilities: posterior probabilities of "wigner", "poisson" and "brody" (q uniform on [0, 4]), equal before.
        num_spacings: spacings that entered.
    """

    brody: Interval
    probabilities: dict[str, float] = field(repr=False)
    num_spacings: int

    @property
    def preferred(self) -> str:
        """The most probable of the three."""
        return max(self.probabilities, key=lambda name: self.probabilities[name])


def fit_repulsion(spacings: np.ndarray, *, num_draws: int = 2000, seed: int = 0) -> RepulsionFit:
    """Posterior of the level repulsion.

    Args:
        spacings: unfolded spacings of mean 1, shape (n,), n ≥ 4.
        num_draws: posterior draws.
        seed: seed of the draws.

    Raises:
        InputError: for fewer than four spacings, negative ones, or ones that are not unfolded.
    """
    seed = check_seed(seed)
    values = check_finite_array("spacings", spacings, ndim=1)
    check_count("num_draws", num_draws)
    if values.size < 4:
        raise InputError(f"`spacings` must hold at least 4 spacings, got {values.size}.")
    if (values < 0).any():
        raise InputError("`spacings` must not be negative: sort the levels first.")
    mean, error = float(values.mean()), max(float(values.std()), 0.5) / np.sqrt(values.size)
    if abs(mean - 1) > max(0.5, 5 * error):
        fail("spacings", "must be unfolded, with mean 1: divide them by the local mean, as `spectra.unfold` does", mean)
    # a spacing of exactly zero, from rounding or clipping, would forbid any repulsion: give it the resolution
    repulsion = _nodes()
    at_nodes = _log_likelihood(np.maximum(values, 1e-3), repulsion)
    grid = np.linspace(0.0, LARGEST_REPULSION, 2001)
    from scipy.interpolate import BarycentricInterpolator

    # the weights of Chebyshev's nodes: SciPy would compute them in a random order, and each call end in other last bits
    weights_of_nodes = np.sin(_angles()) * (-1.0) ** np.arange(_NUM_NODES)
    log_mass = BarycentricInterpolator(repulsion, at_nodes, wi=weights_of_nodes)(grid)
    mass = np.exp(log_mass - log_mass.max())
    cdf = np.concatenate([[0.0], np.cumsum((mass[1:] + mass[:-1]) / 2)])
    rng = np.random.default_rng(seed)
    draws = np.interp(rng.random(num_draws) * cdf[-1], cdf, grid)
    evidence = np.array([
        np.interp(1.0, grid, log_mass),
        log_mass[0],
        log_mass.max() + np.log(cdf[-1] / (grid.size - 1)),
    ])  # fmt: skip
    weights = np.exp(evidence - evidence.max())
    names: tuple[str, ...] = ("wigner", "poisson", "brody")
    probabilities: dict[str, float] = dict(zip(names, (weights / weights.sum()).tolist(), strict=True))
    return RepulsionFit(brody=summarise(draws), probabilities=probabilities, num_spacings=values.size)


def _angles() -> np.ndarray:
    return np.pi * (np.arange(_NUM_NODES) + 0.5) / _NUM_NODES


def _nodes() -> np.ndarray:
    return LARGEST_REPULSION / 2 * (1 - np.cos(_angles()))


def _log_likelihood(spacings: np.ndarray, repulsion: np.ndarray) -> np.ndarray:
    """Log likelihood at each repulsion; the data are padded to a power of two so that few shapes are compiled."""
    size = 1 << int(np.ceil(np.log2(spacings.size)))
    padded, weight = np.ones(size), np.zeros(size)
    padded[: spacings.size], weight[: spacings.size] = spacings, 1.0
    with x64():
        return np.asarray(_compiled()(padded, weight, repulsion))


@functools.lru_cache(maxsize=1)
def _compiled():
    """Brody's log likelihood, compiled: (spacings, weights, exponents) to one number for each exponent."""
    import jax
    import jax.numpy as jnp

    from coulombgas.laws import Brody

    @jax.jit
    def evaluate(spacings, weight, repulsion):
        return jnp.sum(weight * Brody(repulsion[:, None]).log_prob(spacings), axis=1)

    return evaluate
