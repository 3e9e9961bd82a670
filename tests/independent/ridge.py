"""Matrix factorisation with a ridge penalty."""

from collections.abc import Sequence

import numpy as np

from .optimizers import Array, Optimizer, Steps, generator, result, train


def train_ridge(
    *,
    target: Sequence[float] = (1.0, 2.0, 2.0),
    ridge: float = 0.5,
    learning_rate: float,
    batch_size: int,
    replicas: int,
    steps: Steps,
    seed: int,
    optimizer: Optimizer | None = None,
) -> dict:
    """Replicas of X = W Wᵀ (W is N x N) that factorise the covariance diag(target) of y, from the fixed point.

    The loss of a mini-batch is (1/4)|W Wᵀ - C_b|² + (ridge/2)|W|², so one update is::

        C_b = (1/B) sum_b y_b y_bᵀ,   y ~ N(0, diag(target)), fresh for each replica
        g   = (W Wᵀ - C_b) W + ridge W
        W'  = W - a (g and the optimiser's terms)

    Levels: eigenvalues of X, ascending; they rest at x = target - ridge - (1 - m) d with momentum m and weight decay d,
    and without these are restored at the rate 2 a x per update. Leading order: s_i² = 2 x_i target_i² a/B.
    """
    optimizer, rng = optimizer or Optimizer(), generator(seed)
    values = np.sort(np.asarray(target, dtype=float))
    rest = values - ridge - optimizer.resting_decay
    if (rest <= 0.0).any():
        raise ValueError(f"`target` must be above ridge + weight_decay, got {values}.")
    root = np.diag(np.sqrt(values))

    def gradient(step: int, weight: Array) -> tuple[Array]:
        del step
        draws = root @ rng.standard_normal((replicas, values.size, batch_size))
        return ((weight @ weight.mT - draws @ draws.mT / batch_size) @ weight + ridge * weight,)

    start = np.broadcast_to(np.diag(np.sqrt(rest)), (replicas, values.size, values.size)).copy()
    rule = {"steps": steps, "learning_rate": learning_rate, "optimizer": optimizer}
    eigenvalue = train([start], gradient, lambda weight: np.linalg.eigvalsh(weight @ weight.mT), **rule)
    parameters = {"target": values, "ridge": ridge, "learning_rate": learning_rate, "batch_size": batch_size}
    return result(eigenvalue, optimizer, **parameters, steps=steps, seed=seed)
