"""From spectra to a temperature."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from coulombgas._arviz import effective_sample_size, r_hat
from coulombgas._checks import InputError
from coulombgas._interval import summarise
from coulombgas._types import Progress
from coulombgas.theory import ResponseCurve

from ._parts import LevelFit, SettingFit, diagnostic_warnings
from ._result import TemperatureFit
from ._sampler import Draws
from ._settings import SettingData, collect_settings
from .scaling._joint import fit_jointly
from .scaling._rule import fit_scaling
from .temperature._groups import (
    find_curves,
    groups_used,
    sample_temperatures,
    sample_widths,
    temperature_warnings,
    with_input_scatter,
)
from .temperature._spectrum import sample_spectra


def fit_temperature(
    spectra: xr.Dataset | Sequence[xr.Dataset],
    *,
    step: int = -1,
    tolerance: float = 1e-3,
    leading_order: bool = False,
    joint: bool = False,
    whole_spectrum: bool = False,
    seed: int = 0,
    num_chains: int = 4,
    num_warmup: int = 400,
    num_draws: int = 1000,
    progress: Progress | None = None,
) -> TemperatureFit:
    r"""The temperature T = α/B that the spectra speak of, setting by setting, and the scaling rule across settings.

    Each level group of n degenerate modes follows the Coulomb gas
    :math:`P \propto \prod|x_i - x_j| \exp(-\sum (x_i-\kappa)^2/(2 s^2))` with its own width s; the temperature is
    common to the groups, :math:`s_g^2 = T\,(s_g^2/T)\,R_g(T)` with the theory's leading ratio of
    ``model.width2_per_temperature`` and the response R of :mod:`coulombgas.inference` for any T, its Monte Carlo error
    included; across settings :math:`\log\hat T = \log c + a\log\alpha - b\log B +` scatter. Where one set of inputs
    served all replicas of a setting, the interval of T holds how far such a set strays (``model.width2_scatter``), and
    the scatter of the rule shows how far these did. Widths and temperatures by NUTS, batched over settings and groups;
    the rule by independent draws. Replicas are independent, and so are the groups of one replica at leading order,
    where the elements of the fluctuating matrix are independent Gaussians.

    Args:
        spectra: a ``Spectra`` dataset, or several (one for each file).
        step: index of the recorded step to use, the last by default.
        tolerance: how near two fixed points make one level group, relative to the largest.
        leading_order: use s² = T·(s²/T) as it stands, right for T → 0 only, and only the groups of two and more.
        joint: fit the scaling rule and the temperatures of all settings in one posterior, from their energies, instead
            of the rule from the settings' posteriors; ``scaling.draws["temperature"]`` are the temperatures given the
            rule.
        whole_spectrum: for a Gaussian RBM, infer T from the means of the levels too, which move with T; sharper, and
            wrong where the means move for another reason (quenched data).
        seed: seed of the sampler.
        num_chains, num_warmup, num_draws: chains, adaptation steps and draws a chain.
        progress: called with (done, total).

    Returns:
        The fit; ``print(fit.table())`` shows it.

    Raises:
        InputError: when the spectra cannot carry a temperature: one replica, no fluctuation, impossible levels; for
            options that exclude each other.

    Source: ALP24 (14)-(18), (73)-(75), sections III and IV.
    """
    if whole_spectrum and (joint or leading_order):
        raise InputError("`whole_spectrum` has a response of its own: leave `joint` and `leading_order` away.")
    settings = collect_settings(spectra, step=step, tolerance=tolerance)
    tell = progress or (lambda done, total: None)
    options = {"seed": seed, "num_chains": num_chains, "num_warmup": num_warmup, "num_draws": num_draws}
    tell(0, 3)
    widths = sample_widths(settings, options)
    tell(1, 3)
    if whole_spectrum:
        temperatures, curves = sample_spectra(settings, options)
    else:
        curves = None if leading_order else find_curves(settings)
        temperatures = sample_temperatures(settings, curves, options)
    tell(2, 3)
    fits = _assemble(settings, curves, widths, temperatures, seed)
    scaling = None
    if len(fits) > 1:
        scaling = fit_jointly(settings, curves, fits, options) if joint else fit_scaling(fits, **options)
    fits = [with_input_scatter(fit, setting, seed=seed) for fit, setting in zip(fits, settings, strict=True)]
    tell(3, 3)
    method = "leading-order" if leading_order else "whole-spectrum" if whole_spectrum else "response"
    return TemperatureFit(settings=tuple(fits), scaling=scaling, method=method)


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
        draws, width_draws = temperatures.sites["temperature"][index], widths.sites["width"][own]
        divergences = int(temperatures.diverging[index].sum() + widths.diverging[own].sum())
        sites = [draws, *width_draws]
        worst = max(r_hat(site) for site in sites)
        remarks = (*setting.warnings, *temperature_warnings(setting, curve, draws))
        fits.append(
            SettingFit(
                path=setting.path,
                model=setting.model.name,
                learning_rate=setting.learning_rate,
                batch_size=setting.batch_size,
                temperature=summarise(draws),
                temperature_draws=draws,
                levels=tuple(_levels(setting, curve, width_draws, rng)),
                num_replicas=setting.num_replicas,
                r_hat=worst,
                ess=min(effective_sample_size(site) for site in sites),
                divergences=divergences,
                warnings=(*remarks, *diagnostic_warnings(worst, divergences)),
            )
        )
    return fits


def _levels(setting: SettingData, curve: ResponseCurve | None, draws: np.ndarray, rng: np.random.Generator):
    true = setting.learning_rate / setting.batch_size
    ratios = np.ones(len(setting.groups)) if curve is None else curve.ratio(true)
    for group, width, used, ratio in zip(setting.groups, draws, groups_used(setting, curve), ratios, strict=True):
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
