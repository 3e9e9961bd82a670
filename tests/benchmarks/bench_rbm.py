"""How much does one update of one Gaussian RBM cost, against the papers' way (one machine at a time, step by step)?

Reference: the released PyTorch code, measured once on a machine like ours at 410 µs an update (B = 16, k = 3, N = 10),
and a faithful one-at-a-time NumPy loop run here beside ours. CPU time is user plus system time of all threads.
"""

import time

import numpy as np
from _timing import table

from coulombgas.models import GaussianRBM, free_scalar_field
from coulombgas.training import train

REFERENCE_US = {8: 380.0, 16: 410.0, 32: 470.0, 64: 520.0}


def one_at_a_time(batch: int, steps: int) -> float:
    """Seconds an update of one RBM in NumPy, k = 3 Gibbs steps drawn one by one."""
    random, size, rate, mu2 = np.random.default_rng(0), 10, 0.02, 9.0
    target = np.diag(1 / free_scalar_field(size))
    weights, chain = 0.1 * random.normal(size=(size, size)), random.normal(size=(batch, size)) / 3
    started = time.process_time()
    for _ in range(steps):
        for _ in range(3):
            hidden = chain @ weights + random.normal(size=(batch, size))
            chain = hidden @ weights.T / mu2 + random.normal(size=(batch, size)) / np.sqrt(mu2)
        weights -= rate * (chain.T @ chain / batch - target) @ weights
    return (time.process_time() - started) / steps


def ours(batch: int, sampler: str, replicas: int = 2048, steps: int = 400) -> tuple[float, float]:
    """CPU and wall seconds an RBM-update, compilation excluded."""
    model = GaussianRBM(sampler=sampler)  # pyright: ignore[reportArgumentType]
    run = {"learning_rate": 0.02, "batch_size": batch, "replicas": replicas, "init": "fixed-point"}
    train(model, steps=1, **run)  # pyright: ignore[reportArgumentType]
    best = []
    for _ in range(3):
        cpu, wall = time.process_time(), time.perf_counter()
        train(model, steps=steps, **run)  # pyright: ignore[reportArgumentType]
        best.append((time.process_time() - cpu, time.perf_counter() - wall))
    return tuple(min(column) / replicas / steps for column in zip(*best, strict=True))  # pyright: ignore[reportReturnType]


def main() -> None:
    rows = []
    for batch in (8, 16, 32, 64):
        loop = one_at_a_time(batch, 3000) * 1e6
        for sampler in ("naive", "collapsed", "gram") if batch > 10 else ("naive", "collapsed"):
            cpu, wall = (1e6 * value for value in ours(batch, sampler))
            rows.append((batch, sampler, cpu, wall, loop, loop / wall, REFERENCE_US[batch] / wall))
    header = ("B", "sampler", "CPU µs/update", "wall µs/update", "NumPy loop µs", "× NumPy", "× PyTorch reference")
    table(rows, header)


if __name__ == "__main__":
    main()
