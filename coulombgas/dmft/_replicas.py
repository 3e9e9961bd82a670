"""Finite-size copies of a system, one compiled program for all replicas.

The training engine (:mod:`coulombgas.training`) turns models into spectra: it keeps one state per replica and returns
eigenvalues. Here the result is the whole trajectory (two-time overlaps, responses by differentiation, losses) with
independent disorder in every replica, so each system runs its own scan; the rules on keys and chunks are those of the
engine.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from coulombgas._checks import InputError, check_count
from coulombgas._precision import in_x64
from coulombgas._types import Progress

from ._result import make_result
from ._system import System

if TYPE_CHECKING:
    import xarray as xr


Replica = Callable[..., dict[str, Any]]
"""One finite copy: ``replica(system, key=..., dimension=...)`` returns its quantities."""


@in_x64
def run_replicas(
    replica: Replica,
    system: System,
    *,
    dimension: int,
    replicas: int,
    seed: int,
    chunk: int | None,
    progress: Progress | None,
) -> "xr.Dataset":
    """Draw and run finite copies with ``replica``; arguments as for :func:`coulombgas.dmft.simulate`."""
    import jax

    dimension, replicas = check_count("dimension", dimension, 2), check_count("replicas", replicas)
    chunk, parts = min(replicas, check_count("chunk", 8 if chunk is None else chunk)), []
    key, program = jax.random.key(seed), _program(replica, system, dimension)
    for first in range(0, replicas, chunk):
        num = min(chunk, replicas - first)
        part = program(key, np.minimum(np.arange(first, first + chunk), replicas - 1))  # one shape, one compilation
        parts.append({name: np.asarray(value)[:num] for name, value in part.items()})
        if progress is not None:
            progress(first + num, replicas)
    return make_result(system, _together(parts), replicas=True).assign_attrs(seed=seed, dimension=dimension)


def _together(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """One array for each quantity, checked to be finite."""
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    _check_finite(arrays)
    return arrays


@lru_cache(maxsize=16)
def _program(replica: Replica, system: System, dimension: int) -> Callable[[Any, Any], dict[str, Any]]:
    """Some compiled replicas of a system, by their numbers; kept for further calls of the same sizes."""
    import jax

    def one(key: Any, number: Any) -> dict[str, Any]:
        return replica(system, key=jax.random.fold_in(key, number), dimension=dimension)

    return jax.jit(jax.vmap(one, in_axes=(None, 0)))


def _check_finite(arrays: dict[str, np.ndarray]) -> None:
    for name, value in arrays.items():
        bad = np.atleast_1d(~np.isfinite(value.reshape(len(value), -1)).all(axis=1))
        if bad.any():
            raise InputError(
                f"{int(bad.sum())} of {len(bad)} replicas diverged (`{name}` of replica {int(np.argmax(bad))} is not "
                "finite): lower the learning rate or the time step."
            )
