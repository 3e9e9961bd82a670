"""The scaling rule from recordings of trainings at several settings."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import xarray as xr

from coulombgas._checks import InputError, as_tuple, check_choice, check_count, check_positive, check_seed
from coulombgas._types import PathType
from coulombgas.inference._fit import fit_temperature
from coulombgas.networks import Dynamics
from coulombgas.spectra import NetworkSpectra
from coulombgas.training import read_ensemble, read_recording, recording_in

from ._combine import fit_rule
from ._result import ScalingRule
from ._runs import RecordedRun, adaptive, measure_runs
from ._verdict import judge

Recording = PathType | NetworkSpectra | xr.Dataset
OPTIMIZERS = ("sgd", "momentum", "nesterov", "adam", "adamw")


def scaling_rule(
    recordings: Recording | Sequence[Recording],
    *,
    select: str | Sequence[str] = "*",
    after: int | None = None,
    replica: int = 0,
    learning_rate: float | int | Sequence[float | int] = (),
    batch_size: int | Sequence[int] = (),
    optimizer: str | Sequence[str] = (),
    seed: int = 0,
    num_draws: int = 1000,
) -> ScalingRule:
    r"""Temperatures of several trainings, and whether only α/B counts.

    For each recording the noise that one update adds to u_iᵀ W v_i is measured from the motion of the levels, for
    leading levels and bulk of every matrix (:func:`coulombgas.networks.layer_motion`). The posterior of (a, b, scatter)
    in

    .. math:: T \propto \alpha_e^a/B^b, \qquad T = s^2/2\alpha_e, \quad \alpha_e = \alpha(1 - d)/(1 - m)

    follows from its changes between runs, for each matrix and for all together. Ensembles (``Spectra`` or their files)
    may be given instead of recordings.

    Args:
        recordings: recordings of trainings at different settings: paths, results of :func:`coulombgas.read_recording`,
            or ensembles.
        select: glob or globs on the names of the matrices.
        after: last training step to leave out; by default the first half of each run.
        replica: which of the replicas of a recording.
        learning_rate, batch_size, optimizer: of each recording, or one for all, if the recordings do not hold them.
        seed: seed of the posterior draws.
        num_draws: draws of each of four chains.

    Raises:
        InputError: for recordings and ensembles together, for anything else, or values that do not fit together.
    """
    seed = check_seed(seed)
    single = isinstance(recordings, str | os.PathLike | NetworkSpectra | xr.Dataset)
    items: list[Any] = [recordings] if single else list(recordings)
    if not items:
        raise InputError("`recordings` is empty: give at least one recording.")
    options: dict[str, Any] = {
        "seed": seed,
        "num_chains": 4,
        "num_warmup": 0,
        "num_draws": check_count("num_draws", num_draws, 100),
    }
    kinds = {_is_ensemble(item) for item in items}
    if len(kinds) > 1:
        raise InputError("`recordings` holds recordings and ensembles: give them one kind at a time.")
    if kinds.pop():
        return _of_ensembles([_ensemble(item) for item in items], seed)
    given = {
        "learning_rate": _each("learning_rate", learning_rate, len(items), check_positive),
        "batch_size": _each("batch_size", batch_size, len(items), check_count),
        "optimizer": _each("optimizer", optimizer, len(items), lambda name, x: check_choice(name, x, OPTIMIZERS)),
    }
    spectra = [_recording(item, replica, select) for item in items]
    return _of_runs(measure_runs(spectra, after=after, given=given), options)


def _of_runs(runs: tuple[RecordedRun, ...], options: dict[str, Any]) -> ScalingRule:
    used = [run for run in runs if run.dynamics.effective_rate is not None and run.dynamics.batch_size is not None]
    names = list(dict.fromkeys(layer.name for run in used for layer in run.layers))
    fit = fit_rule(used, None, options)
    single = {name: fit_rule(used, name, options) for name in names} if fit is not None else {}
    holds, verdict = judge(runs, used, fit)
    return ScalingRule(
        runs=runs, scaling=fit, by_layer={name: found for name, found in single.items() if found is not None},
        holds=holds, verdict=verdict, warnings=(*_remarks(runs, used), *(() if fit is None else fit.warnings)),
    )  # fmt: skip


def _remarks(runs: Sequence[RecordedRun], used: Sequence[RecordedRun]) -> Iterator[str]:
    """Runs that are no part of the rule, groups that still drift, and batches beyond the gradient noise scale."""
    for run in runs:
        if run not in used and not all(adaptive(each) for each in runs):
            yield f"{run.path} is no part of the rule: {run.dynamics.why_no_rate}"
    groups = [
        (run, layer.name, name, group) for run in used for layer in run.layers for name, group in layer.motion.groups
    ]
    moving = [each for each in groups if each[3].state.state == "drifting"]
    if moving:
        yield (
            f"{len(moving)} of {len(groups)} groups of levels still drift, as the {moving[0][2]} of {moving[0][1]} in "
            f"{moving[0][0].path}: their noise is that of the current weights, which still change"
        )
    scales = [run for run in used if run.noise_scale is not None]
    for run in scales:
        batch, scale = run.dynamics.batch_size, run.noise_scale
        if batch is not None and scale is not None and batch > scale.value.upper:
            yield f"{run.path}: the batch of {batch:g} is beyond the gradient noise scale of {scale.value.mean:.3g}"


def _of_ensembles(spectra: Sequence[xr.Dataset], seed: int) -> ScalingRule:
    """The rule from ensembles, whose temperatures follow from the widths of their levels."""
    if sum(each.sizes["setting"] for each in spectra) < 2:
        raise InputError("`recordings` is one ensemble at one setting: give at least two settings.")
    fit = fit_temperature(spectra, seed=seed)
    runs = tuple(_ensemble_run(setting) for setting in fit.settings)
    holds, verdict = judge(runs, runs, fit.scaling)
    return ScalingRule(
        runs=runs, scaling=fit.scaling, by_layer={}, holds=holds, verdict=verdict,
        warnings=() if fit.scaling is None else fit.scaling.warnings,
    )  # fmt: skip


def _ensemble_run(setting: Any) -> RecordedRun:
    dynamics = Dynamics(learning_rate=setting.learning_rate, batch_size=float(setting.batch_size))
    remark = ""
    if setting.temperature is None:
        relative = setting.relative_temperature
        remark = f"temperature {relative.mean:.3g} [{relative.lower:.3g}, {relative.upper:.3g}] times that of the first"
    return RecordedRun(path=setting.path, dynamics=dynamics, temperature=setting.temperature, layers=(), remark=remark)


def _is_ensemble(item: Any) -> bool:
    if isinstance(item, NetworkSpectra):
        return False
    return isinstance(item, xr.Dataset) or recording_in(item) is None


def _ensemble(item: Any) -> xr.Dataset:
    return item if isinstance(item, xr.Dataset) else read_ensemble(item)


def _recording(item: Any, replica: int, select: str | Sequence[str]) -> NetworkSpectra:
    if isinstance(item, NetworkSpectra):
        return item
    path = recording_in(item)
    if path is None:
        raise InputError(f"{item}: not a recording of spectra.")
    return read_recording(path, replica=replica, select=select)


def _each(name: str, value: Any, num: int, check: Any) -> tuple[Any, ...]:
    values = as_tuple(value)
    if len(values) not in (0, 1, num):
        raise InputError(f"`{name}` must be given once or for each of the {num} recordings, got {len(values)} values.")
    return tuple(check(name, each) for each in (values * num if len(values) == 1 else values))
