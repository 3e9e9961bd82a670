"""Which law do the data prefer? Leave-one-out prediction by Pareto-smoothed importance sampling, and WAIC beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
import xarray as xr
from numpyro.infer import log_likelihood

from coulombgas._checks import InputError
from coulombgas._precision import x64

from ._arviz import leave_one_out
from ._catalogue import PaperModel, bound, find_model
from ._model_fit import GroupModelFit, Problem, collect_problems, fit_problems
from ._paper_models import Observations
from ._result import TemperatureFit

SPACING_LAWS = ("known-gap", "product", "gaussian", "poisson", "brody", "mixture")
LEVEL_LAWS = ("density", "single")
_THINNED = 400


@dataclass(frozen=True, kw_only=True)
class LawScore:
    """How well one law predicts observations it has not seen.

    Attributes:
        law: its name in the catalogue.
        elpd: expected log predictive density, summed over observations, in units where the data have r.m.s. 1.
        difference: elpd of the best law minus this one's.
        difference_se: standard error of the difference over observations.
        effective_parameters: p_loo.
        waic: the same elpd by WAIC.
        pareto_k: the largest Pareto k; beyond 0.7 the estimate is not to be trusted.
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
    """Laws ranked by what they predict, the best first."""

    scores: tuple[LawScore, ...]
    num_observations: int

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

    def as_dict(self) -> dict[str, Any]:
        """All results in plain Python objects."""
        return {"num_observations": self.num_observations, "laws": self.records()}

    def table(self) -> str:
        """The ranking as text."""
        from ._table import comparison_table

        return comparison_table(self)


def compare_laws(
    spectra: xr.Dataset | Sequence[xr.Dataset],
    laws: Sequence[str] = SPACING_LAWS,
    *,
    step: int = -1,
    tolerance: float = 0.1,
    seed: int = 0,
) -> Comparison:
    """Rank laws of the spacings (or of the levels) of pairs by leave-one-out prediction.

    Args:
        spectra: a ``Spectra`` dataset, or several; all pairs of all settings count.
        laws: names of the catalogue, all of spacings or all of levels ("density", "single").
        step: index of the recorded step.
        tolerance: how near two fixed points make a pair, relative to the largest.
        seed: seed of the sampler.

    Returns:
        The ranking; differences come with the standard error over observations.

    Raises:
        InputError: for unknown laws, a mixture of spacings and levels, or spectra without pairs.
    """
    models = [find_model(name) for name in laws]
    if len({model.observable for model in models}) != 1:
        raise InputError(
            "`laws` must all speak of spacings or all of levels: compare the two kinds one after the other."
        )
    problems = _pairs(spectra, models[0], step, tolerance)
    options = {"seed": seed, "num_chains": 4, "num_warmup": 400, "num_draws": 500}
    results = {model.name: _predict(model, problems, options) for model in models}
    return rank_laws(results)


def compare_scaling(fit: TemperatureFit, *, seed: int = 0) -> Comparison:
    """The linear rule T ∝ α/B against free exponents, by leaving settings out.

    Raises:
        InputError: with fewer than four settings, which leave nothing to predict.
    """
    from ._scaling import scaling_log_likelihood

    if len(fit.settings) < 4:
        raise InputError(f"`fit` must have at least 4 settings to compare scaling rules, got {len(fit.settings)}.")
    return rank_laws({
        name: scaling_log_likelihood(fit.settings, free=free, seed=seed)
        for name, free in (("linear rule", False), ("free exponents", True))
    })  # fmt: skip


def rank_laws(log_likelihoods: dict[str, np.ndarray]) -> Comparison:
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
    return Comparison(scores=tuple(scores), num_observations=len(loo[best].pointwise))


def widely_applicable(log_likelihood_: np.ndarray) -> float:
    """elpd by WAIC from pointwise log likelihoods (draw, observation)."""
    top = log_likelihood_.max(axis=0)
    mean = top + np.log(np.exp(log_likelihood_ - top).mean(axis=0))
    return float((mean - log_likelihood_.var(axis=0, ddof=1)).sum())


def _pairs(spectra, model: PaperModel, step: int, tolerance: float) -> list[Problem]:
    reference = find_model("known-gap" if model.observable == "spacing" else "density")
    problems = collect_problems(spectra, reference, step=step, tolerance=tolerance)
    pairs = [problem for problem in problems if problem.group.size == 2]
    if not pairs:
        raise InputError("these spectra have no pairs of neighbouring levels to compare laws on.")
    return pairs


def _predict(model: PaperModel, problems: Sequence[Problem], options: dict) -> np.ndarray:
    """Pointwise log likelihood of all observations, (draw, observation)."""
    fits = fit_problems(model, problems, options)
    columns = [_pointwise(model, problem, fit) for problem, fit in zip(problems, fits, strict=True)]
    return np.concatenate(columns, axis=1)


def _pointwise(model: PaperModel, problem: Problem, fit: GroupModelFit) -> np.ndarray:
    values = problem.data.values
    draws = {}
    for name, value in fit.draws.items():
        flat = value.ravel()[:: max(1, value.size // _THINNED)]
        if name in model.scales:
            flat = (flat - (problem.data.shift if name == "center" else 0.0)) / problem.data.scale
        draws[name] = flat
    data = Observations(values, np.ones(len(values), dtype=bool), np.float64(problem.gap))
    with x64():
        return np.asarray(jax.tree.leaves(log_likelihood(bound(model), draws, data))[0], dtype=np.float64)
