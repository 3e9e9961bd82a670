"""The whole spectrum of a Gaussian RBM at once: every level from its target, the temperature the only unknown.

A group of n degenerate levels says two things of T: how wide it is, and how far its mean has moved from the fixed
point. The width² is T·(s²/T)·R(T), the mean x_s + Δ(T) (ALP24 Fig. 7). Both R and Δ, overlaps of neighbouring groups
included, are the linear theory plus what ensembles of the machine show beyond it, with the Monte Carlo error inside the
posterior.
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
from coulombgas.inference._programs import WIDE, energy_law
from coulombgas.inference._sampler import Draws, sample_batch
from coulombgas.inference._settings import SettingData, inflation
from coulombgas.models import GaussianRBM, Model
from coulombgas.spectra import LevelGroup
from coulombgas.theory import (
    GRID,
    Measured,
    ResponseCurve,
    ensemble_sizes,
    fit_curve,
    linear_log_ratio,
    mean_levels,
    measure_response,
    smooth,
    tabulated,
)

from ._groups import leading_temperature


class SpectrumData(NamedTuple):
    """Energies and means of the level groups of a setting, with response and shift over a grid of temperatures."""

    energy: Float[Any, "group"]
    mean: Float[Any, "group"]
    freedom: Float[Any, "group"]
    num_levels: Float[Any, "group"]
    """Levels behind each mean."""
    fixed_point: Float[Any, "group"]
    width2_per_temperature: Float[Any, "group"]
    grid: Float[Any, "point"]
    log_ratio: Float[Any, "point group"]
    log_ratio_error: Float[Any, "point group"]
    shift: Float[Any, "point group"]
    shift_error: Float[Any, "point group"]


def rbm_spectrum(data: SpectrumData) -> None:
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


class SpectrumResponse(NamedTuple):
    """How widths and means of a machine's groups respond to the temperature."""

    widths: ResponseCurve
    shift: np.ndarray
    """<x> − x_s, (point, group), over the grid of ``widths``."""
    shift_error: np.ndarray


def spectrum_response(
    model: Model, groups: tuple[LevelGroup, ...], learning_rate: float, leading: float
) -> SpectrumResponse:
    """Response of a machine from the table of the library, or from ensembles trained here around T = ``leading``.

    Raises:
        InputError: for another model.
    """
    if not isinstance(model, GaussianRBM):
        raise InputError(f"the model 'spectrum' is that of a Gaussian RBM, not of {model.name!r}.")
    known = tabulated(model)
    if known is None:
        sizes = ensemble_sizes(learning_rate, leading)
        known = learning_rate, measure_response(model, learning_rate=learning_rate, batch_sizes=sizes)
    reference, measured = known
    linear = linear_log_ratio(model, groups, reference)
    curve = fit_curve(measured, linear, "ensembles", order=3)
    correction = linear_log_ratio(model, groups, learning_rate) - linear
    curve = ResponseCurve(curve.temperature, curve.log_ratio + correction, curve.error, curve.source)
    memory = np.expm1(linear + correction) / np.expm1(linear)
    return SpectrumResponse(curve, *_shifts(model, groups, measured, memory))


def _shifts(
    model: GaussianRBM, groups: tuple[LevelGroup, ...], measured: Measured, memory: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """First-order shift of the continuous process, and a cubic through what the measured means show beyond it.

    Its linear term is the discreteness and the memory of the noise; it scales with what these do to the widths at T → 0
    (``memory``: that at the setting's learning rate over that of the ensembles).
    """
    unit = measured.temperature.max()
    grid, at = np.linspace(0.0, 1.0, GRID), measured.temperature / unit
    first = [group.modes[0] for group in groups]
    slope = mean_levels(model, unit)[first] - model.fixed_point[first]
    rest = measured.mean - model.fixed_point[first] - np.outer(at, slope)
    powers = tuple(range(1, 1 + min(3, len(at))))
    shift, error = smooth(at, rest, measured.mean_error, grid, powers, memory)
    return shift + np.outer(grid, slope), error


def spectrum_data(setting: SettingData, response: SpectrumResponse) -> SpectrumData:
    """What the model sees of a setting."""
    tempering = 1.0 / inflation(setting.groups)
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


def sample_spectra(settings: Sequence[SettingData], options: dict) -> tuple[Draws, list[ResponseCurve]]:
    """Posterior of T of every setting, from all its levels.

    Raises:
        InputError: for a model that is not a Gaussian RBM, or settings with different level groups.
    """
    for setting in settings:
        if not isinstance(setting.model, GaussianRBM):
            raise InputError(
                f"{setting.path}: the model 'spectrum' is that of a Gaussian RBM, not {setting.model.name}."
            )
    if len({len(setting.groups) for setting in settings}) > 1:
        raise InputError("`spectra` have different level groups: fit them one after the other.")
    known: dict[tuple, SpectrumResponse] = {}
    rows = []
    for setting in settings:
        key = (str(setting.model.config()), setting.learning_rate)
        if key not in known:
            leading = leading_temperature(setting)
            known[key] = spectrum_response(setting.model, setting.level_groups, setting.learning_rate, leading)
        rows.append((spectrum_data(setting, known[key]), known[key].widths))
    data = SpectrumData(*(np.stack(column) for column in zip(*(row for row, _ in rows), strict=True)))
    draws = sample_batch(rbm_spectrum, data, spectrum_start(data), **options)
    return draws, [curve for _, curve in rows]


def spectrum_start(data: SpectrumData) -> dict[str, np.ndarray]:
    """The leading estimate from the widths of all groups."""
    leading = (data.energy / data.width2_per_temperature).sum(axis=1) / data.freedom.sum(axis=1)
    return {"temperature": leading, "_response_error": np.zeros((len(leading), 2, data.energy.shape[1]))}
