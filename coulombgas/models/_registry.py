"""From a JSON-able description back to the model."""

from collections.abc import Mapping
from typing import Any

from coulombgas._checks import InputError, fail

from ._matrix_dyson import MatrixDyson
from ._protocol import Model
from ._rbm import GaussianRBM
from ._teacher_student import TeacherStudent
from ._two_layer import TwoLayerLinear

_MODELS: dict[str, type[Model]] = {
    model.name: model for model in (GaussianRBM, TeacherStudent, TwoLayerLinear, MatrixDyson)
}


def from_config(config: Mapping[str, Any]) -> Model:
    """The model that ``config`` describes; inverse of ``model.config()``.

    Args:
        config: mapping with ``name`` and keyword arguments of that model; what is missing takes its default.

    Raises:
        InputError: for an unknown name or argument.
    """
    arguments = dict(config)
    name = arguments.pop("name", None)
    if name not in _MODELS:
        fail("name", "must be one of " + ", ".join(sorted(_MODELS)), name)
    try:
        return _MODELS[name](**arguments)
    except TypeError as error:
        raise InputError(f"`model` {name!r}: {error}: remove or rename that entry.") from None
