"""A SymPy learning rule as a trainable model, so that the engine's derivations can be simulated."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from coulombgas._checks import InputError

from ._linalg import cholesky
from ._protocol import Model
from ._setting import Key, Setting, Start

_SPREAD = 0.1  # standard deviation of weights that start at random


class _Compiled(NamedTuple):
    """Functions of (weights, …) for given constants."""

    gradient: Any
    covariance: Any
    matrix: Any


class RuleModel(Model):
    r"""A :class:`coulombgas.symbolic.LearningRule` with numbers for its constants, as a model.

    One gradient draws B samples of the rule's Gaussian fields, with their covariance at the current weights, and
    averages the rule's own gradient, without Wick's theorem or an expansion. So :func:`coulombgas.linear_noise`,
    training and fits of a rule are independent of what :meth:`LearningRule.at` derives.

    Args:
        rule: the rule; its ``matrix`` is observed.
        params: a number for each of its constants, by symbol or name.
        point: the fixed point {weight: value or expression in the constants}; missing weights are 0. Where replicas
            start with ``init="fixed-point"``.

    Raises:
        InputError: for a rule without a matrix, or constants that do not match.
    """

    name: ClassVar[str] = "rule"
    levels: ClassVar[str] = "eigenvalues"  # pyright: ignore[reportIncompatibleVariableOverride, reportAssignmentType]

    rule: Any = eqx.field(static=True)
    constants: tuple[tuple[str, float], ...] = eqx.field(static=True)
    point: tuple[float, ...] | None = eqx.field(static=True)

    def __init__(
        self, rule: Any, params: Mapping[Any, Any] | None = None, *, point: Mapping[Any, Any] | None = None, **more: Any
    ) -> None:
        if rule.matrix is None:
            raise InputError("`rule` must have a `matrix`: its eigenvalues are observed.")
        given = {str(key): float(value) for key, value in {**(params or {}), **more}.items()}
        names = [symbol.name for symbol in rule.constants]
        missing, strange = [n for n in names if n not in given], [n for n in given if n not in names]
        if missing or strange:
            wanted = ", ".join(names) or "nothing"
            raise InputError(f"`params` must give a number for {wanted}, missing {missing}, unknown {strange}.")
        self.rule, self.constants = rule, tuple((name, given[name]) for name in names)
        self.point = None if point is None else tuple(_number(point.get(w, 0), given) for w in rule.weights)

    def start(self, *, key: Key, setting: Setting, init: Start, dtype: Any) -> tuple[Float[Array, " weight"], None]:
        del setting
        if init == "fixed-point" and self.point is not None:
            return jnp.asarray(self.point, dtype), None
        return _SPREAD * jax.random.normal(key, (len(self.rule.weights),), dtype), None

    def gradient(
        self, weights: Float[Array, " weight"], memory: None, *, key: Key, setting: Setting, step: Array
    ) -> tuple[Float[Array, " weight"], None]:
        del step, memory
        parts, size = _compile(self), len(self.rule.fields)
        root = cholesky(parts.covariance(weights))
        draws = jax.random.normal(key, (setting.batch_size, size), weights.dtype) @ root.T
        return jax.vmap(lambda fields: parts.gradient(weights, fields))(draws).mean(0), None

    def matrix(self, weights: Float[Array, " weight"]) -> Float[Array, "mode mode"]:
        return _compile(self).matrix(weights)

    @property
    def fixed_point(self) -> np.ndarray:
        """Eigenvalues of the matrix at ``point``; from averaged descent if no point is given."""
        if self.point is None:
            return super().fixed_point
        return np.linalg.eigvalsh(np.asarray(_compile(self).matrix(jnp.asarray(self.point)), dtype=np.float64))

    def config(self) -> dict[str, Any]:
        """A description of the rule, from which it cannot be rebuilt."""
        rule, fields = self.rule, self.rule.fields
        return {
            "name": self.name,
            "weights": [str(w) for w in rule.weights],
            "gradient": [str(entry) for entry in rule.gradient],
            "covariance": [str(rule.covariance(a, b)) for a in fields for b in fields],
            "matrix": [str(entry) for entry in rule.matrix],
            "constants": dict(self.constants),
        }


@lru_cache(maxsize=64)
def _compile(model: RuleModel) -> _Compiled:
    """Gradient, covariance of the fields and matrix of a rule at the model's constants, as JAX functions."""
    from coulombgas.symbolic import to_jax

    rule, values = model.rule, dict(model.constants)
    place = {symbol: values[symbol.name] for symbol in rule.constants}
    weights, fields, size = list(rule.weights), list(rule.fields), rule.matrix.rows
    gradient = to_jax([entry.subs(place) for entry in rule.gradient], [*weights, *fields])
    pairs = to_jax([rule.covariance(a, b).subs(place) for a in fields for b in fields], weights)
    matrix = to_jax([entry.subs(place) for entry in rule.matrix], weights)

    def stacked(parts: Any, dtype: Any) -> Any:
        return jnp.stack([jnp.asarray(part, dtype) for part in parts])

    return _Compiled(
        lambda w, f: stacked(gradient(*w, *f), w.dtype),
        lambda w: stacked(pairs(*w), w.dtype).reshape(len(fields), len(fields)),
        lambda w: stacked(matrix(*w), w.dtype).reshape(size, size),
    )


def _number(value: Any, constants: Mapping[str, float]) -> float:
    symbols = getattr(value, "free_symbols", ())
    strange = [symbol.name for symbol in symbols if symbol.name not in constants]
    if strange:
        raise InputError(f"`point` must be in the constants of the rule, got {strange[0]} in {value}.")
    return float(value.subs({symbol: constants[symbol.name] for symbol in symbols}) if symbols else value)
