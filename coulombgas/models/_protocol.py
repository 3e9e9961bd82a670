"""What the ensemble engine and the theory need to know about a model."""

import dataclasses
import re
from abc import abstractmethod
from functools import lru_cache
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree

from coulombgas._checks import InputError

from ._defaults import averaged_descent, find_level_kind, matrix_shape, plain
from ._linalg import singular_values, symmetric_eigenvalues
from ._setting import Key, Setting, Start

LevelKind = Literal["eigenvalues", "squared-singular-values", "singular-values"]


class Model(eqx.Module):
    """A model to train: it defines one update. The stationary law is computed in :mod:`coulombgas.theory`.

    Three methods are needed: :meth:`start`, :meth:`gradient` and :meth:`matrix`. Everything else has a default computed
    from them, which a model may override (with a closed form of its fixed point, or a faster spectrum). Fields are
    annotations of the class, as in a dataclass.

    Write every method for one replica; the engine batches. ``trailing_replicas = True`` promises more: each method
    also accepts arrays with one replica axis behind their own (weights (i, j, replica), keys (2, replica)) and
    treats it elementwise. The engine then calls it on whole chunks instead of through ``vmap``.
    """

    name: ClassVar[str] = ""
    """Name in stores and on the command line; by default the class name in lower case."""
    trailing_replicas: ClassVar[bool] = False
    levels: ClassVar[Literal["auto", "eigenvalues", "squared-singular-values", "singular-values"]] = "auto"
    """The levels: "eigenvalues" of a symmetric :meth:`matrix`, the "squared-singular-values" or the "singular-values"
    of any matrix. "auto": eigenvalues if the matrix stays symmetric during training, else squared singular values."""

    domain: ClassVar[str] = "finite levels"
    """The domain checked by :meth:`allowed`, in words."""

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        if not cls.__dict__.get("name"):
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @abstractmethod
    def start(self, *, key: Key, setting: Setting, init: Start, dtype: Any) -> tuple[PyTree, PyTree]:
        """Weights and memory (what persists besides the weights, such as Markov chains; None if nothing).

        ``init`` is "random", or "fixed-point" for a start at the end point of training; a model that does not know its
        fixed point may ignore it.
        """

    @abstractmethod
    def gradient(
        self, weights: PyTree, memory: PyTree, *, key: Key, setting: Setting, step: Array
    ) -> tuple[PyTree, PyTree]:
        """Stochastic gradient of the loss, with the structure of the weights, and the new memory."""

    @abstractmethod
    def matrix(self, weights: PyTree) -> Float[Array, "row column *replicas"]:
        """The matrix whose levels are observed: a symmetric X, or W (see :attr:`levels`)."""

    @property
    def level_kind(self) -> LevelKind:
        """:attr:`levels` with "auto" resolved."""
        return find_level_kind(self) if self.levels == "auto" else self.levels  # pyright: ignore[reportReturnType]

    def spectrum(self, weights: PyTree) -> Float[Array, "mode *replicas"]:
        """Levels of one replica, ascending."""
        matrix = self.matrix(weights)
        if self.level_kind == "eigenvalues":
            return symmetric_eigenvalues((matrix + jnp.swapaxes(matrix, 0, 1)) / 2)
        values = singular_values(matrix)
        return values if self.level_kind == "singular-values" else values**2

    @property
    def num_modes(self) -> int:
        """Number of levels in the spectrum."""
        return min(matrix_shape(self))

    @property
    def fixed_point(self) -> np.ndarray:
        """Levels at the fixed point of the mean dynamics, ascending, shape (mode,), float64.

        By default from averaged descent, accurate to about a percent; :func:`coulombgas.linear_noise` refines it.
        """
        return averaged_descent(self)

    @property
    def target_modes(self) -> np.ndarray:
        """Target κ of each mode in the order of ``fixed_point``, shape (mode,); by default the fixed point."""
        return self.fixed_point

    def healthy(self, weights: PyTree) -> Bool[Array, "*replicas"]:
        """False once the replica has diverged: NaN, Inf or outside the domain of the model."""
        return jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(weights)]).all()

    def describe_update(self, batch_size: int) -> dict[str, str]:
        """Choices of the model at a batch size that a store should record, such as its sampler."""
        del batch_size
        return {}

    def allowed(self, levels: np.ndarray) -> np.ndarray:
        """Which replicas' levels (replica, mode) lie in the domain of the model, bool (replica,)."""
        return np.asarray(np.isfinite(levels).all(axis=-1))

    def config(self) -> dict[str, Any]:
        """JSON-able description, by default the fields; ``from_config`` inverts it.

        Raises:
            InputError: naming a field that is not made of numbers, words and sequences of them.
        """
        fields = [field.name for field in dataclasses.fields(self)]
        return {"name": self.name, **{name: plain(name, getattr(self, name)) for name in fields}}

    def reduce_memory(self, memory: PyTree, *, setting: Setting) -> PyTree:
        """The part of the memory that decides the law of what follows, by default the memory itself.

        A model with Markov chains returns their empirical moments, on which the mean dynamics depends.
        """
        del setting
        return memory

    def restore_memory(self, statistic: PyTree, *, key: Key, setting: Setting) -> PyTree:
        """A random memory with exactly this statistic."""
        del key, setting
        return statistic

    @property
    def smallest_batch(self) -> int:
        """Smallest batch size at which :meth:`restore_memory` can reproduce any statistic."""
        return 1


def abstract_start(model: Model, batch_size: int = 1, dtype: Any = jnp.float32) -> tuple[PyTree, PyTree]:
    """Shapes and dtypes of one replica's weights and memory; traced once for equal models, if they can be hashed."""
    arguments = model, batch_size, np.dtype(dtype), bool(jax.config.read("jax_enable_x64"))
    try:
        return _remembered_start(*arguments)
    except TypeError:  # a model of the user's own that holds arrays; an error of its method comes again below
        return _traced_start(*arguments)


def _traced_start(model: Model, batch_size: int, dtype: np.dtype, x64: bool) -> tuple[PyTree, PyTree]:
    del x64  # integers without a dtype depend on it
    key = np.zeros(2, np.uint32) if model.trailing_replicas else jax.random.key(0)

    def start(key: Any, learning_rate: Any, shared: Any) -> tuple[PyTree, PyTree]:
        setting = Setting(learning_rate=learning_rate, key=shared, batch_size=batch_size)
        return model.start(key=key, setting=setting, init="random", dtype=dtype)

    return jax.eval_shape(start, key, np.zeros((), dtype), np.zeros(2, np.uint32))


_remembered_start = lru_cache(maxsize=256)(_traced_start)


def check_model(model: Any) -> None:
    """Refuse what is not a model, or a class instead of an instance.

    Raises:
        InputError: saying what to pass.
    """
    if isinstance(model, type) and issubclass(model, Model):
        raise InputError(f"`model` must be an instance, got the class: write {model.__name__}(...).")
    if not isinstance(model, Model):
        raise InputError(f"`model` must be a Model such as GaussianRBM(...), got {type(model).__name__}.")
