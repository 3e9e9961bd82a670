"""Widths of levels from an ensemble of replicas, with standard errors."""

import numpy as np

Array = np.ndarray


def _mean_and_error(squares: Array) -> tuple[float, float]:
    """Mean over replicas; records of one replica are averaged first, so their correlation needs no correction."""
    per_replica = squares.reshape(len(squares), -1).mean(axis=1)
    return float(per_replica.mean()), float(per_replica.std(ddof=1) / np.sqrt(len(per_replica)))


def degenerate_width2(levels: Array) -> tuple[float, float]:
    """s² of a group of n >= 2 degenerate levels and its standard error, from the spread inside each replica.

        s² = < sum_i (x_i - mean(x))² > / (n(n+1)/2 - 1)

    Args:
        levels: the group alone, (replica, mode) or (replica, step, mode).
    """
    size = levels.shape[-1]
    if size < 2:
        raise ValueError("`levels` must hold two modes or more; `single_width2` is for one.")
    squares = ((levels - levels.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
    return _mean_and_error(squares / (size * (size + 1) / 2 - 1))


def single_width2(levels: Array) -> tuple[float, float]:
    """Variance over replicas of one level, (replica,) or (replica, step), and its standard error."""
    count = len(levels)
    return _mean_and_error((levels - levels.mean(axis=0)) ** 2 * count / (count - 1))


def group_width2(eigenvalue: Array, group: list[int]) -> tuple[float, float]:
    """s² of the modes in ``group`` and its standard error: one level or a degenerate group."""
    if len(group) == 1:
        return single_width2(eigenvalue[..., group[0]])
    return degenerate_width2(eigenvalue[..., group])
