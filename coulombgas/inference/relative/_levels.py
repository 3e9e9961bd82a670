"""The levels of several settings of one model: what they must be, and which of them can carry a temperature."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from coulombgas._checks import InputError, check_count, check_finite_array, check_positive

FEWEST_REPLICAS = 3
_FEW_REPLICAS = 20
_IMPOSSIBLE_WIDTHS = 30.0
_MAX_EXCLUDED = 0.05
_WALL_WIDTHS = 3.0


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

    ``settings`` are without the replicas that were left out; ``modes`` are the indices of the levels that move in
    every setting and keep away from 0; ``warnings`` concern all settings, ``of_setting`` each its own.
    """

    settings: tuple[LevelData, ...]
    modes: np.ndarray
    warnings: tuple[str, ...]
    of_setting: tuple[tuple[str, ...], ...]


def usable_levels(settings: Sequence[LevelData]) -> Usable:
    """Check the settings and find the levels that can carry a temperature.

    A level is left out where its standard deviation is no larger than the rounding of the numbers, or, if every level
    of every setting is at least 0 (squared singular values, or singular values), where its mean is within 3 standard
    deviations of 0 in some setting: the wall there distorts its law.

    Raises:
        InputError: one setting only, settings with different numbers of modes, fewer than 3 replicas, levels that are
            not finite or do not ascend, more than 5% of replicas far from the others, no fluctuation, or every level
            at the wall.
    """
    checked = _same_modes([_checked(setting) for setting in settings])
    if len(checked) < 2:
        raise InputError(
            "`spectra` hold one setting only: relative temperatures compare at least 2 learning rates or batch sizes; "
            "give the spectra of more settings, or the model."
        )
    kept, of_setting = zip(*(_without_far_replicas(setting) for setting in checked), strict=True)
    frozen = np.any([_frozen(setting) for setting in kept], axis=0)
    at_wall = _at_wall(kept) & ~frozen
    modes = np.flatnonzero(~frozen & ~at_wall)
    if not len(modes):
        raise InputError(
            "`spectra` have no level that tells a temperature: each one is constant in some setting or within "
            f"{_WALL_WIDTHS:g} widths of 0; record a layer whose leading levels stand clear of 0."
        )
    warnings = []
    if frozen.any():
        warnings.append(
            f"{name_levels(frozen)} not fluctuate in every setting: left out",
        )
    if at_wall.any():
        warnings.append(f"{name_levels(at_wall)} not stay clear of 0 (mean below {_WALL_WIDTHS:g} widths): left out")
    return Usable(tuple(kept), modes, tuple(warnings), tuple(of_setting))


def name_levels(which: np.ndarray) -> str:
    """ "level 3 does" or "levels 0, 1, 4 do", from a mask or from indices."""
    indices = np.flatnonzero(which) if which.dtype == bool else which
    names = ", ".join(str(int(index)) for index in indices)
    return f"level {names} does" if len(indices) == 1 else f"levels {names} do"


def _checked(setting: LevelData) -> LevelData:
    path = str(setting.path)
    try:
        learning_rate = check_positive("learning_rate", setting.learning_rate)
        batch_size = check_count("batch_size", setting.batch_size)
        levels = check_finite_array("eigenvalue", setting.levels, ndim=2)
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
    if _frozen(checked).all():
        raise InputError(f"{checked.label}: all replicas have the same levels: no fluctuation, no temperature.")
    return checked


def _same_modes(settings: list[LevelData]) -> list[LevelData]:
    for setting in settings[1:]:
        if setting.levels.shape[1] != settings[0].levels.shape[1]:
            raise InputError(
                f"`spectra` must be of one model: {settings[0].label} has {settings[0].levels.shape[1]} modes, "
                f"{setting.label} {setting.levels.shape[1]}."
            )
    return settings


def _frozen(setting: LevelData) -> np.ndarray:
    """Levels that move no more than the rounding of the largest one; numbers that fit in float32 were float32."""
    levels = setting.levels
    single = np.array_equal(levels.astype(np.float32), levels)
    rounding = 8 * float(np.finfo(np.float32 if single else np.float64).eps) * np.abs(levels).max()
    return levels.std(axis=0) <= rounding


def _at_wall(settings: Sequence[LevelData]) -> np.ndarray:
    if any((setting.levels < 0).any() for setting in settings):
        return np.zeros(settings[0].levels.shape[1], dtype=bool)
    return np.any(
        [setting.levels.mean(axis=0) < _WALL_WIDTHS * setting.levels.std(axis=0) for setting in settings], axis=0
    )


def _without_far_replicas(setting: LevelData) -> tuple[LevelData, tuple[str, ...]]:
    """The setting without replicas that have a level more than 30 widths from its median, and what to say of them."""
    levels, warnings = setting.levels, []
    distance = np.abs(levels - np.median(levels, axis=0))
    # 1.4826 median |x − median| is the standard deviation of a Gaussian
    width = 1.4826 * np.median(distance, axis=0)
    far = ((distance > _IMPOSSIBLE_WIDTHS * width) & (width > 0) & ~_frozen(setting)).any(axis=1)
    count = int(far.sum()) if len(levels) >= _FEW_REPLICAS else 0
    if count > max(_MAX_EXCLUDED * len(levels), 1):
        raise InputError(
            f"{setting.label}: {count} of {len(levels)} replicas have a level more than {_IMPOSSIBLE_WIDTHS:g} widths "
            "from the median: start all replicas from one minimum, or remove those that left it."
        )
    if count:
        setting = setting._replace(levels=levels[~far])
        plural = "s" if count > 1 else ""
        warnings.append(f"{count} replica{plural} with a level more than {_IMPOSSIBLE_WIDTHS:g} widths away left out")
    if len(setting.levels) < _FEW_REPLICAS:
        warnings.append(f"only {len(setting.levels)} replicas: the interval assumes levels that are nearly Gaussian")
    return setting, tuple(warnings)
