"""The Gaussian restricted Boltzmann machine under PCD-k and CD-k."""

from collections.abc import Sequence

import numpy as np

from .optimizers import Array, Optimizer, Steps, generator, result, train


def gibbs_draw(weight: Array, chain: Array, *, mu2: float, sigma_h2: float, k: int, rng: np.random.Generator) -> Array:
    """k Gibbs steps, one by one: h ~ N(sigma_h² Wᵀ phi, sigma_h²), phi ~ N(W h / mu², 1/mu²)."""
    for _ in range(k):
        mean = sigma_h2 * weight.mT @ chain
        hidden = mean + np.sqrt(sigma_h2) * rng.standard_normal(mean.shape)
        chain = weight @ hidden / mu2 + rng.standard_normal(chain.shape) / np.sqrt(mu2)
    return chain


def exact_draw(weight: Array, chain: Array, *, mu2: float, sigma_h2: float, k: int, rng: np.random.Generator) -> Array:
    """The same k steps as one Gaussian draw, phi' = A^k phi + chol(S_k) eps.

    With A = sigma_h² W Wᵀ / mu² one step is phi' = A phi + N(0, (1 + A) / mu²): the hidden noise arrives through W,
    the visible noise is added. Summed over k steps, S_k = (1 + A)(1 + A² + ... + A^(2k-2)) / mu².
    """
    size = weight.shape[-2]
    one_step = sigma_h2 / mu2 * weight @ weight.mT
    square, power = one_step @ one_step, np.broadcast_to(np.eye(size), one_step.shape)
    series = power
    for _ in range(k - 1):
        power = power @ square
        series = series + power
    root = np.linalg.cholesky((series + one_step @ series) / mu2)
    return np.linalg.matrix_power(one_step, k) @ chain + root @ rng.standard_normal(chain.shape)


def rbm_fixed_point(
    kappa: Sequence[float] | Array,
    *,
    num_hidden: int,
    mu2: float,
    sigma_h2: float = 1.0,
    weight_decay: float = 0.0,
    chains: str = "persistent",
    k: int = 1,
) -> Array:
    """Levels x at the fixed point, for the ``min(N_v, num_hidden)`` smallest kappa, x descending.

    They solve sigma_h² (M(x) - 1/kappa) + d = 0 with weight decay d (times 1 - m under momentum m) and the model's
    second moment M: 1/(mu² - x) for persistent chains; for CD-k the moment after k steps from the data,
    a^2k/kappa + (1 - a^2k)/(mu² - x) with a = x/mu².
    Without weight decay both give x = mu² - kappa.
    """
    learnt = np.sort(np.asarray(kappa, dtype=float))[: min(len(kappa), num_hidden)]

    def slope(x: Array) -> Array:
        memory = (x / mu2) ** (2 * k) if chains == "data" else 0.0
        return sigma_h2 * (memory / learnt + (1.0 - memory) / (mu2 - x) - 1.0 / learnt) + weight_decay

    if (slope(np.zeros_like(learnt)) >= 0.0).any():
        raise ValueError(f"`kappa` of the learnt modes must be below mu² (less with weight decay), got {learnt}.")
    low, high = np.zeros_like(learnt), np.full_like(learnt, mu2 * (1.0 - 1e-12))
    for _ in range(100):  # bisection to the last bit
        middle = (low + high) / 2
        below = slope(middle) < 0.0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def train_rbm(
    *,
    kappa: Sequence[float] | Array,
    learning_rate: float,
    batch_size: int,
    replicas: int,
    steps: Steps,
    seed: int,
    num_hidden: int | None = None,
    mu2: float = 9.0,
    sigma_h2: float = 1.0,
    k: int = 1,
    chains: str = "persistent",
    sampler: str = "exact",
    optimizer: Optimizer | None = None,
) -> dict:
    """Replicas of a Gaussian RBM trained on the target N(0, diag(1/kappa)), from the fixed point.

    W is N_v x N_h; the visible marginal has precision K = mu² - sigma_h² W Wᵀ. One update::

        start  phi    the chains of the update before (PCD-k, chains="persistent"; at first N(0, K^-1) of the fixed
                      point) or fresh draws N(0, diag(1/kappa)) (CD-k, chains="data")
        phi'   = k Gibbs steps from phi at W, in ``batch_size`` chains
        g      = sigma_h² (mean(phi' phi'ᵀ) - diag(1/kappa)) W        the target's moment is exact
        W'     = W - a (g and the optimiser's terms)

    Levels: eigenvalues of sigma_h² WᵀW without the zeros that the shape forces, ascending. The hidden units learn the
    smallest kappa; their levels rest at mu² - kappa. Leading order: s² = 2 sigma_h² x a/B.
    """
    optimizer, rng = optimizer or Optimizer(), generator(seed)
    target = np.sort(np.asarray(kappa, dtype=float))
    hidden = target.size if num_hidden is None else num_hidden
    fixed = {"mu2": mu2, "sigma_h2": sigma_h2, "num_hidden": hidden, "chains": chains, "k": k}
    draw = {"exact": exact_draw, "naive": gibbs_draw}[sampler]
    if chains not in ("persistent", "data") or min(k, hidden, batch_size, replicas) < 1:
        raise ValueError("`chains` must be 'persistent' or 'data', and counts at least 1.")
    level = rbm_fixed_point(target, weight_decay=optimizer.resting_decay, **fixed)
    start = np.zeros((target.size, hidden))
    start[np.arange(level.size), np.arange(level.size)] = np.sqrt(level / sigma_h2)
    precision = np.full(target.size, mu2)
    precision[: level.size] -= level
    spread = np.sqrt(1.0 / (target if chains == "data" else precision))[:, None]
    shape, moment = (replicas, target.size, batch_size), np.diag(1.0 / target)
    memory = {"chain": spread * rng.standard_normal(shape)}

    def gradient(step: int, weight: Array) -> tuple[Array]:
        if chains == "data" and step > 0:
            memory["chain"] = spread * rng.standard_normal(shape)
        chain = draw(weight, memory["chain"], mu2=mu2, sigma_h2=sigma_h2, k=k, rng=rng)
        memory["chain"] = chain
        return (sigma_h2 * (chain @ chain.mT / batch_size - moment) @ weight,)

    def levels(weight: Array) -> Array:
        tall = hidden <= target.size
        return np.linalg.eigvalsh(sigma_h2 * (weight.mT @ weight if tall else weight @ weight.mT))

    weights = [np.broadcast_to(start, (replicas, *start.shape)).copy()]
    rule = {"steps": steps, "learning_rate": learning_rate, "optimizer": optimizer}
    eigenvalue = train(weights, gradient, levels, **rule)
    parameters = {"kappa": target, **fixed, "learning_rate": learning_rate, "batch_size": batch_size}
    return result(eigenvalue, optimizer, **parameters, steps=steps, seed=seed)
