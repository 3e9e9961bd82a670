"""Arrays of a pytree in one ``.npz``: written at once or not at all, read back without pickling."""

from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from jaxtyping import PyTree

from coulombgas._checks import InputError
from coulombgas._files import atomic_file, read_archive

Tree = TypeVar("Tree")


def save_arrays(path: Path, tree: PyTree) -> None:
    """Write the leaves of a pytree of arrays; the file is complete or absent."""
    leaves: dict[str, Any] = {f"leaf{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(tree))}
    with atomic_file(path, overwrite=True) as temporary, temporary.open("wb") as handle:
        np.savez(handle, **leaves)


def load_arrays(path: Path, like: Tree) -> Tree:
    """Read leaves back into the structure of ``like``.

    Raises:
        InputError: when the file does not match ``like``.
    """
    leaves, structure = jax.tree.flatten(like)
    stored = read_archive(path)
    if sorted(stored) != sorted(f"leaf{i}" for i in range(len(leaves))):
        raise InputError(f"`resume`: the checkpoint {path} holds another model: give --overwrite to start afresh.")
    loaded = [stored[f"leaf{i}"] for i in range(len(leaves))]
    if any((a.shape, a.dtype) != (b.shape, b.dtype) for a, b in zip(loaded, leaves, strict=True)):
        raise InputError(f"`resume`: the checkpoint {path} holds another model: give --overwrite to start afresh.")
    typed = [jax.numpy.asarray(a, dtype=b.dtype) for a, b in zip(loaded, leaves, strict=True)]
    return jax.tree.unflatten(structure, typed)
