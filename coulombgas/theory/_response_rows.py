"""Ratios of widths by temperature and level group, as rows, as a dataset and as text."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._interval import Interval
from coulombgas._results import to_dataset

_REACH = 1.96  # standard errors to either end of 95%
_LINES = 9


def response_rows(
    temperature: np.ndarray,
    log_ratio: np.ndarray,
    error: np.ndarray,
    **levels: tuple[np.ndarray | None, np.ndarray | None],
) -> list[dict[str, Any]]:
    """One row for each temperature and group: ``ratio``, and each of ``levels``, given with its standard error."""
    rows = []
    for point, group in np.ndindex(*log_ratio.shape):
        row: dict[str, Any] = {"temperature": float(temperature[point]), "group": group}
        row["ratio"] = _ratio(float(log_ratio[point, group]), float(error[point, group])).as_dict()
        for name, (mean, own) in levels.items():
            row[name] = None
            if mean is not None and own is not None:
                row[name] = _around(float(mean[point, group]), float(own[point, group])).as_dict()
        rows.append(row)
    return rows


def response_dataset(rows: Sequence[dict[str, Any]], **attrs: Any) -> xr.Dataset:
    """The rows over ``temperature`` and ``group``."""
    own = ("temperature", "group")
    return to_dataset(rows, "row", coords=own, **attrs).set_index(row=list(own)).unstack("row")


def response_table(temperature: np.ndarray, log_ratio: np.ndarray, error: np.ndarray, *, source: str) -> str:
    """A line for each temperature, evenly thinned, and a column for each group."""
    points = np.unique(np.linspace(0, len(temperature) - 1, _LINES).round().astype(int))
    cells = [
        [str(_ratio(*pair)) for pair in zip(log_ratio[point].tolist(), error[point].tolist(), strict=True)]
        for point in points
    ]
    names = [f"group {group}" for group in range(log_ratio.shape[1])]
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    lines = [f"width² over that of the theory, from {source}"]
    for first, row in zip(["T", *(f"{temperature[point]:.4g}" for point in points)], [names, *cells], strict=True):
        lines.append("  ".join([f"{first:>10}", *(cell.ljust(width) for cell, width in zip(row, widths, strict=True))]))
    return "\n".join(line.rstrip() for line in lines)


def _ratio(log: float, error: float) -> Interval:
    mean, lower, upper = (float(np.exp(log + reach * error)) for reach in (0.0, -_REACH, _REACH))
    return Interval(mean, lower, upper, mean * float(error))


def _around(mean: float, error: float) -> Interval:
    return Interval(float(mean), float(mean - _REACH * error), float(mean + _REACH * error), float(error))
