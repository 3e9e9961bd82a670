r"""Are all settings at one fixed point? Then their mean levels move with T as in an expansion in the noise.

Near one fixed point the mean of a level is

.. math:: \langle x_i\rangle_T = x_i + a_i\sqrt T + b_i T + e_i T^2.

Only the ordered levels of a degenerate group, which repel each other, have :math:`a_i`; for levels closer than their
widths, its Gaussian prior is as wide as their distance from the middle of the cluster. In units of the width at the
hottest setting :math:`b_i` and :math:`e_i` have priors of standard deviation 10 and 2: if the mean shifts by many more
widths, no expansion in the noise holds. The means of all settings are then jointly Gaussian, and each is compared with
what the others predict.
"""

from collections.abc import Callable, Sequence

import numpy as np

from coulombgas._tails import t_ppf

FALSE_ALARM = 1e-4
_PRIORS = ((1.0, 10.0), (2.0, 2.0))  # power of T, standard deviation in widths
_WIDTHS = 0.5  # smaller deviations of a mean are significant only with many replicas, and harmless
_LINKED = 5.0  # widths: closer levels repel each other


def strays(levels: Sequence[np.ndarray], log_temperature: np.ndarray) -> dict[int, np.ndarray]:
    """Settings at another fixed point than most, with the modes that show it.

    A setting deviates if the mean of a level differs from its prediction beyond the false-alarm rate 1e-4 (over all
    settings and modes) and by more than half a width. The setting without which the others agree best is removed,
    repeatedly until all the rest agree. Of two equally large parties the one with the first setting is kept.

    Args:
        levels: for each setting (replica, mode).
        log_temperature: relative temperatures of the settings.
    """
    excess = _excess(levels, log_temperature)
    kept = np.arange(len(levels))
    while len(kept) > 1 and excess(kept).max() > 1.0:
        rest = [np.delete(kept, index) for index in range(len(kept))]
        misfit = [excess(part).max() if len(part) > 1 else 0.0 for part in rest]
        # the last of equals: with two settings either could be removed
        kept = rest[len(kept) - 1 - int(np.argmin(misfit[::-1]))]
    out = np.setdiff1d(np.arange(len(levels)), kept)
    if len(out) >= len(kept) and out[0] == 0 and (len(out) == 1 or excess(out).max() <= 1.0):
        kept, out = out, kept
    return {index: _modes(excess, kept, index) for index in out.tolist()}


def _modes(excess: Callable[[np.ndarray], np.ndarray], kept: np.ndarray, index: int) -> np.ndarray:
    return np.flatnonzero(excess(np.append(kept, index))[-1] > 1.0)


def _excess(levels: Sequence[np.ndarray], log_temperature: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """For some settings: deviation from the prediction of the others over its threshold; 0 below half a width."""
    mean = np.stack([x.mean(axis=0) for x in levels])
    variance = np.stack([x.var(axis=0, ddof=1) for x in levels])
    num = np.array([len(x) for x in levels], dtype=np.float64)
    temperature = np.exp(log_temperature - log_temperature.max())
    # the unit of a level: its width at T = 1, from all settings together
    unit = np.sqrt((variance / temperature[:, None] * num[:, None]).sum(axis=0) / num.sum())
    spread = (_offsets(mean, np.sqrt(variance)) / np.sqrt(temperature)[:, None]).max(axis=0) / unit
    threshold = -t_ppf(FALSE_ALARM / (2 * mean.size), num - 1)[:, None]

    def excess(kept: np.ndarray) -> np.ndarray:
        error2 = (variance / num[:, None])[kept] / unit**2
        deviation, error = _left_one_out(mean[kept] / unit, error2, temperature[kept], spread)
        far = np.abs(deviation) * unit > _WIDTHS * np.sqrt(variance[kept])
        return np.where(far, np.abs(deviation) / (error * threshold[kept]), 0.0)

    return excess


def _offsets(mean: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Distance of each mean level from the middle of its cluster of levels closer than 5 widths, (setting, mode)."""
    found = np.zeros_like(mean)
    for row, wide, offsets in zip(mean, width, found, strict=True):
        near = np.diff(row) < _LINKED * (wide[1:] + wide[:-1]) / 2
        for cluster in np.split(np.arange(len(row)), np.flatnonzero(~near) + 1):
            offsets[cluster] = np.abs(row[cluster] - row[cluster].mean())
    return found


def _left_one_out(
    mean: np.ndarray, error2: np.ndarray, temperature: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each setting minus its prediction from the others, and the error of the difference, both (setting,
    mode)."""
    kernel = sum((width**2 * np.outer(temperature**power, temperature**power) for power, width in _PRIORS), 0.0)
    root = np.sqrt(np.outer(temperature, temperature))
    covariance = kernel + spread[:, None, None] ** 2 * root + error2.T[:, :, None] * np.eye(len(mean))
    inverse = np.linalg.inv(covariance)
    # the constant x_i is free: project it out
    ones = inverse.sum(axis=2)
    inverse = inverse - ones[:, :, None] * ones[:, None, :] / ones.sum(axis=1)[:, None, None]
    diagonal = np.einsum("iss->is", inverse)
    return (np.einsum("ist,ti->is", inverse, mean) / diagonal).T, (1.0 / np.sqrt(diagonal)).T
