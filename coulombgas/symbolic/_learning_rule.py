r"""From a loss to drift and noise of a learning rule by Wick's theorem, and to the laws that follow from them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import sympy as sp

from coulombgas._checks import InputError, fail

from ._eigenvalue_sde import EigenvalueSDE
from ._linear_law import LinearLaw
from ._matrix_sde import MatrixSDE
from ._source import to_latex, to_numpy_source
from ._to_jax import to_jax
from ._wick import Covariance, gaussian_average

Point = Mapping[Any, Any]
_PARTS = ("mean_gradient", "noise")


@dataclass(frozen=True)
class LearningRule:
    r"""Stochastic gradient descent :math:`\theta'=\theta-\frac\alpha B\sum_{b=1}^BG(\theta,\xi_b)` on Gaussian data.

    Args:
        parameters: the trained matrices, whose distinct symbols are the weights θ.
        gradient: G, one expression for each weight, a polynomial in the fields.
        fields: the Gaussian symbols ξ of one sample, of mean zero: data, label noise, samples of a model.
        covariance: ⟨ξ_a ξ_b⟩, a mapping of pairs or a function of two symbols; it may depend on the weights.
            Independent fields of variance 1 unless given.
        matrix: the symmetric matrix X(θ) whose eigenvalues are observed.

    Raises:
        InputError: numbers of arguments that do not match, or a gradient that is not polynomial in the fields.

    ALP24 (arXiv:2407.16427), (1)-(8). :meth:`from_loss` differentiates a loss.
    """

    parameters: tuple[Any, ...]
    gradient: tuple[Any, ...]
    fields: tuple[Any, ...]
    covariance: Callable[[Any, Any], Any]
    matrix: Any

    def __init__(
        self,
        parameters: Any,
        gradient: Any,
        *,
        fields: Any,
        covariance: Covariance | None = None,
        matrix: Any = None,
    ) -> None:
        matrices = tuple(sp.ImmutableDenseMatrix(item) for item in _as_matrices(parameters))
        object.__setattr__(self, "parameters", matrices)
        object.__setattr__(self, "gradient", tuple(sp.sympify(item, strict=True) for item in gradient))
        object.__setattr__(self, "fields", tuple(fields))
        object.__setattr__(self, "covariance", _as_function(covariance))
        object.__setattr__(self, "matrix", None if matrix is None else sp.ImmutableDenseMatrix(matrix))
        if len(self.gradient) != len(self.weights):
            fail("gradient", f"must have {len(self.weights)} entries, one for each weight", len(self.gradient))
        for entry in self.gradient:
            if not entry.is_polynomial(*self.fields):
                fail("gradient", "must be a polynomial in the fields", entry)
        if self.matrix is not None and self.matrix != self.matrix.T:
            difference = (self.matrix - self.matrix.T).applyfunc(sp.expand)
            if difference != sp.zeros(*self.matrix.shape):
                fail("matrix", "must be symmetric", self.matrix)

    @classmethod
    def from_loss(
        cls,
        loss: Any,
        parameters: Any,
        *,
        fields: Any,
        covariance: Covariance | None = None,
        matrix: Any = None,
    ) -> "LearningRule":
        """The rule of gradient descent on the loss of one sample, an expression or a 1×1 matrix.

        Terms without fields, such as weight decay, are drift without noise. Other arguments as in the class.
        """
        scalar = loss[0] if isinstance(loss, sp.MatrixBase) else sp.sympify(loss, strict=True)
        weights = _symbols(_as_matrices(parameters))
        return cls(
            parameters, [sp.diff(scalar, w) for w in weights], fields=fields, covariance=covariance, matrix=matrix
        )

    @cached_property
    def weights(self) -> tuple[Any, ...]:
        """The distinct symbols of the parameters, row by row."""
        return _symbols(self.parameters)

    @cached_property
    def constants(self) -> tuple[Any, ...]:
        """All other symbols of drift and noise, by name."""
        pairs = [self.covariance(a, b) for a in self.fields for b in self.fields]
        known = set(self.weights) | set(self.fields)
        return tuple(sorted(set().union(*(item.free_symbols for item in (*self.gradient, *pairs))) - known, key=str))

    def subs(self, values: Point) -> "LearningRule":
        """The rule with constants replaced by numbers, or by expressions that remove square roots from a fixed point.

        With ``{c: lam/(1 - u**2)}`` a fixed point √(1 − λ/c) becomes u and all algebra stays rational.
        """
        return LearningRule(
            self.parameters,
            [entry.subs(values) for entry in self.gradient],
            fields=self.fields,
            covariance=lambda a, b: self.covariance(a, b).subs(values),
            matrix=None if self.matrix is None else self.matrix.subs(values),
        )

    # Drift and noise

    @cached_property
    def mean_gradient(self) -> Any:
        """⟨G⟩, a column: the drift is −α times it. By Wick's theorem."""
        return self._mean({})

    @cached_property
    def noise(self) -> Any:
        r"""Covariance of G over samples, :math:`\langle GG^T\rangle-\langle G\rangle\langle G\rangle^T`.

        One update has the noise :math:`\alpha^2/B` times it. By Wick's theorem; ALP24 (1)-(5), (81)-(92).
        """
        return self.noise_at({})

    def noise_at(self, point: Point) -> Any:
        """The same at given weights, where it may be much shorter."""
        gradient = [sp.expand(entry.subs(point)) for entry in self.gradient]
        contract = self._contraction(point)
        mean = [sp.cancel(gaussian_average(entry, self.fields, contract)) for entry in gradient]
        size = len(gradient)
        result = sp.zeros(size)
        for i in range(size):
            for j in range(i, size):
                both = gaussian_average(gradient[i] * gradient[j], self.fields, contract)
                result[i, j] = result[j, i] = sp.cancel(both - mean[i] * mean[j])
        return sp.ImmutableDenseMatrix(result)

    def _mean(self, point: Point) -> Any:
        contract = self._contraction(point)
        return sp.ImmutableDenseMatrix([
            sp.cancel(gaussian_average(entry.subs(point), self.fields, contract)) for entry in self.gradient
        ])  # fmt: skip

    def _contraction(self, point: Point) -> Callable[[Any, Any], Any]:
        """The covariance of the fields at given weights, each pair computed once."""
        return cache(lambda a, b: self.covariance(a, b).xreplace(dict(point)))

    # Fixed points

    def fixed_points(self, ansatz: Point | None = None) -> tuple[dict[Any, Any], ...]:
        """Zeros of the mean gradient, each as {weight: value}.

        Args:
            ansatz: weights as expressions in unknowns; omitted weights are unknowns themselves. By default all matrices
                are diagonal, which is right in the eigenbasis of data and teacher.

        Raises:
            InputError: if SymPy finds no zero of this form.
        """
        if ansatz is None:
            ansatz = {
                m[i, j]: sp.S.Zero
                for m in self.parameters
                for i in range(m.rows)
                for j in range(m.cols)
                if i != j and m[i, j].is_Symbol
            }
        values = {w: sp.sympify(ansatz.get(w, w), strict=True) for w in self.weights}
        unknowns = sorted(set().union(*(v.free_symbols for v in values.values())) - set(self.constants), key=str)
        equations = [sp.fraction(sp.together(entry))[0] for entry in self.mean_gradient.xreplace(values)]
        equations = [sp.factor(e) for e in dict.fromkeys(equations) if e != 0]
        solutions = sp.solve(equations, unknowns, dict=True) if equations else [{}]
        found = tuple({w: sp.simplify(value.subs(s)) for w, value in values.items()} for s in solutions)
        if not found:
            raise InputError(
                "`ansatz` leads to no fixed point that SymPy finds: give the weights in the data's eigenbasis."
            )
        return found

    def at(self, point: Point) -> LinearLaw:
        """The linear law of the weights around a fixed point, given as {weight: value}; missing weights are 0.

        Raises:
            InputError: if the mean gradient does not vanish there.
        """
        values = {w: sp.sympify(point.get(w, 0), strict=True) for w in self.weights}
        strangers = [w for w in point if w not in self.weights]
        if strangers:
            fail("point", "must name weights of the rule", strangers[0])
        residual = [sp.simplify(entry) for entry in self.mean_gradient.xreplace(values)]
        if any(entry != 0 for entry in residual):
            fail("point", "must be a fixed point; the mean gradient there is", residual)
        return LinearLaw(self, values)

    # Eigenvalues

    def matrix_sde(self, state: Point, levels: Sequence[Any], *, temperature: Any = None) -> MatrixSDE:
        r"""The stochastic matrix X in the time α × updates, at weights where it is diag(levels).

        :math:`dX=-\sum_a\partial_aX\,\langle G_a\rangle\,dt+\tfrac T2\sum_{ab}\partial_a\partial_bX\,\Sigma_{ab}\,dt`
        plus noise of covariance :math:`T\,\partial X\,\Sigma\,\partial X^T\,dt`. Each level has its own target and
        noise.

        Args:
            state: {weight: expression in the level symbols} with X = diag(levels); missing weights are 0.
            levels: the symbols x_1 … x_N.
            temperature: T = α/B, a symbol unless given.

        Raises:
            InputError: X is not given or not diagonal in this state.
        """
        if self.matrix is None:
            raise InputError("`matrix` must be given to the rule: its eigenvalues are the levels.")
        temperature = sp.Symbol("T", positive=True) if temperature is None else sp.sympify(temperature, strict=True)
        values = {w: sp.sympify(state.get(w, 0), strict=True) for w in self.weights}
        size = self.matrix.rows
        if self.matrix.subs(values).applyfunc(sp.simplify) != sp.diag(*levels):
            fail("state", f"must make the matrix diag{tuple(levels)}", self.matrix.subs(values))
        mean, sigma = self._mean(values), self.noise_at(values)
        cells = [(i, j) for i in range(size) for j in range(i, size)]
        slopes = sp.Matrix([[sp.diff(self.matrix[c], w).subs(values) for w in self.weights] for c in cells])
        flow, spread = -slopes * mean, (slopes * sigma * slopes.T * temperature).applyfunc(sp.cancel)
        bend = [self._bend(self.matrix[c], sigma, values) * temperature / 2 for c in cells]
        root, normals = _root(spread)
        kicks = root * sp.Matrix(normals)
        drift, noise, ito = (_symmetric(size, cells, [sp.cancel(e) for e in part]) for part in (flow, [*kicks], bend))
        return MatrixSDE(tuple(levels), drift, noise, normals, ito)

    def eigenvalue_sde(self, state: Point, levels: Sequence[Any], *, temperature: Any = None) -> EigenvalueSDE:
        """The process of the eigenvalues, by second-order perturbation theory; arguments as in :meth:`matrix_sde`."""
        return self.matrix_sde(state, levels, temperature=temperature).eigenvalues

    def _bend(self, entry: Any, sigma: Any, values: Point) -> Any:
        w = self.weights
        return sp.Add(*(
            sp.diff(entry, w[a], w[b]).subs(values) * sigma[a, b] for a in range(len(w)) for b in range(len(w))
        ))  # fmt: skip

    # Code and text

    def to_jax(self, part: str = "mean_gradient") -> Callable[..., Any]:
        """A JAX function (*weights, *constants) → "mean_gradient" (d, 1) or "noise" (d, d)."""
        return to_jax(self._part(part), [*self.weights, *self.constants])

    def to_latex(self, part: str = "mean_gradient") -> str:
        """LaTeX of the mean gradient or the noise."""
        return to_latex(self._part(part))

    def to_numpy_source(self, part: str = "mean_gradient") -> str:
        """Source text of a NumPy function of (*weights, *constants)."""
        return to_numpy_source(self._part(part), [*self.weights, *self.constants], name=part)

    def _part(self, part: str) -> Any:
        if part not in _PARTS:
            fail("part", f"must be one of {', '.join(_PARTS)}", part)
        return getattr(self, part)


def _as_matrices(parameters: Any) -> list[Any]:
    items = [parameters] if isinstance(parameters, sp.MatrixBase | sp.Symbol) else list(parameters)
    return [item if isinstance(item, sp.MatrixBase) else sp.Matrix([[item]]) for item in items]


def _symbols(matrices: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(entry for matrix in matrices for entry in matrix if entry.is_Symbol))


def _as_function(covariance: Covariance | None) -> Callable[[Any, Any], Any]:
    if covariance is None:
        return lambda a, b: sp.S.One if a == b else sp.S.Zero
    if callable(covariance):
        return lambda a, b: sp.sympify(covariance(a, b), strict=True)
    return lambda a, b: sp.sympify(covariance.get((a, b), covariance.get((b, a), 0)), strict=True)


def _root(spread: Any) -> tuple[Any, tuple[Any, ...]]:
    """A square root of a covariance matrix, and as many standard normals: LDLᵀ by hand, which allows zero pivots."""
    size = spread.rows
    rest, columns = sp.Matrix(spread), []
    for k in range(size):
        pivot = sp.cancel(rest[k, k])
        if pivot == 0:
            continue
        column = rest[:, k] / sp.sqrt(sp.factor(pivot))
        rest = (rest - rest[:, k] * rest[k, :] / pivot).applyfunc(sp.cancel)
        columns.append(column)
    normals = tuple(sp.Symbol(f"w_{k}", real=True) for k in range(len(columns)))
    return (sp.Matrix.hstack(*columns) if columns else sp.zeros(size, 0)), normals


def _symmetric(size: int, cells: Sequence[tuple[int, int]], entries: Sequence[Any]) -> Any:
    table = dict(zip(cells, entries, strict=True))
    return sp.ImmutableDenseMatrix(size, size, lambda i, j: table[min(i, j), max(i, j)])
