"""Tail probabilities and quantiles of Student's t, F and χ²: as in ``scipy.stats``, which takes longer to load than all
else of a small command together."""

from typing import Any

import numpy as np
from scipy import special

Numbers = np.ndarray | float | int | np.integer


def t_sf(value: Numbers, freedom: Numbers) -> Any:
    """P(t > value) of Student's t."""
    return special.stdtr(freedom, -np.asarray(value))


def t_ppf(probability: Numbers, freedom: Numbers) -> Any:
    """The value that Student's t stays below with a probability."""
    return special.stdtrit(freedom, probability)


def f_sf(value: Numbers, above: Numbers, below: Numbers) -> Any:
    """P(F > value) of a ratio of mean squares with ``above`` and ``below`` degrees of freedom."""
    return special.fdtrc(above, below, np.maximum(value, 0.0))


def chi2_sf(value: Numbers, freedom: Numbers) -> Any:
    """P(χ² > value)."""
    return special.chdtrc(freedom, value)


def chi2_isf(probability: Numbers, freedom: Numbers) -> Any:
    """The value that χ² exceeds with a probability."""
    return special.chdtri(freedom, probability)
