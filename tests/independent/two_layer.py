"""The two-layer linear network."""

from collections.abc import Sequence

import numpy as np

from .optimizers import Array, Optimizer, Steps, generator, result, train


def train_two_layer(
    *,
    teacher: Sequence[float],
    learning_rate: float,
    batch_size: int,
    replicas: int,
    steps: Steps,
    seed: int,
    label_noise: float = 0.02,
    ridge: float = 0.0,
    optimizer: Optimizer | None = None,
) -> dict:
    """Replicas of yhat = W2 W1 z that learn y = diag(teacher) z + nu xi, from the balanced fixed point.

    W1 and W2 are N x N; z and xi are standard normal, fresh for each replica. One update::

        G   = (1/B) sum_b [ (W2 W1 - diag(teacher)) z_b - nu xi_b ] z_bᵀ
        g1  = W2ᵀ G + ridge W1,   g2 = G W1ᵀ + ridge W2
        W'  = W - a (g and the optimiser's terms)                      both layers from the old weights

    the gradients of (1/2)|yhat - y|² + (ridge/2)(|W1|² + |W2|²). The singular values rest at
    teacher - ridge - (1 - m) d with momentum m and weight decay d. Levels: singular values of W2 W1,
    ascending. Also returned: ``product``, the variance over replicas of every element of W2 W1 at the recorded steps,
    (N, N) or (step, N, N). Leading order without ridge: s_i² = nu² teacher_i a/B.
    """
    optimizer, rng = optimizer or Optimizer(), generator(seed)
    values = np.sort(np.asarray(teacher, dtype=float))
    rest = values - ridge - optimizer.resting_decay
    if (rest <= 0.0).any():
        raise ValueError(f"`teacher` must be above ridge + weight_decay, got {values}.")
    target, root = np.diag(values), np.diag(np.sqrt(rest))
    shape, variances = (replicas, values.size, batch_size), []

    def gradient(step: int, first: Array, second: Array) -> tuple[Array, Array]:
        del step
        inputs = rng.standard_normal(shape)
        error = (second @ first - target) @ inputs - label_noise * rng.standard_normal(shape)
        slope = error @ inputs.mT / batch_size
        return second.mT @ slope + ridge * first, slope @ first.mT + ridge * second

    def levels(first: Array, second: Array) -> Array:
        product = second @ first
        variances.append(product.var(axis=0, ddof=1))
        return np.linalg.svd(product, compute_uv=False)[:, ::-1]

    start = np.broadcast_to(root, (replicas, *root.shape))
    rule = {"steps": steps, "learning_rate": learning_rate, "optimizer": optimizer}
    eigenvalue = train([start.copy(), start.copy()], gradient, levels, **rule)
    parameters = {"teacher": values, "label_noise": label_noise, "ridge": ridge}
    parameters["product"] = variances[0] if isinstance(steps, int) else np.stack(variances)
    setting = {"learning_rate": learning_rate, "batch_size": batch_size, "steps": steps, "seed": seed}
    return result(eigenvalue, optimizer, **parameters, **setting)
