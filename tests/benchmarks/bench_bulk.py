"""Does the analysis of a matrix hold the truth for entries as they are: light, heavy, sparse, with signals, correlated?

``python tests/benchmarks/bench_bulk.py [PART ...]`` prints one table a part; all take about five minutes.

- noise: independent entries of five laws, unit variance, four shapes. The goal of an interval is its nominal rate, 95%;
  that of false spikes and of a false "not independent" 1% each.
- signals: two signals in Gaussian noise, in units of the threshold ℓ = √(N/M), where ℓ = θ²/(Mv).
- structure: rows or columns that are autoregressive (AR 0.3), and rows of unequal scale (log-normal, 0.3).
- tails: heavy-tailed entries and signals at one size and four aspects; the exponent of θ² is 2.25 in both.
- many: equal signals of three times the threshold, up to a quarter of the rank: how many are counted?
"""

import sys
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from _timing import table

from coulombgas.networks import Independence, SpikeFit, analyse_layer, find_spikes, independence
from coulombgas.spectra import layer_spectrum

SHAPES = ((128, 128), (256, 128), (400, 40), (4000, 20))
LAWS: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "Gaussian": lambda rng, shape: rng.normal(size=shape),
    "uniform": lambda rng, shape: rng.uniform(-np.sqrt(3), np.sqrt(3), shape),
    "Laplace": lambda rng, shape: rng.laplace(size=shape) / np.sqrt(2),
    "Student t5": lambda rng, shape: rng.standard_t(5, size=shape) * np.sqrt(3 / 5),
    "10% sparse": lambda rng, shape: rng.normal(size=shape) * (rng.random(shape) < 0.1) / np.sqrt(0.1),
}
EXPONENT = 2.25
FREEDOM = 2 * (EXPONENT - 1)


def main() -> None:
    """Print the tables of the parts named, or of all."""
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()


class Found(NamedTuple):
    """What :func:`analyse_layer` says of bulk, spikes and independence, without the rest."""

    rows: int
    fit: SpikeFit
    independence: Independence


def analysed(matrices: Iterable[np.ndarray]) -> list[Found]:
    """The matrices of full rank."""
    found = []
    for seed, matrix in enumerate(matrices):
        one = layer_spectrum("w", matrix)
        if one.rank == one.columns:
            fit = find_spikes(one.eigenvalues, one.rows, kurtosis=one.kurtosis, entries=one.entries, seed=seed)
            found.append(Found(one.rows, fit, independence(one, fit.bulk)))
    return found


def signals(rng: np.random.Generator, shape: tuple[int, int], strengths: Iterable[float]) -> np.ndarray:
    """Orthogonal signals, ℓ in units of the threshold of noise of unit variance."""
    square = np.array(list(strengths)) * np.sqrt(shape[0] * shape[1])
    left, right = (np.linalg.qr(rng.normal(size=(side, square.size)))[0] for side in shape)
    return (left * np.sqrt(square)) @ right.T


def percent(events: Iterable[bool]) -> str:
    """Rate of some events."""
    return f"{100 * np.mean(list(events)):.1f}"


def covered(found: list[Found]) -> tuple[str, str]:
    """How often the intervals hold variance 1 and the rows of the matrix."""
    return (
        percent(one.fit.bulk.variance.contains(1.0) for one in found),
        percent(one.fit.bulk.rows.contains(float(one.rows)) for one in found),
    )


def noise(num: int = 200) -> None:
    """Five laws, four shapes."""
    rows, every = [], []
    for name, law in LAWS.items():
        pooled = []
        for shape in SHAPES:
            rng = np.random.default_rng(7)
            results = analysed(law(rng, shape) for _ in range(num))
            rows.append([name, "×".join(map(str, shape)), len(results), *covered(results), *alarms(results)])
            print(*rows[-1], file=sys.stderr, flush=True)
            pooled += results
        rows.append([name, "all", len(pooled), *covered(pooled), *alarms(pooled)])
        every += pooled
    rows.append(["all", "all", len(every), *covered(every), *alarms(every)])
    header = ["entries", "shape", "matrices", "variance", "rows", "false spike", "not MP", "not independent"]
    table(rows, header, "noise: intervals of 95% that hold the truth, and false alarms, %")


def alarms(found: list[Found]) -> tuple[str, str, str]:
    """Rates of a spike, of a bulk that is not Marchenko-Pastur and of entries that are not independent."""
    return (
        percent(one.fit.num_spikes > 0 for one in found),
        percent(not one.fit.bulk.fits for one in found),
        percent(not one.independence.holds for one in found),
    )


def with_signals(num: int = 200) -> None:
    """Two signals at and above the threshold."""
    rows = []
    for strengths in ((1.2, 1.6), (2.0, 4.0)):
        for shape in SHAPES:
            rng = np.random.default_rng(7)
            results = analysed(LAWS["Gaussian"](rng, shape) + signals(rng, shape, strengths) for _ in range(num))
            found = np.mean([one.fit.num_spikes for one in results])
            said = "{} and {}".format(*strengths)
            rows.append([said, "×".join(map(str, shape)), *covered(results), f"{found:.2f}", alarms(results)[2]])
    header = ["ℓ / threshold", "shape", "variance", "rows", "spikes found", "not independent"]
    table(rows, header, f"two signals: intervals of 95% that hold the truth, %, {num} matrices each")


def autoregressive(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Rows that follow each other with correlation 0.3, unit variance."""
    matrix = rng.normal(size=shape)
    for index in range(1, shape[0]):
        matrix[index] = 0.3 * matrix[index - 1] + np.sqrt(1 - 0.3**2) * matrix[index]
    return matrix


STRUCTURES: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "rows AR 0.3": autoregressive,
    "columns AR 0.3": lambda rng, shape: autoregressive(rng, shape[::-1]).T,
    "row scales log-normal 0.3": lambda rng, shape: (
        rng.normal(size=shape) * np.exp(rng.normal(0, 0.3, size=(shape[0], 1)))
    ),
    "column scales log-normal 0.3": lambda rng, shape: (
        rng.normal(size=shape) * np.exp(rng.normal(0, 0.3, size=(1, shape[1])))
    ),
}


def structure(num: int = 100) -> None:
    """Correlated and unequal rows and columns."""
    rows = []
    for name, draw in STRUCTURES.items():
        for shape in ((256, 64), (400, 40)):
            rng = np.random.default_rng(7)
            results = analysed(draw(rng, shape) for _ in range(num))
            spiked, unfit, declared = alarms(results)
            mean = np.mean([one.fit.bulk.rows.mean for one in results])
            rows.append([name, "×".join(map(str, shape)), declared, unfit, spiked, f"{mean:.0f}"])
    header = ["structure", "shape", "not independent", "not MP", "spikes", "effective rows"]
    table(rows, header, f"structure: rates in %, {num} matrices each")


def tails(num: int = 25) -> None:
    """Exponents at four aspects."""
    rows = []
    for name, draw in (("Student entries", heavy_entries), ("64 signals", heavy_signals)):
        for shape in ((384, 384), (768, 192), (1536, 96), (3072, 48)):
            if name != "Student entries" and shape[1] < 64 * 2:
                continue
            rng = np.random.default_rng(7)
            results = [analyse_layer(layer_spectrum("w", draw(rng, shape)), seed=seed) for seed in range(num)]
            cells = []
            for kind in ("tail", "signal_tail"):
                fits = [getattr(layer, kind) for layer in results if getattr(layer, kind) is not None]
                exponents = [fit.exponent for fit in fits]
                cells += [len(fits), f"{np.mean([one.mean for one in exponents]):.2f}" if fits else "–"]
                cells.append(percent(one.contains(EXPONENT) for one in exponents) if fits else "–")
            rows.append([name, "×".join(map(str, shape)), *cells])
    header = ["tail of", "shape", "levels: fits", "mean exponent", "held, %", "θ²: fits", "mean exponent", "held, %"]
    table(rows, header, f"tails: the exponent of θ² is {EXPONENT}, {num} matrices each")


def heavy_entries(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Student entries."""
    return rng.standard_t(FREEDOM, size=shape)


def heavy_signals(rng: np.random.Generator, shape: tuple[int, int], num: int = 64) -> np.ndarray:
    """Signals of power-law strength above twice the threshold, in Gaussian noise."""
    return rng.normal(size=shape) + signals(rng, shape, 2 * rng.random(num) ** (-1 / (EXPONENT - 1)))


def many(num: int = 40, strength: float = 3.0) -> None:
    """How many of k equal signals are counted."""
    rows = []
    for shape in ((256, 256), (512, 256)):
        for count in (1, 2, 4, 8, 16, 32, 64):
            rng = np.random.default_rng(7)
            drawn = (rng.normal(size=shape) + signals(rng, shape, [strength] * count) for _ in range(num))
            results = analysed(drawn)
            found = np.array([one.fit.num_spikes for one in results])
            rows.append(
                ["×".join(map(str, shape)), count, f"{found.mean():.1f}", percent(found == count), *covered(results)]
            )
    header = ["shape", "signals", "counted", "all, %", "variance", "rows"]
    table(rows, header, f"many equal signals of {strength:g} times the threshold, {num} matrices each")


PARTS = {"noise": noise, "signals": with_signals, "structure": structure, "tails": tails, "many": many}


if __name__ == "__main__":
    main()
