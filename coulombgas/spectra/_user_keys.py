"""Keys of a user's own ``.npz``: how each is read, whether it is needed, and what is assumed if it is missing.

The tables name the fields of the models and of the optimiser, which are defined in layers above this one; a test
compares them with :class:`coulombgas.training.Optimizer` and the models' own configurations.
"""

import difflib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from coulombgas._checks import (
    InputError,
    check_choice,
    check_count,
    check_finite_array,
    check_in_interval,
    check_non_negative,
    check_positive,
    fail,
)

Arrays = Mapping[str, np.ndarray]


class Field(NamedTuple):
    """One key of the file."""

    read: Callable[[str, np.ndarray], Any]
    """Converts its name and array to the checked, JSON-able value."""
    needed: str = ""
    """What to add if it is missing; empty if it is optional."""
    assumed: Any = None
    """Value assumed, and reported, if it is not given; None if it does not affect the law of the levels."""


def number(name: str, value: np.ndarray) -> float:
    """One number.

    Raises:
        InputError: for several numbers, or something else.
    """
    if value.size != 1:
        raise InputError(f"`{name}` must be one number, got shape {value.shape}.")
    try:
        return float(value.reshape(()))
    except (TypeError, ValueError):
        raise InputError(f"`{name}` must be a number, got {value.reshape(()).item()!r}.") from None


def positive(name: str, value: np.ndarray) -> float:
    """One number above zero."""
    return check_positive(name, number(name, value))


def count(name: str, value: np.ndarray) -> int:
    """One whole number of at least 1."""
    return check_count(name, number(name, value))


def _non_negative(name: str, value: np.ndarray) -> float:
    return check_non_negative(name, number(name, value))


def count_or_zero(name: str, value: np.ndarray) -> int:
    """One whole number of at least 0."""
    return check_count(name, number(name, value), 0)


def _below_one(name: str, value: np.ndarray) -> float:
    return check_in_interval(name, number(name, value), 0.0, 1.0 - 1e-9)


def _vector(name: str, value: np.ndarray) -> list[float]:
    levels = np.atleast_1d(check_finite_array(name, value))
    if levels.ndim != 1 or levels.size == 0:
        fail(name, "must hold one value for each level, in one dimension", f"shape {value.shape}")
    return levels.tolist()


def _numbers(name: str, value: np.ndarray) -> Any:
    return check_finite_array(name, value).tolist()


def text(name: str, value: np.ndarray) -> str:
    """One word."""
    if value.size != 1 or value.dtype.kind not in "US":
        fail(name, "must be one word", f"shape {value.shape}" if value.size != 1 else value.reshape(()).item())
    found = value.reshape(()).item()
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)


def word(*words: str) -> Callable[[str, np.ndarray], str]:
    """A reader of one of these words."""
    return lambda name, value: check_choice(name, text(name, value), words)


MODELS: dict[str, dict[str, Field]] = {
    "rbm": {
        "num_visible": Field(count),
        "num_hidden": Field(count),
        "mu2": Field(positive, needed="μ², the mass of the visible units,"),
        "sigma_h2": Field(positive, assumed=1.0),
        "target": Field(_vector),
        "target_covariance": Field(_numbers),
        "target_mean": Field(_vector),
        "gibbs_steps": Field(count, assumed=3),
        "chains": Field(word("persistent", "data"), assumed="persistent"),
        "sampler": Field(word("auto", "collapsed", "naive", "gram")),
        "init_std": Field(positive),
    },
    "teacher-student": {
        "teacher": Field(_vector, needed="the eigenvalues of the teacher"),
        "noise": Field(positive, needed="ε, the standard deviation of the noise,"),
        "inputs": Field(word("fresh", "quenched"), assumed="fresh"),
        "num_batches": Field(count),
        "init_std": Field(positive),
    },
    "two-layer": {
        "teacher": Field(_vector, needed="the singular values of the teacher"),
        "label_noise": Field(positive, needed="ν, the standard deviation of the label noise,"),
        "num_hidden": Field(count),
        "trained": Field(word("both", "first", "second"), assumed="both"),
        "balance": Field(positive, assumed=1.0),
        "init_std": Field(positive),
    },
    "matrix-dyson": {
        "target": Field(_vector, needed="the levels at the fixed point"),
        "rate": Field(_numbers, needed="γ, a number or a matrix,"),
        "noise2": Field(_numbers, needed="D, a number or a matrix,"),
    },
}
"""Fields of each model under their own names."""

OPTIMIZER: dict[str, Field] = {
    "momentum": Field(_below_one, assumed=0.9),
    "second_moment": Field(_below_one, assumed=0.999),
    "epsilon": Field(positive, assumed=1e-8),
    "weight_decay": Field(_non_negative, assumed=0.0),
    "schedule": Field(word("constant", "linear", "cosine", "exponential"), assumed="constant"),
    "schedule_steps": Field(count_or_zero, assumed=0),
    "schedule_end": Field(positive, assumed=0.1),
}
"""Fields of the optimiser besides its name, with its own defaults."""

OPTIMIZERS = ("sgd", "momentum", "nesterov", "adam")
AVERAGING = ("momentum", "nesterov")
BELONGS = {"momentum": (*AVERAGING, "adam"), "second_moment": ("adam",), "epsilon": ("adam",)}
"""The optimisers that use each constant."""
_TRAINING = ("optimizer", *OPTIMIZER, "sampling", "updates_per_epoch", "steps", "step")
ALWAYS = ("eigenvalue", "learning_rate", "batch_size", "model", *_TRAINING)
FIELDS = {name for fields in MODELS.values() for name in fields}
# names in other programs that are not similar in spelling
_OTHER_NAMES = {
    "lr": "learning_rate", "alpha": "learning_rate", "eta": "learning_rate",
    "bs": "batch_size", "b": "batch_size", "k": "gibbs_steps", "cd_k": "gibbs_steps", "kappa": "target",
    "levels": "eigenvalue", "spectrum": "eigenvalue", "x": "eigenvalue", "beta1": "momentum",
    "beta2": "second_moment", "nu": "label_noise", "mu": "mu2", "wd": "weight_decay",
}  # fmt: skip


def nearest_key(name: str) -> str:
    """The known key most similar to an unknown one."""
    small = name.lower()
    if small in _OTHER_NAMES:
        return _OTHER_NAMES[small]
    known = sorted({*ALWAYS, *FIELDS})
    return difflib.get_close_matches(small, known, n=1, cutoff=0.0)[0]


def refuse_unknown(arrays: Arrays) -> None:
    """Refuse keys that are not part of the format.

    Raises:
        InputError: naming the key and the nearest known one.
    """
    for name in arrays:
        if name not in ALWAYS and name not in FIELDS:
            raise InputError(
                f"`{name}` is not a known key, the nearest one is `{nearest_key(name)}`: rename it, or leave it out "
                "of the file if it does not describe the training."
            )
