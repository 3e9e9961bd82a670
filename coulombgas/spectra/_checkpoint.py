"""Streaming over the weight matrices of any checkpoint, and their spectra."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from coulombgas._types import PathType, Progress

from ._formats import find_checkpoints
from ._layers import LayerSpectrum, NetworkSpectra, Vectors
from ._plan import SpectraPlan
from ._selection import Log, globs, one_checkpoint, select_matrices


def iterate_matrices(
    path: PathType | Sequence[PathType],
    *,
    select: str | Sequence[str] = "*",
    base: PathType | None = None,
    template: Any = None,
) -> Iterator[tuple[str, np.ndarray]]:
    """Name and values of the weight matrices, one after another; only the current one is in memory.

    Args:
        path: a checkpoint in any of the formats of :func:`load_spectra`.
        select: glob or globs on the names.
        base, template: as in :func:`load_spectra`.

    Raises:
        InputError: at the first array or file that cannot be used.
    """
    foundation = one_checkpoint("base", base)
    for checkpoint in find_checkpoints(path, template=template):
        for matrix in select_matrices(checkpoint, globs(select), Log(keep_going=False), base=foundation):
            yield matrix.name, matrix.read()


def load_spectra(
    path: PathType | Sequence[PathType],
    *,
    select: str | Sequence[str] = "*",
    initial: PathType | None = None,
    base: PathType | None = None,
    template: Any = None,
    vectors: Vectors = "spikes",
    device: str = "auto",
    workers: int = 1,
    keep_going: bool = False,
    progress: Progress | None = None,
) -> NetworkSpectra:
    """Spectra of the weight matrices of a checkpoint, or of a trajectory of checkpoints.

    Formats are recognised by content: safetensors, ``.npz``, ``.npy``, HDF5, Keras, Zarr, Orbax, Flax msgpack, Equinox,
    ONNX, GGUF, and PyTorch files in its ``weights_only`` mode, including TorchScript and distributed ones; also folders
    of shards, LoRA adapters, and quantised weights in public layouts. Nothing is unpickled or executed. Matrices are
    read one at a time, so the memory needed is that of the largest. Kernels, gates and fused projections become
    matrices by the rules of the page "Read checkpoints".

    Args:
        path: file, directory, or a sequence of them; several checkpoints are a trajectory.
        select: glob or globs on the names, such as ``"*.key.*"``.
        base: model that a LoRA adapter belongs to; its matrices with their updates are then read, not the updates.
        template: module from which an Equinox file was written, or a similar one, which names its arrays.
        initial: checkpoint before training; each matrix is compared with its namesake there.
        vectors: whose singular vectors are computed, "spikes", "all" or "none": see :func:`layer_spectrum`.
        device: "cpu", "jax", or "auto": JAX where it has an accelerator.
        workers: processes that share the matrices and the cores; each needs the memory of its matrix. In a script, more
            than one needs ``if __name__ == "__main__":`` around the call.
        keep_going: collect arrays and files that cannot be used in ``problems`` instead of raising at the first.
        progress: called with (matrices done, total number of matrices).

    Returns:
        Spectra in the order of the files, with the arrays left out and the reasons.

    Raises:
        InputError: one line naming the file, the array and what is wrong with it.
    """
    plan = SpectraPlan(
        path, select=select, initial=initial, base=base, template=template, vectors=vectors, device=device,
        keep_going=keep_going,
    )  # fmt: skip
    found: dict[int, LayerSpectrum] = {}
    for count, (index, layer) in enumerate(plan.run(workers=workers), 1):
        if layer is not None:
            found[index] = layer
        if progress is not None:
            progress(count, len(plan.tasks))
    return plan.network([found[index] for index in sorted(found)])
