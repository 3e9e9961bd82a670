"""Density of the eigenvalues of two levels of different centres and widths."""

import itertools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.util import validate_sample

from ._compiled import compiled
from ._inverse import Quantile, quantile
from ._scaling import as_floats, parameters, power_of_two
from ._symbolic import closed_form
from ._tails import integrate
from ._two_species import SPECIES, TwoSpeciesPair, bounded, mean_distance, normal, species

_KINK = 8.0  # M(d, w) is |d| to rounding beyond this many w


class TwoSpeciesDensity(Distribution):
    r"""One eigenvalue, picked at random, of the two-species pair: the generalised semicircle at N = 2.

    .. math:: \rho(x) = \frac{N(x;\kappa_1,s_1^2)\, M(x-\kappa_2, s_2) + N(x;\kappa_2,s_2^2)\, M(x-\kappa_1, s_1)}
        {2 M(\Delta, S_0)}

    Parameters, errors and source as for :class:`TwoSpeciesPair`. Equal species give :class:`PairDensity`.
    """

    arg_constraints: ClassVar[dict[str, Any]] = dict(SPECIES)
    _support = constraints.real
    reparametrized_params: ClassVar[list[str]] = list(SPECIES)

    def __init__(
        self, center1: Any, center2: Any, width1: Any, width2: Any, *, validate_args: bool | None = None
    ) -> None:
        args, batch_shape = parameters(center1, center2, width1, width2)
        self.center1, self.center2, self.width1, self.width2 = args
        super().__init__(batch_shape=batch_shape, validate_args=validate_args)

    @validate_sample
    @compiled
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log ρ(x)."""
        value, kappa1, kappa2, width1, width2 = as_floats(value, *species(self))
        unit = power_of_two(jnp.maximum(width1, width2))
        w1, w2 = width1 / unit, width2 / unit
        total = jnp.maximum(w1, w2)
        delta = bounded((kappa2 - kappa1) / unit, total)
        x = bounded((value - kappa1) / unit, total)
        return closed_form("two_species_density")(x, jnp.zeros_like(x), delta, w1, w2) - jnp.log(unit)

    @compiled
    def cdf(self, value: Any) -> Any:
        """Probability of an eigenvalue up to ``value``, by quadrature on both sides of either kink."""
        return _density_cdf(*as_floats(value, *species(self)))

    @compiled
    def icdf(self, q: Any) -> Any:
        """Eigenvalue below which a fraction ``q`` lies."""
        q, *four = as_floats(q, *species(self))
        x = quantile(_DENSITY, *jnp.broadcast_arrays(q, *four))
        return jnp.where(q == 0, -jnp.inf, jnp.where(q == 1, jnp.inf, x))

    @compiled
    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Any:
        """Exact draws: one of the two levels of :class:`TwoSpeciesPair`."""
        assert key is not None, "a PRNG key is needed"
        key_pair, key_choice = jax.random.split(key)
        pair = TwoSpeciesPair(*species(self), validate_args=False).sample(key_pair, sample_shape)
        first = jax.random.bernoulli(key_choice, shape=pair.shape[:-1])
        return jnp.where(first, pair[..., 0], pair[..., 1])

    @property
    @compiled
    def mean(self) -> Any:
        """Mean of both levels."""
        return jnp.broadcast_to(closed_form("two_species_density", "mean")(*species(self)), self.batch_shape)

    @property
    @compiled
    def variance(self) -> Any:
        """Variance of both levels together."""
        kappa1, kappa2, w1, w2 = as_floats(*species(self))
        zero = jnp.zeros_like(kappa1)
        shifted = (zero, kappa2 - kappa1, w1, w2)
        return jnp.broadcast_to(closed_form("two_species_density", "variance")(*shifted), self.batch_shape)


def _density_cdf(x: Any, kappa1: Any, kappa2: Any, w1: Any, w2: Any) -> Any:
    x, kappa1, kappa2, w1, w2 = jnp.broadcast_arrays(x, kappa1, kappa2, w1, w2)
    return (_share(x, kappa1, kappa2, w1, w2) + _share(x, kappa2, kappa1, w2, w1)) / 2


def _density_sf(x: Any, kappa1: Any, kappa2: Any, w1: Any, w2: Any) -> Any:
    return _density_cdf(-x, -kappa1, -kappa2, w1, w2)


def _share(x: Any, kappa: Any, other: Any, w: Any, w_other: Any) -> Any:
    """P(level ≤ x) of the level at κ: the integral of φ(z) M(κ − κ' + w z, w')/M(Δ, S₀), reflected on the right
    side."""
    z = (x - kappa) / w
    reflected = z > 1
    sign = jnp.where(reflected, -1.0, 1.0).astype(z.dtype)
    z = jnp.maximum(sign * z, -60.0)
    delta = sign * (kappa - other)
    norm = mean_distance(delta, jnp.hypot(w, w_other))

    def density(t: Any) -> Any:
        distance = mean_distance(delta[..., None] + w[..., None] * t, w_other[..., None])
        return normal(t) * distance / norm[..., None]

    start = z - (z + jnp.sqrt(z**2 + 80.0))
    before = jnp.clip(-delta / w - _KINK * w_other / w, start, z)
    after = jnp.clip(-delta / w + _KINK * w_other / w, start, z)
    edges = (start, before, after, z)
    lower = sum(integrate(density, a, b - a) for a, b in itertools.pairwise(edges))
    return jnp.where(reflected, 1 - lower, lower)


def _log_density(x: Any, kappa1: Any, kappa2: Any, w1: Any, w2: Any) -> Any:
    return closed_form("two_species_density")(x, kappa1, kappa2, w1, w2)


def _bracket(u: Any, kappa1: Any, kappa2: Any, w1: Any, w2: Any) -> tuple[Any, Any]:
    """The contribution of either level falls like a normal tail times its distance to the other."""
    below, above = (jnp.sqrt(-2 * jnp.log(p)) + 3 for p in (u, 1 - u))
    low = jnp.minimum(kappa1 - w1 * below, kappa2 - w2 * below)
    return low, jnp.maximum(kappa1 + w1 * above, kappa2 + w2 * above)


_DENSITY = Quantile(_log_density, _density_cdf, _density_sf, _bracket)
