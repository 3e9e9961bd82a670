r"""Spectral elements that keep detailed balance exactly.

The density is :math:`p = p_s u` with u a piecewise polynomial, so the stationary state (u constant) lies in the space
and its energy is zero to rounding. In the basis normalised by :math:`\sqrt{p_s}` at its own node the Hamiltonian is
:math:`B^T B`, and B holds only differences of the action Φ inside one element, so nothing overflows in
deep tails.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

HIGHEST_POWER = 1 - 1e-6  # of 1/distance in p_s: beyond, its integral to the end is infinite or rounding


class Reference(NamedTuple):
    """Matrices of one element on [−1, 1]."""

    nodes: np.ndarray
    weights: np.ndarray
    derivative: np.ndarray
    gauss: np.ndarray
    from_gauss: np.ndarray
    from_nodes: np.ndarray


class Elements(NamedTuple):
    """A mesh of E elements of degree p with its operator; K = E p + 1 nodes.

    Between the outermost edges and the ends of the domain, over the distances ``margins``, u is constant and p_s the
    distance to the power −``powers``.
    """

    edges: Float[Array, " E"]
    nodes: Float[Array, " K"]
    weights: Float[Array, " K"]
    action: Float[Array, " K"]
    factor: Float[Array, "Q K"]
    margins: Float[Array, "2"]
    powers: Float[Array, "2"]


@functools.cache
def reference(degree: int) -> Reference:
    """Gauss-Lobatto nodes and weights, differentiation, and integration from −1 of nodal and of Gauss values."""
    legendre = np.polynomial.legendre.Legendre.basis(degree)
    nodes = np.concatenate([[-1.0], np.sort(legendre.deriv().roots().real), [1.0]])
    weights = 2 / (degree * (degree + 1) * legendre(nodes) ** 2)
    gauss, _ = np.polynomial.legendre.leggauss(degree + 1)
    barycentric = 1 / np.prod(nodes[:, None] - nodes[None, :] + np.eye(degree + 1), axis=1)
    difference = nodes[:, None] - nodes[None, :] + np.eye(degree + 1)
    derivative = barycentric[None, :] / barycentric[:, None] / difference
    np.fill_diagonal(derivative, 0)
    np.fill_diagonal(derivative, -derivative.sum(1))
    return Reference(nodes, weights, derivative, gauss, _integration(gauss, nodes), _integration(nodes, nodes))


def _integration(points: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Matrix from values at ``points`` to the integrals from −1 to each of ``ends``."""
    degree = len(points) - 1
    coefficients = np.linalg.inv(np.polynomial.legendre.legvander(points, degree))
    integrals = [np.polynomial.legendre.Legendre.basis(k).integ(lbnd=-1)(ends) for k in range(degree + 1)]
    return np.stack(integrals, axis=1) @ coefficients


def local_nodes(edges: Float[Array, " E"], points: np.ndarray) -> Float[Array, "e q"]:
    """Reference points mapped to every element."""
    half = jnp.diff(edges)[:, None] / 2
    return edges[:-1, None] + half * (1 + jnp.asarray(points))


def assemble(
    edges: Float[Array, " E"], degree: int, slope: Any, diffusion: Any, margins: tuple[Any, Any] = (0.0, 0.0)
) -> Elements:
    """The mesh and the factor B of the Hamiltonian for Φ' = ``slope`` and D = ``diffusion``, both functions of arrays.

    ``margins`` are the distances from the outermost edges to the ends of the domain, where p_s is a power of the
    distance: its mass there, δ/(1 ∓ δΦ') in units of p_s at the edge, goes to the outermost nodes.
    """
    ref = reference(degree)
    half = jnp.diff(edges) / 2
    inner = local_nodes(edges, ref.nodes)
    rise = half[:, None] * (slope(local_nodes(edges, ref.gauss)) @ ref.from_gauss.T)
    start = jnp.concatenate([jnp.zeros(1), jnp.cumsum(rise[:, -1])[:-1]])
    columns = degree * np.arange(len(edges) - 1)[:, None] + np.arange(degree + 1)
    size = int(columns[-1, -1]) + 1
    weights = jnp.zeros(size).at[columns].add(half[:, None] * ref.weights)
    powers = [_power(slope, edges[place], sign * margins[place]) for place, sign in ((0, 1), (-1, -1))]
    for place in (0, -1):
        weights = weights.at[place].add(margins[place] / (1 - powers[place]))
    tilt = jnp.exp((rise[:, None, :] - rise[:, :, None]) / 2)  # [element, quadrature point, node]
    strength = jnp.sqrt(ref.weights * jnp.maximum(diffusion(inner), 0) / half[:, None])
    blocks = strength[:, :, None] * ref.derivative * tilt / jnp.sqrt(weights[columns])[:, None, :]
    rows = (degree + 1) * np.arange(len(edges) - 1)[:, None] + np.arange(degree + 1)
    factor = jnp.zeros((rows.size, size)).at[rows[:, :, None], columns[:, None, :]].set(blocks)
    action = jnp.zeros(size).at[columns].set(start[:, None] + rise)
    nodes = jnp.zeros(size).at[columns].set(inner)
    margin = jnp.stack([jnp.asarray(item, dtype=weights.dtype) for item in margins])
    return Elements(edges, nodes, weights, action, factor, margin, jnp.stack(powers))


def _power(slope: Any, edge: Any, margin: Any) -> Any:
    """δΦ' at the edge, with its sign: p_s is the distance to minus this power up to the end; zero without a margin.

    Nothing is left of p_s in a margin where its mass is not finite; the diagnostics report it.
    """
    margin = jnp.asarray(margin, dtype=edge.dtype)
    beside = 1e-100 + 1e-15 * jnp.abs(edge)  # where there is no margin: at a regular end Φ' may be 0/0
    power = jnp.where(margin == 0, 0.0, margin * slope((edge + jnp.where(margin == 0, beside, 0.0))[None])[0])
    power = jnp.where(jnp.isfinite(power), power, 0.0)
    return jnp.where(power < HIGHEST_POWER, power, -1e300)


def tails(elements: Elements, x: Any) -> tuple[Any, Any]:
    """Distance of x to either end over the margin there, in [0, 1]; 1 outside the margin."""
    found = []
    for place, sign in ((0, 1), (-1, -1)):
        margin = elements.margins[place]
        beyond = sign * (elements.edges[place] - x)
        # as a distance from the end, which is exact near an end at zero
        distance = sign * x - (sign * elements.edges[place] - margin)
        found.append(jnp.where(beyond > 0, jnp.clip(distance / jnp.where(margin > 0, margin, 1.0), 0.0, 1.0), 1.0))
    return found[0], found[1]


def interpolate(
    elements: Elements, degree: int, values: Any, x: Any, *, tilted: bool, share: float = 0.0
) -> Float[Array, "*batch n"]:
    """Nodal values (last axis) at points x; ``tilted`` ones carry a factor e^{−Φ}, which is interpolated separately.

    In the margins the values are those of the edge times p_s relative to there, to the power ``share``.
    """
    elements = Elements(*(jnp.asarray(item) for item in elements))
    values = jnp.asarray(values)
    ref = reference(degree)
    last = len(elements.edges) - 2
    outside, x = x, jnp.clip(x, elements.edges[0], elements.edges[-1])
    cell = jnp.clip(jnp.searchsorted(elements.edges, x, side="right") - 1, 0, last)
    t = 2 * (x - elements.edges[cell]) / (elements.edges[cell + 1] - elements.edges[cell]) - 1
    columns = degree * cell[:, None] + jnp.arange(degree + 1)
    basis = _lagrange(ref.nodes, t)
    action = elements.action[columns]
    if tilted:
        here = jnp.sum(basis * action, axis=-1, keepdims=True)
        basis = basis * jnp.exp(action - here)
    found = jnp.sum(values[..., columns] * basis, axis=-1)
    if share:
        for ratio, power in zip(tails(elements, outside), elements.powers, strict=True):
            power = jnp.where(
                jnp.abs(power) < 1 - HIGHEST_POWER, 0.0, power
            )  # a finite density at the end, to rounding
            found *= jnp.where(ratio < 1, ratio, 1.0) ** (-share * power)
    low, high = elements.edges[0] - elements.margins[0], elements.edges[-1] + elements.margins[1]
    return jnp.where((outside >= low) & (outside <= high), found, 0.0)


def _lagrange(nodes: np.ndarray, t: Float[Array, " n"]) -> Float[Array, "n k"]:
    """Lagrange polynomials at t, as plain products: exact at the nodes and differentiable."""
    size = len(nodes)
    gaps = t[:, None, None] - jnp.asarray(nodes)[None, None, :]
    products = jnp.prod(jnp.where(np.eye(size, dtype=bool), 1.0, gaps), axis=-1)
    scale = np.prod(nodes[:, None] - nodes[None, :] + np.eye(size), axis=1)
    return products / scale


@jax.custom_jvp
def eigensystem(factor: Float[Array, "Q K"]) -> tuple[Float[Array, " K"], Float[Array, "K K"]]:
    """Eigenvalues, ascending, and eigenvectors of BᵀB, from the SVD of B: tiny ones keep their relative accuracy."""
    _, singular, right = jnp.linalg.svd(factor, full_matrices=False)
    vectors = right[::-1].T
    index = jnp.argmax(jnp.abs(vectors), axis=0)
    signs = jnp.sign(jnp.take_along_axis(vectors, index[None, :], axis=0))
    return singular[::-1] ** 2, vectors * signs


@eigensystem.defjvp
def _eigensystem_jvp(primals: Any, tangents: Any) -> Any:
    """First-order perturbation theory; the spectrum is simple, and pairs equal to rounding are left alone."""
    (factor,), (change,) = primals, tangents
    values, vectors = eigensystem(factor)
    half = (factor @ vectors).T @ (change @ vectors)
    coupling = half + half.T
    difference = values[None, :] - values[:, None]
    tolerance = 1e-14 * values[-1]
    safe = jnp.abs(difference) > tolerance
    mixing = jnp.where(safe, coupling / jnp.where(safe, difference, 1.0), 0.0)
    return (values, vectors), (jnp.diagonal(coupling), vectors @ mixing)
