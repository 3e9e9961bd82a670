"""Reading ONNX models: the initialisers, and how the graph uses each of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from coulombgas._checks import InputError
from coulombgas._files import check_size, open_regular, reading, regular_file, within

from ._stored import BadArray, StoredArray, real_array

_GATES = {
    "LSTM": "input,output,forget,cell",
    "GRU": "update,reset,new",
}
_DIRECTIONS = ("", ".reverse")
_MAX_DEPTH = 10


def read_onnx(path: Path) -> Iterator[StoredArray | BadArray]:
    """The initialisers of an ONNX model; external data only from files inside its folder.

    Raises:
        InputError: without the onnx package, or when the file is damaged.
    """
    check_size(str(path), "the model", (regular_file(path).stat().st_size,), 2)
    try:
        import onnx  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError(f"{path}: an ONNX model needs onnx: pip install coulombgas[formats].") from None
    with open_regular(path) as file, reading(path):
        model = onnx.load_model_from_string(file.read())
    yield from _graph(onnx, path, model.graph, "", 0)


def _graph(onnx: Any, path: Path, graph: Any, prefix: str, depth: int) -> Iterator[StoredArray | BadArray]:
    """The initialisers of a graph and of its subgraphs (branches, loops), named after the branch."""
    uses = _uses(graph)
    for tensor in graph.initializer:
        yield from _initialiser(onnx, path, tensor, uses.get(tensor.name), f"{prefix}{tensor.name}")
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                output = node.output[0]
                yield from _initialiser(onnx, path, attribute.t, uses.get(output), f"{prefix}{output}")
            elif attribute.HasField("g") and depth < _MAX_DEPTH:
                inner = f"{prefix}{node.name or node.op_type}.{attribute.name}."
                yield from _graph(onnx, path, attribute.g, inner, depth + 1)


def _uses(graph: Any) -> dict[str, tuple[str, int, Any]]:
    """For each value: the first operation that takes it, the position of the argument, and the node."""
    found: dict[str, tuple[str, int, Any]] = {}
    same = {}
    for node in graph.node:
        for place, name in enumerate(node.input):
            if node.op_type in ("Identity", "DequantizeLinear", "Cast", "Transpose") and place == 0:
                same[node.output[0]] = name
            source = name
            while source in same:
                source = same[source]
            if node.op_type not in ("Identity", "Cast", "Transpose", "Shape"):
                found.setdefault(source, (node.op_type, place, node))
    return found


def _initialiser(
    onnx: Any, path: Path, tensor: Any, use: tuple[str, int, Any] | None, name: str
) -> Iterator[StoredArray | BadArray]:
    """One initialiser, to be read later, split by direction and gate where it is recurrent."""
    shape = tuple(int(side) for side in tensor.dims)
    try:
        word = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).name
        check_size(str(path), name, shape, 8)
        _check_external(path, name, tensor)
    except (InputError, KeyError, TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, InputError) else f"{name}: its type is not known: export it as float."
        yield BadArray(name, reason)
        return

    def raw() -> np.ndarray:
        with reading(name):
            values = onnx.numpy_helper.to_array(tensor, base_dir=str(path.parent))
        if values.shape != shape:
            raise InputError(f"{name}: holds shape {values.shape}, not {shape}: the file is damaged.")
        return values

    array = StoredArray(name, shape, word, lambda: real_array(name, raw()), layout=_layout(shape, use), raw=raw)
    if use is not None and use[0] in ("LSTM", "GRU", "RNN") and use[1] in (1, 2) and len(shape) == 3:
        yield from _directions(array, use)
    elif use is not None and use[0] in ("LSTM", "GRU", "RNN"):
        return  # the bias, or the initial state
    else:
        yield array


def _check_external(path: Path, name: str, tensor: Any) -> None:
    for entry in tensor.external_data:
        if entry.key == "location":
            file = path.parent / entry.value
            if Path(entry.value).is_absolute() or not within(file, path.parent):
                raise InputError(f"{name}: its data are outside the folder of the model and are not read.")
            regular_file(file, inside=path.parent)


def _layout(shape: tuple[int, ...], use: tuple[str, int, Any] | None) -> str:
    if use is None or len(shape) < 3:
        return ""
    operation, place, node = use
    if operation in ("Conv", "ConvTranspose", "ConvInteger", "QLinearConv") and place in (1, 3):
        groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
        return "depthwise-first" if groups > 1 and shape[1] == 1 else "conv-first"
    return "stack" if operation == "MatMul" else ""


def _directions(array: StoredArray, use: tuple[str, int, Any]) -> Iterator[StoredArray]:
    """The matrix of each direction of a recurrent layer, with its gates."""
    operation, place, _ = use
    gates = _GATES.get(operation)
    for index in range(min(array.shape[0], len(_DIRECTIONS))):

        def raw(index: int = index) -> np.ndarray:
            return array.read()[index]

        suffix = ("input", "recurrent")[place - 1] + _DIRECTIONS[index]
        yield StoredArray(
            f"{array.name}.{suffix}", array.shape[1:], array.dtype, raw, layout=f"gates:0:{gates}" if gates else ""
        )
