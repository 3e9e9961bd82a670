"""The ensemble engine: replicas × settings × steps of any model, recorded as spectra."""

from ._optimizer import Optimizer as Optimizer
from ._statistics import STATISTICS as STATISTICS
from ._train import train as train

__all__ = ["STATISTICS", "Optimizer", "train"]
