"""A finite data set, drawn in epochs without replacement or with it."""

from collections.abc import Iterator

import numpy as np

Array = np.ndarray


def whitened(count: int, size: int, rng: np.random.Generator, *, centred: bool) -> Array:
    """``count`` Gaussian vectors made to have second moment exactly 1 (and mean exactly 0 if ``centred``)."""
    if count <= size:
        raise ValueError(f"the data set must hold more than {size} samples, got {count}.")
    draws = rng.standard_normal((count, size))
    if centred:
        draws -= draws.mean(axis=0)
    return np.linalg.solve(np.linalg.cholesky(draws.T @ draws / count), draws.T).T


def epoch_batches(
    samples: int, batch_size: int, replicas: int, rng: np.random.Generator, *, replacement: bool = False
) -> Iterator[Array]:
    """Indices of the mini-batches, (replica, batch_size), for ever; each replica has its own order.

    Without replacement each epoch is a fresh permutation, cut into ``samples / batch_size`` batches.
    """
    if samples % batch_size:
        raise ValueError(f"`batch_size` must divide the {samples} samples, got {batch_size}.")
    order = np.broadcast_to(np.arange(samples), (replicas, samples))
    while True:
        if replacement:
            yield rng.integers(samples, size=(replicas, batch_size))
        else:
            yield from np.split(rng.permuted(order, axis=1), samples // batch_size, axis=1)


def epoch_variance(
    *, learning_rate: float, decay: float, samples: int, batch_size: int, batch: int, replacement: bool = False
) -> float:
    """Stationary variance of z' = (1 - decay) z + a n over noise n, the mean of B of P numbers of mean 0, variance 1.

    Without replacement the M = P/B batch means of an epoch have variance v = (P - B)/(B(P - 1)) and covariance
    -v/(M - 1), and those of two epochs are independent. ``batch`` updates after an end of an epoch, with q = 1 - decay
    and V(j) = v [ (1 + 1/(M - 1)) sum_{s<j} q^2s - (sum_{s<j} q^s)² / (M - 1) ],
    the variance is a² ( q^(2 batch) V(M)/(1 - q^2M) + V(batch) ). Exact for that linear update.
    """
    q, num = 1.0 - decay, samples // batch_size
    if replacement:
        return learning_rate**2 / batch_size / (1.0 - q**2)
    if num == 1:
        return 0.0
    single = (samples - batch_size) / (batch_size * (samples - 1))

    def gained(updates: int) -> float:
        powers = q ** np.arange(updates)
        return single * ((1.0 + 1.0 / (num - 1)) * (powers**2).sum() - powers.sum() ** 2 / (num - 1))

    return float(learning_rate**2 * (q ** (2 * batch) * gained(num) / (1.0 - q ** (2 * num)) + gained(batch)))
