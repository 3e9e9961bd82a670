"""Analysis of the weight matrices of a network: bulk, spikes, tail, spacings and vectors of each, with uncertainty."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
import xarray as xr

from coulombgas._checks import InputError, check_in_interval, check_seed
from coulombgas._interval import Interval, summarise
from coulombgas._results import to_dataset
from coulombgas._types import Progress
from coulombgas.spectra import (
    LayerSpectrum,
    Localisation,
    LongRangeStatistic,
    NetworkSpectra,
    SpacingRatio,
    Unfolding,
    localisation,
)

from ._independence import Independence, independence
from ._layer_rows import full_row, short_row
from ._layer_table import layer_table
from ._repulsion import RepulsionFit
from ._spacings import spacing_statistics
from ._spikes import LEVEL, SpikeFit, find_spikes, signal_squares
from ._structure import StructuredBulk, departing_test, fit_structure
from ._tail import MIN_TAIL, NO_TAIL, TailFit, fit_tail

MIN_BULK_LEVELS = 8
_MIN_TAIL_SPIKES = 5
_MOST_KURTOSIS = 3.2  # of the entries, which displaces levels by κ₄/2π from their Marchenko-Pastur places: half a level
_MANY = 1 / 10  # of all levels: a sixteenth of equal signals is counted right, an eighth is not (bench_bulk.py many)


@dataclass(frozen=True, kw_only=True)
class LayerAnalysis:
    """Everything known about one matrix.

    Attributes:
        spectrum: the levels it is about.
        spikes: bulk and outliers; None with too few levels.
        independence: tests of independent entries of one law; None without a bulk or full rank.
        structure: bulk of unequal or correlated rows or columns, where one of these tests fails far beyond the others
            and the levels lie where the generalised Marchenko-Pastur law puts them; None elsewhere.
        tail: tail exponent and model comparison of the levels. The exponent of levels depends on the shape of the
            matrix (as arXiv:2506.06280 found), and is printed nowhere.
        signal_tail: the same of the squared signal strengths θ² behind the spikes, when there are at least ten. Noise
            pushes an outlier from θ² to about θ² + (M + N)v, which makes the tail of the levels look steeper than
            that of the entries or signals that cause it.
        unfolding: unfolded bulk levels.
        repulsion: Brody's exponent.
        ratio: mean spacing ratio.
        number_variance, rigidity: long-range statistics, over lengths that the unfolding supports.
        localisation: of the vectors of the longer and of the shorter side: of all, or of the spikes where the spectrum
            has only their vectors.
        stable_rank, participation_ratio: ‖W‖²_F/‖W‖² and (Σx)²/Σx², with the spread that the noise gives them.
        warnings: what to know before using the numbers, one sentence each.
    """

    spectrum: LayerSpectrum = field(repr=False)
    spikes: SpikeFit | None = None
    independence: Independence | None = None
    structure: StructuredBulk | None = None
    tail: TailFit | None = None
    signal_tail: TailFit | None = None
    unfolding: Unfolding | None = field(default=None, repr=False)
    repulsion: RepulsionFit | None = None
    ratio: SpacingRatio | None = None
    number_variance: LongRangeStatistic | None = field(default=None, repr=False)
    rigidity: LongRangeStatistic | None = field(default=None, repr=False)
    localisation: tuple[Localisation, Localisation] | None = None
    stable_rank: Interval | None = None
    participation_ratio: Interval | None = None
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the matrix."""
        return self.spectrum.name

    @property
    def is_noise(self) -> bool:
        """Whether the bulk is compatible with noise: Marchenko-Pastur, of independent entries, of full rank."""
        alike = self.independence is not None and self.independence.holds
        return self.spikes is not None and self.spikes.bulk.fits and alike

    @property
    def tail_exponent(self) -> Interval | None:
        """The exponent that can be compared between matrices: that of the signals, where there is a tail.

        That of the levels depends on the shape of the matrix, also where the entries follow the same law.
        """
        tailed = self.tail is not None and self.tail.preferred != NO_TAIL
        return self.signal_tail.exponent if tailed and self.signal_tail is not None else None

    @property
    def step(self) -> int | None:
        """Training step, when known."""
        return self.spectrum.step

    def as_dict(self) -> dict[str, Any]:
        """The analysis as JSON-able data: the row of ``coulombgas spectra --json``."""
        return short_row(self)

    def record(self) -> dict[str, Any]:
        """The row of :meth:`as_dict` with all that it leaves out."""
        return full_row(self)


@dataclass(frozen=True, kw_only=True)
class NetworkAnalysis(Sequence):
    """Analyses of all matrices of a checkpoint or a trajectory, in the order of the files."""

    layers: tuple[LayerAnalysis, ...]
    """Analysis of each matrix; indexing and iteration give these."""
    spectra: NetworkSpectra = field(repr=False)
    """What was analysed."""
    level: float = LEVEL
    """Probability of one or more false spikes in a matrix of pure noise."""

    @overload
    def __getitem__(self, index: int) -> LayerAnalysis: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[LayerAnalysis]: ...
    def __getitem__(self, index):
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[LayerAnalysis]:
        return iter(self.layers)

    @property
    def steps(self) -> tuple[int, ...]:
        """Training steps of a trajectory, ascending; empty for a single checkpoint."""
        return self.spectra.steps

    def table(self) -> str:
        """One line of text for each matrix, as ``coulombgas spectra`` prints."""
        return layer_table(self.layers)

    def records(self) -> list[dict[str, Any]]:
        """One dictionary of plain Python objects for each matrix, with all statistics."""
        return [layer.record() for layer in self.layers]

    def dataset(self) -> xr.Dataset:
        """The records over the dimension ``matrix``: a variable for each number, ``_lower`` and ``_upper`` its ends."""
        return to_dataset(
            self.records(), "matrix", coords=("name", "step"), source=list(self.spectra.source), level=self.level
        )

    def as_dict(self) -> dict[str, Any]:
        """The document that ``coulombgas spectra --out`` writes: source, records, and what was left out."""
        return {
            "source": list(self.spectra.source),
            "level": self.level,
            "matrices": self.records(),
            "skipped": list(self.spectra.skipped),
            "problems": list(self.spectra.problems),
        }

    def as_dicts(self) -> list[dict[str, Any]]:
        """The short row of each matrix that ``coulombgas spectra --json`` prints."""
        return [layer.as_dict() for layer in self.layers]


def analyse(
    spectra: NetworkSpectra | LayerSpectrum | Sequence[LayerSpectrum],
    *,
    level: float = LEVEL,
    unfolding: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> NetworkAnalysis:
    """Analyse spectra of weight matrices.

    Args:
        spectra: what :func:`coulombgas.load_spectra` returned, or one spectrum or several.
        level: probability of one or more false spikes in a matrix of pure noise.
        unfolding: one of the methods of :func:`coulombgas.spectra.unfold`, or "auto": Marchenko-Pastur where it fits
            the bulk and the entries have an excess kurtosis below 3, a spline elsewhere.
        seed: seed of all posterior draws.
        progress: called with (matrices done, matrices in all).

    Raises:
        InputError: for a level outside (0, 0.5) or spectra of another kind.
    """
    seed = check_seed(seed)
    check_in_interval("level", level, 1e-12, 0.5)
    network = _network(spectra)
    found = []
    for done, spectrum in enumerate(network):
        found.append(analyse_layer(spectrum, level=level, unfolding=unfolding, seed=seed))
        if progress is not None:
            progress(done + 1, len(network))
    return NetworkAnalysis(layers=tuple(found), spectra=network, level=level)


def analyse_layer(
    spectrum: LayerSpectrum, *, level: float = LEVEL, unfolding: str = "auto", seed: int = 0
) -> LayerAnalysis:
    """Analyse one matrix; what its size does not allow is left out and said in ``warnings``."""
    seed = check_seed(seed)
    levels = spectrum.eigenvalues
    if not spectrum.rank:
        what = "below 1e-30 in size" if levels[-1] > 0 else "zero"
        return LayerAnalysis(spectrum=spectrum, warnings=(f"all entries are {what}: nothing to analyse",))
    warnings: list[str] = []
    positive = levels[levels.size - spectrum.rank :]
    if spectrum.rank < levels.size:
        warnings.append(f"rank {spectrum.rank} of {levels.size}: vanishing levels are left out")
    if positive[-1] - positive[0] < 1e-6 * positive[-1]:
        return LayerAnalysis(spectrum=spectrum, warnings=(*warnings, "all levels are equal: nothing to analyse"))
    spikes = _fit_spikes(spectrum, positive, level, seed, warnings)
    alike = _independence(spectrum, spikes)
    structure = _structure(spectrum, positive, spikes, alike, seed, warnings)
    tail = _fit_tail(positive, spikes, seed, warnings)
    if unfolding == "auto" and abs(spectrum.kurtosis) > _MOST_KURTOSIS:
        unfolding = "spline"
    spacing = spacing_statistics(positive, spikes, unfolding, seed, warnings)
    return LayerAnalysis(
        spectrum=spectrum,
        spikes=spikes,
        independence=alike,
        structure=structure,
        tail=tail,
        signal_tail=_fit_signals(positive, spikes, seed),
        localisation=_localisation(spectrum, spikes, level, seed),
        **_ranks(positive, spikes, seed),
        **spacing,
        warnings=tuple(warnings),
    )


def _network(spectra: Any) -> NetworkSpectra:
    if isinstance(spectra, NetworkSpectra):
        return spectra
    layers = (spectra,) if isinstance(spectra, LayerSpectrum) else tuple(spectra)
    if not layers or not all(isinstance(layer, LayerSpectrum) for layer in layers):
        raise InputError("`spectra` must be what `load_spectra` or `layer_spectrum` return.")
    return NetworkSpectra(layers)


def _fit_spikes(
    spectrum: LayerSpectrum, levels: np.ndarray, level: float, seed: int, warnings: list[str]
) -> SpikeFit | None:
    """Spikes and bulk, with warnings where they describe a matrix that is not noise; None for few levels."""
    if levels.size < MIN_BULK_LEVELS:
        warnings.append(f"{levels.size} levels are too few for a bulk")
        return None
    known = {"kurtosis": spectrum.kurtosis, "entries": spectrum.entries}
    fit = find_spikes(levels, spectrum.rows, level=level, seed=seed, **known)
    bulk = fit.bulk
    if spectrum.rank < spectrum.columns:
        warnings.append("rank too low for independent entries: variance and edge only describe the levels")
    elif not bulk.fits:
        warnings.append(
            f"bulk is not Marchenko-Pastur: the levels are displaced by up to {bulk.distance:.1f} mean spacings "
            f"(random matrices: {bulk.distance_limit:.1f}); variance and edge only describe the levels"
        )
    if bulk.num_spikes >= (levels.size - MIN_BULK_LEVELS // 2) // 2:
        warnings.append("half of the levels lie beyond the noise edge: no bulk remains")
    elif bulk.num_spikes > _MANY * levels.size:
        warnings.append(
            f"too many spikes to count: {bulk.num_spikes} of {levels.size} levels lie beyond the noise edge; above "
            "about a tenth, some signals are taken for noise, so the number is a lower bound, and variance and "
            "edge only describe the levels"
        )
    if not fit.converged:
        warnings.append(
            "number of spikes uncertain: counting and fitting did not agree, and the smaller of two numbers was taken"
        )
    return fit


def _independence(spectrum: LayerSpectrum, spikes: SpikeFit | None) -> Independence | None:
    return None if spikes is None or spectrum.rank < spectrum.columns else independence(spectrum, spikes.bulk)


def _structure(
    spectrum: LayerSpectrum,
    levels: np.ndarray,
    spikes: SpikeFit | None,
    found: Independence | None,
    seed: int,
    warnings: list[str],
) -> StructuredBulk | None:
    """The generalised Marchenko-Pastur bulk where it fits; says what is wrong with the entries, and what fits."""
    if spikes is None or found is None or found.holds:
        return None
    test = departing_test(found)
    fit = None
    if test is not None:
        fit = fit_structure(levels, spectrum.shape, test, num_spikes=spikes.bulk.num_spikes, seed=seed)
    fits = fit is not None and fit.fits
    said = fit.statement if fit is not None and fits else "no generalised Marchenko-Pastur law was found to fit"
    warnings.append(
        f"entries are not independent draws of one law: {'; '.join(found.departures)}; variance, rows, edge and "
        f"spikes, which assume that, only describe the levels; {said}"
    )
    return fit if fits else None


def _fit_tail(levels: np.ndarray, spikes: SpikeFit | None, seed: int, warnings: list[str]) -> TailFit | None:
    if levels.size < 2 * MIN_TAIL:
        warnings.append(f"{levels.size} levels are too few for a tail")
        return None
    fit = fit_tail(levels, seed=seed)
    beyond = spikes.bulk.num_spikes if spikes else 0
    if spikes is not None and spikes.bulk.fits and beyond < _MIN_TAIL_SPIKES:
        # the edge of a Marchenko-Pastur bulk also has a best exponent, which means nothing
        return TailFit(**{**fit.__dict__, "preferred": NO_TAIL})
    return fit


def _fit_signals(levels: np.ndarray, spikes: SpikeFit | None, seed: int) -> TailFit | None:
    """Tail of θ², entries among them: of levels beyond the edge of Gaussian noise of the same variance."""
    squares = signal_squares(levels, spikes) if spikes else np.empty(0)
    if squares.size < MIN_TAIL or not np.ptp(squares) > 0:
        return None
    return fit_tail(np.sort(squares), seed=seed)


def _localisation(
    spectrum: LayerSpectrum, spikes: SpikeFit | None, level: float, seed: int
) -> tuple[Localisation, Localisation] | None:
    """Localisation of vectors of the longer and the shorter side: of all, or of the spikes where only those exist."""
    found = spectrum.participation
    if found is None or spectrum.columns < 2:
        return None
    valid = slice(spectrum.columns - spectrum.rank, None)
    if found.modes is not None:  # of the largest levels only, and of those the spikes
        number = min(spikes.bulk.num_spikes if spikes else 0, found.modes.size)
        if number == 0:
            return None
        valid = slice(found.modes.size - number, None)
    return (
        localisation(found.long[valid], spectrum.rows, level=level, seed=seed),
        localisation(found.short[valid], spectrum.columns, level=level, seed=seed),
    )


def _ranks(levels: np.ndarray, spikes: SpikeFit | None, seed: int) -> dict[str, Interval]:
    """Stable rank and participation ratio, with the spread from the fluctuations of the spikes, bulk and edge."""
    if spikes is None:
        stable, participation = levels.sum() / levels[-1], levels.sum() ** 2 / (levels**2).sum()
        return {
            "stable_rank": Interval(float(stable), float("nan"), float("nan"), float("nan")),
            "participation_ratio": Interval(float(participation), float("nan"), float("nan"), float("nan")),
        }
    from ._spikes import level_sds

    rng = np.random.default_rng([seed, 2])
    count, bulk = spikes.bulk.num_spikes, spikes.bulk
    scale = bulk.variance_draws * (bulk.rows_draws - count)  # their product, known far better than either
    scale = scale / scale.mean()
    low = levels[: levels.size - count]
    top = levels[levels.size - count :] + level_sds(spikes) * rng.standard_normal((scale.size, count))
    # the edge moves with the scale of all levels, and is scattered beside it by the rest of its own width
    shape = np.sqrt(max(float(level_sds(spikes, edge=True)) ** 2 - (low[-1] * scale.std()) ** 2, 0.0))
    edge = (low[-1] + shape * rng.standard_normal(scale.size)) * scale
    total = low.sum() * scale + top.sum(axis=1)
    square = (low**2).sum() * scale**2 + (top**2).sum(axis=1)
    largest = top.max(axis=1) if count else edge
    return {"stable_rank": summarise(total / largest), "participation_ratio": summarise(total**2 / square)}
