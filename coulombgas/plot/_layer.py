"""The curves drawn for the analysis of one matrix: density with bulk fit, spacings, tail."""

from dataclasses import dataclass

import numpy as np

from coulombgas._precision import x64
from coulombgas.laws import mp_density, mp_edges
from coulombgas.networks import LayerAnalysis


@dataclass(frozen=True)
class DensityCurves:
    """Histogram of the singular values with the fitted bulk, in singular values, on whose scale the edges are well
    separated."""

    edges: np.ndarray
    heights: np.ndarray
    """Levels per unit of singular value, over all levels: total mass 1."""
    bulk_x: np.ndarray
    bulk_y: np.ndarray
    spikes: np.ndarray
    """Singular values of the spikes."""


def density_curves(layer: LayerAnalysis, bins: int = 60) -> DensityCurves:
    """Histogram and bulk fit of one matrix."""
    values = np.sqrt(layer.spectrum.eigenvalues)
    top = float(values[-1]) or 1.0
    fit = layer.spikes
    reach = np.sqrt(fit.bulk.edge) if fit else top
    # bins of a 25th of the bulk's width, but no more bins than the figure can show
    bins = int(np.clip(25 * top / reach, 25, 4 * bins))
    heights, edges = np.histogram(values, bins=bins, range=(0.0, 1.02 * top), density=True)
    if fit is None:
        empty = np.zeros(0)
        return DensityCurves(edges, heights, empty, empty, empty)
    bulk = fit.bulk
    rows, columns = bulk.rows.mean - bulk.num_spikes, bulk.num_levels
    lower, upper = mp_edges(bulk.best_variance, rows, columns)
    angle = np.linspace(0, np.pi, 160)
    x = np.sqrt(lower) + (np.sqrt(upper) - np.sqrt(lower)) * (1 - np.cos(angle)) / 2
    share = columns / values.size
    y = share * 2 * x * mp_density(x**2, bulk.best_variance, rows, columns)
    spikes = np.sqrt([spike.eigenvalue for spike in fit.spikes])
    return DensityCurves(edges, heights, x, y, spikes)


def wigner(s: np.ndarray) -> np.ndarray:
    """Wigner surmise of unit mean."""
    from coulombgas.laws import WignerSurmise

    with x64():
        return np.exp(np.asarray(WignerSurmise(1 / np.sqrt(np.pi)).log_prob(np.maximum(s, 1e-12))))


def survival_curve(layer: LayerAnalysis) -> tuple[np.ndarray, np.ndarray]:
    """Levels and the fraction of levels at or above each."""
    levels = layer.spectrum.eigenvalues[layer.spectrum.columns - layer.spectrum.rank :]
    return levels, np.arange(levels.size, 0, -1) / layer.spectrum.eigenvalues.size


def tail_curve(layer: LayerAnalysis) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The fitted power law above x_min with its 95% band: x, mean, lower, upper."""
    tail = layer.tail
    assert tail is not None
    levels = layer.spectrum.eigenvalues
    x = np.geomspace(tail.minimum, levels[-1], 40)
    share = tail.num_tail / levels.size
    low, mean, high = (
        share * (x / tail.minimum) ** (1 - a) for a in (tail.exponent.upper, tail.exponent.mean, tail.exponent.lower)
    )
    return x, mean, low, high
