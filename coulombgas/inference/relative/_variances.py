r"""Log variances of levels with their covariance, measured from the replicas, and weights for their mean.

To first order :math:`\log s_i^2 - \log\sigma_i^2` is the mean over replicas of the influence values

.. math:: u_{ri} = (x_{ri} - \bar x_i)^2/s_i^2 - 1,

so that its covariance between levels is the *shape* :math:`\Sigma_{ij} = \langle u_i u_j\rangle` over the number of
replicas: :math:`2\rho_{ij}^2` for Gaussian levels, more for heavy tails. The shape has no scale. Near one fixed point
it is the same at every temperature, so all settings measure it together.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import optimize, special

# prior weights, in replicas, of the Gaussian shape in the pooled one and of the pooled shape in that of a setting: the
# measured variance of u² of one Gaussian level has the relative error √(14/replicas), about 1/2 at 50
_GAUSSIAN_REPLICAS = 50
_POOLED_REPLICAS = 100
# below, a variance of u² under the Gaussian value 2 may be chance, and at least 2 is taken
_FEW_REPLICAS = 50
# shrinkage of correlations before weights are chosen, per mode and replica: weights must not fit noise
_CAUTION = 10.0


class LogVariances(NamedTuple):
    """Log variances of all settings and levels.

    ``estimate`` is unbiased; ``covariance`` is between the levels of a setting, settings being independent; ``shape``
    is the pooled covariance of influence values; ``num_replicas`` counts the replicas used for it.
    """

    estimate: Float[np.ndarray, "setting mode"]
    covariance: Float[np.ndarray, "setting mode mode"]
    shape: Float[np.ndarray, "mode mode"]
    num_replicas: int

    def select(self, modes: np.ndarray) -> "LogVariances":
        """The same for some modes."""
        return LogVariances(
            self.estimate[:, modes], self.covariance[:, modes[:, None], modes], self.shape[np.ix_(modes, modes)],
            self.num_replicas,
        )  # fmt: skip


def log_variances(levels: Sequence[np.ndarray], reference: Sequence[int]) -> LogVariances:
    r"""Log variances over replicas, unbiased, and their covariance between levels.

    With ν = replicas − 1 and :math:`\nu_i = 2\nu/\Sigma_{ii}` effective degrees of freedom (ν for a Gaussian level),
    :math:`\log s_i^2 - \psi(\nu_i/2) + \log(\nu_i/2)` has no bias and the variance :math:`\psi'(\nu_i/2)`, exactly for
    Gaussian levels; correlations are those of the shape. A few replicas determine a shape poorly, so it is shrunk:

    - the pooled shape includes the Gaussian one, :math:`2\rho^2` of the measured correlations, counted as 50 replicas;
    - the shape of a setting includes the pooled one, counted as 100 replicas, and is never below it (in its sum);
    - for a setting with fewer than 50 replicas no level is taken to have lighter tails than a Gaussian one.

    Args:
        levels: for each setting levels (replica, mode), at least 3 replicas and no level constant.
        reference: indices of the settings that define the pooled shape (those at one fixed point).
    """
    own, gaussian = zip(*(_shape(setting) for setting in levels), strict=True)
    num = np.array([len(setting) for setting in levels], dtype=np.float64)
    used = list(reference)
    total = num[used].sum()
    normal = _mean([gaussian[s] for s in used], num[used])
    normal = 2.0 * normal**2
    measured = _mean([own[s] for s in used], num[used])
    pooled = (total * measured + _GAUSSIAN_REPLICAS * normal) / (total + _GAUSSIAN_REPLICAS)
    rows = [_setting(x, shape, pooled) for x, shape in zip(levels, own, strict=True)]
    estimate, covariance = (np.stack(column) for column in zip(*rows, strict=True))
    return LogVariances(estimate, covariance, pooled, int(total))


def common_weights(shape: Float[np.ndarray, "mode mode"], num_replicas: int) -> Float[np.ndarray, "mode"]:
    """Weights ≥ 0 with sum 1 and least variance wᵀΣw, with correlations shrunk by 10·modes/replicas (at most to 0)."""
    num = len(shape)
    shrinkage = min(1.0, _CAUTION * num / num_replicas)
    cautious = (1.0 - shrinkage) * shape + shrinkage * np.diag(np.diag(shape))
    # least squares |Lᵀw|² with a heavily weighted row for the sum, relative to which the rest is scaled
    root = np.linalg.cholesky(cautious / np.diag(cautious).min() + 1e-9 * np.eye(num)).T
    heavy = 1e3 * np.ones((1, num))
    solution, _ = optimize.nnls(np.concatenate([root, heavy]), np.append(np.zeros(num), 1e3))
    return solution / solution.sum()


def _shape(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Covariance of influence values, and the correlations of the levels."""
    num = len(levels)
    deviation = levels - levels.mean(axis=0)
    standard = deviation / np.sqrt((deviation**2).mean(axis=0))
    influence = standard**2 - 1.0
    # for Gaussian levels <u²> = 2 (num − 2)/(num + 1), because each is divided by its own variance
    return influence.T @ influence / num * (num + 1) / (num - 2), standard.T @ standard / num


def _mean(matrices: Sequence[np.ndarray], counts: np.ndarray) -> np.ndarray:
    return np.einsum("sij,s->ij", np.stack(matrices), counts / counts.sum())


def _setting(levels: np.ndarray, own: np.ndarray, pooled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unbiased log variances of the levels of one setting, and their covariance."""
    num = len(levels)
    shape = (num * own + _POOLED_REPLICAS * pooled) / (num + _POOLED_REPLICAS)
    # a setting that happens to lack the rare large deviations takes the pooled shape
    shape = max(shape, pooled, key=np.sum)
    if num < _FEW_REPLICAS:
        shape = shape * _rescaled(np.maximum(np.diag(shape), 2.0) / np.diag(shape))
    half = (num - 1) / np.diag(shape)
    estimate = np.log(levels.var(axis=0, ddof=1)) - special.digamma(half) + np.log(half)
    # variances changed from those of the shape to the exact ones, correlations unchanged
    return estimate, shape * _rescaled(special.polygamma(1, half) / np.diag(shape))


def _rescaled(factor: np.ndarray) -> np.ndarray:
    """Factor on a covariance matrix when each variance grows by a factor."""
    return np.sqrt(np.outer(factor, factor))
