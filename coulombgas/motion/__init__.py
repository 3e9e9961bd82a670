"""Levels followed in time: drift, noise, temperature and equilibrium from their motion."""

from ._fit import Band as Band
from ._fit import FixedPoint as FixedPoint
from ._fit import MotionFit as MotionFit
from ._fit import temperature_from_motion as temperature_from_motion
from ._groups import FALSE_ALARM as FALSE_ALARM
from ._groups import GroupNoise as GroupNoise
from ._groups import log_interval as log_interval
from ._isotropy import SAME_WITHIN as SAME_WITHIN
from ._isotropy import Isotropy as Isotropy
from ._level_noise import LevelNoise as LevelNoise
from ._level_noise import level_noise as level_noise
from ._stationarity import Stationarity as Stationarity
from ._stationarity import stationarity as stationarity

__all__ = [
    "FALSE_ALARM",
    "SAME_WITHIN",
    "Band",
    "FixedPoint",
    "GroupNoise",
    "Isotropy",
    "LevelNoise",
    "MotionFit",
    "Stationarity",
    "level_noise",
    "log_interval",
    "stationarity",
    "temperature_from_motion",
]
