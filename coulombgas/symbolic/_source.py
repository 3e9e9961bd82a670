"""An expression as text: LaTeX, plain text, or the source of a NumPy function."""

import textwrap
from collections.abc import Sequence
from typing import Any

import sympy as sp
from sympy.printing.numpy import SciPyPrinter

from ._rewrite import stabilise
from ._to_jax import bind_symbols

_LATEX_NAMES = {
    "width": "s", "width1": "s_{1}", "width2": "s_{2}", "gap": r"\Delta", "center": r"\kappa", "center1": r"\kappa_{1}",
    "center2": r"\kappa_{2}", "mean_spacing": "D", "mu2": r"\mu^{2}", "g2": "g^{2}",
}  # fmt: skip


def to_latex(expression: Any) -> str:
    """The expression in LaTeX, with the papers' letters for the named parameters of this package."""
    names = {symbol: _LATEX_NAMES[symbol.name] for symbol in expression.free_symbols if symbol.name in _LATEX_NAMES}
    return sp.latex(expression, symbol_names=names)


def to_plain(expression: Any) -> str:
    """The expression on one line of plain text, which `parse` reads back when it is algebraic."""
    return str(expression)


def to_numpy_source(expression: Any, args: Sequence[Any] | Any, *, name: str = "function") -> str:
    """Source text of a function that evaluates the expression with NumPy and SciPy only.

    Raises:
        InputError: if a symbol is not in ``args``.
    """
    symbols = bind_symbols(args, [expression], [])
    printer = _Printer({"fully_qualified_modules": True})
    shared, (reduced,) = sp.cse([stabilise(expression)], symbols=sp.numbered_symbols("_x"))
    lines = [f"{symbol} = {printer.doprint(value)}" for symbol, value in shared]
    body = "\n".join([*lines, f"return {printer.doprint(reduced)}"])
    modules = [module for module in ("numpy", "scipy.special") if f"{module}." in body]
    header = "".join(f"import {module}\n" for module in modules) + ("\n\n" if modules else "")
    signature = ", ".join(str(printer.doprint(symbol)) for symbol in symbols)
    return f"{header}def {name}({signature}):\n{textwrap.indent(body, '    ')}\n"


class _Printer(SciPyPrinter):
    """SciPy's names for the stable functions."""

    def _call(self, template: str, node: Any) -> str:
        return "(" + template.format(*(str(self._print(arg)) for arg in node.args)) + ")"

    def _print_NumberSymbol(self, node: Any) -> str:
        names = {sp.pi: "numpy.pi", sp.E: "numpy.e", sp.EulerGamma: "numpy.euler_gamma"}
        return names.get(node) or repr(float(node.evalf(30)))

    def _print_Pi(self, node: Any) -> str:
        return "numpy.pi"

    def _print_bessel_ie(self, node: Any) -> str:
        return self._call("scipy.special.ive({0}, {1}) * numpy.exp(abs({1}) - ({1}))", node)

    def _print_log_i0e(self, node: Any) -> str:
        return self._call("numpy.log(scipy.special.i0e({0})) + abs({0}) - ({0})", node)

    def _print_log_i0(self, node: Any) -> str:
        return self._call("numpy.log(scipy.special.i0e({0})) + abs({0})", node)

    def _print_log1p_ratio(self, node: Any) -> str:
        return self._call("numpy.log1p(({0}) / ({1}))", node)

    def _print_log_erfc(self, node: Any) -> str:
        return self._call("numpy.log(2) + scipy.special.log_ndtr(-numpy.sqrt(2) * ({0}))", node)

    def _print_xlogy(self, node: Any) -> str:
        return self._call("scipy.special.xlogy({0}, {1})", node)

    def _print_log_sum_exp(self, node: Any) -> str:
        return self._call("numpy.logaddexp({0}, {1})", node)

    def _print_lower_gamma_ratio(self, node: Any) -> str:
        return self._call("scipy.special.gammainc({0}, {1})", node)
