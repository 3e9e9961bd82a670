"""Bayesian inference: temperatures, widths and scaling rules with calibrated intervals."""

from ._interval import Interval as Interval
from ._result import LevelFit as LevelFit
from ._result import ScalingFit as ScalingFit
from ._result import SettingFit as SettingFit
from ._result import TemperatureFit as TemperatureFit

__all__ = ["Interval", "LevelFit", "ScalingFit", "SettingFit", "TemperatureFit"]
