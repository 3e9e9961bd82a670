"""Models by name: from a JSON-able description back to the model."""

from collections.abc import Mapping
from typing import Any

from coulombgas._checks import InputError, check_choice

from ._defaults import frozen
from ._matrix_dyson import MatrixDyson
from ._protocol import Model
from ._rbm import GaussianRBM
from ._teacher_student import TeacherStudent
from ._two_layer import TwoLayerLinear

_MODELS: dict[str, type[Model]] = {
    model.name: model for model in (GaussianRBM, TeacherStudent, TwoLayerLinear, MatrixDyson)
}
_BUILT_IN = frozenset(_MODELS)


def register(model: Any) -> Any:
    """Make stores and the command line know a class of models, under its ``name``; usable as a decorator.

    Spectra of a registered model are fitted like those of a built-in one in this process: ``fit_temperature`` and
    ``coulombgas.cli.main`` rebuild it from the configuration in the store.

    Args:
        model: the class; it must accept the entries of ``config()`` as keyword arguments.

    Raises:
        InputError: for anything but a model class, or for the name of a built-in one.
    """
    if not (isinstance(model, type) and issubclass(model, Model)):
        raise InputError(f"`model` must be a class derived from Model, got {model!r}.")
    if model.name in _BUILT_IN and _MODELS[model.name] is not model:
        raise InputError(f"`model` {model.name!r} is the name of a built-in model: set another `name` in the class.")
    _MODELS[model.name] = model
    return model


def registered(name: Any) -> bool:
    """Whether a model of this name is known."""
    return name in _MODELS


def from_config(config: Mapping[str, Any]) -> Model:
    """The model that ``config`` describes; inverse of ``model.config()``.

    Args:
        config: mapping with ``name`` and keyword arguments of that model; missing ones take their defaults.

    Raises:
        InputError: for an unknown name or argument.
    """
    arguments = {name: frozen(value) for name, value in config.items()}
    name = check_choice("name", arguments.pop("name", None), _MODELS)
    try:
        return _MODELS[name](**arguments)
    except TypeError as error:
        raise InputError(f"`model` {name!r}: {error}: remove or rename that entry.") from None
