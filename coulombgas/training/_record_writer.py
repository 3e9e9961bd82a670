"""The recorder's background thread: spectra and noise of the copied matrices, written together every few seconds."""

import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coulombgas._checks import InputError
from coulombgas.spectra import LayerSpectrum, layer_spectrum

from ._gradient_noise import GradientDraws
from ._metrics import Metrics, Monitor
from ._parameters import matrices_of, to_numpy
from ._recording import Recording, RecordRow, TrainingRecord

_SECONDS, _MOST_SECONDS = 2.0, 10.0  # between two writes, each of which takes 20 to 50 ms whatever it holds
_SHARE = 200  # times as long as a write took pass before the next
_TOGETHER = 256  # records at most
_KEPT = 1000  # records whose numbers wait to be logged


class Job(NamedTuple):
    """One record, still to be computed."""

    step: int
    selected: dict[str, Any]
    training: TrainingRecord
    draws: GradientDraws | None


class Refused(InputError):
    """The first record does not fit the existing recording: raised in the loop, which has only just started."""


class RecordWriter:
    """Computes records and writes them."""

    def __init__(self, path: Path, *, replica_axis: bool, attrs: Mapping[str, Any], monitor: Monitor):
        self._path, self._replica_axis, self._attrs, self._monitor = path, replica_axis, attrs, monitor
        self._recording: Recording | None = None
        self._pending: list[RecordRow] = []
        self._next = 0.0
        self.measured: deque[Metrics] = deque(maxlen=_KEPT)

    @property
    def wait(self) -> float | None:
        """Seconds until computed records must be written; None if there are none."""
        return max(self._next - time.monotonic(), 0.0) if self._pending else None

    @property
    def step(self) -> int:
        """Step of the first record that is not yet written."""
        return self._pending[0].step if self._pending else 0

    def take(self, job: Job) -> None:
        """Compute one record; write it together with the waiting ones if it is time.

        Raises:
            Refused: when the first record does not fit the existing recording.
            InputError: when a later one does not fit the first, or its matrices are not finite.
        """
        weights = {name: to_numpy(value) for name, value in job.selected.items()}
        spectra: dict[str, list[LayerSpectrum]] = {}
        for name, array in weights.items():
            for copy in array if self._replica_axis else array[None]:
                for matrix in matrices_of(name, copy):
                    spectra.setdefault(matrix.name, []).append(
                        layer_spectrum(matrix.name, matrix.read(), vectors=False)
                    )
        if self._recording is not None:
            self._add(self._recording, job, weights, spectra)
            if not self.wait or len(self._pending) >= _TOGETHER:
                self.write()
            return
        try:
            shapes = {name: layers[0].shape for name, layers in spectra.items()}
            replicas = len(next(iter(spectra.values())))
            noisy = job.draws is not None
            recording = Recording(self._path, matrices=shapes, replicas=replicas, attrs=self._attrs, noise=noisy)
            self._add(recording, job, weights, spectra)
        except InputError as error:  # nothing is lost yet, and the loop has only just started
            raise Refused(str(error)) from error
        self._recording = recording
        self.write()

    def write(self, *, last: bool = False) -> None:
        """Write what waits; ``last`` where nothing follows soon."""
        if self._recording is None:
            return
        rows, self._pending = self._pending, []
        if rows:
            start = time.monotonic()
            for word, step in self._recording.extend(rows).items():
                self._monitor.remark(f"{word} changed before step {step}: the recording calls it unknown.")
            now = time.monotonic()
            self._next = now + min(max(_SECONDS, _SHARE * (now - start)), _MOST_SECONDS)
        if rows or last:
            self.measured.extend(self._monitor.measured(rows, last=last))

    def close(self) -> None:
        """Leave a finished recording, which may be gone on with."""
        if self._recording is not None:
            self._recording.close()

    def _add(
        self, recording: Recording, job: Job, weights: Mapping[str, np.ndarray], spectra: dict[str, list[LayerSpectrum]]
    ) -> None:
        training = job.training
        if job.draws is not None:
            noise = job.draws.noise(weights, training.batch_size, replica_axis=self._replica_axis)
            training = training._replace(noise=noise)
        row = RecordRow(job.step, spectra, training)
        recording.check(row, after=self._pending[-1].step if self._pending else recording.last_step)
        self._pending.append(row)
