"""Boundary checks: what passes comes back normalised, what does not is named."""

import numpy as np
import pytest

from coulombgas import _checks as checks
from coulombgas._checks import InputError


@pytest.mark.parametrize(
    ("check", "value", "result"),
    [
        (checks.check_positive, "0.5", 0.5),
        (checks.check_non_negative, 0, 0.0),
        (checks.check_finite, -2, -2.0),
        (checks.check_count, 3.0, 3),
        (checks.check_count, np.int32(7), 7),
    ],
)
def test_good_values_are_normalised(check, value, result):
    found = check("x", value)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("check", "value", "message"),
    [
        (checks.check_positive, 0, "`x` must be positive and finite, got 0."),
        (checks.check_positive, float("nan"), "`x` must be positive and finite, got nan."),
        (checks.check_positive, None, "`x` must be a number."),
        (checks.check_non_negative, -1e-9, "`x` must be finite and at least 0, got -1e-09."),
        (checks.check_finite, float("inf"), "`x` must be finite, got inf."),
        (checks.check_count, 0, "`x` must be at least 1, got 0."),
        (checks.check_count, True, "`x` must be a whole number, got True."),
        (checks.check_count, 2.5, "`x` must be a whole number, got 2.5."),
    ],
)
def test_bad_values_are_named(check, value, message):
    with pytest.raises(InputError) as caught:
        check("x", value)
    assert str(caught.value) == message


def test_interval_and_choice():
    assert checks.check_in_interval("x", 0.5, 0, 1) == 0.5
    with pytest.raises(InputError, match="between 0 and 1, got 2"):
        checks.check_in_interval("x", 2, 0, 1)
    with pytest.raises(InputError, match="one of 'a', 'b', got 'c'"):
        checks.check_choice("x", "c", ("a", "b"))


def test_arrays():
    np.testing.assert_array_equal(checks.check_finite_array("x", [1, 2]), [1.0, 2.0])
    with pytest.raises(InputError, match=r"2 entries that are NaN or infinite, the first at index \(0, 1\)"):
        checks.check_finite_array("x", [[0, np.nan], [np.inf, 0]])
    with pytest.raises(InputError, match=r"must have 1 dimension, got shape \(1, 2\)"):
        checks.check_finite_array("x", [[0, 1]], ndim=1)
    with pytest.raises(InputError, match="real numbers"):
        checks.check_finite_array("x", ["a"])


def test_long_values_are_shortened():
    with pytest.raises(InputError) as caught:
        checks.check_choice("x", "y" * 1000, ("a",))
    assert len(str(caught.value)) < 200


def test_complex_numbers_are_refused_with_the_first():
    with pytest.raises(InputError, match=r"`x` must be an array of real numbers, got \(1\+2j\)"):
        checks.check_finite_array("x", [1 + 2j, 3])
