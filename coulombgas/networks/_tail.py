r"""Tail of a spectrum: posterior of a power-law exponent, and whether a power law describes the tail at all.

Above x_min the density is (a − 1)/x_min (x/x_min)^{−a}; with y = log(x/x_min) and a prior flat in log(a − 1) the
posterior of a − 1 is Gamma(n, Σy), without an upper limit on a. x_min minimises the Kolmogorov distance (Clauset,
Shalizi, Newman, arXiv:0706.1062); its uncertainty is included by a Bayesian bootstrap (Rubin 1981).
The three models are compared by their evidences in y with proper priors on the tail above x_min.

The exponent of the levels differs from that of the signals or entries behind them, and depends on the shape of the
matrix: the edge of pure noise has one, and noise moves the level of a signal or entry θ from θ² to θ² + (M + N)v and
beyond (arXiv:2506.06280 measures the same for Hill's estimate). Exponents are compared between matrices by the
strengths θ² of their signals, corrected for the noise.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import log_ndtr

from coulombgas._checks import InputError, check_count, check_positive, check_seed
from coulombgas._interval import Interval, summarise

from ._bulk import check_positive_levels

MIN_TAIL = 10
MODELS = ("power law", "log-normal", "exponential")
NO_TAIL = "none"
_MAX_CANDIDATES = 64
_NUM_BOOTSTRAP = 40
_MAX_BOOTSTRAP_SIZE = 1 << 21


@dataclass(frozen=True, kw_only=True)
class TailFit:
    """Tail of one spectrum.

    Attributes:
        exponent: power-law exponent a of the density, mean and 95% interval, x_min uncertain.
        minimum: x_min with the smallest Kolmogorov distance.
        num_tail: levels at or above it.
        distance: that Kolmogorov distance.
        probabilities: posterior probability of each of MODELS, equal before.
        preferred: the most probable model, or "none" where the caller found no tail.
    """

    exponent: Interval
    minimum: float
    num_tail: int
    distance: float
    probabilities: dict[str, float] = field(repr=False)
    preferred: str


def fit_tail(eigenvalues: np.ndarray, *, minimum: float | None = None, num_draws: int = 2000, seed: int = 0) -> TailFit:
    """Fit and compare tail models.

    The levels above x_min are taken as independent draws. Large levels of heavy-tailed matrices are; where levels repel
    each other the interval is too wide rather than too narrow.

    Args:
        eigenvalues: positive levels, ascending, shape (N,).
        minimum: x_min, when it is known.
        num_draws: posterior draws.
        seed: seed of the draws.

    Raises:
        InputError: for fewer than 10 levels, or levels that are not positive and ascending.
    """
    seed = check_seed(seed)
    levels = check_positive_levels(eigenvalues)
    check_count("num_draws", num_draws)
    if minimum is not None:
        levels = levels[levels >= check_positive("minimum", minimum)]
    if levels.size < MIN_TAIL:
        raise InputError(f"`eigenvalues` must hold at least {MIN_TAIL} levels in the tail, got {levels.size}.")
    rng = np.random.default_rng(seed)
    logs = np.log(levels)
    starts = _candidates(levels) if minimum is None else np.zeros(1, dtype=int)
    origin = logs[starts] if minimum is None else np.array([np.log(minimum)])
    distances = _distances(logs, starts, origin, np.ones((1, levels.size)))[0]
    best = int(np.argmin(distances))
    picks = np.array([best]) if minimum is not None else _bootstrap(logs, starts, origin, rng)
    tail = logs[starts[best] :] - origin[best]
    probabilities = _compare(tail)
    return TailFit(
        exponent=summarise(1 + _exponent_draws(logs, starts, origin, picks, num_draws, rng)),
        minimum=float(np.exp(origin[best])),
        num_tail=int(tail.size),
        distance=float(distances[best]),
        probabilities=probabilities,
        preferred=max(probabilities, key=lambda name: probabilities[name]),
    )


def _candidates(levels: np.ndarray) -> np.ndarray:
    """Indices of levels that may be x_min: distinct, with at least ten levels from there on."""
    distinct = np.flatnonzero(np.concatenate([[True], np.diff(levels) > 0]))
    possible = distinct[distinct <= levels.size - MIN_TAIL]
    if possible.size == 0 or levels[-1] <= levels[0]:
        raise InputError("`eigenvalues` are all equal: they have no tail.")
    if possible.size <= _MAX_CANDIDATES:
        return possible
    # denser where the tail is short: equal steps in the logarithm of its length
    lengths = np.geomspace(MIN_TAIL, levels.size - possible[0], _MAX_CANDIDATES)
    return np.unique(possible[np.searchsorted(possible, levels.size - lengths).clip(0, possible.size - 1)])


def _distances(logs: np.ndarray, starts: np.ndarray, origin: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted Kolmogorov distance of each tail from its own best power law, shape (weighting, start)."""
    found = np.empty((len(weights), starts.size))
    reverse_mass = np.cumsum(weights[:, ::-1], axis=1)[:, ::-1]
    reverse_logs = np.cumsum((weights * logs)[:, ::-1], axis=1)[:, ::-1]
    for column, (start, zero) in enumerate(zip(starts.tolist(), origin.tolist(), strict=True)):
        mass = reverse_mass[:, start, None]
        rate = mass / np.maximum(reverse_logs[:, start, None] - zero * mass, 1e-300)
        survival = np.exp(-rate * (logs[start:] - zero))
        above = reverse_mass[:, start:] / mass
        below = above - weights[:, start:] / mass
        found[:, column] = np.maximum(np.abs(survival - above), np.abs(survival - below)).max(axis=1)
    return found


def _bootstrap(logs: np.ndarray, starts: np.ndarray, origin: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which start each reweighted copy of the levels prefers."""
    num = int(np.clip(_MAX_BOOTSTRAP_SIZE // (logs.size * starts.size), 8, _NUM_BOOTSTRAP))
    weights = rng.exponential(size=(num, logs.size))
    return np.argmin(_distances(logs, starts, origin, weights), axis=1)


def _exponent_draws(
    logs: np.ndarray,
    starts: np.ndarray,
    origin: np.ndarray,
    picks: np.ndarray,
    num: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draws of a − 1: a start as the bootstrap prefers it, then its gamma posterior."""
    chosen = picks[np.arange(num) % picks.size]
    count = (logs.size - starts)[chosen]
    total = (np.cumsum(logs[::-1])[::-1][starts] - (logs.size - starts) * origin)[chosen]
    return rng.gamma(count) / np.maximum(total, 1e-300)


def _compare(tail: np.ndarray) -> dict[str, float]:
    """Posterior probabilities of MODELS for y = log(x/x_min) ≥ 0."""
    evidences = np.array([_power_law_evidence(tail), _log_normal_evidence(tail), _exponential_evidence(tail)])
    mass = np.exp(evidences - evidences.max())
    return dict(zip(MODELS, (mass / mass.sum()).tolist(), strict=True))


def _power_law_evidence(y: np.ndarray) -> float:
    """y is exponential with rate a − 1, log-uniform on [0.05, 100]."""
    rate = np.geomspace(0.05, 100, 400)
    return _log_mean(y.size * np.log(rate) - rate * y.sum())


def _exponential_evidence(y: np.ndarray) -> float:
    """x/x_min − 1 is exponential with rate log-uniform on [0.001, 100]; the factor e^y turns it into a density of y."""
    rate = np.geomspace(1e-3, 100, 400)
    return _log_mean(y.size * np.log(rate) + y.sum() - rate * np.expm1(np.minimum(y, 700)).sum())


def _log_normal_evidence(y: np.ndarray) -> float:
    """y is normal, cut at zero; width log-uniform on [0.05, 5], centre uniform from 4 widths below zero to 3 above."""
    width = np.geomspace(0.05, 5, 80)[:, None]
    centre = np.linspace(-4, 3, 80) * width
    square = ((y**2).sum() - 2 * centre * y.sum() + y.size * centre**2) / (2 * width**2)
    normal = np.log(np.sqrt(2 * np.pi) * width) + log_ndtr(centre / width)
    return _log_mean(-square - y.size * normal)


def _log_mean(values: np.ndarray) -> float:
    top = values.max()
    return float(top + np.log(np.mean(np.exp(values - top))))
