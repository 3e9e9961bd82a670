"""How hot was this training? Coulomb gases, Dyson Brownian motion and calibrated temperatures of learned spectra.

Names are loaded on first use (PEP 562), so ``import coulombgas`` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__ as __version__

if TYPE_CHECKING:
    from ._checks import InputError as InputError
    from ._interval import Interval as Interval
    from .inference import TemperatureFit as TemperatureFit
    from .inference import calibrate as calibrate
    from .inference import compare_laws as compare_laws
    from .inference import fit_model as fit_model
    from .inference import fit_temperature as fit_temperature
    from .inference import load_fit as load_fit
    from .laws import Brody as Brody
    from .laws import CoulombGas as CoulombGas
    from .laws import GaussianBlock as GaussianBlock
    from .laws import LaguerreBlock as LaguerreBlock
    from .laws import MarchenkoPastur as MarchenkoPastur
    from .laws import PairDensity as PairDensity
    from .laws import PartitionFunction as PartitionFunction
    from .laws import PoissonSpacing as PoissonSpacing
    from .laws import RiceSpacing as RiceSpacing
    from .laws import Semicircle as Semicircle
    from .laws import TracyWidom as TracyWidom
    from .laws import TwoSpeciesDensity as TwoSpeciesDensity
    from .laws import TwoSpeciesPair as TwoSpeciesPair
    from .laws import TwoSpeciesSpacing as TwoSpeciesSpacing
    from .laws import WignerSurmise as WignerSurmise
    from .laws import composite_estimate as composite_estimate
    from .laws import matrix_pair_spacing as matrix_pair_spacing
    from .laws import partition_function as partition_function
    from .laws import pseudo_log_prob as pseudo_log_prob
    from .models import GaussianRBM as GaussianRBM
    from .models import MatrixDyson as MatrixDyson
    from .models import Model as Model
    from .models import TeacherStudent as TeacherStudent
    from .models import TwoLayerLinear as TwoLayerLinear
    from .models import free_scalar_field as free_scalar_field
    from .models import gpt_size as gpt_size
    from .models import read_corpus as read_corpus
    from .models import register as register
    from .motion import temperature_from_motion as temperature_from_motion
    from .networks import NetworkAnalysis as NetworkAnalysis
    from .networks import analyse as analyse
    from .spectra import load_spectra as load_spectra
    from .spectra import read_spectra as read_spectra
    from .symbolic import FokkerPlanck as FokkerPlanck
    from .symbolic import MatrixSDE as MatrixSDE
    from .symbolic import to_jax as to_jax
    from .theory import Theory as Theory
    from .theory import linear_noise as linear_noise
    from .training import LanguageTraining as LanguageTraining
    from .training import Optimizer as Optimizer
    from .training import SpectrumRecorder as SpectrumRecorder
    from .training import merge_stores as merge_stores
    from .training import read_recording as read_recording
    from .training import train as train
    from .training import train_language_model as train_language_model

_EXPORTS: dict[str, str] = {
    "Interval": "_interval",
    "Theory": "theory",
    "linear_noise": "theory",
    "register": "models",
    "Optimizer": "training",
    "Model": "models",
    # name: module that defines it, one line each, grouped by layer
    "InputError": "_checks",
    "gpt_size": "models",
    "read_corpus": "models",
    "read_recording": "training",
    "train_language_model": "training",
    "LanguageTraining": "training",
    "SpectrumRecorder": "training",
    "FokkerPlanck": "symbolic",
    "MatrixSDE": "symbolic",
    "to_jax": "symbolic",
    "Brody": "laws",
    "pseudo_log_prob": "laws",
    "partition_function": "laws",
    "matrix_pair_spacing": "laws",
    "composite_estimate": "laws",
    "TwoSpeciesSpacing": "laws",
    "TwoSpeciesPair": "laws",
    "TwoSpeciesDensity": "laws",
    "TracyWidom": "laws",
    "Semicircle": "laws",
    "PartitionFunction": "laws",
    "MarchenkoPastur": "laws",
    "LaguerreBlock": "laws",
    "GaussianBlock": "laws",
    "CoulombGas": "laws",
    "PairDensity": "laws",
    "PoissonSpacing": "laws",
    "RiceSpacing": "laws",
    "WignerSurmise": "laws",
    "GaussianRBM": "models",
    "TeacherStudent": "models",
    "merge_stores": "training",
    "MatrixDyson": "models",
    "TwoLayerLinear": "models",
    "free_scalar_field": "models",
    "train": "training",
    "load_spectra": "spectra",
    "read_spectra": "spectra",
    "NetworkAnalysis": "networks",
    "TemperatureFit": "inference",
    "analyse": "networks",
    "fit_temperature": "inference",
    "load_fit": "inference",
    "calibrate": "inference",
    "compare_laws": "inference",
    "fit_model": "inference",
    "temperature_from_motion": "motion",
}
_SUBPACKAGES = (
    "symbolic",
    "laws",
    "ensembles",
    "spectra",
    "models",
    "training",
    "theory",
    "inference",
    "networks",
    "motion",
    "dmft",
    "callbacks",
    "plot",
    "report",
)

__all__ = ["__version__", *sorted(_EXPORTS)]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        value = getattr(importlib.import_module(f".{_EXPORTS[name]}", __name__), name)
        globals()[name] = value
        return value
    if name in _SUBPACKAGES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_SUBPACKAGES})
