r"""Isserlis (Wick) contractions of Gaussian averages, and the gradient noise of a quadratic model."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

import sympy as sp

from coulombgas._checks import InputError

Covariance = Mapping[tuple[sp.Symbol, sp.Symbol], Any] | Callable[[sp.Symbol, sp.Symbol], Any]


def pairings(items: Sequence[Any]) -> Iterator[tuple[tuple[Any, Any], ...]]:
    """All ways to group an even number of items into pairs: (2m-1)!! of them.

    Args:
        items: the items to pair; equal items count as distinct.

    Raises:
        InputError: the number of items is odd.
    """
    if len(items) % 2:
        raise InputError(f"`items` must have an even length, got {len(items)}.")
    if not items:
        yield ()
        return
    first, *others = items
    for position, partner in enumerate(others):
        for rest in pairings(others[:position] + others[position + 1 :]):
            yield ((first, partner), *rest)


def isserlis(factors: Sequence[sp.Symbol], covariance: Covariance) -> Any:
    r"""Average of a product of zero-mean jointly Gaussian symbols.

    :math:`\langle\phi_1\cdots\phi_{2m}\rangle = \sum_{\rm pairings}\prod\langle\phi_a\phi_b\rangle`, and zero for an
    odd number of factors.

    Args:
        factors: the symbols, with repetitions.
        covariance: :math:`\langle\phi_a\phi_b\rangle`, a function of two symbols or a mapping of pairs in either
            order (absent pairs are uncorrelated).
    """
    if len(factors) % 2:
        return sp.S.Zero
    contract = _as_function(covariance)
    return sp.Add(*(sp.Mul(*(contract(a, b) for a, b in pairing)) for pairing in pairings(list(factors))))


def gaussian_average(expression: Any, fields: Sequence[sp.Symbol], covariance: Covariance) -> Any:
    r"""Average of a polynomial over zero-mean Gaussian fields.

    Args:
        expression: a polynomial in the fields; coefficients are arbitrary expressions without them.
        fields: the Gaussian symbols.
        covariance: as in :func:`isserlis`.

    Raises:
        InputError: the expression is not a polynomial in the fields.
    """
    try:
        polynomial = sp.Poly(sp.expand(expression), *fields)
    except sp.PolynomialError as error:
        raise InputError(f"`expression` must be a polynomial in {tuple(fields)}, got {expression}.") from error
    terms = []
    for powers, coefficient in polynomial.terms():
        factors = [field for field, power in zip(fields, powers, strict=True) for _ in range(power)]
        terms.append(coefficient * isserlis(factors, covariance))
    return sp.Add(*terms)


def gaussian_covariance(one: Any, two: Any, fields: Sequence[sp.Symbol], covariance: Covariance) -> Any:
    """Connected average ⟨one two⟩ − ⟨one⟩⟨two⟩ of two polynomials of zero-mean Gaussian fields."""
    both = gaussian_average(sp.expand(one * two), fields, covariance)
    means = gaussian_average(one, fields, covariance) * gaussian_average(two, fields, covariance)
    return sp.expand(both - means)


def gradient_noise_covariance(
    energy: Any, fields: Sequence[sp.Symbol], parameters: Sequence[sp.Symbol], *, batch_size: Any = 1
) -> Any:
    r"""Covariance of the mini-batch gradient of a Gaussian energy-based model.

    :math:`C_{ab} = \frac1B\,{\rm Cov}\!\left(\frac{\partial S}{\partial\theta_a},
    \frac{\partial S}{\partial\theta_b}\right)` where the average of :math:`\partial S/\partial\theta` over the model is
    estimated with a batch of B independent samples from :math:`p(\phi)\propto e^{-S(\phi)}`.

    Args:
        energy: S, a quadratic form of the fields; its coefficients depend on the parameters.
        fields: the fluctuating fields.
        parameters: the trained parameters.
        batch_size: B, a number or a symbol.

    Returns:
        The (parameters, parameters) covariance matrix.

    Raises:
        InputError: the energy has terms of a degree other than two in the fields.

    ALP24 (arXiv:2407.16427), Appendix C, (81)-(92), is the case of the Gaussian RBM.
    """
    kernel = sp.hessian(energy, list(fields))
    vector = sp.Matrix(fields)
    if sp.expand(energy - (vector.T * kernel * vector)[0] / 2) != 0 or kernel.free_symbols & set(fields):
        raise InputError(f"`energy` must be a quadratic form of {tuple(fields)}, got {energy}.")
    propagator = kernel.inv()
    index = {field: k for k, field in enumerate(fields)}
    gradients = [sp.diff(energy, parameter) for parameter in parameters]

    def contract(a: sp.Symbol, b: sp.Symbol) -> Any:
        return propagator[index[a], index[b]]

    result = sp.zeros(len(parameters))
    for a, b in combinations_with_replacement(range(len(parameters)), 2):
        value = gaussian_covariance(gradients[a], gradients[b], fields, contract) / batch_size
        result[a, b] = result[b, a] = sp.factor(value)
    return result


def _as_function(covariance: Covariance) -> Callable[[sp.Symbol, sp.Symbol], Any]:
    if callable(covariance):
        return covariance
    return lambda a, b: covariance.get((a, b), covariance.get((b, a), sp.S.Zero))
