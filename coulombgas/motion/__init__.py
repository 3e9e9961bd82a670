"""Levels followed in time: drift, noise and temperature from their motion."""

from ._fit import Band as Band
from ._fit import FixedPoint as FixedPoint
from ._fit import MotionFit as MotionFit
from ._fit import temperature_from_motion as temperature_from_motion

__all__ = [
    "Band",
    "FixedPoint",
    "MotionFit",
    "temperature_from_motion",
]
