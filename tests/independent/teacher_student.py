"""A linear student learns a symmetric teacher matrix."""

from collections.abc import Callable, Sequence

import numpy as np

from .epochs import epoch_batches, whitened
from .optimizers import Array, Optimizer, Steps, generator, result, train

SAMPLING = ("fresh", "quenched", "no-inputs", "epoch", "with-replacement")


def _symmetric(draws: Array, size: int) -> Array:
    """Symmetric matrices (…, N, N) from N(N+1)/2 unit normals: standard deviation 1 off the diagonal, √2 on it."""
    row, column = np.triu_indices(size)
    matrix = np.zeros((*draws.shape[:-1], size, size))
    matrix[..., row, column] = draws * np.where(row == column, np.sqrt(2.0), 1.0)
    matrix[..., column, row] = matrix[..., row, column]
    return matrix


def _population(size: int, batch_size: int, replicas: int, sampling: str, rng: np.random.Generator) -> Callable:
    """Inputs and noise of one update: C_b (replica or 1, N, N) and η/√B (replica, N, N)."""
    sets = replicas if sampling == "fresh" else 1

    def draw() -> tuple[Array, Array]:
        noise = _symmetric(rng.standard_normal((replicas, size * (size + 1) // 2)), size) / np.sqrt(batch_size)
        if sampling == "no-inputs":
            return np.eye(size)[None], noise
        inputs = rng.standard_normal((sets, size, batch_size))
        return inputs @ inputs.mT / batch_size, noise

    return draw


def _data_set(
    size: int, batch_size: int, replicas: int, samples: int, replacement: bool, rng: np.random.Generator
) -> Callable:
    """Mini-batch means over one finite data set, which all replicas share."""
    inputs = whitened(samples, size, rng, centred=False)
    noise = _symmetric(whitened(samples, size * (size + 1) // 2, rng, centred=True), size)
    table = np.concatenate([inputs[:, :, None] * inputs[:, None, :], noise], axis=1).reshape(samples, -1)
    batches = epoch_batches(samples, batch_size, replicas, rng, replacement=replacement)

    def draw() -> tuple[Array, Array]:
        mean = table[next(batches)].mean(axis=1).reshape(replicas, 2 * size, size)
        return mean[:, :size], mean[:, size:]

    return draw


def train_teacher_student(
    *,
    teacher: Sequence[float],
    learning_rate: float,
    batch_size: int,
    replicas: int,
    steps: Steps,
    seed: int,
    noise: float = 0.1,
    sampling: str = "fresh",
    samples: int | None = None,
    optimizer: Optimizer | None = None,
) -> dict:
    """Replicas of a student W (N x N) that learns W_t = diag(teacher), from the fixed point. One update::

        C_b  = (1/B) sum_b z_b z_bᵀ,  z ~ N(0, 1)
        g    = (W - W_t) C_b - (eps/sqrt(B)) eta      eta symmetric, std 1 off the diagonal and sqrt(2) on it
        W'   = W - a (g and the optimiser's terms)

    ``sampling``: "fresh" draws inputs for each replica, "quenched" one C_b for all replicas at each update,
    "no-inputs" sets C_b = 1 (ALP24 (56)). "epoch" shuffles a data set of ``samples`` pairs (z_p, n_p), shared by the
    replicas, in an order of each replica's own and takes batches without replacement,
    g = (1/B) sum_p [(W - W_t) z_p z_pᵀ - eps n_p]; "with-replacement" draws B of them independently. The data set is
    whitened: its means of z zᵀ and n are exactly 1 and 0, the second moments of n exactly those of eta, so the
    full-batch minimum is W_t and draws with replacement have the noise of "fresh".

    With momentum m and weight decay d the fixed point is W_t/(1 + (1 - m) d).
    Levels: eigenvalues of (W + Wᵀ)/2, ascending. Leading order: s² = eps² a/B.
    """
    optimizer, rng = optimizer or Optimizer(), generator(seed)
    levels_at = np.sort(np.asarray(teacher, dtype=float))
    size, target = levels_at.size, np.diag(levels_at)
    if sampling not in SAMPLING or (samples is None) == (sampling in SAMPLING[3:]):
        raise ValueError(f"`sampling` must be one of {SAMPLING}, the last two with `samples`, got {sampling!r}.")
    if samples is None:
        draw = _population(size, batch_size, replicas, sampling, rng)
    else:
        draw = _data_set(size, batch_size, replicas, samples, sampling == "with-replacement", rng)

    def gradient(step: int, weight: Array) -> tuple[Array]:
        del step
        covariance, disorder = draw()
        return ((weight - target) @ covariance - noise * disorder,)

    start = np.broadcast_to(target / (1.0 + optimizer.resting_decay), (replicas, size, size)).copy()
    rule = {"steps": steps, "learning_rate": learning_rate, "optimizer": optimizer}
    eigenvalue = train([start], gradient, lambda weight: np.linalg.eigvalsh((weight + weight.mT) / 2), **rule)
    parameters = {"teacher": levels_at, "noise": noise, "sampling": sampling, "samples": samples}
    setting = {"learning_rate": learning_rate, "batch_size": batch_size, "steps": steps, "seed": seed}
    return result(eigenvalue, optimizer, **parameters, **setting)
