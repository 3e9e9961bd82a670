"""Matrices of recurrent layers, split into those of their gates.

PyTorch and Equinox store ``weight_ih`` (gates·hidden, input) and ``weight_hh`` (gates·hidden, hidden), Keras ``kernel``
(input, gates·units) beside ``recurrent_kernel`` (units, gates·units), ONNX with the directions as an extra axis. The
number of gates follows from the recurrent matrix, which is square for each gate.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from ._kernels import clean_name, derived
from ._stored import StoredArray

Shapes = Mapping[str, tuple[int, ...]]
_TORCH = re.compile(r"(?P<stem>.*?)weight_(?P<which>ih|hh)(?P<layer>_l\d+(?:_reverse)?)?(?P<tail>\.value)?$")
_TORCH_GATES = {4: ("input", "forget", "cell", "output"), 3: ("reset", "update", "new")}
_KERAS = re.compile(r"(?P<stem>.*?)(?P<which>recurrent_kernel|kernel)(?P<rest>(:\d+)?)$")
_KERAS_GATES = {4: ("input", "forget", "cell", "output"), 3: ("update", "reset", "candidate")}


def gates_of(array: StoredArray, shapes: Shapes) -> tuple[int, tuple[str, ...]] | None:
    """Axis of the gates and their names, or None if an array is not a matrix of a recurrent layer with gates."""
    if array.layout.startswith("gates:"):
        _, axis, names = array.layout.split(":")
        return int(axis), tuple(names.split(","))
    return _torch_gates(array, shapes) or _keras_gates(array, shapes)


def _torch_gates(array: StoredArray, shapes: Shapes) -> tuple[int, tuple[str, ...]] | None:
    """Axis and names of the gates stacked in a PyTorch recurrent weight; None for any other array."""
    found = _TORCH.fullmatch(array.name)
    if found is None or len(array.shape) != 2:
        return None
    layer, rest = found["layer"] or "", found["tail"] or ""
    recurrent = shapes.get(f"{found['stem']}weight_hh{layer}{rest}", ())
    if len(recurrent) != 2 or recurrent[0] != array.shape[0] or not recurrent[1]:
        return None
    projected = f"{found['stem']}weight_hr{layer}" in shapes  # only an LSTM can have it
    number = 4 if projected else recurrent[0] / recurrent[1]
    return (0, _TORCH_GATES[int(number)]) if number in _TORCH_GATES and recurrent[0] % int(number) == 0 else None


def _keras_gates(array: StoredArray, shapes: Shapes) -> tuple[int, tuple[str, ...]] | None:
    found = _KERAS.fullmatch(array.name)
    if found is None or len(array.shape) < 2:
        return None
    recurrent = shapes.get(f"{found['stem']}recurrent_kernel{found['rest']}", ())
    if len(recurrent) < 2 or recurrent[-1] != array.shape[-1] or not recurrent[-2]:
        return None
    number = recurrent[-1] / recurrent[-2]
    return (len(array.shape) - 1, _KERAS_GATES[int(number)]) if number in _KERAS_GATES else None


def split_gates(array: StoredArray, axis: int, names: tuple[str, ...]) -> Iterator[StoredArray]:
    """One array for each gate, ``….forget`` or ``…/forget``."""
    size = array.shape[axis] // len(names)
    separator = "/" if "/" in array.name else "."
    for index, name in enumerate(names):
        shape = (*array.shape[:axis], size, *array.shape[axis + 1 :])
        pick = _part(axis, slice(index * size, (index + 1) * size))
        gate = derived(array, f"{clean_name(array.name)}{separator}{name}", shape, pick, kind=f"{name} gate")
        yield gate if len(shape) == 2 else replace(gate, layout="conv-last")  # a convolutional LSTM


def _part(axis: int, part: slice):
    def pick(values: np.ndarray) -> np.ndarray:
        return values[(slice(None),) * axis + (part,)]

    return pick
