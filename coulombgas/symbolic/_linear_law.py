r"""The linear law of learning around a fixed point: covariances, widths of levels, mean shifts, current, momentum."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import product
from operator import mul
from typing import Any, NamedTuple

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from coulombgas._checks import InputError, fail

from ._model import resolve_parameters
from ._to_jax import to_jax


class RuleLevels(NamedTuple):
    """One group of equal levels, those of ``modes``, with numbers for all constants.

    ``width2(learning_rate, batch_size)`` is s² at leading order, (α/B) × ``width2_per_temperature``; the mean of the
    group is ``center`` plus (α/B) × ``shift_per_temperature``.
    """

    center: float
    modes: tuple[int, ...]
    width2_per_temperature: float
    shift_per_temperature: float
    width2: Callable[[Any, Any], Any]


@dataclass(frozen=True)
class LinearLaw:
    r"""Ornstein-Uhlenbeck law :math:`d\delta=-H\delta\,dt+\sqrt{T\Sigma}\,dB` of the weights, t = α × updates, T = α/B.

    Created by :meth:`LearningRule.at`. Neutral directions, H v = 0, are those of a symmetry of the loss; they carry no
    spectrum and are left out of every covariance.
    """

    rule: Any
    point: Mapping[Any, Any]

    @cached_property
    def jacobian(self) -> Any:
        """H = ∂⟨G⟩/∂θ."""
        rows = [[sp.factor(_slope_at(self.point, g, w)) for w in self.rule.weights] for g in self.rule.mean_gradient]
        return sp.ImmutableDenseMatrix(rows)

    @cached_property
    def noise(self) -> Any:
        """Σ, the covariance of the gradient of one sample at the fixed point."""
        return self.rule.noise_at(self.point)

    @cached_property
    def neutral(self) -> tuple[Any, ...]:
        """A basis of the directions without drift."""
        return tuple(self.jacobian.nullspace(simplify=sp.cancel))

    # Covariances

    def covariance(self, temperature: Any) -> Any:
        r"""Stationary covariance P of the weights at leading order, :math:`HP+PH^T=T\Sigma`.

        Raises:
            InputError: if the noise has a component along the neutral directions, which then diffuse without bound, or
                H has no stationary law.
        """
        return self._unit_covariance * temperature

    @cached_property
    def _unit_covariance(self) -> Any:
        return _embed(self._moving[2], self._inner_covariance)

    @cached_property
    def _inner_covariance(self) -> Any:
        """P/T in the basis of the moving directions."""
        slope, noise, _ = self._moving
        return solve_lyapunov(noise, lambda p: slope * p + p * slope.T)

    def covariance_at(self, learning_rate: Any, batch_size: Any, *, momentum: Any = 0, exact: bool = False) -> Any:
        r"""Covariance at a finite learning rate, :math:`P=APA^T+\frac{\alpha^2}B\Sigma`, A = 1 − αH.

        With momentum m the pair (δ, v), :math:`v'=mv-\alpha G,\ \delta'=\delta+v'`, obeys the same equation in twice
        the dimension (the underdamped pair); the covariance of δ is returned. ``exact=True`` adds the noise due to the
        fluctuation of the weights, :math:`\frac{\alpha^2}{2B}\,\partial\partial\Sigma:P`: exact at any α and B for a
        gradient that is linear in the weights.

        Raises:
            InputError: ``exact`` for another rule or with neutral directions.
        """
        slope, noise, basis = self._moving
        if exact and self.neutral:
            fail("exact", "must be False with neutral directions", exact)
        bend = self._noise_bend if exact else lambda p: sp.zeros(*p.shape)
        rate, momentum = sp.sympify(learning_rate, strict=True), sp.sympify(momentum, strict=True)
        per_batch = rate**2 / batch_size
        if momentum == 0:
            return _embed(basis, solve_lyapunov(per_batch * noise, lambda p: (
                rate * (slope * p + p * slope.T) - rate**2 * slope * p * slope.T - per_batch * bend(p)
            )))  # fmt: skip
        size, one = slope.rows, sp.eye(slope.rows)
        step = sp.Matrix(sp.BlockMatrix([[one - rate * slope, momentum * one], [-rate * slope, momentum * one]]))
        found = solve_lyapunov(
            per_batch * _doubled(noise), lambda p: p - step * p * step.T - per_batch * _doubled(bend(p[:size, :size]))
        )
        return _embed(basis, found[:size, :size])

    def current(self, temperature: Any) -> Any:
        r"""The antisymmetric :math:`HP-T\Sigma/2`: zero without a circulating current.

        The stationary current is :math:`-(HP-T\Sigma/2)\,P^{-1}\delta\,p(\delta)`, in the moving directions.
        """
        slope, noise, basis = self._moving
        return _embed(basis, (slope * self._inner_covariance - noise / 2).applyfunc(sp.cancel)) * temperature

    @cached_property
    def _moving(self) -> tuple[Any, Any, Any]:
        """H and Σ in a basis of the range of H, along its null space, and that basis."""
        if not self.neutral:
            return sp.Matrix(self.jacobian), sp.Matrix(self.noise), sp.eye(self.jacobian.rows)
        basis = sp.Matrix.hstack(*self.jacobian.columnspace(simplify=sp.cancel))
        frame = sp.Matrix.hstack(basis, *self.neutral)
        if frame.rows != frame.cols or sp.cancel(frame.det()) == 0:
            raise InputError("`point` has a neutral direction that the drift leads into: no stationary law there.")
        inverse = _inverse(frame)
        slope = _product(inverse, self.jacobian, basis)[: basis.cols, :]
        noise = _product(inverse, self.noise, inverse.T)
        if noise[basis.cols :, basis.cols :] != sp.zeros(frame.cols - basis.cols):
            raise InputError("`point` has neutral directions with noise: the weights diffuse along them without end.")
        return slope, noise[: basis.cols, : basis.cols], basis

    @cached_property
    def _noise_bend(self) -> Callable[[Any], Any]:
        """P ↦ ½ ∂∂Σ : P, after checking that the rule has no higher orders."""
        rule, w = self.rule, self.rule.weights
        affine = all(sp.diff(g, a, b).expand() == 0 for g in rule.mean_gradient for a in w for b in w)
        if not affine or any(not e.is_polynomial(*w) or sp.Poly(e, *w).total_degree() > 2 for e in rule.noise):
            fail("exact", "must be False: this rule is not linear in its weights", True)
        bends = {
            (a, b): rule.noise.applyfunc(lambda e, a=a, b=b: sp.diff(e, w[a], w[b])) / 2
            for a, b in product(range(len(w)), repeat=2)
        }
        return lambda p: sum((bend * p[key] for key, bend in bends.items()), sp.zeros(len(w)))

    # Levels

    @cached_property
    def levels(self) -> tuple[Any, ...]:
        """The eigenvalues of the matrix at the fixed point, in the order of its diagonal."""
        if self.rule.matrix is None:
            raise InputError("`matrix` must be given to the rule: its eigenvalues are the levels.")
        found = self.rule.matrix.subs(self.point, simultaneous=True).applyfunc(sp.simplify)
        if not found.is_diagonal():
            fail("point", "must make the matrix diagonal: write the rule in its eigenbasis", found)
        return tuple(found.diagonal())

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Modes with equal levels."""
        table: dict[Any, list[int]] = {}
        for mode, level in enumerate(self.levels):
            key = next((other for other in table if sp.simplify(other - level) == 0), level)
            table.setdefault(key, []).append(mode)
        return tuple(tuple(modes) for modes in table.values())

    @cached_property
    def _slopes(self) -> dict[tuple[int, int], Any]:
        return {}

    def _slope(self, i: int, j: int) -> Any:
        """Derivative of an element of the matrix by the weights, at the fixed point; kept."""
        if (i, j) not in self._slopes:
            entry = self.rule.matrix[i, j]
            self._slopes[i, j] = sp.Matrix([[sp.diff(entry, w).xreplace(self.point) for w in self.rule.weights]])
        return self._slopes[i, j]

    def element_covariance(self, one: tuple[int, int], two: tuple[int, int], covariance: Any) -> Any:
        """Cov(δX_ab, δX_cd) for a covariance of the weights, from any of the methods above."""
        return sp.factor(sp.cancel((self._slope(*one) * covariance * self._slope(*two).T)[0]))

    def width2(self, group: int, covariance: Any) -> Any:
        r"""Coulomb-gas width of a group of n levels: the variance of a single one, and for n > 1

        .. math:: s^2=\frac{\frac12\sum_{ab}(C_{abab}+C_{abba})-\frac1n\sum_{ab}C_{aabb}}{n(n+1)/2-1}

        Args:
            group: index into ``groups``.
            covariance: covariance of the weights, such as ``law.covariance(T)``.
        """
        modes = self.groups[group]
        if len(modes) == 1:
            return self.element_covariance((modes[0],) * 2, (modes[0],) * 2, covariance)
        n = len(modes)
        total = sp.S.Zero
        for a, b in product(modes, repeat=2):
            both = self.element_covariance((a, b), (a, b), covariance) + self.element_covariance(
                (a, b), (b, a), covariance
            )
            total += both / 2 - self.element_covariance((a, a), (b, b), covariance) / n
        return sp.factor(total / (sp.Rational(n * (n + 1), 2) - 1))

    def mean_shift(self, group: int, temperature: Any) -> Any:
        r"""Mean of a group of levels minus its fixed point at order T: shift of the weights, of the matrix, and
        repulsion.

        :math:`H\langle\delta\rangle=-\frac12\partial\partial\langle G\rangle:P`,
        :math:`\langle\delta X\rangle=\partial X\langle\delta\rangle+\frac12\partial\partial X:P`, and
        :math:`\sum_j C_{ijij}/(x_i-x_j)` over the levels of other groups.
        """
        covariance, weights = self._unit_covariance, self._mean_weights
        total = sp.S.Zero
        for i in self.groups[group]:
            total += (self._slope(i, i) * weights)[0] + self._contract(self.rule.matrix[i, i], covariance) / 2
            for j, level in enumerate(self.levels):
                if j not in self.groups[group]:
                    total += self.element_covariance((i, j), (i, j), covariance) / (self.levels[i] - level)
        return temperature * sp.factor(sp.cancel(total / len(self.groups[group])))

    @cached_property
    def _mean_weights(self) -> Any:
        slope, _, basis = self._moving
        pull = sp.Matrix([-self._contract(g, self._unit_covariance) / 2 for g in self.rule.mean_gradient])
        frame = sp.Matrix.hstack(basis, *self.neutral)
        moving = (frame.inv() * pull)[: basis.cols, :]
        return basis * slope.LUsolve(moving).applyfunc(sp.cancel)

    def _contract(self, entry: Any, covariance: Any) -> Any:
        there, back = self._without_roots
        w, entry, point = self.rule.weights, entry.subs(there), {k: v.subs(there) for k, v in self.point.items()}
        covariance = covariance.subs(there).applyfunc(sp.cancel)
        pairs = ((a, b) for a in range(len(w)) for b in range(a + 1) if covariance[a, b] != 0)
        terms = [
            (1 if a == b else 2) * sp.cancel(_slope_at(point, entry, w[a], w[b])) * covariance[a, b] for a, b in pairs
        ]
        return sp.cancel(sp.Add(*terms)).subs(back)

    @cached_property
    def _without_roots(self) -> tuple[dict[Any, Any], dict[Any, Any]]:
        """Constants as functions of the roots in the fixed point, and these roots: √(m − k) becomes r with k = m −
        r²."""
        there, back = {}, {}
        for value in self.point.values():
            for root in value.atoms(sp.Pow):
                base = root.base
                if root.exp != sp.S.Half or base in [r.base for r in back.values()]:
                    continue
                for symbol in sorted(base.free_symbols, key=str):
                    slope = sp.diff(base, symbol)
                    if slope in (1, -1) and not any(symbol in r.base.free_symbols for r in back.values()):
                        dummy = sp.Dummy(positive=True)
                        there[symbol], back[dummy] = slope * (dummy**2 - base.subs(symbol, 0)), root
                        break
        return there, back

    def to_theory(self, params: Mapping[Any, Any] | None = None, **more: Any) -> tuple[RuleLevels, ...]:
        """Groups ascending with their centres, widths and mean shifts as numbers, for values of all constants.

        Raises:
            InputError: for a missing value or a name that the rule does not have.
        """
        unit = self._unit_covariance
        rows = [
            (modes, self.levels[modes[0]], self.width2(k, unit), self.mean_shift(k, 1))
            for k, modes in enumerate(self.groups)
        ]
        symbols = sorted(set().union(*(part.free_symbols for row in rows for part in row[1:])), key=str)
        given = {str(key): value for key, value in {**(params or {}), **more}.items()}
        idle = {symbol.name for symbol in self.rule.constants} - {symbol.name for symbol in symbols}
        wanted = {key: value for key, value in given.items() if key not in idle}
        values = dict(zip(symbols, resolve_parameters(symbols, wanted), strict=True))
        found = []
        for modes, *parts in rows:
            center, width2, shift = (float(part.subs(values)) for part in parts)
            found.append(RuleLevels(center, modes, width2, shift, _linear_rule(width2)))
        return tuple(sorted(found))

    def to_jax(self, group: int) -> Callable[..., Any]:
        """s²/T of a group as a JAX function of its symbols by name, in alphabetical order."""
        width2 = self.width2(group, self._unit_covariance)
        return to_jax(width2, sorted(width2.free_symbols, key=str))


def _slope_at(point: Mapping[Any, Any], expression: Any, *weights: Any) -> Any:
    """A derivative at a point; the other weights are substituted first, which shortens the expression."""
    others = {w: value for w, value in point.items() if w not in weights}
    return sp.diff(sp.cancel(expression.xreplace(others)), *weights).xreplace(point)


def _linear_rule(per_temperature: float) -> Callable[[Any, Any], Any]:
    return lambda learning_rate, batch_size: per_temperature * learning_rate / batch_size


def solve_lyapunov(noise: Any, operator: Callable[[Any], Any]) -> Any:
    """The symmetric P with operator(P) = noise; the operator is linear and keeps symmetry."""
    size = noise.rows
    cells = [(i, j) for i in range(size) for j in range(i, size)]
    unknowns = {cell: sp.Dummy(f"p_{cell[0]}_{cell[1]}") for cell in cells}
    matrix = sp.Matrix(size, size, lambda i, j: unknowns[min(i, j), max(i, j)])
    residual = operator(matrix) - noise
    roots = _Roots()
    equations = [roots.hide(sp.expand(residual[cell])) for cell in cells]
    solutions = sp.linsolve(equations, list(unknowns.values()))
    if not solutions:
        raise InputError("`point` has no stationary law: the Lyapunov equation has no solution.")
    values = dict(zip(unknowns.values(), next(iter(solutions)), strict=True))
    found = matrix.xreplace(values).applyfunc(lambda entry: sp.cancel(roots.show(sp.cancel(entry))))
    if found.free_symbols & set(unknowns.values()):
        raise InputError("`point` has no stationary law: two directions have opposite rates.")
    return found


class _Roots:
    """Square roots as symbols of their own, so that linear algebra stays with rational functions."""

    def __init__(self) -> None:
        self.symbols: dict[Any, Any] = {}

    def hide(self, expression: Any) -> Any:
        return expression.replace(
            lambda node: node.is_Pow and node.exp.is_Rational and node.exp.q == 2,
            lambda node: self.symbols.setdefault(node.base, sp.Dummy(positive=True)) ** (2 * node.exp),
        )

    def show(self, expression: Any) -> Any:
        return expression.subs({dummy: sp.sqrt(base) for base, dummy in self.symbols.items()})


def _doubled(block: Any) -> Any:
    """The noise of the pair (δ, v), which both receive at once."""
    return sp.Matrix(sp.BlockMatrix([[block, block], [block, block]]))


def _embed(basis: Any, inner: Any) -> Any:
    return _product(basis, inner, basis.T)


def _product(*matrices: Any) -> Any:
    """A product in lowest terms, in a field of rational functions where the entries have one: no roots."""
    fields = _over_one_field(*matrices)
    if fields is None:
        return reduce(mul, matrices).applyfunc(sp.cancel)
    return reduce(mul, fields).to_Matrix().applyfunc(sp.cancel)


def _inverse(matrix: Any) -> Any:
    """The same for an inverse."""
    fields = _over_one_field(matrix)
    return (matrix.inv() if fields is None else fields[0].inv().to_Matrix()).applyfunc(sp.cancel)


def _over_one_field(*matrices: Any) -> list[Any] | None:
    converted = [DomainMatrix.from_Matrix(sp.Matrix(matrix)) for matrix in matrices]
    fields = [item.to_field() for item in converted[0].unify(*converted[1:])]
    return None if fields[0].domain.is_EXRAW or fields[0].domain.is_EX else fields
