"""Simulation-based calibration: draw parameters from the prior, data from them, fit, and see where the truth ranks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from numpyro.handlers import condition, trace, uncondition
from numpyro.handlers import seed as seeded
from numpyro.primitives import Messenger
from scipy import stats

from coulombgas._checks import InputError, check_count
from coulombgas._precision import in_x64

from ._catalogue import bound, find_model
from ._interval import highest_density
from ._nuts import sample_batch
from ._paper_models import Observations

Program = Callable[[Any], None]
_RANKS = 255
_BINS = 16
_BLOCK_SIZE = 3


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Ranks of true parameters among posterior draws; uniform when the inference is right.

    Attributes:
        model: what was calibrated.
        ranks: for each parameter the rank of the truth among 255 thinned draws, shape (data set, *parameter).
        coverage: for each parameter the fraction of truths inside the highest-density interval of each probability.
        p_values: for each parameter the χ² p-value of its rank histogram.
        divergences: of all fits together.
    """

    model: str
    ranks: dict[str, np.ndarray] = field(repr=False)
    coverage: dict[str, dict[float, float]]
    p_values: dict[str, float]
    divergences: int

    @property
    def num(self) -> int:
        """Number of data sets."""
        return len(next(iter(self.ranks.values())))

    def passed(self, false_alarm: float = 1e-3) -> bool:
        """Whether no parameter's ranks betray a wrong inference, at ``false_alarm`` over all parameters together."""
        return min(self.p_values.values()) > false_alarm / len(self.p_values)

    def records(self) -> list[dict[str, Any]]:
        """One dictionary of plain Python objects for each parameter."""
        return [
            {
                "model": self.model,
                "parameter": name,
                "num": self.num,
                "p_value": self.p_values[name],
                "coverage": {f"{probability:g}": value for probability, value in self.coverage[name].items()},
                "passed": self.p_values[name] > 1e-3 / len(self.p_values),
            }
            for name in self.ranks
        ]

    def as_dict(self) -> dict[str, Any]:
        """Everything but the ranks in plain Python objects."""
        return {
            "model": self.model,
            "passed": self.passed(),
            "divergences": self.divergences,
            "parameters": self.records(),
        }

    def table(self) -> str:
        """The result as text."""
        from ._table import calibration_table

        return calibration_table(self)

    def plot(self) -> Any:
        """Rank histograms with the band in which 99% of bins belong."""
        import importlib

        return importlib.import_module("coulombgas.plot").plot_ranks(self.ranks, num_ranks=_RANKS + 1, title=self.model)


@in_x64
def calibrate(
    model: str | Program,
    prior: Mapping[str, Any] | None = None,
    *,
    num: int = 400,
    num_observations: int = 200,
    template: Any = None,
    simulate_with: str | Program | None = None,
    gap: float = 1.0,
    seed: int = 0,
    num_chains: int = 4,
    num_warmup: int = 300,
    num_draws: int = 500,
) -> Calibration:
    """Calibrate a model against its own simulations.

    Any NumPyro program with one argument will do: its observed sites are drawn from the program itself and then
    conditioned on, all data sets in one compiled batch.

    Args:
        model: a name of the catalogue ("pair", "rice", …), or a program with ``template``.
        prior: distributions that replace those of the model, by site name, in simulation and fit alike.
        num: data sets.
        num_observations: observations in each, for models of the catalogue.
        template: argument of a program that is not of the catalogue; its observed values count for their shape only.
        simulate_with: another model that makes the data (a control: the wrong law must fail).
        gap: known gap Δ for the models that take one.
        seed: seed of everything.
        num_chains, num_warmup, num_draws: of each fit.

    Returns:
        Ranks, coverage and p-values.

    Raises:
        InputError: for an unknown model, or a program without template.

    Source: Talts et al., arXiv:1804.06788.
    """
    check_count("num", num, 20)
    program, template, name = _resolve(model, template, num_observations, gap)
    maker = program if simulate_with is None else _resolve(simulate_with, template, num_observations, gap)[0]
    prior = dict(prior or {})
    truth, observed = _simulate(maker, program, prior, template, num, seed)

    def fitted(data):
        with Reprior(prior):
            condition(uncondition(program), data["observed"])(data["template"])

    repeated = jax.tree.map(lambda leaf: np.broadcast_to(leaf, (num, *np.shape(leaf))), template)
    draws = sample_batch(
        fitted, {"observed": observed, "template": repeated}, truth, seed=seed + 1, num_chains=num_chains,
        num_warmup=num_warmup, num_draws=num_draws, max_depth=5,
    )  # fmt: skip
    names = [site for site in truth if site in draws.sites]
    ranks = {site: _ranks(truth[site], draws.sites[site]) for site in names}
    return Calibration(
        model=name,
        ranks=ranks,
        coverage={site: _coverage(truth[site], draws.sites[site]) for site in names},
        p_values={site: uniformity(ranks[site]) for site in names},
        divergences=int(draws.diverging.sum()),
    )


class Reprior(Messenger):
    """Effect handler that replaces the distributions of unobserved sites."""

    def __init__(self, prior: Mapping[str, Any]):
        super().__init__()
        self.prior = prior

    def process_message(self, msg: dict) -> None:
        """Swap the distribution of a site that ``prior`` names."""
        if msg["type"] == "sample" and not msg["is_observed"] and msg["name"] in self.prior:
            msg["fn"] = self.prior[msg["name"]].expand(msg["fn"].batch_shape)


def uniformity(ranks: np.ndarray, num_ranks: int = _RANKS + 1) -> float:
    """p-value of χ² for uniform ranks 0 … num_ranks − 1 in 16 bins (fewer for few data sets)."""
    flat = ranks.ravel()
    bins = int(np.clip(len(flat) // 5, 2, _BINS))
    counts = np.histogram(flat, bins=bins, range=(0, num_ranks))[0]
    return float(stats.chisquare(counts).pvalue)


def _resolve(model: str | Program, template: Any, num_observations: int, gap: float) -> tuple[Program, Any, str]:
    if not isinstance(model, str):
        if template is None:
            raise InputError("`template` is needed to calibrate a program: give the argument it is called with.")
        return model, template, getattr(model, "__name__", "program")
    chosen = find_model(model)
    shape = (num_observations, _BLOCK_SIZE) if chosen.observable == "levels" else (num_observations,)
    blank = np.tile(np.arange(1.0, shape[1] + 1), (shape[0], 1)) if len(shape) > 1 else np.ones(shape)
    return bound(chosen), Observations(blank, np.ones(num_observations, dtype=bool), np.float64(gap)), model


def _simulate(maker: Program, program: Program, prior: Mapping[str, Any], template: Any, num: int, seed: int):
    """Parameters from the prior and data from the maker, for every data set at once."""

    def sites(key) -> dict[str, dict]:
        with Reprior(prior):
            return trace(seeded(maker, key)).get_trace(template)

    def one(key):
        with Reprior(prior):
            drawn = trace(seeded(uncondition(maker), key)).get_trace(template)
        return {name: site["value"] for name, site in drawn.items() if site["type"] == "sample"}

    plain = sites(jax.random.key(0))
    observed_names = [n for n, site in plain.items() if site["type"] == "sample" and site["is_observed"]]
    values = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(seed), num))
    observed = {_observed_site(program, template): values[n] for n in observed_names}
    truth = {n: np.asarray(v) for n, v in values.items() if n not in observed_names}
    return _known_to(program, template, truth), {n: np.asarray(v) for n, v in observed.items()}


def _observed_site(program: Program, template: Any) -> str:
    drawn = trace(seeded(program, jax.random.key(0))).get_trace(template)
    return next(name for name, site in drawn.items() if site["type"] == "sample" and site["is_observed"])


def _known_to(program: Program, template: Any, truth: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The truth for every parameter of the program; 1 where a control's maker does not have it."""
    drawn = trace(seeded(program, jax.random.key(0))).get_trace(template)
    own = {n: site for n, site in drawn.items() if site["type"] == "sample" and not site["is_observed"]}
    num = len(next(iter(truth.values())))
    return {n: truth.get(n, np.ones((num, *np.shape(site["value"])))) for n, site in own.items()}


def _ranks(truth: np.ndarray, draws: np.ndarray) -> np.ndarray:
    thinned = _thin(draws)
    return (thinned < truth[:, None]).sum(axis=1)


def _thin(draws: np.ndarray) -> np.ndarray:
    """255 draws of each data set, evenly from all chains."""
    flat = draws.reshape(draws.shape[0], -1, *draws.shape[3:])
    return flat[:, np.linspace(0, flat.shape[1] - 1, _RANKS).astype(int)]


def _coverage(truth: np.ndarray, draws: np.ndarray) -> dict[float, float]:
    columns = np.moveaxis(draws.reshape(len(draws), -1, *draws.shape[3:]), 1, -1).reshape(truth.size, -1)
    result = {}
    for probability in (0.5, 0.9, 0.95):
        inside = [
            low <= value <= high
            for value, (low, high) in zip(
                truth.ravel(), (highest_density(column, probability) for column in columns), strict=True
            )
        ]
        result[probability] = float(np.mean(inside))
    return result
