"""Warnings about a temperature: the range of the response, groups and means that contradict the theory."""

from dataclasses import replace

import numpy as np

from coulombgas._interval import summarise
from coulombgas.inference._data_checks import group_disagreement
from coulombgas.inference._level_groups import GroupData
from coulombgas.inference._parts import SettingFit
from coulombgas.inference._settings import SettingData
from coulombgas.theory import ResponseCurve

_STRAY = 5.0  # standard errors; with ten groups a false alarm in 170 000 fits
_SECOND_ORDER = 0.3  # fraction of the shift at order T that may be missing: order T², finite rate, memory of the chains
_INTERPOLATED = 0.1  # fraction of a measured shift: ensembles at another learning rate or between two temperatures
_FAR = 10.0  # times the setting's temperature: as much as momentum 0.9 that was left out; finite rates make far less
_UNKNOWN = 3.0  # in s²/x: the size of an unknown shift at order T


def remarks(
    setting: SettingData, curve: ResponseCurve | None, draws: np.ndarray, used: np.ndarray
) -> tuple[list[str], bool]:
    """Warnings about a temperature, and whether the level groups are consistent with a single one."""
    found = []
    if curve is not None and not curve.constant and np.mean(draws > curve.temperature[-1]) > 0.025:
        found.append(
            f"T reaches beyond {curve.temperature[-1]:.4g}, where the response of the widths was measured: "
            "its correction is an extrapolation there"
        )
    temperature = float(np.mean(draws))
    disagreement = _disagreement(setting, curve, used, temperature)
    found.extend([*disagreement, *_strays(setting, curve, temperature), *_far(setting, draws)])
    return found, not disagreement


def _far(setting: SettingData, draws: np.ndarray) -> list[str]:
    """A warning if 97.5% of the draws are above ten times the setting's own temperature, or below a tenth of it."""
    ratios, formula = draws / setting.theory.temperature, setting.record.optimizer.temperature_formula
    if max(np.mean(ratios > _FAR), np.mean(ratios < 1 / _FAR)) < 0.975:
        return []
    return [
        f"T is {np.mean(ratios):.4g} times {formula}: the widths are not those of this model at this "
        "setting; check `learning_rate`, `batch_size`, the optimizer (momentum μ multiplies T by 1/(1 − μ)) and the "
        "unit of the levels"
    ]


def _disagreement(setting: SettingData, curve: ResponseCurve | None, used: np.ndarray, temperature: float) -> list[str]:
    """A warning if the groups' energies contradict a single temperature, with false-alarm rate 1e-4."""
    if sum(used) < 2:
        return []
    ratios = np.ones(len(used)) if curve is None else curve.ratio(temperature)
    errors = np.zeros(len(used)) if curve is None else curve.ratio_error(temperature)
    share = setting.effective_replicas / setting.num_replicas
    rows = [
        (group.energy / (group.width2_per_temperature * ratio * group.freedom), 2 / (group.freedom * share) + error**2)
        for group, use, ratio, error in zip(setting.groups, used, ratios, errors, strict=True)
        if use
    ]
    temperatures, variances = (np.array(column) for column in zip(*rows, strict=True))
    return list(filter(None, [group_disagreement(np.log(temperatures), np.sqrt(variances)).warning]))


def _strays(setting: SettingData, curve: ResponseCurve | None, temperature: float) -> list[str]:
    """A warning naming the groups whose mean deviates from theory or ensembles, in standard errors."""
    found = []
    shifts, errors = _expected_shifts(setting, curve, temperature)
    for group, shift, error in zip(setting.groups, shifts, errors, strict=True):
        expected, own = group.center + float(shift), _mean_error(group, setting)
        distance = abs(group.levels.mean() - expected)
        # the uncertainty of the expectation itself is subtracted before counting standard errors
        if max(distance - 2.0 * float(error), 0.0) > _STRAY * own:
            found.append((group, expected, distance / own))
    if not found:
        return []
    modes = ", ".join(str(mode) for group, _, _ in found for mode in group.modes)
    group, expected, count = max(found, key=lambda row: row[2])
    names = ", ".join(f"`{name}`" for name in setting.model.config() if name in _PARAMETERS)
    return [
        f"levels {modes} stray from their predicted means (near x = {group.center:.4g}: {group.levels.mean():.5g} "
        f"instead of {expected:.5g}, {count:.0f} standard errors): check {names or 'the model'}, or train longer"
    ]


def _expected_shifts(
    setting: SettingData, curve: ResponseCurve | None, temperature: float
) -> tuple[np.ndarray, np.ndarray]:
    """Mean shift of each group and its possible error: from ensembles if there are any, else at order T."""
    if curve is not None and curve.shift is not None and curve.shift_error is not None:
        tables = (curve.shift, curve.shift_error)
        shift, error = (
            np.array([np.interp(temperature, curve.temperature, column) for column in table.T]) for table in tables
        )
        return shift, np.hypot(error, _INTERPOLATED * np.abs(shift))
    theory, heat = setting.theory, temperature / setting.theory.temperature
    if theory.mean_shift is None or theory.mean_shift_error is None:
        x = np.array([group.center for group in theory.groups])
        return np.zeros_like(x), _UNKNOWN * heat * theory.width2 / np.maximum(np.abs(x), 1e-300)
    shift = heat * theory.mean_shift
    return shift, np.hypot(_SECOND_ORDER * shift, heat * theory.mean_shift_error)


_PARAMETERS = ("mu2", "sigma_h2", "target", "teacher", "noise", "decay")


def _mean_error(group: GroupData, setting: SettingData) -> float:
    means = group.levels.mean(axis=1)
    return max(float(means.std(ddof=1)) / np.sqrt(setting.effective_means), np.finfo(float).tiny)


def with_input_scatter(fit: SettingFit, setting: SettingData, *, seed: int) -> SettingFit:
    r"""The fit with the scatter between sets of quenched inputs included in its temperature.

    The data of one input set give :math:`T(1+\delta)`, where δ has the relative standard deviation
    ``theory.input_scatter`` over sets and is the same for all replicas: it enters as a factor :math:`e^{-\delta}`,
    correct to the order at which the scatter is known. For models without such scatter the fit is unchanged.
    """
    size = setting.theory.input_scatter
    if size == 0.0 or fit.temperature is None:
        return fit
    rng = np.random.default_rng((seed, round(1e9 * setting.learning_rate), setting.batch_size))
    draws = fit.temperature_draws * np.exp(-size * rng.standard_normal(fit.temperature_draws.shape))
    remark = f"all replicas share one set of inputs: T is known to {size:.1%} (sd) however many there are"
    return replace(fit, temperature=summarise(draws), temperature_draws=draws, warnings=(*fit.warnings, remark))
