"""The ensemble engine: replicas × settings × steps of any model, recorded as spectra."""

from ._language import LanguageTraining as LanguageTraining
from ._language_run import LanguageRun as LanguageRun
from ._language_run import interrupted_training as interrupted_training
from ._language_run import train_language_model as train_language_model
from ._merge import merge_spectra as merge_spectra
from ._merge import merge_stores as merge_stores
from ._metrics import Metrics as Metrics
from ._optimizer import Optimizer as Optimizer
from ._optimizer import apply_optimizer as apply_optimizer
from ._optimizer import start_optimizer as start_optimizer
from ._parameters import named_arrays as named_arrays
from ._processes import is_first as is_first
from ._recorder import RecordingStopped as RecordingStopped
from ._recorder import SpectrumRecorder as SpectrumRecorder
from ._recording_format import is_recording as is_recording
from ._recording_reader import read_ensemble as read_ensemble
from ._recording_reader import read_recorded_ensemble as read_recorded_ensemble
from ._recording_reader import read_recording as read_recording
from ._recording_reader import recording_in as recording_in
from ._statistics import STATISTICS as STATISTICS
from ._store import interrupted_run as interrupted_run
from ._train import train as train

__all__ = [
    "STATISTICS",
    "LanguageRun",
    "LanguageTraining",
    "Metrics",
    "Optimizer",
    "RecordingStopped",
    "SpectrumRecorder",
    "apply_optimizer",
    "interrupted_run",
    "interrupted_training",
    "is_first",
    "is_recording",
    "merge_spectra",
    "merge_stores",
    "named_arrays",
    "read_ensemble",
    "read_recorded_ensemble",
    "read_recording",
    "recording_in",
    "start_optimizer",
    "train",
    "train_language_model",
]
