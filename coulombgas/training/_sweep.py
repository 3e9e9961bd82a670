"""Settings of a sweep, and the steps at which it is recorded."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from coulombgas._checks import as_tuple, check_batch_size, check_choice, check_count, check_learning_rate, fail


class SettingValues(NamedTuple):
    """One point of a sweep."""

    learning_rate: float
    batch_size: int


def make_settings(
    learning_rate: float | Sequence[float], batch_size: int | Sequence[int], combine: str
) -> tuple[SettingValues, ...]:
    """Every pair ("grid", learning rate slowest) or one pair for each position ("zip").

    Raises:
        InputError: for values out of range, repeated settings, or "zip" of different lengths.
    """
    check_choice("combine", combine, ("grid", "zip"))
    rates = [check_learning_rate(rate) for rate in as_tuple(learning_rate)]
    batches = [check_batch_size(batch) for batch in as_tuple(batch_size)]
    if not rates or not batches:
        fail("learning_rate" if not rates else "batch_size", "needs at least one value", "none")
    if combine == "grid":
        pairs = list(itertools.product(rates, batches))
    else:
        if 1 not in (len(rates), len(batches)) and len(rates) != len(batches):
            fail("batch_size", f"needs one value or {len(rates)}, as many as `learning_rate`", len(batches))
        longest = max(len(rates), len(batches))
        pairs = list(zip(_stretch(rates, longest), _stretch(batches, longest), strict=True))
    if len(set(pairs)) < len(pairs):
        fail("learning_rate", "and `batch_size` repeat a setting: give each once", pairs)
    return tuple(SettingValues(*pair) for pair in pairs)


def _stretch(values: list, length: int) -> list:
    return values * length if len(values) == 1 else values


def make_record(record: int | Sequence[int] | np.ndarray | None, steps: int) -> tuple[int, ...]:
    """Steps at which spectra are kept, ascending: the last, n equally spaced ones ending with the last, or as given.

    Raises:
        InputError: for steps outside 0 … ``steps``.
    """
    if record is None:
        return (steps,)
    if isinstance(record, int | np.integer):
        number = min(check_count("record", record), steps)
        return tuple(round(steps * (i + 1) / number) for i in range(number)) if number else (steps,)
    chosen = sorted({check_count("record", step, 0) for step in as_tuple(record)})
    if not chosen:
        fail("record", "needs at least one step", "none")
    if chosen[-1] > steps:
        fail("record", f"must lie between 0 and `steps` = {steps}", chosen[-1])
    return tuple(chosen)
