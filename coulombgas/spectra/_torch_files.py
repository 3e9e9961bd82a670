"""Reading PyTorch checkpoints, only in the mode that unpickles nothing but tensors (``weights_only=True``)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from coulombgas._checks import InputError

from ._stored import BadArray, StoredArray, real_array

_MAX_DEPTH = 8


def read_torch(path: Path) -> Iterator[StoredArray | BadArray]:
    """The tensors of a ``.pt``, ``.pth`` or ``.bin`` file, nested dictionaries flattened with dots.

    Raises:
        InputError: without PyTorch, or when the file holds anything that would run code to be loaded.
    """
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError(
            f"{path}: a PyTorch file needs PyTorch: pip install coulombgas[torch], or convert it to safetensors."
        ) from None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:
        content = _load_old_format(torch, path)
    yield from _tensors(torch, "", content, 0)


def _load_old_format(torch: Any, path: Path) -> Any:
    """Files from before PyTorch 1.6 cannot be mapped."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(
            f"{path}: not loaded: it is damaged, or holds pickled objects besides tensors, which are never "
            f"executed ({type(error).__name__}: {reason})."
        ) from None


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
