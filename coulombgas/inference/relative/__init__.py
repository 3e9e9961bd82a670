"""Relative temperatures: ratios between settings of one model, without a theory of it."""

from ._fit import RelativeFit as RelativeFit
from ._fit import RelativeTemperature as RelativeTemperature
from ._fit import fit_relative_temperatures as fit_relative_temperatures
from ._levels import LevelData as LevelData

__all__ = ["LevelData", "RelativeFit", "RelativeTemperature", "fit_relative_temperatures"]
