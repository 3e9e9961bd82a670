"""A posterior in four numbers."""

from typing import NamedTuple

import numpy as np

PROBABILITY = 0.95


class Interval(NamedTuple):
    """Mean and 95% highest-density interval of a posterior, with its standard deviation."""

    mean: float
    lower: float
    upper: float
    sd: float

    def contains(self, value: float) -> bool:
        """Whether ``value`` lies in the interval."""
        return self.lower <= value <= self.upper

    def as_dict(self) -> dict[str, float]:
        """The interval as ``{"mean", "lower", "upper"}``."""
        return {"mean": self.mean, "lower": self.lower, "upper": self.upper}


def summarise(draws: np.ndarray, probability: float = PROBABILITY) -> Interval:
    """Mean, highest-density interval and standard deviation of draws of any shape."""
    flat = np.sort(np.asarray(draws, dtype=np.float64), axis=None)
    lower, upper = highest_density(flat, probability)
    return Interval(float(flat.mean()), lower, upper, float(flat.std(ddof=1)))


def highest_density(draws: np.ndarray, probability: float = PROBABILITY) -> tuple[float, float]:
    """The shortest interval that holds ``probability`` of the draws."""
    flat = np.sort(np.asarray(draws, dtype=np.float64), axis=None)
    inside = min(int(np.ceil(probability * flat.size)), flat.size - 1)
    start = int(np.argmin(flat[inside:] - flat[: flat.size - inside]))
    return float(flat[start]), float(flat[start + inside])
