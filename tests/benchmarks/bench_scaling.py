"""Does a replica cost the same among 10² and among 10⁵, does the cost grow as N³, and does memory stay bounded?

CPU time of one process with all its threads, compilation excluded; memory is the peak of a fresh process.
"""

import time

import numpy as np
from _timing import table
from _workers import peak_memory

from coulombgas.models import GaussianRBM
from coulombgas.training import train


def cpu_seconds(size: int, replicas: int, steps: int) -> float:
    """CPU seconds an RBM-update: those of a run less those of a single update (start and spectra)."""
    model = GaussianRBM(num_visible=size)

    def run(steps: int) -> float:
        started = time.process_time()
        train(model, learning_rate=0.02, batch_size=16, replicas=replicas, steps=steps, init="fixed-point")
        return time.process_time() - started

    run(1)
    short, long = run(1), run(steps)
    return (long - short) / replicas / (steps - 1)


def main() -> None:
    rows = [(number, 1e6 * cpu_seconds(10, number, 2_000_000 // number)) for number in (100, 1000, 10_000, 100_000)]
    table(rows, ("replicas (N = 10)", "CPU µs/update"))
    sizes = (10, 20, 40, 80)
    cost = [cpu_seconds(size, 256, max(40_000 // size**2, 8)) for size in sizes]
    exponents = [np.nan, *np.diff(np.log(cost)) / np.diff(np.log(sizes))]
    table([(n, 1e6 * c, e) for n, c, e in zip(sizes, cost, exponents, strict=True)], ("N", "CPU µs/update", "exponent"))
    run = {"model": GaussianRBM().config(), "learning_rate": 0.02, "batch_size": 16, "replicas": 75_000, "warm": False}
    peak = peak_memory({**run, "steps": 12, "record": 6})
    table([(75_000, 6, peak)], ("replicas (N = 10)", "recorded steps", "peak memory, GiB"))


if __name__ == "__main__":
    main()
