r"""Do all settings rest at one fixed point? Their mean levels must move with T as an expansion in noise says.

Near one fixed point the mean of a level is

.. math:: \langle x_i\rangle_T = x_i + a_i\sqrt T + b_i T + e_i T^2,

:math:`a_i` for ordered levels of a degenerate group, which repel each other, :math:`b_i` for the mean shift, and a
smaller second-order part. In units of the width at the hottest setting, a, b and e have Gaussian priors of standard
deviation 3, 5 and 1: an ordered level of a degenerate group sits within about 3 of its widths of the centre, and where
the shift exceeds the width many times no expansion in noise holds. The means of all settings are then jointly Gaussian,
and each is compared with what the others predict.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

FALSE_ALARM = 1e-4
_PRIORS = ((0.5, 3.0), (1.0, 5.0), (2.0, 1.0))  # power of T, standard deviation in widths
_WIDTHS = 0.5


def strays(levels: Sequence[np.ndarray], log_temperature: np.ndarray) -> dict[int, np.ndarray]:
    """Settings that rest at another fixed point than most, with the modes that say so.

    A setting strays where the mean of a level differs from its prediction beyond the false-alarm rate 1e-4 (over all
    settings and modes) and by more than half a width. The setting without which the others agree best is taken out, and
    again until all the rest agree; of two settings, the second.

    Args:
        levels: for each setting (replica, mode).
        log_temperature: relative temperatures of the settings.
    """
    mean = np.stack([x.mean(axis=0) for x in levels])
    variance = np.stack([x.var(axis=0, ddof=1) for x in levels])
    num = np.array([len(x) for x in levels], dtype=np.float64)
    temperature = np.exp(log_temperature - log_temperature.max())
    # the unit of a level: its width at T = 1, by all settings together
    unit = np.sqrt((variance / temperature[:, None] * num[:, None]).sum(axis=0) / num.sum())
    threshold = stats.t.isf(FALSE_ALARM / (2 * mean.size), num - 1)[:, None]

    def excess(kept: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Deviation over its threshold, (which of kept, mode); 0 where it is below half a width."""
        deviation, error = _left_one_out(
            mean[kept] / unit, (variance / num[:, None])[kept] / unit**2, temperature[kept]
        )
        far = np.abs(deviation) * unit > _WIDTHS * np.sqrt(variance[kept])
        return np.where(far, np.abs(deviation) / (error * threshold[kept]), 0.0)[which]

    kept, found = np.arange(len(levels)), {}
    while len(kept) > 1 and (all_of := excess(kept, np.arange(len(kept)))).max() > 1.0:
        without = [_worst(excess, np.delete(kept, k)) for k in range(len(kept))]
        # the last of equals: of two settings alone either explains itself, and the first is the reference
        worst = len(kept) - 1 - int(np.argmin(without[::-1]))
        found[int(kept[worst])] = np.flatnonzero(all_of[worst] > 1.0)
        kept = np.delete(kept, worst)
    return found


def _worst(excess, kept: np.ndarray) -> float:
    return float(excess(kept, np.arange(len(kept))).max()) if len(kept) > 1 else 0.0


def _left_one_out(mean: np.ndarray, error2: np.ndarray, temperature: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each setting minus its prediction from the others, and the error of that, both (setting, mode)."""
    kernel = sum((width**2 * np.outer(temperature**power, temperature**power) for power, width in _PRIORS), 0.0)
    covariance = kernel + error2.T[:, :, None] * np.eye(len(mean))
    inverse = np.linalg.inv(covariance)
    # the constant x_i is free: project it out
    ones = inverse.sum(axis=2)
    inverse = inverse - ones[:, :, None] * ones[:, None, :] / ones.sum(axis=1)[:, None, None]
    diagonal = np.einsum("iss->is", inverse)
    return (np.einsum("ist,ti->is", inverse, mean) / diagonal).T, (1.0 / np.sqrt(diagonal)).T
