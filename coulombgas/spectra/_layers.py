"""One weight matrix reduced to what its analysis needs: levels, shape and the spread of its singular vectors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias, overload

import numpy as np

from coulombgas._checks import InputError, check_choice
from coulombgas._files import naming

from ._entries import Entries, entries_of
from ._gram import SMALLEST, blocks, eigensystem, gram_matrix, use_jax
from ._recorded_training import RecordedTraining

Vectors: TypeAlias = bool | str
"""Whose singular vectors are computed: "spikes", "all" (True) or "none" (False)."""
_RANK_TOLERANCE = 1e-13  # eigenvalues this far below the largest are rounding noise of a float32 matrix


class Participation(NamedTuple):
    """Number of components that carry each singular vector, 1/Σ_a v_a⁴: n/3 for random ones, 1 for localised ones."""

    long: np.ndarray
    """Vectors with as many components as the longer side, one value per mode, modes ascending."""
    short: np.ndarray
    """Vectors with as many components as the shorter side."""
    modes: np.ndarray | None = None
    """Which modes these are, the largest ones; None for all."""


class Change(NamedTuple):
    """How far a matrix has moved from its initial value W₀."""

    relative_distance: float
    """‖W − W₀‖ / ‖W₀‖, Frobenius."""
    spectral_distance: float
    """Kolmogorov distance of the two spectra, each as fractions of its levels."""
    alignment: float
    """Cosine between W and W₀ as vectors: 1 if nothing changed."""
    initial: "LayerSpectrum"
    """Spectrum of the initial matrix."""
    update: "LayerSpectrum"
    """Spectrum of the update W − W₀."""


@dataclass(frozen=True)
class LayerSpectrum:
    """Spectrum of one weight matrix W (M×N after reshaping) and a few numbers derived from its entries or vectors."""

    name: str
    """Name of the matrix, parts joined by dots."""
    shape: tuple[int, int]
    """Rows and columns of the matrix, as stored or as reshaped from a convolution kernel."""
    eigenvalues: np.ndarray
    """Eigenvalues of WᵀW without the zeros forced by its shape, ascending, shape (min(M, N),), float64."""
    step: int | None = None
    """Training step of the checkpoint, when known."""
    kurtosis: float = 0.0
    """Excess kurtosis of the entries: 0 Gaussian, −1.2 uniform; it sets how sharply the variance is known. Entries
    beyond 0.7 σ(MN)^{1/4} are left out: from σ(MN)^{1/4}, the BBP threshold, on each produces a level of its own."""
    participation: Participation | None = None
    """Spread of the singular vectors, when they were computed."""
    change: Change | None = field(default=None, repr=False)
    """Comparison with the initial matrix, when that was given."""
    kind: str = ""
    """What the matrix is, if not a plain one: "depthwise convolution 3×3", "forget gate", "dequantised AWQ …"."""
    entries: Entries | None = field(default=None, repr=False)
    """Statistics of the entries, if vectors were computed."""

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
        """Number of levels above rounding noise; 0 if no entry is above 1e-30 in size."""
        least = max(_RANK_TOLERANCE * self.eigenvalues[-1], SMALLEST**2)
        return int(np.count_nonzero(self.eigenvalues > least))

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
    """Spectrum of each matrix, in the order of the files."""
    source: tuple[str, ...] = ()
    """Files the matrices came from."""
    skipped: tuple[str, ...] = ()
    """Arrays that are not weight matrices (vectors, integers, optimiser state), one line each."""
    problems: tuple[str, ...] = ()
    """Arrays or files that could not be used, one line each (``keep_going``)."""
    training: RecordedTraining | None = field(default=None, repr=False)
    """How the network was trained, if a recording says so."""

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
    vectors: Vectors = "spikes",
    initial: Any = None,
    kind: str = "",
    device: str = "auto",
) -> LayerSpectrum:
    """Levels of WᵀW, kurtosis of the entries and participation numbers of singular vectors of one matrix.

    The Gram matrix of the shorter side is summed in float64 over blocks of rows, so the memory needed is that of the
    matrix, the Gram matrix and one block.

    Args:
        name: name, passed through to the result.
        matrix: weights, shape (M, N), real.
        step: training step.
        vectors: whose participation numbers are computed: "spikes" (levels beyond the noise edge, at little cost),
            "all" or True (three times the time), "none" or False.
        initial: the same matrix before training.
        kind: what the matrix is, passed through to the result.
        device: "cpu", "jax" (the eigenproblem on JAX's device) or "auto": JAX where it has an accelerator.

    Raises:
        InputError: for an empty matrix, another shape, or NaN.
    """
    asked = check_choice(
        "vectors", {"True": "all", "False": "none"}.get(str(vectors), vectors), ("spikes", "all", "none")
    )
    tall = _tall(name, matrix)
    gram, kurtosis = gram_matrix(name, tall, on_jax=use_jax(device))
    with naming(name):
        found = eigensystem(gram, tall.shape[0], asked)
    del gram
    participation = None if found.vectors is None else _participation(tall, found.levels, found.vectors)
    entries = None if asked == "none" else entries_of(np.asarray(matrix), found.levels, found.vectors)
    kurtosis = kurtosis if entries is None else entries.kurtosis
    shape = (int(np.shape(matrix)[0]), int(np.shape(matrix)[1]))
    layer = LayerSpectrum(name, shape, found.levels, step, kurtosis, participation, kind=kind, entries=entries)
    return layer if initial is None else replace(layer, change=_change(layer, matrix, initial, device))


def _tall(name: str, matrix: Any) -> np.ndarray:
    array = np.asarray(matrix)
    if array.ndim != 2:
        raise InputError(f"{name}: not a matrix, shape {array.shape}.")
    if 0 in array.shape:
        raise InputError(f"{name}: an empty matrix, shape {array.shape}.")
    if array.dtype.kind != "f":
        raise InputError(f"{name}: entries of type {array.dtype} are not real numbers.")
    return array if array.shape[0] >= array.shape[1] else array.T


def _participation(tall: np.ndarray, levels: np.ndarray, right: np.ndarray) -> Participation:
    """Participation numbers 1/Σv⁴ of the vectors of either side, from those of the shorter one."""
    first = levels.size - right.shape[1]
    short = 1.0 / (right**4).sum(axis=0)
    kept = levels[first:]
    scale = np.sqrt(np.maximum(kept, _RANK_TOLERANCE * max(levels[-1], np.finfo(float).tiny)))
    fourth, second = np.zeros(kept.size), np.zeros(kept.size)
    for block in blocks(tall):
        square = ((block @ right) / scale) ** 2
        second += square.sum(axis=0)
        fourth += (square**2).sum(axis=0)
    long = np.divide(second**2, fourth, out=np.ones_like(fourth), where=fourth > 0)
    return Participation(long, short, None if first == 0 else np.arange(first, levels.size))


def _change(layer: LayerSpectrum, matrix: Any, initial: Any, device: str) -> Change:
    """Distances and cosine between a matrix and the one before training."""
    if np.shape(initial) != np.shape(matrix):
        raise InputError(f"{layer.name}: shape {np.shape(matrix)}, but {np.shape(initial)} at initialisation.")
    before = layer_spectrum(layer.name, initial, step=layer.step, vectors="none", device=device)
    difference = np.asarray(matrix, dtype=np.float32) - np.asarray(initial, dtype=np.float32)
    update = layer_spectrum(layer.name, difference, step=layer.step, vectors="none", device=device)
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
