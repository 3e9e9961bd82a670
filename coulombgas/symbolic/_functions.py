r"""SymPy functions that stay finite in floating point, each with its plain definition.

A log density written with them is the stable form itself: ``to_jax`` evaluates them without overflow or cancellation,
``.doit()`` turns them back into textbook functions, and ``evalf`` works to any precision.
"""

from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.codegen.cfunctions import expm1 as expm1
from sympy.codegen.cfunctions import log1p as log1p
from sympy.core.function import ArgumentIndexError


class StableFunction(sp.Function):
    """A function of real arguments with a textbook definition."""

    args: Any

    if TYPE_CHECKING:

        def __new__(cls, *args: Any) -> Any: ...

    def definition(self) -> Any:
        """The textbook expression."""
        raise NotImplementedError

    def doit(self, **hints: Any) -> Any:
        done = self.func(*(arg.doit(**hints) for arg in self.args))
        return done.definition() if isinstance(done, StableFunction) else done

    def _eval_evalf(self, prec: int) -> Any:
        return self.definition()._eval_evalf(prec)

    def _eval_is_extended_real(self) -> bool | None:
        return True if all(arg.is_extended_real for arg in self.args) else None

    def _derivative(self, index: int) -> Any:
        raise ArgumentIndexError(self, index)

    def fdiff(self, argindex: int = 1) -> Any:
        return self._derivative(argindex)


class bessel_ie(StableFunction):
    r"""Scaled Bessel function :math:`I_n(z) e^{-z}` of integer order."""

    nargs = 2

    @classmethod
    def eval(cls, n: Any, z: Any) -> Any:
        if z.is_zero and n.is_Integer:
            return sp.Integer(1) if n.is_zero else sp.Integer(0)
        return None

    def definition(self) -> Any:
        n, z = self.args
        return sp.besseli(n, z) * sp.exp(-z)

    def _derivative(self, index: int) -> Any:
        n, z = self.args
        if index != 2:
            raise ArgumentIndexError(self, index)
        lower = bessel_ie(sp.Abs(n - 1), z)
        return (lower + bessel_ie(n + 1, z)) / 2 - self

    def _latex(self, printer: Any, exp: Any = None) -> str:
        n, z = (printer._print(arg) for arg in self.args)
        body = rf"\left(e^{{-{z}}} I_{{{n}}}\left({z}\right)\right)"
        return f"{body}^{{{exp}}}" if exp else body


class log_i0(StableFunction):
    r"""Logarithm of the Bessel function, :math:`\log I_0(z)`."""

    nargs = 1

    @classmethod
    def eval(cls, z: Any) -> Any:
        return sp.Integer(0) if z.is_zero else None

    def definition(self) -> Any:
        return sp.log(sp.besseli(0, self.args[0]))

    def _derivative(self, index: int) -> Any:
        (z,) = self.args
        return bessel_ie(1, z) / bessel_ie(0, z)

    def _latex(self, printer: Any, exp: Any = None) -> str:
        body = rf"\log I_0\left({printer._print(self.args[0])}\right)"
        return f"{body}^{{{exp}}}" if exp else body


class log_i0e(StableFunction):
    r"""Logarithm of the scaled Bessel function, :math:`\log I_0(z) - z`."""

    nargs = 1

    @classmethod
    def eval(cls, z: Any) -> Any:
        return sp.Integer(0) if z.is_zero else None

    def definition(self) -> Any:
        (z,) = self.args
        return sp.log(sp.besseli(0, z)) - z

    def _derivative(self, index: int) -> Any:
        (z,) = self.args
        return bessel_ie(1, z) / bessel_ie(0, z) - 1

    def _latex(self, printer: Any, exp: Any = None) -> str:
        z = printer._print(self.args[0])
        body = rf"\log\left(e^{{-{z}}} I_0\left({z}\right)\right)"
        return f"{body}^{{{exp}}}" if exp else body


class log_erfc(StableFunction):
    r"""Logarithm of the complementary error function, :math:`\log \mathrm{erfc}(z)`."""

    nargs = 1

    @classmethod
    def eval(cls, z: Any) -> Any:
        return sp.Integer(0) if z.is_zero else None

    def definition(self) -> Any:
        return sp.log(sp.erfc(self.args[0]))

    def _derivative(self, index: int) -> Any:
        (z,) = self.args
        return -2 * sp.exp(-(z**2) - self) / sp.sqrt(sp.pi)

    def _latex(self, printer: Any, exp: Any = None) -> str:
        body = rf"\log \operatorname{{erfc}}\left({printer._print(self.args[0])}\right)"
        return f"{body}^{{{exp}}}" if exp else body


class xlogy(StableFunction):
    r""":math:`a \log x`, zero where a = 0 even if x = 0."""

    nargs = 2

    @classmethod
    def eval(cls, a: Any, x: Any) -> Any:
        if a.is_zero:
            return sp.Integer(0)
        return sp.Integer(0) if x is sp.S.One else None

    def definition(self) -> Any:
        a, x = self.args
        return a * sp.log(x)

    def _derivative(self, index: int) -> Any:
        a, x = self.args
        return sp.log(x) if index == 1 else a / x

    def _latex(self, printer: Any, exp: Any = None) -> str:
        a, x = self.args
        body = rf"{printer.parenthesize(a, 50)} \log\left({printer._print(x)}\right)"
        return rf"\left({body}\right)^{{{exp}}}" if exp else body


class log1p_ratio(StableFunction):
    r""":math:`\log(1 + n/d)`, accurate near n = 0 and near n = −d."""

    nargs = 2

    def definition(self) -> Any:
        n, d = self.args
        return sp.log(1 + n / d)

    def _derivative(self, index: int) -> Any:
        n, d = self.args
        return 1 / (n + d) if index == 1 else -n / (d * (n + d))

    def _latex(self, printer: Any, exp: Any = None) -> str:
        n, d = (printer._print(arg) for arg in self.args)
        body = rf"\log\left(1 + \frac{{{n}}}{{{d}}}\right)"
        return f"{body}^{{{exp}}}" if exp else body


class log_sum_exp(StableFunction):
    r""":math:`\log(e^a + e^b)` without overflow."""

    nargs = 2

    def definition(self) -> Any:
        a, b = self.args
        return sp.log(sp.exp(a) + sp.exp(b))

    def _derivative(self, index: int) -> Any:
        return sp.exp(self.args[index - 1] - self)

    def _latex(self, printer: Any, exp: Any = None) -> str:
        a, b = (printer._print(arg) for arg in self.args)
        body = rf"\log\left(e^{{{a}}} + e^{{{b}}}\right)"
        return f"{body}^{{{exp}}}" if exp else body


class lower_gamma_ratio(StableFunction):
    r"""Regularised lower incomplete gamma function :math:`P(a, x) = \gamma(a, x)/\Gamma(a)`."""

    nargs = 2

    @classmethod
    def eval(cls, a: Any, x: Any) -> Any:
        return sp.Integer(0) if x.is_zero else None

    def definition(self) -> Any:
        a, x = self.args
        return sp.lowergamma(a, x) / sp.gamma(a)

    def _derivative(self, index: int) -> Any:
        a, x = self.args
        if index != 2:
            raise ArgumentIndexError(self, index)
        return x ** (a - 1) * sp.exp(-x) / sp.gamma(a)

    def _latex(self, printer: Any, exp: Any = None) -> str:
        a, x = (printer._print(arg) for arg in self.args)
        body = rf"P\left({a}, {x}\right)"
        return f"{body}^{{{exp}}}" if exp else body
