"""How much does one update of one Gaussian RBM cost, against the papers' way (one machine at a time, step by step)?

N = 10, k = 3. Reference: the released PyTorch code, measured once on one core of a machine like ours (410 µs an update
at B = 16), so two processes of it do an update every 205 µs; and a one-at-a-time NumPy loop run here beside ours. CPU
time is user plus system time of all threads; a figure covers a run of 1.6 million updates, its start included.
"""

import time

import numpy as np
from _timing import table
from _workers import throughput

from coulombgas.models import GaussianRBM, free_scalar_field
from coulombgas.training import train

REFERENCE_US = {16: 410.0, 64: 520.0}
RUN = {"learning_rate": 0.02, "replicas": 4096, "init": "fixed-point"}


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


def ours(batch: int, sampler: str, steps: int = 400) -> tuple[float, float]:
    """CPU and wall seconds an RBM-update in one process, compilation excluded."""
    model = GaussianRBM(sampler=sampler)
    run = {**RUN, "batch_size": batch}
    train(model, steps=1, **run)  # pyright: ignore[reportArgumentType]
    best = []
    for _ in range(2):
        cpu, wall = time.process_time(), time.perf_counter()
        train(model, steps=steps, **run)  # pyright: ignore[reportArgumentType]
        best.append((time.process_time() - cpu, time.perf_counter() - wall))
    updates = RUN["replicas"] * steps
    return tuple(min(column) / updates for column in zip(*best, strict=True))  # pyright: ignore[reportReturnType]


def main() -> None:
    rows = []
    for batch in (16, 64):
        loop = one_at_a_time(batch, 3000) * 1e6
        reference = REFERENCE_US[batch] / 2
        for sampler in ("naive", "collapsed", "gram"):
            cpu, wall = (1e6 * value for value in ours(batch, sampler))
            rows.append((batch, sampler, "1", cpu, wall, loop, loop / cpu, reference / wall))
    for batch in (16, 64):
        run = {**RUN, "model": GaussianRBM(sampler="collapsed").config(), "batch_size": batch, "steps": 800}
        wall, cpu = (1e6 * value for value in throughput(run))
        rows.append((batch, "collapsed", "2", cpu, wall, "", "", REFERENCE_US[batch] / 2 / wall))
    header = ("B", "sampler", "processes", "CPU µs/update", "wall µs/update", "NumPy µs", "NumPy/CPU", "reference/wall")
    table(rows, header, "Gaussian RBM, N = 10, k = 3; reference: the papers' code in two processes")


if __name__ == "__main__":
    main()
