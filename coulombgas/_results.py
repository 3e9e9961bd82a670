"""Shared by all results: rows of plain Python objects, and the same rows as a dataset."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr


def to_dataset(rows: Sequence[Mapping[str, Any]], dim: str, *, coords: Sequence[str] = (), **attrs: Any) -> xr.Dataset:
    """The rows of ``records()`` as variables over ``dim``.

    A number stays a number; an interval ``{"mean", "lower", "upper"}`` called ``x`` becomes ``x``, ``x_lower`` and
    ``x_upper``; any other mapping becomes one variable per part (``x_part``); None becomes NaN among numbers and ""
    among text. Lists stay in the records only.

    Args:
        rows: mappings with the same keys.
        dim: dimension of the rows.
        coords: keys that identify a row.
        attrs: attributes of the dataset.
    """
    flat = [dict(_flat(row)) for row in rows]
    names = dict.fromkeys(name for row in flat for name in row)
    # a mapping that some rows lack, None there, has only its parts as variables
    whole = {name for row in flat for name, value in row.items() if value is not None}
    names = [name for name in names if name in whole or not any(other.startswith(f"{name}_") for other in whole)]
    columns = {name: (dim, _column([row.get(name) for row in flat])) for name in names}
    return xr.Dataset(columns, attrs=attrs).set_coords([name for name in coords if name in columns])


def _flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            rest = dict(value)
            if "mean" in rest:
                yield name, rest.pop("mean")
            yield from _flat(rest, f"{name}_")
        elif not isinstance(value, list | tuple):
            yield name, value


def _column(values: Sequence[Any]) -> np.ndarray:
    if any(isinstance(value, str) for value in values):
        return np.array(["" if value is None else str(value) for value in values])
    if all(isinstance(value, bool) for value in values):
        return np.array(values)
    if all(isinstance(value, int) for value in values):
        return np.array(values, dtype=np.int64)
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
