r"""Numerical spectrum and stationary law with its current in two variables, by exponentially fitted finite volumes.

The flux through a face between two cells is that of the one-dimensional stationary problem with constant drift and
noise (Scharfetter and Gummel): no probability is lost, no density is negative, and the error is second order in the
cell size. Two meshes give the extrapolated limit and its error.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sparse
from scipy.optimize import linear_sum_assignment
from scipy.sparse.linalg import eigs, splu

from coulombgas._checks import InputError
from coulombgas._precision import x64

from ._to_jax import to_jax

_CELLS = 96  # for each variable, unless given
_COARSE = 2 / 3  # cells of the second mesh over those of the first
_ZOOM_CELLS = 48  # while the box is sought, where only the support counts
_LARGEST_BOX = 2.0**24  # a drift that does not point inwards by then does not confine
_ZOOMS = 60  # at most: the loop ends when no side shrinks by more than a tenth
# A rotation ω times as fast as the decay leaves the share (1 + 1/ω)/2 of an edge inward, below 0.6 from ω = 5 on; by
# then the mesh does not hold the law either (from ω = 2.5 on it asks for more cells than 96).
_INWARD = 0.6
_ALONG_EDGE = 41  # points, the middle of the edge among them
_EDGE = 1e-12  # of the mass, per cell: less does not count as the law's support
_MAX_ERROR = 0.05  # of an energy between the two meshes
_REAL = 1e-6  # imaginary parts below this fraction of the energy are rounding errors


class PlaneSystem(NamedTuple):
    r"""Spectrum and stationary law of an equation in two variables.

    ``energies`` E_0 = 0, E_1, … are the rates of decay, complex where the law carries a current; ``error`` is the
    change of an energy by the extrapolation from two meshes. ``density`` has the shape (x, y) of the cells at ``x`` and
    ``y``, ``current`` (2, x, y) is :math:`J_i=K_ip-\partial_i(D_{ii}p)` there.
    """

    energies: Any
    error: Any
    x: Any
    y: Any
    density: Any
    current: Any

    def moment(self, function: Callable[[Any, Any], Any]) -> float:
        """Average of a function of both variables over the stationary law."""
        cell = (self.x[1] - self.x[0]) * (self.y[1] - self.y[0])
        return float((function(self.x[:, None], self.y[None, :]) * self.density).sum() * cell)


class _Mesh(NamedTuple):
    edges: tuple[Any, Any]
    generator: Any
    flux: Callable[[Any], Any]

    @property
    def centres(self) -> tuple[Any, Any]:
        return tuple((e[1:] + e[:-1]) / 2 for e in self.edges)  # pyright: ignore[reportReturnType]


def plane_system(equation: Any, num: int, num_cells: int | None = None) -> PlaneSystem:
    """The lowest ``num`` energies and the stationary law of an equation without free parameters.

    Raises:
        InputError: for noise that is correlated or vanishes, a drift that does not confine, or too coarse a mesh.
    """
    drift, diffusion = _functions(equation)
    box = _find_box(equation, drift, diffusion)
    cells = _CELLS if num_cells is None else num_cells
    fine, coarse = (_mesh(drift, diffusion, box, n) for n in (cells, max(8, round(_COARSE * cells))))
    energies = _energies(fine, num)
    rough = _energies(coarse, num)
    _, partner = linear_sum_assignment(np.abs(energies[:, None] - rough[None, :]))
    nearest = rough[partner]
    gained = (energies - nearest) / ((len(fine.edges[0]) - 1) ** 2 / (len(coarse.edges[0]) - 1) ** 2 - 1)
    found = energies + gained
    found[0] = 0.0
    error = np.abs(energies - nearest) / np.maximum(np.abs(energies), 1e-300)
    if not (error[1:] < _MAX_ERROR).all():
        raise InputError(f"the mesh is too coarse: give `num_elements` above {cells}, or ask for fewer states.")
    if (np.abs(found.imag) <= _REAL * np.abs(found) + 1e-12).all():
        found = found.real
    density = _stationary(fine)
    return PlaneSystem(found, np.abs(gained), *fine.centres, density, fine.flux(density))


def _functions(equation: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """(x, y) → K minus the slope of the noise, and (x, y) → (D_xx, D_yy), both of shape (2, …)."""
    import sympy as sp

    matrix, x = equation.diffusion, equation.variables
    if matrix[0, 1] != 0:
        raise InputError("`noise` must be independent for the two variables: rotate them to the axes of B Bᵀ first.")
    flow = [equation.drift[i] - sp.diff(matrix[i, i], x[i]) for i in range(2)]
    compiled = [to_jax(part, x) for part in (*flow, matrix[0, 0], matrix[1, 1])]

    def evaluate(parts: Any, one: Any, two: Any) -> Any:
        with x64():
            shape = np.broadcast_shapes(np.shape(one), np.shape(two))
            return np.stack([np.broadcast_to(np.asarray(f(one, two), dtype=float), shape) for f in parts])

    return (lambda *at: evaluate(compiled[:2], *at)), (lambda *at: evaluate(compiled[2:], *at))


def _find_box(equation: Any, drift: Any, diffusion: Any) -> list[tuple[float, float]]:
    """Finite ends as they are; elsewhere a box at whose edges the drift points inwards, shrunk to the law's support."""
    ends = [[None if end.is_finite is False else float(end) for end in pair] for pair in equation.domains]
    size = 1.0
    while not (_confines(drift, box := _sized(ends, size), ends) and _holds(drift, diffusion, box, ends)):
        size *= 2
        if size > _LARGEST_BOX:
            raise InputError(
                "the drift does not confine the variables, so that the spectrum is continuous, or rotates them about "
                "five times as fast as it draws them in, or faster, which no mesh here resolves."
            )
    for _ in range(_ZOOMS):
        mesh = _mesh(drift, diffusion, box, _ZOOM_CELLS)
        mass = _stationary(mesh)
        smaller = []
        for axis, (low, high) in enumerate(box):
            inside = np.flatnonzero(mass.sum(1 - axis) > _EDGE * mass.sum())
            step = (high - low) / _ZOOM_CELLS
            new = (max(low, low + (inside[0] - 1) * step), min(high, low + (inside[-1] + 2) * step))
            smaller.append(tuple(new if end is None else end for new, end in zip(new, ends[axis], strict=True)))
        shrunk = min((b - a) / (d - c) for (a, b), (c, d) in zip(smaller, box, strict=True))
        box = smaller
        if shrunk > 0.9:
            break
    return box


def _sized(ends: Any, size: float) -> list[tuple[float, float]]:
    box = []
    for low, high in ends:
        wall = low if low is not None else (high if high is not None else 0.0)
        box.append((wall - size if low is None else low, wall + size if high is None else high))
    return box


def _confines(drift: Any, box: Any, ends: Any) -> bool:
    """Whether the drift points inwards on every edge without a wall, on average and in most places."""
    for axis, (low, high) in enumerate(box):
        along = np.linspace(*box[1 - axis], _ALONG_EDGE)
        for end, place, sign in ((ends[axis][0], low, 1), (ends[axis][1], high, -1)):
            if end is None:
                at = (np.full_like(along, place), along) if axis == 0 else (along, np.full_like(along, place))
                inward = sign * drift(*at)[axis]
                if not (np.isfinite(inward).all() and inward.mean() > 0 and (inward > 0).mean() > _INWARD):
                    return False
    return True


def _holds(drift: Any, diffusion: Any, box: Any, ends: Any) -> bool:
    """Whether the law is negligible in the outermost cells of every edge without a wall."""
    mass = _stationary(_mesh(drift, diffusion, box, _ZOOM_CELLS))
    for axis in range(2):
        along = mass.sum(1 - axis) / mass.sum()
        if any(end is None and along[place] > _EDGE for end, place in zip(ends[axis], (0, -1), strict=True)):
            return False
    return True


def _bernoulli(u: Any) -> Any:
    """Bernoulli function u/(e^u - 1), which goes from -u far below zero to zero far above."""
    small = np.abs(u) < 1e-8
    safe = np.where(small, 1.0, np.clip(u, -700, 700))
    return np.where(small, 1 - u / 2, np.where(u < -700, -u, safe / np.expm1(safe)))


def _mesh(drift: Any, diffusion: Any, box: Any, cells: int) -> _Mesh:
    """The generator on cells by Scharfetter and Gummel's exponential fluxes, exact for constant drift."""
    edges = tuple(np.linspace(low, high, cells + 1) for low, high in box)
    centres = [(e[1:] + e[:-1]) / 2 for e in edges]
    steps = [e[1] - e[0] for e in edges]
    index = np.arange(cells**2).reshape(cells, cells)
    sides, ups, downs = [], [], []
    for axis in range(2):
        at = [c[1:-1] if k == axis else centres[k] for k, c in enumerate(edges)]
        here = np.meshgrid(*at, indexing="ij")
        v, d = drift(*here)[axis], diffusion(*here)[axis]
        if not (np.isfinite(v).all() and np.isfinite(d).all() and (d > 0).all()):
            raise InputError("the drift and the noise must be finite inside the domain, and the noise positive.")
        peclet = v * steps[axis] / d
        ups.append(d / steps[axis] * _bernoulli(-peclet))  # J = up p_before - down p_behind
        downs.append(d / steps[axis] * _bernoulli(peclet))
        before, behind = (np.take(index, np.arange(cells - 1) + shift, axis=axis) for shift in (0, 1))
        sides.append((before, behind))
    rows, columns, values = [], [], []
    for axis, (before, behind) in enumerate(sides):
        for source, target, rate in ((before, behind, ups[axis]), (behind, before, downs[axis])):
            rate = rate / steps[axis]
            rows += [target.ravel(), source.ravel()]
            columns += [source.ravel(), source.ravel()]
            values += [rate.ravel(), -rate.ravel()]
    parts = (np.concatenate(part) for part in (values, rows, columns))
    data, row, column = parts
    generator = sparse.csc_matrix((data, (row, column)), shape=(cells**2,) * 2)

    def flux(density: Any) -> Any:
        found = []
        for axis in range(2):
            before, behind = (np.take(density, np.arange(cells - 1) + shift, axis=axis) for shift in (0, 1))
            faces = ups[axis] * before - downs[axis] * behind
            padded = np.pad(faces, [(1, 1) if k == axis else (0, 0) for k in range(2)])
            found.append(
                (np.take(padded, np.arange(cells), axis=axis) + np.take(padded, np.arange(1, cells + 1), axis=axis)) / 2
            )
        return np.stack(found)

    return _Mesh(edges, generator, flux)


def _stationary(mesh: _Mesh) -> Any:
    """The stationary density, by inverse iteration; the inverse of an M-matrix keeps it positive."""
    matrix = mesh.generator
    cells = len(mesh.edges[0]) - 1
    scale = np.abs(matrix.diagonal()).max()
    solve = splu(matrix - 1e-13 * scale * sparse.identity(matrix.shape[0], format="csc")).solve
    density = np.ones(matrix.shape[0])
    for _ in range(4):  # the shift is far below E_1, so that each step removes nearly all that decays
        density = np.abs(solve(density))
        density /= density.sum()
    area = np.prod([e[1] - e[0] for e in mesh.edges])
    return density.reshape(cells, cells) / area


def _energies(mesh: _Mesh, num: int) -> Any:
    matrix = mesh.generator
    shift = 1e-9 * np.abs(matrix.diagonal()).max()
    start = np.random.default_rng(0).normal(size=matrix.shape[0])
    found = -eigs(matrix, min(num + 3, matrix.shape[0] - 2), sigma=shift, v0=start, return_eigenvectors=False)
    order = np.lexsort((found.imag, np.round(found.real / (np.abs(found).max() + 1e-300), 9)))
    return found[order][:num].astype(complex)
