"""Shared by the RBM experiments: the paper's settings and the statistics of its spectra."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._types import Progress
from coulombgas.models import GaussianRBM, free_scalar_field
from coulombgas.spectra import level_groups
from coulombgas.symbolic import rbm_chain_mean_eigenvalue, rbm_mean_eigenvalue
from coulombgas.training import train

PAPER_SETTINGS = (
    *((alpha, 16) for alpha in (0.01, 0.02, 0.04, 0.06, 0.08, 0.1)),
    *((0.1, batch) for batch in (4, 8, 32, 64)),
)
"""The 10 settings (learning rate, batch size) of the released data of ALP24 (arXiv:2407.16427)."""


@dataclass(frozen=True, kw_only=True)
class RBMConfig:
    """ALP24's Gaussian RBM: N = N_h = 10, m² = 4, μ² = 9, σ_h = 1, three Gibbs steps."""

    settings: tuple[tuple[float, int], ...] = ((0.02, 16), (0.05, 16), (0.1, 16), (0.1, 64))
    """Pairs of learning rate and batch size."""
    replicas: int = 250
    """RBMs at each setting."""
    steps: int = 3000
    """Updates."""
    record: int = 8
    """Spectra kept, equally spaced in time."""
    num_modes: int = 10
    """N = N_h, sites of the ring."""
    mass2: float = 4.0
    """m² of the target."""
    mu2: float = 9.0
    """μ² of the RBM."""
    init: str = "random"
    """random (the paper's) or fixed-point."""
    seed: int = 0
    """Seed of all random numbers."""

    def model(self) -> GaussianRBM:
        """The RBM of these settings."""
        return GaussianRBM(target=free_scalar_field(self.num_modes, mass2=self.mass2), mu2=self.mu2)

    def train(
        self, progress: Progress | None = None, store: Path | None = None, statistics: tuple[str, ...] = ()
    ) -> xr.Dataset:
        """Spectra of the whole ensemble; with ``store``, an interrupted run is continued from there."""
        rates, batches = zip(*self.settings, strict=True)
        options: dict[str, Any] = {"init": self.init, "combine": "zip", "progress": progress, "statistics": statistics}
        options |= {} if store is None else {"out": store, "resume": True}
        return train(
            self.model(), learning_rate=rates, batch_size=batches, replicas=self.replicas, steps=self.steps,
            seed=self.seed, record=self.record, **options,
        )  # fmt: skip


def pairs_and_singles(spectra: xr.Dataset) -> tuple[list[tuple[float, tuple[int, ...]]], list[tuple[float, int]]]:
    """(fixed point, modes) of the degenerate pairs and (fixed point, mode) of the single levels above zero."""
    groups = level_groups(spectra.fixed_point.values)
    pairs = [(group.center, group.modes) for group in groups if group.size == 2 and group.center > 0]
    singles = [(group.center, group.modes[0]) for group in groups if group.size == 1 and group.center > 0]
    return pairs, singles


def chain_means(fixed_point: np.ndarray, mu2: float, temperature: float, gibbs_steps: int) -> np.ndarray:
    """As :func:`predicted_means`, with the memory that persistent chains of so many Gibbs steps have."""
    levels = tuple(float(value) for value in np.round(fixed_point, 9))
    return np.array(levels) + temperature * _chain_shifts(levels, mu2, gibbs_steps)


@lru_cache(maxsize=64)
def _chain_shifts(levels: tuple[float, ...], mu2: float, gibbs_steps: int) -> np.ndarray:
    """Shifts of the means over T, to which they are proportional; those of equal levels are computed once."""
    one = {x: rbm_chain_mean_eigenvalue(levels.index(x), levels, mu2, 1, gibbs_steps) - x for x in set(levels)}
    return np.array([float(one[x]) for x in levels])


def predicted_means(fixed_point: np.ndarray, mu2: float, temperature: float) -> np.ndarray:
    """Mean eigenvalue of each mode at order T; for a degenerate pair the pair's mean, twice."""
    levels = [float(value) for value in np.round(fixed_point, 9)]
    return np.array([float(rbm_mean_eigenvalue(i, levels, mu2, temperature)) for i in range(len(levels))])
