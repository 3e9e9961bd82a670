r"""From a stochastic matrix to its stochastic eigenvalues, by second-order perturbation theory done symbolically."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from coulombgas._checks import InputError

from ._eigenvalue_sde import EigenvalueSDE
from ._matrix_noise import UNITS, hermitian_noise, level_symbols, rectangular_noise, scaled
from ._wick import gaussian_average

Pairwise = Any | Callable[[Any, Any], Any]


def eigenvalue_shifts(levels: Sequence[Any], perturbation: Any, index: int) -> tuple[Any, tuple[Any, ...]]:
    r"""First- and second-order shift of the eigenvalue ``index`` of X + εM, X = diag(levels).

    Eliminating the other levels leaves

    .. math:: \lambda=x_i+\epsilon M_{ii}+\epsilon^2\sum_{jk\ne i}M_{ij}[(\lambda-X-\epsilon M)^{-1}]_{jk}M_{ki}

    in which the resolvent is needed at order zero only: it is 1/(x_i − x_j). With d×d blocks (quaternions, d = 2) the
    d-fold level must stay together. :func:`shifts_from_determinant` computes the same from the characteristic
    polynomial.

    Args:
        levels: the n unperturbed, distinct eigenvalues.
        perturbation: M, an (n d, n d) matrix.
        index: which level.

    Returns:
        a, and the n numerators c_j of the second order :math:`b=\sum_{j\ne i}c_j/(x_i-x_j)` (c_i = 0).

    Raises:
        InputError: the shapes do not fit, or the perturbation splits a d-fold level.
    """
    size = len(levels)
    block, rest = divmod(perturbation.rows, size)
    if rest or perturbation.cols != perturbation.rows:
        raise InputError(f"`perturbation` must be a square matrix of {size} blocks, got {perturbation.shape}.")

    def part(i: int, j: int) -> Any:
        return perturbation[i * block : (i + 1) * block, j * block : (j + 1) * block]

    first = _scalar(part(index, index))
    numerators = [sp.S.Zero if j == index else _scalar(part(index, j) * part(j, index)) for j in range(size)]
    return first, tuple(numerators)


def shifts_from_determinant(levels: Sequence[Any], perturbation: Any, index: int) -> tuple[Any, Any]:
    r"""First- and second-order shift (a, b) of one eigenvalue from the characteristic polynomial alone.

    The branch :math:`\lambda=x_i+\epsilon a+\epsilon^2b` of
    :math:`p(\lambda,\epsilon)=\det(\lambda-X-\epsilon M)=0` has :math:`a=-p_\epsilon/p_\lambda` and
    :math:`b=-(p_{\epsilon\epsilon}+2a\,p_{\lambda\epsilon}+a^2p_{\lambda\lambda})/(2p_\lambda)`.

    Args:
        levels: the n unperturbed, different eigenvalues.
        perturbation: M, an (n, n) matrix.
        index: which level.
    """
    value, eps = sp.symbols("lambda epsilon")
    size = len(levels)
    polynomial = (value * sp.eye(size) - sp.diag(*levels) - eps * perturbation).det(method="berkowitz")
    start = {value: levels[index], eps: 0}

    def slope(*variables: sp.Symbol) -> sp.Expr:
        return sp.diff(polynomial, *variables).subs(start)

    first = sp.cancel(-slope(eps) / slope(value))
    second = slope(eps, eps) + 2 * first * slope(value, eps) + first**2 * slope(value, value)
    return first, sp.apart(sp.cancel(-second / (2 * slope(value))), levels[index])


def _scalar(block: Any) -> Any:
    """The number c of a block c·1; an error if the block splits the level."""
    difference = (block - block[0, 0] * sp.eye(block.rows)).applyfunc(sp.expand)
    if difference != sp.zeros(block.rows):
        raise InputError(
            "`perturbation` splits a degenerate level: its blocks are not real, complex or quaternion numbers."
        )
    return sp.expand(block[0, 0])


@dataclass(frozen=True)
class MatrixSDE:
    r"""One infinitesimal step of a Hermitian matrix, written in its own eigenbasis.

    :math:`X={\rm diag}(x)\otimes1_d,\quad dX=A\,dt+M(w)\sqrt{dt}+Q(w)\,dt` with M linear and Q quadratic in independent
    standard normals w. :attr:`eigenvalues` is the process that the eigenvalues follow.

    Args:
        levels: symbols of the n eigenvalues.
        drift: A, an (n d, n d) matrix.
        noise: M, an (n d, n d) Hermitian matrix, linear in the normals.
        normals: the symbols w.
        quadratic: Q, of which only the average enters; zero unless given.

    Raises:
        InputError: the noise is not linear in the normals, not Hermitian, or the shapes differ.

    ALP24 (arXiv:2407.16427), (7), (62). :meth:`symmetric`, :meth:`rectangular` and :meth:`multiplicative` build the
    cases met in learning; a user's own noise goes into the constructor.
    """

    levels: tuple[sp.Symbol, ...]
    drift: Any
    noise: Any
    normals: tuple[sp.Symbol, ...]
    quadratic: Any = None

    def __post_init__(self) -> None:
        size = self.noise.rows
        if self.noise.cols != size or size % len(self.levels):
            raise InputError(f"`noise` must be a square matrix of {len(self.levels)} blocks, got {self.noise.shape}.")
        if self.drift.shape != self.noise.shape:
            raise InputError(f"`drift` must have the shape {self.noise.shape} of the noise, got {self.drift.shape}.")
        if any(not _is_linear(entry, self.normals) for entry in self.noise):
            raise InputError("`noise` must be linear in the normals; second-order terms belong to `quadratic`.")
        if (self.noise - _adjoint(self.noise, self.normals)).applyfunc(sp.expand) != sp.zeros(size):
            raise InputError("`noise` must be Hermitian, so that the eigenvalues stay real.")

    @classmethod
    def symmetric(
        cls, size: int, *, beta: int = 1, noise: Any = None, drift: Callable[[Any], Any] | Sequence[Any] | None = None
    ) -> "MatrixSDE":
        r"""Additive invariant noise on a real symmetric, complex Hermitian or quaternion self-dual matrix.

        :math:`\langle dX_{ij}^2\rangle=g^2(1+\delta_{ij})\,dt` for each of the beta real components.

        Args:
            size: number n of eigenvalues.
            beta: 1, 2 or 4.
            noise: g, a symbol unless given.
            drift: K, a function of one eigenvalue or n expressions; symbols K_i unless given.

        ALP24 (62); AHLP24 (arXiv:2411.13512).
        """
        levels = level_symbols(size)
        strength = sp.Symbol("g", positive=True) if noise is None else sp.sympify(noise, strict=True)
        matrix, normals = hermitian_noise(size, beta)
        return cls(levels, _drift_matrix(levels, drift, beta), strength * matrix, normals)

    @classmethod
    def rectangular(
        cls, rows: Any, columns: int, *, beta: int = 1, diffusion: Any = None, decay: Any = 0
    ) -> "MatrixSDE":
        r"""X = W†W of a rectangular matrix with independent noise on every element (Bru's Wishart process).

        :math:`dW=-\Gamma W\,dt+\sqrt{2D}\,dB` for each of the beta real components, W of shape (rows, columns). In the
        singular basis of W the rows beyond the square part are zero: their noise enters X only at second order.

        Args:
            rows: M ≥ columns, an integer or a symbol.
            columns: number N of eigenvalues.
            beta: 1, 2 or 4.
            diffusion: D, a symbol unless given.
            decay: :math:`\Gamma`, a number, a symbol or a function of the eigenvalue.

        Derived here; see derivations/rectangular_dyson. ALP24 (6), (7) with WᵀW.
        """
        rows = sp.sympify(rows, strict=True)
        if rows.is_number and rows < columns:
            raise InputError(f"`rows` must be at least `columns` = {columns}, got {rows}: use X = W W† instead.")
        levels = tuple(sp.symbols(f"x_1:{columns + 1}", positive=True))
        step = sp.sqrt(2 * (sp.Symbol("D", positive=True) if diffusion is None else sp.sympify(diffusion, strict=True)))
        linear, quadratic, normals = rectangular_noise([sp.sqrt(x) for x in levels], rows, beta)
        drift = _drift_matrix(levels, lambda x: -2 * _at(decay, x) * x, beta)
        return cls(levels, drift, step * linear, normals, step**2 * quadratic)

    @classmethod
    def multiplicative(cls, size: int, *, variance: Pairwise, rate: Any = None) -> "MatrixSDE":
        r"""X' = W'ᵀW' of W' = W(1 + Δ) with a symmetric random Δ: the structure of the Gaussian RBM's gradient.

        :math:`\langle\Delta_{ij}^2\rangle=c_{ij}(1+\delta_{ij})\,dt,\ \langle\Delta_{ii}\rangle=r_i(x_i)\,dt`, so that
        :math:`dX=\Delta X+X\Delta+\Delta X\Delta`.

        Args:
            size: number of eigenvalues.
            variance: c, a number, a symbol, a symmetric function of two eigenvalues, or a symmetric matrix of
                expressions, for levels of unequal noise.
            rate: r, the mean of Δ as a function of the eigenvalue, or one function or expression for each level:
                labelled targets. Zero unless given.

        ALP24 (24), (81)-(92); derived here, see derivations/matrix_ou.
        """
        levels = tuple(sp.symbols(f"x_1:{size + 1}", positive=True))
        table = _pairwise(variance, levels)
        pure, normals = hermitian_noise(size, 1)
        delta = sp.Matrix(size, size, lambda i, j: pure[i, j] * sp.sqrt(table[i, j]))
        diagonal = sp.diag(*levels)
        flow = [2 * x * r for x, r in zip(levels, _each(rate, levels), strict=True)]
        drift = _drift_matrix(levels, flow, 1)
        return cls(levels, drift, delta * diagonal + diagonal * delta, normals, delta * diagonal * delta)

    @property
    def block(self) -> int:
        """Degeneracy d of every level: 2 for quaternions, else 1."""
        return self.noise.rows // len(self.levels)

    @cached_property
    def eigenvalues(self) -> EigenvalueSDE:
        r"""The process of the eigenvalues.

        For every level the first-order shift gives drift and noise, the average of the second-order shift the Coulomb
        terms, the average of the quadratic part the Itô term. ALP24 (9), (63).
        """
        size, step = len(self.levels), self.block
        shifts = [eigenvalue_shifts(self.levels, self.noise, i) for i in range(size)]
        quadratic = sp.zeros(*self.noise.shape) if self.quadratic is None else self.quadratic
        diagonal = range(0, size * step, step)
        return EigenvalueSDE(
            self.levels,
            drift=tuple(self.drift[i, i] for i in diagonal),
            ito=tuple(sp.factor(self._average(quadratic[i, i])) for i in diagonal),
            coupling=sp.ImmutableMatrix(size, size, lambda i, j: sp.factor(self._average(shifts[i][1][j]))),
            diffusion=sp.ImmutableMatrix(
                size, size, lambda i, j: sp.factor(self._average(shifts[i][0] * shifts[j][0]))
            ),
        )

    def _average(self, expression: Any) -> Any:
        return gaussian_average(expression, self.normals, lambda a, b: sp.S(1 if a == b else 0))


def _pairwise(variance: Any, levels: Sequence[Any]) -> Any:
    size = len(levels)
    if isinstance(variance, sp.MatrixBase | list | tuple):
        table = sp.Matrix(variance)
        if table.shape != (size, size) or table != table.T:
            raise InputError(f"`variance` must be a symmetric matrix of shape {(size, size)}, got {table}.")
        return table
    return sp.Matrix(size, size, lambda i, j: variance(levels[i], levels[j]) if callable(variance) else variance)


def _each(rate: Any, levels: Sequence[Any]) -> list[Any]:
    """One expression for each level from nothing, one function, or one function or expression for each."""
    rates = list(rate) if isinstance(rate, list | tuple | sp.Tuple) else [rate] * len(levels)
    if len(rates) != len(levels):
        raise InputError(f"`rate` must have {len(levels)} entries, one for each level, got {len(rates)}.")
    return [sp.S.Zero if r is None else _at(r, x) for r, x in zip(rates, levels, strict=True)]


def _at(value: Any, x: Any) -> Any:
    return value(x) if callable(value) else value


def _drift_matrix(levels: Sequence[Any], drift: Any, beta: int) -> Any:
    if drift is None:
        entries = [sp.Function(f"K_{i + 1}")(x) for i, x in enumerate(levels)]
    else:
        entries = [drift(x) for x in levels] if callable(drift) else list(drift)
    if len(entries) != len(levels):
        raise InputError(f"`drift` must have {len(levels)} entries, got {len(entries)}.")
    return scaled(entries, UNITS[beta][0].rows)


def _is_linear(entry: Any, normals: Sequence[sp.Symbol]) -> bool:
    entry = sp.expand(entry)
    return entry == sp.expand(sum(entry.coeff(w, 1) * w for w in normals))


def _adjoint(matrix: Any, normals: Sequence[sp.Symbol]) -> Any:
    # every symbol is real and every root is of a non-negative number, so conjugation only changes the sign of i
    return matrix.T.applyfunc(lambda e: sum(sp.expand(e).coeff(w, 1).subs(sp.I, -sp.I) * w for w in normals))
