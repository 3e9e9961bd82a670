"""Reading PyTorch checkpoints, only in the mode that unpickles nothing but tensors (``weights_only=True``).

Code that a file would execute is found without PyTorch, by listing the instructions of its pickle, so that the file is
refused at once. A TorchScript program is copied without its code; the objects that held its tensors become empty ones.
"""

import contextlib
import io
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from coulombgas._checks import InputError
from coulombgas._files import check_size, list_members, open_member, open_regular, reading, regular_file

from ._pickle_tree import global_names
from ._stored import BadArray, StoredArray, real_array

_MAX_DEPTH = 40
_GLOBAL = re.compile(r"(?:GLOBAL|global:?|class:?) +(?:GLOBAL +)?([A-Za-z_]\w*(?:\.\w+)+)")
_KNOWN_ROOTS = ("torch", "collections", "numpy", "_codecs", "builtins", "__builtin__", "torchao")
LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The magic number that ``torch.save`` wrote first before PyTorch 1.6."""
_SAVE = 'save a state_dict instead: python -c "import torch; torch.save(torch.load(\'FILE\', weights_only=False).state_dict(), \'NEW\')" where you trust the file'  # fmt: skip  # noqa: E501
_DEEPSPEED = "bf16_zero_pp_rank", "zero_pp_rank", "mp_rank"


def read_torch(path: Path) -> Iterator[StoredArray | BadArray]:
    """The tensors of a file of ``torch.save`` under any name, nested dictionaries flattened with dots.

    Raises:
        InputError: without PyTorch, or when loading the file would run code.
    """
    regular_file(path)
    _refuse_code(path)
    torch = import_torch(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its warnings are about files that are then refused
        content = _load(torch.load, path)
    yield from _tensors(torch, "", content, 0)


def read_torchscript(path: Path) -> Iterator[StoredArray | BadArray]:
    """The parameters and buffers of a TorchScript program, of which nothing is executed.

    Raises:
        InputError: without PyTorch, or when its data hold anything but modules and tensors.
    """
    torch = import_torch(path)
    names = list_members(path)
    top = next(name for name in names if name.endswith("constants.pkl")).removesuffix("constants.pkl")
    data = [name for name in names if name == f"{top}data.pkl" or name.startswith(f"{top}data/")]
    classes = _classes(path, f"{top}data.pkl")
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as archive:
        for name in (*data, *(f"{top}{extra}" for extra in ("version", "byteorder") if f"{top}{extra}" in names)):
            with open_member(path, name) as member:
                content = member.read()
            check_size(str(path), "its tensors together", (copy.tell() + len(content),), 2)
            archive.writestr(name, content)
    copy.seek(0)
    with warnings.catch_warnings(), reading(path):
        warnings.simplefilter("ignore")
        stubs: Any = [(_stub(name), name) for name in classes]
        with torch.serialization.safe_globals(stubs):
            content = _load(torch.load, copy, path)
    yield from _tensors(torch, "", content, 0)


class _Stub:
    """Stands for an object of a class that is never defined."""

    def __init__(self, *arguments: Any):
        self.arguments = arguments

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _stub(name: str) -> type:
    module, _, short = name.rpartition(".")
    return type(short, (_Stub,), {"__module__": module})


def import_torch(path: Path) -> Any:
    """PyTorch.

    Raises:
        InputError: when it is not installed.
    """
    try:
        import torch  # pyright: ignore[reportMissingImports]

        _ = torch.load  # a directory with that name on the path imports too, and has no such attribute
    except (ImportError, AttributeError):
        raise InputError(
            f"{path}: a PyTorch file needs PyTorch: pip install coulombgas[torch], or convert it to safetensors."
        ) from None
    return torch


def _refuse_code(path: Path) -> None:
    """Refuse what PyTorch would refuse, before it is imported."""
    with open_regular(path) as file:
        is_zip = file.read(4) == b"PK\x03\x04"
    if not is_zip:
        return
    pickles = [name for name in list_members(path) if name.split("/")[-1] == "data.pkl"]
    for name in pickles:
        for found in sorted(_classes(path, name)):
            if found.split(".")[0] not in _KNOWN_ROOTS:
                raise InputError(f"{path}: {_code(found, path)}")


def _classes(path: Path, member: str) -> set[str]:
    """Names of everything that a pickle would call or build, from its instructions; nothing is executed."""
    with open_member(path, member) as file, reading(path, member):
        return global_names(file.read())


def _code(what: str, path: Path) -> str:
    advice = _SAVE.replace("FILE", path.name)
    if path.name.startswith(_DEEPSPEED):
        advice = "convert it with DeepSpeed: python zero_to_fp32.py FOLDER pytorch_model.bin"
    return f"holds a pickled {what} besides tensors; it is never executed, so nothing was loaded: {advice}."


def _load(load: Any, source: Any, path: Path | None = None) -> Any:
    """What a PyTorch file holds, read with ``weights_only``: mapped if that is possible."""
    path = source if path is None else path
    try:
        return load(source, map_location="cpu", weights_only=True, mmap=isinstance(source, Path))
    except Exception:  # files from before PyTorch 1.6 cannot be mapped
        try:
            if not isinstance(source, Path):
                source.seek(0)
            return load(source, map_location="cpu", weights_only=True)
        except Exception as error:
            raise InputError(f"{path}: {_reason(error, path)}") from None


def _reason(error: Exception, path: Any) -> str:
    """What is wrong with the file, without PyTorch's advice to load it unsafely."""
    text = str(error)
    found = _GLOBAL.search(text)
    if found or isinstance(error, pickle.UnpicklingError):
        what = found[1] if found else "object"
        return _code(what, Path(path)).replace("a pickled object besides tensors", "pickled objects besides tensors")
    shown = " ".join(text.split())[:120]
    return f"damaged, or not a PyTorch file ({type(error).__name__}: {shown}): copy or download it again."


def _tensors(torch: Any, prefix: str, value: Any, depth: int) -> Iterator[StoredArray | BadArray]:
    """All tensors of a nested object by path."""
    if isinstance(value, torch.Tensor):
        yield _tensor(torch, prefix, value)
    elif depth > _MAX_DEPTH:
        yield BadArray(prefix, f"{prefix}: nested too deeply: save its state_dict.")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _tensors(torch, f"{prefix}.{key}" if prefix else str(key), item, depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _tensors(torch, f"{prefix}.{index}" if prefix else str(index), item, depth + 1)
    elif isinstance(value, _Stub):
        yield from _tensors(torch, prefix, getattr(value, "state", {}), depth + 1)


def _tensor(torch: Any, name: str, tensor: Any) -> StoredArray:
    dtype = str(tensor.dtype).removeprefix("torch.")
    if getattr(tensor, "is_quantized", False):
        return StoredArray(
            name, tuple(tensor.shape), "float32", lambda: real_array(name, tensor.dequantize().numpy()),
            kind=f"dequantised {dtype}",
        )  # fmt: skip
    return StoredArray(
        name, tuple(tensor.shape), dtype, lambda: _to_numpy(torch, name, tensor), raw=lambda: _raw(name, tensor)
    )


def _to_numpy(torch: Any, name: str, tensor: Any) -> np.ndarray:
    if tensor.layout != torch.strided:
        raise InputError(f"{name}: a sparse tensor: save it with .to_dense().")
    if not tensor.is_floating_point():
        raise InputError(f"{name}: entries of type {tensor.dtype} are not real numbers.")
    wide = tensor.detach() if tensor.dtype in (torch.float32, torch.float64) else tensor.detach().to(torch.float32)
    return real_array(name, wide.cpu().numpy())


def _raw(name: str, tensor: Any) -> np.ndarray:
    with reading(name), contextlib.suppress(TypeError):  # NumPy has no bfloat16
        return tensor.detach().cpu().numpy()
    return tensor.detach().cpu().float().numpy()
