"""Which law do the data prefer? Leave-one-out prediction by Pareto-smoothed importance sampling, with WAIC as a
check."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpyro.infer import log_likelihood
from numpyro.infer.util import log_density

from coulombgas._arviz import leave_one_out
from coulombgas._checks import InputError, check_seed
from coulombgas._precision import resolution, x64
from coulombgas._results import to_dataset
from coulombgas.inference._result import TemperatureFit
from coulombgas.inference._sampler import padded_size
from coulombgas.inference._text import align
from coulombgas.inference.scaling._rule import scaling_log_likelihood

from ._catalogue import PaperModel, bound, find_model
from ._fit import GroupModelFit, GroupProblem, collect_problems, fit_problems
from ._programs import Observations

SPACING_LAWS = ("known-gap", "product", "gaussian", "poisson", "brody", "mixture")
LEVEL_LAWS = ("density", "single")
_THINNED = 400  # draws, or quantiles, of a posterior in the prediction
_GRID = 129  # nodes of a posterior in one dimension
_FEW = 10  # observations
_VERDICT = 4.0  # difference in elpd; a smaller one decides nothing


@dataclass(frozen=True, kw_only=True)
class LawScore:
    """How well one law predicts unseen observations.

    Attributes:
        law: its name in the catalogue.
        elpd: expected log predictive density, summed over observations, in units where the data have r.m.s. 1.
        difference: elpd of the best law minus this one's.
        difference_se: standard error of the difference over observations.
        effective_parameters: p_loo.
        waic: the same elpd by WAIC.
        pareto_k: the largest Pareto k; beyond 0.7 the estimate is unreliable.
        pointwise: elpd of each observation.
    """

    law: str
    elpd: float
    difference: float
    difference_se: float
    effective_parameters: float
    waic: float
    pareto_k: float
    pointwise: np.ndarray = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Laws ranked by prediction, the best first.

    Attributes:
        scores: one :class:`LawScore` for each law, the best first.
        num_observations: observations that each law predicts.
        warnings: what to know before using the ranking, one sentence each.
    """

    scores: tuple[LawScore, ...]
    num_observations: int
    warnings: tuple[str, ...] = ()

    def score(self, law: str) -> LawScore:
        """The score of one law."""
        return next(score for score in self.scores if score.law == law)

    def difference(self, first: str, second: str) -> tuple[float, float]:
        """elpd of ``first`` minus ``second``, and its standard error."""
        gain = self.score(first).pointwise - self.score(second).pointwise
        return float(gain.sum()), float(np.sqrt(gain.size * gain.var(ddof=1)))

    def records(self) -> list[dict[str, Any]]:
        """One dictionary of plain Python objects for each law."""
        names = ("law", "elpd", "difference", "difference_se", "effective_parameters", "waic", "pareto_k")
        return [{name: getattr(score, name) for name in names} for score in self.scores]

    def dataset(self) -> xr.Dataset:
        """The records over ``law``."""
        return to_dataset(self.records(), "law", num_observations=self.num_observations)

    def as_dict(self) -> dict[str, Any]:
        """All results in plain Python objects."""
        return {"num_observations": self.num_observations, "laws": self.records(), "warnings": list(self.warnings)}

    def table(self) -> str:
        """The ranking as text."""
        return "\n".join([_comparison_table(self), *(f"! {warning}" for warning in self.warnings)])


def compare_laws(
    spectra: xr.Dataset | Sequence[xr.Dataset],
    laws: Sequence[str] = SPACING_LAWS,
    *,
    record: int = -1,
    tolerance: float = 0.1,
    seed: int = 0,
) -> Comparison:
    """Rank laws of the spacings (or of the levels) of pairs by leave-one-out prediction.

    Args:
        spectra: a ``Spectra`` dataset, or several; all pairs of all settings count.
        laws: names of the catalogue, all of spacings or all of levels ("density", "single").
        record: index of the record.
        tolerance: largest distance of two fixed points in a pair, relative to the largest.
        seed: seed of the sampler.

    Returns:
        The ranking; differences have standard errors over observations, and warnings concern unusual data and any
        verdict that rests on a single observation. A tie counts as the resolution of the data.

    Raises:
        InputError: for unknown laws, a mixture of spacings and levels, or spectra without pairs, or with too few of
            them.
    """
    seed = check_seed(seed)
    models = [find_model(name) for name in dict.fromkeys(laws)]
    if not models:
        raise InputError("`laws` is empty: name at least one law.")
    if len({model.observable for model in models}) != 1:
        raise InputError("`laws` must all be laws of spacings or all of levels: compare the two kinds separately.")
    problems = _pairs(spectra, models[0], record, tolerance)
    options = {"seed": seed, "num_chains": 4, "num_warmup": 300, "num_draws": 300}
    results = {model.name: _predict(model, problems, options) for model in models}
    odd = (warning for problem in problems for warning in (*problem.setting.warnings, *problem.warnings))
    return rank_laws(results, warnings=tuple(dict.fromkeys(odd)))


def compare_scaling(fit: TemperatureFit, *, seed: int = 0) -> Comparison:
    """The linear rule T ∝ α/B against free exponents, by leaving settings out.

    Raises:
        InputError: with fewer than four settings, which leave none to predict.
    """
    seed = check_seed(seed)
    if len(fit.settings) < 4:
        raise InputError(f"`fit` must have at least 4 settings to compare scaling rules, got {len(fit.settings)}.")
    return rank_laws({
        name: scaling_log_likelihood(fit.settings, free=free, seed=seed)
        for name, free in (("linear rule", False), ("free exponents", True))
    })  # fmt: skip


def rank_laws(log_likelihoods: dict[str, np.ndarray], *, warnings: tuple[str, ...] = ()) -> Comparison:
    """Ranking from pointwise log likelihoods, each (draw, observation)."""
    loo = {name: leave_one_out(values) for name, values in log_likelihoods.items()}
    best = max(loo, key=lambda name: loo[name].elpd)
    scores = []
    for name in sorted(loo, key=lambda law: -loo[law].elpd):
        gain = loo[best].pointwise - loo[name].pointwise
        scores.append(
            LawScore(
                law=name,
                elpd=loo[name].elpd,
                difference=float(gain.sum()),
                difference_se=float(np.sqrt(gain.size * gain.var(ddof=1))),
                effective_parameters=loo[name].effective_parameters,
                waic=widely_applicable(log_likelihoods[name]),
                pareto_k=loo[name].pareto_k,
                pointwise=loo[name].pointwise,
            )
        )
    fragile = [
        f"{score.law}: half of the difference or more comes from one observation"
        for score in scores
        if score.difference > _VERDICT and np.abs(loo[best].pointwise - score.pointwise).max() > 0.5 * score.difference
    ]
    return Comparison(
        scores=tuple(scores), num_observations=len(loo[best].pointwise), warnings=(*warnings, *fragile)
    )  # fmt: skip


def widely_applicable(log_likelihood_: np.ndarray) -> float:
    """elpd by WAIC from pointwise log likelihoods (draw, observation)."""
    top = log_likelihood_.max(axis=0)
    mean = top + np.log(np.exp(log_likelihood_ - top).mean(axis=0))
    return float((mean - log_likelihood_.var(axis=0, ddof=1)).sum())


def _pairs(spectra, model: PaperModel, record: int, tolerance: float) -> list[GroupProblem]:
    reference = find_model("known-gap" if model.observable == "spacing" else "density")
    problems = collect_problems(spectra, reference, record=record, tolerance=tolerance)
    pairs = [problem for problem in problems if problem.group.size == 2]
    if not pairs:
        raise InputError("these spectra have no pairs of neighbouring levels to compare laws on.")
    if (count := sum(len(problem.data.values) for problem in pairs)) < _FEW:
        raise InputError(f"these spectra hold {count} observations of pairs, at least {_FEW} are needed to rank laws.")
    return [_untied(problem) for problem in pairs] if model.observable == "spacing" else pairs


def _untied(problem: GroupProblem) -> GroupProblem:
    """The problem with ties set to half the resolution of the levels: spacings stored as zero are smaller than that."""
    levels = problem.group.levels
    floor = 0.5 * resolution(levels) * np.abs(levels).max() / problem.data.scale
    return replace(problem, data=replace(problem.data, values=np.maximum(problem.data.values, floor)))


def _predict(model: PaperModel, problems: Sequence[GroupProblem], options: dict) -> np.ndarray:
    """Pointwise log likelihood of all observations, (draw, observation)."""
    names = tuple(model.start(problems[0].data.values, problems[0].gap))
    if len(names) == 1:
        draws = [{names[0]: _posterior_quantiles(model, names[0], problem)} for problem in problems]
    else:
        fits = fit_problems(model, problems, options)
        draws = [_standardised(model, problem, fit) for problem, fit in zip(problems, fits, strict=True)]
    return np.concatenate([_pointwise(model, *pair) for pair in zip(problems, draws, strict=True)], axis=1)


def _posterior_quantiles(model: PaperModel, name: str, problem: GroupProblem) -> np.ndarray:
    """Evenly spaced quantiles of the posterior of a law's only parameter, by quadrature in its logarithm."""
    data, start = _padded(problem), model.start(problem.data.values, problem.gap)[name]
    center, reach = np.log(start), 3.0
    with x64():
        for _ in range(3):  # successively closer around the peak
            grid = np.linspace(center - reach, center + reach, _GRID)
            log_weight = np.asarray(_log_joint(model, name, grid, data))
            weight = np.exp(log_weight - log_weight.max())
            center = float(np.average(grid, weights=weight))
            spread = np.sqrt(np.average((grid - center) ** 2, weights=weight))
            reach = 7 * max(float(spread), float(grid[1] - grid[0]) / 2)
    mass = np.concatenate([[0.0], np.cumsum(weight[1:] + weight[:-1])])
    levels = (np.arange(_THINNED) + 0.5) / _THINNED
    return np.exp(np.interp(levels, mass / mass[-1], grid))


@partial(jax.jit, static_argnums=(0, 1))
def _log_joint(model: PaperModel, name: str, grid: Any, data: Observations) -> Any:
    """log of the unnormalised posterior, as a density of the parameter's logarithm."""
    return jax.vmap(lambda u: log_density(bound(model), (data,), {}, {name: jnp.exp(u)})[0] + u)(grid)


def _standardised(model: PaperModel, problem: GroupProblem, fit: GroupModelFit) -> dict[str, np.ndarray]:
    """Draws in the units of the standardised values."""
    draws = {}
    for name, value in fit.draws.items():
        flat = value.ravel()[:: max(1, value.size // _THINNED)]
        if name in model.scales:
            flat = (flat - (problem.data.shift if name == "center" else 0.0)) / problem.data.scale
        draws[name] = flat
    return draws


def _padded(problem: GroupProblem) -> Observations:
    """Pad to few different sizes, so that few programs are compiled."""
    values = problem.data.values
    size = padded_size(len(values))
    padding = np.repeat(values[-1:], size - len(values), axis=0)
    return Observations(np.concatenate([values, padding]), np.arange(size) < len(values), np.float64(problem.gap))


def _pointwise(model: PaperModel, problem: GroupProblem, draws: dict[str, np.ndarray]) -> np.ndarray:
    with x64():
        values = _log_likelihood(model, draws, _padded(problem))
    return np.asarray(values, dtype=np.float64)[:, : len(problem.data.values)]


@partial(jax.jit, static_argnums=0)
def _log_likelihood(model: PaperModel, draws: dict[str, Any], data: Observations) -> Any:
    return jax.tree.leaves(log_likelihood(bound(model), draws, data))[0]


def _comparison_table(comparison: Comparison) -> str:
    """A ranking of laws as text."""
    header = ("law", "elpd", "difference", "± s.e.", "p_loo", "WAIC", "max k")
    rows = [
        [
            score.law,
            f"{score.elpd:.1f}",
            f"{score.difference:.1f}",
            f"{score.difference_se:.1f}",
            f"{score.effective_parameters:.1f}",
            f"{score.waic:.1f}",
            f"{score.pareto_k:.2f}",
        ]
        for score in comparison.scores
    ]
    warnings = [
        f"! {s.law}: Pareto k {s.pareto_k:.2f} > 0.7, its elpd is uncertain"
        for s in comparison.scores
        if s.pareto_k > 0.7
    ]
    title = f"leave-one-out prediction of {comparison.num_observations} observations, best first"
    return "\n".join([title, align(header, rows), *(["", *warnings] if warnings else [])])
