"""Statistics of the spacings of the bulk levels of one matrix."""

from typing import Any

import numpy as np

from coulombgas._checks import InputError
from coulombgas.spectra import Unfolding, number_variance, rigidity, spacing_ratio, unfold

from ._repulsion import fit_repulsion
from ._spikes import SpikeFit

_MIN_LEVELS = 20
_COINCIDENT = 1e-5  # of the mean spacing: GOE levels come that close once in 10⁹, independent ones once in 10⁵
_LENGTHS = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 16.0, 20.0)


def spacing_statistics(
    levels: np.ndarray, spikes: SpikeFit | None, method: str, seed: int, warnings: list[str]
) -> dict[str, Any]:
    """Statistics of the unfolded bulk by name; empty, with a warning, where there are too few levels."""
    outside = spikes.bulk.num_spikes if spikes else 0
    bulk = np.sqrt(levels[: levels.size - outside])
    if bulk.size < _MIN_LEVELS:
        warnings.append(f"{bulk.size} bulk levels are too few for spacings")
        return {}
    gaps = np.diff(bulk)
    together = np.count_nonzero(gaps < _COINCIDENT * gaps.mean())
    if together > 0.02 * gaps.size:
        warnings.append(
            f"{together} of {bulk.size} bulk levels coincide with the next: their spacings come from a symmetry or "
            "repeated entries, not from repulsion"
        )
    unfolded = _unfold(bulk, spikes, method)
    if unfolded is None:
        warnings.append("spacings not analysed: the levels cannot be unfolded")
        return {}
    warnings.extend(unfolded.warnings)
    longest = min(unfolded.diagnosis.reliable_length, unfolded.levels.size / 4)
    lengths = np.array([length for length in _LENGTHS if length <= longest])
    return {
        "unfolding": unfolded,
        "repulsion": fit_repulsion(unfolded.spacings, seed=seed),
        "ratio": spacing_ratio(bulk),
        "number_variance": number_variance(unfolded.levels, lengths) if lengths.size else None,
        "rigidity": rigidity(unfolded.levels, lengths) if lengths.size else None,
    }


def _unfold(singular_values: np.ndarray, spikes: SpikeFit | None, method: str) -> Unfolding | None:
    analytic = method == "marchenko-pastur" or (method == "auto" and spikes is not None and spikes.bulk.fits)
    try:
        if analytic and spikes is not None:
            bulk = spikes.bulk
            law = {"variance": bulk.best_variance, "rows": bulk.rows.mean - bulk.num_spikes, "columns": bulk.num_levels}
            return unfold(singular_values**2, method="marchenko-pastur", outliers=(0, 0), **law)
        return unfold(singular_values, method="spline" if method == "auto" else method)
    except InputError:
        return None
