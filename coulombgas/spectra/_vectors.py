"""Are singular vectors spread like random ones, or localised? Participation numbers compared with their exact null
law."""

import functools
from typing import NamedTuple

import numpy as np

from coulombgas._checks import check_count, check_in_interval, check_seed

_QUANTILE_SAMPLES = 4096  # 82 of them lie beyond the 2% quantile, from which the tail is continued


class Localisation(NamedTuple):
    """Participation numbers 1/Σv⁴ of a set of vectors, compared with vectors uniform on the sphere."""

    mean: float
    """Mean participation number over the expected one, (n + 2)/3: 1 for random vectors."""
    error: float
    """Standard error of the mean."""
    smallest: float
    """Smallest participation number, in components."""
    num_localised: int
    """Number of vectors more concentrated than the most concentrated of equally many random ones, at the stated
    level."""
    modes: tuple[int, ...]
    """Indices of those vectors."""


def localisation(participation: np.ndarray, dimension: int, *, level: float = 0.01, seed: int = 0) -> Localisation:
    r"""Compare participation numbers with those of random unit vectors in ``dimension`` components.

    A uniform unit vector has E Σv⁴ = 3/(n + 2). The threshold is the level/num quantile of 1/Σv⁴, from
    4096 random vectors with the tail of log Σv⁴ continued as an exponential.

    Args:
        participation: 1/Σ_a v_a⁴ of each vector, shape (vector,).
        dimension: number n of components.
        level: probability that any of the vectors is called localised when all are random.
        seed: seed of the random vectors.
    """
    seed = check_seed(seed)
    check_count("dimension", dimension)
    check_in_interval("level", level, 1e-6, 0.5)
    values = np.asarray(participation, dtype=np.float64)
    threshold = np.exp(-_upper_quantile(dimension, level / values.size, seed))
    modes = np.flatnonzero(values < threshold)
    relative = values * 3 / (dimension + 2)
    error = float(relative.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else float("nan")
    return Localisation(float(relative.mean()), error, float(values.min()), modes.size, tuple(modes.tolist()))


def _upper_quantile(dimension: int, probability: float, seed: int) -> float:
    """Upper quantile of log Σv⁴ for random unit vectors."""
    logs = _random_vectors(dimension, seed)
    size = logs.size
    if probability * size > 5:
        return float(np.quantile(logs, 1 - probability))
    tail = logs[-max(size // 50, 10) :]
    # exponential continuation beyond the 2% quantile, which is heavier than the true, Gaussian-like fall
    return float(min(tail[0] + (tail - tail[0]).mean() * np.log(tail.size / size / probability), 0.0))


@functools.lru_cache(maxsize=64)
def _random_vectors(dimension: int, seed: int) -> np.ndarray:
    """log Σv⁴ of random unit vectors, ascending."""
    rng = np.random.default_rng(seed)
    size = min(_QUANTILE_SAMPLES, max(256, (1 << 22) // dimension))
    square = rng.standard_normal((size, dimension)) ** 2
    return np.sort(np.log((square**2).sum(axis=1) / square.sum(axis=1) ** 2))
