"""Spacing of two levels whose centres differ: the Rice law of the 2×2 Ornstein-Uhlenbeck matrix."""

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.util import validate_sample

from coulombgas.symbolic import weighted_bessel

from ._compiled import compiled
from ._constraints import finite_nonnegative, finite_positive
from ._inverse import Quantile, quantile
from ._scaling import as_floats, inside, parameters, power_of_two, reach, resolved
from ._symbolic import closed_form, scaled_bessel
from ._tails import smaller_tail

_LARGE = 50.0  # from here on the asymptotic series of the mean is used
_SERIES = np.cumprod([(k - 1.5) ** 2 / k for k in range(1, 15)])  # ((-1/2)_k)^2 / k!


class RiceSpacing(Distribution):
    r"""Spacing of the eigenvalues of a symmetric 2×2 matrix that fluctuates around diag(κ, κ + Δ).

    .. math:: S = \sqrt{(\Delta + \delta_{11} - \delta_{22})^2 + 4\delta_{12}^2}, \qquad
       P(S) = \frac{S}{2s^2}\, e^{-(S^2+\Delta^2)/4s^2}\, I_0\!\left(\frac{S\Delta}{2s^2}\right)

    with δ_ii of variance s² and δ_12 of variance s²/2. Δ = 0 is ``WignerSurmise(width)``. S, Δ and s share the units of
    the eigenvalue. A tie S = 0 is read as the smallest spacing the floating-point format resolves.

    Args:
        gap: Δ ≥ 0, the distance of the two centres.
        width: s > 0, the standard deviation of a diagonal element.
        validate_args: check the parameters and samples, as in every NumPyro distribution.

    Raises:
        ValueError: with ``validate_args=True``, for a negative gap, a width that is not positive, or infinities.

    Derived in derivations/wigner_surmise; for two species of different width see :func:`matrix_pair_spacing`.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"gap": finite_nonnegative, "width": finite_positive}
    _support = constraints.nonnegative
    reparametrized_params: ClassVar[list[str]] = ["gap", "width"]

    def __init__(self, gap: Any, width: Any, *, validate_args: bool | None = None) -> None:
        (self.gap, self.width), batch_shape = parameters(gap, width)
        super().__init__(batch_shape=batch_shape, validate_args=validate_args)

    @validate_sample
    @compiled
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log P(S)."""
        value, gap, width = as_floats(value, self.gap, self.width)
        unit = power_of_two(width)
        scaled_width = width / unit
        near_gap = jnp.minimum(gap / unit, jax.lax.stop_gradient(reach(width.dtype) * scaled_width))
        spacing = resolved(value / unit, scaled_width, offset=near_gap)
        log_density = closed_form("rice_spacing")(spacing, near_gap, scaled_width)
        return inside(value >= 0, log_density - jnp.log(unit))

    @compiled
    def cdf(self, value: Any) -> Any:
        """Probability of a spacing up to ``value``: one minus Marcum's Q function."""
        value, gap, width = as_floats(value, self.gap, self.width)
        return unit_cdf(jnp.maximum(value, 0) / width, gap / width)

    @compiled
    def icdf(self, q: Any) -> Any:
        """Spacing below which a fraction ``q`` lies."""
        q, gap, width = as_floats(q, self.gap, self.width)
        return width * quantile(_RICE, *jnp.broadcast_arrays(q, gap / width))

    @compiled
    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Any:
        """Exact draws: the spacing of the 2×2 matrix itself."""
        assert key is not None, "a PRNG key is needed"
        gap, width = as_floats(self.gap, self.width)
        noise = jax.random.normal(key, (2, *self.shape(sample_shape)), width.dtype)
        return jnp.hypot(gap + math.sqrt(2) * width * noise[0], math.sqrt(2) * width * noise[1])

    @property
    @compiled
    def mean(self) -> Any:
        """⟨S⟩ = √π s L_{1/2}(−Δ²/4s²)."""
        gap, width = as_floats(self.gap, self.width)
        return jnp.broadcast_to(_mean_and_variance(gap, width)[0], self.batch_shape)

    @property
    @compiled
    def variance(self) -> Any:
        """Δ² + 4s² − ⟨S⟩², without the cancellation at Δ ≫ s."""
        gap, width = as_floats(self.gap, self.width)
        return jnp.broadcast_to(_mean_and_variance(gap, width)[1], self.batch_shape)


def _mean_and_variance(gap: Any, width: Any) -> tuple[Any, Any]:
    """Mean and variance of S; a series in 1/z where Bessel functions would cancel."""
    delta = gap / width
    z = delta**2 / 4
    near = jnp.minimum(z, _LARGE)
    mean_near = math.sqrt(math.pi) * ((1 + near) * jsp.i0e(near / 2) + near * jsp.i1e(near / 2))
    variance_near = 4 * near + 4 - mean_near**2
    far = jnp.maximum(z, _LARGE)
    excess = jnp.polyval(jnp.asarray([*_SERIES[::-1], 0.0], far.dtype), 1 / far)  # <S>/gap - 1
    mean_far = jnp.maximum(delta, 2 * math.sqrt(_LARGE)) * (1 + excess)
    variance_far = 4 - 4 * far * excess * (2 + excess)
    is_far = z > _LARGE
    mean = jnp.where(is_far, mean_far, mean_near)
    return width * mean, width**2 * jnp.where(is_far, variance_far, variance_near)


def matrix_pair_spacing(center1: Any, center2: Any, width1: Any, width2: Any) -> RiceSpacing:
    r"""Spacing of two species on the level of the matrix: Rice with gap |κ₁ − κ₂| and s² = (s₁² + s₂²)/2.

    .. math:: P(S) \propto S\, e^{-(S^2+\Delta^2)/2S_0^2}\, I_0(S\Delta/S_0^2), \qquad S_0^2 = s_1^2 + s_2^2

    It assumes the off-diagonal element to have variance S₀²/4, as in the two-layer network of PFLA24
    (arXiv:2412.20496). For levels with different centres SGD follows this law; the product form
    (:class:`TwoSpeciesSpacing`) repels too strongly.
    """
    width1, width2 = as_floats(width1, width2)
    return RiceSpacing(jnp.abs(center1 - center2), jnp.hypot(width1, width2) / math.sqrt(2))


@jax.custom_jvp
def unit_cdf(y: Any, delta: Any) -> Any:
    """F(y) at unit width, to rounding and relative to its size in the lower tail."""
    above, tail = _smaller_tail(y, delta)
    return jnp.where(above, 1 - tail, tail)


@unit_cdf.defjvp
def _unit_cdf_jvp(primals: Any, tangents: Any) -> Any:
    (y, delta), (dy, ddelta) = primals, tangents
    return unit_cdf(y, delta), _density(y, delta, 0) * dy - _density(y, delta, 1) * ddelta


@jax.custom_jvp
def unit_sf(y: Any, delta: Any) -> Any:
    """1 − F(y) at unit width, relative to its size in the upper tail."""
    above, tail = _smaller_tail(y, delta)
    return jnp.where(above, tail, 1 - tail)


@unit_sf.defjvp
def _unit_sf_jvp(primals: Any, tangents: Any) -> Any:
    (y, delta), (dy, ddelta) = primals, tangents
    return unit_sf(y, delta), _density(y, delta, 1) * ddelta - _density(y, delta, 0) * dy


def _density(y: Any, delta: Any, order: int) -> Any:
    """∂F/∂y (order 0) and −∂F/∂Δ (order 1)."""
    y = jnp.where(jnp.isfinite(y), y, 0)
    return y / 2 * jnp.exp(-((y - delta) ** 2) / 4) * scaled_bessel(order)(y * delta / 2)


def _smaller_tail(y: Any, delta: Any) -> tuple[Any, Any]:
    """Whether the upper tail is the smaller one, and that tail."""
    y, delta = jnp.broadcast_arrays(y, delta)
    above = y >= delta + 1
    return above, smaller_tail(lambda t: _integrand(t, delta), y, delta, above=above, softness=4.0)


def _integrand(t: Any, delta: Any) -> Any:
    """The density at unit width for t ≥ 0, in its fastest form."""
    return t / 2 * weighted_bessel(0, t * delta / 2, -((t - delta) ** 2) / 4)


def _log_density(y: Any, delta: Any) -> Any:
    return closed_form("rice_spacing")(y, delta, jnp.ones_like(y))


def _bracket(u: Any, delta: Any) -> tuple[Any, Any]:
    """|z| of the matrix at Δ = 0 bounds the spacing from below in law, |z| + Δ from above."""
    rayleigh = 2 * jnp.sqrt(-jnp.log1p(-u))
    return rayleigh, rayleigh + delta


_RICE = Quantile(_log_density, unit_cdf, unit_sf, _bracket, logarithmic=True)
