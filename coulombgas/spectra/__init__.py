"""Spectra of weight matrices: their format, readers, level groups, statistics."""

from ._checkpoint import iterate_matrices as iterate_matrices
from ._checkpoint import load_spectra as load_spectra
from ._entries import TESTS as ENTRY_TESTS
from ._entries import Entries as Entries
from ._entries import ShuffledLevels as ShuffledLevels
from ._formats import FORMATS as FORMATS
from ._formats import Checkpoint as Checkpoint
from ._formats import find_checkpoints as find_checkpoints
from ._layers import Change as Change
from ._layers import LayerSpectrum as LayerSpectrum
from ._layers import NetworkSpectra as NetworkSpectra
from ._layers import Participation as Participation
from ._layers import layer_spectrum as layer_spectrum
from ._levels import LevelGroup as LevelGroup
from ._levels import group_freedom as group_freedom
from ._levels import group_levels as group_levels
from ._levels import level_groups as level_groups
from ._levels import level_spacings as level_spacings
from ._levels import weights_to_levels as weights_to_levels
from ._matrices import as_matrices as as_matrices
from ._plan import SpectraPlan as SpectraPlan
from ._read import read_spectra as read_spectra
from ._recorded_training import RecordedTraining as RecordedTraining
from ._reference_curves import RATIO_MEANS as RATIO_MEANS
from ._reference_curves import number_variance_curve as number_variance_curve
from ._reference_curves import rigidity_curve as rigidity_curve
from ._rigidity import LongRangeStatistic as LongRangeStatistic
from ._rigidity import number_variance as number_variance
from ._rigidity import rigidity as rigidity
from ._schema import assumed as assumed
from ._schema import has_model as has_model
from ._schema import healthy as healthy
from ._schema import make_spectra as make_spectra
from ._schema import model_config as model_config
from ._schema import package_versions as package_versions
from ._schema import training_config as training_config
from ._schema import validate_spectra as validate_spectra
from ._smoothing import SmoothingDiagnosis as SmoothingDiagnosis
from ._spacings import SpacingRatio as SpacingRatio
from ._spacings import spacing_ratio as spacing_ratio
from ._spacings import spacing_ratios as spacing_ratios
from ._spacings import unit_spacings as unit_spacings
from ._spectra_store import SpectraStore as SpectraStore
from ._spectra_store import interrupted_analysis as interrupted_analysis
from ._spectra_store import spectra_store as spectra_store
from ._stored import BadArray as BadArray
from ._stored import StoredArray as StoredArray
from ._stored import printable as printable
from ._stores import EVERY_CHUNK as EVERY_CHUNK
from ._stores import check_coordinates as check_coordinates
from ._stores import write_store as write_store
from ._unfold import Unfolding as Unfolding
from ._unfold import unfold as unfold
from ._vectors import Localisation as Localisation
from ._vectors import localisation as localisation

__all__ = [
    "ENTRY_TESTS",
    "EVERY_CHUNK",
    "FORMATS",
    "RATIO_MEANS",
    "BadArray",
    "Change",
    "Checkpoint",
    "Entries",
    "LayerSpectrum",
    "LevelGroup",
    "Localisation",
    "LongRangeStatistic",
    "NetworkSpectra",
    "Participation",
    "RecordedTraining",
    "ShuffledLevels",
    "SmoothingDiagnosis",
    "SpacingRatio",
    "SpectraPlan",
    "SpectraStore",
    "StoredArray",
    "Unfolding",
    "as_matrices",
    "assumed",
    "check_coordinates",
    "find_checkpoints",
    "group_freedom",
    "group_levels",
    "has_model",
    "healthy",
    "interrupted_analysis",
    "iterate_matrices",
    "layer_spectrum",
    "level_groups",
    "level_spacings",
    "load_spectra",
    "localisation",
    "make_spectra",
    "model_config",
    "number_variance",
    "number_variance_curve",
    "package_versions",
    "printable",
    "read_spectra",
    "rigidity",
    "rigidity_curve",
    "spacing_ratio",
    "spacing_ratios",
    "spectra_store",
    "training_config",
    "unfold",
    "unit_spacings",
    "validate_spectra",
    "weights_to_levels",
    "write_store",
]
