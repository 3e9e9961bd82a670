"""The whole spectrum of a Gaussian RBM at once, with the targets of all levels known and the temperature unknown.

A group of n degenerate levels gives two measurements of T: its width, and the shift of its mean from the fixed point.
The width² is T·(s²/T)·R(T), the mean x_s + Δ(T) (ALP24, arXiv:2407.16427, Fig. 7). Both R and Δ, including overlaps of
neighbouring groups, are the linear theory plus corrections measured on ensembles of the machine, whose Monte Carlo
error is part of the posterior.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jaxtyping import Float

from coulombgas._checks import InputError
from coulombgas._types import Progress
from coulombgas.inference._level_groups import inflation
from coulombgas.inference._problem import Problem
from coulombgas.inference._programs import WIDE, energy_law
from coulombgas.inference._settings import SettingData
from coulombgas.models import identity
from coulombgas.theory import (
    GRID,
    Measured,
    ResponseCurve,
    Theory,
    fit_curve,
    known_response,
    linear_share,
    smooth,
    trained_response,
    with_theory_error,
)

from ._exact import LogDensity, draw_from, interpolated, of_energies_and_means, tabulate
from ._groups import leading_temperature


class SpectrumData(NamedTuple):
    """Energies and means of the level groups of a setting, with response and shift over a grid of temperatures."""

    energy: Float[Any, "group"]
    mean: Float[Any, "group"]
    freedom: Float[Any, "group"]
    num_levels: Float[Any, "group"]
    """Number of levels in each mean."""
    fixed_point: Float[Any, "group"]
    width2_per_temperature: Float[Any, "group"]
    grid: Float[Any, "point"]
    log_ratio: Float[Any, "point group"]
    log_ratio_error: Float[Any, "point group"]
    shift: Float[Any, "point group"]
    shift_error: Float[Any, "point group"]


def whole_spectrum(data: SpectrumData) -> None:
    """Energy Q and mean of each group, s_g² = T·(s_g²/T)·R_g(T), <x> = x_s + Δ_g(T) (ALP24 (14)-(18), appendix C)."""
    temperature = numpyro.sample("temperature", dist.LogNormal(0.0, WIDE))
    at = jax.vmap(lambda column: jnp.interp(temperature, data.grid, column), in_axes=1)
    num = data.fixed_point.shape[0]
    deviation: Any = numpyro.sample("_response_error", dist.Normal(0.0, 1.0).expand((2, num)).to_event(2))
    ratio = jnp.exp(at(data.log_ratio) + at(data.log_ratio_error) * deviation[0])
    width2 = temperature * data.width2_per_temperature * ratio
    center = data.fixed_point + at(data.shift) + at(data.shift_error) * deviation[1]
    with numpyro.plate("group", num):
        numpyro.sample("energy", energy_law(data.freedom, width2), obs=data.energy)
        numpyro.sample("mean", dist.Normal(center, jnp.sqrt(width2 / data.num_levels)), obs=data.mean)


def sample_spectrum(
    data: SpectrumData, seed: Sequence[int], num_chains: int, num_draws: int, *, prior: Any = None
) -> dict[str, Float[np.ndarray, "chain draw"]]:
    """Independent draws of "temperature" from the posterior of :func:`whole_spectrum`; ``prior`` replaces that of T."""
    table = tabulate(*spectrum_likelihood(data), prior)
    return {"temperature": draw_from(*table, seed, (num_chains, num_draws))}


def spectrum_likelihood(data: SpectrumData) -> tuple[LogDensity, float]:
    """Log likelihood of log T given energies and means, and log T at its maximum from the widths alone."""
    unit = np.asarray(data.width2_per_temperature)

    def log_likelihood(log_temperature: np.ndarray) -> np.ndarray:
        log_ratio, ratio_error, shift, shift_error = interpolated(
            np.exp(log_temperature), data.grid, data.log_ratio, data.log_ratio_error, data.shift, data.shift_error
        )
        log_width2 = log_temperature[:, None] + np.log(unit) + log_ratio
        residual = np.asarray(data.mean) - np.asarray(data.fixed_point) - shift
        terms = of_energies_and_means(
            np.asarray(data.energy), np.asarray(data.freedom), np.asarray(data.num_levels), residual, log_width2,
            ratio_error, shift_error,
        )  # fmt: skip
        return terms.sum(axis=1)

    return log_likelihood, float(np.log((data.energy / unit).sum() / data.freedom.sum()))


class SpectrumResponse(NamedTuple):
    """Response of widths and means of a machine's groups to the temperature."""

    widths: ResponseCurve
    shift: np.ndarray
    """<x> − x_s, (point, group), over the grid of ``widths``."""
    shift_error: np.ndarray


def spectrum_response(setting: SettingData, leading: float, progress: Progress | None = None) -> SpectrumResponse:
    """Response of a model from the table of the library, or from ensembles trained here around T = ``leading``."""
    theory, model = setting.theory, setting.model
    measured, share = known_response(model, theory, setting.optimizer), np.ones(len(theory.groups))
    if measured is not None:
        share = linear_share(model, theory)
    else:
        measured = trained_response(model, theory, setting.optimizer, leading, setting.theory_at, progress)
    curve = with_theory_error(fit_curve(measured, theory, "ensembles", order=3), theory)
    return SpectrumResponse(curve, *_shifts(theory, measured, share))


def _shifts(theory: Theory, measured: Measured, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The theory's shift at order T, plus a cubic fitted to the difference of the measured means.

    The linear term of the cubic is due to finite rate and memory; ``share`` is its fraction at the setting.
    """
    unit = measured.temperature.max()
    grid, at = np.linspace(0.0, 1.0, GRID), measured.temperature / unit
    x = np.array([group.center for group in theory.groups])
    slope = np.zeros_like(x) if theory.mean_shift is None else theory.mean_shift * unit / theory.temperature
    rest = measured.mean - x - np.outer(at, slope)
    powers = tuple(range(1, 1 + min(3, len(at))))
    shift, error = smooth(at, rest, measured.mean_error, grid, powers, share)
    return shift + np.outer(grid, slope), error


def spectrum_data(setting: SettingData, response: SpectrumResponse) -> SpectrumData:
    """The data of a setting for the model."""
    share = setting.effective_replicas / setting.num_replicas
    tempering = 1.0 / inflation(setting.groups, share)
    column = {
        "energy": [group.energy * tempering for group in setting.groups],
        "mean": [group.levels.mean() for group in setting.groups],
        "freedom": [group.freedom * tempering for group in setting.groups],
        "num_levels": [group.levels.size * tempering for group in setting.groups],
        "fixed_point": [group.center for group in setting.groups],
        "width2_per_temperature": [group.width2_per_temperature for group in setting.groups],
    }
    curve = response.widths
    return SpectrumData(
        **{name: np.array(values, dtype=np.float64) for name, values in column.items()}, grid=curve.temperature,
        log_ratio=curve.log_ratio, log_ratio_error=curve.error, shift=response.shift, shift_error=response.shift_error,
    )  # fmt: skip


def spectrum_problem(
    settings: Sequence[SettingData], progress: Progress | None = None
) -> tuple[Problem, list[ResponseCurve]]:
    """T of every setting, from widths and means of all its level groups.

    Raises:
        InputError: for settings with different level groups.
    """
    if len({len(setting.groups) for setting in settings}) > 1:
        raise InputError("`spectra` have different level groups: fit them one after the other.")
    hottest: dict[tuple, float] = {}
    for setting in settings:
        key = _key(setting)
        hottest[key] = max(hottest.get(key, 0.0), leading_temperature(setting))
    known: dict[tuple, SpectrumResponse] = {}
    rows = []
    for setting in settings:
        key = _key(setting)
        if key not in known:
            known[key] = spectrum_response(setting, hottest[key], progress)
        rows.append((spectrum_data(setting, known[key]), known[key].widths))
    data = SpectrumData(*(np.stack(column) for column in zip(*(row for row, _ in rows), strict=True)))
    problem = Problem(program=whole_spectrum, data=data, start=spectrum_start(data), exact=sample_spectrum)
    return problem, [curve for _, curve in rows]


def _key(setting: SettingData) -> tuple:
    return (*identity(setting.model), setting.theory.learning_rate, setting.optimizer, setting.level_groups)


def spectrum_start(data: SpectrumData) -> dict[str, np.ndarray]:
    """The leading-order estimate from the widths of all groups."""
    leading = (data.energy / data.width2_per_temperature).sum(axis=1) / data.freedom.sum(axis=1)
    return {"temperature": leading, "_response_error": np.zeros((len(leading), 2, data.energy.shape[1]))}
