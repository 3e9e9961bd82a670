"""The definition of a run: everything that determines its results, and the tasks it is divided into."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from coulombgas.models import Model

from ._layout import describe_update
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
    shard: tuple[int, int] | None = None
    """(i, n): only the i-th of n shares of the replicas is kept, i from 0."""

    @property
    def share(self) -> range:
        """The replicas that are kept, counted from ``first_replica``."""
        if self.shard is None:
            return range(self.replicas)
        index, number = self.shard
        return range(self.replicas * index // number, self.replicas * (index + 1) // number)

    def training_config(self) -> dict[str, Any]:
        """JSON-able description of the training."""
        share = self.share
        part = {} if self.shard is None else {
            "shard": "{}/{}".format(*self.shard),
            "shard_of": {"replicas": self.replicas, "first_replica": self.first_replica},
        }  # fmt: skip
        return {
            "replicas": len(share),
            "first_replica": self.first_replica + share.start,
            "steps": self.steps,
            "init": self.init,
            "dtype": self.dtype,
            "optimizer": self.optimizer.config(),
            "statistics": sorted(self.statistics),
            "keep_weights": self.keep_weights,
            "update": [describe_update(self.model, values.batch_size) for values in self.settings],
            **part,
        }

    def identity(self) -> dict[str, Any]:
        """What must agree for a run to be continued: the same values give the same results."""
        return {
            "model": self.model.config(),
            **self.training_config(),
            "record": list(self.recorded),
            "seed": self.seed,
            "learning_rate": [values.learning_rate for values in self.settings],
            "batch_size": [values.batch_size for values in self.settings],
        }

    @property
    def on_one_thread(self) -> bool:
        """Whether each chunk keeps to one thread, being one of several. Sharing and resuming a run must not change its
        last bits, hence this depends on the whole run and neither on the shard nor on the machine."""
        return sum(-(-self.replicas // size) for size in self.chunks) > 1

    def tasks(self) -> tuple["Task", ...]:
        """The tasks, setting by setting.

        A shard computes the chunks of the whole run that contain its replicas, because the last bits of a replica
        depend on the others in its chunk, and keeps its own.
        """
        share, found = self.share, []
        for setting, size in enumerate(self.chunks):
            for first in range(0, self.replicas, size):
                stop = min(first + size, self.replicas)
                kept = range(max(first, share.start), min(stop, share.stop))
                if kept:
                    found.append(Task(setting, first, stop, size, kept))
        return tuple(found)

    def region(self, task: "Task") -> tuple[int, slice]:
        """Region of the results of a task in arrays (setting, replica, …)."""
        start = self.share.start
        return task.setting, slice(task.kept.start - start, task.kept.stop - start)


class Task(NamedTuple):
    """A chunk of replicas of one setting."""

    setting: int
    first: int
    stop: int
    size: int
    kept: range
    """The replicas whose results are kept: all of them, except in a shard."""

    @property
    def name(self) -> str:
        """Name in file names."""
        return f"{self.setting:05d}-{self.first:09d}"


class Outcome(NamedTuple):
    """Results of a task: arrays (replica, step, …) by name, and the step at which replicas diverged."""

    arrays: dict[str, np.ndarray]
    failed_step: np.ndarray
