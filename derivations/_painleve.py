r"""The Tracy-Widom laws from Painlevé II, to 40 digits, and the table that the library evaluates.

``python -m derivations._painleve`` rewrites ``coulombgas/laws/tracy_widom.json``.

With :math:`q'' = sq + 2q^3`, :math:`q \sim \mathrm{Ai}(s)` at +∞, :math:`R = q'^2 - sq^2 - q^4`,
:math:`I = \int_s^\infty q` and :math:`J = \int_s^\infty R` (C. A. Tracy, H. Widom, Commun. Math. Phys. 177 (1996) 727):

.. math:: F_2 = e^{-J}, \qquad F_1 = e^{-(I+J)/2}, \qquad F_4 = e^{-J/2}\cosh(I/2).

q is integrated by Taylor series from s = 24, where it is the Airy function to 100 digits, to s = −16; from there on the
asymptotic series takes over.
"""

import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np

import coulombgas.laws

TABLE = Path(coulombgas.laws.__file__).with_name("tracy_widom.json")
EDGES = {1: (-6.5, 3.5), 2: (-6.5, 3.0), 4: (-7.5, 2.5)}
"""Boundaries between the left tail, the middle and the right tail of the table, in the Painlevé variable s."""
_START, _END, _STEP, _ORDER, _DIGITS = 24, -16, 0.25, 64, 120
_NUM_TERMS = 16
_NUM_COEFFICIENTS = {"density": (14, 34, 20), "logit": (16, 46, 20)}


class HastingsMcLeod:
    """q, R, I and J at any s, as mpmath numbers."""

    def __init__(self) -> None:
        with mp.workdps(_DIGITS):
            self._pieces = _taylor_pieces()
            self._series = _left_series()
            end = mp.mpf(_END)
            _, _, i, j = self._from_pieces(end)
            _, _, i_series, j_series = self._from_series(end, mp.mpf(0), mp.mpf(0))
            self.constants = (i - i_series, j - j_series)

    def __call__(self, s: Any) -> tuple[Any, Any, Any, Any]:
        """(q, R, I, J)."""
        with mp.workdps(_DIGITS):
            s = mp.mpf(s)
            if s > _START:
                return _airy_values(s)
            return self._from_series(s, *self.constants) if s < _END else self._from_pieces(s)

    def _from_pieces(self, s: Any) -> tuple[Any, Any, Any, Any]:
        number = min(int((_START - s) / mp.mpf(_STEP)), len(self._pieces) - 1)
        q, i, j = self._pieces[number]
        h = s - (_START - number * mp.mpf(_STEP))
        value, slope = mp.polyval(q[::-1], h, derivative=True)
        return value, slope**2 - s * value**2 - value**4, mp.polyval(i[::-1], h), mp.polyval(j[::-1], h)

    def _from_series(self, s: Any, c_i: Any, c_j: Any) -> tuple[Any, Any, Any, Any]:
        t = -s
        q, r, i, j = (
            mp.polyval([mp.mpf(c.numerator) / c.denominator for c in reversed(row)], t**-3) for row in self._series
        )
        root = mp.sqrt(t / 2)
        return root * q, t**2 * r, root * t * i + c_i, t**3 * j + mp.log(t) / 8 + c_j


def log_density_and_logit(solution: HastingsMcLeod, beta: int, s: Any) -> tuple[Any, Any]:
    """log F'(s) and log F/(1 − F) with s the Painlevé variable (for β = 4 the usual variable is s/√2)."""
    with mp.workdps(_DIGITS):
        q, r, i, j = solution(s)
        if beta == 2:
            log_cdf, slope = -j, r
        elif beta == 1:
            log_cdf, slope = -(i + j) / 2, (r + q) / 2
        else:
            log_cdf, slope = mp.log1p(2 * mp.sinh(i / 4) ** 2) - j / 2, (r - q * mp.tanh(i / 2)) / 2
        return mp.log(slope) + log_cdf, log_cdf - mp.log(-mp.expm1(log_cdf))


def make_table() -> dict[str, Any]:
    """Chebyshev coefficients of the three panels, means and variances, for β = 1, 2, 4."""
    solution = HastingsMcLeod()
    with mp.workdps(_DIGITS):
        return {
            str(beta): {"edges": list(edges)} | _panels(solution, beta) | _moments(solution, beta)
            for beta, edges in EDGES.items()
        }


def _panels(solution: HastingsMcLeod, beta: int) -> dict[str, Any]:
    low, high = (mp.mpf(edge) for edge in EDGES[beta])
    power = mp.mpf(-3) / 2
    spans: list[tuple[Any, Any, Callable[[Any], Any]]] = [
        (mp.mpf(0), (-low) ** power, lambda z: -(z ** (1 / power))),
        (low, high, lambda s: s),
        (mp.mpf(0), high**power, lambda z: z ** (1 / power)),
    ]
    out: dict[str, Any] = {"density": [], "logit": []}
    for index, kind in enumerate(out):
        for panel, (start, stop, to_s) in enumerate(spans):
            count = _NUM_COEFFICIENTS[kind][panel]
            nodes = [to_s((start + stop) / 2 + (stop - start) / 2 * x) for x in _chebyshev_nodes(count)]
            rest = [
                log_density_and_logit(solution, beta, s)[index]
                - (0 if panel == 1 else leading(beta, kind, s, left=panel == 0))
                for s in nodes
            ]
            out[kind].append([float(c) for c in _chebyshev_coefficients(rest)])
    return out


def leading(beta: int, kind: str, s: Any, *, left: bool) -> Any:
    """What is subtracted from the tails of the log density (kind "density") or the logit ("logit") before
    tabulation."""
    density = kind == "density"
    if left:
        t = -s
        sign, half = {1: -1, 2: 0, 4: 1}[beta], mp.mpf(1 if beta == 2 else 0.5)
        value = -half * (t**3 / 12 + mp.log(t) / 8) + sign * t * mp.sqrt(t) / (3 * mp.sqrt(2))
        return value + 2 * mp.log(t) if density else value
    rate = mp.mpf(2 if beta == 1 else 4) / 3
    power = mp.mpf({1: 0.75, 2: 1.5, 4: 3.0}[beta])
    value = -rate * s * mp.sqrt(s) - (power - mp.mpf(0.5 if density else 0)) * mp.log(s)
    return value if density else -value


def _moments(solution: HastingsMcLeod, beta: int) -> dict[str, float]:
    """Mean and variance in the usual variable, by Gauss-Legendre quadrature of the density."""
    scale = mp.sqrt(2) if beta == 4 else mp.mpf(1)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    moments = [mp.mpf(0)] * 3
    for start in range(-13, 18):
        for x, w in zip(nodes, weights, strict=True):
            s = start + (mp.mpf(x) + 1) / 2
            mass = mp.mpf(w) / 2 * mp.exp(log_density_and_logit(solution, beta, s)[0])
            moments = [m + mass * (s / scale) ** k for k, m in enumerate(moments)]
    if abs(moments[0] - 1) > 1e-13:
        raise ArithmeticError(f"the density for beta = {beta} has mass {moments[0]}")
    return {"mean": float(moments[1]), "variance": float(moments[2] - moments[1] ** 2)}


def _airy_values(s: Any) -> tuple[Any, Any, Any, Any]:
    ai, dai = mp.airyai(s), mp.airyai(s, derivative=1)
    with mp.extradps(int(0.6 * float(s) ** 1.5)):  # the integral is a difference of the size of Ai itself
        i = mp.mpf(1) / 3 - mp.airyai(s, derivative=-1)
    r = dai**2 - s * ai**2
    j = (2 * s**2 * ai**2 - 2 * s * dai**2 - ai * dai) / 3
    return ai, r, i, j


def _taylor_pieces() -> list[tuple[list[Any], list[Any], list[Any]]]:
    """Coefficients of q, I and J in powers of (s − start) on every step from +24 down to −16."""
    start, h = mp.mpf(_START), -mp.mpf(_STEP)
    ai, _, i, j = _airy_values(start)
    slope = mp.airyai(start, derivative=1)
    pieces = []
    for _ in range(int((_START - _END) / _STEP)):
        q = _taylor(ai, slope, start)
        square = _multiply(q, q)
        dq = [(k + 1) * q[k + 1] for k in range(_ORDER)]
        shifted = [start * square[k] + (square[k - 1] if k else 0) for k in range(_ORDER)]
        r = [a - b - c for a, b, c in zip(_multiply(dq, dq), shifted, _multiply(square, square), strict=False)]
        i_row = [i, *(-q[k] / (k + 1) for k in range(_ORDER))]
        j_row = [j, *(-r[k] / (k + 1) for k in range(_ORDER))]
        pieces.append((q, i_row, j_row))
        ai, slope = mp.polyval(q[::-1], h, derivative=True)
        i, j = mp.polyval(i_row[::-1], h), mp.polyval(j_row[::-1], h)
        start += h
    return pieces


def _taylor(value: Any, slope: Any, s: Any) -> list[Any]:
    """Taylor coefficients of the solution of q'' = sq + 2q³ around s."""
    q, square = [value, slope], []
    for k in range(_ORDER - 1):
        square.append(mp.fdot(q[: k + 1], q[k::-1]))
        cube = mp.fdot(square, q[k::-1])
        below = q[k - 1] if k else 0
        q.append((s * q[k] + below + 2 * cube) / ((k + 1) * (k + 2)))
    return q


def _multiply(a: Sequence[Any], b: Sequence[Any]) -> list[Any]:
    size = min(len(a), len(b))
    return [mp.fdot(a[: k + 1], b[k::-1]) for k in range(size)]


def _left_series() -> tuple[list[Fraction], ...]:
    """Series in t^{−3}, t = −s, of q/√(t/2), R/t², I/(t√(t/2)), J/t³ (these two without constant and logarithm)."""
    v = [Fraction(1)]
    for n in range(_NUM_TERMS):
        trial = [*v, Fraction(0)]
        lower = _cauchy(_cauchy(trial, trial), trial)[n + 1]
        v.append((v[n] * (9 * n * n - Fraction(1, 4)) - lower) / 2)
    slope = [c * (Fraction(1, 2) - 3 * n) for n, c in enumerate(v)]  # √t v differentiated, times √t
    square = _cauchy(v, v)
    fourth, slope_square = _cauchy(square, square), _cauchy(slope, slope)
    r = [square[n] / 2 - fourth[n] / 4 + (slope_square[n - 1] / 2 if n else 0) for n in range(len(v))]
    i = [c / (Fraction(3, 2) - 3 * n) for n, c in enumerate(v)]
    j = [Fraction(0) if n == 1 else c / (3 - 3 * n) for n, c in enumerate(r)]
    return v, r, i, j


def _cauchy(a: Sequence[Fraction], b: Sequence[Fraction]) -> list[Fraction]:
    return [sum((a[i] * b[k - i] for i in range(k + 1)), Fraction(0)) for k in range(len(a))]


def _chebyshev_nodes(count: int) -> list[Any]:
    return [mp.cos(mp.pi * (2 * k + 1) / (2 * count)) for k in range(count)]


def _chebyshev_coefficients(values: Sequence[Any]) -> list[Any]:
    count = len(values)
    angles = [mp.pi * (2 * k + 1) / (2 * count) for k in range(count)]
    return [
        mp.fsum(v * mp.cos(n * a) for v, a in zip(values, angles, strict=True)) * (1 if n == 0 else 2) / count
        for n in range(count)
    ]


if __name__ == "__main__":
    TABLE.write_text(json.dumps(make_table(), indent=1) + "\n", encoding="utf-8")
