r"""Learning rules of any size: drift and noise as matrix expressions, by matrix calculus and Isserlis' theorem."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixExpr

from coulombgas._checks import InputError, fail

from ._matrix_words import NUMBERS, Ring, Slope, Word, differential, evaluate, flipped, product, trace_gradient, words

Table = Mapping[Any, Any]


class _Term(NamedTuple):
    """coefficient × left · x yᵀ · right of one sample, x and y fields."""

    coefficient: Any
    left: tuple[Any, ...]
    x: Any
    y: Any
    right: tuple[Any, ...]


@dataclass(frozen=True)
class MatrixRule:
    r"""Stochastic gradient descent :math:`W'=W-\frac\alpha B\sum_bG(W,\xi_b)` with matrices of unspecified size.

    Args:
        parameters: the trained matrices, each a SymPy ``MatrixSymbol`` of any shape, with symbols or numbers as sizes.
        gradient: G, a matrix expression for each: a sum of words :math:`L\,xy^T R`, quadratic in the data, and words
            without data, such as weight decay.
        fields: the Gaussian columns ξ of one sample, ``MatrixSymbol(name, n, 1)``, of mean zero.
        covariance: :math:`\langle xy^T\rangle` as a mapping of pairs of columns to matrix expressions, which may hold
            the parameters and inverses; pairs that are missing in either order are uncorrelated.

    Raises:
        InputError: where the size cannot stay general; the message gives the reason: a gradient of another degree in
            the data, traces that multiply each other, functions other than sums, products, transposes and inverses.

    Matrices become vectors row by row: :math:`X\mapsto LXR` is :math:`L\otimes R^T`, and :math:`X\mapsto X^T` the
    commutation matrix, which appears as the symbol ``K(rows,columns)``. For other losses and for eigenvalue processes
    write the matrices out for a definite size and use :class:`LearningRule`. ALP24 (arXiv:2407.16427), (1)-(8),
    (81)-(92) for N = 2.
    """

    parameters: tuple[Any, ...]
    gradient: tuple[tuple[Word, ...], ...]
    fields: tuple[Any, ...]
    covariance: Callable[[Any, Any], Any]

    def __init__(self, parameters: Any, gradient: Any, *, fields: Sequence[Any], covariance: Table) -> None:
        matrices = (parameters,) if isinstance(parameters, MatrixExpr) else tuple(parameters)
        gradients = (gradient,) if isinstance(gradient, MatrixExpr) else tuple(gradient)
        if len(gradients) != len(matrices):
            fail("gradient", f"must have {len(matrices)} entries, one for each matrix", len(gradients))
        for matrix, entry in zip(matrices, gradients, strict=True):
            if entry.shape != matrix.shape:
                fail("gradient", f"must have the shape {matrix.shape} of {matrix}", entry.shape)
        self._fill(matrices, [words(entry) for entry in gradients], fields, covariance)

    @classmethod
    def from_loss(cls, loss: Any, parameters: Any, *, fields: Sequence[Any], covariance: Table) -> "MatrixRule":
        """The rule of gradient descent on the loss of one sample: a sum of traces, or a 1×1 matrix.

        ``Trace(e * e.T) / 2`` is half the square of the column e. Other arguments as in the class.
        """
        matrices = (parameters,) if isinstance(parameters, MatrixExpr) else tuple(parameters)
        rule = object.__new__(cls)
        rule._fill(matrices, [trace_gradient(loss, matrix) for matrix in matrices], fields, covariance)
        return rule

    def _fill(self, parameters: Sequence[Any], gradient: Sequence[Any], fields: Sequence[Any], table: Table) -> None:
        """Set the fields of a frozen rule, with its covariance as a function of two fields."""

        def covariance(x: Any, y: Any) -> Any:
            if (x, y) in table:
                return table[x, y]
            return sp.Transpose(table[y, x]).doit() if (y, x) in table else sp.ZeroMatrix(x.shape[0], y.shape[0])

        for x in fields:
            if x.shape[1] != 1:
                fail("fields", "must be columns, MatrixSymbol(name, n, 1)", x)
        for name, value in (("parameters", parameters), ("gradient", gradient), ("fields", fields)):
            object.__setattr__(self, name, tuple(value))
        object.__setattr__(self, "covariance", covariance)
        _ = self._terms  # refuses terms that do not stay general in size

    @cached_property
    def _terms(self) -> tuple[tuple[_Term, ...], ...]:
        return tuple(
            tuple(t for word in entry if (t := _with_data(word, self.fields)) is not None) for entry in self.gradient
        )

    @cached_property
    def _mean(self) -> tuple[tuple[Word, ...], ...]:
        """⟨G⟩ of each parameter, multiplied out."""
        result = []
        for entry, terms in zip(self.gradient, self._terms, strict=True):
            free = tuple(word for word in entry if _with_data(word, self.fields) is None)
            averaged = tuple(
                Word(t.coefficient * c, (*t.left, *factors, *t.right))
                for t in terms
                for c, factors in words(self.covariance(t.x, t.y))
            )
            result.append(free + averaged)
        return tuple(result)

    # Matrix expressions

    @cached_property
    def mean_gradient(self) -> tuple[Any, ...]:
        """⟨G⟩ of each parameter: the drift is −α times it."""
        return tuple(
            _sum([c * product(f, w.shape[0]) for c, f in mean], w.shape)
            for w, mean in zip(self.parameters, self._mean, strict=True)
        )

    @cached_property
    def noise(self) -> tuple[tuple[Any, ...], ...]:
        r"""Covariance of G over samples, a block for each pair of parameters; one update has α²/B times it.

        By Isserlis, for words :math:`Lxy^TR` and :math:`L'x'y'^TR'`, :math:`LC_{xx'}L'^T\otimes R^TC_{yy'}R'
        +(LC_{xy'}R'\otimes R^TC_{yx'}L'^T)K`.
        """
        return tuple(tuple(self._block(p, q) for q in range(len(self.parameters))) for p in range(len(self.parameters)))

    @cached_property
    def jacobian(self) -> tuple[tuple[Any, ...], ...]:
        """Derivative of the mean gradient of parameter p by parameter q, as matrices on vectors."""
        return tuple(
            tuple(
                _sum([self._slope(w, v, term) for term in differential(mean, v)], (_size(w), _size(v)))
                for v in self.parameters
            )
            for w, mean in zip(self.parameters, self._mean, strict=True)
        )

    def _slope(self, w: Any, v: Any, term: Slope) -> Any:
        left, right = product(term.left, w.shape[0]), product(tuple(map(flipped, reversed(term.right))), w.shape[1])
        outer = term.coefficient * sp.KroneckerProduct(left, right)
        return outer * commutation(*v.shape) if term.transposed else outer

    def _block(self, p: int, q: int) -> Any:
        w, v = self.parameters[p], self.parameters[q]
        parts = []
        for coefficient, straight, crossed in self._contractions(p, q):
            parts.append(coefficient * sp.KroneckerProduct(*straight))
            parts.append(coefficient * sp.KroneckerProduct(*crossed) * commutation(*v.shape))
        return _sum([part for part in parts if not part.has(sp.ZeroMatrix)], (_size(w), _size(v)))

    def _contractions(self, p: int, q: int) -> list[tuple[Any, tuple[Any, Any], tuple[Any, Any]]]:
        """The two pairings of each pair of words: coefficient, (A, B) with A_ik B_jl, (A, B) with A_il B_jk."""
        w, v = self.parameters[p], self.parameters[q]
        result = []
        for s in self._terms[p]:
            for t in self._terms[q]:
                left, right = product(s.left, w.shape[0]), product(tuple(map(flipped, reversed(s.right))), w.shape[1])
                other_left = product(tuple(map(flipped, reversed(t.left))), v.shape[0])
                other_right = product(t.right, v.shape[1])
                c = self.covariance
                straight = _times(left, c(s.x, t.x), other_left), _times(right, c(s.y, t.y), other_right)
                crossed = _times(left, c(s.x, t.y), other_right), _times(right, c(s.y, t.x), other_left)
                result.append((s.coefficient * t.coefficient, straight, crossed))
        return result

    # Numbers

    def evaluate(self, expression: Any, values: Table) -> np.ndarray:
        """One of the expressions above with NumPy matrices for its symbols, and numbers for its scalars.

        Raises:
            InputError: a symbol has no value.
        """
        table = {
            key: np.asarray(value, dtype=np.float64) for key, value in values.items() if isinstance(key, MatrixExpr)
        }
        scalars = {key: value for key, value in values.items() if not isinstance(key, MatrixExpr)}
        for key, value in table.items():
            scalars |= {size: n for size, n in zip(key.shape, value.shape, strict=True) if not size.is_Integer}
        for w in self.parameters:
            rows, columns = (int(sp.sympify(size, strict=True).subs(scalars)) for size in w.shape)
            table[commutation(*w.shape)] = np.eye(rows * columns).reshape(rows, columns, -1).swapaxes(0, 1).reshape(
                rows * columns, -1
            )  # fmt: skip
        return np.asarray(evaluate(expression, table, _numpy(scalars)))

    # The eigenbasis

    def fixed_points(self, values: Table) -> tuple[dict[Any, Any], ...]:
        """Zeros of the mean gradient where all matrices are diagonal in one basis, on one direction of it.

        Args:
            values: eigenvalue of every matrix there: for each parameter a symbol, whose zeros are sought.

        Raises:
            InputError: SymPy finds no zero, or a matrix is not square.
        """
        self._check_square()
        means = [_on_direction(mean, values) for mean in self._mean]
        unknowns = [values[w] for w in self.parameters]
        found = sp.solve([sp.together(mean) for mean in means], unknowns, dict=True)
        if not found:
            raise InputError(f"`values` lead to no zero of {means} that SymPy finds: give them as symbols.")
        return tuple(found)

    def pair(self, first: Table, second: Table | None = None) -> "PairLaw":
        """The linear law of the elements (i, j) and (j, i) around a fixed point that is diagonal with the data.

        Args:
            first: eigenvalue of every matrix in direction i.
            second: the same for direction j; if omitted, the law of the diagonal element (i, i).

        Raises:
            InputError: the mean gradient does not vanish there, or a matrix is not square.
        """
        self._check_square()
        directions = (first,) if second is None else (first, second)
        for values in directions:
            rest = [sp.simplify(_on_direction(mean, values)) for mean in self._mean]
            if any(entry != 0 for entry in rest):
                fail("first and second", "must be a fixed point; the mean gradient there is", rest)
        if second is None:
            rates, noise = self._one(first)
        else:
            rates, noise = self._two(first, second)
        return PairLaw(rates.applyfunc(sp.cancel), noise.applyfunc(sp.cancel))

    def _one(self, values: Table) -> tuple[Any, Any]:
        count = range(len(self.parameters))
        rates = [[sum(self._rates(p, q, values, values)) for q in count] for p in count]
        noise = [[sum(self._noises(p, q, values, values)) for q in count] for p in count]
        return sp.Matrix(rates), sp.Matrix(noise)

    def _two(self, first: Table, second: Table) -> tuple[Any, Any]:
        """Elements (i, j) of all parameters, then their (j, i)."""
        count = range(len(self.parameters))
        blocks = []
        for entry in (self._rates, self._noises):
            here = [[entry(p, q, first, second) for q in count] for p in count]
            there = [[entry(p, q, second, first) for q in count] for p in count]
            straight, crossed = (sp.Matrix([[cell[k] for cell in row] for row in here]) for k in (0, 1))
            other, back = (sp.Matrix([[cell[k] for cell in row] for row in there]) for k in (0, 1))
            blocks.append(sp.Matrix(sp.BlockMatrix([[straight, crossed], [back, other]]).as_explicit()))
        return blocks[0], blocks[1]

    def _rates(self, p: int, q: int, i: Table, j: Table) -> tuple[Any, Any]:
        """Derivative of the mean gradient's (i, j) element by δ_ij and by δ_ji."""
        totals = [sp.S.Zero, sp.S.Zero]
        for c, left, right, transposed in differential(self._mean[p], self.parameters[q]):
            totals[transposed] += (
                c * _on_direction([Word(sp.S.One, left)], i) * _on_direction([Word(sp.S.One, right)], j)
            )
        return totals[0], totals[1]

    def _noises(self, p: int, q: int, i: Table, j: Table) -> tuple[Any, Any]:
        """Covariance of the gradient's (i, j) element with its (i, j) and (j, i) elements."""
        totals = [sp.S.Zero, sp.S.Zero]
        for coefficient, *pairings in self._contractions(p, q):
            for k, (a, b) in enumerate(pairings):
                totals[k] += coefficient * evaluate(a, i, NUMBERS) * evaluate(b, j, NUMBERS)
        return totals[0], totals[1]

    def _check_square(self) -> None:
        for w in self.parameters:
            if w.shape[0] != w.shape[1]:
                raise InputError(
                    f"{w} is {w.shape[0]}×{w.shape[1]}, which no basis makes diagonal for all sizes: use `jacobian` "
                    "and `noise`, or a definite size and `LearningRule`."
                )


@dataclass(frozen=True)
class PairLaw:
    r"""Linear law :math:`d\delta=-A\delta\,dt+\sqrt{T\Sigma}\,dB`, t = α × updates, of one pair of levels.

    Attributes:
        rates: A over the (i, j) elements of all parameters, then the (j, i) elements; the (i, i) ones for one level.
        noise: Σ, the covariance of one sample's gradient there.
    """

    rates: Any
    noise: Any

    def variance(self, weights: Sequence[Any], temperature: Any) -> Any:
        """Stationary variance of a weighted sum of the elements, at leading order in T = α/B.

        Raises:
            InputError: the sum has a component along a direction without restoring force.
        """
        size = self.rates.rows
        row = sp.Matrix([[sp.sympify(w, strict=True) for w in weights]])
        if row.cols != size:
            fail("weights", f"must have {size} entries", row.cols)
        image = (row * self.rates).applyfunc(sp.simplify)
        place = next(k for k in range(size) if row[k] != 0)
        rate = sp.simplify(image[place] / row[place])
        temperature = sp.sympify(temperature, strict=True)
        if rate != 0 and (image - rate * row).applyfunc(sp.simplify) == sp.zeros(1, size):
            return sp.factor(sp.simplify(temperature * (row * self.noise * row.T)[0] / (2 * rate)))
        return self._full_variance(row, temperature)

    def _full_variance(self, row: Any, temperature: Any) -> Any:
        """By the Lyapunov equation A P + P Aᵀ = T Σ."""
        size = self.rates.rows
        cells = {(min(i, j), max(i, j)): sp.Dummy() for i in range(size) for j in range(size)}
        p = sp.Matrix(size, size, lambda i, j: cells[min(i, j), max(i, j)])
        equations = list(self.rates * p + p * self.rates.T - temperature * self.noise)
        observed = sp.Dummy()
        unknowns = [*cells.values(), observed]
        (solution,) = sp.linsolve([*equations, (row * p * row.T)[0] - observed], unknowns) or (None,)
        if solution is None or solution[-1].free_symbols & set(unknowns):
            raise InputError(
                "`weights` have a component along a direction without restoring force: there is no stationary variance."
            )
        return sp.factor(sp.simplify(solution[-1]))


def commutation(rows: Any, columns: Any) -> Any:
    """The symbol of the commutation matrix, which maps vec(X) to vec(Xᵀ), for X with these rows and columns."""
    return sp.MatrixSymbol(f"K({rows},{columns})", rows * columns, rows * columns)


def _with_data(word: Word, fields: Sequence[Any]) -> _Term | None:
    """The word as L x yᵀ R, or None without data."""
    places = [k for k, f in enumerate(word.factors) if f in fields or flipped(f) in fields]
    if not places:
        return None
    name = " ".join(map(str, word.factors))
    if len(places) != 2:
        raise InputError(
            f"the gradient has the term {name}, of degree {len(places)} in the data: its noise is a matrix expression "
            "for degree 2 only. Write the matrices out for a definite size and take `LearningRule`."
        )
    first, second = places
    if second != first + 1 or word.factors[first] not in fields or word.factors[second] in fields:
        raise InputError(
            f"the gradient has the term {name}, where a number stands between the columns: write it as x·xᵀ times what "
            "follows, or take `LearningRule` with a definite size."
        )
    f = word.factors
    return _Term(word.coefficient, f[:first], f[first], flipped(f[second]), f[second + 1 :])


def _on_direction(polynomial: Sequence[Word], values: Table) -> Any:
    """A polynomial of matrices that are diagonal in one basis, on one direction of it."""
    total = sp.S.Zero
    for coefficient, factors in polynomial:
        total += coefficient * sp.Mul(*(evaluate(factor, values, NUMBERS) for factor in factors))
    return total


def _times(*factors: Any) -> Any:
    return sp.MatMul(*factors).doit(deep=False)


def _sum(parts: Sequence[Any], shape: tuple[Any, Any]) -> Any:
    return sp.MatAdd(*parts).doit(deep=False) if parts else sp.ZeroMatrix(*shape)


def _size(matrix: Any) -> Any:
    return matrix.shape[0] * matrix.shape[1]


def _numpy(scalars: Table) -> Ring:
    """The operations of matrix words in NumPy, with numbers for scalars and sizes."""

    def number(value: Any) -> float:
        found = sp.sympify(value, strict=True).subs(scalars)
        if found.free_symbols:
            raise InputError(f"`values` must hold a number for {', '.join(map(str, found.free_symbols))}.")
        return float(found)

    def size(value: Any) -> int:
        return int(number(value))

    return Ring(
        times=np.matmul, transpose=np.transpose, inverse=np.linalg.inv, identity=lambda rows: np.eye(size(rows)),
        zero=lambda rows, columns: np.zeros((size(rows), size(columns))), number=number, kronecker=np.kron,
    )  # fmt: skip
