"""The meaning of the arrays of a Keras file: names and axes by the class of their layer.

Keras 2 and the legacy format of Keras 3 name their arrays (``conv2d/kernel:0``); ``.weights.h5`` and ``.keras`` of
Keras 3 number them (``layers/conv2d/vars/0``), in the order of the class. The class is found in the path, in the name
of the layer, or in the configuration stored with the weights.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from coulombgas._checks import InputError
from coulombgas._files import parse_json

from ._kernels import clean_name
from ._stored import StoredArray

_VARS = re.compile(r"(?P<path>(?:.*/)?(?P<layer>[^/]+))/vars/(?P<index>\d+)$")
_RECURRENT = ("kernel", "recurrent_kernel", "bias")
_VARIABLES = (  # class as a part of a path, and its variables in order
    (re.compile(r"depthwise_conv\dd(_\d+)?"), ("depthwise_kernel", "bias")),
    (re.compile(r"separable_conv\dd(_\d+)?"), ("depthwise_kernel", "pointwise_kernel", "bias")),
    (re.compile(r"conv\dd(_transpose)?(_\d+)?"), ("kernel", "bias")),
    (re.compile(r"cell|(lstm|gru|simple_rnn|conv_lstm|conv_lstm\dd)_cell(_\d+)?"), _RECURRENT),
    (re.compile(r"embedding(_\d+)?"), ("embeddings",)),
    (re.compile(r"(_?(query|key|value|output)_dense|dense|query|key|value|attention_output)(_\d+)?"),
     ("kernel", "bias")),
)  # fmt: skip
_EINSUM = re.compile(r"([a-z.]+),([a-z]+)->([a-z.]+)")


class Layer(NamedTuple):
    """What the configuration says about a layer."""

    word: str
    """Its class in lower case, as in the paths: "depthwise_conv2d"."""
    equation: str = ""


def read_layers(config: Any, source: str) -> dict[str, Layer]:
    """Classes of the layers by name, from the JSON of a model's configuration; empty if it has another structure."""
    try:
        document = parse_json(config, source, what="configuration")
    except InputError:
        return {}
    found: dict[str, Layer] = {}
    _collect(document, found, 0)
    return found


def _collect(value: Any, found: dict[str, Layer], depth: int) -> None:
    """Add class and equation of each layer in a nested configuration to ``found``."""
    if depth > 60:
        return
    if isinstance(value, dict):
        config = value.get("config")
        if (
            isinstance(value.get("class_name"), str)
            and isinstance(config, dict)
            and isinstance(config.get("name"), str)
        ):
            word = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", value["class_name"]).lower()
            found[config["name"]] = Layer(word, str(config.get("equation", "")))
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _collect(item, found, depth + 1)


def keras_array(array: StoredArray, layers: Mapping[str, Layer], layer_name: str | None) -> StoredArray:
    """The array under the name and with the layout that its layer gives it.

    Args:
        array: as the file names it.
        layers: the layers in the configuration, by name.
        layer_name: name of the layer that the numbered variables belong to, if the file gives it.
    """
    found = _VARS.fullmatch(array.name)
    if found is None:
        return _named(array, layers)
    words = [found["layer"]]
    if layer_name is not None:
        layer = layers.get(layer_name)
        words = [layer.word if layer else layer_name, found["layer"], layer_name]
    index = int(found["index"])
    for word in words:
        for pattern, variables in _VARIABLES:
            if pattern.fullmatch(word) and index < len(variables):
                variable = variables[index]
                return replace(array, name=f"{found['path']}/{variable}", layout=_layout(array, variable, word))
    return replace(array, layout=_unnamed(array, layers.get(layer_name or "")))


def _named(array: StoredArray, layers: Mapping[str, Layer]) -> StoredArray:
    """Keras 2: the configuration identifies a depthwise kernel that is only called ``kernel``."""
    name = clean_name(array.name)
    parts = name.split("/")
    layer = next((layers[part] for part in reversed(parts[:-1]) if part in layers), None)
    layout = ""
    if layer is not None and parts[-1] == "kernel":
        if layer.word.startswith("depthwise") and len(array.shape) > 2:
            layout = "depthwise-last"
        elif len(array.shape) > 2:
            layout = _unnamed(array, layer) if layer.equation else _layout(array, parts[-1], layer.word)
    return replace(array, name=name, layout=layout)


def _layout(array: StoredArray, variable: str, word: str) -> str:
    if len(array.shape) < 3:
        return ""
    if variable == "depthwise_kernel":
        return "depthwise-last"
    return "conv-last" if "conv" in word else ""


def _unnamed(array: StoredArray, layer: Layer | None) -> str:
    """Layout of an array of an unknown class."""
    if len(array.shape) < 3:
        return ""
    equation = _EINSUM.fullmatch(layer.equation) if layer is not None else None
    if equation is not None and len(equation[2]) == len(array.shape):
        letters, output = equation[2], equation[3]
        inputs = "".join(letter for letter in letters if letter not in output)
        batched = [letter for letter in letters if letter in equation[1] and letter in output]
        return f"einsum:{letters}:{inputs}" if inputs and not batched else "unknown"
    if len(array.shape) == 3:
        return "unknown"  # a convolution in one dimension, or heads
    return "depthwise-last" if array.shape[-1] == 1 and array.shape[-2] > 1 else "conv-last"


def layers_of(file: Any, source: str) -> dict[str, Layer]:
    """Classes of the layers from the attributes of an HDF5 file, if present."""
    config = file.attrs.get("model_config")
    if isinstance(config, bytes):
        config = config.decode("utf-8", "replace")
    return read_layers(config, source) if isinstance(config, str) else {}


def layer_name_of(file: Any, name: str) -> str | None:
    """Name of the layer that numbered variables belong to."""
    group = file[name].parent
    found = group.attrs.get("name") if group.name.endswith("/vars") else None
    return found if isinstance(found, str) else None
