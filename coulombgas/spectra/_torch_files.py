"""Reading PyTorch checkpoints, only in the mode that unpickles nothing but tensors (``weights_only=True``)."""

import pickle
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from coulombgas._checks import InputError
from coulombgas._files import regular_file

from ._stored import BadArray, StoredArray, real_array

_MAX_DEPTH = 8
_GLOBAL = re.compile(r"(?:GLOBAL|global:?|class:?) +(?:GLOBAL +)?([A-Za-z_]\w*(?:\.\w+)+)")


def read_torch(path: Path) -> Iterator[StoredArray | BadArray]:
    """The tensors of a ``.pt``, ``.pth`` or ``.bin`` file, nested dictionaries flattened with dots.

    Raises:
        InputError: without PyTorch, or when the file holds anything that would run code to be loaded.
    """
    regular_file(path)
    try:
        import torch  # pyright: ignore[reportMissingImports]

        load = torch.load  # a directory of that name on the path imports as well, and has none
    except (ImportError, AttributeError):
        raise InputError(
            f"{path}: a PyTorch file needs PyTorch: pip install coulombgas[torch], or convert it to safetensors."
        ) from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about what is then refused
        content = _load(load, path)
    yield from _tensors(torch, "", content, 0)


def _load(load: Any, path: Path) -> Any:
    try:
        return load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # files from before PyTorch 1.6 cannot be mapped
        try:
            return load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise InputError(f"{path}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """What is wrong with the file, without PyTorch's advice to load it unsafely."""
    text = str(error)
    if "TorchScript" in text:
        return "a TorchScript program, which is never executed: save the state_dict of the module instead."
    found = _GLOBAL.search(text)
    if found or isinstance(error, pickle.UnpicklingError):
        what = f"a pickled {found[1]}" if found else "pickled objects"
        return f"holds {what} besides tensors; it is never executed, so nothing was loaded: save a state_dict instead."
    return f"damaged, or no PyTorch file ({type(error).__name__}: {' '.join(text.split())[:120]})."


def _tensors(torch: Any, prefix: str, value: Any, depth: int) -> Iterator[StoredArray | BadArray]:
    if isinstance(value, torch.Tensor):
        dtype = str(value.dtype).removeprefix("torch.")
        yield StoredArray(prefix, tuple(value.shape), dtype, lambda: _to_numpy(torch, prefix, value))
    elif depth > _MAX_DEPTH:
        yield BadArray(prefix, f"{prefix}: nested too deeply.")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _tensors(torch, f"{prefix}.{key}" if prefix else str(key), item, depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _tensors(torch, f"{prefix}.{index}" if prefix else str(index), item, depth + 1)


def _to_numpy(torch: Any, name: str, tensor: Any) -> np.ndarray:
    if tensor.layout != torch.strided:
        raise InputError(f"{name}: a sparse tensor.")
    if not tensor.is_floating_point():
        raise InputError(f"{name}: entries of type {tensor.dtype} are not real numbers.")
    wide = tensor.detach() if tensor.dtype in (torch.float32, torch.float64) else tensor.detach().to(torch.float32)
    return real_array(name, wide.cpu().numpy())
