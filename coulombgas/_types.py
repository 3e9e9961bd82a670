"""Names for things that several layers pass around."""

from collections.abc import Callable
from os import PathLike
from typing import TypeAlias

import numpy as np

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (done, total) as a long computation advances."""

PathType: TypeAlias = str | PathLike[str]

Numeric: TypeAlias = np.ndarray | np.floating | float | int
"""A number or an array of numbers."""
