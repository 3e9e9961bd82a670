"""From any drift and noise to the stationary law, the Hamiltonian and the spectrum."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sympy as sp

from coulombgas._checks import InputError, check_count, check_positive

from ._fixed_points import FixedPoint, harmonic_levels, kramers_rate, solve_fixed_points
from ._model import read_model, resolve_parameters
from ._normalise import exp_with_powers, normalisation
from ._potential import field_potential, require_no_curl
from ._schrodinger import Ladder, SchrodingerOperator, hamiltonian, partner

if TYPE_CHECKING:
    from ._plane import PlaneSystem
    from ._rest_points import RestPoint
    from ._small_noise import SmallNoise
    from ._spectrum import Eigensystem

_FIRST_ELEMENTS = 32  # enough for most equations, so that one program is compiled
_TRACED_ELEMENTS = 64  # under a trace the number cannot follow the values
_MAX_ELEMENTS = 256


class FokkerPlanck:
    r"""The Fokker-Planck equation of dx = K dt + √2 g dW.

    .. math:: \partial_t p = \partial_x (\partial_x g^2 - K)\, p

    which for constant noise is ALP24 (arXiv:2407.16427), (34). The noise may depend on x; the equation above is its Itô
    form, and ``calculus="stratonovich"`` adds g g' to the drift first. No probability flows through the ends of the
    domain. That is one choice out of several at an end where g vanishes and that x still reaches, as zero in
    K = a − x, g = √x with 0 < a < 1: x is reflected there, and does not stay. This is the choice with a stationary law
    (gamma of index a); for a ≥ 1 the end is not reached and nothing is chosen, and for a ≤ 0 there is no such law.

    Several variables: lists for ``drift`` and ``variable``; ``noise`` is one amplitude for all, a list with one for
    each, or a matrix B with diffusion D = B Bᵀ. Numerical spectra exist for two variables too; partner and ladder
    operators for one only.

    Args:
        drift: K, as text (names, numbers, + − * / **, functions) or as SymPy expression.
        noise: g, as text or expression too. A bare name is a positive parameter.
        variable: name or symbol of x.
        domain: (low, high), with None or "oo" for an infinite end; all reals by default. A bare name is positive.
        calculus: "ito" or "stratonovich", for noise that depends on x.
        positive: names in the text that stand for positive parameters; the others are real.

    Raises:
        InputError: for text that cannot be read and parts that do not match.
    """

    def __init__(
        self,
        drift: Any,
        noise: Any,
        variable: Any = "x",
        domain: Any = None,
        *,
        calculus: str = "ito",
        positive: Sequence[str] = (),
    ) -> None:
        self._model = read_model(drift, noise, variable, domain, calculus=calculus, positive=positive)

    def __repr__(self) -> str:
        one = len(self.variables) == 1
        drift = str(self.drift) if one else str(list(self._model.drift))
        ends = ", ".join(f"{x} in ({low}, {high})" for x, (low, high) in zip(self.variables, self.domains, strict=True))
        return (
            f"FokkerPlanck(drift={drift}, diffusion={self._model.diffusion[0, 0] if one else self.diffusion}, {ends})"
        )

    # What was given

    @property
    def variables(self) -> tuple[Any, ...]:
        """The variables."""
        return self._model.variables

    @property
    def variable(self) -> Any:
        """The variable of a one-dimensional equation."""
        return self._one("variable").variables[0]

    @property
    def parameters(self) -> tuple[Any, ...]:
        """All other symbols, by name."""
        return self._model.parameters

    @property
    def drift(self) -> Any:
        """K in the Itô sense: an expression, or a column of them."""
        return self._model.drift[0] if len(self.variables) == 1 else self._model.drift

    @property
    def diffusion(self) -> Any:
        """D = g², or the matrix B Bᵀ."""
        return self._model.diffusion[0, 0] if len(self.variables) == 1 else self._model.diffusion

    @property
    def noise(self) -> Any:
        """g, or the matrix B."""
        return self._model.amplitude[0, 0] if len(self.variables) == 1 else self._model.amplitude

    @property
    def domains(self) -> tuple[tuple[Any, Any], ...]:
        """The two ends for each variable."""
        return self._model.domain

    @property
    def domain(self) -> tuple[Any, Any]:
        """The two ends of a one-dimensional equation."""
        return self._one("domain").domain[0]

    # The equation

    def current(self, density: Any) -> Any:
        r"""Probability current :math:`J_i = K_i p - \sum_j \partial_j (D_{ij} p)`: an expression, or a column."""
        x, k, d = self.variables, self._model.drift, self._model.diffusion
        rows = [
            k[i] * density - sum((sp.diff(d[i, j] * density, x[j]) for j in range(len(x))), sp.Integer(0))
            for i in range(len(x))
        ]
        return rows[0] if len(x) == 1 else sp.Matrix(rows)

    def operator(self, density: Any) -> Any:
        r"""The right-hand side :math:`-\nabla\cdot J` of the equation, ALP24 (34)."""
        flow = self.current(density)
        rows = [flow] if len(self.variables) == 1 else list(flow)
        return -sum((sp.diff(row, x) for row, x in zip(rows, self.variables, strict=True)), sp.Integer(0))

    def adjoint(self, observable: Any) -> Any:
        r"""Rate of change of ⟨f⟩, :math:`\sum_i K_i \partial_i f + \sum_{ij} D_{ij} \partial_i\partial_j f`."""
        x, k, d = self.variables, self._model.drift, self._model.diffusion
        first = sum((k[i] * sp.diff(observable, x[i]) for i in range(len(x))), sp.Integer(0))
        return first + sum(
            (d[i, j] * sp.diff(observable, x[i], x[j]) for i in range(len(x)) for j in range(len(x))), sp.Integer(0)
        )

    # The stationary law

    @cached_property
    def action_gradient(self) -> Any:
        r"""∇Φ of :math:`p_s = e^{-\Phi}`: :math:`D\nabla\Phi = \nabla\cdot D - K`, without an integral.

        Raises:
            InputError: if it has a curl; the message gives it.
        """
        x, d = self.variables, self._model.diffusion
        divergence = sp.Matrix([
            sum((sp.diff(d[i, j], x[j]) for j in range(len(x))), sp.Integer(0)) for i in range(len(x))
        ])  # fmt: skip
        gradient = d.inv() * (divergence - self._model.drift)
        if len(x) > 1:
            require_no_curl(-gradient, x)
        return gradient[0] if len(x) == 1 else sp.ImmutableDenseMatrix(gradient)

    @cached_property
    def potential(self) -> Any:
        r"""V with :math:`K_i = -\partial_i V`, zero at the reference point where finite; ALP24 (36).

        Raises:
            InputError: if the drift has a curl, or SymPy finds no closed form.
        """
        if len(self.variables) > 1:
            require_no_curl(self._model.drift, self.variables)
        found = field_potential(list(-self._model.drift), self.variables, self._references)
        if found is None:
            raise InputError(f"`drift` {self._model.drift[0]} has no antiderivative in closed form that SymPy finds.")
        return found

    @cached_property
    def action(self) -> Any:
        r"""Φ with :math:`p_s \propto e^{-\Phi}`: V/g² for constant noise.

        Raises:
            InputError: as for ``potential``.
        """
        if len(self.variables) == 1 and not self.diffusion.has(self.variable):
            return sp.expand(self.potential / self.diffusion)
        gradient = [self.action_gradient] if len(self.variables) == 1 else list(self.action_gradient)
        found = field_potential(gradient, self.variables, self._references)
        if found is None:
            raise InputError("the stationary law has no closed form that SymPy finds; `eigensystem` does not need one.")
        return found

    @cached_property
    def stationary(self) -> Any:
        """p_s up to its normalisation, ALP24 (37)-(38)."""
        return exp_with_powers(-self.action)

    @cached_property
    def normalisation(self) -> Any:
        """∫ p_s: in closed form for the families that SymPy integrates reliably, otherwise an unevaluated integral."""
        return normalisation(self.stationary, self.variables, self.domains)

    # The Schrödinger form

    @cached_property
    def hamiltonian(self) -> SchrodingerOperator:
        r"""H of ∂_t ψ = −H ψ with :math:`p = \sqrt{p_s}\,\psi`, ALP24 (39)-(43)."""
        slope = self.action_gradient
        column = sp.Matrix([slope]) if len(self.variables) == 1 else sp.Matrix(slope)
        return hamiltonian(self.variables, self._model.diffusion, column)

    @cached_property
    def partner(self) -> SchrodingerOperator:
        """The supersymmetric partner of H: its spectrum without E_0 = 0, for zero flux at the ends."""
        self._one("partner")
        return partner(self.variable, self.diffusion, self.noise, self.action_gradient)

    @property
    def ladder(self) -> Ladder:
        """L and L† with H = L† D L."""
        self._one("ladder")
        return Ladder(self.variable, self.action_gradient)

    # Small noise

    @cached_property
    def _solved(self) -> tuple[tuple[FixedPoint, ...], bool]:
        self._one("fixed_points")
        return solve_fixed_points(self.drift, self.variable, self.domain)

    @property
    def fixed_points(self) -> tuple[FixedPoint, ...]:
        """Zeros of the drift in closed form with the curvature of V; see ``fixed_points_complete``."""
        return self._solved[0]

    @cached_property
    def rest_points(self) -> "tuple[RestPoint, ...]":
        """The same for several variables: zeros with their rates, and the Gaussian law and current around them."""
        from ._rest_points import rest_points

        return rest_points(self)

    @property
    def fixed_points_complete(self) -> bool:
        """Whether ``fixed_points`` are all zeros; ``small_noise`` finds the others numerically."""
        return self._solved[1]

    def harmonic_levels(self, point: FixedPoint, num: int = 4) -> tuple[tuple[Any, Any], ...]:
        """(leading level, its first correction in the noise) for the lowest ``num`` states at a fixed point.

        The correction is of order g² at an interior point and of order g at a reflecting boundary; ALP24 (45)-(50).

        Raises:
            InputError: if the noise vanishes at the point or the sign of its curvature is not known.
        """
        return harmonic_levels(self, point, num)

    def kramers_rate(self, well: FixedPoint, barrier: FixedPoint) -> Any:
        r"""Rate of crossing from a minimum a over a maximum b, to leading order in the noise.

        .. math:: k = \frac{\sqrt{V''(a)\,|V''(b)|}}{2\pi} \sqrt{\frac{D(a)}{D(b)}}
            \exp\Big(\int_a^b \frac{K}{D}\, dx\Big)

        Twice that for a minimum on a reflecting end, where the law is half a Gaussian.
        """
        return kramers_rate(self, well, barrier)

    # Numbers

    def values(self, params: Mapping[Any, Any] | None = None, **more: Any) -> list[Any]:
        """Parameter values in the order of ``parameters``; ``g2=0.1`` sets g = √0.1 where the model has g but no g2."""
        return resolve_parameters(self.parameters, {**(params or {}), **more})

    def at(self, params: Mapping[Any, Any] | None = None, **more: Any) -> "FokkerPlanck":
        """The same equation with numbers for all parameters, exact where given exactly, so that all signs are
        decided."""
        exact = {key: _exact(value) for key, value in {**(params or {}), **more}.items()}
        replace = dict(zip(self.parameters, self.values(exact), strict=True))
        return FokkerPlanck(
            list(self._model.drift.subs(replace)),
            self._model.amplitude.subs(replace).tolist(),
            self.variables,
            [(low.subs(replace), high.subs(replace)) for low, high in self.domains],
        )

    def eigensystem(
        self, params: Mapping[Any, Any] | None = None, num: int = 6, *, num_elements: int | None = None, **more: Any
    ) -> "Eigensystem | PlaneSystem":
        """Energies, eigenfunctions and the stationary law for numbers, in float64.

        Two variables: energies, which are complex where the law carries a current, the stationary density and the
        current, on ``num_elements`` cells for each (96 unless given); neither traced nor differentiable.

        Spectral elements of degree 10 with exact detailed balance: E_0 vanishes to rounding. The mesh follows the
        states; ``num_elements`` is chosen from their WKB exponent unless given. Works under ``jit``, ``vmap`` and
        ``grad`` in the parameters (then with 64 elements unless given).

        Where the noise vanishes at an end, elements shrink geometrically. ``num_elements`` is at most 512.

        Raises:
            InputError: for missing parameters, a continuous spectrum, a law without normalisation, noise that vanishes
                inside the domain, or a coarse mesh.
        """
        import jax
        import jax.numpy as jnp

        from coulombgas._precision import x64

        from ._spectrum import check_elements

        num = check_count("num", num)
        size = None if num_elements is None else check_elements(num_elements)
        if len(self.variables) == 2:
            from ._plane import plane_system

            return plane_system(self.at(params, **more) if self.parameters else self, num, size)
        self._one("eigensystem")
        with x64():
            values = [jnp.asarray(value, dtype=jnp.float64) for value in self.values(params, **more)]
            if size is None and any(isinstance(value, jax.core.Tracer) for value in values):
                size = _TRACED_ELEMENTS
            if size is None:
                return self._numerics.resolve(values, num, _FIRST_ELEMENTS, _MAX_ELEMENTS)
            return self._numerics.solve(values, num, size)

    def spectrum(self, params: Mapping[Any, Any] | None = None, num: int = 6, **more: Any) -> Any:
        """The lowest ``num`` eigenvalues E_0 = 0, E_1, … of H, as a float64 array; see ``eigensystem``.

        ``fp.spectrum(kappa=4, mu2=9, g2=0.1, num=6)`` and ``fp.spectrum({"kappa": 4, …}, 6)`` are the same.
        """
        return self.eigensystem(params, num, **more).energies

    def small_noise(self, params: Mapping[Any, Any] | None = None, num: int = 6, **more: Any) -> "SmallNoise":
        """All fixed points with numbers, the levels localised at them as the noise vanishes, the gap and the Kramers
        rates.

        The gap is the least over all fixed points: n = 1 at a minimum (n = 2 on a reflecting boundary, where only even
        states exist), the rate r at a maximum; with several wells it is their exponentially small exchange rate.
        """
        from ._small_noise import small_noise

        self._one("small_noise")
        return small_noise(self.at(params, **more) if self.parameters else self, check_count("num", num))

    def sample_paths(
        self,
        params: Mapping[Any, Any] | None = None,
        *,
        key: Any,
        start: Any,
        time: float,
        num_steps: int,
        **more: Any,
    ) -> Any:
        """End points of independent paths of the Langevin equation (Euler-Maruyama, reflecting ends).

        Args:
            params: parameter values.
            key: JAX random key.
            start: starting points, one per path; (paths, variables) for several variables.
            time: how long each path runs.
            num_steps: steps of that time; the error in the law is of order time/num_steps.
        """
        import jax.numpy as jnp

        from coulombgas._precision import x64

        from ._spectrum import settle

        check_count("num_steps", num_steps)
        check_positive("time", time)
        with x64():
            values = [jnp.asarray(value, dtype=jnp.float64) for value in self.values(params, **more)]
            points = jnp.asarray(start, dtype=jnp.float64)
            return settle(self._sampler(key, points, jnp.asarray(time / num_steps), values, num_steps))

    @cached_property
    def _numerics(self) -> Any:
        from ._spectrum import Solver

        return Solver(self)

    @cached_property
    def _sampler(self) -> Any:
        from ._langevin import make_sampler

        return make_sampler(self._model)

    @property
    def _references(self) -> tuple[Any, ...]:
        """Reference points, where potentials are zero: a finite lower end, else a finite upper end, else the origin."""
        return tuple(
            low if low.is_finite else (high if high.is_finite else sp.Integer(0)) for low, high in self.domains
        )

    def _one(self, what: str) -> Any:
        if len(self.variables) != 1:
            raise InputError(f"`{what}` is for one variable, got {len(self.variables)}.")
        return self._model


def _exact(value: Any) -> Any:
    return sp.sympify(value, strict=True) if isinstance(value, sp.Basic | int) else sp.Rational(repr(float(value)))
