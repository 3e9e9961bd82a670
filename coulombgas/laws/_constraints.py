"""Constraints that also reject infinite and NaN values, which NumPyro's ``positive`` and ``real`` accept."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from numpyro.distributions import biject_to, constraints
from numpyro.distributions.transforms import ExpTransform, IdentityTransform


class _Finite(constraints.ParameterFreeConstraint):
    """Any finite real number."""

    def __call__(self, x: Any) -> Any:
        return _module(x).isfinite(x)

    def feasible_like(self, prototype: Any) -> Any:
        return jnp.zeros_like(prototype)


class _FinitePositive(constraints.ParameterFreeConstraint):
    """Finite and above zero."""

    def __call__(self, x: Any) -> Any:
        xp = _module(x)
        return xp.isfinite(x) & xp.greater(x, 0)

    def feasible_like(self, prototype: Any) -> Any:
        return jnp.ones_like(prototype)


class _FiniteNonnegative(_FinitePositive):
    """Finite and at least zero."""

    def __call__(self, x: Any) -> Any:
        xp = _module(x)
        return xp.isfinite(x) & xp.greater_equal(x, 0)


class _Ascending(constraints.ParameterFreeConstraint):
    """Finite numbers in ascending order; ties are allowed (rounding makes them of close levels)."""

    event_dim = 1

    def __call__(self, x: Any) -> Any:
        xp = _module(x)
        x = xp.asarray(x)
        return xp.all(x[..., 1:] >= x[..., :-1], axis=-1) & xp.all(xp.isfinite(x), axis=-1)

    def feasible_like(self, prototype: Any) -> Any:
        return jnp.broadcast_to(jnp.arange(prototype.shape[-1], dtype=prototype.dtype), prototype.shape)


class _AscendingNonnegative(_Ascending):
    """A vector of finite numbers in ascending order, the first at least zero."""

    def __call__(self, x: Any) -> Any:
        xp = _module(x)
        x = xp.asarray(x)
        return xp.all(x[..., 1:] >= x[..., :-1], axis=-1) & xp.all(xp.isfinite(x) & (x >= 0), axis=-1)


finite = _Finite()
finite_positive = _FinitePositive()
finite_nonnegative = _FiniteNonnegative()
ascending = _Ascending()
ascending_nonnegative = _AscendingNonnegative()


@biject_to.register(_Finite)
def _to_finite(constraint: _Finite) -> IdentityTransform:
    return IdentityTransform()


@biject_to.register(_FinitePositive)
@biject_to.register(_FiniteNonnegative)
def _to_positive(constraint: _FinitePositive) -> ExpTransform:
    return ExpTransform()


@biject_to.register(_Ascending)
def _to_ascending(constraint: _Ascending) -> Any:
    return biject_to(constraints.ordered_vector)


@biject_to.register(_AscendingNonnegative)
def _to_ascending_nonnegative(constraint: _AscendingNonnegative) -> Any:
    return biject_to(constraints.positive_ordered_vector)


def _module(x: Any) -> Any:
    return jnp if isinstance(x, Tracer) else np
