"""Which arrays of a checkpoint are weight matrices, and how kernels, gates and fused projections become matrices.

- two dimensions: a matrix as it is;
- a convolution ``weight`` (out, in, k…) becomes out × (in·k…), a ``kernel`` (k…, in, out) becomes (k…·in) × out, a
  ``depthwise_kernel`` (k…, channels, multiplier) becomes (channels·multiplier) × k…; where the format stores the
  operation (Keras, ONNX), that decides; where the name does not, a kernel is recognised by its equal short sides;
- a Flax or Keras attention ``kernel`` under query, key or value (model, head, size) becomes model × (head·size), under
  out (head, size, model) becomes (head·size) × model;
- any other array of three dimensions is a stack of matrices, ``name[0]``, ``name[1]``, …; one of four or more whose
  axes cannot be identified is left out;
- the matrices of an LSTM or GRU are split into those of their gates;
- a fused projection whose name has a part ``c_attn``, ``in_proj_weight``, ``qkv``, ``qkv_proj``, ``attn_qkv``,
  ``W_pack``, ``to_qkv`` or ``query_key_value`` is cut into query, key and value, along the axis that is three times
  the other one or, with the numbers of heads of a ``config.json``, has one part for each head;
  ``query_key_value`` interleaves the heads and is cut only when their number is known; ``gate_up_proj`` is cut in two.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from ._gates import gates_of, split_gates
from ._kernels import derived, find_layout, name_parts, reshaped
from ._stored import StoredArray

PARTS = ("query", "key", "value")
_BLOCKED = re.compile(r"^(c_attn|in_proj_weight|in_proj|qkv|qkv_proj|Wqkv|attn_qkv|W_pack|to_qkv)$")
_INTERLEAVED = "query_key_value"
_HALVES = {"gate_up_proj": ("gate", "up")}
_STATE = re.compile(
    r"(^|[./])(opt_state|optimizer|optimizers|optimizer_state|optimizer_states|optimizer_weights|exp_avg|exp_avg_sq)"
    r"([./]|$)"
)
_UNKNOWN_ORDER = "the order of its axes is not known"


class Heads(NamedTuple):
    """What a ``config.json`` says about attention."""

    number: int | None = None
    key_value: int | None = None
    """Heads of key and value, if they are fewer."""
    size: int | None = None


def reason_to_skip(array: StoredArray) -> str | None:
    """Why an array is not a weight matrix, in words; None if it may be one."""
    if not array.is_real:
        return f"type {array.dtype}" if array.dtype != "object" else None
    if len([side for side in array.shape if side != 1]) < 2 and (0 not in array.shape or len(array.shape) < 2):
        return "a scalar" if array.shape == () else "a vector"
    if _STATE.search(array.name):
        return "optimiser state"
    if name_parts(array.name)[-1] == "bias":  # of heads, or of the two halves of a GRU
        return "a bias"
    if len(array.shape) > 2 and 0 not in array.shape:
        layout = find_layout(array)
        if layout is None:
            return f"shape {array.shape}, and {_UNKNOWN_ORDER}"
        if layout == "stack":
            return "a stack of vectors" if 1 in array.shape[-2:] else None
        if all(1 in one.shape for one in reshaped(array, layout)):
            return "a single filter"
    return None


def as_matrices(
    array: StoredArray, heads: Heads | int | None = None, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> Iterator[StoredArray]:
    """The matrices in one stored array, by the rules of the page "Read checkpoints"; none is read yet.

    Args:
        array: as stored.
        heads: numbers of attention heads.
        shapes: shapes of all arrays of the checkpoint by name, which identify recurrent layers.
    """
    gates = gates_of(array, shapes or {})
    if gates is not None:
        for gate in split_gates(array, *gates):
            yield from _plain(gate, Heads())
        return
    yield from _plain(array, heads if isinstance(heads, Heads) else Heads(heads))


def _plain(array: StoredArray, heads: Heads) -> Iterator[StoredArray]:
    if len(array.shape) < 3 or 0 in array.shape:
        yield from split_fused(array, heads) if len(array.shape) == 2 else [array]
        return
    yield from reshaped(array, find_layout(array) or "conv-first")


def split_fused(array: StoredArray, heads: Heads) -> Iterator[StoredArray]:
    """Query, key and value of a fused projection, or the array itself if it is not one."""
    parts = name_parts(array.name)
    found = [part for part in parts if _BLOCKED.match(part) or part == _INTERLEAVED or part in _HALVES]
    cuts = _cuts(array, found[0], parts[-1], heads) if len(found) == 1 else None
    if cuts is None:
        yield array
        return
    for word, axis, size, pick in cuts:
        shape = (size, array.shape[1]) if axis == 0 else (array.shape[0], size)
        yield derived(array, _fused_name(array.name, found[0], word), shape, pick, kind=array.kind)


def _cuts(array: StoredArray, fused: str, word: str, heads: Heads):
    """(name, axis, size, part) of the pieces of a projection; None if it is left whole."""
    if fused in _HALVES:
        axis = 1 if word == "kernel" else 0
        sizes = [array.shape[axis] // 2] * 2
        return _blocks(_HALVES[fused], sizes, axis) if array.shape[axis] % 2 == 0 else None
    axis = _fused_axis(array)
    if fused == _INTERLEAVED:
        if axis != 0 or heads.number is None or (array.shape[0] // 3) % heads.number:
            return None
        size = array.shape[0] // 3
        return [(name, 0, size, _interleaved(i, heads.number)) for i, name in enumerate(PARTS)]
    if axis is not None:
        return _blocks(PARTS, [array.shape[axis] // 3] * 3, axis)
    return _grouped(array, word, heads)


def _grouped(array: StoredArray, word: str, heads: Heads):
    """Pieces of a projection with fewer heads of key and value than of query."""
    if heads.number is None or heads.key_value is None:
        return None
    axis = 1 if word == "kernel" else 0
    size, rest = divmod(array.shape[axis], heads.number + 2 * heads.key_value)
    fits = size == heads.size if heads.size is not None else size * heads.number == array.shape[1 - axis]
    if rest or not fits:
        return None
    return _blocks(PARTS, [size * number for number in (heads.number, heads.key_value, heads.key_value)], axis)


def _blocks(names: tuple[str, ...], sizes: list[int], axis: int):
    starts = np.cumsum([0, *sizes]).tolist()
    return [
        (name, axis, size, _block(axis, slice(start, start + size)))
        for name, size, start in zip(names, sizes, starts, strict=False)
    ]


def _block(axis: int, part: slice) -> Callable[[np.ndarray], np.ndarray]:
    return lambda matrix: matrix[part] if axis == 0 else matrix[:, part]


def _interleaved(index: int, num_heads: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda matrix: matrix.reshape(num_heads, 3, -1, matrix.shape[1])[:, index].reshape(-1, matrix.shape[1])


def _fused_axis(array: StoredArray) -> int | None:
    rows, columns = array.shape
    if rows == 3 * columns and rows:
        return 0
    return 1 if columns == 3 * rows and columns else None


def _fused_name(name: str, fused: str, word: str) -> str:
    stem = fused.removesuffix("_weight")
    separator = "/" if "/" in name else "."
    return re.sub(rf"(^|[./]){re.escape(fused)}(?=[./]|$)", rf"\g<1>{stem}{separator}{word}", name, count=1)
