"""Target spectra."""

import numpy as np

from coulombgas._checks import check_count, check_positive


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

    Source: ALP24 (27).
    """
    sites = check_count("num_sites", num_sites)
    mass2 = check_positive("mass2", mass2)
    # k and N − k share one cosine exactly, so that degenerate levels are equal to the last bit
    waves = np.minimum(np.arange(sites), sites - np.arange(sites))
    return np.sort(mass2 + 2.0 - 2.0 * np.cos(2.0 * np.pi * waves / sites))
