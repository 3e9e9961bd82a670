"""The temperature of each setting: which groups speak, with which response, in one batch."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from coulombgas._interval import summarise
from coulombgas.inference._parts import SettingFit
from coulombgas.inference._programs import SettingEnergies, SettingResponse, common_temperature, response_temperature
from coulombgas.inference._sampler import Draws, sample_batch
from coulombgas.inference._settings import SettingData, inflation
from coulombgas.theory import ResponseCurve, response_for

_PADDED_GROUPS = 8
_DISAGREEMENT = 1e-4


def leading_temperature(setting: SettingData) -> float:
    """Estimate from the leading formula, all groups weighted by their freedom."""
    ratios = [group.energy / group.width2_per_temperature for group in setting.groups]
    return float(np.sum(ratios) / np.sum([group.freedom for group in setting.groups]))


def find_curves(settings: Sequence[SettingData]) -> list[ResponseCurve]:
    """The response curve of every setting; settings of one model and learning rate share their ensembles."""
    highest: dict[tuple, float] = {}
    for setting in settings:
        key = _key(setting)
        highest[key] = max(highest.get(key, 0.0), leading_temperature(setting))
    known: dict[tuple, ResponseCurve] = {}
    for setting in settings:
        key = _key(setting)
        if key not in known:
            known[key] = response_for(
                setting.model, setting.level_groups, learning_rate=setting.learning_rate,
                batch_size=setting.batch_size, leading=highest[key],
            )  # fmt: skip
    return [known[_key(setting)] for setting in settings]


def _key(setting: SettingData) -> tuple:
    config = tuple((name, str(value)) for name, value in sorted(setting.model.config().items()))
    return (*config, setting.learning_rate, setting.batch_size if setting.model.name == "teacher-student" else 0)


def groups_used(setting: SettingData, curve: ResponseCurve | None) -> list[bool]:
    """All groups where their response is known; at leading order groups of two and more, single modes failing these."""
    several = [group.size > 1 for group in setting.groups]
    return several if curve is None and any(several) else [True] * len(several)


def sample_widths(settings: Sequence[SettingData], options: dict) -> Draws:
    """Posterior of the width of every level group: one group at s²/T = 1 has the temperature s²."""
    size = _padded_groups(settings)
    groups = [group for setting in settings for group in setting.groups]
    energy, freedom = (np.array([getattr(g, name) for g in groups], dtype=float) for name in ("energy", "freedom"))
    ones = np.ones((len(groups), size - 1))
    first = np.broadcast_to(np.arange(size) == 0, (len(groups), size))
    columns = {"energy": energy, "freedom": freedom, "width2_per_temperature": np.ones(len(groups))}
    rows = {name: np.concatenate([column[:, None], ones], axis=1) for name, column in columns.items()}
    data = SettingEnergies(**rows, used=first)
    draws = sample_batch(common_temperature, data, {"temperature": energy / freedom}, **options)
    return draws._replace(sites={"width": np.sqrt(draws.sites["temperature"])})


def _padded_groups(settings: Sequence[SettingData]) -> int:
    most = max(len(setting.groups) for setting in settings)
    return -(-most // _PADDED_GROUPS) * _PADDED_GROUPS


def sample_temperatures(
    settings: Sequence[SettingData], curves: Sequence[ResponseCurve] | None, options: dict
) -> Draws:
    """Posterior of the temperature of every setting."""
    energies = setting_energies(settings, curves)
    ratio = np.where(energies.used, energies.energy / energies.width2_per_temperature, 0.0).sum(axis=1)
    initial = {"temperature": ratio / np.where(energies.used, energies.freedom, 0.0).sum(axis=1)}
    if curves is None or all(curve.constant for curve in curves):
        return sample_batch(common_temperature, energies, initial, **options)
    initial["_response_error"] = np.zeros(energies.energy.shape)
    data = SettingResponse(energies, *response_tables(curves, energies.energy.shape[1]))
    return sample_batch(response_temperature, data, initial, **options)


def setting_energies(settings: Sequence[SettingData], curves: Sequence[ResponseCurve] | None) -> SettingEnergies:
    """Energies of all settings, (setting, group), with the responses that are the same at every temperature."""
    size = _padded_groups(settings)
    all_curves = [None] * len(settings) if curves is None else list(curves)
    rows = [_energies(setting, curve, size) for setting, curve in zip(settings, all_curves, strict=True)]
    return SettingEnergies(*(np.stack(column) for column in zip(*rows, strict=True)))


def response_tables(curves: Sequence[ResponseCurve], size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grids, log ratios and errors of all settings; 0 where :func:`setting_energies` has a constant ratio already."""
    ratios = [curve.log_ratio * (not curve.constant) for curve in curves]
    return (
        np.stack([curve.temperature for curve in curves]),
        np.stack([_columns(ratio, size) for ratio in ratios]),
        np.stack([_columns(curve.error, size) for curve in curves]),
    )


def _columns(table: np.ndarray, size: int) -> np.ndarray:
    return np.pad(table, ((0, 0), (0, size - table.shape[1])))


def _energies(setting: SettingData, curve: ResponseCurve | None, size: int) -> SettingEnergies:
    def padded(values) -> np.ndarray:
        return np.pad(np.array(values, dtype=np.float64), (0, size - len(setting.groups)), constant_values=1.0)

    used = np.zeros(size, dtype=bool)
    used[: len(setting.groups)] = groups_used(setting, curve)
    # the energy shrinks with the freedom, so that the estimate stays and only its error grows
    tempering = 1.0 / inflation([group for group, use in zip(setting.groups, used, strict=False) if use])
    constant = np.exp(curve.log_ratio[0]) if curve is not None and curve.constant else np.ones(len(setting.groups))
    return SettingEnergies(
        padded([group.energy * tempering for group in setting.groups]),
        padded([group.freedom * tempering for group in setting.groups]),
        padded([group.width2_per_temperature for group in setting.groups] * constant),
        used,
    )


def with_input_scatter(fit: SettingFit, setting: SettingData, *, seed: int) -> SettingFit:
    r"""The fit with the scatter between sets of quenched inputs in its temperature.

    The data of one input set tell :math:`T(1+\delta)`, where δ has the relative standard deviation
    ``model.width2_scatter`` over sets and is one number for all replicas: it enters as a factor :math:`e^{-\delta}`,
    right at the order at which the scatter is known. Of models that have none, the fit as it is.
    """
    scatter = getattr(setting.model, "width2_scatter", None)
    size = scatter(learning_rate=setting.learning_rate, batch_size=setting.batch_size) if scatter else 0.0
    if size == 0.0:
        return fit
    rng = np.random.default_rng((seed, round(1e9 * setting.learning_rate), setting.batch_size))
    draws = fit.temperature_draws * np.exp(-size * rng.standard_normal(fit.temperature_draws.shape))
    remark = f"one set of inputs served all replicas: T is known to {size:.1%} (sd) however many there are"
    return replace(fit, temperature=summarise(draws), temperature_draws=draws, warnings=(*fit.warnings, remark))


def temperature_warnings(setting: SettingData, curve: ResponseCurve | None, draws: np.ndarray) -> list[str]:
    """Sentences about a temperature outside the known response and about groups that contradict each other."""
    found = []
    if curve is not None and not curve.constant and np.mean(draws > curve.temperature[-1]) > 0.025:
        found.append(
            f"T reaches beyond {curve.temperature[-1]:.4g}, where the response of the widths was measured: "
            "its correction is a guess there"
        )
    found.extend(_disagreement(setting, curve, float(np.mean(draws))))
    return found


def _disagreement(setting: SettingData, curve: ResponseCurve | None, temperature: float) -> list[str]:
    """χ² of the groups' energies around one temperature, false-alarm rate 1e-4."""
    from scipy import stats

    used = groups_used(setting, curve)
    if sum(used) < 2:
        return []
    ratios = np.ones(len(used)) if curve is None else curve.ratio(temperature)
    errors = np.zeros(len(used)) if curve is None else curve.ratio_error(temperature)
    chi2 = 0.0
    for group, use, ratio, error in zip(setting.groups, used, ratios, errors, strict=True):
        if use:
            expected = temperature * group.width2_per_temperature * ratio * group.freedom
            variance = 2 / group.freedom + error**2
            chi2 += np.log(group.energy / expected) ** 2 / variance
    if stats.chi2.sf(chi2, sum(used) - 1) >= _DISAGREEMENT:
        return []
    return ["the level groups do not agree on one temperature: theory or stationarity is in doubt"]
