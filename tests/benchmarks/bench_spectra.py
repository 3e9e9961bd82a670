"""How long do the spectral analysis of layers and the statistics of many levels take, after compilation?

Goals: a 1000×1000 matrix with its posterior in under 2 s; 16 matrices of 128×512 in under 2 s; unfolding, spacings and
repulsion of 10⁴ levels in under 20 ms; Σ² and Δ₃ at 18 lengths in under 0.1 s. The reference times of weightwatcher and
empyricalRMT were measured on a machine of the same kind (2 cores), without their interval or fit where they have none.

The second table sets the bulk fit beside what is done by hand: histogram, Marchenko-Pastur curve, least squares for the
variance (here), as weightwatcher and scikit-rmt do it too: time, and error of the variance on noise and under five
strong signals, in percent.
"""

import time
from collections.abc import Callable

import numpy as np
from _timing import best_of, table
from scipy.linalg import eigvalsh_tridiagonal
from scipy.optimize import minimize_scalar

from coulombgas.laws import mp_density
from coulombgas.networks import analyse, find_spikes, fit_repulsion
from coulombgas.spectra import layer_spectrum, number_variance, rigidity, spacing_ratio, unfold

TRUTH = 0.3


def main() -> None:
    """Print two tables."""
    table(*speed())
    table(*by_hand())


def speed() -> tuple[list, list[str], str]:
    """Times against their goals."""
    rng = np.random.default_rng(0)
    big = rng.normal(size=(1000, 1000)).astype(np.float32)
    batch = [rng.normal(size=(128, 512)).astype(np.float32) for _ in range(16)]
    size = 10_000
    sides = rng.normal(0, np.sqrt(2), size), np.sqrt(rng.chisquare(np.arange(size - 1, 0, -1)))
    levels = np.asarray(eigvalsh_tridiagonal(*sides), dtype=np.float64)
    unfolded = unfold(levels).levels
    lengths = np.linspace(1, 25, 18)

    def spacings() -> None:
        found = unfold(levels)
        fit_repulsion(found.spacings)
        spacing_ratio(levels)

    jobs: list[tuple[str, Callable[[], object], float, str]] = [
        ("1000×1000: all, with vectors", lambda: analyse(layer_spectrum("w", big)), 2.0, "2.9 weightwatcher"),
        ("without vectors", lambda: analyse(layer_spectrum("w", big, vectors=False)), 2.0, "1.4 weightwatcher"),
        ("16 of 128×512", lambda: analyse([layer_spectrum("w", one) for one in batch]), 2.0, "–"),
        ("10⁴ levels: unfold", lambda: unfold(levels), 0.009, "0.009 empyricalRMT"),
        ("10⁴ levels: unfold, repulsion, ratio", spacings, 0.02, "–"),
        ("10⁴ levels: Σ² at 18 lengths", lambda: number_variance(unfolded, lengths), 0.1, "0.84 empyricalRMT"),
        ("10⁴ levels: Δ₃ at 18 lengths", lambda: rigidity(unfolded, lengths), 0.1, "0.11 empyricalRMT"),
    ]
    rows = []
    for name, job, goal, peer in jobs:
        seconds = best_of(job, repeat=5)
        start = time.process_time()
        job()
        rows.append([name, seconds, time.process_time() - start, goal, seconds / goal, peer])
    return rows, ["job", "seconds", "CPU", "goal", "of the goal", "peer, seconds"], "spectral analysis"


def by_hand() -> tuple[list, list[str], str]:
    """The bulk fit beside a histogram fit: time, mean error and scatter of the variance."""
    rng = np.random.default_rng(1)
    shape, rows = (512, 256), []
    left, right = (np.linalg.qr(rng.normal(size=(side, 5)))[0] for side in shape)
    for name, strength in (("noise", 0.0), ("noise and five signals", 6.0)):
        signals = left @ right.T * np.sqrt(strength * shape[0] * TRUTH)
        matrices = signals + np.sqrt(TRUTH) * rng.normal(size=(20, *shape))
        spectra = np.linalg.svd(matrices, compute_uv=False)[:, ::-1] ** 2
        for method, fit in (("histogram", histogram_fit), ("posterior", posterior_fit)):
            seconds = best_of(lambda fit=fit, spectra=spectra: fit(spectra[0], shape[0]), repeat=5)
            errors = 100 * (np.array([fit(levels, shape[0]) for levels in spectra]) / TRUTH - 1)
            rows.append([name, method, seconds, errors.mean(), errors.std(ddof=1)])
    return rows, ["512×256", "fit", "seconds", "mean error, %", "scatter, %"], "variance of the bulk"


def histogram_fit(levels: np.ndarray, rows: int, bins: int = 100) -> float:
    """Variance whose Marchenko-Pastur curve is nearest to the histogram of all levels."""
    heights, edges = np.histogram(levels, bins=bins, density=True)
    centres = (edges[1:] + edges[:-1]) / 2
    guess = levels.mean() / rows

    def misfit(log_ratio: float) -> float:
        return float(((mp_density(centres, guess * np.exp(log_ratio), rows, levels.size) - heights) ** 2).sum())

    grid = np.linspace(-1, 1, 200)
    best = grid[np.argmin([misfit(value) for value in grid])]
    found = minimize_scalar(misfit, bounds=(best - 0.02, best + 0.02), method="bounded")
    return guess * float(np.exp(found.x))


def posterior_fit(levels: np.ndarray, rows: int) -> float:
    """Posterior mean of the variance, spikes found and set aside, with its interval and p-values on the way."""
    return find_spikes(levels, rows).bulk.variance.mean


if __name__ == "__main__":
    main()
