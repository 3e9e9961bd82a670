"""Target spectra."""

from typing import Any

import numpy as np

from coulombgas._checks import InputError, check_count, check_finite_array, check_positive, fail


def free_scalar_field(num_sites: int, *, mass2: float = 4.0) -> np.ndarray:
    r"""Spectrum of the free scalar field on a ring.

    .. math:: \kappa_k = m^2 + 2 - 2\cos(2\pi k/N), \qquad k = 0, \dots, N - 1

    Args:
        num_sites: N, number of sites.
        mass2: m², in lattice units.

    Returns:
        κ ascending, shape (num_sites,), float64; all but the ends are doubly degenerate.

    Raises:
        InputError: for N < 1 or m² ≤ 0.

    Source: ALP24 (arXiv:2407.16427), (27).
    """
    sites = check_count("num_sites", num_sites)
    mass2 = check_positive("mass2", mass2)
    # k and N − k share one cosine, so that degenerate levels are equal to the last bit
    waves = np.minimum(np.arange(sites), sites - np.arange(sites))
    return np.sort(mass2 + 2.0 - 2.0 * np.cos(2.0 * np.pi * waves / sites))


def check_target(num_visible: int | None, target: Any, covariance: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """κ ascending, and the covariance if it was given.

    Raises:
        InputError: when both are given, a length does not match, or the covariance is not symmetric positive definite.
    """
    if target is not None and covariance is not None:
        raise InputError("`target` and `target_covariance` give the same information: give one of them.")
    if covariance is not None:
        matrix = check_finite_array("target_covariance", covariance, ndim=2)
        if matrix.shape[0] != matrix.shape[1] or not np.allclose(matrix, matrix.T, rtol=1e-8, atol=0.0):
            fail("target_covariance", "must be square and symmetric", f"shape {matrix.shape}")
        matrix = (matrix + matrix.T) / 2
        levels = np.linalg.eigvalsh(matrix)
        if levels[0] <= 0:
            fail("target_covariance", "must be positive definite; its lowest eigenvalue is", float(levels[0]))
        kappa = 1.0 / levels[::-1]
    elif target is None:
        kappa, matrix = free_scalar_field(10 if num_visible is None else num_visible), None
    else:
        kappa, matrix = np.sort(check_finite_array("target", target, ndim=1)), None
    wanted = kappa.size if num_visible is None else check_count("num_visible", num_visible)
    if kappa.size != wanted:
        fail("target", f"must hold one value for each of the {wanted} visible units", f"shape {kappa.shape}")
    check_count("num_visible", kappa.size)
    check_positive("target", float(kappa[0]))
    return kappa, matrix
