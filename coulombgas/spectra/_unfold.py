"""Unfolding: levels of any smooth density become levels of mean spacing one, with a diagnosis of the smoothing."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from coulombgas._checks import InputError, check_choice, check_count, check_finite_array, check_positive
from coulombgas.laws import mp_cdf

from ._smoothing import SmoothingDiagnosis, diagnose_smoothing

METHODS = ("marchenko-pastur", "polynomial", "spline", "kernel")
MIN_LEVELS = 12


class Unfolding(NamedTuple):
    """Unfolded levels and how they were obtained."""

    levels: np.ndarray
    """Unfolded levels, ascending, mean spacing about one, shape (n,)."""
    kept: slice
    """The range of given levels that they come from: outliers are left out at both ends."""
    method: str
    """Which method of :func:`unfold`."""
    diagnosis: SmoothingDiagnosis
    """Whether the smooth density follows the levels too closely or not closely enough."""

    @property
    def spacings(self) -> np.ndarray:
        """Spacings divided by their mean, shape (n − 1,)."""
        gaps = np.diff(self.levels)
        return gaps / gaps.mean()

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings of the diagnosis, in words."""
        return self.diagnosis.warnings


def unfold(
    levels: np.ndarray,
    *,
    method: str = "spline",
    outliers: tuple[int, int] | None = None,
    variance: float | int | None = None,
    rows: float | int | None = None,
    columns: float | int | None = None,
    degree: int = 9,
    num_knots: int | None = None,
    bandwidth: float | int | None = None,
) -> Unfolding:
    r"""Map levels x_i to :math:`u_i = \bar N(x_i)` with a smooth counting function :math:`\bar N`.

    ``marchenko-pastur``: the analytic law, for a matrix at initialisation; ``polynomial``: Chebyshev polynomial of
    ``degree`` through the staircase; ``spline``: least-squares cubic spline with knots at quantiles of the levels;
    ``kernel``: sum of Gaussian integrals whose widths are ``bandwidth`` local mean spacings, mirrored at the ends.

    Args:
        levels: one spectrum, ascending, shape (n,).
        method: one of the four above.
        outliers: how many levels to leave out at the lower and upper end; by default isolated levels, whose spacing
            exceeds 6 times the local mean.
        variance: variance of the entries (``marchenko-pastur`` only).
        rows: longer side of the matrix, real-valued (``marchenko-pastur`` only).
        columns: shorter side (``marchenko-pastur`` only).
        degree: degree of the polynomial.
        num_knots: inner knots of the spline; 1 + √n/2, but 3 to 64, by default.
        bandwidth: width of the kernel in mean spacings; 4 + √n/2, but at most 20, by default.

    Raises:
        InputError: for fewer than 12 levels, levels that do not ascend, or a missing parameter.
    """
    array = check_finite_array("levels", levels, ndim=1)
    check_choice("method", method, METHODS)
    if (np.diff(array) < 0).any():
        raise InputError("`levels` must ascend: sort them first.")
    low, high = isolated_levels(array) if outliers is None else (check_count("outliers", k, 0) for k in outliers)
    kept = slice(low, array.size - high)
    inner = array[kept]
    if inner.size < MIN_LEVELS:
        raise InputError(f"`levels` must hold at least {MIN_LEVELS} levels besides outliers, got {inner.size}.")
    if inner[-1] <= inner[0]:
        raise InputError("`levels` are all equal: there is nothing to unfold.")
    smooth = _counting_function(method, variance, rows, columns, degree, num_knots, bandwidth)
    unfolded = smooth(inner)
    return Unfolding(np.maximum.accumulate(unfolded), kept, method, diagnose_smoothing(unfolded))


def isolated_levels(levels: np.ndarray, *, factor: float | int = 6.0, window: int = 10) -> tuple[int, int]:
    """Number of isolated levels at the lower and the upper end: beyond a gap of ``factor`` local mean spacings.

    The local mean is that of the ``window`` spacings further inside; at most a tenth of the levels at each end.
    """
    return _isolated(levels, factor, window), _isolated(-levels[::-1], factor, window)


def _isolated(levels: np.ndarray, factor: float | int, window: int) -> int:
    gaps = np.diff(levels)
    last = min(levels.size // 10, gaps.size - window - 1)
    if last < 1:
        return 0
    inside = np.lib.stride_tricks.sliding_window_view(gaps[1 : last + window], window).mean(axis=1)
    apart = np.flatnonzero(gaps[:last] > factor * inside)
    return int(apart[-1]) + 1 if apart.size else 0


def _counting_function(
    method: str,
    variance: float | int | None,
    rows: float | int | None,
    columns: float | int | None,
    degree: int,
    num_knots: int | None,
    bandwidth: float | int | None,
) -> Callable[[np.ndarray], np.ndarray]:
    """A function from levels to their unfolded values, by the method's checked options."""
    if method == "marchenko-pastur":
        if variance is None or rows is None or columns is None:
            raise InputError("`variance`, `rows` and `columns` must be given for method 'marchenko-pastur'.")
        law = (check_positive("variance", variance), check_positive("rows", rows), check_positive("columns", columns))
        return lambda x: min(law[1], law[2]) * mp_cdf(x, *law)
    if method == "polynomial":
        return lambda x: _polynomial(x, check_count("degree", degree))
    if method == "kernel":
        return lambda x: _kernel(x, bandwidth)
    return lambda x: _spline(x, num_knots)


def _polynomial(x: np.ndarray, degree: int) -> np.ndarray:
    basis = np.polynomial.chebyshev.chebvander(2 * (x - x[0]) / (x[-1] - x[0]) - 1, min(degree, x.size // 3))
    orthonormal = np.linalg.qr(basis)[0]
    return orthonormal @ (orthonormal.T @ (np.arange(x.size) + 0.5))


def _spline(x: np.ndarray, num_knots: int | None) -> np.ndarray:
    """The staircase fitted by cubic splines with knots at quantiles, at most one for six levels."""
    from scipy.interpolate import make_lsq_spline

    wanted = (
        np.clip(round(np.sqrt(x.size) / 2) + 1, 3, 64) if num_knots is None else check_count("num_knots", num_knots)
    )
    count = min(int(wanted), max(x.size // 6, 1))
    inner = np.unique(np.quantile(x, np.arange(1, count + 1) / (count + 1)))
    inner = inner[(inner > x[0]) & (inner < x[-1])]
    knots = np.concatenate([[x[0]] * 4, inner, [x[-1]] * 4])
    return make_lsq_spline(x, np.arange(x.size) + 0.5, knots, k=3)(x)


def _kernel(x: np.ndarray, width: float | int | None) -> np.ndarray:
    """The staircase smoothed by Gaussians of ``width`` mean spacings."""
    from scipy.special import ndtr

    bandwidth = min(4 + np.sqrt(x.size) / 2, 20.0) if width is None else check_positive("bandwidth", width)
    reach = int(min(np.ceil(4 * bandwidth), x.size - 1))
    half = int(np.clip(round(bandwidth), 2, (x.size - 1) // 2))
    # mirror the staircase at both ends, so that it does not fall off within a kernel width
    mirrored = np.concatenate([2 * x[0] - x[reach:0:-1], x, 2 * x[-1] - x[-2 : -2 - reach : -1]])
    index = np.arange(mirrored.size)
    near, far = np.clip(index - half, 0, None), np.clip(index + half, None, mirrored.size - 1)
    widths = bandwidth * np.maximum((mirrored[far] - mirrored[near]) / (far - near), np.finfo(float).tiny)
    rows = np.arange(x.size)[:, None] + np.arange(2 * reach + 1)
    counts = ndtr((x[:, None] - mirrored[rows]) / widths[rows]).sum(axis=1)
    return np.arange(x.size) - reach + counts
