"""Boundary checks: an error names the argument, the value and the remedy; a check returns the normalised value."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import numpy as np


class InputError(ValueError):
    """A value given by the user cannot be used; the message says which, why and what to do."""


def fail(argument: str, remedy: str, value: Any = None) -> NoReturn:
    """Raise :class:`InputError` reading "`argument` remedy, got value."."""
    shown = "" if value is None else f", got {_short(value)}"
    raise InputError(f"`{argument}` {remedy}{shown}.")


def printable(text: str) -> str:
    r"""Text of unknown origin, made safe for one line of any terminal: control characters such as ``\x1b`` are
    escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def check_positive(argument: str, value: Any) -> float:
    """A finite number above zero."""
    number = _number(argument, value)
    if not (math.isfinite(number) and number > 0):
        fail(argument, "must be positive and finite", value)
    return number


def check_non_negative(argument: str, value: Any) -> float:
    """A finite number of at least zero."""
    number = _number(argument, value)
    if not (math.isfinite(number) and number >= 0):
        fail(argument, "must be finite and at least 0", value)
    return number


def check_finite(argument: str, value: Any) -> float:
    """A finite number."""
    number = _number(argument, value)
    if not math.isfinite(number):
        fail(argument, "must be finite", value)
    return number


def check_in_interval(argument: str, value: Any, low: Any, high: Any) -> float:
    """A finite number with low ≤ value ≤ high."""
    number = _number(argument, value)
    if not low <= number <= high:
        fail(argument, f"must lie between {low:g} and {high:g}", value)
    return number


def check_count(argument: str, value: Any, minimum: int = 1) -> int:
    """A whole number of at least ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        else:
            fail(argument, "must be a whole number", value)
    if value < minimum:
        fail(argument, f"must be at least {minimum}", int(value))
    return int(value)


def check_seed(value: Any) -> int:
    """A seed of random numbers: a whole number from 0 to 2³² − 1, one word of a JAX key."""
    if (seed := check_count("seed", value, 0)) >= 2**32:
        fail("seed", "must be below 2^32", seed)
    return seed


def check_learning_rate(value: Any) -> float:
    """A learning rate that neither vanishes nor overflows in float32 and its square in float64."""
    number = check_positive("learning_rate", value)
    if not 1e-30 <= number <= 1e15:
        fail("learning_rate", "must lie between 1e-30 and 1e15", value)
    return number


def check_batch_size(value: Any) -> int:
    """A number of samples that a counter of 32 bits holds."""
    if (size := check_count("batch_size", value)) >= 2**31:
        fail("batch_size", "must be below 2^31", size)
    return size


def check_choice(argument: str, value: Any, choices: Iterable[str]) -> str:
    """One of the words in ``choices``."""
    words = list(choices)
    if value not in words:
        fail(argument, "must be one of " + ", ".join(repr(word) for word in words), value)
    return value


def check_finite_array(argument: str, value: Any, *, ndim: int | None = None, any_size: bool = False) -> np.ndarray:
    """A numeric array without NaN or Inf, as float64, whose powers can be computed unless it may have ``any_size``.

    The error counts the bad entries and names the first.
    """
    if np.iscomplexobj(value) and np.size(value):
        fail(argument, "must be an array of real numbers", complex(np.ravel(value)[0]))
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        fail(argument, "must be an array of real numbers", value)
    if ndim is not None and array.ndim != ndim:
        fail(argument, f"must have {ndim} dimension{'s' * (ndim != 1)}", f"shape {array.shape}")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        where = tuple(int(i) for i in bad[0])
        plural = "ies that are" if len(bad) > 1 else "y that is"
        raise InputError(
            f"`{argument}` has {len(bad)} entr{plural} NaN or infinite, the first at index {where}: "
            "remove or repair them before fitting."
        )
    if not any_size:
        check_magnitude(argument, array)
    return array


def check_magnitude(argument: str, values: np.ndarray) -> None:
    """Numbers whose fourth powers stay within double precision, or all zero."""
    largest = float(np.abs(values).max(initial=0.0))
    if largest > 0 and not 1e-70 <= largest <= 1e70:
        fail(argument, "must be between 1e-70 and 1e70 in size at their largest: change the unit", largest)


def as_tuple(value: Any) -> tuple:
    """A scalar or a sequence, as a tuple."""
    return tuple(value) if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str) else (value,)


def _number(argument: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        fail(argument, "must be a number", value)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) and value.startswith("shape ") else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
