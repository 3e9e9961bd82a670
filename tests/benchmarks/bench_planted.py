"""How often does the analysis of a matrix recover what was planted in it?

Matrices of known bulk, spikes on both sides of the BBP threshold and known tail exponent. The goal of an interval is
its nominal rate, 95%; that of false spikes the stated level. Rates have their standard error. Two numbers differ
on purpose: the tail exponent of the levels of a matrix with heavy-tailed entries is that of the entries only in the
limit of large matrices, because noise pushes a level from θ² to about θ² + (M + N) v; the exponent of the signals,
noise corrected, is what compares with the entries. And close to the BBP threshold of a square matrix, where outlier and
edge overlap, a spike is found or not by chance.
"""

from collections.abc import Callable, Iterator

import numpy as np
from _timing import table

from coulombgas.networks import find_spikes, fit_bulk, fit_tail

VARIANCE = 0.3


def main() -> None:
    """Print one table."""
    rows = []
    for name, goal, trials in CASES:
        events = np.array(list(trials(np.random.default_rng(0))), dtype=float)
        rate = events.mean()
        smoothed = (events.sum() + 1) / (events.size + 2)
        error = np.sqrt(smoothed * (1 - smoothed) / events.size)
        rows.append([name, events.size, f"{100 * rate:.1f} ± {100 * error:.1f}", goal])
    table(rows, ["planted", "trials", "rate, %", "goal, %"], "recovery of planted truth")


def levels(matrix: np.ndarray) -> np.ndarray:
    """Eigenvalues of WᵀW, ascending."""
    return np.maximum(np.linalg.eigvalsh(matrix.T @ matrix), 1e-300)


def noise_and_signals(rng: np.random.Generator, shape: tuple[int, int], strengths: tuple[float, ...]) -> np.ndarray:
    """Gaussian noise plus orthogonal signals of strength ℓ = θ²/(M v)."""
    left, right = (np.linalg.qr(rng.normal(size=(side, max(len(strengths), 1))))[0] for side in shape)
    matrix = np.sqrt(VARIANCE) * rng.normal(size=shape)
    return matrix + (left[:, : len(strengths)] * np.sqrt(np.array(strengths) * shape[0] * VARIANCE)) @ (
        right[:, : len(strengths)].T
    )


def pareto(rng: np.random.Generator, exponent: float, size: int) -> np.ndarray:
    """Draws of density exponent ``exponent`` above 1."""
    return (1 - rng.random(size)) ** (-1 / (exponent - 1))


def false_spike(shape: tuple[int, int], num: int, level: float = 0.01):
    """Whether pure noise shows a spike."""

    def trials(rng: np.random.Generator) -> Iterator[bool]:
        for seed in range(num):
            yield (
                find_spikes(
                    levels(noise_and_signals(rng, shape, ())), shape[0], level=level, num_draws=200, seed=seed
                ).num_spikes
                > 0
            )

    return trials


def number_right(shape: tuple[int, int], strengths: tuple[float, ...], num: int):
    """Whether as many spikes are found as lie above the threshold ℓ = √(N/M)."""
    expected = sum(strength > np.sqrt(shape[1] / shape[0]) for strength in strengths)

    def trials(rng: np.random.Generator) -> Iterator[bool]:
        for seed in range(num):
            fit = find_spikes(levels(noise_and_signals(rng, shape, strengths)), shape[0], num_draws=200, seed=seed)
            yield fit.num_spikes == expected

    return trials


def strength_covered(shape: tuple[int, int], strengths: tuple[float, ...], num: int):
    """Whether the interval of each signal found holds its strength."""

    def trials(rng: np.random.Generator) -> Iterator[bool]:
        for seed in range(num):
            fit = find_spikes(levels(noise_and_signals(rng, shape, strengths)), shape[0], num_draws=400, seed=seed)
            for spike, strength in zip(fit.spikes, strengths, strict=False):
                yield spike.strength.contains(float(np.sqrt(strength * shape[0] * VARIANCE)))

    return trials


def bulk_covered(shape: tuple[int, int], strengths: tuple[float, ...], num: int, *, aspect: bool = False):
    """Whether the interval of variance or aspect holds the truth, the number of spikes being known."""

    def trials(rng: np.random.Generator) -> Iterator[bool]:
        for seed in range(num):
            found = levels(noise_and_signals(rng, shape, strengths))
            fit = fit_bulk(found, shape[0], num_spikes=len(strengths), num_draws=800, seed=seed)
            yield fit.aspect.contains(shape[1] / shape[0]) if aspect else fit.variance.contains(VARIANCE)

    return trials


def tail_covered(
    draw: Callable[[np.random.Generator], np.ndarray], exponent: float, num: int, minimum: float | None = None
):
    """Whether the interval of the exponent of levels drawn from a power law holds it."""

    def trials(rng: np.random.Generator) -> Iterator[bool]:
        for seed in range(num):
            yield fit_tail(np.sort(draw(rng)), minimum=minimum, num_draws=800, seed=seed).exponent.contains(exponent)

    return trials


def heavy_entries(freedom: float, shape: tuple[int, int], num: int, *, signals: bool):
    """Whether the exponent 1 + ν/2 of entries of ν degrees of freedom is held, by the signals or by the levels."""

    def trials(rng: np.random.Generator) -> Iterator[bool]:
        for seed in range(num):
            found = levels(rng.standard_t(freedom, size=shape))
            if signals:
                spikes = find_spikes(found, shape[0], num_draws=400, seed=seed).spikes
                found = np.sort([spike.strength.mean**2 for spike in spikes])
            if found.size >= 10:
                yield fit_tail(found, num_draws=400, seed=seed).exponent.contains(1 + freedom / 2)

    return trials


CASES = [
    ("false spike at level 1%, 128×64", "1", false_spike((128, 64), 1000)),
    ("false spike at level 1%, 64×64", "1", false_spike((64, 64), 1000)),
    (
        "number of spikes, 256×128, ℓ = 3, 1.5, 0.4, 0.3 (threshold 0.71)",
        "",
        number_right((256, 128), (3.0, 1.5, 0.4, 0.3), 200),
    ),
    ("number of spikes, 128×128, ℓ = 2 (threshold 1)", "", number_right((128, 128), (2.0,), 300)),
    ("number of spikes, 128×128, ℓ = 1.6", "", number_right((128, 128), (1.6,), 300)),
    ("number of spikes, 128×128, ℓ = 1.3", "", number_right((128, 128), (1.3,), 300)),
    ("strength of the signals found, 256×128, ℓ = 3, 1.5", "95", strength_covered((256, 128), (3.0, 1.5), 200)),
    ("strength of the signals found, 128×128, ℓ = 1.6", "95", strength_covered((128, 128), (1.6,), 300)),
    ("variance, 128×64, four spikes", "95", bulk_covered((128, 64), (1.0, 2.0, 4.0, 8.0), 400)),
    ("aspect, 128×64, four spikes", "95", bulk_covered((128, 64), (1.0, 2.0, 4.0, 8.0), 400, aspect=True)),
    ("variance, 64×64, ℓ = 1.3, 1.6, 2", "95", bulk_covered((64, 64), (1.3, 1.6, 2.0), 400)),
    ("aspect, 64×64, ℓ = 1.3, 1.6, 2", "95", bulk_covered((64, 64), (1.3, 1.6, 2.0), 400, aspect=True)),
    ("exponent 2.5, 200 levels, x_min known", "95", tail_covered(lambda rng: pareto(rng, 2.5, 200), 2.5, 400, 1.0)),
    ("exponent 2.5, 200 levels, x_min unknown", "95", tail_covered(lambda rng: pareto(rng, 2.5, 200), 2.5, 300)),
    (
        "exponent 3.5, 100 levels above a uniform body of 300",
        "95",
        tail_covered(lambda rng: np.concatenate([rng.uniform(0, 1, 300), pareto(rng, 3.5, 100)]), 3.5, 200),
    ),
    ("Student entries, ν = 1.5, 256×128, signals", "95", heavy_entries(1.5, (256, 128), 100, signals=True)),
    ("Student entries, ν = 1.5, 256×128, levels", "", heavy_entries(1.5, (256, 128), 100, signals=False)),
    ("Student entries, ν = 2.5, 512×384, signals", "95", heavy_entries(2.5, (512, 384), 80, signals=True)),
    ("Student entries, ν = 2.5, 512×384, levels", "", heavy_entries(2.5, (512, 384), 80, signals=False)),
]  # fmt: skip


if __name__ == "__main__":
    main()
