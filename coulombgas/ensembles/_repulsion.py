"""Convex barriers that keep levels apart, and the implicit (proximal) step through them."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

_MAX_ITERATIONS = 200


class Repulsion(eqx.Module):
    r"""Barrier :math:`U(x) = -\sum_{i<j} b_{ij} \log|x_i - x_j|`, plus, with ``wall`` set, its type-B form.

    .. math:: U(x) = -\sum_{i<j} b_{ij} [\log|x_i - x_j| + \log(x_i + x_j)] - w \sum_i \log x_i, \qquad x > 0

    with w = ``wall``: what singular values feel. b is symmetric and positive between neighbours; U is convex on ordered
    levels.
    """

    strength: Float[Array, "n n"]
    wall: Float[Array, ""] | None = None

    def energy(self, x: Float[Array, " n"]) -> Float[Array, ""]:
        """U(x) of ordered levels."""
        pairs = jnp.triu(self.strength, 1)
        energy = -(pairs * jnp.log(jnp.abs(_differences(x)))).sum()
        if self.wall is None:
            return energy
        return energy - (pairs * jnp.log(x[:, None] + x)).sum() - self.wall * jnp.log(x).sum()

    def force(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        """−∂U/∂x_i."""
        force = (self._off() / _differences(x)).sum(-1)
        if self.wall is None:
            return force
        return force + (self._off() / (x[:, None] + x)).sum(-1) + self.wall / x

    def curvature(self, x: Float[Array, " n"]) -> Float[Array, "n n"]:
        """∂²U/∂x_i∂x_j, positive semidefinite."""
        near = self._off() / _differences(x) ** 2
        if self.wall is None:
            return jnp.diag(near.sum(-1)) - near
        far = self._off() / (x[:, None] + x) ** 2
        return jnp.diag((near + far).sum(-1) + self.wall / x**2) - near + far

    def room(self, x: Float[Array, " n"], step: Float[Array, " n"]) -> Float[Array, ""]:
        """The largest t for which x + t·step keeps its order (and its sign)."""
        gap, change = jnp.diff(x), jnp.diff(step)
        if self.wall is not None:
            gap, change = jnp.append(gap, x[0]), jnp.append(change, step[0])
        return jnp.min(jnp.where(change < 0, -gap / jnp.where(change < 0, change, 1), jnp.inf), initial=jnp.inf)

    def _off(self) -> Array:
        return self.strength * (1 - jnp.eye(self.strength.shape[0], dtype=self.strength.dtype))


def proximal_step(
    repulsion: Repulsion, y: Float[Array, " n"], *, start: Float[Array, " n"], mobility: Float[Array, " n"]
) -> tuple[Float[Array, " n"], Bool[Array, ""]]:
    r"""The ordered x with :math:`x_i = y_i + m_i F_i(x)`, F = −∂U: one implicit Euler step of size in the mobility m.

    It minimises the strictly convex :math:`\sum (x_i-y_i)^2/(2m_i) + U(x)`, so it exists and is unique for any y,
    ordered or not. Damped Newton from the ordered ``start``: the function is self-concordant, so the damping
    1/(1 + decrement) never leaves the chamber and always arrives; a longer step is taken where it pays.

    Returns:
        x and whether Newton arrived (its decrement came down to 100 eps^{3/4}).
    """
    resolution = jnp.finfo(y.dtype).eps
    softest = jnp.where(repulsion.strength > 0, repulsion.strength, jnp.inf).min(initial=jnp.inf)
    scale = jnp.maximum(1, 1 / jnp.minimum(softest, 1 if repulsion.wall is None else repulsion.wall))

    def value(x: Array) -> Array:
        return ((x - y) ** 2 / mobility).sum() / 2 + repulsion.energy(x)

    def body(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        x, _, iteration = state
        slope = (x - y) / mobility - repulsion.force(x)
        step = -jnp.linalg.solve(repulsion.curvature(x) + jnp.diag(1 / mobility), slope)
        gain = jnp.maximum(-step @ slope, 0)
        decrement = jnp.sqrt(gain * scale)
        certain = jnp.where(decrement < 0.25, 1, 1 / (1 + decrement))  # Nesterov and Nemirovskii
        bold = jnp.minimum(1, 0.9 * repulsion.room(x, step))
        pays = value(x + bold * step) < value(x) - 0.1 * bold * gain
        x = x + jnp.where(pays, jnp.maximum(certain, bold), certain) * step
        return x, decrement, iteration + 1

    def goes_on(state: tuple[Array, Array, Array]) -> Array:
        _, decrement, iteration = state
        return (decrement > 100 * resolution**0.75) & (iteration < _MAX_ITERATIONS)

    x, decrement, _ = jax.lax.while_loop(
        goes_on, body, (start, jnp.full((), jnp.inf, y.dtype), jnp.zeros((), jnp.int32))
    )
    return x, decrement <= 100 * resolution**0.75


def _differences(x: Array) -> Array:
    return x[:, None] - x + jnp.eye(x.shape[0], dtype=x.dtype)  # 1 on the diagonal, whose strength is 0
