"""One weight matrix reduced to what its analysis needs: levels, shape and how far its singular vectors are spread."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, overload

import numpy as np

from coulombgas._checks import InputError

_CHUNK = 1 << 22  # entries converted to float64 at a time
_MAX_CUTS = 6  # passes that leave out ever smaller outliers among the entries
_RANK_TOLERANCE = 1e-13  # eigenvalues this far below the largest are rounding noise of a float32 matrix


class Participation(NamedTuple):
    """Number of components that carry each singular vector, 1/Σ_a v_a⁴: n/3 for random ones, 1 for localised ones."""

    long: np.ndarray
    """Vectors with as many components as the longer side, one value a mode, modes ascending."""
    short: np.ndarray
    """Vectors with as many components as the shorter side."""


class Change(NamedTuple):
    """How far a matrix has moved from its initial value W₀."""

    relative_distance: float
    """‖W − W₀‖ / ‖W₀‖, Frobenius."""
    spectral_distance: float
    """Kolmogorov distance of the two spectra, each as fractions of its levels."""
    alignment: float
    """Cosine between W and W₀ as vectors: 1 when nothing moved."""
    initial: "LayerSpectrum"
    """Spectrum of the initial matrix."""
    update: "LayerSpectrum"
    """Spectrum of the update W − W₀."""


@dataclass(frozen=True)
class LayerSpectrum:
    """Spectrum of one weight matrix W (M×N after reshaping) and a few numbers that need its entries or vectors."""

    name: str
    shape: tuple[int, int]
    """Rows and columns of the matrix, as stored or as reshaped from a convolution kernel."""
    eigenvalues: np.ndarray
    """Eigenvalues of WᵀW that do not vanish by shape, ascending, shape (min(M, N),), float64."""
    step: int | None = None
    """Training step of the checkpoint, when known."""
    kurtosis: float = 0.0
    """Excess kurtosis of the entries: 0 Gaussian, −1.2 uniform; it sets how sharply the variance is known. Entries
    beyond σ(MN)^{1/4}, the BBP threshold, are left out: each of them makes a spike and is no part of the bulk."""
    participation: Participation | None = None
    """Spread of the singular vectors, when they were computed."""
    change: Change | None = field(default=None, repr=False)
    """Comparison with the initial matrix, when that was given."""
    kind: str = ""
    """What the matrix is, where it is no plain one: "depthwise convolution 3×3", "forget gate", "dequantised AWQ …"."""

    @property
    def rows(self) -> int:
        """Longer side."""
        return max(self.shape)

    @property
    def columns(self) -> int:
        """Shorter side, the number of levels."""
        return min(self.shape)

    @property
    def rank(self) -> int:
        """Number of levels above rounding noise."""
        return int(np.count_nonzero(self.eigenvalues > _RANK_TOLERANCE * self.eigenvalues[-1]))

    @property
    def stable_rank(self) -> float:
        """‖W‖²_F / ‖W‖²: sum of the levels over the largest; 0 for a zero matrix."""
        top = float(self.eigenvalues[-1])
        return float(self.eigenvalues.sum()) / top if top > 0 else 0.0

    @property
    def participation_ratio(self) -> float:
        """(Σx)² / Σx²: effective number of levels; 0 for a zero matrix."""
        square = float((self.eigenvalues**2).sum())
        return float(self.eigenvalues.sum()) ** 2 / square if square > 0 else 0.0


@dataclass(frozen=True)
class NetworkSpectra(Sequence):
    """Spectra of the matrices of one checkpoint or of a trajectory of checkpoints; iterates over the layers."""

    layers: tuple[LayerSpectrum, ...]
    source: tuple[str, ...] = ()
    """Files the matrices came from."""
    skipped: tuple[str, ...] = ()
    """Arrays that are no weight matrices (vectors, integers, optimiser state), one line each."""
    problems: tuple[str, ...] = ()
    """Arrays or files that could not be used, one line each (``keep_going``)."""

    @overload
    def __getitem__(self, index: int) -> LayerSpectrum: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[LayerSpectrum]: ...
    def __getitem__(self, index):
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[LayerSpectrum]:
        return iter(self.layers)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the matrices, each once, in the order of the file."""
        return tuple(dict.fromkeys(layer.name for layer in self.layers))

    @property
    def steps(self) -> tuple[int, ...]:
        """Training steps of a trajectory, ascending; empty when unknown."""
        return tuple(sorted({layer.step for layer in self.layers if layer.step is not None}))


def layer_spectrum(
    name: str,
    matrix: Any,
    *,
    step: int | None = None,
    vectors: bool = True,
    initial: Any = None,
    kind: str = "",
) -> LayerSpectrum:
    """Levels of WᵀW, kurtosis of the entries and participation numbers of the singular vectors of one matrix.

    The Gram matrix of the shorter side is accumulated in float64 over chunks of rows, so memory stays near that of the
    matrix itself.

    Args:
        name: name to carry along.
        matrix: weights, shape (M, N), real.
        step: training step.
        vectors: compute participation numbers, which doubles the cost.
        initial: the same matrix before training.
        kind: what the matrix is, to carry along.

    Raises:
        InputError: for an empty matrix, another shape, or NaN.
    """
    tall = _tall(name, matrix)
    gram, kurtosis = _gram(name, tall)
    participation = None
    if vectors:
        levels, right = np.linalg.eigh(gram)
        participation = _participation(tall, levels, right)
    else:
        levels = np.linalg.eigvalsh(gram)
    levels = np.maximum(levels, 0.0)
    shape = (int(np.shape(matrix)[0]), int(np.shape(matrix)[1]))
    layer = LayerSpectrum(name, shape, levels, step, kurtosis, participation, kind=kind)
    return layer if initial is None else replace(layer, change=_change(layer, matrix, initial))


def _tall(name: str, matrix: Any) -> np.ndarray:
    array = np.asarray(matrix)
    if array.ndim != 2:
        raise InputError(f"{name}: not a matrix, shape {array.shape}.")
    if 0 in array.shape:
        raise InputError(f"{name}: an empty matrix, shape {array.shape}.")
    if array.dtype.kind != "f":
        raise InputError(f"{name}: entries of type {array.dtype} are not real numbers.")
    return array if array.shape[0] >= array.shape[1] else array.T


def _chunks(tall: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    rows = max(1, _CHUNK // tall.shape[1])
    for start in range(0, tall.shape[0], rows):
        part = slice(start, start + rows)
        yield part, tall[part].astype(np.float64)


def _gram(name: str, tall: np.ndarray) -> tuple[np.ndarray, float]:
    gram = np.zeros((tall.shape[1], tall.shape[1]))
    bad, largest, total = 0, 0.0, 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # answered below
        for _, block in _chunks(tall):
            finite = np.isfinite(block)
            if not finite.all():
                bad += int(block.size - np.count_nonzero(finite))
                continue
            gram += block.T @ block
            largest = max(largest, float(block.max()), -float(block.min()))
            total += float(np.vdot(block, block))
    if bad:
        raise InputError(f"{name}: {bad} of {tall.size} entries are NaN or infinite.")
    if not np.isfinite(gram).all():
        raise InputError(f"{name}: entries too large to square.")
    return gram, _kurtosis(tall, largest, total / tall.size)


def _kurtosis(tall: np.ndarray, largest: float, mean_square: float) -> float:
    """Excess kurtosis of the entries that make no spike of their own."""
    if largest == 0.0:
        return 0.0
    cut, variance, kurtosis = largest, mean_square, 0.0
    for index in range(_MAX_CUTS):
        previous, cut = cut, min(cut, float(np.sqrt(variance)) * tall.size**0.25)
        if index and cut == previous:
            break
        moments, num = _moments(tall, cut, everything=cut >= largest)
        if tall.size - num > tall.shape[1] // 2 or moments[1] == 0:  # no outliers: the matrix is sparse
            break
        m1, m2, m3, m4 = moments / num
        central = m2 - m1**2
        fourth = m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
        kurtosis = fourth / central**2 - 3 if central > 1e-12 * m2 and central > 0 else 0.0
        variance = m2 * cut**2
    return float(max(kurtosis, -2.0))


def _moments(tall: np.ndarray, cut: float, *, everything: bool) -> tuple[np.ndarray, int]:
    """Sums of the first four powers of the entries up to ``cut``, in its units, and how many there are."""
    moments, num = np.zeros(4), 0
    for _, block in _chunks(tall):
        kept = (block.ravel() if everything else block[np.abs(block) <= cut]) / cut
        square = kept * kept
        moments += kept.sum(), square.sum(), np.vdot(square, kept), np.vdot(square, square)
        num += kept.size
    return moments, num


def _participation(tall: np.ndarray, levels: np.ndarray, right: np.ndarray) -> Participation:
    short = 1.0 / (right**4).sum(axis=0)
    scale = np.sqrt(np.maximum(levels, _RANK_TOLERANCE * max(levels[-1], np.finfo(float).tiny)))
    fourth, second = np.zeros(levels.size), np.zeros(levels.size)
    for _, block in _chunks(tall):
        square = ((block @ right) / scale) ** 2
        second += square.sum(axis=0)
        fourth += (square**2).sum(axis=0)
    return Participation(np.divide(second**2, fourth, out=np.ones_like(fourth), where=fourth > 0), short)


def _change(layer: LayerSpectrum, matrix: Any, initial: Any) -> Change:
    if np.shape(initial) != np.shape(matrix):
        raise InputError(f"{layer.name}: shape {np.shape(matrix)}, but {np.shape(initial)} at initialisation.")
    before = layer_spectrum(layer.name, initial, step=layer.step, vectors=False)
    difference = np.asarray(matrix, dtype=np.float32) - np.asarray(initial, dtype=np.float32)
    update = layer_spectrum(layer.name, difference, step=layer.step, vectors=False)
    now, then, moved = (float(part.eigenvalues.sum()) for part in (layer, before, update))
    both = np.concatenate([layer.eigenvalues, before.eigenvalues])
    fractions = (
        np.searchsorted(part.eigenvalues, both, side="right") / part.columns for part in (layer, before)
    )  # fmt: skip
    distance = float(np.abs(np.subtract(*fractions)).max())
    product = np.sqrt(now * then)
    alignment = (now + then - moved) / (2 * product) if product > 0 else 0.0
    relative = float(np.sqrt(moved / then)) if then > 0 else float("inf")
    return Change(relative, distance, float(np.clip(alignment, -1, 1)), before, update)
