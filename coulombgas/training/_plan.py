"""What a run is: everything that decides its numbers, and the pieces it is computed in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from coulombgas.models import Model

from ._optimizer import Optimizer
from ._statistics import Statistic
from ._sweep import SettingValues


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run, frozen before it starts."""

    model: Model
    settings: tuple[SettingValues, ...]
    replicas: int
    first_replica: int
    steps: int
    recorded: tuple[int, ...]
    seed: int
    init: str
    dtype: str
    optimizer: Optimizer
    statistics: Mapping[str, Statistic]
    keep_weights: bool
    chunks: tuple[int, ...]
    """Replicas computed together, for each setting."""

    def training_config(self) -> dict[str, Any]:
        """JSON-able description of the training."""
        return {
            "replicas": self.replicas,
            "first_replica": self.first_replica,
            "steps": self.steps,
            "init": self.init,
            "dtype": self.dtype,
            "optimizer": self.optimizer.config(),
            "statistics": sorted(self.statistics),
            "keep_weights": self.keep_weights,
        }

    def identity(self) -> dict[str, Any]:
        """What must agree for a run to be continued: the same values give the same numbers."""
        return {
            "model": self.model.config(),
            **self.training_config(),
            "record": list(self.recorded),
            "seed": self.seed,
            "learning_rate": [values.learning_rate for values in self.settings],
            "batch_size": [values.batch_size for values in self.settings],
        }

    def tasks(self) -> tuple["Task", ...]:
        """The pieces, setting by setting."""
        return tuple(
            Task(setting, first, min(first + size, self.replicas), size)
            for setting, size in enumerate(self.chunks)
            for first in range(0, self.replicas, size)
        )


class Task(NamedTuple):
    """A chunk of replicas of one setting."""

    setting: int
    first: int
    stop: int
    size: int

    @property
    def name(self) -> str:
        """For files."""
        return f"{self.setting:05d}-{self.first:09d}"


class Outcome(NamedTuple):
    """What a task leaves: arrays (replica, step, …) by name, and the step at which replicas diverged."""

    arrays: dict[str, np.ndarray]
    failed_step: np.ndarray
