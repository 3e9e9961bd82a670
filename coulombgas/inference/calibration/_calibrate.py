"""Simulation-based calibration: draw parameters from the prior and data from the model, fit, and rank the truth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._arviz import effective_sample_size
from coulombgas._checks import check_count, check_seed
from coulombgas._interval import highest_density
from coulombgas._precision import in_x64
from coulombgas._results import to_dataset
from coulombgas._tails import chi2_sf
from coulombgas.inference._text import align

from ._cases import find_case

_RANKS = (255, 127, 63, 31)  # draws; the number of ranks, one more, divides into the bins
_BINS = 16
_TINY = 1e-99  # smaller p-values are not told apart, and underflow to 0
_POORLY_MIXED = 0.02  # of the fits may have a smaller effective sample size


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Ranks of true parameters among posterior draws, which are uniform if the inference is correct.

    Attributes:
        model: name of the calibrated model.
        ranks: for each parameter the rank of the truth among thinned draws, shape (data set, *parameter).
        num_ranks: for each parameter the number of possible ranks, one more than thinned draws.
        coverage: for each parameter the fraction of truths inside the highest-density interval of each probability.
        p_values: for each parameter the χ² p-value of its rank histogram.
        divergences: total over all fits.
        worst_ess: for each parameter the effective sample size that 98% of the fits exceed.
    """

    model: str
    ranks: dict[str, np.ndarray] = field(repr=False)
    num_ranks: dict[str, int]
    coverage: dict[str, dict[float, float]]
    p_values: dict[str, float]
    divergences: int
    worst_ess: dict[str, float]

    @property
    def num(self) -> int:
        """Number of data sets."""
        return len(next(iter(self.ranks.values())))

    def passed(self, false_alarm: float = 1e-3) -> bool:
        """Whether the ranks of all parameters are consistent with a correct inference, at ``false_alarm`` over all
        parameters."""
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
                "worst_ess": self.worst_ess[name],
                "passed": self.p_values[name] > 1e-3 / len(self.p_values),
            }
            for name in self.ranks
        ]

    def dataset(self) -> xr.Dataset:
        """The records over ``parameter``, and the ranks of each."""
        ranks = {f"rank_{name}": (("num", *(f"{name}_{i}" for i in range(value.ndim - 1))), value)
                 for name, value in self.ranks.items()}  # fmt: skip
        return to_dataset(self.records(), "parameter", model=self.model, divergences=self.divergences).assign(ranks)

    def as_dict(self) -> dict[str, Any]:
        """Everything except the ranks in plain Python objects."""
        return {
            "model": self.model,
            "passed": self.passed(),
            "divergences": self.divergences,
            "parameters": self.records(),
        }

    def table(self) -> str:
        """The result as text."""
        return _calibration_table(self)


@in_x64
def calibrate(
    model: str | Callable[[Any], None],
    prior: Mapping[str, Any] | None = None,
    *,
    num: int = 400,
    num_observations: int = 200,
    template: Any = None,
    simulate_with: str | Callable[[Any], None] | None = None,
    gap: float = 1.0,
    seed: int = 0,
    num_chains: int = 2,
    num_warmup: int = 300,
    num_draws: int = 500,
) -> Calibration:
    """Calibrate a model against its own simulations.

    Every model sampled by a fit of this package can be given by name: those of ``CATALOGUE``, "temperature" and
    "response" (T of a setting from its level groups), "spectrum" (the whole RBM), "scaling" and "joint-scaling" (the
    rule across settings). Any NumPyro program with one argument can be calibrated too: its observed sites are drawn
    from the program itself and then conditioned on.

    Truths are ranked among as many thinned draws as are nearly independent: 255, 127, 63 or 31, according to the
    effective sample size that 98% of the fits exceed.

    Args:
        model: a name ("pair", "rice", "temperature", …), or a program with ``template``.
        prior: distributions that replace those of the model, by site name, in simulation and fit alike.
        num: data sets.
        num_observations: observations in each, or replicas of each setting.
        template: argument of a program that is not known by name; only the shape of its observed values counts.
        simulate_with: another model that generates the data (a control: the wrong law must fail).
        gap: known gap Δ for the models that take one.
        seed: seed of everything.
        num_chains: chains of each fit.
        num_warmup: adaptation steps of a chain, not kept.
        num_draws: draws of a chain.

    Returns:
        Ranks, coverage and p-values.

    Raises:
        InputError: for an unknown model, or a program without template.

    Source: Talts et al., arXiv:1804.06788.
    """
    seed = check_seed(seed)
    check_count("num", num, 20)
    options = {"template": template, "num_observations": num_observations, "gap": gap, "prior": dict(prior or {})}
    case = find_case(model, **options)
    maker = case if simulate_with is None else find_case(simulate_with, **options)
    truth, data = maker.simulate(num, seed)
    draws = case.problem(truth, data).draw(
        seed=seed + 1, num_chains=num_chains, num_warmup=num_warmup, num_draws=num_draws
    )
    names = [name for name in draws.sites if name in truth]
    own = {name: case.size_of(name, truth[name]) for name in names}
    sites = {name: case.size_of(name, draws.sites[name]) for name in names}
    thinned = {name: _thin(sites[name]) for name in names}
    ranks = {name: (thinned[name].draws < own[name][:, None]).sum(axis=1) for name in names}
    return Calibration(
        model=case.name,
        ranks=ranks,
        num_ranks={name: thinned[name].draws.shape[1] + 1 for name in names},
        coverage={name: _coverage(own[name], sites[name]) for name in names},
        p_values={name: uniformity(ranks[name], thinned[name].draws.shape[1] + 1) for name in names},
        divergences=int(draws.diverging.sum()),
        worst_ess={name: thinned[name].worst_ess for name in names},
    )


def uniformity(ranks: np.ndarray, num_ranks: int = 256) -> float:
    """p-value of χ² for uniform ranks 0 … num_ranks − 1 in 16 bins (fewer for few data sets)."""
    flat = ranks.ravel()
    # a divisor of num_ranks, so that all bins have equal expectations
    bins = int(2 ** np.floor(np.log2(np.clip(len(flat) // 5, 2, _BINS))))
    counts = np.histogram(flat, bins=bins, range=(0, num_ranks))[0]
    expected = counts.sum() / bins
    return float(chi2_sf(((counts - expected) ** 2).sum() / expected, bins - 1))


@dataclass(frozen=True)
class _Thinned:
    draws: np.ndarray
    worst_ess: float


def _thin(draws: np.ndarray) -> _Thinned:
    """The nearly independent draws of each data set, taken evenly from all chains."""
    columns = draws.reshape(*draws.shape[:3], -1)[..., 0]  # one element of a vector represents all
    ess = [effective_sample_size(column) for column in columns]
    worst = float(np.quantile(ess, _POORLY_MIXED))
    flat = draws.reshape(draws.shape[0], -1, *draws.shape[3:])
    number = next((number for number in _RANKS if number <= min(worst, flat.shape[1])), _RANKS[-1])
    return _Thinned(flat[:, np.linspace(0, flat.shape[1] - 1, number).astype(int)], worst)


def _coverage(truth: np.ndarray, draws: np.ndarray) -> dict[float, float]:
    columns = np.moveaxis(draws.reshape(len(draws), -1, *draws.shape[3:]), 1, -1).reshape(truth.size, -1)
    result = {}
    for probability in (0.5, 0.9, 0.95):
        intervals = (highest_density(column, probability) for column in columns)
        inside = [low <= value <= high for value, (low, high) in zip(truth.ravel(), intervals, strict=True)]
        result[probability] = float(np.mean(inside))
    return result


def _calibration_table(calibration: Calibration) -> str:
    """A calibration as text."""
    header = ("parameter", "data sets", "uniform ranks, p", "50%", "90%", "95%", "ess >")
    rows = [
        [
            name,
            f"{calibration.num}",
            f"{calibration.p_values[name]:.3g}" if calibration.p_values[name] >= _TINY else f"< {_TINY:g}",
            *(f"{100 * c:.1f}%" for c in cover.values()),
            f"{calibration.worst_ess[name]:.0f}",
        ]
        for name, cover in calibration.coverage.items()
    ]
    verdict = "calibrated" if calibration.passed() else "NOT calibrated (false-alarm rate 0.001)"
    title = f"model {calibration.model}: {verdict}, {calibration.divergences} divergences; coverage of the intervals"
    return "\n".join([title, align(header, rows)])
