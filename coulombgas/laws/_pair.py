"""Eigenvalue density of a degenerate pair."""

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.util import validate_sample

from ._compiled import compiled
from ._constraints import finite, finite_positive
from ._inverse import Quantile, quantile
from ._scaling import as_floats, parameters, power_of_two, reach
from ._symbolic import closed_form


class PairDensity(Distribution):
    r"""One eigenvalue, picked at random, of two degenerate levels (β = 1).

    .. math:: \rho(x) = \frac{e^{-y^2/2}}{2\sqrt\pi s}\left[e^{-y^2/2} + \sqrt{\tfrac{\pi}{2}}\, y\,
       \mathrm{erf}\tfrac{y}{\sqrt2}\right], \qquad y = \frac{x-\kappa}{s}

    Variance 3s²/2, Binder cumulant 4/27. The two eigenvalues of one matrix are not independent draws of this law: their
    joint law is ``GaussianBlock(center, width, 2)``. x, κ and s share the units of the eigenvalue.

    Args:
        center: κ, where both levels would be without repulsion.
        width: s > 0, the standard deviation of one level without repulsion.
        validate_args: check the parameters and samples, as in every NumPyro distribution.

    Raises:
        ValueError: with ``validate_args=True``, for parameters that are not finite or a width that is not positive.

    ALP24 (arXiv:2407.16427), (78); derived in derivations/wigner_surmise.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"center": finite, "width": finite_positive}
    _support = constraints.real
    reparametrized_params: ClassVar[list[str]] = ["center", "width"]

    def __init__(self, center: Any, width: Any, *, validate_args: bool | None = None) -> None:
        (self.center, self.width), batch_shape = parameters(center, width)
        super().__init__(batch_shape=batch_shape, validate_args=validate_args)

    @validate_sample
    @compiled
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log ρ(x)."""
        value, center, width = as_floats(value, self.center, self.width)
        unit = power_of_two(width)
        scaled_width = width / unit
        far = jax.lax.stop_gradient(reach(width.dtype) * scaled_width)
        distance = jnp.clip((value - center) / unit, -far, far)
        return closed_form("pair_density")(distance, jnp.zeros_like(distance), scaled_width) - jnp.log(unit)

    @compiled
    def cdf(self, value: Any) -> Any:
        """½ erfc(−y) − e^{−y²/2} erf(y/√2)/√8."""
        value, center, width = as_floats(value, self.center, self.width)
        return _cdf((value - center) / width)

    @compiled
    def icdf(self, q: Any) -> Any:
        """Eigenvalue below which a fraction ``q`` lies."""
        q, center, width = as_floats(q, self.center, self.width)
        y = quantile(_PAIR, q)
        return center + width * jnp.where(q == 0, -jnp.inf, jnp.where(q == 1, jnp.inf, y))

    @compiled
    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Any:
        """Exact draws: a Gaussian centre of mass, plus or minus half a Rayleigh spacing."""
        assert key is not None, "a PRNG key is needed"
        center, width = as_floats(self.center, self.width)
        key_mass, key_spacing, key_sign = jax.random.split(key, 3)
        shape = self.shape(sample_shape)
        mass = jax.random.normal(key_mass, shape, width.dtype) / math.sqrt(2)
        half_spacing = jnp.sqrt(jax.random.exponential(key_spacing, shape, width.dtype))
        return center + width * (mass + jax.random.rademacher(key_sign, shape, width.dtype) * half_spacing)

    @property
    @compiled
    def mean(self) -> Any:
        """κ."""
        return jnp.broadcast_to(self.center, self.batch_shape)

    @property
    @compiled
    def variance(self) -> Any:
        """3s²/2."""
        return jnp.broadcast_to(1.5 * self.width**2, self.batch_shape)


def _cdf(y: Any) -> Any:
    """Sum of positive terms for y < 0, so that the lower tail keeps its relative accuracy."""
    return jsp.erfc(-y) / 2 - jnp.exp(-(y**2) / 2) * jsp.erf(y / math.sqrt(2)) / math.sqrt(8)


def _log_density(y: Any) -> Any:
    return closed_form("pair_density")(y, jnp.zeros_like(y), jnp.ones_like(y))


def _bracket(u: Any) -> tuple[Any, Any]:
    """F(y) ≤ ½ e^{−y²} + e^{−y²/2}/√8 < e^{−y²/2} for y < 0, and the mirror image above."""
    bound = jnp.sqrt(-2 * jnp.log(jnp.minimum(u, 1 - u)))
    return jnp.where(u <= 0.5, -bound, 0.0), jnp.where(u <= 0.5, 0.0, bound)


_PAIR = Quantile(_log_density, _cdf, lambda y: _cdf(-y), _bracket)
