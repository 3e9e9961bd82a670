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


class Local(NamedTuple):
    """What the elements need to know of an equation: Φ' at the Gauss points, D at the nodes, Φ' at the outer edges."""

    edges: Float[Array, " E"]
    slope: Float[Array, "e q"]
    diffusion: Float[Array, "e k"]
    ends: Float[Array, "2"]
    """Beside the edge where there is no margin: at a regular end Φ' may be 0/0."""
    margins: Float[Array, "2"]


def localise(edges: Float[Array, " E"], degree: int, slope: Any, diffusion: Any, margins: tuple[Any, Any]) -> Local:
    """Φ' = ``slope`` and D = ``diffusion``, both functions of arrays, where the elements need them."""
    ref = reference(degree)
    margin = jnp.stack([jnp.asarray(item, dtype=edges.dtype) for item in margins])
    outer = edges[jnp.array([0, -1])]
    outer += jnp.where(margin == 0, 1e-100 + 1e-15 * jnp.abs(outer), 0.0)
    gauss = local_nodes(edges, ref.gauss)
    slopes = slope(jnp.concatenate([gauss.ravel(), outer]))
    return Local(edges, slopes[:-2].reshape(gauss.shape), diffusion(local_nodes(edges, ref.nodes)), slopes[-2:], margin)


def assemble(local: Local, degree: int) -> Elements:
    """The mesh and the factor B of the Hamiltonian.

    The margins are the distances from the outermost edges to the ends of the domain, where p_s is a power of the
    distance: its mass there, δ/(1 ∓ δΦ') in units of p_s at the edge, goes to the outermost nodes.
    """
    ref, edges, margins = reference(degree), local.edges, local.margins
    half = jnp.diff(edges) / 2
    inner = local_nodes(edges, ref.nodes)
    rise = half[:, None] * (local.slope @ ref.from_gauss.T)
    start = jnp.concatenate([jnp.zeros(1), jnp.cumsum(rise[:, -1])[:-1]])
    columns = degree * np.arange(len(edges) - 1)[:, None] + np.arange(degree + 1)
    size = int(columns[-1, -1]) + 1
    weights = jnp.zeros(size).at[columns].add(half[:, None] * ref.weights)
    powers = _powers(local)
    weights = weights.at[np.array([0, -1])].add(margins / (1 - powers))
    tilt = jnp.exp((rise[:, None, :] - rise[:, :, None]) / 2)  # [element, quadrature point, node]
    strength = jnp.sqrt(ref.weights * jnp.maximum(local.diffusion, 0) / half[:, None])
    blocks = strength[:, :, None] * ref.derivative * tilt / jnp.sqrt(weights[columns])[:, None, :]
    rows = (degree + 1) * np.arange(len(edges) - 1)[:, None] + np.arange(degree + 1)
    factor = jnp.zeros((rows.size, size)).at[rows[:, :, None], columns[:, None, :]].set(blocks)
    action = jnp.zeros(size).at[columns].set(start[:, None] + rise)
    nodes = jnp.zeros(size).at[columns].set(inner)
    return Elements(edges, nodes, weights, action, factor, margins, powers)


def _powers(local: Local) -> Any:
    """δΦ' at the outer edges: p_s is the distance to minus this power up to the end; zero without a margin.

    Nothing is left of p_s in a margin where its mass is not finite; the diagnostics report it.
    """
    powers = jnp.where(local.margins == 0, 0.0, local.margins * np.array([1.0, -1.0]) * local.ends)
    powers = jnp.where(jnp.isfinite(powers), powers, 0.0)
    return jnp.where(powers < HIGHEST_POWER, powers, -1e300)


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


@functools.partial(jax.jit, static_argnames=("degree", "tilted", "share"))
def interpolate(
    elements: Elements, degree: int, values: Any, x: Any, *, tilted: bool, share: float = 0.0
) -> Float[Array, "*batch n"]:
    """Nodal values (last axis) at points x; ``tilted`` ones carry a factor e^{−Φ}, which is interpolated separately.

    In the margins the values are those of the edge times p_s relative to there, to the power ``share``.
    """
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
