"""Spectrum, eigenfunctions and time evolution of a Fokker-Planck equation with numbers for its parameters."""

import functools
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
        return self._at(jnp.exp(self.log_stationary_nodes), x, tilted=True)

    @in_x64
    def eigenfunction(self, n: int, x: Any) -> Any:
        """ψ_n at x, with ∫ψ_n² = 1; the ground state is √p_s."""
        return self._at(self.vectors[:, n] / jnp.sqrt(self.weights), x, tilted=False)

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
        time = jnp.asarray(time, dtype=jnp.float64)
        root = jnp.exp(self.log_stationary_nodes / 2)
        if callable(initial):
            start = jnp.sqrt(self.weights) * initial(self.nodes) / root
        else:
            start = self._point(jnp.asarray(initial, dtype=jnp.float64)) / (jnp.sqrt(self.weights) * root)
        _check_evolution(self, start, root, time)
        decays = jnp.exp(-self.all_energies * time[..., None])
        states = (decays * (self.vectors.T @ start)) @ self.vectors.T
        return settle(Density(self.elements, states * root / jnp.sqrt(self.weights)))

    def _point(self, x: Any) -> Any:
        """Nodal basis functions at x: the load vector of a unit mass there."""
        return interpolate(self.elements, DEGREE, jnp.eye(len(self.nodes)), x[None], tilted=False)[:, 0]

    def _at(self, values: Any, x: Any, *, tilted: bool) -> Any:
        points = jnp.asarray(x, dtype=values.dtype)
        share = 1.0 if tilted else 0.5
        found = interpolate(self.elements, DEGREE, values, points.ravel(), tilted=tilted, share=share)
        return settle(found.reshape(points.shape))


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
        return settle(jnp.asarray(self.values) @ (self.elements.weights * function(self.nodes)))

    @in_x64
    def __call__(self, x: Any) -> Any:
        """p at x; zero outside the mesh."""
        points = jnp.asarray(x, dtype=self.values.dtype)
        found = interpolate(self.elements, DEGREE, self.values, points.ravel(), tilted=True, share=1.0)
        return settle(found.reshape(*self.values.shape[:-1], *points.shape))

    @in_x64
    def cdf(self, x: Any) -> Any:
        """Probability below x."""
        ref = reference(DEGREE)
        half = jnp.diff(self.elements.edges) / 2
        columns = DEGREE * jnp.arange(len(half))[:, None] + jnp.arange(DEGREE + 1)
        pieces = half[:, None] * (self.values[..., columns] @ ref.from_nodes.T)
        before = jnp.cumsum(pieces[..., -1], axis=-1) - pieces[..., -1]
        shape = self.values.shape
        first, final = (
            self.elements.margins[k] * self.values[..., [k]] / (1 - self.elements.powers[k]) for k in (0, -1)
        )
        nodal = jnp.zeros(shape).at[..., columns].set(first[..., None] + before[..., None] + pieces)
        points = jnp.asarray(x, dtype=self.values.dtype)
        inside = jnp.clip(points.ravel(), self.elements.edges[0], self.elements.edges[-1])
        found = interpolate(self.elements, DEGREE, nodal, inside, tilted=False)
        low, high = tails(self.elements, points.ravel())
        found = jnp.where(low < 1, first * low ** (1 - self.elements.powers[0]), found)
        found += final * (1 - high ** (1 - self.elements.powers[1]))
        return settle(found.reshape(*shape[:-1], *points.shape))


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
    if bool(jnp.any(~(time >= 0))):
        raise InputError("`time` must not be negative.")
    mass = float(jnp.sum(start * jnp.sqrt(system.weights) * root))
    if not abs(mass - 1) < 1e-3:
        raise InputError(
            f"`initial` must be a density of integral 1 on the domain (here {mass:.6g}) and wide enough for the mesh, "
            "or a point inside it."
        )
    lost = float(jnp.finfo(jnp.float64).eps * jnp.linalg.norm(start) * jnp.max(root))
    if not lost < _MAX_LOST_DIGITS:
        raise InputError(
            "`initial` is so improbable in the stationary state that the eigenfunction expansion is off "
            f"by {lost:.0e}: start nearer, or sample paths."
        )
