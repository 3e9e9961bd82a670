"""Numbers of each record for a framework's logger, during training."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coulombgas._checks import InputError
from coulombgas.spectra import LayerSpectrum, NetworkSpectra, RecordedTraining

from ._recording import RecordRow, TrainingRecord
from ._recording_reader import read_recording

_SHARE = 50  # times as long as a call of `measure` took pass before the next: at most 2% of a core


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
        self._next = 0.0
        self._unseen: int | None = None

    def measured(self, rows: Sequence[RecordRow], *, last: bool = False) -> list[Metrics]:
        """Numbers of records that are on disk; those of ``measure``, where it is time or nothing follows, with the
        last of them."""
        found = [_finite(row.step, {**training_numbers(row.training), **spectral_numbers(row.spectra)}) for row in rows]
        self._unseen = rows[-1].step if rows else self._unseen
        if self._unseen is not None and (last or time.monotonic() >= self._next):
            own = _finite(self._unseen, self._own())
            if found:
                found[-1].values.update(own.values)
            elif own.values:
                found.append(own)
        return found

    def remark(self, text: str) -> None:
        """Add a message for the loop."""
        self._remarks.append(text)

    def remarks(self) -> list[str]:
        """Messages for the loop, each returned once."""
        return [self._remarks.pop(0) for _ in range(len(self._remarks))]

    def _own(self) -> dict[str, float]:
        """Numbers by the user's ``measure``, called seldom enough to cost a bounded share of the time."""
        start, self._unseen = time.monotonic(), None
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
        finally:
            now = time.monotonic()
            self._next = now + _SHARE * (now - start)


def _finite(step: int, values: Mapping[str, float]) -> Metrics:
    return Metrics(step, {name: value for name, value in values.items() if math.isfinite(value)})


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
        found[f"spectral_norm/{name}"] = math.fsum(math.sqrt(layer.eigenvalues[-1]) for layer in layers) / len(layers)
        found[f"stable_rank/{name}"] = math.fsum(layer.stable_rank for layer in layers) / len(layers)
    return found
