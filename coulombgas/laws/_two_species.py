"""Two levels of different centres and widths: the two-species Coulomb gas of a two-layer network."""

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.util import validate_sample

from ._compiled import compiled
from ._constraints import finite, finite_nonnegative, finite_positive
from ._inverse import Quantile, quantile
from ._scaling import as_floats, inside, parameters, power_of_two, reach, resolution, resolved
from ._symbolic import closed_form, log_mean_distance
from ._tails import tails

SPECIES: dict[str, Any] = {
    "center1": finite,
    "center2": finite,
    "width1": finite_positive,
    "width2": finite_positive,
}


class TwoSpeciesPair(Distribution):
    r"""Both labelled eigenvalues (x₁, x₂) of a two-species Coulomb gas, in any order.

    .. math:: P(x_1, x_2) = \frac{|x_1 - x_2|}{2\pi s_1 s_2\, M(\Delta, S_0)}
       \exp\left(-\sum_i \frac{(x_i-\kappa_i)^2}{2s_i^2}\right), \quad \Delta = \kappa_1-\kappa_2

    with :math:`S_0^2 = s_1^2 + s_2^2` and
    :math:`M(d, w) = w\sqrt{2/\pi}\,e^{-d^2/2w^2} + d\,\mathrm{erf}(d/\sqrt2 w)`. Events have shape (2,).

    It is the stationary law of the eigenvalue equation with a label on each level; between species with different
    centres the matrix itself repels less (:func:`matrix_pair_spacing`). A tie is read as the smallest resolved spacing.

    Args:
        center1: κ₁, in the units of the eigenvalue, like all parameters.
        center2: κ₂.
        width1: s₁ > 0, the standard deviation of level 1 without repulsion.
        width2: s₂ > 0.
        validate_args: check the parameters and samples, as in every NumPyro distribution.

    Raises:
        ValueError: with ``validate_args=True``, for infinite parameters or widths that are not positive.

    PFLA24 (arXiv:2412.20496), two-layer linear network; derived here, see derivations/two_layer.
    """

    arg_constraints: ClassVar[dict[str, Any]] = dict(SPECIES)
    _support = constraints.real_vector
    reparametrized_params: ClassVar[list[str]] = list(SPECIES)

    def __init__(
        self, center1: Any, center2: Any, width1: Any, width2: Any, *, validate_args: bool | None = None
    ) -> None:
        args, batch_shape = parameters(center1, center2, width1, width2)
        self.center1, self.center2, self.width1, self.width2 = args
        super().__init__(batch_shape=batch_shape, event_shape=(2,), validate_args=validate_args)

    @validate_sample
    @compiled
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log P(x₁, x₂)."""
        value, kappa1, kappa2, width1, width2 = as_floats(value, *species(self))
        unit = power_of_two(jnp.maximum(width1, width2))
        w1, w2 = width1 / unit, width2 / unit
        total = jnp.hypot(w1, w2)
        y1 = bounded((value[..., 0] - kappa1) / unit, w1) / w1
        y2 = bounded((value[..., 1] - kappa2) / unit, w2) / w2
        floor, ceiling = resolution(total.dtype), 2 * reach(total.dtype)
        constant = jax.lax.stop_gradient(total)
        gap = jnp.clip(jnp.abs(value[..., 0] - value[..., 1]) / unit, floor * constant, ceiling * constant)
        tau = bounded((kappa1 - kappa2) / unit, total) / total
        log_z = math.log(2 * math.pi) + jnp.log(w1) + jnp.log(w2) + jnp.log(total) + log_mean_distance()(tau)
        return jnp.log(gap) - (y1**2 + y2**2) / 2 - log_z - 2 * jnp.log(unit)

    @compiled
    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Any:
        """Exact draws: the spacing by inversion, its sign, then the centre given both."""
        assert key is not None, "a PRNG key is needed"
        kappa1, kappa2, w1, w2 = as_floats(*species(self))
        key_spacing, key_sign, key_mass = jax.random.split(key, 3)
        shape, total, delta = self.shape(sample_shape)[:-1], jnp.hypot(w1, w2), kappa1 - kappa2
        tiny = float(jnp.finfo(w1.dtype).tiny)
        uniform = jax.random.uniform(key_spacing, shape, w1.dtype, minval=tiny)
        u = quantile(_SPACING, *jnp.broadcast_arrays(uniform, jnp.abs(delta) / total))
        positive = jax.random.uniform(key_sign, shape, w1.dtype) < jax.nn.sigmoid(2 * u * delta / total)
        signed = jnp.where(positive, u, -u) * total
        noise = w1 * w2 / total * jax.random.normal(key_mass, shape, w1.dtype)
        first = kappa1 + (w1 / total) ** 2 * (signed - delta) + noise
        return jnp.stack([first, first - signed], axis=-1)


class TwoSpeciesSpacing(Distribution):
    r"""Spacing of the two-species pair.

    .. math:: P(S) = \frac{2 S \cosh(S\Delta/S_0^2)\, e^{-(S^2+\Delta^2)/2S_0^2}}{\sqrt{2\pi}\, S_0\, M(\Delta, S_0)},
        \qquad \langle S\rangle = \frac{S_0^2 + \Delta^2}{M(\Delta, S_0)}

    Args:
        gap: |Δ| ≥ 0, the distance of the centres.
        width1: s₁ > 0.
        width2: s₂ > 0; only S₀² = s₁² + s₂² enters.
        validate_args: check the parameters and samples, as in every NumPyro distribution.

    Raises:
        ValueError: with ``validate_args=True``, for a negative gap, widths that are not positive, or infinities.

    PFLA24 (two-layer linear network); derived here, see derivations/two_layer.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "gap": finite_nonnegative,
        "width1": finite_positive,
        "width2": finite_positive,
    }
    _support = constraints.nonnegative
    reparametrized_params: ClassVar[list[str]] = ["gap", "width1", "width2"]

    def __init__(self, gap: Any, width1: Any, width2: Any, *, validate_args: bool | None = None) -> None:
        (self.gap, self.width1, self.width2), batch_shape = parameters(gap, width1, width2)
        super().__init__(batch_shape=batch_shape, validate_args=validate_args)

    @validate_sample
    @compiled
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log P(S)."""
        value, gap, width1, width2 = as_floats(value, self.gap, self.width1, self.width2)
        unit = power_of_two(jnp.maximum(width1, width2))
        w1, w2 = width1 / unit, width2 / unit
        total = jnp.hypot(w1, w2)
        near_gap = bounded(gap / unit, total)
        spacing = resolved(value / unit, total, offset=near_gap)
        log_density = closed_form("two_species_spacing")(spacing, near_gap, w1, w2)
        return inside(value >= 0, log_density - jnp.log(unit))

    @compiled
    def cdf(self, value: Any) -> Any:
        """Probability of a spacing up to ``value``."""
        value, gap, total = self._with_total(value)
        return _spacing_cdf(*jnp.broadcast_arrays(jnp.maximum(value, 0) / total, gap / total))

    @compiled
    def icdf(self, q: Any) -> Any:
        """Spacing below which a fraction ``q`` lies."""
        q, gap, total = self._with_total(q)
        return total * quantile(_SPACING, *jnp.broadcast_arrays(q, gap / total))

    @compiled
    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Any:
        """Exact draws by inversion."""
        assert key is not None, "a PRNG key is needed"
        (dtype_of,) = as_floats(self.width1)
        tiny = float(jnp.finfo(dtype_of.dtype).tiny)
        return self.icdf(jax.random.uniform(key, self.shape(sample_shape), dtype_of.dtype, minval=tiny))

    @property
    @compiled
    def mean(self) -> Any:
        """(S₀² + Δ²)/M(Δ, S₀)."""
        args = (self.gap, self.width1, self.width2)
        return jnp.broadcast_to(closed_form("two_species_spacing", "mean")(*args), self.batch_shape)

    @property
    @compiled
    def variance(self) -> Any:
        """⟨S²⟩ − ⟨S⟩²."""
        args = (self.gap, self.width1, self.width2)
        return jnp.broadcast_to(closed_form("two_species_spacing", "variance")(*args), self.batch_shape)

    def _with_total(self, value: Any) -> tuple[Any, Any, Any]:
        value, gap, width1, width2 = as_floats(value, self.gap, self.width1, self.width2)
        return value, gap, jnp.hypot(width1, width2)


def species(law: Any) -> tuple[Any, Any, Any, Any]:
    """The four parameters."""
    return law.center1, law.center2, law.width1, law.width2


def bounded(distance: Any, width: Any) -> Any:
    """A signed distance within :func:`reach` of zero, in units of the width."""
    far = jax.lax.stop_gradient(reach(width.dtype) * width)
    return jnp.clip(distance, -far, far)


def normal(t: Any) -> Any:
    """Standard normal density."""
    return jnp.exp(-(t**2) / 2) / math.sqrt(2 * math.pi)


def mean_distance(d: Any, w: Any) -> Any:
    """M(d, w), the mean modulus of a Gaussian."""
    return w * math.sqrt(2 / math.pi) * jnp.exp(-((d / w) ** 2) / 2) + d * jsp.erf(d / (math.sqrt(2) * w))


def _spacing_tails(y: Any, tau: Any) -> tuple[Any, Any]:
    """At S₀ = 1: density u [φ(u − τ) + φ(u + τ)]/M(τ, 1)."""

    def density(t: Any) -> Any:
        wide = tau[..., None]
        return t * (normal(t - wide) + normal(t + wide)) / mean_distance(wide, jnp.ones_like(wide))

    return tails(density, y, tau, softness=2.0)


def _spacing_cdf(y: Any, tau: Any) -> Any:
    lower, upper = _spacing_tails(y, tau)
    return jnp.where(y < tau + 1, lower, 1 - upper)


def _spacing_sf(y: Any, tau: Any) -> Any:
    lower, upper = _spacing_tails(y, tau)
    return jnp.where(y < tau + 1, 1 - lower, upper)


def _spacing_log_density(y: Any, tau: Any) -> Any:
    half = jnp.full_like(y, math.sqrt(0.5))
    return closed_form("two_species_spacing")(y, tau, half, half)


def _spacing_bracket(u: Any, tau: Any) -> tuple[Any, Any]:
    """Between the Rayleigh law and τ plus a chi law of three degrees of freedom."""
    root = jnp.sqrt(-2 * jnp.log1p(-u))
    return root, tau + math.sqrt(3) + root


_SPACING = Quantile(_spacing_log_density, _spacing_cdf, _spacing_sf, _spacing_bracket, logarithmic=True)
