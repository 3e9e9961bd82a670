"""Bayesian inference: temperatures, widths and scaling rules with calibrated intervals."""

from ._fit import fit_temperature as fit_temperature
from ._interval import Interval as Interval
from ._result import LevelFit as LevelFit
from ._result import ScalingFit as ScalingFit
from ._result import SettingFit as SettingFit
from ._result import TemperatureFit as TemperatureFit
from ._store import load_fit as load_fit

__all__ = ["Interval", "LevelFit", "ScalingFit", "SettingFit", "TemperatureFit", "fit_temperature", "load_fit"]
