r"""A bulk whose rows or columns are unequal or correlated, fitted by the generalised Marchenko-Pastur law.

With the shape of the matrix known, log⟨x⟩ − ⟨log x⟩ grows with the parameter of the covariance, log-normal scales of
standard deviation s in the logarithm or an autoregression ρ of neighbours, and gives it; ⟨x⟩ gives the variance. The
places of all levels are then a prediction, which matrices drawn with these parameters test.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq

from coulombgas._checks import check_choice, check_count, check_seed
from coulombgas._interval import Interval
from coulombgas.laws import edge_moments, edge_quantile

from ._bulk import MIN_BULK, check_positive_levels, log_ratio_moments
from ._independence import FALSE_ALARM, Independence
from ._population import AUTOREGRESSIVE, LOG_NORMAL, Family, GeneralisedLaw, generalised_law

_DRAWS = 64
_LARGEST, _ENTRIES = 96, 1 << 17  # columns and entries of the matrices that are drawn; larger ones are extrapolated
_FIRST = 0.02  # of the squared parameter: 0.14
_CLEAR = 0.5  # share of log p from which on a second departure is one of its own
_CAUSED = {"correlated rows": "unequal columns", "correlated columns": "unequal rows"}
_TESTS = {
    "unequal rows": (LOG_NORMAL, 0), "unequal columns": (LOG_NORMAL, 1), "correlated rows": (AUTOREGRESSIVE, 0),
    "correlated columns": (AUTOREGRESSIVE, 1),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class StructuredBulk:
    """Noise bulk of one matrix whose rows or columns have a covariance of one family.

    Attributes:
        family: "log-normal scales" or "autoregression".
        side: "rows" or "columns" of the stored matrix.
        parameter: standard deviation of the logarithm of the scales, or correlation of neighbours; 95% interval.
        variance: mean variance of the entries; 95% interval.
        lower_edge, edge: edges of the law, units of the eigenvalue.
        threshold: what the largest level of such noise exceeds in about 1% of cases.
        num_beyond: levels beyond it, set aside.
        distance: largest distance of the counting function from the law, in levels.
        distance_limit: what matrices drawn from the law exceed in about 1% of cases.
    """

    family: str
    side: str
    parameter: Interval
    variance: Interval
    lower_edge: float
    edge: float
    threshold: float
    num_beyond: int
    distance: float
    distance_limit: float

    @property
    def fits(self) -> bool:
        """Whether the levels lie where the law puts them, and their spread asks for a parameter other than 0."""
        return self.distance <= self.distance_limit and self.parameter.lower > 0

    @property
    def statement(self) -> str:
        """The fit in one clause."""
        letter = "s" if self.family == LOG_NORMAL.name else "ρ"
        return (
            f"the levels are those of {self.family} of the {self.side}, {letter} = {self.parameter.mean:.2g} ± "
            f"{self.parameter.sd:.1g}, with edges at {self.lower_edge:.3g} and {self.edge:.3g} and {self.num_beyond} "
            "beyond"
        )

    def as_dict(self) -> dict[str, Any]:
        """As JSON-able data."""
        numbers = ("lower_edge", "edge", "threshold", "num_beyond", "distance", "distance_limit")
        return {
            "family": self.family,
            "side": self.side,
            "parameter": self.parameter.as_dict(),
            "variance": self.variance.as_dict(),
            **{name: getattr(self, name) for name in numbers},
        }


def departing_test(tests: Independence) -> str | None:
    """The one test of rows and columns that fails; None where none does, or more than one structure is at work.

    Correlated rows make unequal columns too, and correlated columns unequal rows, far less clearly than they are seen
    themselves.
    """
    failed = [name for name in _TESTS if tests.p_values.get(name, 1.0) < FALSE_ALARM / 5]
    for name, caused in _CAUSED.items():
        if name in failed and caused in failed and _log(tests, caused) > _CLEAR * _log(tests, name):
            failed.remove(caused)
    return failed[0] if len(failed) == 1 else None


def _log(tests: Independence, name: str) -> float:
    return float(np.log(max(tests.p_values[name], 1e-300)))


def fit_structure(
    eigenvalues: np.ndarray, shape: tuple[int, int], test: str, *, num_spikes: int = 0, seed: int = 0
) -> StructuredBulk | None:
    """Fit the covariance that a test found; None where the levels are spread more than any of its family.

    Args:
        eigenvalues: positive levels, ascending, one for each of the shorter side.
        shape: rows and columns of the stored matrix.
        test: "unequal rows", "unequal columns", "correlated rows" or "correlated columns".
        num_spikes: largest levels to set aside at first.
        seed: seed of the matrices that are drawn.

    Raises:
        InputError: for another test, or levels that are not positive or do not ascend.
    """
    seed, num_spikes = check_seed(seed), check_count("num_spikes", num_spikes, 0)
    family, axis = _TESTS[check_choice("test", test, _TESTS)]
    problem = _Problem(family, max(shape), min(shape), of_rows=(shape[0] >= shape[1]) == (axis == 0))
    levels = check_positive_levels(eigenvalues)
    try:
        fit, null = _settled(problem, levels, num_spikes, np.random.default_rng([seed, 4]))
    except ArithmeticError:
        return None
    return _result(family, ("rows", "columns")[axis], fit, null)


def _settled(problem: "_Problem", levels: np.ndarray, count: int, rng: np.random.Generator) -> tuple["_Fit", "_Null"]:
    """The fit that finds as many levels beyond its threshold as were set aside, and the fewest of those that do.

    A level set aside no longer widens the law, so that it may stay beyond it whether it belongs to the noise or not:
    one level fewer is tried.
    """
    fit = problem.fit(levels, count)
    null = problem.null(fit, rng)

    def beyond(fit: _Fit) -> int:
        return min(int(np.count_nonzero(levels > null.threshold * fit.law.upper * fit.variance)), most)

    seen, most = {count}, levels.size - MIN_BULK
    while (found := beyond(fit)) not in seen:
        seen.add(found)
        fit = problem.fit(levels, found)
    while fit.num_beyond > 0:
        fewer = problem.fit(levels, fit.num_beyond - 1)
        if beyond(fewer) > fewer.num_beyond:
            break
        fit = fewer
    return fit, null


class _Fit(NamedTuple):
    """Parameter u = s² or ρ² and variance of the levels below the outliers, and how far these lie from their law."""

    u: float
    variance: float
    law: GeneralisedLaw
    num_beyond: int
    distance: float


class _Null(NamedTuple):
    """What matrices drawn from the law show."""

    parameter_sd: float
    log_variance_sd: float
    threshold: float
    """Of the largest level, in units of the edge."""
    distance: float


class _Problem:
    """Laws of one family for one shape."""

    def __init__(self, family: Family, rows: int, columns: int, *, of_rows: bool) -> None:
        self.family, self.rows, self.columns, self.of_rows = family, rows, columns, of_rows
        self._laws: dict[tuple[float, int], GeneralisedLaw] = {}

    def law(self, u: float, beyond: int = 0) -> GeneralisedLaw:
        """Solved once for each u: a search visits its ends and its result again."""
        if (u, beyond) not in self._laws:
            rows, columns = self.rows - beyond, self.columns - beyond
            population = self.family.population(float(np.sqrt(u)), rows if self.of_rows else columns)
            self._laws[u, beyond] = generalised_law(population, rows, columns, of_rows=self.of_rows)
        return self._laws[u, beyond]

    def excess(self, beyond: int = 0) -> float:
        """What a matrix of this size adds to log⟨x⟩ − ⟨log x⟩ of its law, known for equal independent rows."""
        rows, columns = self.rows - beyond, self.columns - beyond
        return log_ratio_moments(rows, columns)[0] / columns - self.law(0.0, beyond).log_gap()

    def fit(self, levels: np.ndarray, beyond: int) -> _Fit:
        """The parameter whose law has the observed log⟨x⟩ − ⟨log x⟩, and how far the levels are from that law."""
        bulk = levels[: levels.size - beyond]
        gap = float(np.log(bulk.mean()) - np.log(bulk).mean()) - self.excess(beyond)

        def short(u: float) -> float:
            return self.law(u, beyond).log_gap() - gap

        u = 0.0
        if short(0.0) < 0:
            upper = _FIRST
            while short(upper) < 0:  # doubled: the law of a far too large parameter may fall apart
                upper *= 2
                if upper > self.family.most**2:
                    raise ArithmeticError("the levels are spread more than those of the family")
            found: Any = brentq(short, upper / 2 if upper > _FIRST else 0.0, upper, xtol=1e-5)
            u = float(found)
        law, variance = self.law(u, beyond), float(bulk.mean()) / (self.rows - beyond)
        place = np.arange(bulk.size) + 0.5
        distance = float(np.abs(bulk.size * law.cdf(bulk / variance) - place).max())
        return _Fit(u, variance, law, beyond, distance)

    def null(self, fit: _Fit, rng: np.random.Generator) -> _Null:
        """Matrices of the fitted parameter, or smaller ones of the same aspect, each with its own fit.

        Fluctuations fall as 1/N, those that come from the sampling of the scales as 1/√N.
        """
        part = min(1.0, _LARGEST / self.columns, float(np.sqrt(_ENTRIES / (self.rows * self.columns))))
        columns = max(round(part * self.columns), MIN_BULK)
        small = _Problem(self.family, max(round(part * self.rows), columns), columns, of_rows=self.of_rows)
        levels = small.drawn(float(np.sqrt(fit.u)), rng)
        step = 0.1 * fit.u + 1e-3
        laws = [small.law(u) for u in (max(fit.u - step, 0.0), fit.u, fit.u + step)]
        width = fit.u + step - max(fit.u - step, 0.0)
        gaps = np.log(levels.mean(axis=1)) - np.log(levels).mean(axis=1) - small.excess()
        moved = (gaps - laws[1].log_gap()) * width / (laws[2].log_gap() - laws[0].log_gap())
        scaled = levels / levels.mean(axis=1, keepdims=True) * small.rows
        below, here, above = (columns * law.cdf(scaled) for law in laws)
        counted = here + moved[:, None] / width * (above - below)
        distance = np.abs(counted - np.arange(columns) - 0.5).max(axis=1)
        power = 0.5 if self.family.sampled else 1.0
        return _Null(
            parameter_sd=float(np.sqrt(np.maximum(fit.u + moved, 0.0)).std(ddof=1)) * part**power,
            log_variance_sd=float(np.log(levels.mean(axis=1)).std(ddof=1)) * part**power,
            threshold=self._threshold(scaled[:, -1] / laws[1].upper, part),
            # 2.7: of a law between Gaussian and Gumbel; counts fluctuate as log N where nothing is sampled
            distance=float(distance.mean() + 2.7 * distance.std(ddof=1))
            * (part**-0.5 if self.family.sampled else 1 - np.log(part) / np.log(columns)),
        )

    def drawn(self, parameter: float, rng: np.random.Generator) -> np.ndarray:
        """Levels of matrices with unit variance, ascending, shape (draw, column)."""
        found = np.empty((_DRAWS, self.columns))
        for index in range(_DRAWS):
            sides = (self.rows, self.columns) if self.of_rows else (self.columns, self.rows)
            matrix = self.family.draw(rng, parameter, sides)
            found[index] = np.linalg.eigvalsh(matrix.T @ matrix if self.of_rows else matrix @ matrix.T)
        return np.maximum(found, 1e-14 * found[:, -1:])

    def _threshold(self, largest: np.ndarray, part: float) -> float:
        """What the largest level exceeds in 1% of cases, with the shape of the Tracy-Widom law."""
        mean, sd = edge_moments()
        own = float(largest.std(ddof=1)) / sd
        place = float(largest.mean()) - mean * own
        shrink = 1.0 if self.family.sampled else part ** (2 / 3)
        return 1 + (place - 1 + edge_quantile(FALSE_ALARM) * own) * shrink


def _result(family: Family, side: str, fit: _Fit, null: _Null) -> StructuredBulk:
    """The fit with intervals and limits from simulated matrices of the fitted parameter."""
    parameter, variance = float(np.sqrt(fit.u)), fit.variance
    reach, factor = 1.96 * null.parameter_sd, float(np.exp(1.96 * null.log_variance_sd))
    return StructuredBulk(
        family=family.name,
        side=side,
        parameter=Interval(parameter, max(parameter - reach, 0.0), parameter + reach, null.parameter_sd),
        variance=Interval(variance, variance / factor, variance * factor, variance * null.log_variance_sd),
        lower_edge=fit.law.lower * variance,
        edge=fit.law.upper * variance,
        threshold=null.threshold * fit.law.upper * variance,
        num_beyond=fit.num_beyond,
        distance=fit.distance,
        distance_limit=float(null.distance),
    )
