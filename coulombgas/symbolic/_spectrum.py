"""Spectrum, eigenfunctions and time evolution of a Fokker-Planck equation with numbers for its parameters."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from coulombgas._checks import InputError, check_count, fail
from coulombgas._precision import in_x64

from ._elements import HIGHEST_POWER, Elements, Local, assemble, eigensystem, interpolate, localise, reference, tails
from ._mesh import Grids, Samples, Survey, Verdict, make_grids, place, sample, survey
from ._to_jax import to_jax
from ._zeros import make_zeros

DEGREE = 10
_MAX_EXPONENT = 4.0  # WKB exponent that one element of degree 10 resolves to ten digits
LARGEST = 512  # elements: about a gigabyte of matrices
_MAX_LOST_MASS = 1e-6  # stationary probability outside the mesh
_MAX_LOST_DIGITS = 1e-7  # rounding error of the eigenfunction expansion


class Diagnostics(NamedTuple):
    """What must be small for the numbers to be trusted."""

    exponent_per_element: Any
    lost_mass: Any
    open_end: Any
    undefined: Any
    split: Any


class Eigensystem(eqx.Module):
    r"""Eigenvalues and eigenfunctions of H on a mesh, ALP24 (arXiv:2407.16427), (41), (44).

    ``energies`` are the requested ones, ascending; ``nodes`` the mesh points; the expansion uses all states of the
    mesh.
    """

    energies: Any
    elements: Elements
    all_energies: Any
    vectors: Any
    log_stationary_nodes: Any
    diagnostics: Diagnostics

    @property
    def nodes(self) -> Any:
        """The mesh points, ascending."""
        return self.elements.nodes

    @property
    def weights(self) -> Any:
        """Quadrature weights at the nodes."""
        return self.elements.weights

    @in_x64
    def stationary(self, x: Any) -> Any:
        """p_s at x, normalised; zero outside the mesh, but for a power of the distance near an end without noise."""
        law = _module(self.log_stationary_nodes).exp(self.log_stationary_nodes)
        return _at_points(self.elements, law, x, tilted=True, share=1.0)

    @in_x64
    def eigenfunction(self, n: int, x: Any) -> Any:
        """ψ_n at x, with ∫ψ_n² = 1; the ground state is √p_s."""
        wave = self.vectors[:, n] / _module(self.weights).sqrt(self.weights)
        return _at_points(self.elements, wave, x, tilted=False, share=0.5)

    @in_x64
    def evolve(self, initial: Any, time: Any) -> "Density":
        r"""The density at one time or several, :math:`p = \sum_n c_n e^{-E_n t} \psi_n \sqrt{p_s}`, ALP24 (44).

        Args:
            initial: the starting point, or a function that gives the initial density (integral 1) at an array of x.
            time: time or times, not negative.

        Raises:
            InputError: for a start outside the domain, an initial density whose integral is not 1, a negative time, or
                a start
                so improbable in the stationary state that the expansion loses its digits.
        """
        time, np_or_jnp = _floats(time), _module(self.weights)
        root, sizes = np_or_jnp.exp(self.log_stationary_nodes / 2), np_or_jnp.sqrt(self.weights)
        if callable(initial):
            start = sizes * initial(self.nodes) / root
        else:
            start = settle(_nodal_basis(self.elements, _floats(initial))) / (sizes * root)
        _check_evolution(self, start, root, time)
        values = _evolved(self.all_energies, self.vectors, start, time, root / sizes)
        return settle(Density(self.elements, values))


class Density(eqx.Module):
    """A density on a mesh, at one time or several (leading axes)."""

    elements: Elements
    values: Any

    @property
    def nodes(self) -> Any:
        """The mesh points."""
        return self.elements.nodes

    @property
    def mass(self) -> Any:
        """∫p dx."""
        return self.values @ self.elements.weights

    @in_x64
    def moment(self, function: Callable[[Any], Any]) -> Any:
        """Mean of a function of x."""
        return settle(self.values @ (self.elements.weights * function(self.nodes)))

    @in_x64
    def __call__(self, x: Any) -> Any:
        """p at x; zero outside the mesh."""
        return _at_points(self.elements, self.values, x, tilted=True, share=1.0)

    @in_x64
    def cdf(self, x: Any) -> Any:
        """Probability below x."""
        points, shape = _in_few_sizes(x)
        return _reshaped(_below(self.elements, self.values, points), shape)


@jax.jit
def _nodal_basis(elements: Elements, x: Any) -> Any:
    """Nodal basis functions at x: the load vector of a unit mass there."""
    return interpolate(elements, DEGREE, jnp.eye(len(elements.nodes)), x[None], tilted=False)[:, 0]


@jax.jit
def _evolved(energies: Any, vectors: Any, start: Any, time: Any, scale: Any) -> Any:
    """Nodal densities at each time, from the load vector of the start in the basis normalised by √p_s."""
    decays = jnp.exp(-energies * time[..., None])
    return (decays * (vectors.T @ start)) @ vectors.T * scale


@jax.jit
def _below(elements: Elements, values: Any, points: Any) -> Any:
    """Integral up to each point of nodal densities (last axis)."""
    ref = reference(DEGREE)
    half = jnp.diff(elements.edges) / 2
    columns = DEGREE * np.arange(len(half))[:, None] + np.arange(DEGREE + 1)
    pieces = half[:, None] * (values[..., columns] @ ref.from_nodes.T)
    before = jnp.cumsum(pieces[..., -1], axis=-1) - pieces[..., -1]
    first, final = (elements.margins[k] * values[..., [k]] / (1 - elements.powers[k]) for k in (0, -1))
    nodal = jnp.zeros(values.shape).at[..., columns].set(first[..., None] + before[..., None] + pieces)
    inside = jnp.clip(points, elements.edges[0], elements.edges[-1])
    found = interpolate(elements, DEGREE, nodal, inside, tilted=False)
    low, high = tails(elements, points)
    found = jnp.where(low < 1, first * low ** (1 - elements.powers[0]), found)
    return found + final * (1 - high ** (1 - elements.powers[1]))


def _at_points(elements: Elements, values: Any, x: Any, *, tilted: bool, share: float) -> Any:
    points, shape = _in_few_sizes(x)
    return _reshaped(interpolate(elements, DEGREE, values, points, tilted=tilted, share=share), shape)


def _in_few_sizes(x: Any) -> tuple[Any, tuple[int, ...]]:
    """Flattened points and their shape; concrete ones are repeated to a power of two, so that programs are shared."""
    points = _floats(x)
    flat = points.ravel()
    if isinstance(points, np.ndarray) and points.size:
        flat = np.resize(flat, max(16, 1 << (points.size - 1).bit_length()))
    return flat, points.shape


def _reshaped(found: Any, shape: tuple[int, ...]) -> Any:
    """Values at the points, without repeated ones."""
    found = settle(found)
    return found[..., : math.prod(shape)].reshape((*found.shape[:-1], *shape))


def _floats(x: Any) -> Any:
    """As float64: a NumPy array unless traced."""
    return jnp.asarray(x, jnp.float64) if isinstance(x, jax.core.Tracer) else np.asarray(x, np.float64)


def _module(array: Any) -> Any:
    return jnp if isinstance(array, jax.core.Tracer) else np


def settle(tree: Any) -> Any:
    """Concrete arrays as NumPy arrays, which keep float64 outside the context too; traced ones unchanged."""
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree)):
        return tree
    return jax.tree.map(np.asarray, tree)


def check_elements(value: Any) -> int:
    """Elements of a line, or cells for each of two variables: the work grows as the cube or faster, so at most 512.

    Raises:
        InputError: for less than 2 or more than 512.
    """
    size = check_count("num_elements", value, 2)
    if size > LARGEST:
        fail("num_elements", f"must be at most {LARGEST}, beyond which the work takes minutes", size)
    return size


class Solver:
    """Compiled functions of the parameter values for one equation: the inputs of its mesh and of its elements.

    What does not depend on the equation is compiled once for all of them.
    """

    def __init__(self, equation: Any) -> None:
        args = (equation.variable, *equation.parameters)
        self._slope = to_jax(equation.action_gradient, args)
        self._diffusion = to_jax(equation.diffusion, args)
        self._potential = to_jax(equation.hamiltonian.potential, args)
        self._ends = [None if end.is_finite is False else to_jax(end, equation.parameters) for end in equation.domain]
        self._zeros = make_zeros(equation.drift, equation.variable, equation.parameters)
        self._still = make_zeros(equation.diffusion, equation.variable, equation.parameters)
        self._grids = make_grids()
        self._sampled = jax.jit(self._sample)
        self._localised = jax.jit(self._localise, static_argnames="num_elements")

    def resolve(self, values: list[Any], num: int, smallest: int, largest: int) -> Eigensystem:
        """The eigensystem on a power of two times ``smallest`` elements that resolve ``num`` states.

        Raises:
            InputError: if the states are not confined, the equation is not real where they reach, or they need more
                than ``largest`` elements.
        """
        samples = self._sampled(self._grids, values)
        told = survey(samples, num)
        for bad, message in _refusals(told.verdict):
            if bool(bad):
                raise InputError(message + ".")
        needed, size = _needed(told.verdict), smallest
        if not needed <= largest:
            raise InputError(_coarse(largest, needed) + ".")
        while size < needed:
            size *= 2
        return self._states(samples, told, values, num, size)

    def solve(self, values: list[Any], num: int, size: int) -> Eigensystem:
        """The eigensystem on ``size`` elements.

        The work grows with the third power of ``size``: no mesh that is too coarse anyway is solved.

        Raises:
            InputError: as ``check_diagnostics``.
        """
        samples = self._sampled(self._grids, values)
        told = survey(samples, num)
        verdict = told.verdict
        if not isinstance(verdict.exponent, jax.core.Tracer):
            needed = _needed(verdict)
            if not needed <= size and not any(bool(bad) for bad, _ in _refusals(verdict)):
                raise InputError(_coarse(size, needed) + ".")
        return self._states(samples, told, values, num, size)

    def _sample(self, grids: Grids, values: list[Any]) -> Samples:
        """The equation at the points from which its mesh is found."""
        low, high = (None if end is None else jnp.asarray(end(*values), dtype=jnp.float64) for end in self._ends)
        fixed = jax.lax.stop_gradient(values)
        centers, zeros = self._zeros(fixed, low, high), self._still(fixed, low, high)
        potential, diffusion = (functools.partial(_apply, f, fixed) for f in (self._potential, self._diffusion))
        return sample(potential, diffusion, low, high, centers, zeros, grids)

    def _localise(self, told: Survey, ends: tuple[Any, Any], values: list[Any], *, num_elements: int) -> Local:
        """The equation on its elements."""
        low, high = ends
        edges = place(told, low, high, num_elements)
        margins = (0.0 if low is None else edges[0] - low, 0.0 if high is None else high - edges[-1])
        slope, diffusion = (functools.partial(_apply, f, values) for f in (self._slope, self._diffusion))
        return localise(edges, DEGREE, slope, diffusion, margins)

    def _states(self, samples: Samples, told: Survey, values: list[Any], num: int, size: int) -> Eigensystem:
        """Energies and states on one mesh, if they can be trusted."""
        local = self._localised(told, (samples.low, samples.high), values, num_elements=size)
        infinite = np.array([samples.low is None, samples.high is None])
        found = settle(_solve(local, told.verdict, infinite))
        return check_diagnostics(eqx.tree_at(lambda system: system.energies, found, found.all_energies[:num]), size)


def _apply(function: Callable[..., Any], values: list[Any], x: Any) -> Any:
    return function(x, *values)


@jax.jit
def _solve(local: Local, told: Verdict, infinite: Any) -> Eigensystem:
    """All energies and states of the elements, with what is needed to judge them; one program for all equations."""
    elements = assemble(local, DEGREE)
    finite = jnp.all(jnp.isfinite(elements.factor))
    energies, vectors = eigensystem(jnp.where(finite, elements.factor, 0.0))
    energies = jnp.where(finite, energies, jnp.nan)
    log_mass = jax.scipy.special.logsumexp(-elements.action + jnp.log(elements.weights))
    log_stationary = -elements.action - log_mass
    diagnostics = _diagnose(told, elements, log_stationary, local.ends, infinite)
    return Eigensystem(energies, elements, energies, vectors, log_stationary, diagnostics)


def _diagnose(told: Verdict, elements: Elements, log_stationary: Any, slopes: Any, infinite: Any) -> Diagnostics:
    """What must be small; ``slopes`` are those of the action at the outer edges, ``infinite`` tells infinite ends."""
    span = elements.nodes[-1] - elements.nodes[0]
    margins = jnp.where(infinite, span, elements.margins)
    tilts = jnp.where(margins > 0, margins * np.array([1.0, -1.0]) * slopes, 0.0)
    unbounded = tilts >= jnp.where(infinite, 0.0, HIGHEST_POWER)
    lost = jnp.sum(jnp.where(unbounded, jnp.exp(log_stationary[np.array([0, -1])]) * margins, 0.0))
    return Diagnostics(told.exponent / (len(elements.edges) - 1), lost, told.open_end, told.undefined, told.split)


_OPEN = (
    "the drift does not confine the variable, or the noise does not bring it back from an end: the spectrum is "
    "continuous, or the states are wider than 1e9"
)
_SPLIT = "the noise vanishes inside the domain and cuts it in two: give a `domain` on one side"
_UNDEFINED = "the drift or the noise is not a real number everywhere that the states reach: give a `domain` where it is"
_LEAKY = (
    "the stationary law cannot be normalised: the drift pushes the variable out of the domain, or does not bring it "
    "back from an end where the noise vanishes"
)


def _needed(told: Verdict) -> float:
    """How many elements resolve the states."""
    return float(np.floor(np.asarray(told.exponent) / _MAX_EXPONENT) + 1)


def _coarse(num_elements: int, needed: float = 0.0) -> str:
    """Without ``needed`` under a trace, where a message is fixed before the values are known."""
    if needed <= num_elements:
        return f"the mesh is too coarse: give `num_elements` above {num_elements}, or ask for fewer states"
    if needed <= LARGEST:
        return f"the mesh is too coarse: give `num_elements` of at least {needed:.0f}, or ask for fewer states"
    return f"the mesh is too coarse: the states take more than {LARGEST} elements; ask for fewer, or see `small_noise`"


def _refusals(told: Verdict | Diagnostics) -> tuple[tuple[Any, str], ...]:
    """What no number of elements mends."""
    return (told.undefined, _UNDEFINED), (told.split, _SPLIT), (told.open_end, _OPEN)


def check_diagnostics(found: Eigensystem, num_elements: int) -> Eigensystem:
    """The result, if its numbers can be trusted; under a trace the checks run once the values are known.

    Raises:
        InputError: if the equation has no stationary law, a continuous spectrum, or needs more elements.
    """
    told = found.diagnostics
    traced = isinstance(found.energies, jax.core.Tracer)
    finite = (jnp if traced else np).isfinite(found.all_energies).all()
    needed = 0.0 if traced else np.floor(told.exponent_per_element * num_elements / _MAX_EXPONENT) + 1
    tests = (
        *_refusals(told),
        (~finite, "the drift or the noise is not finite inside the domain"),
        (~(told.lost_mass < _MAX_LOST_MASS), _LEAKY),
        (~(told.exponent_per_element < _MAX_EXPONENT), _coarse(num_elements, needed)),
    )
    if traced:
        energies = found.energies
        for bad, message in tests:
            energies = eqx.error_if(energies, bad, message)
        return eqx.tree_at(lambda system: system.energies, found, energies)
    for bad, message in tests:
        if bool(bad):
            raise InputError(message + ".")
    return found


def _check_evolution(system: Eigensystem, start: Any, root: Any, time: Any) -> None:
    """Raise for a start that is no density, or so improbable that its expansion loses its digits."""
    if any(isinstance(item, jax.core.Tracer) for item in (system.energies, start, time)):
        return
    if not np.all(time >= 0):
        raise InputError("`time` must not be negative.")
    mass = float(np.sum(start * np.sqrt(system.weights) * root))
    if not abs(mass - 1) < 1e-3:
        raise InputError(
            f"`initial` must be a density of integral 1 on the domain (here {mass:.6g}) and wide enough for the mesh, "
            "or a point inside it."
        )
    lost = float(np.finfo(np.float64).eps * np.linalg.norm(start) * np.max(root))
    if not lost < _MAX_LOST_DIGITS:
        raise InputError(
            "`initial` is so improbable in the stationary state that the eigenfunction expansion is off "
            f"by {lost:.0e}: start nearer, or sample paths."
        )
