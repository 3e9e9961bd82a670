"""Where chunks run: devices, their mesh, and the number of replicas in a chunk."""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import PyTree

from coulombgas.models import Model, abstract_start

from ._layout import choose_layout

_AXIS = "replica"
_CPU_BYTES = 2**19  # state of a chunk that stays in a core's cache, with its intermediates
_CPU_BYTES_OF_LARGE = 2**20  # the same for matrices multiplied by the backend, which handles them one by one
_CPU_BYTES_TO_SHARE = 2**15  # state of large matrices that are divided among cores: eight of 32 units, or more
_ACCELERATOR_BYTES = 2**28  # state of a chunk on an accelerator, a small share of its memory


def local_mesh() -> Mesh | None:
    """Mesh of all devices of this process along the replica axis; None for a single device."""
    devices = jax.local_devices()
    return Mesh(np.array(devices), (_AXIS,)) if len(devices) > 1 else None


def on_mesh(mesh: Mesh | None, function: Callable[[PyTree, PyTree], PyTree], shared: PyTree, each: PyTree) -> PyTree:
    """``function(shared, each)`` with every leaf of ``each`` and of the result split along its last, replica, axis."""
    if mesh is None:
        return function(shared, each)

    def split(leaf: Any) -> PartitionSpec:
        return PartitionSpec(*(None,) * (leaf.ndim - 1), _AXIS)

    result = jax.eval_shape(function, shared, each)
    return jax.shard_map(
        function,
        mesh=mesh,
        in_specs=(PartitionSpec(), jax.tree.map(split, each)),
        out_specs=jax.tree.map(split, result),
        check_vma=False,
    )(shared, each)


def chunk_size(model: Model, replicas: int, batch_size: int, dtype: Any) -> int:
    """Replicas computed together: as many as a cache (CPU) or a share of the memory (accelerator) holds, split
    evenly."""
    with jax.enable_x64(np.dtype(dtype) == np.float64):
        state = abstract_start(model, batch_size, dtype)
    size = sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    cpu = jax.default_backend() == "cpu"
    devices = len(jax.local_devices())
    trailing = choose_layout(model, batch_size).axis == -1
    if cpu:
        most = max(_CPU_BYTES // max(size, 1), 16) if trailing else max(_CPU_BYTES_OF_LARGE // max(size, 1), 1)
        most = min(most, 8192)
    else:
        most = max(_ACCELERATOR_BYTES // max(size, 1), 16)
    # a number of chunks that the workers divide evenly, so that no core waits for the last one
    workers = num_workers()
    number = -(-replicas // (most * devices))
    heavy = not trailing and replicas >= workers and replicas * size > _CPU_BYTES_TO_SHARE
    number = -(-number // workers) * workers if replicas >= 64 * workers or heavy else number
    return _round_up(-(-replicas // number), devices)


def num_workers() -> int:
    """Chunks computed at the same time: threads on a single CPU device, one otherwise (devices share each chunk)."""
    if jax.default_backend() != "cpu" or len(jax.local_devices()) > 1:
        return 1
    import os

    return max(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 1)


def pad_replicas(first: int, stop: int, size: int, mesh: Mesh | None) -> np.ndarray:
    """Replica indices of a chunk, the last repeated up to ``size`` and to a multiple of the devices."""
    size = _round_up(size, mesh.size if mesh is not None else 1)
    return np.minimum(np.arange(first, first + size), stop - 1).astype(np.uint32)


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
