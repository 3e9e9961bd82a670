"""The closed recursion of one-pass SGD."""

import numpy as np

from ._one_pass import OnePassSGD


def solve_one_pass(system: OnePassSGD) -> dict[str, np.ndarray]:
    """`test_excess`, `overlap`, `correlation`; `train_loss` is that of the coming batch, test excess plus σ²."""
    eta = system.learning_rate
    factor = 1 - 2 * eta + eta**2 * system.curvature()
    limit, step = system.limit(), np.arange(system.steps + 1)
    excess = limit + (system.signal - limit) * factor**step
    later, earlier = np.maximum.outer(step, step), np.minimum.outer(step, step)
    return {
        "test_excess": excess,
        "train_loss": excess + system.noise_variance,
        "overlap": 1 - (1 - eta) ** step,
        "correlation": excess[earlier] * (1 - eta) ** (later - earlier),
    }
