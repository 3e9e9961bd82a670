"""Spacing of two degenerate levels: the Wigner surmise of any Dyson index, with the width of the Coulomb gas."""

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.util import validate_sample

from ._compiled import compiled
from ._constraints import finite_positive
from ._inverse import Quantile, quantile
from ._scaling import as_floats, inside, parameters, power_of_two, resolved
from ._symbolic import surmise


class WignerSurmise(Distribution):
    r"""Spacing S = x₂ − x₁ of two degenerate levels of a Coulomb gas of Dyson index β.

    .. math:: P(S) = \frac{2\, S^\beta\, e^{-S^2/4s^2}}{(2s)^{\beta+1}\,\Gamma((\beta+1)/2)}, \qquad
       \beta = 1:\ \frac{S}{2s^2}\, e^{-S^2/4s^2},\quad \langle S\rangle = \sqrt\pi\, s

    S and the width s share the units of the eigenvalue. A tie S = 0, where P vanishes, is read as the smallest
    spacing the floating-point format resolves, so that ``log_prob`` and its gradients stay finite.

    Args:
        width: s > 0, the standard deviation of one level without repulsion.
        beta: β > 0; a plain number is static (and gives closed forms at β = 1), an array may be traced.
        validate_args: check the parameters and samples, as in every NumPyro distribution.

    Raises:
        ValueError: with ``validate_args=True``, for a width or β that is not positive and finite.

    ALP24 (arXiv:2407.16427), (73)-(75) for β = 1; derived in derivations/wigner_surmise.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"width": finite_positive, "beta": finite_positive}
    _support = constraints.nonnegative
    reparametrized_params: ClassVar[list[str]] = ["width", "beta"]
    pytree_data_fields = ("width", "_traced_beta")
    pytree_aux_fields = ("_static_beta",)

    def __init__(self, width: Any, beta: Any = 1, *, validate_args: bool | None = None) -> None:
        if isinstance(beta, int | float):
            self._static_beta: float | None = float(beta)
            self._traced_beta = None
            (self.width,), batch_shape = parameters(width)
        else:
            self._static_beta = None
            (self.width, self._traced_beta), batch_shape = parameters(width, beta)
        super().__init__(batch_shape=batch_shape, validate_args=validate_args)

    @property
    def beta(self) -> Any:
        """Dyson index."""
        return self._traced_beta if self._static_beta is None else self._static_beta

    @validate_sample
    @compiled
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log P(S)."""
        value, width = as_floats(value, self.width)
        unit = power_of_two(width)
        scaled, scaled_width = value / unit, width / unit
        spacing = resolved(scaled, scaled_width)
        return inside(value >= 0, self._evaluate("log_density", spacing, scaled_width) - jnp.log(unit))

    @compiled
    def cdf(self, value: Any) -> Any:
        """Probability of a spacing up to ``value``."""
        value, width = as_floats(value, self.width)
        unit = jnp.maximum(value, 0) / width
        if self._static_beta == 1:
            return -jnp.expm1(-(unit**2) / 4)
        return _gamma_cdf(unit, self._beta_array(unit.dtype))

    @compiled
    def icdf(self, q: Any) -> Any:
        """Spacing below which a fraction ``q`` lies."""
        q, width = as_floats(q, self.width)
        if self._static_beta == 1:
            inner = jnp.where((q > 0) & (q < 1), q, 0.5)
            root = 2 * jnp.sqrt(-jnp.log1p(-inner))
            return width * jnp.where(q == 0, 0.0, jnp.where(q == 1, jnp.inf, jnp.where(inner == q, root, jnp.nan)))
        return width * quantile(_GAMMA, *jnp.broadcast_arrays(q, self._beta_array(q.dtype)))

    @compiled
    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Any:
        """Exact draws: S²/4s² is exponential for β = 1 and Gamma((β+1)/2) in general."""
        assert key is not None, "a PRNG key is needed"
        shape = self.shape(sample_shape)
        (width,) = as_floats(self.width)
        if self._static_beta == 1:
            return 2 * width * jnp.sqrt(jax.random.exponential(key, shape, width.dtype))
        half = (self._beta_array(width.dtype) + 1) / 2
        return 2 * width * jnp.sqrt(jax.random.gamma(key, jnp.broadcast_to(half, shape), shape, width.dtype))

    @property
    @compiled
    def mean(self) -> Any:
        """⟨S⟩ = 2s Γ(β/2 + 1)/Γ((β+1)/2)."""
        return jnp.broadcast_to(self._moment("mean"), self.batch_shape)

    @property
    @compiled
    def variance(self) -> Any:
        """⟨S²⟩ − ⟨S⟩² with ⟨S²⟩ = 2(β+1)s²."""
        return jnp.broadcast_to(self._moment("variance"), self.batch_shape)

    def _evaluate(self, output: str, spacing: Any, width: Any) -> Any:
        if self._static_beta is not None:
            return surmise(self._static_beta, output)(spacing, width)
        return surmise(None, output)(spacing, width, self._beta_array(width.dtype))

    def _moment(self, output: str) -> Any:
        unit = jnp.ones_like(self.width)
        args = (unit,) if self._static_beta is not None else (unit, self._beta_array(unit.dtype))
        scale = self.width if output == "mean" else self.width**2
        return scale * surmise(self._static_beta, output)(*args)

    def _beta_array(self, dtype: Any) -> Any:
        return jnp.asarray(self.beta, dtype)


def _gamma_cdf(unit: Any, beta: Any) -> Any:
    return jsp.gammainc(*jnp.broadcast_arrays((beta + 1) / 2, unit**2 / 4))


def _gamma_sf(unit: Any, beta: Any) -> Any:
    return jsp.gammaincc(*jnp.broadcast_arrays((beta + 1) / 2, unit**2 / 4))


def _gamma_log_density(unit: Any, beta: Any) -> Any:
    return surmise(None)(unit, jnp.ones_like(unit), beta)


def _gamma_bracket(u: Any, beta: Any) -> tuple[Any, Any]:
    """From P(a, z) ≤ z^a/Γ(a+1) and the Chernoff bound of the upper tail."""
    a = (beta + 1) / 2
    low = 2 * jnp.exp((jnp.log(u) + jsp.gammaln(a + 1)) / (2 * a))
    tail = -jnp.log1p(-u)
    high = 2 * jnp.sqrt(a + jnp.sqrt(2 * a * tail) * math.sqrt(2) + 2 * tail)
    return low, jnp.maximum(high, low)


_GAMMA = Quantile(_gamma_log_density, _gamma_cdf, _gamma_sf, _gamma_bracket, logarithmic=True)
