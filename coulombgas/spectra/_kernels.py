"""Convolution and attention kernels as matrices: which axes are kernel, input and output.

The layout of an array is a word: ``conv-first`` (out, in, k…), ``conv-last`` (k…, in, out), ``depthwise-first``
(channels, 1, k…), ``depthwise-last`` (k…, channels, multiplier), ``heads-last`` (model, head, size), ``heads-first``
(head, size, model), ``stack`` (one matrix for each index of the first axis), ``einsum:LETTERS:INPUTS`` (a letter for
each axis, and those that are summed over) and ``unknown``. Formats that store the operation determine the layout; for
all others it follows from name and shape, or stays unknown. A transposed convolution swaps in and out, which leaves the
spectrum unchanged.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ._stored import StoredArray

KERNELS = ("kernel", "pointwise_kernel", "depthwise_kernel", "recurrent_kernel")
_HEADS = {"query": "heads-last", "key": "heads-last", "value": "heads-last"}
_OUT = ("out", "attention_output", "output")
_MAX_SPATIAL = 16  # largest side of a kernel where the name does not identify it
_SURELY_SPATIAL = 11
_NOT_SPATIAL = 16


def clean_name(name: str) -> str:
    """A name without the suffixes of TensorFlow, ``kernel:0`` and ``kernel/.ATTRIBUTES/VARIABLE_VALUE``."""
    return re.sub(r":\d+$|/\.ATTRIBUTES/VARIABLE_VALUE$", "", name)


def name_parts(name: str) -> list[str]:
    """The parts of a name, without the suffix of flax.nnx ("value")."""
    parts = clean_name(name).replace("/", ".").split(".")
    return parts[:-1] if len(parts) > 1 and parts[-1] in ("value", "0") else parts


def find_layout(array: StoredArray) -> str | None:
    """The layout of an array of three or more dimensions; None if neither name nor shape determines it."""
    if array.layout:
        return None if array.layout == "unknown" else array.layout
    parts = name_parts(array.name)
    word, owner = parts[-1], parts[-2] if len(parts) > 1 else ""
    if len(array.shape) == 3:
        return _of_three(parts, word, owner.removesuffix("_dense").removeprefix("_"))
    if word == "depthwise_kernel" or (word == "kernel" and "depthwise" in owner.lower() and array.shape[-2] != 1):
        return "depthwise-last"
    if word in KERNELS:
        return "conv-last"
    if word == "weight":
        head, tail = array.shape[:-2], array.shape[-2:]
        last = _equal(head, _SURELY_SPATIAL) and min(tail) > _NOT_SPATIAL
        return "conv-last" if last else "conv-first"
    first, last = _equal(array.shape[2:], _MAX_SPATIAL), _equal(array.shape[:-2], _MAX_SPATIAL)
    if first == last:
        return None
    return "conv-first" if first else "conv-last"


def _of_three(parts: Sequence[str], word: str, owner: str) -> str:
    if word == "depthwise_kernel" or (word == "kernel" and owner.lower().startswith("depthwise_conv")):
        return "depthwise-last"
    if word in KERNELS:
        if owner in _HEADS:
            return _HEADS[owner]
        if owner in _OUT:
            return "heads-first"
        return "conv-last" if any("conv" in part.lower() for part in parts) else "stack"
    return "conv-first" if word == "weight" else "stack"


def _equal(sides: Sequence[int], most: int) -> bool:
    return len(set(sides)) == 1 and sides[0] <= most


def reshaped(array: StoredArray, layout: str) -> Iterator[StoredArray]:
    """The matrix, or for a stack the matrices, of an array whose layout is known."""
    shape = array.shape
    if layout == "stack":
        for index in range(shape[0]):
            one = replace(array, layout="", raw=None)
            part = derived(one, f"{array.name}[{index}]", shape[1:], _pick(index), kind=array.kind)
            yield from reshaped(part, "stack") if len(shape) > 3 else [part]
        return
    if layout == "depthwise-last":
        size = math.prod(shape[:-2])
        kind = f"depthwise convolution {spatial(shape[:-2])}"
        yield derived(array, array.name, (math.prod(shape[-2:]), size), _depthwise(size), kind=kind)
        return
    if layout.startswith("einsum:"):
        yield _einsum(array, *layout.split(":")[1:])
        return
    split = {"conv-first": 1, "depthwise-first": 1, "heads-last": 1}.get(layout, len(shape) - 1)
    matrix = (math.prod(shape[:split]), math.prod(shape[split:]))
    yield derived(array, array.name, matrix, kind=array.kind or _kind(shape, layout))


def _einsum(array: StoredArray, letters: str, inputs: str) -> StoredArray:
    order = [letters.index(letter) for letter in inputs + "".join(one for one in letters if one not in inputs)]
    sides = [array.shape[axis] for axis in order]
    shape = (math.prod(sides[: len(inputs)]), math.prod(sides[len(inputs) :]))
    return derived(array, array.name, shape, lambda values: values.transpose(order), kind=array.kind)


def _kind(shape: tuple[int, ...], layout: str) -> str:
    """What a kernel is, in words: convolution, depthwise, pointwise, attention."""
    if layout.startswith("heads"):
        return "attention kernel"
    if layout == "depthwise-first":
        return f"depthwise convolution {spatial(shape[2:])}"
    kernel, inputs = (shape[2:], shape[1]) if layout == "conv-first" else (shape[:-2], shape[-2])
    if layout == "conv-first" and len(shape) == 4 and shape[1] == shape[2] != shape[3]:
        kernel, inputs = shape[1:3], shape[3]  # MLX: (out, k, k, in), the same matrix but for the order of its columns
    word = "convolution"
    if inputs == 1 and math.prod(kernel) > 1:
        word = "depthwise or one-channel convolution"  # the shape is the same
    if math.prod(kernel) > 1:
        return f"{word} {spatial(kernel)}"
    return f"{spatial(kernel)} {word}" if len(kernel) > 1 else f"pointwise {word}"


def spatial(sides: Sequence[int]) -> str:
    """The size of a kernel, as "3×3"."""
    return "×".join(map(str, sides))


def _pick(index: int):
    return lambda values: values[index]


def _depthwise(size: int):
    return lambda values: values.reshape(size, -1).T


def derived(array: StoredArray, name: str, shape: tuple[int, ...], pick=lambda values: values, *, kind: str = ""):
    """An array computed from a stored one when it is read."""

    def read() -> np.ndarray:
        return pick(array.read()).reshape(shape)

    return replace(array, name=name, shape=tuple(shape), read=read, kind=kind or array.kind, layout="", raw=None)
