"""Which sampler of a Gaussian RBM is the fastest where: the measurements behind ``sampler="auto"``.

Every sampler that serves is timed at each number of units N, batch B and Gibbs steps k (CPU time, with a chunk on every
core); the constants of ``coulombgas.models._rbm_cost`` are fitted to them (non-negative, least squares of the relative
errors) and printed beside those that are stored; then how much slower than the fastest sampler the stored choice is.

    python tests/benchmarks/bench_crossovers.py
"""

import numpy as np
from _timing import table
from bench_sizes import cost, ours
from scipy.optimize import nnls

from coulombgas.models import GaussianRBM
from coulombgas.models._rbm_cost import NANOSECONDS, Size, terms

GRID = [(n, batch, k) for n in (8, 16, 32, 64, 128) for batch in (4, 16, 64, 256) for k in (1, 3, 10)]
BUDGET = 0.15


def measure(size: Size, sampler: str) -> float:
    """CPU ns of an update of one machine."""
    model = GaussianRBM(num_visible=size.visible, gibbs_steps=size.gibbs_steps, sampler=sampler)
    chunks = ours(model, size.batch)
    steps = max(2, int(2 * BUDGET / max(cost(chunks.run, 2)[0], 1e-4)))
    return min(cost(chunks.run, steps)[0] for _ in range(2)) / steps / chunks.replicas * 1e9


def main() -> None:
    found: dict[Size, dict[str, float]] = {}
    for n, batch, k in GRID:
        size = Size(n, n, batch, k)
        serve = ["naive", "collapsed"] + (["gram"] if batch > n else [])
        found[size] = {sampler: measure(size, sampler) for sampler in serve}
    rows = []
    for sampler, stored in NANOSECONDS.items():
        sizes = [size for size in found if sampler in found[size]]
        matrix = np.array([terms(sampler, size) / found[size][sampler] for size in sizes])
        rows.append([sampler, str(np.round(nnls(matrix, np.ones(len(sizes)))[0], 3)), str(stored)])
    table(rows, ("sampler", "fitted ns", "stored ns"), "constants of the cost model")
    rows, losses = [], []
    for size, times in found.items():
        chosen = GaussianRBM(num_visible=size.visible, gibbs_steps=size.gibbs_steps).sampler_for(size.batch)
        losses.append(times[chosen] / min(times.values()))
        micros = [times.get(sampler, np.nan) / 1000 for sampler in NANOSECONDS]
        rows.append([size.visible, size.batch, size.gibbs_steps, *micros, chosen, losses[-1]])
    table(
        rows,
        ("N", "B", "k", *(f"{name} µs" for name in NANOSECONDS), "auto", "of the fastest"),
        "CPU time of an update",
    )
    print(f"auto takes {np.mean(losses):.2f} of the fastest on average, {np.max(losses):.2f} at worst")


if __name__ == "__main__":
    main()
