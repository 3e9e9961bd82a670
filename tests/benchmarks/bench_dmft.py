"""Question: how do the mean-field solvers' times grow with the number of steps, and do they keep their budgets?

Budgets after compilation on two cores: 1000 steps of linear regression in 5 s, 400 steps of the spiked matrix-tensor in
10 s. The exponent is log2 of the time over that of half the steps: 3 is cubic, 2 quadratic. CPU seconds are those of
all threads: on a busy machine they say more than the wall time.
"""

import resource
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from _timing import best_of, table

from coulombgas.dmft import DeepLinear, DiagonalNetwork, LinearRegression, SpikedMatrixTensor, solve

SYSTEMS: dict[str, tuple[Callable[[int], Any], int, float | None]] = {
    # name: (system of n steps, n, budget in seconds)
    "linear regression": (lambda n: LinearRegression(samples_per_dimension=1.5, noise_variance=0.1, steps=n), 1000, 5),
    "linear regression, mini-batches": (
        lambda n: LinearRegression(samples_per_dimension=1.5, noise_variance=0.1, batch_fraction=0.5, steps=n),
        1000, 5),
    "spiked tensor, descent": (lambda n: SpikedMatrixTensor(steps=n), 400, 10),
    "spiked tensor, Nesterov": (lambda n: SpikedMatrixTensor(steps=n, method="nesterov", momentum=0.5), 400, 10),
    "spiked tensor, flow": (
        lambda n: SpikedMatrixTensor(steps=n, method="gradient-flow", learning_rate=0.02), 400, 10),
    "deep linear": (lambda n: DeepLinear(samples_per_dimension=2.0, time_step=4.0 / n, steps=n), 160, None),
    "diagonal network, 1000 paths": (
        lambda n: DiagonalNetwork(samples_per_dimension=2.0, time_step=2.0 / n, steps=n, paths=1000), 60, None),
}  # fmt: skip


def cpu_seconds() -> float:
    """User and system time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Time every system at half and all of its steps."""
    rows = []
    for name, (make, steps, budget) in SYSTEMS.items():
        before = None
        for num in (steps // 2, steps):
            system = make(num)
            solve(system)  # compiles
            start = cpu_seconds()
            seconds = best_of(partial(solve, system), repeat=1)
            cpu = (cpu_seconds() - start) / 2
            exponent = float(np.log2(cpu / before)) if before else "-"
            verdict = (
                "-" if budget is None or num < steps else f"{'kept' if seconds < budget else 'MISSED'}: {budget} s"
            )
            rows.append([name, num, seconds, cpu, exponent, verdict])
            before = cpu
    table(rows, ["system", "steps", "wall s", "CPU s", "exponent", "budget"], "solutions of mean-field systems")


if __name__ == "__main__":
    main()
