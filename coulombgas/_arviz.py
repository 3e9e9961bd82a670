"""The only module that depends on the ArviZ version: 0.23 with ``InferenceData``, or 1.x with ``xarray.DataTree``."""

import functools
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr


@functools.cache
def arviz() -> Any:
    """The installed ArviZ, imported without its announcement of the coming refactor."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz as module
    return module


def container(groups: Mapping[str, xr.Dataset]) -> Any:
    """A container of the installed ArviZ's own type, holding ``groups`` ("posterior", "log_likelihood", …)."""
    module = arviz()
    if "InferenceData" in vars(module):  # asking 1.x for the attribute raises its migration notice
        with warnings.catch_warnings():
            # ArviZ also accepts groups that it has no name for ("observed_levels")
            warnings.simplefilter("ignore", UserWarning)
            return module.InferenceData(**groups)
    return xr.DataTree.from_dict(dict(groups))


def r_hat(draws: np.ndarray) -> float:
    """Rank-normalised split R-hat of draws, shape (chain, draw); 1 for a constant."""
    return _diagnostic("rhat", draws, constant=1.0)


def effective_sample_size(draws: np.ndarray) -> float:
    """Bulk effective sample size of draws, shape (chain, draw)."""
    return _diagnostic("ess", draws, constant=float(draws.size))


def _diagnostic(name: str, draws: np.ndarray, constant: float) -> float:
    if np.ptp(draws) == 0:
        return constant
    value = getattr(arviz(), name)(np.asarray(draws, dtype=np.float64))
    return float(np.asarray(value))


class LeaveOneOut(NamedTuple):
    """Expected log predictive density by Pareto-smoothed importance sampling."""

    elpd: float
    pointwise: np.ndarray
    effective_parameters: float
    pareto_k: float


def leave_one_out(log_likelihood: np.ndarray) -> LeaveOneOut:
    """LOO from pointwise log likelihoods, shape (draw, observation)."""
    values = np.asarray(log_likelihood, dtype=np.float64)[None]
    groups = {
        "log_likelihood": xr.Dataset({"observed": (("chain", "draw", "observation"), values)}),
        "posterior": xr.Dataset({"unused": (("chain", "draw"), values[..., 0])}),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # large Pareto k are returned in the result
        result = arviz().loo(container(groups), pointwise=True, reff=1.0)
    pointwise = result.loo_i if hasattr(result, "loo_i") else result.elpd_i
    elpd = result.elpd_loo if hasattr(result, "elpd_loo") else result.elpd
    parameters = result.p_loo if hasattr(result, "p_loo") else result.p
    return LeaveOneOut(
        float(elpd), np.asarray(pointwise).ravel(), float(parameters), float(np.max(np.asarray(result.pareto_k)))
    )
