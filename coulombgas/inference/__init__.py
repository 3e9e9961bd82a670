"""Bayesian inference: temperatures, widths and scaling rules with calibrated intervals."""

from ._bulk import BulkFit as BulkFit
from ._bulk import fit_bulk as fit_bulk
from ._fit import fit_temperature as fit_temperature
from ._interval import Interval as Interval
from ._network import LayerAnalysis as LayerAnalysis
from ._network import NetworkAnalysis as NetworkAnalysis
from ._network import analyse as analyse
from ._network import analyse_layer as analyse_layer
from ._repulsion import RepulsionFit as RepulsionFit
from ._repulsion import fit_repulsion as fit_repulsion
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
    "BulkFit",
    "Interval",
    "LayerAnalysis",
    "LayerTrajectory",
    "LevelFit",
    "NetworkAnalysis",
    "RepulsionFit",
    "ScalingFit",
    "SettingFit",
    "Spike",
    "SpikeFit",
    "TailFit",
    "TemperatureFit",
    "analyse",
    "analyse_layer",
    "find_spikes",
    "fit_bulk",
    "fit_repulsion",
    "fit_tail",
    "fit_temperature",
    "follow",
    "load_fit",
]
