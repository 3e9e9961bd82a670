"""The items that readers of checkpoints yield: arrays that are described at once and read one at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from coulombgas._checks import InputError
from coulombgas._checks import printable as escaped


@dataclass(frozen=True)
class StoredArray:
    """One array of a checkpoint, not yet read."""

    name: str
    """Name, parts joined by dots."""
    shape: tuple[int, ...]
    """Its shape, as stored."""
    dtype: str
    """Name of the type, as in the file: "F32", "bfloat16", "int64", …"""
    read: Callable[[], np.ndarray]
    """Read it, as float32 or float64.

    Raises:
        InputError: when the data are damaged or of another kind.
    """
    layout: str = ""
    """Order of the axes if the format stores it; empty where it is inferred from the name."""
    kind: str = ""
    """What the matrix is, if not a plain one: "depthwise convolution 3×3", "forget gate", …"""
    raw: Callable[[], np.ndarray] | None = None
    """Read it in its own type, including integers and packed bits; None if a format does not offer this."""

    @property
    def is_real(self) -> bool:
        """Whether the type is floating point of any width."""
        word = self.dtype.lower()
        return word.startswith(("f", "bf", "<f", ">f", "=f"))


@dataclass(frozen=True)
class BadArray:
    """An array whose description is already unusable; ``reason`` is one line."""

    name: str
    reason: str


Reader: TypeAlias = Callable[[Path], Iterator[StoredArray | BadArray]]
"""Yields the arrays of one file in its order; raises InputError when the file as a whole cannot be read."""


def real_array(name: str, values: np.ndarray) -> np.ndarray:
    """The array as float32, or float64 if it is that; half precision and 8-bit floats are widened."""
    array = np.asarray(values)
    if array.dtype == np.float64:
        return array
    if array.dtype.kind == "f" or str(array.dtype).startswith(("bfloat", "float8", "float6", "float4")):
        return array.astype(np.float32)
    raise InputError(f"{name}: entries of type {array.dtype} are not real numbers.")


def printable(name: str, most: int = 200) -> str:
    """A name from a file, made safe for one line of a terminal: control characters escaped, at most ``most``
    characters."""
    clean = escaped(name)
    return clean if len(clean) <= most else clean[: most - 3] + "..."
