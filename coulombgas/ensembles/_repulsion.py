"""Convex barriers that keep levels apart, and the implicit (proximal) step through them."""

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

_MAX_ITERATIONS = 200  # only to end the loop: the caller raises if Newton has not converged


class Repulsion(eqx.Module):
    r"""Barrier :math:`U(x) = -\sum_{i<j} b_{ij} \log|x_i - x_j|`, plus, with ``wall`` set, its type-B form.

    .. math:: U(x) = -\sum_{i<j} b_{ij} [\log|x_i - x_j| + \log(x_i + x_j)] - w \sum_i \log x_i, \qquad x > 0

    with b = ``strength`` and w = ``wall``: the repulsion of singular values. b is symmetric and positive between
    neighbours; U is convex on ordered levels.
    """

    strength: Float[Array, "n n"]
    wall: Float[Array, ""] | None = None

    def rise(self, x: Float[Array, " n"], new: Float[Array, " n"]) -> Float[Array, ""]:
        """U(new) − U(x), with one logarithm per pair."""
        pairs = jnp.triu(self.strength, 1)
        rise = -(pairs * jnp.log(_differences(new) / _differences(x))).sum()
        if self.wall is None:
            return rise
        rise = rise - (pairs * jnp.log((new[:, None] + new) / (x[:, None] + x))).sum()
        return rise - self.wall * jnp.log(new / x).sum()

    def force(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        """−∂U/∂x_i."""
        force = (self._off() * _inverse_distances(x)).sum(-1)
        if self.wall is None:
            return force
        return force + (self._off() / (x[:, None] + x)).sum(-1) + self.wall / x

    def curvature(self, x: Float[Array, " n"]) -> Float[Array, "n n"]:
        """∂²U/∂x_i∂x_j, positive semidefinite."""
        near = self._off() * _inverse_distances(x) ** 2
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
    ordered or not. Damped Newton, begun near the ordered ``start``: the function is self-concordant, so steps damped by
    1/(1 + decrement) keep the order and always converge; a longer step is taken where it lowers the function more.

    Returns:
        x, and whether Newton converged (to a decrement of 20 eps^{3/4}).
    """
    # a full Newton step from a decrement d leaves at most (d/(1 − d))²
    tolerance = jnp.sqrt(20 * jnp.finfo(y.dtype).eps ** 0.75)
    tolerance = tolerance / (1 + tolerance)
    softest = jnp.where(repulsion.strength > 0, repulsion.strength, jnp.inf).min(initial=jnp.inf)
    scale = jnp.maximum(1, 1 / jnp.minimum(softest, 1 if repulsion.wall is None else repulsion.wall))

    def body(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        x, _, iteration = state
        slope = (x - y) / mobility - repulsion.force(x)
        step = -_solve_positive(repulsion.curvature(x) + jnp.diag(1 / mobility), slope)
        gain = jnp.maximum(-step @ slope, 0)
        decrement = jnp.sqrt(gain * scale)
        certain = jnp.where(decrement < 0.25, 1, 1 / (1 + decrement))  # Nesterov and Nemirovskii
        bold = jnp.minimum(1, 0.9 * repulsion.room(x, step))
        new = x + bold * step
        rise = (bold * step * ((x + new) / 2 - y) / mobility).sum() + repulsion.rise(x, new)
        pays = rise < -0.1 * bold * gain
        x = x + jnp.where(pays, jnp.maximum(certain, bold), certain) * step
        return x, decrement, iteration + 1

    def goes_on(state: tuple[Array, Array, Array]) -> Array:
        _, decrement, iteration = state
        return (decrement > tolerance) & (iteration < _MAX_ITERATIONS)

    first = _gap_by_gap(repulsion, y, start, mobility)
    x, decrement, _ = lax.while_loop(goes_on, body, (first, jnp.full((), jnp.inf, y.dtype), jnp.zeros((), jnp.int32)))
    return x, decrement <= tolerance


def _gap_by_gap(repulsion: Repulsion, y: Array, start: Array, mobility: Array) -> Array:
    r"""Start of Newton's method: the step solved for each gap alone, :math:`g = c + (m_i + m_{i+1})\,b/g`.

    All other forces are those of ``start``, which is returned where the gaps are too small to keep the order, or where
    there is a wall.
    """
    if repulsion.wall is not None or y.size < 2:
        return start
    push = mobility * repulsion.force(start)
    product = (mobility[1:] + mobility[:-1]) * jnp.diagonal(repulsion.strength, 1)
    rest = jnp.diff(y + push) - product / jnp.diff(start)
    root = jnp.sqrt(rest**2 + 4 * product)
    gap = jnp.where(rest > 0, (rest + root) / 2, 2 * product / (root + jnp.abs(rest)))
    guess = jnp.concatenate([jnp.zeros(1, y.dtype), jnp.cumsum(gap)])
    guess = guess - guess.mean() + (y + push).mean()
    return jnp.where(jnp.all(jnp.diff(guess) > 0) & jnp.all(jnp.isfinite(guess)), guess, start)


def _solve_positive(matrix: Array, vector: Array) -> Array:
    """Solution of a positive definite system."""
    factor = lax.linalg.cholesky(matrix, symmetrize_input=False)
    half = lax.linalg.triangular_solve(factor, vector[:, None], left_side=True, lower=True)
    return lax.linalg.triangular_solve(factor, half, left_side=True, lower=True, transpose_a=True)[:, 0]


def _differences(x: Array) -> Array:
    return x[:, None] - x + jnp.eye(x.shape[0], dtype=x.dtype)  # 1 on the diagonal, where the strength is 0


def _inverse_distances(x: Array) -> Array:
    return 1 / _differences(x)
