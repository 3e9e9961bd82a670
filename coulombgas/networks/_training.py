"""What is known about the training behind a trajectory, and which of its records belong to one setting."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coulombgas._checks import InputError
from coulombgas.spectra import RecordedTraining

_FEWEST = 40
_ONE_SETTING = 1.001
_PLAIN = ("sgd", "momentum", "nesterov")
ADAPTIVE = ("adam", "adamw")


@dataclass(frozen=True, kw_only=True)
class Dynamics:
    """The update rule as far as it is known.

    Attributes:
        optimizer: its name; None where unknown, which is taken as plain descent where a learning rate is given.
        learning_rate: mean over the records; None where unknown.
        batch_size: mean over the records; None where unknown.
        memory: momentum m, or β1 of Adam; 0 for none, None where unknown.
        dampening: of the momentum.
    """

    optimizer: str | None = None
    learning_rate: float | None = None
    batch_size: float | None = None
    memory: float | None = None
    dampening: float = 0.0

    @property
    def effective_rate(self) -> float | None:
        """α(1 − d)/(1 − m), the learning rate in the long run; None where unknown or of no meaning."""
        if self.learning_rate is None or self.optimizer not in (None, *_PLAIN):
            return None
        return self.learning_rate * (1 - self.dampening) / (1 - (self.memory or 0.0))

    @property
    def why_no_rate(self) -> str:
        """Why there is no effective rate."""
        if self.optimizer in ADAPTIVE:
            return "Adam divides each gradient by its own size, so that α and the noise do not determine one"
        if self.optimizer not in (None, *_PLAIN):
            return f"{self.optimizer} is not an optimiser whose temperature is known"
        return "the learning rate is not known"


@dataclass(frozen=True)
class Window:
    """Records that are used.

    Attributes:
        records: their indices.
        dynamics: learning rate, batch size and optimiser during them.
        remark: why they are not simply the later half; empty where they are.
    """

    records: slice
    dynamics: Dynamics
    remark: str


def window(
    steps: np.ndarray,
    training: RecordedTraining | None,
    *,
    after: int | None = None,
    learning_rate: float | Sequence[float] | None = None,
) -> Window:
    """The records that describe the end of a training at one setting.

    The later half of the steps, or all beyond ``after``; with a schedule the last stretch of one learning rate and
    batch size, if it holds 40 records. Fewer than 40 records in the later half: all are used.

    Args:
        steps: of the records, ascending.
        training: what the recording knows.
        after: last step to leave out.
        learning_rate: of the run, where the recording does not know it: one, or one for each interval between records.

    Raises:
        InputError: when no three records are left.
    """
    first = 0 if after is None else int(np.searchsorted(steps, after, side="right"))
    if after is None:
        half = int(np.searchsorted(steps, (steps[0] + steps[-1]) / 2))
        first = half if len(steps) - half >= _FEWEST else 0
    if len(steps) - first < 3:
        raise InputError(f"`after` must leave at least three records, got {after}: the last step is {steps[-1]}.")
    rates = _rates(steps, training, learning_rate)
    batches = np.full(len(steps), np.nan) if training is None else np.asarray(training.batch_size, dtype=np.float64)
    constant = _last_constant(rates, batches)
    remark = ""
    if constant > first and len(steps) - constant >= _FEWEST:
        first, remark = constant, f"from step {steps[constant]}, where learning rate or batch size last changed"
    elif constant > first:
        remark = "learning rate or batch size change during these records: their means are used"
    return Window(slice(first, None), _dynamics(training, rates[first:], batches[first:]), remark)


def _rates(steps: np.ndarray, training: RecordedTraining | None, given: float | Sequence[float] | None) -> np.ndarray:
    if given is not None:
        values = np.asarray(given, dtype=np.float64)
        if values.ndim == 1 and len(values) == len(steps) - 1:
            values = np.append(values[:1], values)
        return np.broadcast_to(values, steps.shape).astype(np.float64)
    return np.full(len(steps), np.nan) if training is None else np.asarray(training.learning_rate, dtype=np.float64)


def _last_constant(*columns: np.ndarray) -> int:
    """First record from which on every column stays what it is at the end; unknown values are no change."""
    start = 0
    for column in columns:
        known = np.flatnonzero(np.isfinite(column))
        if known.size:
            ratio = column[known] / column[known[-1]]
            other = np.flatnonzero((ratio > _ONE_SETTING) | (ratio < 1 / _ONE_SETTING))
            start = max(start, int(known[other[-1]]) + 1 if other.size else 0)
    return start


def _dynamics(training: RecordedTraining | None, rates: np.ndarray, batches: np.ndarray) -> Dynamics:
    rate, batch = _typical(rates), _typical(batches)
    if training is None:
        return Dynamics(learning_rate=rate, batch_size=batch)
    memory = 0.0 if training.optimizer == "sgd" and training.momentum is None else training.momentum
    return Dynamics(
        optimizer=training.optimizer, learning_rate=rate, batch_size=batch, memory=memory,
        dampening=(training.dampening or 0.0) if memory else 0.0,
    )  # fmt: skip


def _typical(values: np.ndarray) -> float | None:
    """The one value where there is one, else the mean."""
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    return float(known[-1]) if known.max() < _ONE_SETTING * known.min() else float(known.mean())
