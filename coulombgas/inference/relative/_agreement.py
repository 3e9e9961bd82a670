"""Do the variances of all levels grow by the same factor? Those that do not are found one by one."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from coulombgas._tails import f_sf

from ._variances import LogVariances, common_weights

FALSE_ALARM = 1e-3


class Agreement(NamedTuple):
    """Weights of the levels (0 for those left out), the levels left out, and whether the rest follow one factor.

    If they do not, ``spread`` is the standard deviation over levels of the log variance about the common factor,
    for each setting; else 0.
    """

    weights: Float[np.ndarray, "mode"]
    left_out: tuple[int, ...]
    common: bool
    spread: Float[np.ndarray, "setting"]


def agreeing_levels(variances: LogVariances, reference: np.ndarray) -> Agreement:
    r"""Leave out, worst first, levels whose log variance contradicts log T_s + c_i over the reference settings.

    The deviation of a level from the weighted mean, :math:`d_{si} = (e_i - w)\cdot\ell_s`, has the variance
    :math:`(e_i - w)^T C_s (e_i - w)`; about its mean over settings its square sums to χ² with one degree of freedom
    fewer than settings (an F law for few replicas). The false-alarm rate is 1e-3 over all levels (Bonferroni). If half
    of the levels would have to be left out, none is: then there is no common factor.
    """
    num = variances.estimate.shape[1]
    kept, left_out = np.arange(num), []
    while True:
        part = variances.select(kept)
        weights = common_weights(part.shape, part.num_replicas)
        p_values = _p_values(part, weights, reference)
        if len(kept) < 2 or len(reference) < 2 or p_values.min() >= FALSE_ALARM / num:
            break
        left_out.append(int(kept[np.argmin(p_values)]))
        kept = np.delete(kept, np.argmin(p_values))
        if 2 * len(left_out) >= num:
            return _no_common_factor(variances, reference)
    full = np.zeros(num)
    full[kept] = weights
    return Agreement(full, tuple(sorted(left_out)), True, np.zeros(len(variances.estimate)))


def _no_common_factor(variances: LogVariances, reference: np.ndarray) -> Agreement:
    weights = common_weights(variances.shape, variances.num_replicas)
    deviation = variances.estimate - (variances.estimate @ weights)[:, None]
    deviation = deviation - deviation[reference].mean(axis=0)
    return Agreement(weights, (), False, np.sqrt(deviation**2 @ weights))


def _p_values(variances: LogVariances, weights: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """p-value of each level under the common factor over the reference settings."""
    estimate, covariance = variances.estimate[reference], variances.covariance[reference]
    deviation = estimate - (estimate @ weights)[:, None]
    contrast = np.eye(len(weights)) - weights
    variance = np.einsum("ij,sjk,ik->si", contrast, covariance, contrast)
    # a level with all the weight does not deviate from itself
    precision = 1.0 / np.maximum(variance, 1e-12 * np.einsum("sii->si", covariance))
    center = (precision * deviation).sum(axis=0) / precision.sum(axis=0)
    chi2 = (precision * (deviation - center) ** 2).sum(axis=0)
    freedom = max(len(reference) - 1, 1)
    # the law of a log variance has longer tails than a Gaussian, and its variance is measured: F instead of chi²
    return f_sf(chi2 / freedom, freedom, max(variances.num_replicas / 2 - len(reference), 1.0))
