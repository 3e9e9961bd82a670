"""Bayesian inference: temperatures, widths and scaling rules with calibrated intervals."""

from ._fit import fit_temperature as fit_temperature
from ._parts import LevelFit as LevelFit
from ._parts import ScalingFit as ScalingFit
from ._parts import SettingFit as SettingFit
from ._result import TemperatureFit as TemperatureFit
from ._result import load_fit as load_fit
from ._sampler import Draws as Draws
from ._sampler import sample_batch as sample_batch
from .calibration._calibrate import Calibration as Calibration
from .calibration._calibrate import calibrate as calibrate
from .recordings import NoiseScale as NoiseScale
from .recordings import RecordedLayer as RecordedLayer
from .recordings import RecordedRun as RecordedRun
from .recordings import Rescaling as Rescaling
from .recordings import ScalingRule as ScalingRule
from .recordings import noise_scale as noise_scale
from .recordings import rescale as rescale
from .recordings import scaling_rule as scaling_rule
from .spacing_laws._catalogue import CATALOGUE as CATALOGUE
from .spacing_laws._catalogue import PaperModel as PaperModel
from .spacing_laws._compare import Comparison as Comparison
from .spacing_laws._compare import LawScore as LawScore
from .spacing_laws._compare import compare_laws as compare_laws
from .spacing_laws._compare import compare_scaling as compare_scaling
from .spacing_laws._criticism import PredictiveCheck as PredictiveCheck
from .spacing_laws._criticism import binder_cumulant as binder_cumulant
from .spacing_laws._criticism import predictive_checks as predictive_checks
from .spacing_laws._criticism import prior_sensitivity as prior_sensitivity
from .spacing_laws._fit import GroupModelFit as GroupModelFit
from .spacing_laws._fit import ModelFit as ModelFit
from .spacing_laws._fit import fit_model as fit_model
from .spacing_laws._programs import Observations as Observations

__all__ = [
    "CATALOGUE",
    "Calibration",
    "Comparison",
    "Draws",
    "GroupModelFit",
    "LawScore",
    "LevelFit",
    "ModelFit",
    "NoiseScale",
    "Observations",
    "PaperModel",
    "PredictiveCheck",
    "RecordedLayer",
    "RecordedRun",
    "Rescaling",
    "ScalingFit",
    "ScalingRule",
    "SettingFit",
    "TemperatureFit",
    "binder_cumulant",
    "calibrate",
    "compare_laws",
    "compare_scaling",
    "fit_model",
    "fit_temperature",
    "load_fit",
    "noise_scale",
    "predictive_checks",
    "prior_sensitivity",
    "rescale",
    "sample_batch",
    "scaling_rule",
]
