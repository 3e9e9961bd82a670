"""From spectra to a temperature."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._arviz import effective_sample_size, r_hat
from coulombgas._checks import InputError, check_choice
from coulombgas._interval import summarise
from coulombgas._types import Progress
from coulombgas.models import Model, check_model
from coulombgas.theory import ResponseCurve

from ._parts import LevelFit, ScalingFit, SettingFit, diagnostic_warnings
from ._records import Record, collect_records
from ._result import TemperatureFit
from ._sampler import Draws
from ._settings import SettingData, prepare_settings
from .scaling._joint import fit_jointly
from .scaling._rule import fit_scaling
from .temperature._groups import find_curves, groups_used, temperature_problem, width_problem
from .temperature._remarks import remarks, with_input_scatter
from .temperature._spectrum import spectrum_problem

METHODS = ("response", "leading-order", "whole-spectrum")
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
    common to the groups, :math:`s_g^2 = T\,(s_g^2/T)\,R_g(T)`, with the ratio s²/T of the model's theory (optimiser and
    finite learning rate included) and the response R at any T, their Monte Carlo errors included; across settings
    :math:`\log\hat T = \log c + a\log\alpha - b\log B +` scatter. Where one set of inputs served all replicas, the
    interval of T includes the scatter between such sets. Widths and temperatures are drawn by NUTS, batched over
    settings and groups; the two-stage rule by independent draws. Replicas are independent, and so are the groups of one
    replica at leading order; where the data show otherwise the interval widens.

    Without a model, several settings still have temperatures relative to the first: near one fixed point the variance
    of every level is proportional to T.

    Args:
        spectra: a ``Spectra`` dataset, or several (one for each file).
        model: the model that was trained, for spectra of a model that is not registered.
        method: "response" for any T; "leading-order": the theory's widths as they are, right for T → 0, and only the
            groups of two and more; "whole-spectrum": from the mean levels too, which move with T (sharper, and wrong
            where the means move for another reason, such as quenched data).
        scaling: "two-stage": the rule from the settings' posteriors; "joint": rule and temperatures in one posterior;
            ``scaling.draws["temperature"]`` are then the temperatures given the rule.
        record: index of the record to use, the last by default.
        tolerance: how near two fixed points make one level group, relative to the largest.
        seed: seed of the sampler.
        num_chains, num_warmup, num_draws: chains, adaptation steps and draws per chain.
        progress: called with (done, total).

    Returns:
        The fit; ``print(fit.table())`` shows it.

    Raises:
        InputError: when the spectra cannot carry a temperature: one replica, no fluctuation, copies, levels in another
            space, an optimiser without a temperature; for options that exclude each other.

    Source: ALP24 (14)-(18), (73)-(75), sections III and IV.
    """
    _check_options(method, scaling, model)
    phases = _Phases(progress)
    options = {"seed": seed, "num_chains": num_chains, "num_warmup": num_warmup, "num_draws": num_draws}
    records = collect_records(spectra, model=model, record=record)
    if all(one.model is None for one in records):
        return _relative(records, method, scaling, options)
    settings = prepare_settings(records, tolerance, phases.part(0, 10))
    widths = width_problem(settings).draw(**options)
    if method == "whole-spectrum":
        problem, curves = spectrum_problem(settings, phases.part(10, 70))
    else:
        curves = None if method == "leading-order" else find_curves(settings, phases.part(10, 70))
        problem = temperature_problem(settings, curves)
    temperatures = problem.draw(**options)
    phases.tell(90)
    fits = _assemble(settings, curves, widths, temperatures, seed)
    rule = _rule(fits, settings, curves, scaling, options)
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


class _Phases:
    """Progress in per cent of the whole fit, from that of its parts."""

    def __init__(self, progress: Progress | None):
        self._progress = progress
        self.tell(0)

    def tell(self, done: int) -> None:
        if self._progress is not None:
            self._progress(done, 100)

    def part(self, first: int, last: int) -> Progress:
        return lambda done, total: self.tell(first + round((last - first) * done / max(total, 1)))


def _rule(
    fits: Sequence[SettingFit], settings: Sequence[SettingData], curves: Sequence[ResponseCurve] | None, scaling: str,
    options: dict[str, Any],
) -> ScalingFit | None:  # fmt: skip
    if len(fits) < 2:
        return None
    return fit_jointly(settings, curves, fits, options) if scaling == "joint" else fit_scaling(fits, **options)


def _relative(records: Sequence[Record], method: str, scaling: str, options: dict[str, Any]) -> TemperatureFit:
    """Temperatures relative to the first setting, without a model."""
    raise InputError("`spectra` does not say which model it came from: give `model=`.")


def _assemble(
    settings: Sequence[SettingData],
    curves: Sequence[ResponseCurve] | None,
    widths: Draws,
    temperatures: Draws,
    seed: int,
) -> list[SettingFit]:
    fits, first = [], 0
    rng = np.random.default_rng(seed)
    for index, setting in enumerate(settings):
        own = slice(first, first + len(setting.groups))
        first = own.stop
        curve = None if curves is None else curves[index]
        draws, width_draws = temperatures.sites["temperature"][index], widths.sites["temperature"][own]
        divergences = int(temperatures.diverging[index].sum() + widths.diverging[own].sum())
        sites = [draws, *width_draws]
        worst = max(r_hat(site) for site in sites)
        found, consistent = remarks(setting, curve, draws)
        theory = setting.theory
        fits.append(
            SettingFit(
                path=setting.path, model=setting.model.name, learning_rate=setting.learning_rate,
                batch_size=setting.batch_size, temperature=summarise(draws), temperature_draws=draws,
                levels=tuple(_levels(setting, curve, width_draws, rng)), num_replicas=setting.num_replicas, r_hat=worst,
                ess=min(effective_sample_size(site) for site in sites), divergences=divergences,
                warnings=(*setting.warnings, *found, *diagnostic_warnings(worst, divergences)),
                true_temperature=theory.temperature, formula=theory.formula, consistent=consistent,
                assumed=setting.assumed,
            )
        )  # fmt: skip
    return fits


def _levels(setting: SettingData, curve: ResponseCurve | None, draws: np.ndarray, rng: np.random.Generator):
    true = setting.theory.temperature
    ratios = np.ones(len(setting.groups)) if curve is None else curve.ratio(true)
    for group, width2, used, ratio in zip(setting.groups, draws, groups_used(setting, curve), ratios, strict=True):
        width = np.sqrt(width2)
        # given s the centre of mass is independent of the energy: Normal(mean, s²/(n·replicas)) under a flat prior
        center = group.levels.mean() + width / np.sqrt(group.levels.size) * rng.standard_normal(width.shape)
        yield LevelFit(
            center=group.center,
            modes=group.modes,
            levels=group.levels,
            width_draws=width,
            center_draws=center,
            width=summarise(width),
            width2_per_temperature=group.width2_per_temperature,
            predicted_width=float(np.sqrt(true * group.width2_per_temperature * ratio)),
            used=used,
        )
