"""The law of the largest eigenvalue at a soft edge."""

import functools
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.util import validate_sample

from coulombgas._checks import fail

from ._compiled import compiled
from ._constraints import finite, finite_positive
from ._inverse import Quantile, quantile
from ._noise_edge import wishart_edge
from ._scaling import as_floats, parameters, reach
from ._tracy_widom_series import RATES, evaluate, series_of


class TracyWidom(Distribution):
    r"""Fluctuation of the largest eigenvalue of a Gaussian or Wishart matrix, x = location + scale·χ.

    .. math::
        F_2(s) &= e^{-\int_s^\infty (x-s)\,q^2}, \qquad F_1(s) = e^{-\frac12\int_s^\infty q}\, F_2(s)^{1/2},\\
        F_4(s/\sqrt2) &= \cosh\left(\tfrac12\int_s^\infty q\right) F_2(s)^{1/2}

    with Painlevé's :math:`q'' = sq + 2q^3`, :math:`q\sim\mathrm{Ai}`. The means are −1.2065335745820, −1.7710868074 and
    −2.3068848932. For β = 4 three scalings are in use: this one, of Tracy and Widom and of Dumitriu and Forrester;
    Bornemann's variable is √2 times ours (mean −3.2624), that of the stochastic Airy operator 2^{−1/6} times (−2.0552).

    ``log_prob``, ``cdf`` and ``icdf`` evaluate Chebyshev series computed from a 40-digit solution
    (``derivations/_painleve.py``), in variables in which the tails are regular: relative errors stay below 1e-9 as far
    as float64 reaches.

    Args:
        beta: 1, 2 or 4.
        location: position of the edge, in the units of the eigenvalue.
        scale: size > 0 of its fluctuations, in the same units.
        validate_args: check the parameters and samples, as in every NumPyro distribution.

    Raises:
        InputError: for another β.
        ValueError: with ``validate_args=True``, for parameters that are not finite or a scale that is not positive.

    C. A. Tracy, H. Widom, Commun. Math. Phys. 177 (1996) 727.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"location": finite, "scale": finite_positive}
    _support = constraints.real
    reparametrized_params: ClassVar[list[str]] = ["location", "scale"]
    pytree_data_fields = ("location", "scale")
    pytree_aux_fields = ("beta",)

    def __init__(
        self, beta: int = 1, location: Any = 0.0, scale: Any = 1.0, *, validate_args: bool | None = None
    ) -> None:
        if beta not in (1, 2, 4):
            fail("beta", "must be 1, 2 or 4", beta)
        self.beta = int(beta)
        (self.location, self.scale), batch_shape = parameters(location, scale)
        super().__init__(batch_shape=batch_shape, validate_args=validate_args)

    @classmethod
    def of_gaussian(cls, n: int, width: Any = 1.0, beta: int = 1, center: Any = 0.0) -> "TracyWidom":
        r"""Limit law of the largest eigenvalue of ``GaussianBlock(center, width, n, beta)``, n → ∞.

        location = κ + s√(2βn), scale = s√(β/2) n^{−1/6} (times 2^{−1/6} for β = 4, see the class).
        """
        stretch = width * math.sqrt(beta / 2) * n ** (-1 / 6)
        edge = center + width * math.sqrt(2 * beta * n)
        return cls(beta, edge, stretch * (2 ** (-1 / 6) if beta == 4 else 1.0))

    @classmethod
    def of_wishart(cls, num_rows: int, num_columns: int, std: Any = 1.0) -> "TracyWidom":
        r"""Limit law of the largest eigenvalue of WᵀW, W_ij ~ N(0, std²) (β = 1).

        .. math:: \mu = (\sqrt{m-1/2} + \sqrt{n-1/2})^2, \qquad
           \sigma = \sqrt\mu\,\left(1/\sqrt{m-1/2} + 1/\sqrt{n-1/2}\right)^{1/3}

        in units of std²: I. M. Johnstone, Ann. Stat. 29 (2001) 295, with the shifts of Z. Ma, Bernoulli 18 (2012) 322.
        """
        location, scale = (float(part) for part in wishart_edge(1.0, num_rows, num_columns))
        return cls(1, std**2 * location, std**2 * scale)

    @validate_sample
    @compiled
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log of the density."""
        s, scale = self._standard(value)
        return _log_density(self.beta, s) - jnp.log(scale)

    @compiled
    def cdf(self, value: Any) -> Any:
        """Probability of a value up to ``value``."""
        return _cdf(self.beta, self._standard(value)[0])

    @compiled
    def icdf(self, q: Any) -> Any:
        """Value below which a fraction ``q`` lies."""
        q, location, scale = as_floats(q, self.location, self.scale)
        x = quantile(_quantile_of(self.beta), q)
        return location + scale * jnp.where(q == 0, -jnp.inf, jnp.where(q == 1, jnp.inf, x))

    @compiled
    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Any:
        """Draws by inversion."""
        assert key is not None, "a PRNG key is needed"
        location, scale = as_floats(self.location, self.scale)
        tiny = float(jnp.finfo(scale.dtype).tiny)
        u = jax.random.uniform(key, self.shape(sample_shape), scale.dtype, minval=tiny)
        return location + scale * quantile(_quantile_of(self.beta), u)

    @property
    @compiled
    def mean(self) -> Any:
        """Location plus scale times −1.2065335745820, −1.7710868074 or −2.3068848932."""
        return jnp.broadcast_to(self.location + self.scale * series_of(self.beta, "density").mean, self.batch_shape)

    @property
    @compiled
    def variance(self) -> Any:
        """Scale² times 1.6077810346, 0.8131947928 or 0.5177237208."""
        return jnp.broadcast_to(self.scale**2 * series_of(self.beta, "density").variance, self.batch_shape)

    def _standard(self, value: Any) -> tuple[Any, Any]:
        value, location, scale = as_floats(value, self.location, self.scale)
        far = jax.lax.stop_gradient(reach(scale.dtype, 3) * scale)
        return jnp.clip(value - location, -far, far) / scale, scale


def _stretch(beta: int) -> float:
    return math.sqrt(2) if beta == 4 else 1.0


def _log_density(beta: int, s: Any) -> Any:
    return evaluate(beta, "density", _stretch(beta) * s, jnp) + math.log(_stretch(beta))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _cdf(beta: int, s: Any) -> Any:
    return jax.nn.sigmoid(evaluate(beta, "logit", _stretch(beta) * s, jnp))


@_cdf.defjvp
def _cdf_jvp(beta: int, primals: Any, tangents: Any) -> Any:
    return _cdf(beta, primals[0]), jnp.exp(_log_density(beta, primals[0])) * tangents[0]


def _sf(beta: int, s: Any) -> Any:
    return jax.nn.sigmoid(-evaluate(beta, "logit", _stretch(beta) * s, jnp))


@functools.cache
def _quantile_of(beta: int) -> Quantile:
    return Quantile(
        functools.partial(_log_density, beta),
        functools.partial(_cdf, beta),
        functools.partial(_sf, beta),
        functools.partial(_bracket, beta),
    )


def _bracket(beta: int, u: Any) -> tuple[Any, Any]:
    """From the leading exponents of both tails, with a margin."""
    low = -jnp.cbrt((12 if beta == 2 else 24) * -jnp.log(u)) - 6
    high = (-jnp.log1p(-u) / RATES[beta][1]) ** (2 / 3) + 3
    return low / _stretch(beta), high / _stretch(beta)
