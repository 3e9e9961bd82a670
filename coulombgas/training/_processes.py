"""Several processes (``jax.distributed``): how work is divided and results are combined."""

from collections.abc import Sequence
from typing import TypeVar

import jax
import numpy as np

from coulombgas._precision import x64

T = TypeVar("T")


def own_share(tasks: Sequence[T]) -> list[T]:
    """Tasks of this process: every ``process_count``-th."""
    return list(tasks[jax.process_index() :: jax.process_count()])


def is_first() -> bool:
    """Whether this process creates and finishes stores."""
    return jax.process_index() == 0


def wait_for_all(name: str) -> None:
    """Return once every process has reached this point."""
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(name)


def add_over_processes(array: np.ndarray) -> np.ndarray:
    """Sum over processes; each contributes zeros where another computed."""
    if jax.process_count() == 1:
        return array
    from jax.experimental import multihost_utils

    with x64():
        return np.asarray(multihost_utils.process_allgather(array)).sum(axis=0).astype(array.dtype)
