"""Spacings without a temperature: Poisson levels, and Brody's interpolation to Wigner's surmise."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.util import validate_sample

from ._compiled import compiled
from ._constraints import finite_nonnegative, finite_positive
from ._scaling import as_floats, inside, parameters, power_of_two, resolved
from ._symbolic import closed_form


class Brody(Distribution):
    r"""Brody's spacing law, from Poisson (q = 0) to the Wigner surmise (q = 1), and beyond.

    .. math:: P(S) = \frac{(q+1)\, b\, s^q}{D}\, e^{-b s^{q+1}}, \quad s = S/D, \quad
       b = \Gamma\!\left(\tfrac{q+2}{q+1}\right)^{q+1}

    Args:
        repulsion: q ≥ 0; not capped at 1.
        mean_spacing: D = ⟨S⟩ > 0, in the units of S; 1 for unfolded levels.
        validate_args: check the parameters and samples, as in every NumPyro distribution.

    Raises:
        ValueError: with ``validate_args=True``, for a negative q, a D that is not positive, or infinities.

    T. A. Brody, Lett. Nuovo Cimento 7 (1973) 482.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"repulsion": finite_nonnegative, "mean_spacing": finite_positive}
    _support = constraints.nonnegative
    reparametrized_params: ClassVar[list[str]] = ["repulsion", "mean_spacing"]

    def __init__(self, repulsion: Any, mean_spacing: Any = 1.0, *, validate_args: bool | None = None) -> None:
        (self.repulsion, self.mean_spacing), batch_shape = parameters(repulsion, mean_spacing)
        super().__init__(batch_shape=batch_shape, validate_args=validate_args)

    @validate_sample
    @compiled
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log P(S)."""
        value, q, mean = as_floats(value, self.repulsion, self.mean_spacing)
        unit = power_of_two(mean)
        spacing = resolved(value / unit, mean / unit, power=q + 1)
        return inside(value >= 0, closed_form("brody")(spacing, q, mean / unit) - jnp.log(unit))

    @compiled
    def cdf(self, value: Any) -> Any:
        """1 − exp(−b s^{q+1})."""
        value, q, mean = as_floats(value, self.repulsion, self.mean_spacing)
        s = jnp.maximum(value, 0) / mean
        positive = jnp.where(s > 0, s, 1.0)
        hazard = jnp.exp((q + 1) * (_log_root(q) + jnp.log(positive)))
        return jnp.where(s > 0, -jnp.expm1(-hazard), 0.0)

    @compiled
    def icdf(self, q: Any) -> Any:
        """Spacing below which a fraction ``q`` lies."""
        probability, repulsion, mean = as_floats(q, self.repulsion, self.mean_spacing)
        inner = jnp.where((probability > 0) & (probability < 1), probability, 0.5)
        root = mean * jnp.exp(jnp.log(-jnp.log1p(-inner)) / (repulsion + 1) - _log_root(repulsion))
        edges = jnp.where(probability == 0, 0.0, jnp.where(probability == 1, jnp.inf, jnp.nan))
        return jnp.where(inner == probability, root, edges)

    @compiled
    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Any:
        """Exact draws: b s^{q+1} is exponential."""
        assert key is not None, "a PRNG key is needed"
        repulsion, mean = as_floats(self.repulsion, self.mean_spacing)
        hazard = jax.random.exponential(key, self.shape(sample_shape), mean.dtype)
        return mean * hazard ** (1 / (repulsion + 1)) * jnp.exp(-_log_root(repulsion))

    @property
    @compiled
    def mean(self) -> Any:
        """D, the mean spacing."""
        return jnp.broadcast_to(self.mean_spacing, self.batch_shape)

    @property
    @compiled
    def variance(self) -> Any:
        """D² [Γ((q+3)/(q+1))/Γ((q+2)/(q+1))² − 1]."""
        repulsion, mean = as_floats(self.repulsion, self.mean_spacing)
        ratio = jnp.exp(jsp.gammaln((repulsion + 3) / (repulsion + 1)) - 2 * _log_root(repulsion))
        return jnp.broadcast_to(mean**2 * (ratio - 1), self.batch_shape)


class PoissonSpacing(Distribution):
    r"""Spacing of independent levels, :math:`P(S) = e^{-S/D}/D`.

    Args:
        mean_spacing: D > 0, in the units of S; 1 for unfolded levels.
        validate_args: check the parameters and samples, as in every NumPyro distribution.

    Raises:
        ValueError: with ``validate_args=True``, for a D that is not positive and finite.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"mean_spacing": finite_positive}
    _support = constraints.nonnegative
    reparametrized_params: ClassVar[list[str]] = ["mean_spacing"]

    def __init__(self, mean_spacing: Any = 1.0, *, validate_args: bool | None = None) -> None:
        (self.mean_spacing,), batch_shape = parameters(mean_spacing)
        super().__init__(batch_shape=batch_shape, validate_args=validate_args)

    @validate_sample
    @compiled
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log P(S)."""
        value, mean = as_floats(value, self.mean_spacing)
        unit = power_of_two(mean)
        spacing = resolved(value / unit, mean / unit, power=1)
        return inside(value >= 0, closed_form("poisson")(spacing, mean / unit) - jnp.log(unit))

    @compiled
    def cdf(self, value: Any) -> Any:
        """1 − exp(−S/D)."""
        value, mean = as_floats(value, self.mean_spacing)
        return -jnp.expm1(-jnp.maximum(value, 0) / mean)

    @compiled
    def icdf(self, q: Any) -> Any:
        """−D log(1 − q)."""
        probability, mean = as_floats(q, self.mean_spacing)
        return -mean * jnp.log1p(-jnp.where((probability >= 0) & (probability <= 1), probability, jnp.nan))

    @compiled
    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Any:
        """Exact draws."""
        assert key is not None, "a PRNG key is needed"
        (mean,) = as_floats(self.mean_spacing)
        return mean * jax.random.exponential(key, self.shape(sample_shape), mean.dtype)

    @property
    @compiled
    def mean(self) -> Any:
        """D, the mean spacing."""
        return jnp.broadcast_to(self.mean_spacing, self.batch_shape)

    @property
    @compiled
    def variance(self) -> Any:
        """D²."""
        return jnp.broadcast_to(self.mean_spacing**2, self.batch_shape)


def _log_root(q: Any) -> Any:
    """(log b)/(q + 1)."""
    return jsp.gammaln((q + 2) / (q + 1))
