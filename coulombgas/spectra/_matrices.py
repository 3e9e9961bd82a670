"""Which arrays of a checkpoint are weight matrices, and how kernels and fused projections become matrices.

Rules, by the name and shape of the array (``weight`` stands for PyTorch and Equinox names, ``kernel`` for Flax and
Keras ones):

- two dimensions: a matrix as it is;
- a convolution ``weight`` (out, in, k…) becomes out × (in·k…); a convolution ``kernel`` (k…, in, out) becomes
  (k…·in) × out;
- a Flax attention ``kernel`` under query, key or value (model, head, size) becomes model × (head·size), under out
  (head, size, model) becomes (head·size) × model;
- any other array of three dimensions is a stack of matrices, ``name[0]``, ``name[1]``, …;
- a fused projection whose name has a part ``c_attn``, ``in_proj_weight``, ``qkv``, ``qkv_proj`` or
  ``query_key_value`` is cut into query, key and value, along the axis that is three times the other one; the first
  three store them one after the other, ``query_key_value`` interleaves them head by head and is cut only when the
  number of heads is known.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from ._stored import StoredArray

PARTS = ("query", "key", "value")
_BLOCKED = re.compile(r"^(c_attn|in_proj_weight|in_proj|qkv|qkv_proj|Wqkv)$")
_INTERLEAVED = "query_key_value"
_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")
_STATE = re.compile(
    r"(^|[./])(opt_state|optimizer|optimizers|optimizer_state|optimizer_states|exp_avg|exp_avg_sq)([./]|$)"
)


def reason_to_skip(array: StoredArray) -> str | None:
    """Why an array is no weight matrix, in words; None when it may be one."""
    if not array.is_real:
        return f"type {array.dtype}" if array.dtype != "object" else None
    if len([side for side in array.shape if side != 1]) < 2 and 0 not in array.shape:
        return "a scalar" if array.shape == () else "a vector"
    if _STATE.search(array.name):
        return "optimiser state"
    return None


def as_matrices(array: StoredArray, num_heads: int | None = None) -> Iterator[StoredArray]:
    """The matrices that one stored array stands for, by the rules of this module; none is read yet."""
    if len(array.shape) == 2:
        yield from split_fused(array, num_heads)
    elif len(array.shape) > 2:
        yield from _reshaped(array)
    else:
        yield array  # too few dimensions: reading it will tell


def split_fused(array: StoredArray, num_heads: int | None = None) -> Iterator[StoredArray]:
    """Query, key and value of a fused projection, or the array itself when it is none."""
    parts = array.name.replace("/", ".").split(".")
    found = [part for part in parts if _BLOCKED.match(part) or part == _INTERLEAVED]
    axis = _fused_axis(array)
    interleaved = found == [_INTERLEAVED]
    if len(found) != 1 or axis is None or (interleaved and num_heads is None):
        yield array
        return
    size = array.shape[axis] // 3
    if interleaved and (size % (num_heads or 1) or axis != 0):
        yield array
        return
    for index, word in enumerate(PARTS):
        shape = (size, array.shape[1]) if axis == 0 else (array.shape[0], size)
        pick = _interleaved_part(index, num_heads or 1) if interleaved else _blocked_part(index, size, axis)
        yield _derived(array, _fused_name(array.name, found[0], word), shape, pick)


def _fused_axis(array: StoredArray) -> int | None:
    rows, columns = array.shape
    if rows == 3 * columns and rows:
        return 0
    return 1 if columns == 3 * rows and columns else None


def _fused_name(name: str, fused: str, word: str) -> str:
    stem = fused.removesuffix("_weight")
    separator = "/" if "/" in name else "."
    return re.sub(rf"(^|[./]){re.escape(fused)}(?=[./]|$)", rf"\g<1>{stem}{separator}{word}", name, count=1)


def _blocked_part(index: int, size: int, axis: int) -> Callable[[np.ndarray], np.ndarray]:
    part = slice(index * size, (index + 1) * size)
    return lambda matrix: matrix[part] if axis == 0 else matrix[:, part]


def _interleaved_part(index: int, num_heads: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda matrix: matrix.reshape(num_heads, 3, -1, matrix.shape[1])[:, index].reshape(-1, matrix.shape[1])


def _reshaped(array: StoredArray) -> Iterator[StoredArray]:
    shape, parts = array.shape, array.name.replace("/", ".").split(".")
    word = parts[-1] if parts[-1] not in ("value", "0") or len(parts) < 2 else parts[-2]  # flax.nnx appends "value"
    if 0 in shape:
        yield array
    elif word in _KERNELS and len(shape) == 3 and _owner(parts, word) in PARTS:
        yield _derived(array, array.name, (shape[0], shape[1] * shape[2]))
    elif word in _KERNELS and len(shape) == 3 and _owner(parts, word) == "out":
        yield _derived(array, array.name, (shape[0] * shape[1], shape[2]))
    elif word in _KERNELS:
        yield _derived(array, array.name, (int(np.prod(shape[:-1])), shape[-1]))
    elif len(shape) == 3 and word != "weight":
        for index in range(shape[0]):
            yield _derived(array, f"{array.name}[{index}]", shape[1:], lambda stack, i=index: stack[i])
    else:
        yield _derived(array, array.name, (shape[0], int(np.prod(shape[1:]))))


def _owner(parts: list[str], word: str) -> str:
    position = parts.index(word)
    return parts[position - 1] if position else ""


def _derived(
    array: StoredArray,
    name: str,
    shape: tuple[int, ...],
    pick: Callable[[np.ndarray], np.ndarray] = lambda values: values,
) -> StoredArray:
    return replace(array, name=name, shape=shape, read=lambda: pick(array.read()).reshape(shape))
