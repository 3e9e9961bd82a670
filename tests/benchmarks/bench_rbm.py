"""How much does one update of one Gaussian RBM cost, against the papers' way (one machine at a time, step by step)?

N = 10, k = 3. Reference: the released PyTorch code, measured once on one core of a machine like ours (410 µs an update
at B = 16), so two processes of it do an update every 205 µs; and a one-at-a-time NumPy loop run here beside ours. CPU
time is user plus system time of all threads. In one process the start of a run (0.3 s) is not counted, in two it is.
"""

import time
from typing import Any

import numpy as np
from _timing import table
from _workers import throughput

from coulombgas.models import GaussianRBM, free_scalar_field
from coulombgas.training import train

REFERENCE_US = {16: 410.0, 64: 520.0}
RUN: dict[str, Any] = {"learning_rate": 0.02, "replicas": 4096, "init": "fixed-point"}


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


def ours(batch: int, sampler: str, steps: int) -> tuple[float, float]:
    """CPU and wall seconds an RBM-update in one process: those of a run less those of a single update."""
    model, run = GaussianRBM(sampler=sampler), {**RUN, "batch_size": batch}

    def seconds(steps: int) -> np.ndarray:
        cpu, wall = time.process_time(), time.perf_counter()
        train(model, steps=steps, **run)
        return np.array([time.process_time() - cpu, time.perf_counter() - wall])

    seconds(1)
    short, long = (np.min([seconds(number) for _ in range(2)], axis=0) for number in (1, steps))
    return tuple((long - short) / RUN["replicas"] / (steps - 1))


def main() -> None:
    rows = []
    for batch, sampler, steps in (
        (16, "naive", 100),
        (16, "collapsed", 300),
        (16, "gram", 150),
        (64, "collapsed", 80),
        (64, "gram", 150),
    ):
        cpu, wall = (1e6 * value for value in ours(batch, sampler, steps))
        loop = one_at_a_time(batch, 3000) * 1e6
        rows.append((batch, sampler, "1", cpu, wall, loop, loop / cpu, REFERENCE_US[batch] / 2 / wall))
    run = {**RUN, "model": GaussianRBM(sampler="collapsed").config(), "batch_size": 16, "steps": 600}
    wall, cpu = (1e6 * value for value in throughput(run))
    rows.append((16, "collapsed", "2", cpu, wall, "", "", REFERENCE_US[16] / 2 / wall))
    header = ("B", "sampler", "proc.", "CPU µs", "wall µs", "NumPy µs", "×NumPy", "×ref.")
    table(rows, header, "one update of a Gaussian RBM; ×NumPy: by CPU time, ×ref.: the papers' code in 2 processes")


if __name__ == "__main__":
    main()
