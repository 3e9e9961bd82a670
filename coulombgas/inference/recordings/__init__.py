"""Recordings of real trainings: noise of each run, the scaling rule across runs, and settings of equal temperature."""

from ._noise_scale import NoiseScale as NoiseScale
from ._noise_scale import noise_scale as noise_scale
from ._rescale import Rescaling as Rescaling
from ._rescale import rescale as rescale
from ._result import ScalingRule as ScalingRule
from ._rule import scaling_rule as scaling_rule
from ._runs import RecordedLayer as RecordedLayer
from ._runs import RecordedRun as RecordedRun
