"""Sources of a recorder's training data: the user, a PyTorch optimiser or an optax state."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import jax
import numpy as np

from coulombgas._checks import InputError, check_in_interval, check_non_negative, check_positive, fail

from ._optimizer import Optimizer
from ._recording import TrainingRecord
from ._recording_format import TRAINING_WORDS

Value: TypeAlias = float | int | np.generic | np.ndarray | jax.Array | Callable[[int], Any] | None
"""A number, or a function of the number of updates before the current one, like an optax schedule."""
_OPTAX_WORDS = {"momentum": "momentum", "b1": "momentum", "b2": "second_moment", "weight_decay": "weight_decay"}
_OPTAX_NAMES = {"TraceState": "momentum", "ScaleByAdamState": "adam"}


class TrainingSource:
    """Learning rate, batch size and optimiser at any step."""

    def __init__(self, learning_rate: Value, batch_size: Value, optimizer: Any):
        self.batch_size, self._rate = batch_size, _checked("learning_rate", learning_rate)
        self._optimizer: Any = None
        self._parameters: list[Any] | None = None
        self._stated: Mapping[str, Any] = {}
        if hasattr(optimizer, "param_groups"):
            self.attach(optimizer, None)
        elif optimizer is not None:
            self._stated = _stated(optimizer)

    @property
    def batch_size(self) -> Value:
        """Samples in one gradient, or a function that returns them."""
        return self._batch_size

    @batch_size.setter
    def batch_size(self, value: Value) -> None:
        self._batch_size = _checked("batch_size", value)

    def attach(self, optimizer: Any, parameters: Iterable[Any] | None) -> None:
        """Follow a PyTorch optimiser: its groups that hold these parameters.

        Raises:
            InputError: when these groups have different learning rates, or rates other than those given.
        """
        self._optimizer = unwrapped(optimizer)
        self._parameters = None if parameters is None else list(parameters)
        rate, _ = self._torch()
        if isinstance(self._rate, float) and not math.isclose(self._rate, rate, rel_tol=1e-6):
            fail("learning_rate", f"is {rate:g} in the optimiser: leave it out", self._rate)

    def at(self, step: int, *, learning_rate: Value, batch_size: Value, optimizer: Any, state: Any) -> TrainingRecord:
        """The training data after ``step`` updates, as far as known.

        Raises:
            InputError: when a value is invalid for a training, or an optimiser has several learning rates.
        """
        rate, found = math.nan, {}
        if self._optimizer is not None:
            rate, found = self._torch()
        if state is not None:
            rate, found = read_optax(state)
        stated = {**found, **({} if optimizer is None else _stated(optimizer)), **self._stated}
        before = max(step - 1, 0)
        for own in (self._rate, _checked("learning_rate", learning_rate)):
            rate = rate if own is None else _value("learning_rate", own, before)
        batch = math.nan
        for own in (self.batch_size, _checked("batch_size", batch_size)):
            batch = batch if own is None else _value("batch_size", own, before)
        return TrainingRecord(rate, batch, stated)

    def _torch(self) -> tuple[float, dict[str, Any]]:
        groups = _groups_of(self._optimizer, self._parameters)
        rates = [_number(group["lr"]) for group in groups if "lr" in group]
        if len(set(rates)) > 1:
            raise InputError(
                f"`optimizer` trains the selected matrices at the learning rates {_listed(rates)}, one for each of its "
                f"{len(rates)} groups: record each group separately, with `select`."
            )
        return (rates[0] if rates else math.nan), _torch_settings(self._optimizer, groups)


def unwrapped(optimizer: Any) -> Any:
    """The PyTorch optimiser inside a wrapper, such as that of Accelerate."""
    for _ in range(8):
        inner = getattr(optimizer, "optimizer", None)
        if inner is None or not hasattr(inner, "param_groups"):
            break
        optimizer = inner
    return optimizer


def _groups_of(optimizer: Any, parameters: list[Any] | None) -> list[dict[str, Any]]:
    """The parameter groups that hold any of these parameters; all groups if none does (sharded copies)."""
    wanted = {id(one) for one in parameters or ()}
    found = [group for group in optimizer.param_groups if any(id(one) in wanted for one in group["params"])]
    return found or list(optimizer.param_groups)


def _torch_settings(optimizer: Any, groups: list[dict[str, Any]]) -> dict[str, Any]:
    """The settings on which the groups agree; others are unknown."""
    kind = type(optimizer)
    found: list[dict[str, Any]] = []
    for group in groups:
        one: dict[str, Any] = {word: group[word] for word in ("momentum", "dampening", "weight_decay") if word in group}
        if len(group.get("betas", ())) == 2:
            one |= dict(zip(("momentum", "second_moment"), group["betas"], strict=True))
        one = {word: _number(value) for word, value in one.items()}
        if "nesterov" in group:
            one["nesterov"] = bool(group["nesterov"])
        found.append({**one, "optimizer": _torch_name(kind.__name__, one)})
    agreed = {word: value for word, value in found[0].items() if all(other.get(word) == value for other in found[1:])}
    return {**agreed, "source": f"{kind.__module__.removesuffix(f'.{kind.__name__.lower()}')}.{kind.__qualname__}"}


def _torch_name(name: str, settings: Mapping[str, Any]) -> str:
    if name != "SGD":
        return name.lower()
    if not settings.get("momentum"):
        return "sgd"
    return "nesterov" if settings.get("nesterov") else "momentum"


def read_optax(state: Any) -> tuple[float, dict[str, Any]]:
    """Learning rate and optimiser of an optax state; NaN if the state does not hold the rate, which only
    ``optax.inject_hyperparams`` stores.

    Raises:
        InputError: when it holds several learning rates.
    """
    nodes = list(_walk(state))
    injected = [node.hyperparams for node in nodes if isinstance(getattr(node, "hyperparams", None), dict)]
    rates = [_number(np.asarray(one["learning_rate"]).flat[0]) for one in injected if "learning_rate" in one]
    if len(set(rates)) > 1:
        raise InputError(
            f"`optimizer_state` holds the learning rates {_listed(rates)}: give `learning_rate`, that of the selected "
            "matrices."
        )
    stated: dict[str, Any] = {}
    if len(injected) == 1:
        known = {_OPTAX_WORDS[word]: value for word, value in injected[0].items() if word in _OPTAX_WORDS}
        stated = {word: _number(np.asarray(value).flat[0]) for word, value in known.items()}
    names = [type(node).__name__ for node in nodes]
    scaled = [name for name in names if name in _OPTAX_NAMES or (name.startswith("ScaleBy") and "Schedule" not in name)]
    if len(scaled) == 1:  # a chain of several transformations is not a named optimiser
        stated["optimizer"] = _OPTAX_NAMES.get(
            scaled[0], scaled[0].removeprefix("ScaleBy").removesuffix("State").lower()
        )
    return (rates[0] if rates else math.nan), ({**stated, "source": "optax"} if stated else {})


def _walk(state: Any) -> Iterable[Any]:
    """Every named tuple of an optax state, outside the arrays of the parameters."""
    if isinstance(state, tuple):
        if hasattr(state, "_fields"):
            yield state
        for one in state:
            yield from _walk(one)
    elif isinstance(state, dict):
        for one in state.values():
            yield from _walk(one)


def _stated(optimizer: Any) -> dict[str, Any]:
    """The attribute ``training`` from the user's input: a name, our :class:`Optimizer`, or a dictionary of its
    settings."""
    if isinstance(optimizer, Optimizer):
        own = optimizer.check()
        stated: dict[str, Any] = {"optimizer": own.name, "weight_decay": own.weight_decay}
        if own.name != "sgd":
            stated["momentum"] = own.momentum
        return {**stated, "second_moment": own.second_moment} if own.name == "adam" else stated
    if isinstance(optimizer, str):
        return {"optimizer": optimizer.lower()}
    if not isinstance(optimizer, Mapping):
        fail("optimizer", "must be a name, coulombgas.Optimizer, a PyTorch optimiser or a dictionary", optimizer)
    for word in optimizer:
        if word not in TRAINING_WORDS:
            fail("optimizer", f"may hold {', '.join(TRAINING_WORDS)}", word)
    given = {word: value for word, value in optimizer.items() if value is not None}
    for word in ("momentum", "second_moment"):
        if word in given:
            given[word] = check_in_interval(word, given[word], 0.0, 1.0)
    for word in ("dampening", "weight_decay"):
        if word in given:
            given[word] = check_non_negative(word, given[word])
    for word in ("optimizer", "source"):
        if word in given:
            given[word] = str(given[word])
    return {**given, "nesterov": bool(given["nesterov"])} if "nesterov" in given else given


def _checked(word: str, value: Any) -> Any:
    if value is None or callable(value):
        return value
    value = _number(value) if hasattr(value, "dtype") and np.size(value) == 1 else value
    return check_positive(word, value) if word == "batch_size" else check_non_negative(word, value)


def _value(word: str, own: Any, before: int) -> float:
    found = _checked(word, own(before) if callable(own) else own)
    return math.nan if found is None else float(found)


def _number(value: Any) -> float:
    """A scalar of any framework; for a float32 the number that was meant, 0.1 and not 0.10000000149."""
    return float(str(np.float32(value))) if str(getattr(value, "dtype", "")).endswith("float32") else float(value)


def _listed(rates: list[float]) -> str:
    return ", ".join(f"{rate:g}" for rate in sorted(set(rates)))
