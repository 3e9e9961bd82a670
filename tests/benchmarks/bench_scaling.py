"""Does a replica cost the same among 10² and among 10⁵, and does memory stay bounded in replicas and size?

CPU time of one process with all its threads, compilation excluded; memory is the peak of a fresh process.
"""

import time

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
    table(rows, ("replicas", "CPU µs/update"), "one update among many replicas, N = 10")
    run = {"learning_rate": 0.02, "batch_size": 16, "warm": False, "steps": 12, "record": 6}
    rows = []
    for size, replicas in ((10, 750), (10, 7500), (10, 75_000), (256, 128), (512, 128), (1024, 128)):
        peak = peak_memory({**run, "model": GaussianRBM(num_visible=size).config(), "replicas": replicas})
        rows.append((size, replicas, peak, 4 * size**2 * replicas / 2**30))
    table(rows, ("N", "replicas", "peak, GiB", "weights, GiB"), "memory of a fresh process, six records")


if __name__ == "__main__":
    main()
