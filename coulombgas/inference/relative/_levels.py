"""The levels of several settings of one model: their requirements, and which of them can carry a temperature."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from coulombgas._checks import InputError, check_count, check_finite_array, check_positive
from coulombgas._precision import resolution

FEWEST_REPLICAS = 3
_FEW_REPLICAS = 20  # below, the share of the replicas that may be left out is less than one
_IMPOSSIBLE_WIDTHS = 30.0  # from the median: no law with such a width gives such a level
_MAX_EXCLUDED = 0.05  # of the replicas
_APART = 5.0  # widths of a gap between replicas at two fixed points
_WALL_WIDTHS = 3.0  # of a level's mean from 0
_WALL_SLOPE = 0.5  # of log mean against log width over settings: 0 far from the wall, 1 for levels that scale with T


class LevelData(NamedTuple):
    """Levels of one setting: learning rate, batch size and an array (replica, mode), each row ascending."""

    path: str
    learning_rate: float
    batch_size: int
    levels: np.ndarray

    @property
    def label(self) -> str:
        """Source and setting, for messages."""
        return f"{self.path} (α = {self.learning_rate:g}, B = {self.batch_size})"


class Usable(NamedTuple):
    """Levels that can carry a temperature.

    ``settings`` are in a common unit, without the replicas left out; ``modes`` are the indices of the levels that
    fluctuate in every setting and stay away from 0; ``warnings`` concern all settings, ``of_setting`` single ones.
    """

    settings: tuple[LevelData, ...]
    modes: np.ndarray
    warnings: tuple[str, ...]
    of_setting: tuple[tuple[str, ...], ...]


def usable_levels(settings: Sequence[LevelData]) -> Usable:
    """Check the settings and find the levels that can carry a temperature.

    A level is left out if its standard deviation is no larger than the rounding of the numbers. If every level of every
    setting is at least 0 (singular values or their squares), it is also left out if the wall at 0 determines its law:
    if its mean is within 3 standard deviations of 0 in some setting, or grows with them from setting to setting (noise
    around 0 is pushed up by repulsion; its squared singular values have variances ∝ T²).

    Raises:
        InputError: one setting only, settings with different numbers of modes, fewer than 3 replicas, levels that are
            not finite or do not ascend, more than 5% of replicas apart from the others, no fluctuation, or every level
            at the wall.
    """
    checked = [_checked(setting) for setting in settings]
    if len(checked) < 2:
        raise InputError(
            "`spectra` hold one setting only: relative temperatures compare at least 2 learning rates or batch sizes; "
            "give the spectra of more settings, or the model."
        )
    moving = [_moving(setting) for setting in _in_one_unit(_same_modes(checked))]
    kept, of_setting = zip(*(_without_far_replicas(setting) for setting in moving), strict=True)
    frozen = np.any([_frozen(setting) for setting in kept], axis=0)
    at_wall = _at_wall(kept) & ~frozen
    modes = np.flatnonzero(~frozen & ~at_wall)
    if not len(modes):
        raise InputError(
            "`spectra` have no level that gives a temperature: each is constant in some setting or noise "
            "around 0; record a layer whose leading levels are well above 0."
        )
    warnings = []
    if frozen.any():
        warnings.append(f"left out {name_levels(frozen)}: no fluctuation in some setting")
    if at_wall.any():
        warnings.append(f"left out {name_levels(at_wall)}: near 0 variances are not ∝ T")
    return Usable(tuple(kept), modes, tuple(warnings), tuple(of_setting))


def name_levels(which: np.ndarray) -> str:
    """ "level 3" or "levels 0-2, 4", from a mask or from ascending indices."""
    indices = np.flatnonzero(which) if which.dtype == bool else which
    runs = np.split(indices, np.flatnonzero(np.diff(indices) > 1) + 1)
    names = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
    return f"level{'s' * (len(indices) > 1)} {names}"


def _checked(setting: LevelData) -> LevelData:
    """The setting with checked numbers and shape; errors name its source."""
    path = str(setting.path)
    try:
        learning_rate = check_positive("learning_rate", setting.learning_rate)
        batch_size = check_count("batch_size", setting.batch_size)
        levels = check_finite_array("eigenvalue", setting.levels, ndim=2, any_size=True)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    checked = LevelData(path, learning_rate, batch_size, levels)
    num, modes = levels.shape
    if num < FEWEST_REPLICAS or modes < 1:
        raise InputError(
            f"{checked.label}: a variance over replicas needs at least {FEWEST_REPLICAS} replicas and 1 mode, got "
            f"shape {levels.shape}: train more replicas."
        )
    if (np.diff(levels, axis=1) < 0).any():
        raise InputError(f"{checked.label}: `eigenvalue` must ascend along modes in every replica: sort it.")
    return checked


def _moving(setting: LevelData) -> LevelData:
    if _frozen(setting).all():
        raise InputError(f"{setting.label}: all replicas have the same levels: no fluctuation, no temperature.")
    return setting


def _same_modes(settings: list[LevelData]) -> list[LevelData]:
    for setting in settings[1:]:
        if setting.levels.shape[1] != settings[0].levels.shape[1]:
            raise InputError(
                f"`spectra` must be of one model: {settings[0].label} has {settings[0].levels.shape[1]} modes, "
                f"{setting.label} {setting.levels.shape[1]}."
            )
    return settings


def _in_one_unit(settings: list[LevelData]) -> list[LevelData]:
    """The settings divided by a power of two near their largest level, so that no square over- or underflows."""
    largest = max(float(np.abs(setting.levels).max()) for setting in settings)
    exponent = -int(np.frexp(largest)[1])
    return [setting._replace(levels=np.ldexp(setting.levels, exponent)) for setting in settings]


def _frozen(setting: LevelData) -> np.ndarray:
    """Levels that vary no more than the rounding of the largest one."""
    levels = setting.levels
    return levels.std(axis=0) <= 8 * resolution(levels) * np.abs(levels).max()


def _at_wall(settings: Sequence[LevelData]) -> np.ndarray:
    if any((setting.levels < 0).any() for setting in settings):
        return np.zeros(settings[0].levels.shape[1], dtype=bool)
    mean, width = (np.stack([np.asarray(f(s.levels, axis=0)) for s in settings]) for f in (np.mean, np.std))
    log_mean, log_width = (np.log(np.maximum(x, np.finfo(np.float64).tiny)) for x in (mean, width))
    across = log_width - log_width.mean(axis=0)
    slope = (across * log_mean).sum(axis=0) / np.maximum((across**2).sum(axis=0), np.finfo(np.float64).tiny)
    # a slope is known once the widths differ by four errors, each 1/√(2 replicas) in the logarithm
    known = np.ptp(log_width, axis=0) > 4.0 / np.sqrt(min(len(setting.levels) for setting in settings))
    return (mean < _WALL_WIDTHS * width).any(axis=0) | (known & (slope > _WALL_SLOPE))


def _without_far_replicas(setting: LevelData) -> tuple[LevelData, tuple[str, ...]]:
    """The setting without replicas that have a level more than 30 widths from its median, and warnings about them."""
    levels, warnings = setting.levels, []
    moving = levels[:, ~_frozen(setting)]
    distance = np.abs(moving - np.median(moving, axis=0))
    # 1.4826 median |x − median| is the standard deviation of a Gaussian
    width = 1.4826 * np.median(distance, axis=0)
    far = ((distance > _IMPOSSIBLE_WIDTHS * width) & (width > 0)).any(axis=1)
    few = len(levels) < _FEW_REPLICAS
    count = 0 if few else max(int(far.sum()), _apart(moving))
    if count > max(_MAX_EXCLUDED * len(levels), 1):
        raise InputError(
            f"{setting.label}: {count} of {len(levels)} replicas are at another fixed point than "
            "the others: start all replicas from one minimum, or remove those that left it."
        )
    if count:
        setting = setting._replace(levels=levels[~far])
        plural = "s" if count > 1 else ""
        warnings.append(f"{count} replica{plural} with a level more than {_IMPOSSIBLE_WIDTHS:g} widths away left out")
    if few:
        warnings.append(f"only {len(setting.levels)} replicas: the interval assumes levels that are nearly Gaussian")
    return setting, tuple(warnings)


def _apart(levels: np.ndarray) -> int:
    """Replicas on the smaller side of a gap of more than 5 widths in some level, if more than 5% of them; else 0.

    The width is the standard deviation within both sides of the gap. Levels around one fixed point have no such gap.
    """
    num = len(levels)
    ordered = np.sort(levels - levels.mean(axis=0), axis=0)
    below = np.arange(1, num)[:, None]
    left, right = (np.cumsum(x, axis=0)[:-1] for x in (ordered, ordered[::-1]))
    right = right[::-1]
    within = (ordered**2).sum(axis=0) - left**2 / below - right**2 / (num - below)
    gap = np.diff(ordered, axis=0)
    smaller = np.minimum(below, num - below)
    split = (gap**2 * num > _APART**2 * np.maximum(within, 0.0)) & (smaller > max(_MAX_EXCLUDED * num, 1))
    return int((split * smaller).max(initial=0))
