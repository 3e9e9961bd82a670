"""From levels to the quantities of the laws: groups of equal targets, spacings, centres; from weights to levels."""

import itertools
from typing import NamedTuple

import numpy as np
import xarray as xr

from coulombgas._checks import InputError, check_choice, check_finite_array, check_magnitude, check_non_negative


class LevelGroup(NamedTuple):
    """Modes that share one target: they repel each other and fluctuate around a common centre."""

    center: float
    """Mean fixed-point eigenvalue of the group."""
    modes: tuple[int, ...]
    """Indices of its modes, ascending."""

    @property
    def size(self) -> int:
        """Number of modes."""
        return len(self.modes)


def level_groups(fixed_point: np.ndarray, *, tolerance: float = 1e-3) -> tuple[LevelGroup, ...]:
    """Split modes into groups of nearby fixed points.

    Neighbours x_i ≤ x_{i+1} belong together when x_{i+1} − x_i ≤ tolerance · max|x|.

    Args:
        fixed_point: eigenvalues at the fixed point, ascending, shape (mode,).
        tolerance: largest distance of neighbours in a group, relative to the largest |x|.

    Returns:
        The groups, ascending.

    Raises:
        InputError: when ``fixed_point`` is not ascending or not finite.
    """
    points = check_finite_array("fixed_point", fixed_point, ndim=1)
    check_non_negative("tolerance", tolerance)
    if points.size == 0:
        raise InputError("`fixed_point` is empty: give one value for each mode.")
    gaps = np.diff(points)
    if (gaps < 0).any():
        raise InputError("`fixed_point` must be ascending: sort it together with its targets.")
    starts = np.concatenate([[0], np.flatnonzero(gaps > tolerance * np.abs(points).max()) + 1, [points.size]])
    return tuple(
        LevelGroup(float(points[a:b].mean()), tuple(range(a, b))) for a, b in itertools.pairwise(starts.tolist())
    )


def level_spacings(spectra: xr.Dataset, group: LevelGroup, *, setting: int = 0, step: int = -1) -> np.ndarray:
    """Spacings S = x_{i+1} − x_i inside a group, without replicas that diverged.

    Returns:
        shape (replica, size − 1), in the units of the eigenvalue.
    """
    return np.diff(group_levels(spectra, group, setting=setting, step=step), axis=-1)


def group_levels(spectra: xr.Dataset, group: LevelGroup, *, setting: int = 0, step: int = -1) -> np.ndarray:
    """Levels of a group, ascending, without replicas that diverged; shape (replica, size), float64.

    Raises:
        InputError: for levels whose powers leave double precision.
    """
    from ._schema import healthy

    levels = spectra.eigenvalue.isel(setting=setting, step=step).values[:, list(group.modes)]
    levels = levels[healthy(spectra)[setting]].astype(np.float64)
    check_magnitude("eigenvalue", levels)
    return levels


def weights_to_levels(weights: np.ndarray, *, kind: str = "gram") -> np.ndarray:
    """Eigenvalues of weight matrices, ascending.

    ``gram``: eigenvalues of X = WᵀW without the zeros forced by its shape, x_i = ξ_i² (ALP24, arXiv:2407.16427, (6)), N
    = min(M, N) of them; ``singular``: ξ_i; ``symmetric``: eigenvalues of (W + Wᵀ)/2.

    Args:
        weights: shape (..., M, N).
        kind: "gram", "symmetric" or "singular".

    Raises:
        InputError: for fewer than two dimensions, NaN, or a non-square matrix with ``symmetric``.
    """
    check_choice("kind", kind, ("gram", "symmetric", "singular"))
    matrices = check_finite_array("weights", weights)
    if matrices.ndim < 2 or 0 in matrices.shape:
        raise InputError(f"`weights` must hold matrices, shape (..., M, N), got shape {matrices.shape}.")
    if kind == "symmetric":
        if matrices.shape[-1] != matrices.shape[-2]:
            raise InputError(f"`weights` must be square for kind 'symmetric', got shape {matrices.shape}.")
        return np.linalg.eigvalsh((matrices + np.swapaxes(matrices, -1, -2)) / 2)
    singular = np.linalg.svd(matrices, compute_uv=False)[..., ::-1]
    return singular**2 if kind == "gram" else singular


def group_freedom(size: int) -> int:
    """Degrees of freedom of one replica's group of n levels without its centre: n(n+1)/2 − 1; 1 for a single mode."""
    return 1 if size == 1 else size * (size + 1) // 2 - 1
