"""Does the analysis of a matrix hold the truth for entries as they are: light, heavy, sparse, with signals, correlated?

``python tests/benchmarks/bench_bulk.py [PART[=NUM] ...]`` prints one table a part, of NUM matrices a cell.

- noise: independent entries of five laws, unit variance, four shapes. The goal of an interval is its nominal rate, 95%;
  that of false spikes and of a false "not independent" 1% each.
- signals: two signals in Gaussian noise, in units of the threshold ℓ = √(N/M), where ℓ = θ²/(Mv).
- structure: rows or columns that are autoregressive (AR 0.3), and rows or columns of unequal scale (log-normal, 0.3):
  are they declared, and does the generalised Marchenko-Pastur law fit? Two controls that it does not know.
- tails: exponents at one size and four aspects, of pure noise, of heavy-tailed entries and of signals; that of θ² is
  2.25 in both. Hill's estimate of the upper half of the levels stands beside, in plain NumPy.
- many: equal signals of three times the threshold, up to a quarter of the rank: how many are counted?

Each cell of a table has random numbers of its own.
"""

import sys
import zlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from _timing import table

from coulombgas.networks import (
    NO_TAIL,
    Independence,
    LayerAnalysis,
    SpikeFit,
    StructuredBulk,
    analyse_layer,
    departing_test,
    find_spikes,
    fit_structure,
    independence,
)
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
    """Print the tables of the parts named, or of all; ``PART=NUM`` takes NUM matrices a cell."""
    for word in sys.argv[1:] or PARTS:
        part, _, number = word.partition("=")
        PARTS[part](*([int(number)] if number else []))


def generator(*cell: object) -> np.random.Generator:
    """Random numbers of one cell of a table."""
    return np.random.default_rng([7, zlib.crc32(repr(cell).encode())])


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
            rng = generator("noise", name, shape)
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
            rng = generator("signals", strengths, shape)
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
    "columns AR 0.3": lambda rng, shape: autoregressive(rng, (shape[1], shape[0])).T,
    "row scales log-normal 0.3": lambda rng, shape: (
        rng.normal(size=shape) * np.exp(rng.normal(0, 0.3, size=(shape[0], 1)))
    ),
    "column scales log-normal 0.3": lambda rng, shape: (
        rng.normal(size=shape) * np.exp(rng.normal(0, 0.3, size=(1, shape[1])))
    ),
}


def linear_scales(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Columns whose scales grow linearly by a factor of ten."""
    return rng.normal(size=shape) * np.linspace(0.2, 2.0, shape[1])


def two_scales(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """One column in eight is three times as large."""
    return rng.normal(size=shape) * np.where(np.arange(shape[1]) % 8 == 0, 3.0, 1.0)


STRUCTURES["column scales linear"] = linear_scales
STRUCTURES["column scales 1 or 3"] = two_scales


def structure(num: int = 100) -> None:
    """Correlated and unequal rows and columns."""
    rows = []
    for name, draw in STRUCTURES.items():
        for shape in ((256, 64), (400, 40)):
            rng = generator("structure", name, shape)
            results, fits = [], []
            for seed in range(num):
                matrix = draw(rng, shape)
                (found,) = analysed([matrix])
                results.append(found)
                fits.append(fitted(found, np.linalg.svd(matrix, compute_uv=False)[::-1] ** 2, shape, seed))
            spiked, unfit, declared = alarms(results)
            rows.append([name, "×".join(map(str, shape)), declared, unfit, spiked, *generalised(fits)])
            print(*rows[-1], file=sys.stderr, flush=True)
    header = ["structure", "shape", "not independent", "not MP", "spikes", "fits", "parameter", "holds 0.3", "beyond"]
    table(rows, header, f"structure: rates in %, {num} matrices each; the last four of the generalised law")


def fitted(found: Found, levels: np.ndarray, shape: tuple[int, int], seed: int) -> StructuredBulk | None:
    """The generalised Marchenko-Pastur fit, as the analysis asks for it."""
    test = departing_test(found.independence)
    known = {"num_spikes": found.fit.bulk.num_spikes, "seed": seed}
    fit = None if test is None else fit_structure(levels, shape, test, **known)
    return fit if fit is not None and fit.fits else None


def generalised(fits: list[StructuredBulk | None]) -> list[str]:
    """How often the law fits, mean and spread of its parameter, coverage of 0.3, and false levels beyond."""
    kept = [one for one in fits if one is not None]
    if not kept:
        return ["0.0", "–", "–", "–"]
    values = np.array([one.parameter.mean for one in kept])
    return [
        percent(one is not None for one in fits),
        f"{values.mean():.3f} ± {values.std():.3f}",
        percent(one.parameter.contains(0.3) for one in kept),
        percent(one.num_beyond > 0 for one in kept),
    ]


ASPECTS = ((384, 384), (768, 192), (1536, 96), (3072, 48))


def tails(num: int = 25) -> None:
    """Exponents at four aspects."""
    rows = []
    for name, draw in (("noise", LAWS["Gaussian"]), ("Student entries", heavy_entries), ("64 signals", heavy_signals)):
        truth = None if name == "noise" else EXPONENT
        for shape in ASPECTS:
            if name == "64 signals" and shape[1] < 64 * 2:
                continue
            rng = generator("tails", name, shape)
            layers = [analyse_layer(layer_spectrum("w", draw(rng, shape)), seed=seed) for seed in range(num)]
            levels = [layer.spectrum.eigenvalues for layer in layers]
            plain = f"{np.mean([hill(one) for one in levels]):.2f}"
            none = percent(layer.tail is not None and layer.tail.preferred == NO_TAIL for layer in layers)
            ours, signal = (exponents(layers, kind, truth) for kind in ("tail", "signal_tail"))
            rows.append([name, "×".join(map(str, shape)), plain, *ours, none, *signal])
            print(*rows[-1], file=sys.stderr, flush=True)
    header = ["tail of", "shape", "Hill", "levels", "held, %", "“none”, %", "θ²", "held, %"]
    table(rows, header, f"tails: mean exponents, {num} matrices each; that of θ² is {EXPONENT}")


def exponents(layers: list[LayerAnalysis], kind: str, truth: float | None) -> tuple[str, str]:
    """Mean exponent of the fits of one kind, and how often their intervals hold the truth, where there is one."""
    fits = [getattr(layer, kind).exponent for layer in layers if getattr(layer, kind) is not None]
    if not fits:
        return "–", "–"
    number = "" if len(fits) == len(layers) else f" ({len(fits)})"
    held = "–" if truth is None else percent(one.contains(truth) for one in fits)
    return f"{np.mean([one.mean for one in fits]):.2f}{number}", held


def hill(levels: np.ndarray) -> float:
    """Hill's exponent of the upper half of the levels, as arXiv:2506.06280 takes it."""
    half = levels.size // 2
    return 1 + half / float(np.log(levels[-half:] / levels[-half - 1]).sum())


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
            rng = generator("many", count, shape)
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
