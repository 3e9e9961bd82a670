"""Reading the folders of ``torch.distributed.checkpoint``: ``.metadata`` and pieces of tensors in ``.distcp`` files.

The metadata are a pickle, which is interpreted without executing it; each piece is one ``torch.save`` file inside a
larger one and is loaded with ``weights_only=True``.
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coulombgas._checks import InputError
from coulombgas._files import check_size, links_stay_in, open_regular, reading, within

from ._pickle_tree import Described, describe
from ._stored import BadArray, StoredArray, real_array
from ._torch_files import import_torch

METADATA = ".metadata"
_MAX_METADATA = 200_000_000
_CONVERT = "convert it: python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER model.pt"


class _Piece(NamedTuple):
    file: Path
    begin: int
    length: int
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]


def read_distributed(folder: Path) -> Iterator[StoredArray | BadArray]:
    """The tensors of a distributed checkpoint, put together from their pieces.

    Raises:
        InputError: without PyTorch, or when the metadata are damaged or of an unknown layout.
    """
    source = folder / METADATA
    with open_regular(source, inside=folder) as file, reading(source):
        if os.fstat(file.fileno()).st_size > _MAX_METADATA:
            raise InputError(f"{source}: more than {_MAX_METADATA:,} bytes are never read: {_CONVERT}.")
        metadata = describe(file.read())
        places = _places(metadata.get("storage_data") or {})
        tensors = [
            (str(name), _numbers(entry.get("size")), _numbers_of(entry.get("chunks")), _dtype(entry))
            for name, entry in (metadata.get("state_dict_metadata") or {}).items()
            if entry.name.endswith(".TensorStorageMetadata")
        ]
    if not tensors:
        raise InputError(f"{folder}: its metadata name no tensors: {_CONVERT}.")
    torch = import_torch(folder)
    for name, shape, chunks, dtype in tensors:
        yield _tensor(torch, folder, name, shape, chunks, dtype, places)


def _places(storage: dict[Any, Any]) -> dict[tuple[str, tuple[int, ...]], tuple[str, int, int, bool]]:
    """Location of each piece, by name and offsets."""
    found = {}
    for index, info in storage.items():
        offset = index.get("offset")
        transformed = bool(info.get("transform_descriptors"))
        place = (str(info.get("relative_path")), int(info.get("offset")), int(info.get("length")), transformed)
        found[str(index.get("fqn")), _numbers(offset) if offset is not None else ()] = place
    return found


def _numbers(value: Any) -> tuple[int, ...]:
    """A ``torch.Size``."""
    sides = value.arguments[0] if isinstance(value, Described) and value.arguments else value
    sides = () if isinstance(sides, Described) or sides is None else tuple(sides)
    if not all(type(side) is int and side >= 0 for side in sides):
        raise InputError("its metadata have an invalid shape.")
    return sides


def _numbers_of(chunks: Any) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    return [(_numbers(chunk.get("offsets")), _numbers(chunk.get("sizes"))) for chunk in chunks]


def _dtype(entry: Described) -> str:
    properties = entry.get("properties")
    state = properties.state if isinstance(properties, Described) else None
    first = state[0] if isinstance(state, tuple) and state else (state or {}).get("dtype") if isinstance(state, dict) else None  # fmt: skip  # noqa: E501
    return first.name.removeprefix("torch.") if isinstance(first, Described) else "unknown"


def _tensor(torch: Any, folder: Path, name: str, shape, chunks, dtype: str, places) -> StoredArray | BadArray:
    """One tensor of a distributed checkpoint, to be joined from its pieces later, or what is wrong with it."""
    pieces, inside = [], links_stay_in(folder)
    try:
        for offsets, sizes in chunks:
            relative, begin, length, transformed = places[name, offsets]
            file = folder / relative
            if transformed or Path(relative).is_absolute() or not within(file, inside):
                raise InputError(f"{name}: a compressed piece, or one outside the folder: {_CONVERT}.")
            if len(offsets) != len(shape) or len(sizes) != len(shape):
                raise InputError(f"{name}: a piece of another number of dimensions: {_CONVERT}.")
            pieces.append(_Piece(file, begin, length, offsets, sizes))
        check_size(str(folder), name, shape, 4)
        if sum(int(np.prod(piece.sizes)) for piece in pieces) != int(np.prod(shape)):
            raise InputError(f"{name}: its pieces do not fill it: copy the checkpoint again.")
    except KeyError:
        return BadArray(name, f"{name}: a piece is missing from the metadata: {_CONVERT}.")
    except InputError as error:
        return BadArray(name, str(error))

    def read() -> np.ndarray:
        if len(pieces) == 1:
            return _piece(torch, name, pieces[0])
        whole = np.empty(shape, dtype=np.float64 if dtype == "float64" else np.float32)
        for piece in pieces:
            where = tuple(slice(begin, begin + side) for begin, side in zip(piece.offsets, piece.sizes, strict=True))
            whole[where] = _piece(torch, name, piece)
        return whole

    return StoredArray(name, shape, dtype, read)


def _piece(torch: Any, name: str, piece: _Piece) -> np.ndarray:
    """One piece of a tensor, read with ``weights_only`` and checked against its shape."""
    with open_regular(piece.file) as file, reading(piece.file, name):
        if piece.begin + piece.length > os.fstat(file.fileno()).st_size:
            raise InputError(f"{piece.file}: truncated in {name}: copy it again.")
        file.seek(piece.begin)
        tensor = torch.load(io.BytesIO(file.read(piece.length)), map_location="cpu", weights_only=True)
        wide = tensor.detach() if tensor.dtype in (torch.float32, torch.float64) else tensor.detach().float()
        found = real_array(name, wide.numpy())
    if found.shape != piece.sizes:
        raise InputError(f"{piece.file}: {name} has shape {found.shape}, not {piece.sizes}: copy it again.")
    return found
