"""From spectra to a temperature."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from coulombgas._types import Progress

from ._arviz import effective_sample_size, r_hat
from ._data import GroupData, SettingData, collect_settings
from ._interval import summarise
from ._models import GroupEnergy, SettingEnergies, common_temperature, group_width
from ._nuts import Draws, sample_batch
from ._result import LevelFit, SettingFit, TemperatureFit, diagnostic_warnings
from ._scaling import fit_scaling

_PADDED_GROUPS = 4


def fit_temperature(
    spectra: xr.Dataset | Sequence[xr.Dataset],
    *,
    step: int = -1,
    tolerance: float = 1e-3,
    seed: int = 0,
    num_chains: int = 4,
    num_warmup: int = 400,
    num_draws: int = 1000,
    progress: Progress | None = None,
) -> TemperatureFit:
    r"""The temperature T = α/B that the spectra speak of, setting by setting, and the scaling rule across settings.

    Each level group of n degenerate modes follows the Coulomb gas
    :math:`P \propto \prod|x_i - x_j| \exp(-\sum (x_i-\kappa)^2/(2 s^2))` with its own width s; the temperature is
    common to the groups, :math:`s_g^2 = T\,(s_g^2/T)` with the theory's ratio of ``model.width2_per_temperature``;
    across settings :math:`\log\hat T = \log c + a\log\alpha - b\log B +` scatter. All posteriors by NUTS, batched over
    settings and groups. Replicas are independent, and so are the groups of one replica at leading order, where
    the elements of the fluctuating matrix are independent Gaussians.

    Args:
        spectra: a ``Spectra`` dataset, or several (one for each file).
        step: index of the recorded step to use, the last by default.
        tolerance: how near two fixed points make one level group, relative to the largest.
        seed: seed of the sampler.
        num_chains, num_warmup, num_draws: chains, adaptation steps and draws a chain.
        progress: called with (done, total).

    Returns:
        The fit; ``print(fit.table())`` shows it.

    Raises:
        InputError: when the spectra cannot carry a temperature: one replica, no fluctuation, impossible levels.

    Source: ALP24 (14)-(18), (73)-(75), sections III and IV.
    """
    settings = collect_settings(spectra, step=step, tolerance=tolerance)
    tell = progress or (lambda done, total: None)
    options = {"seed": seed, "num_chains": num_chains, "num_warmup": num_warmup, "num_draws": num_draws}
    groups = [group for setting in settings for group in setting.groups]
    tell(0, 3)
    widths = _sample_widths(groups, options)
    tell(1, 3)
    temperatures = _sample_temperatures(settings, options)
    tell(2, 3)
    fits = _assemble(settings, widths, temperatures, seed)
    scaling = fit_scaling(fits, **options) if len(fits) > 1 else None
    tell(3, 3)
    return TemperatureFit(settings=tuple(fits), scaling=scaling, method="leading-order")


def _sample_widths(groups: Sequence[GroupData], options: dict) -> Draws:
    energy = np.array([group.energy for group in groups])
    freedom = np.array([float(group.freedom) for group in groups])
    return sample_batch(group_width, GroupEnergy(energy, freedom), {"width": np.sqrt(energy / freedom)}, **options)


def groups_used(setting: SettingData) -> list[bool]:
    """Groups of two and more speak of the temperature; single modes only where there is nothing else."""
    several = [group.size > 1 for group in setting.groups]
    return several if any(several) else [True] * len(several)


def _sample_temperatures(settings: Sequence[SettingData], options: dict) -> Draws:
    most = max(len(setting.groups) for setting in settings)
    size = -(-most // _PADDED_GROUPS) * _PADDED_GROUPS
    rows = [_energies(setting, size) for setting in settings]
    data = SettingEnergies(*(np.stack(column) for column in zip(*rows, strict=True)))
    ratio = np.where(data.used, data.energy / data.width2_per_temperature, 0.0).sum(axis=1)
    freedom = np.where(data.used, data.freedom, 0.0).sum(axis=1)
    return sample_batch(common_temperature, data, {"temperature": ratio / freedom}, **options)


def _energies(setting: SettingData, size: int) -> SettingEnergies:
    def padded(values) -> np.ndarray:
        return np.pad(np.array(values, dtype=np.float64), (0, size - len(setting.groups)), constant_values=1.0)

    used = np.zeros(size, dtype=bool)
    used[: len(setting.groups)] = groups_used(setting)
    return SettingEnergies(
        padded([group.energy for group in setting.groups]),
        padded([group.freedom for group in setting.groups]),
        padded([group.width2_per_temperature for group in setting.groups]),
        used,
    )


def _assemble(settings: Sequence[SettingData], widths: Draws, temperatures: Draws, seed: int) -> list[SettingFit]:
    fits, first = [], 0
    rng = np.random.default_rng(seed)
    for index, setting in enumerate(settings):
        own = range(first, first + len(setting.groups))
        first += len(setting.groups)
        draws = temperatures.sites["temperature"][index]
        sites = [draws, *(widths.sites["width"][row] for row in own)]
        worst = max(r_hat(site) for site in sites)
        divergences = int(temperatures.diverging[index].sum() + widths.diverging[list(own)].sum())
        fits.append(
            SettingFit(
                path=setting.path,
                model=setting.model.name,
                learning_rate=setting.learning_rate,
                batch_size=setting.batch_size,
                temperature=summarise(draws),
                temperature_draws=draws,
                levels=tuple(_levels(setting, widths, own, rng)),
                num_replicas=setting.num_replicas,
                r_hat=worst,
                ess=min(effective_sample_size(site) for site in sites),
                divergences=divergences,
                warnings=(*setting.warnings, *diagnostic_warnings(worst, divergences)),
            )
        )
    return fits


def _levels(setting: SettingData, widths: Draws, rows: range, rng: np.random.Generator):
    temperature = setting.learning_rate / setting.batch_size
    for group, row, used in zip(setting.groups, rows, groups_used(setting), strict=True):
        width = widths.sites["width"][row]
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
            predicted_width=float(np.sqrt(temperature * group.width2_per_temperature)),
            used=used,
        )
