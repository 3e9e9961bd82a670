"""Layers of a network: bulk, edge, spikes, tail, repulsion, noise of the updates, and their course in training."""

from ._analysis import LayerAnalysis as LayerAnalysis
from ._analysis import NetworkAnalysis as NetworkAnalysis
from ._analysis import analyse as analyse
from ._analysis import analyse_layer as analyse_layer
from ._bulk import BulkFit as BulkFit
from ._bulk import fit_bulk as fit_bulk
from ._independence import Independence as Independence
from ._independence import independence as independence
from ._layer_noise import GroupMotion as GroupMotion
from ._layer_noise import LayerMotion as LayerMotion
from ._layer_noise import common_temperature as common_temperature
from ._layer_noise import layer_motion as layer_motion
from ._layer_table import layer_cells as layer_cells
from ._layer_table import layer_columns as layer_columns
from ._motion_numbers import motion_numbers as motion_numbers
from ._motion_numbers import num_leading as num_leading
from ._repulsion import RepulsionFit as RepulsionFit
from ._repulsion import fit_repulsion as fit_repulsion
from ._spikes import Spike as Spike
from ._spikes import SpikeFit as SpikeFit
from ._spikes import find_spikes as find_spikes
from ._structure import StructuredBulk as StructuredBulk
from ._structure import departing_test as departing_test
from ._structure import fit_structure as fit_structure
from ._tail import MODELS as MODELS
from ._tail import NO_TAIL as NO_TAIL
from ._tail import TailFit as TailFit
from ._tail import fit_tail as fit_tail
from ._training import ADAPTIVE as ADAPTIVE
from ._training import Dynamics as Dynamics
from ._training import Window as Window
from ._training import window as window
from ._trajectory import LayerTrajectory as LayerTrajectory
from ._trajectory import SpikeBirth as SpikeBirth
from ._trajectory import follow as follow

__all__ = [
    "ADAPTIVE",
    "MODELS",
    "NO_TAIL",
    "BulkFit",
    "Dynamics",
    "GroupMotion",
    "Independence",
    "LayerAnalysis",
    "LayerMotion",
    "LayerTrajectory",
    "NetworkAnalysis",
    "RepulsionFit",
    "Spike",
    "SpikeBirth",
    "SpikeFit",
    "StructuredBulk",
    "TailFit",
    "Window",
    "analyse",
    "analyse_layer",
    "common_temperature",
    "departing_test",
    "find_spikes",
    "fit_bulk",
    "fit_repulsion",
    "fit_structure",
    "fit_tail",
    "follow",
    "independence",
    "layer_cells",
    "layer_columns",
    "layer_motion",
    "motion_numbers",
    "num_leading",
    "window",
]
