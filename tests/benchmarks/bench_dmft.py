"""Question: how do the mean-field solvers' times grow with the number of steps, and do they keep their budgets?

Budgets after compilation on two cores: 1000 steps of linear regression in 5 s, 400 steps of the spiked matrix-tensor in
10 s. The ratio is the time over that of half the steps: 8 is cubic, 4 quadratic.
"""

from _timing import best_of, table

from coulombgas.dmft import DeepLinear, LinearRegression, SpikedMatrixTensor

SYSTEMS = {
    "linear regression": (lambda n: LinearRegression(samples_per_dimension=1.5, noise_variance=0.1, steps=n), 1000),
    "linear regression, mini-batches": (
        lambda n: LinearRegression(samples_per_dimension=1.5, noise_variance=0.1, batch_fraction=0.5, steps=n), 1000),
    "spiked tensor, descent": (lambda n: SpikedMatrixTensor(steps=n), 400),
    "spiked tensor, flow": (lambda n: SpikedMatrixTensor(steps=n, method="gradient-flow", learning_rate=0.02), 400),
    "deep linear": (lambda n: DeepLinear(samples_per_dimension=2.0, time_step=4.0 / n, steps=n), 160),
}  # fmt: skip


def main() -> None:
    """Time every system at a quarter, half and all of its steps."""
    rows = []
    for name, (make, steps) in SYSTEMS.items():
        before = None
        for num in (steps // 4, steps // 2, steps):
            seconds = best_of(make(num).solve, repeat=3)
            rows.append([name, num, seconds, seconds / before if before else "-"])
            before = seconds
    table(rows, ["system", "steps", "seconds", "ratio"])


if __name__ == "__main__":
    main()
