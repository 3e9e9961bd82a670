"""Bayesian inference: temperatures, widths and scaling rules with calibrated intervals."""

from ._bulk import BulkFit as BulkFit
from ._bulk import fit_bulk as fit_bulk
from ._calibrate import Calibration as Calibration
from ._calibrate import calibrate as calibrate
from ._catalogue import CATALOGUE as CATALOGUE
from ._catalogue import PaperModel as PaperModel
from ._compare import Comparison as Comparison
from ._compare import LawScore as LawScore
from ._compare import compare_laws as compare_laws
from ._compare import compare_scaling as compare_scaling
from ._criticism import PredictiveCheck as PredictiveCheck
from ._criticism import binder_cumulant as binder_cumulant
from ._criticism import predictive_checks as predictive_checks
from ._criticism import prior_sensitivity as prior_sensitivity
from ._fit import fit_temperature as fit_temperature
from ._interval import Interval as Interval
from ._layer_motion import LayerMotion as LayerMotion
from ._model_fit import GroupModelFit as GroupModelFit
from ._model_fit import ModelFit as ModelFit
from ._model_fit import fit_model as fit_model
from ._motion import Band as Band
from ._motion import FixedPoint as FixedPoint
from ._motion import MotionFit as MotionFit
from ._motion import temperature_from_motion as temperature_from_motion
from ._network import LayerAnalysis as LayerAnalysis
from ._network import NetworkAnalysis as NetworkAnalysis
from ._network import analyse as analyse
from ._network import analyse_layer as analyse_layer
from ._nuts import Draws as Draws
from ._nuts import sample_batch as sample_batch
from ._paper_models import Observations as Observations
from ._repulsion import RepulsionFit as RepulsionFit
from ._repulsion import fit_repulsion as fit_repulsion
from ._response import ResponseCurve as ResponseCurve
from ._response import mean_levels as mean_levels
from ._response import measure_response as measure_response
from ._response_table import write_response_table as write_response_table
from ._result import LevelFit as LevelFit
from ._result import ScalingFit as ScalingFit
from ._result import SettingFit as SettingFit
from ._result import TemperatureFit as TemperatureFit
from ._spikes import Spike as Spike
from ._spikes import SpikeFit as SpikeFit
from ._spikes import find_spikes as find_spikes
from ._store import load_fit as load_fit
from ._tail import TailFit as TailFit
from ._tail import fit_tail as fit_tail
from ._trajectory import LayerTrajectory as LayerTrajectory
from ._trajectory import follow as follow

__all__ = [
    "CATALOGUE",
    "Band",
    "BulkFit",
    "Calibration",
    "Comparison",
    "Draws",
    "FixedPoint",
    "GroupModelFit",
    "Interval",
    "LawScore",
    "LayerAnalysis",
    "LayerMotion",
    "LayerTrajectory",
    "LevelFit",
    "ModelFit",
    "MotionFit",
    "NetworkAnalysis",
    "Observations",
    "PaperModel",
    "PredictiveCheck",
    "RepulsionFit",
    "ResponseCurve",
    "ScalingFit",
    "SettingFit",
    "Spike",
    "SpikeFit",
    "TailFit",
    "TemperatureFit",
    "analyse",
    "analyse_layer",
    "binder_cumulant",
    "calibrate",
    "compare_laws",
    "compare_scaling",
    "find_spikes",
    "fit_bulk",
    "fit_model",
    "fit_repulsion",
    "fit_tail",
    "fit_temperature",
    "follow",
    "load_fit",
    "mean_levels",
    "measure_response",
    "predictive_checks",
    "prior_sensitivity",
    "sample_batch",
    "temperature_from_motion",
    "write_response_table",
]
