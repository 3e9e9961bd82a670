"""How much does one update of one student cost, against the papers' way (one seed at a time)?

N = 2. Reference: the released NumPy code, measured once on one core of a machine like ours at 160 µs an update
(B = 16), so two processes of it do one every 80 µs; and a one-at-a-time NumPy loop run here beside ours.
"""

import time

import numpy as np
from _timing import table
from _workers import throughput

from coulombgas.models import TeacherStudent
from coulombgas.training import train

REFERENCE_US = 160.0


def one_at_a_time(batch: int, steps: int) -> float:
    """Seconds an update of one student in NumPy."""
    random, rate, noise = np.random.default_rng(0), 0.1, 0.1
    weights, teacher = 0.1 * random.normal(size=(2, 2)), 2 * np.eye(2)
    started = time.process_time()
    for _ in range(steps):
        inputs = random.normal(size=(2, batch))
        draws = random.normal(size=(2, 2)) * noise
        symmetric = (draws + draws.T) / np.sqrt(2)
        weights += rate * ((teacher - weights) @ inputs @ inputs.T / batch + symmetric / np.sqrt(batch))
    return (time.process_time() - started) / steps


def ours(batch: int, inputs: str, replicas: int = 30_000, steps: int = 1000) -> tuple[float, float]:
    """CPU and wall seconds a student-update in one process, compilation excluded."""
    model = TeacherStudent(inputs=inputs)
    run = {"learning_rate": 0.1, "batch_size": batch, "replicas": replicas}
    train(model, steps=1, **run)
    best = []
    for _ in range(2):
        cpu, wall = time.process_time(), time.perf_counter()
        train(model, steps=steps, **run)
        best.append((time.process_time() - cpu, time.perf_counter() - wall))
    return tuple(min(column) / replicas / steps for column in zip(*best, strict=True))  # pyright: ignore[reportReturnType]


def main() -> None:
    rows = []
    for batch in (4, 16, 64):
        loop = one_at_a_time(batch, 10_000) * 1e6
        for inputs in ("quenched", "fresh"):
            cpu, wall = (1e6 * value for value in ours(batch, inputs))
            rows.append((batch, inputs, "1", cpu, wall, loop, loop / cpu, REFERENCE_US / 2 / wall))
    run = {
        "model": TeacherStudent().config(),
        "learning_rate": 0.1,
        "replicas": 30_000,
        "batch_size": 16,
        "steps": 2000,
    }
    wall, cpu = (1e6 * value for value in throughput(run))
    rows.append((16, "quenched", "2", cpu, wall, "", "", REFERENCE_US / 2 / wall))
    header = ("B", "inputs", "proc.", "CPU µs", "wall µs", "NumPy µs", "×NumPy", "×ref.")
    table(
        rows, header, "one update of a student; ×NumPy: by CPU time, ×ref.: the papers' code at B = 16 in 2 processes"
    )


if __name__ == "__main__":
    main()
