"""From spectra to a temperature."""

from collections.abc import Sequence

import xarray as xr

from coulombgas._checks import InputError, check_choice, check_seed
from coulombgas._types import Progress
from coulombgas.models import Model, check_model

from ._records import Record, collect_records
from ._result import TemperatureFit
from ._settings import prepare_settings
from .relative._settings import fit_relative_settings
from .scaling._fit import fit_rule
from .temperature._groups import find_curves, problem_used, temperature_problem, width_problem
from .temperature._remarks import with_input_scatter
from .temperature._spectrum import spectrum_problem
from .temperature._summary import summarise_settings

METHODS = ("response", "leading-order", "whole-spectrum", "relative")
SCALINGS = ("two-stage", "joint")


def fit_temperature(
    spectra: xr.Dataset | Sequence[xr.Dataset],
    *,
    model: Model | None = None,
    method: str = "response",
    scaling: str = "two-stage",
    record: int = -1,
    tolerance: float = 1e-3,
    seed: int = 0,
    num_chains: int = 4,
    num_warmup: int = 400,
    num_draws: int = 1000,
    progress: Progress | None = None,
) -> TemperatureFit:
    r"""Infer the temperature of each setting from its spectra, and the scaling rule across settings.

    Each level group of n degenerate modes follows the Coulomb gas
    :math:`P \propto \prod|x_i - x_j| \exp(-\sum (x_i-\kappa)^2/(2 s^2))` with its own width s; the temperature is
    common to the groups, :math:`s_g^2 = T\,(s_g^2/T)\,R_g(T)`, with the ratio s²/T of the model's theory (including
    optimiser and finite learning rate) and the response R at any T, with their Monte Carlo errors; across settings
    :math:`\log\hat T = \log c + a\log\alpha - b\log B +` scatter. If all replicas share one set of inputs, the interval
    of T includes the scatter between such sets. Widths, temperatures and the two-stage rule are independent draws;
    those of the joint rule are by NUTS. Replicas are taken to be independent, and so are the groups of one replica at
    leading order; where the data show otherwise, the interval is widened.

    Without a model, several settings give temperatures relative to the first: near one fixed point the variance of
    every level is proportional to T.

    Args:
        spectra: a ``Spectra`` dataset, or several (one for each file).
        model: the trained model, for spectra of a model that is not registered.
        method: "response" for any T; "leading-order": the theory's widths without correction, valid for T → 0, and only
            groups of two or more; "whole-spectrum": uses the mean levels too, which move with T (more precise, but
            wrong where the means move for another reason, such as quenched data); "relative": without a theory,
            relative to the first setting, as for spectra without a model.
        scaling: "two-stage": the rule from the settings' posteriors; "joint": rule and temperatures in one posterior;
            ``scaling.draws["temperature"]`` are then the temperatures given the rule.
        record: index of the record to use, the last by default.
        tolerance: how near two fixed points make one level group, relative to the largest.
        seed: seed of the sampler.
        num_chains: chains of each problem.
        num_warmup: adaptation steps of a chain of the joint rule, not kept.
        num_draws: draws of a chain.
        progress: called with (done, total).

    Returns:
        The fit; ``print(fit.table())`` shows it.

    Raises:
        InputError: when the spectra cannot carry a temperature: one replica, no fluctuation, copies, levels in another
            space, an optimiser without a temperature; for options that exclude each other.

    Source: ALP24 (arXiv:2407.16427), (14)-(18), (73)-(75), sections III and IV.
    """
    seed = check_seed(seed)
    _check_options(method, scaling, model)
    phases = _Phases(progress)
    options = {"seed": seed, "num_chains": num_chains, "num_warmup": num_warmup, "num_draws": num_draws}
    records = collect_records(spectra, model=model, record=record)
    if reason := _without_theory(records, method):
        _check_relative(method, scaling)
        found, rule = fit_relative_settings(records, reason, options)
        phases.tell(100)
        return TemperatureFit(settings=found, scaling=rule, method="relative")
    settings = prepare_settings(records, tolerance, phases.part(0, 10))
    widths = width_problem(settings).draw(**options)
    if method == "whole-spectrum":
        problem, curves = spectrum_problem(settings, phases.part(10, 70))
    else:
        curves = None if method == "leading-order" else find_curves(settings, phases.part(10, 70))
        problem = temperature_problem(settings, curves)
    temperatures = problem.draw(**options)
    phases.tell(90)
    fits = summarise_settings(settings, curves, widths, temperatures, used=problem_used(problem), seed=seed)
    rule = fit_rule(fits, settings, curves, scaling, options) if len(fits) > 1 else None
    fits = [with_input_scatter(fit, setting, seed=seed) for fit, setting in zip(fits, settings, strict=True)]
    phases.tell(100)
    return TemperatureFit(settings=tuple(fits), scaling=rule, method=method)


def _check_options(method: str, scaling: str, model: Model | None) -> None:
    check_choice("method", method, METHODS)
    check_choice("scaling", scaling, SCALINGS)
    if method == "whole-spectrum" and scaling == "joint":
        raise InputError(
            "`scaling` 'joint' starts from the energies alone: `method` 'whole-spectrum' needs 'two-stage'."
        )
    if model is not None:
        check_model(model)


def _without_theory(records: Sequence[Record], method: str) -> str:
    """Why these records have no theory, in words; empty if they have one."""
    if method == "relative":
        return "`method` is 'relative'"
    if all(record.model is None for record in records):
        names = sorted({record.model_name for record in records if record.model_name})
        if names:
            return f"nothing is known of the model {', '.join(map(repr, names))} (give `model=`, or register its class)"
        return "`spectra` do not name their model (give `model=` if it is known)"
    if all(record.optimizer.name == "adam" for record in records):
        return "there is no temperature α/B for Adam, which rescales every gradient by its own size"
    return ""


def _check_relative(method: str, scaling: str) -> None:
    if method not in ("relative", "response"):
        raise InputError(f"`method` {method!r} needs the theory of a model: give `model=`, or `method` 'relative'.")
    if scaling == "joint":
        raise InputError("`scaling` 'joint' needs the theory of a model: give 'two-stage'.")


class _Phases:
    """Progress of the whole fit in per cent, from that of its parts."""

    def __init__(self, progress: Progress | None):
        self._progress = progress
        self.tell(0)

    def tell(self, done: int) -> None:
        if self._progress is not None:
            self._progress(done, 100)

    def part(self, first: int, last: int) -> Progress:
        return lambda done, total: self.tell(first + round((last - first) * done / max(total, 1)))
