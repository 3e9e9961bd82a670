r"""Free probability: R-transforms, their sums, and the large-n density of a matrix with fixed levels plus noise."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import sympy as sp

from coulombgas._checks import InputError
from coulombgas._precision import in_x64

from ._to_jax import to_jax

resolvent = sp.Symbol("G")
"""Stieltjes transform G(z) = (1/N) tr 1/(z - X)."""
spectral_argument = sp.Symbol("z")
"""Complex argument z of the Stieltjes transform."""


@dataclass(frozen=True)
class FreeLaw:
    r"""A spectral law at large n, given by its R-transform: :math:`z=1/G+R(G)`.

    The spectrum of a sum of free (independent and rotated at random) matrices has the sum of their R-transforms:
    ``FreeLaw.semicircle(v) + FreeLaw.marchenko_pastur(r)``.

    Args:
        r_transform: R as an expression in the symbol ``resolvent``.
    """

    r_transform: Any

    @classmethod
    def point(cls, place: Any) -> "FreeLaw":
        """All eigenvalues at one point."""
        return cls(sp.sympify(place, strict=True))

    @classmethod
    def semicircle(cls, variance: Any = 1, *, center: Any = 0) -> "FreeLaw":
        r"""R(G) = centre + variance G: the invariant Gaussian matrix, radius :math:`2\sqrt{\rm variance}`."""
        return cls(sp.sympify(center, strict=True) + sp.sympify(variance, strict=True) * resolvent)

    @classmethod
    def marchenko_pastur(cls, ratio: Any, *, mean: Any = 1) -> "FreeLaw":
        r""":math:`R(G)=\bar x/(1-r\bar x\,G)` of X = WᵀW, r = N/M, :math:`\bar x=M\sigma_w^2`; zeros for r > 1."""
        ratio, mean = sp.sympify(ratio, strict=True), sp.sympify(mean, strict=True)
        return cls(mean / (1 - ratio * mean * resolvent))

    def __add__(self, other: "FreeLaw") -> "FreeLaw":
        return FreeLaw(self.r_transform + other.r_transform)

    def scale(self, factor: Any) -> "FreeLaw":
        """The law of factor times the matrix: R_{aX}(G) = a R_X(a G)."""
        factor = sp.sympify(factor, strict=True)
        return FreeLaw(factor * self.r_transform.subs(resolvent, factor * resolvent))

    def equation(self) -> Any:
        """A polynomial in G and z that vanishes at the Stieltjes transform."""
        return sp.expand(sp.fraction(sp.together(resolvent * (spectral_argument - self.r_transform) - 1))[0])

    def stieltjes(self) -> list[Any]:
        """The roots G(z) of :meth:`equation`, the physical branch (G ~ 1/z at large z) among them, up to degree two.

        Raises:
            InputError: the equation is of higher degree; use :meth:`density`.
        """
        polynomial = sp.Poly(self.equation(), resolvent)
        if polynomial.degree() > 2:
            raise InputError(f"`stieltjes` solves up to degree 2, got {polynomial.degree()}: use `density`.")
        return sp.solve(polynomial.as_expr(), resolvent)

    def free_cumulants(self, order: int) -> list[Any]:
        """The first ``order`` free cumulants: the Taylor coefficients of R."""
        derivatives = [self.r_transform]
        for _ in range(order - 1):
            derivatives.append(sp.diff(derivatives[-1], resolvent))
        return [sp.factor(d.subs(resolvent, 0) / sp.factorial(n)) for n, d in enumerate(derivatives)]

    def moments(self, order: int) -> list[Any]:
        r"""The moments 1 … order of the density, from :math:`M(z)=1+\sum_s k_sz^sM(z)^s`."""
        cumulants = self.free_cumulants(order)
        moments: list[Any] = [sp.S.One]
        for n in range(1, order + 1):
            total, power = sp.S.Zero, [sp.S.One]
            for s in range(1, n + 1):
                power = _product(power, moments, n)
                total += cumulants[s - 1] * (power[n - s] if n - s < len(power) else 0)
            moments.append(sp.expand(total))
        return [sp.factor(m) for m in moments[1:]]

    def density(self, parameters: Sequence[Any] = (), *, broadening: float = 1e-9) -> Callable[..., Any]:
        """A JAX function (x, *parameters) -> density, without atoms; see :func:`spectral_density`."""
        map_once = 1 / (spectral_argument - self.r_transform)
        return spectral_density([map_once], [resolvent], parameters, broadening=broadening)


def _product(one: list[Any], two: list[Any], order: int) -> list[Any]:
    """Coefficients of the product of two power series up to an order."""
    size = min(order, len(one) + len(two) - 2) + 1
    return [sum(one[i] * two[n - i] for i in range(n + 1) if i < len(one) and n - i < len(two)) for n in range(size)]


def free_sum_resolvents(size: int) -> tuple[sp.Symbol, ...]:
    """Symbols G_1 … G_n of the diagonal elements of the resolvent."""
    return tuple(sp.symbols(f"G_1:{size + 1}"))


def free_sum(levels: Sequence[Any], variances: Any) -> list[Any]:
    r"""Right-hand sides of :math:`G_i=1/(z-\kappa_i-\sum_jv_{ij}G_j)` for X = diag(κ) + noise.

    Args:
        levels: κ, the n fixed levels (numbers or symbols).
        variances: v, the (n, n) symmetric variances of the elements of the noise, or one number for all.

    Returns:
        n expressions in z and G_1 … G_n; feed them to :func:`spectral_density`.

    Raises:
        InputError: the variances are not a symmetric (n, n) matrix.

    The Dyson equation of a Gaussian matrix with external source at large n; derived here, see derivations/large_n.
    """
    size = len(levels)
    uniform = sp.Matrix(size, size, lambda i, j: variances) if not hasattr(variances, "__len__") else None
    matrix = sp.Matrix(variances) if uniform is None else uniform
    if matrix.shape != (size, size) or matrix != matrix.T:
        raise InputError(f"`variances` must be a symmetric ({size}, {size}) matrix, got shape {matrix.shape}.")
    symbols = free_sum_resolvents(size)
    shifts = [sum(matrix[i, j] * symbols[j] for j in range(size)) for i in range(size)]
    return [1 / (spectral_argument - level - shift) for level, shift in zip(levels, shifts, strict=True)]


def spectral_density(
    maps: Sequence[Any],
    resolvents: Sequence[sp.Symbol],
    parameters: Sequence[Any] = (),
    *,
    broadening: float = 1e-9,
) -> Callable[..., Any]:
    r"""Density :math:`\rho(x)=-\frac1{n\pi}{\rm Im}\sum_iG_i(x+i0)` of resolvents that solve G = F(G, z).

    Far above the real axis the map contracts; from there the solution is followed down to ``broadening`` by Newton
    steps, halving the height each time.

    Args:
        maps: F, n expressions in z, the resolvents and the parameters.
        resolvents: the symbols G_i.
        parameters: further symbols, given at the call after x.
        broadening: imaginary part at which the density is read off, in units of x.

    Returns:
        A function (x, *parameters) -> density, x of any shape, float64; atoms show as Lorentzians of that width.
    """
    system = to_jax(list(maps), (spectral_argument, *resolvents, *parameters))
    size = len(resolvents)

    def at_point(x: Any, *values: Any) -> Any:
        scale = 10.0 * (1.0 + jnp.abs(x)) + sum((jnp.sum(jnp.abs(v)) for v in values), jnp.zeros(()))
        steps = 60  # halvings: from any height up to 1e9 down to a broadening of 1e-9

        def map_at(z: Any, g: Any) -> Any:
            return jnp.stack(system(z, *g, *values))

        def follow(k: Any, g: Any) -> Any:
            height = jnp.maximum(scale * 0.5**k, broadening)
            return _newton(lambda h: h - map_at(x + 1j * height, h), g)

        start = jnp.full((size,), 1.0 / (x + 1j * scale))
        # at this height the map contracts strongly; Newton's method does the rest
        start = jax.lax.fori_loop(0, 20, lambda _, g: map_at(x + 1j * scale, g), start)
        solution = jax.lax.fori_loop(0, steps, follow, start)
        return -jnp.mean(jnp.imag(solution)) / jnp.pi

    at_points = jax.jit(lambda points, values: jax.vmap(lambda p: at_point(p, *values))(points))

    @in_x64
    def density(x: Any, *values: Any) -> Any:
        points = jnp.asarray(x, dtype=float)
        if len(values) != len(parameters):
            raise InputError(f"`parameters` takes {len(parameters)} values, got {len(values)}.")
        return at_points(points.ravel(), values).reshape(points.shape)

    return density


def _newton(function: Callable[[Any], Any], guess: Any, steps: int = 6) -> Any:  # the guess is one halving away
    jacobian = jax.jacfwd(function, holomorphic=True)

    def step(_: Any, g: Any) -> Any:
        return g - jnp.linalg.solve(jacobian(g), function(g))

    return jax.lax.fori_loop(0, steps, step, guess)
