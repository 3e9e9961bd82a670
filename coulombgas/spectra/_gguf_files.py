"""Reading GGUF, the format of llama.cpp: quantised blocks are dequantised by its own library."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from coulombgas._checks import InputError
from coulombgas._files import check_size, reading, regular_file

from ._stored import BadArray, StoredArray, real_array

_PLAIN = ("F16", "F32", "F64")


def read_gguf(path: Path) -> Iterator[StoredArray | BadArray]:
    """The tensors of a GGUF file, dequantised; mapped, not copied, until each is read.

    Raises:
        InputError: without the gguf package, or when the file is damaged.
    """
    regular_file(path)
    try:
        import gguf  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError(f"{path}: a GGUF file needs gguf: pip install coulombgas[formats].") from None
    with reading(path):
        tensors = gguf.GGUFReader(path, "r").tensors
    for tensor in tensors:
        yield _tensor(gguf, path, tensor)


def _tensor(gguf: Any, path: Path, tensor: Any) -> StoredArray | BadArray:
    """One tensor of a GGUF file, to be dequantised later, or what is wrong with it."""
    name, word = str(tensor.name), tensor.tensor_type.name
    shape = tuple(int(side) for side in reversed(tensor.shape.tolist()))  # GGUF counts from the fastest axis
    try:
        check_size(str(path), name, shape, 4)
    except InputError as error:
        return BadArray(name, str(error))
    if word.startswith("I"):
        return StoredArray(name, shape, word, lambda: real_array(name, np.asarray(tensor.data)))

    def read() -> np.ndarray:
        with reading(name):
            return real_array(name, np.asarray(gguf.quants.dequantize(tensor.data, tensor.tensor_type))).reshape(shape)

    kind = "" if word in _PLAIN or word == "BF16" else f"dequantised {word}"
    return StoredArray(name, shape, "float32", read, kind=kind)
