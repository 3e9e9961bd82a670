"""Groups of degenerate levels: the joint law of the ordered eigenvalues of a Gaussian or a Wishart matrix."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np
from numpyro.distributions import Distribution
from numpyro.distributions.util import validate_sample

from coulombgas._checks import check_count, fail
from coulombgas.ensembles import hermite_eigenvalues, laguerre_eigenvalues

from ._compiled import compiled
from ._constraints import ascending, ascending_nonnegative, finite, finite_positive
from ._scaling import as_floats, inside, parameters, power_of_two, reach, resolution, resolved
from ._symbolic import log_laguerre, log_mehta


class GaussianBlock(Distribution):
    r"""All n levels of a degenerate group, ascending: a Coulomb gas in a common quadratic well.

    .. math:: P(x_1 \le \dots \le x_n) = \frac{n!}{Z} \prod_{i<j} |x_i - x_j|^\beta\, e^{-\sum_i (x_i-\kappa)^2/2s^2}

    with Mehta's Z. For β = 1, 2, 4 the eigenvalues of a GOE, GUE, GSE matrix with diagonal variance s². Events have
    shape (n,); x, κ and s share the units of the eigenvalue. A tie, where P vanishes, is read as the smallest spacing
    the floating-point format resolves; levels out of order have probability zero.

    Args:
        center: κ, where the levels would be without repulsion.
        width: s > 0, the standard deviation of one level without repulsion.
        n: number of levels.
        beta: Dyson index β > 0, a number or a (traced) array.
        validate_args: check the parameters and samples, as in every NumPyro distribution.

    Raises:
        InputError: if n is not a positive whole number.
        ValueError: with ``validate_args=True``, for a width or β that is not positive and finite.

    ALP24 (arXiv:2407.16427), (14), (70)-(72) for n = 2; M. L. Mehta, Random Matrices, (3.3.10).
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"center": finite, "width": finite_positive, "beta": finite_positive}
    _support = ascending
    pytree_aux_fields = ("n",)

    def __init__(self, center: Any, width: Any, n: int, beta: Any = 1.0, *, validate_args: bool | None = None) -> None:
        self.n = check_count("n", n)
        (self.center, self.width, self.beta), batch_shape = parameters(center, width, beta)
        super().__init__(batch_shape=batch_shape, event_shape=(self.n,), validate_args=validate_args)

    @validate_sample
    @compiled
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log P(x₁ ≤ … ≤ xₙ)."""
        value, center, width, beta = as_floats(value, self.center, self.width, self.beta)
        unit = power_of_two(width)
        wide = (width / unit)[..., None]
        far = jax.lax.stop_gradient(reach(value.dtype) * wide)
        y = jnp.clip((value - center[..., None]) / unit[..., None], -far, far) / wide
        repulsion = _log_gaps(value / unit[..., None], wide, self.n)
        charges = self.n + beta * self.n * (self.n - 1) / 2
        log_z = log_mehta(self.n)(beta) - jsp.gammaln(self.n + 1.0)
        total = beta * repulsion - (y**2).sum(-1) / 2 - log_z - charges * jnp.log(wide[..., 0]) - self.n * jnp.log(unit)
        return inside(_ordered(value), total)

    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Any:
        """Exact draws through Dumitriu and Edelman's tridiagonal model."""
        assert key is not None, "a PRNG key is needed"
        center, width = as_floats(self.center, self.width)
        levels = _draw_batch(
            lambda key, beta, shape: hermite_eigenvalues(key=key, n=self.n, beta=beta, shape=shape),
            key,
            (self.beta,),
            sample_shape,
            self.batch_shape,
        )
        return center[..., None] + width[..., None] * levels


class LaguerreBlock(Distribution):
    r"""All n eigenvalues of X = WᵀW, ascending, for m×n Gaussian W: the β-Laguerre ensemble.

    .. math:: P(x_1 \le \dots \le x_n) = \frac{n!}{Z} \prod_{i<j} |x_i - x_j|^\beta
       \prod_i x_i^{\beta(m-n+1)/2-1}\, e^{-x_i/2s^2}

    with Selberg's Z; s is the standard deviation of an element (of each of its real components for β = 2, 4). It is the
    stationary law of Bru's process, rectangular weights under weight decay and additive noise. Events have shape (n,);
    x has the units of s².

    Args:
        width: s > 0.
        n: number of levels, the columns of W.
        m: the rows of W, any real number above n − 1.
        beta: Dyson index β > 0, a number or a (traced) array.
        validate_args: check the parameters and samples, as in every NumPyro distribution.

    Raises:
        InputError: if n is not a positive whole number or a plain m is not above n − 1.
        ValueError: with ``validate_args=True``, for a width, m or β that is not positive and finite.

    M. L. Mehta, Random Matrices, (17.6.5).
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "width": finite_positive,
        "m": finite_positive,
        "beta": finite_positive,
    }
    _support = ascending_nonnegative
    pytree_aux_fields = ("n",)

    def __init__(self, width: Any, n: int, m: Any, beta: Any = 1.0, *, validate_args: bool | None = None) -> None:
        self.n = check_count("n", n)
        if isinstance(m, int | float) and m <= self.n - 1:
            fail("m", f"must be above n − 1 = {self.n - 1}", m)
        (self.width, self.m, self.beta), batch_shape = parameters(width, m, beta)
        super().__init__(batch_shape=batch_shape, event_shape=(self.n,), validate_args=validate_args)

    @validate_sample
    @compiled
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log P(x₁ ≤ … ≤ xₙ)."""
        value, width, m, beta = as_floats(value, self.width, self.m, self.beta)
        unit = power_of_two(width)
        scale = (width / unit) ** 2
        scaled = value / unit[..., None] / unit[..., None]
        x = resolved(scaled, scale[..., None], power=1)
        exponent = beta * (m - self.n + 1) / 2 - 1
        log_z = (
            log_laguerre(self.n)(exponent, beta) - jsp.gammaln(self.n + 1.0) + beta * m * self.n / 2 * jnp.log(scale)
        )
        weight = (exponent[..., None] * jnp.log(x) - x / (2 * scale[..., None])).sum(-1)
        repulsion = _log_gaps(scaled, scale[..., None], self.n)
        total = beta * repulsion + weight - log_z - 2 * self.n * jnp.log(unit)
        return inside(_ordered(value) & (value[..., 0] >= 0), total)

    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Any:
        """Exact draws through Dumitriu and Edelman's bidiagonal model."""
        assert key is not None, "a PRNG key is needed"
        (width,) = as_floats(self.width)
        levels = _draw_batch(
            lambda key, m, beta, shape: laguerre_eigenvalues(key=key, n=self.n, m=m, beta=beta, shape=shape),
            key,
            (self.m, self.beta),
            sample_shape,
            self.batch_shape,
        )
        return width[..., None] ** 2 * levels


def _ordered(value: Any) -> Any:
    return jnp.all(value[..., 1:] >= value[..., :-1], axis=-1)


def _log_gaps(value: Any, unit: Any, n: int) -> Any:
    """Σ_{i<j} log(x_j − x_i) of ascending levels, with ties at the resolution."""
    if n == 1:
        return jnp.zeros(value.shape[:-1], value.dtype)
    first, second = np.triu_indices(n, 1)
    floor = resolution(value.dtype) * jax.lax.stop_gradient(unit)
    ceiling = jax.lax.stop_gradient(2 * reach(value.dtype) * unit)
    return jnp.log(jnp.clip(value[..., second] - value[..., first], floor, ceiling)).sum(-1)


def _draw_batch(
    draw: Any, key: Any, arguments: Any, sample_shape: tuple[int, ...], batch_shape: tuple[int, ...]
) -> Any:
    """``draw(key, *arguments, shape)`` for every element of the batch; one call where all share the arguments."""
    key = key if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else jax.random.wrap_key_data(key)
    arguments = as_floats(*arguments)
    if all(argument.size == 1 for argument in arguments):
        return draw(key, *(argument.reshape(()) for argument in arguments), (*sample_shape, *batch_shape))
    columns = [jnp.broadcast_to(argument, batch_shape).ravel() for argument in arguments]
    keys = jax.random.split(key, columns[0].size)
    levels = jax.vmap(lambda key, *values: draw(key, *values, tuple(sample_shape)))(keys, *columns)
    return jnp.moveaxis(levels, 0, len(sample_shape)).reshape(*sample_shape, *batch_shape, -1)
