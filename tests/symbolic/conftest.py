"""30-digit values of SymPy expressions at float points: the independent route for everything lambdified."""

import numpy as np
import pytest
import sympy as sp


def _exact(expression, symbols, points, digits=30):
    """``expression`` at each tuple of floats (taken as exact rationals), correctly rounded to float64."""
    values = []
    for point in points:
        substitution = {symbol: sp.Rational(float(value)) for symbol, value in zip(symbols, point, strict=True)}
        values.append(float(sp.sympify(expression.xreplace(substitution)).evalf(digits, maxn=2000)))
    return np.array(values)


def _relative_error(got, expected):
    """max |got − expected| / (1 ∧ |expected|), zero where both are the same infinity."""
    got, expected = np.asarray(got), np.asarray(expected)
    same = got == expected
    scale = np.where(np.abs(expected) > 0, np.abs(expected), 1.0)
    with np.errstate(invalid="ignore"):
        return float(np.max(np.where(same, 0.0, np.abs(got - expected) / scale)))


@pytest.fixture(scope="session")
def exact():
    """The function ``exact(expression, symbols, points)``."""
    return _exact


@pytest.fixture(scope="session")
def relative_error():
    """The function ``relative_error(got, expected)``."""
    return _relative_error
