"""Numbers of each record for a framework's logger, during training."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coulombgas._checks import InputError
from coulombgas.spectra import LayerSpectrum, NetworkSpectra, RecordedTraining

from ._recording import RecordRow, TrainingRecord
from ._recording_reader import read_recording


class Metrics(NamedTuple):
    """The numbers of one record."""

    step: int
    values: dict[str, float]
    """By name: "temperature", "noise/<matrix>", …; finite numbers only."""


class Monitor:
    """Computes the numbers of a record in the recorder's thread, including those of ``measure``."""

    def __init__(self, path: Path, measure: Callable[[NetworkSpectra], Mapping[str, float]] | None):
        self._path, self._measure = path, measure
        self._remarks: list[str] = []

    def measured(self, rows: Sequence[RecordRow]) -> list[Metrics]:
        """Numbers of the records on disk; the last includes those of ``measure``."""
        found: list[Metrics] = []
        for row in rows:
            values = {**training_numbers(row.training), **spectral_numbers(row.spectra)}
            values |= self._own() if row is rows[-1] else {}
            found.append(Metrics(row.step, {name: value for name, value in values.items() if math.isfinite(value)}))
        return found

    def remark(self, text: str) -> None:
        """Add a message for the loop."""
        self._remarks.append(text)

    def remarks(self) -> list[str]:
        """Messages for the loop, each returned once."""
        return [self._remarks.pop(0) for _ in range(len(self._remarks))]

    def _own(self) -> dict[str, float]:
        if self._measure is None:
            return {}
        try:
            return {str(name): float(value) for name, value in self._measure(read_recording(self._path)).items()}
        except InputError:  # too few records so far
            return {}
        except Exception as error:  # the user's own function: its failure must not stop the recording
            self._measure = None
            self.remark(f"`measure` failed and is not called again: {type(error).__name__}: {str(error)[:200]}")
            return {}


def training_numbers(training: TrainingRecord) -> dict[str, float]:
    """Learning rate, batch size, α/(B(1 − m)) and tr Σ/|G|²; NaN where unknown."""
    rate, batch = np.array([training.learning_rate]), np.array([training.batch_size])
    known: dict[str, Any] = {word: training.optimizer.get(word) for word in ("optimizer", "momentum", "dampening")}
    at = RecordedTraining(step=np.array([0]), learning_rate=rate, batch_size=batch, **known)
    temperature = float(at.nominal_temperature[0])
    found = {"learning_rate": float(rate[0]), "batch_size": float(batch[0]), "temperature": temperature}
    if training.noise is not None and training.noise.norm2 > 0:
        found["noise_scale"] = training.noise.trace / training.noise.norm2
    noise = {} if training.noise is None else training.noise.modes
    return {**found, **{f"noise/{name}": float(values.mean()) for name, values in noise.items()}}


def spectral_numbers(spectra: Mapping[str, Sequence[LayerSpectrum]]) -> dict[str, float]:
    """Largest singular value and stable rank of each matrix, mean over replicas."""
    found: dict[str, float] = {}
    for name, layers in spectra.items():
        found[f"spectral_norm/{name}"] = float(np.mean([math.sqrt(layer.eigenvalues[-1]) for layer in layers]))
        found[f"stable_rank/{name}"] = float(np.mean([layer.stable_rank for layer in layers]))
    return found
