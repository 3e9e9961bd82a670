"""How long do the spectral analysis of layers and the statistics of many levels take, after compilation?

Goals: a 1000×1000 matrix with its posterior in under 2 s; 16 matrices of 128×512 in under 2 s; unfolding, spacings and
repulsion of 10⁴ levels in under 20 ms; Σ² and Δ₃ at 18 lengths in under 0.1 s. The reference times of weightwatcher and
empyricalRMT were measured on a machine of the same kind (2 cores), without their interval or fit where they have none.
"""

import numpy as np
from _timing import best_of, table
from scipy.linalg import eigvalsh_tridiagonal

from coulombgas.inference import analyse, fit_repulsion
from coulombgas.spectra import layer_spectrum, number_variance, rigidity, spacing_ratio, unfold


def main() -> None:
    """Print one table."""
    rng = np.random.default_rng(0)
    big = rng.normal(size=(1000, 1000)).astype(np.float32)
    batch = [rng.normal(size=(128, 512)).astype(np.float32) for _ in range(16)]
    size = 10_000
    levels = eigvalsh_tridiagonal(rng.normal(0, np.sqrt(2), size), np.sqrt(rng.chisquare(np.arange(size - 1, 0, -1))))
    unfolded = unfold(levels).levels
    lengths = np.linspace(1, 25, 18)

    def spacings() -> None:
        found = unfold(levels)
        fit_repulsion(found.spacings)
        spacing_ratio(levels)

    jobs = [
        (
            "1000×1000: spectrum, vectors, analysis",
            lambda: analyse(layer_spectrum("w", big)),
            2.0,
            "2.9 (weightwatcher)",
        ),
        (
            "the same without vectors",
            lambda: analyse(layer_spectrum("w", big, vectors=False)),
            2.0,
            "1.4 (weightwatcher)",
        ),
        ("16 of 128×512", lambda: analyse([layer_spectrum("w", one) for one in batch]), 2.0, "–"),
        ("10⁴ levels: unfold, spacings, repulsion, ratio", spacings, 0.02, "0.009 (empyricalRMT)"),
        ("10⁴ levels: Σ² at 18 lengths", lambda: number_variance(unfolded, lengths), 0.1, "0.84 (empyricalRMT)"),
        ("10⁴ levels: Δ₃ at 18 lengths", lambda: rigidity(unfolded, lengths), 0.1, "0.11 (empyricalRMT)"),
    ]
    rows = []
    for name, job, goal, peer in jobs:
        seconds = best_of(job, repeat=3)
        rows.append([name, seconds, goal, seconds / goal, peer])
    table(rows, ["job", "seconds", "goal", "of the goal", "peer, seconds"], "spectral analysis")


if __name__ == "__main__":
    main()
