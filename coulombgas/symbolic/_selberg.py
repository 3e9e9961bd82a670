r"""Normalisations of the Gaussian and Laguerre Coulomb gases at any size and any Dyson index (Mehta, Selberg)."""

from typing import Any

import sympy as sp

from coulombgas._checks import InputError


def log_mehta_normalisation(size: Any, *, beta: Any = 1, width: Any = 1) -> Any:
    r"""Logarithm of :math:`\int\prod_{i<j}|x_i-x_j|^\beta\,e^{-\sum x_i^2/(2s^2)}\,d^nx`.

    .. math::
        \log Z &= \left(n+\tfrac\beta2 n(n-1)\right)\log s+\tfrac n2\log2\pi\\
        &\quad+\sum_{j=1}^n\left[\log\Gamma(1+\tfrac{j\beta}2)-\log\Gamma(1+\tfrac\beta2)\right]

    Args:
        size: number n of eigenvalues, an integer or a symbol (the sum then stays unevaluated).
        beta: Dyson index, any positive number or symbol.
        width: width s of the weight.

    M. L. Mehta, Random Matrices, (3.3.10) and (17.6.7); ALP24 (arXiv:2407.16427), (72) is n = 2, β = 1.
    """
    size, beta, width = _checked(size), sp.sympify(beta, strict=True), sp.sympify(width, strict=True)
    power = size + beta * size * (size - 1) / 2
    gammas = _sum_from_one(lambda j: sp.loggamma(1 + j * beta / 2), size)
    return power * sp.log(width) + size * sp.log(2 * sp.pi) / 2 + gammas - size * sp.loggamma(1 + beta / 2)


def log_laguerre_normalisation(size: Any, *, exponent: Any, beta: Any = 1, scale: Any = 1) -> Any:
    r"""Logarithm of :math:`\int_{x_i>0}\prod x_i^a\,e^{-\sum x_i/\theta}\prod_{i<j}|x_i-x_j|^\beta\,d^nx`.

    .. math::
        \log Z &= \left(n(a+1)+\tfrac\beta2n(n-1)\right)\log\theta\\
        &\quad+\sum_{j=1}^{n}\left[\log\Gamma(1+\tfrac{j\beta}2)
        +\log\Gamma(a+1+\tfrac{(j-1)\beta}2)-\log\Gamma(1+\tfrac\beta2)\right]

    Args:
        size: number n of eigenvalues, an integer or a symbol.
        exponent: a > −1.
        beta: Dyson index.
        scale: :math:`\theta`.

    M. L. Mehta, Random Matrices, (17.6.5), a limit of Selberg's integral.
    """
    size, a, beta, scale = (
        _checked(size),
        sp.sympify(exponent, strict=True),
        sp.sympify(beta, strict=True),
        sp.sympify(scale, strict=True),
    )
    power = size * (a + 1) + beta * size * (size - 1) / 2
    gammas = _sum_from_one(lambda j: sp.loggamma(1 + j * beta / 2) + sp.loggamma(a + 1 + (j - 1) * beta / 2), size)
    return power * sp.log(scale) + gammas - size * sp.loggamma(1 + beta / 2)


def mehta_normalisation(size: int, *, beta: Any = 1, width: Any = 1) -> Any:
    """The integral of :func:`log_mehta_normalisation` itself, with gamma functions, for an integer size."""
    return _exponential(log_mehta_normalisation(size, beta=beta, width=width))


def laguerre_normalisation(size: int, *, exponent: Any, beta: Any = 1, scale: Any = 1) -> Any:
    """The integral of :func:`log_laguerre_normalisation` itself, with gamma functions, for an integer size."""
    return _exponential(log_laguerre_normalisation(size, exponent=exponent, beta=beta, scale=scale))


def _checked(size: Any) -> Any:
    size = sp.sympify(size, strict=True)
    if size.is_number and not (size.is_Integer and size > 0):
        raise InputError(f"`size` must be a positive integer or a symbol, got {size}.")
    return size


def _sum_from_one(term: Any, size: sp.Expr) -> Any:
    if size.is_Integer:
        return sp.Add(*(term(sp.Integer(j)) for j in range(1, int(size) + 1)))
    index = sp.Symbol("j", integer=True, positive=True)
    return sp.Sum(term(index), (index, 1, size))


def _exponential(log_value: sp.Expr) -> Any:
    factors = []
    for summand in sp.Add.make_args(sp.expand(log_value)):
        coefficient, function = summand.as_independent(sp.log, sp.loggamma, as_Add=False)
        base = sp.gamma(function.args[0]) if isinstance(function, sp.loggamma) else sp.exp(function)
        factors.append(base**coefficient)
    return sp.powsimp(sp.Mul(*factors))
