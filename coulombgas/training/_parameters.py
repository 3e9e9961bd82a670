"""Parameters of any framework by name: pytrees of arrays and PyTorch modules, without wrapper prefixes."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from coulombgas.spectra import StoredArray, as_matrices

_WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")  # of torch.compile, FSDP, checkpointing
_PARALLEL = "module."  # of DataParallel and DistributedDataParallel, if it precedes every name; else a user's own name


def named_arrays(params: Any) -> Iterator[tuple[str, Any]]:
    """Names (paths joined by dots) and arrays of a pytree or a PyTorch module, where they lose the names that
    ``torch.compile`` and ``DistributedDataParallel`` put in front."""
    if hasattr(params, "named_parameters"):
        found = list(params.named_parameters())
        yield from zip(clean_names([name for name, _ in found]), (array for _, array in found), strict=True)
        return
    import jax

    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if hasattr(leaf, "shape") and hasattr(leaf, "dtype"):
            yield jax.tree_util.keystr(path, simple=True, separator="."), leaf


def clean_names(names: list[str]) -> list[str]:
    """Names of PyTorch parameters without wrapper prefixes; unchanged if two would become equal."""
    cleaned = [".".join(part for part in name.split(".") if part not in _WRAPPERS) for name in names]
    while cleaned and all(name.startswith(_PARALLEL) for name in cleaned):
        cleaned = [name.removeprefix(_PARALLEL) for name in cleaned]
    return cleaned if len(set(cleaned)) == len(cleaned) else names


def copied(value: Any) -> Any:
    """A copy unaffected by later in-place updates or donated buffers, made without waiting for the device."""
    if hasattr(value, "detach"):
        return value.detach().clone()
    if isinstance(value, np.ndarray):
        return value.copy()
    import jax.numpy as jnp

    return jnp.copy(value)


def to_numpy(value: Any) -> np.ndarray:
    """The array in float32, or float64 if it is that."""
    if hasattr(value, "detach"):
        tensor = value.detach().cpu()
        return (tensor if str(tensor.dtype) == "torch.float64" else tensor.float()).numpy()
    array = np.asarray(value)
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)


def matrices_of(name: str, array: np.ndarray) -> Iterator[StoredArray]:
    """The matrices contained in one parameter."""
    yield from as_matrices(StoredArray(name, array.shape, str(array.dtype), lambda: array))
