"""Nearest-neighbour spacings and spacing ratios of one spectrum."""

from typing import NamedTuple

import numpy as np

from coulombgas._checks import InputError, check_finite_array


class SpacingRatio(NamedTuple):
    """Mean of r_i = min(s_i, s_{i+1}) / max(s_i, s_{i+1}) with its standard error."""

    mean: float
    """<r>: 0.5307 for GOE, 0.3863 for independent levels; needs no unfolding."""
    error: float
    """Standard error, including correlations between neighbouring ratios."""
    num_ratios: int
    """Number of ratios averaged."""

    @property
    def interval(self) -> tuple[float, float]:
        """Mean ∓ 1.96 standard errors."""
        return self.mean - 1.96 * self.error, self.mean + 1.96 * self.error


def unit_spacings(unfolded: np.ndarray) -> np.ndarray:
    """Spacings of unfolded levels (n,), divided by their mean: s, shape (n − 1,)."""
    spacings = np.diff(_ascending(unfolded, minimum=2))
    return spacings / spacings.mean()


def spacing_ratios(levels: np.ndarray) -> np.ndarray:
    """Ratios r_i of neighbouring spacings, shape (n − 2,), each in [0, 1]; 0 where both spacings vanish."""
    spacings = np.diff(_ascending(levels, minimum=3))
    larger = np.maximum(spacings[1:], spacings[:-1])
    return np.divide(np.minimum(spacings[1:], spacings[:-1]), larger, out=np.zeros_like(larger), where=larger > 0)


def spacing_ratio(levels: np.ndarray) -> SpacingRatio:
    r"""Mean spacing ratio of a spectrum, Oganesyan and Huse, arXiv:cond-mat/0610854; reference values in RATIO_MEANS.

    The error is :math:`\sqrt{(\gamma_0 + 2\sum_{l=1}^{3}\gamma_l)/n}`, because ratios share spacings and GOE spacings
    are anticorrelated.

    Args:
        levels: one spectrum (n,), ascending, n ≥ 3; unfolded or not.

    Raises:
        InputError: for fewer than three levels, or levels that do not ascend.
    """
    ratios = spacing_ratios(levels)
    centred = ratios - ratios.mean()
    size = ratios.size
    covariance = [float(centred[: size - lag] @ centred[lag:]) / size for lag in range(min(4, size))]
    variance = max(covariance[0] + 2 * sum(covariance[1:]), 0.25 * covariance[0])
    # few ratios determine their own variance poorly: mix with that of the GOE, 0.0656, as if from 10 ratios
    variance = (variance * size + 0.0656 * 10) / (size + 10)
    return SpacingRatio(float(ratios.mean()), float(np.sqrt(variance / size)), size)


def _ascending(levels: np.ndarray, minimum: int) -> np.ndarray:
    array = check_finite_array("levels", levels, ndim=1)
    if array.size < minimum:
        raise InputError(f"`levels` must hold at least {minimum} levels, got {array.size}.")
    if (np.diff(array) < 0).any():
        raise InputError("`levels` must ascend: sort them first.")
    return array
