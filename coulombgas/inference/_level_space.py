"""Levels given in another form than the model's: singular values for squares, precision eigenvalues, other scales."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from coulombgas._checks import InputError

LevelKind = Literal["eigenvalues", "squared-singular-values", "singular-values"]
_FAR = 2.0  # widths: temperature moves mean levels too, in a hot RBM by about one width
_BETTER = 2.5  # factor by which a transformation must bring the levels nearer
_NEAR = 3.0  # widths: how near every group must come
_WIDTH_RATIO = 10.0  # and with a width of the right order
_EQUAL = 1e-3  # relative to the largest level: one group


class WrongSpace(NamedTuple):
    """Whether levels are given in another form than the model's."""

    distance: float
    """Distance of the given levels from those of the model, in widths, root mean square over the groups."""
    formula: str
    """The transformation of the levels, as Python code; empty if they are as expected or no known one fits."""
    refusal: str
    """Text of the :class:`InputError` to raise, empty with ``formula``."""


class _Transformation(NamedTuple):
    meaning: str
    verb: str
    formula: str
    levels: np.ndarray
    slope: np.ndarray


def find_level_space(
    mean: np.ndarray,
    width: np.ndarray,
    expected: np.ndarray,
    expected_width: np.ndarray,
    kind: LevelKind,
    *,
    mu2: float | None = None,
    sigma_h2: float | None = None,
    sizes: Sequence[int] = (),
) -> WrongSpace:
    """Find the transformation that turns levels far from the model's into the model's.

    Compares the means of groups of equal levels. Transformations are tried if these are more than two widths off (root
    mean square), and accepted if every fluctuating group is then within three widths, 2.5 times nearer overall, with a
    width of the right order.

    Args:
        mean: mean levels of the data, shape (mode,).
        width: their standard deviations, shape (mode,).
        expected: levels at the fixed point, shape (mode,).
        expected_width: their predicted standard deviations, 0 for a level that does not fluctuate, shape (mode,).
        kind: kind of the model's levels.
        mu2: μ² of an RBM.
        sigma_h2: σ_h² of an RBM.
        sizes: dimensions of the weight matrix, by which levels may have been scaled; the number of levels if not given.

    Returns:
        ``refusal`` names the transformation, such as "square them: eigenvalue = s**2".
    """
    mean, width, expected, expected_width = (np.asarray(x, np.float64) for x in (mean, width, expected, expected_width))
    order = np.argsort(expected)
    target = _Target(expected[order], expected_width[order])
    if not (expected_width > 0).any():
        return WrongSpace(0.0, "", "")
    as_is = _rms(_distances(mean, width, target))
    if as_is <= _FAR:
        return WrongSpace(as_is, "", "")
    fits = []
    for candidate in _transformations(mean, width, kind, mu2, sigma_h2, sizes or (len(mean),)):
        own = np.abs(candidate.slope) * width
        distances = _distances(candidate.levels, own, target)
        if _plausible(own, target) and distances.max() <= _NEAR and _rms(distances) <= as_is / _BETTER:
            fits.append((_rms(distances), candidate))
    if not fits:
        return WrongSpace(as_is, "", "")
    found = min(fits, key=lambda fit: fit[0])[1]
    refusal = (
        f"`eigenvalue` holds {found.meaning}, {as_is:.0f} widths from the levels of the model: "
        f"{found.verb}: {found.formula}."
    )
    return WrongSpace(as_is, found.formula, refusal)


def refuse_other_space(
    levels: np.ndarray, expected: np.ndarray, expected_width: np.ndarray, kind: LevelKind, config: Mapping[str, Any]
) -> None:
    """Refuse levels (replica, mode) that are a known function of the model's levels instead of the levels themselves.

    ``config`` is the model's configuration, for the numbers that such functions contain.

    Raises:
        InputError: naming the transformation that fits.
    """
    if len(levels) < 2:
        return
    sizes = [config[name] for name in ("num_visible", "num_hidden") if name in config]
    found = find_level_space(
        levels.mean(axis=0), levels.std(axis=0), expected, expected_width, kind, mu2=config.get("mu2"),
        sigma_h2=config.get("sigma_h2"), sizes=sizes,
    )  # fmt: skip
    if found.refusal:
        raise InputError(found.refusal)


class _Target(NamedTuple):
    """Levels of the model, ascending, and their widths."""

    levels: np.ndarray
    width: np.ndarray


def _distances(levels: np.ndarray, width: np.ndarray, target: _Target) -> np.ndarray:
    """Distance of each fluctuating group from its position in the model, in the larger of the two widths."""
    order = np.argsort(levels)
    levels, width = levels[order], width[order]
    gaps = np.diff(target.levels) > _EQUAL * np.abs(target.levels).max()
    groups = np.split(np.arange(len(levels)), np.flatnonzero(gaps) + 1)
    alive = [group for group in groups if (target.width[group] > 0).all()]
    shift = np.array([levels[group].mean() - target.levels[group].mean() for group in alive])
    wide = np.array([max(width[group].mean(), target.width[group].mean()) for group in alive])
    return np.abs(shift) / wide


def _plausible(width: np.ndarray, target: _Target) -> bool:
    """Whether the typical width of transformed levels is within a factor of ten of the model's."""
    ratio = np.median(width) / np.median(target.width[target.width > 0])
    return bool(1 / _WIDTH_RATIO < ratio < _WIDTH_RATIO)


def _rms(distances: np.ndarray) -> float:
    return float(np.sqrt((distances**2).mean())) if distances.size else 0.0


def _transformations(
    mean: np.ndarray,
    width: np.ndarray,
    kind: LevelKind,
    mu2: float | None,
    sigma_h2: float | None,
    sizes: Sequence[int],
) -> Iterator[_Transformation]:
    """Quantities that users save instead of the levels, with the inverse transformations; the simplest first."""
    squares = mean**2 + width**2, 2 * mean
    other_scale = sigma_h2 is not None and sigma_h2 != 1.0
    if kind == "squared-singular-values":
        yield _Transformation("singular values", "square them", "eigenvalue = s**2", *squares)
        if other_scale:
            scaled = squares[0] * sigma_h2, squares[1] * sigma_h2
            how = f"square them and multiply by sigma_h2 = {sigma_h2:g}"
            yield _Transformation("singular values of W", how, f"eigenvalue = {sigma_h2:g} * s**2", *scaled)
    elif (mean >= 0).all():
        roots = np.sqrt(mean)
        slope = 0.5 / np.sqrt(np.maximum(mean, np.finfo(float).tiny))
        yield _Transformation("squares of the levels", "take the square root", "eigenvalue = np.sqrt(x)", roots, slope)
    flat = np.ones_like(mean)
    if other_scale:
        how = f"multiply by sigma_h2 = {sigma_h2:g}"
        yield _Transformation("levels of WᵀW", how, f"eigenvalue = {sigma_h2:g} * x", sigma_h2 * mean, sigma_h2 * flat)
    if mu2 is not None:
        meaning, how = "eigenvalues of the precision matrix μ² − x", "subtract them from mu2"
        yield _Transformation(meaning, how, f"eigenvalue = {mu2:g} - x", mu2 - mean, -flat)
        if (mean > 0).all():
            meaning, how = "eigenvalues of the covariance 1/(μ² − x)", "subtract their inverses from mu2"
            yield _Transformation(meaning, how, f"eigenvalue = {mu2:g} - 1 / x", mu2 - 1 / mean, mean**-2)
    if kind == "eigenvalues":
        yield _Transformation("eigenvalues of W + Wᵀ", "halve them", "eigenvalue = x / 2", mean / 2, flat / 2)
    for size in sorted(set(sizes)):
        if size > 1:
            one_over, times = f"levels divided by N = {size}", f"levels multiplied by N = {size}"
            yield _Transformation(one_over, "multiply by N", f"eigenvalue = {size} * x", mean * size, flat * size)
            yield _Transformation(times, "divide by N", f"eigenvalue = x / {size}", mean / size, flat / size)
