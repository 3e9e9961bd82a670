"""Densities of many eigenvalues: the semicircle of a degenerate group, and Marchenko-Pastur at initialisation."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.util import validate_sample

from ._compiled import compiled
from ._constraints import finite, finite_positive
from ._inverse import Quantile, quantile
from ._scaling import as_floats, inside, parameters, power_of_two
from ._symbolic import closed_form


class Semicircle(Distribution):
    r"""Wigner's semicircle on [κ − R, κ + R].

    .. math:: \rho(x) = \frac{2}{\pi R^2}\sqrt{R^2 - (x-\kappa)^2}

    x, κ and R share the units of the eigenvalue. At the edges, where ρ vanishes, ``log_prob`` is that of the nearest
    number inside.

    Args:
        center: κ.
        radius: R > 0; s√(2βn) for a large group of n degenerate levels of width s.
        validate_args: check the parameters and samples, as in every NumPyro distribution.

    Raises:
        ValueError: with ``validate_args=True``, for parameters that are not finite or a radius that is not positive.

    E. P. Wigner, Ann. Math. 62 (1955) 548.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"center": finite, "radius": finite_positive}
    reparametrized_params: ClassVar[list[str]] = ["center", "radius"]

    def __init__(self, center: Any, radius: Any, *, validate_args: bool | None = None) -> None:
        (self.center, self.radius), batch_shape = parameters(center, radius)
        super().__init__(batch_shape=batch_shape, validate_args=validate_args)

    @classmethod
    def of_gaussian(cls, n: int, width: Any = 1.0, beta: float = 1.0, center: Any = 0.0) -> "Semicircle":
        """Limit density of ``GaussianBlock(center, width, n, beta)``: R = s√(2βn)."""
        return cls(center, width * np.sqrt(2 * beta * n))

    @constraints.dependent_property(is_discrete=False, event_dim=0)  # pyright: ignore[reportArgumentType]
    def support(self) -> Any:
        """[κ − R, κ + R]."""
        return constraints.interval(self.center - self.radius, self.center + self.radius)

    @validate_sample
    @compiled
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log ρ(x)."""
        value, center, radius = as_floats(value, self.center, self.radius)
        t = (value - center) / radius
        return inside(jnp.abs(t) <= 1, _semicircle_log_density(t) - jnp.log(radius))

    @compiled
    def cdf(self, value: Any) -> Any:
        """(φ − sin φ)/2π with cos(φ/2) = −(x − κ)/R."""
        value, center, radius = as_floats(value, self.center, self.radius)
        return _semicircle_cdf(jnp.clip((value - center) / radius, -1, 1))

    @compiled
    def icdf(self, q: Any) -> Any:
        """Eigenvalue below which a fraction ``q`` lies."""
        q, center, radius = as_floats(q, self.center, self.radius)
        return center + radius * quantile(_SEMICIRCLE, q)

    @compiled
    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Any:
        """Exact draws: the projection of a uniform disc on an axis."""
        assert key is not None, "a PRNG key is needed"
        center, radius = as_floats(self.center, self.radius)
        u = jax.random.uniform(key, (2, *self.shape(sample_shape)), radius.dtype)
        return center + radius * jnp.sqrt(u[0]) * jnp.cos(2 * np.pi * u[1])

    @property
    @compiled
    def mean(self) -> Any:
        """κ."""
        return jnp.broadcast_to(self.center, self.batch_shape)

    @property
    @compiled
    def variance(self) -> Any:
        """R²/4."""
        return jnp.broadcast_to(self.radius**2 / 4, self.batch_shape)


class MarchenkoPastur(Distribution):
    r"""Eigenvalues of X = WᵀW for M×N W with independent elements, N → ∞, with the atom of the zero ones.

    .. math:: \rho(x) = \max(0, 1 - 1/r)\, \delta(x) + \frac{\sqrt{(x_+ - x)(x - x_-)}}{2\pi\, r\, \bar x\, x},
       \qquad x_\pm = \bar x (1 \pm \sqrt r)^2

    with r = N/M and x̄ = Mσ_w². For r > 1 the law has the atom at x = 0: ``log_prob(0.0)`` is the logarithm of its
    weight, and ``log_prob`` elsewhere the logarithm of the density. x and x̄ share the units of the eigenvalue.

    Args:
        ratio: r > 0, columns over rows.
        mean_eigenvalue: x̄ > 0, the mean of all N eigenvalues.
        validate_args: check the parameters and samples, as in every NumPyro distribution.

    Raises:
        ValueError: with ``validate_args=True``, for parameters that are not positive and finite.

    ALP24 (arXiv:2407.16427), (79)-(80).
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"ratio": finite_positive, "mean_eigenvalue": finite_positive}
    reparametrized_params: ClassVar[list[str]] = ["ratio", "mean_eigenvalue"]

    def __init__(self, ratio: Any, mean_eigenvalue: Any = 1.0, *, validate_args: bool | None = None) -> None:
        (self.ratio, self.mean_eigenvalue), batch_shape = parameters(ratio, mean_eigenvalue)
        super().__init__(batch_shape=batch_shape, validate_args=validate_args)

    @classmethod
    def of_matrix(cls, num_rows: int, num_columns: int, std: Any = 1.0) -> "MarchenkoPastur":
        """The law for W of shape (num_rows, num_columns) with elements of standard deviation ``std``."""
        return cls(num_columns / num_rows, num_rows * jnp.square(std))

    @property
    def edges(self) -> tuple[Any, Any]:
        """x₋ and x₊."""
        return _bulk_edges(self.ratio, self.mean_eigenvalue)

    @property
    def atom(self) -> Any:
        """Weight of the zero eigenvalues."""
        return jnp.maximum(0.0, 1 - 1 / self.ratio)

    @constraints.dependent_property(is_discrete=False, event_dim=0)  # pyright: ignore[reportArgumentType]
    def support(self) -> Any:
        """[0, x₊]: the bulk and, for r > 1, the atom below it."""
        return constraints.interval(0.0, self.edges[1])

    @validate_sample
    @compiled
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log ρ(x); at x = 0 for r > 1 the logarithm of the atom's weight."""
        value, ratio, mean = as_floats(value, self.ratio, self.mean_eigenvalue)
        unit = power_of_two(mean)
        x, scaled_mean = value / unit, mean / unit
        low, high = _bulk_edges(ratio, scaled_mean)
        share = jnp.minimum(1.0, 1 / ratio)
        density = _bulk_log_density(x, ratio, scaled_mean) + jnp.log(share) - jnp.log(unit)
        bulk = inside((x >= low) & (x <= high), density)
        has_atom = ratio > 1
        log_atom = jnp.log(jnp.where(has_atom, 1 - 1 / ratio, 1.0))
        return jnp.where(has_atom & (value == 0), log_atom, bulk)

    @compiled
    def cdf(self, value: Any) -> Any:
        """Fraction of the eigenvalues up to ``value``, including the zero ones."""
        value, ratio, mean = as_floats(value, self.ratio, self.mean_eigenvalue)
        share = jnp.minimum(1.0, 1 / ratio)
        total = 1 - share + share * _bulk_cdf(value / mean, ratio)
        return jnp.where(value < 0, 0.0, total)

    @compiled
    def icdf(self, q: Any) -> Any:
        """Eigenvalue below which a fraction ``q`` lies; zero inside the atom."""
        q, ratio, mean = as_floats(q, self.ratio, self.mean_eigenvalue)
        share = jnp.minimum(1.0, 1 / ratio)
        inner = (q - (1 - share)) / share
        in_atom = (inner < 0) & (q >= 0)
        return jnp.where(
            in_atom, 0.0, mean * quantile(_BULK, *jnp.broadcast_arrays(jnp.where(in_atom, 0.5, inner), ratio))
        )

    @compiled
    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Any:
        """Draws by inversion."""
        assert key is not None, "a PRNG key is needed"
        (mean,) = as_floats(self.mean_eigenvalue)
        return self.icdf(jax.random.uniform(key, self.shape(sample_shape), mean.dtype))

    @property
    @compiled
    def mean(self) -> Any:
        """x̄."""
        return jnp.broadcast_to(self.mean_eigenvalue, self.batch_shape)

    @property
    @compiled
    def variance(self) -> Any:
        """r x̄²."""
        return jnp.broadcast_to(self.ratio * self.mean_eigenvalue**2, self.batch_shape)


def _semicircle_log_density(t: Any) -> Any:
    eps = float(jnp.finfo(t.dtype).eps)
    return closed_form("semicircle")(jnp.clip(t, eps - 1, 1 - eps), jnp.zeros_like(t), jnp.ones_like(t))


@jax.custom_jvp
def _semicircle_cdf(t: Any) -> Any:
    """The distribution function, accurate relative to its size at the lower edge, where φ − sin φ cancels."""
    phi = 4 * jnp.arcsin(jnp.sqrt((1 + t) / 2))
    near = jnp.minimum(phi, 1.0)
    coefficients = np.cumprod([1 / 6, *(-1 / ((2 * k + 2) * (2 * k + 3)) for k in range(1, 10))])
    series = near**3 * jnp.polyval(jnp.asarray(coefficients[::-1], t.dtype), near**2)
    return jnp.where(phi < 1, series, phi - jnp.sin(phi)) / (2 * np.pi)


@_semicircle_cdf.defjvp
def _semicircle_cdf_jvp(primals: Any, tangents: Any) -> Any:
    (t,), (dt,) = primals, tangents
    return _semicircle_cdf(t), 2 / np.pi * jnp.sqrt(jnp.clip((1 - t) * (1 + t), 0)) * dt


def _semicircle_bracket(u: Any) -> tuple[Any, Any]:
    return -jnp.ones_like(u), jnp.ones_like(u)


_SEMICIRCLE = Quantile(_semicircle_log_density, _semicircle_cdf, lambda t: _semicircle_cdf(-t), _semicircle_bracket)


def _bulk_edges(ratio: Any, mean: Any) -> tuple[Any, Any]:
    """x̄(1 ∓ √r)²."""
    root = jnp.sqrt(ratio)
    return mean * (1 - root) ** 2, mean * (1 + root) ** 2


def _bulk_log_density(x: Any, ratio: Any, mean: Any) -> Any:
    """Log density of the nonzero eigenvalues; at the edges that of the nearest number inside."""
    low, high = _bulk_edges(ratio, mean)
    eps = 4 * float(jnp.finfo(x.dtype).eps)
    return closed_form("marchenko_pastur")(
        jnp.clip(x, low + eps * eps * high + eps * low, high * (1 - eps)), ratio, mean
    )


def _bulk_cdf(x: Any, ratio: Any) -> Any:
    """Distribution function of the nonzero eigenvalues at unit mean, to rounding of 1."""
    low, high = _bulk_edges(ratio, 1.0)
    eps = float(jnp.finfo(x.dtype).eps)
    inner = jnp.clip(x, low + eps * low + eps**2 * high, high * (1 - eps))
    value = closed_form("marchenko_pastur", "cdf")(inner, ratio, jnp.ones_like(inner))
    return jnp.where(x <= low, 0.0, jnp.where(x >= high, 1.0, value))


def _bulk_bracket(u: Any, ratio: Any) -> tuple[Any, Any]:
    low, high = _bulk_edges(ratio, 1.0)
    return low + 0 * u, high + 0 * u


_BULK = Quantile(
    lambda x, ratio: _bulk_log_density(x, ratio, jnp.ones_like(x)),
    _bulk_cdf,
    lambda x, ratio: 1 - _bulk_cdf(x, ratio),
    _bulk_bracket,
    absolute=True,
)
