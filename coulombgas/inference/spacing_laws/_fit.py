"""Fitting a model of the catalogue to level groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import numpy as np
import xarray as xr

from coulombgas._arviz import container, effective_sample_size, r_hat
from coulombgas._checks import InputError, check_seed
from coulombgas._files import atomic_file
from coulombgas._interval import Interval, summarise
from coulombgas._results import to_dataset
from coulombgas._types import PathType
from coulombgas.inference._grid import sample_grid
from coulombgas.inference._level_groups import GroupData
from coulombgas.inference._parts import diagnostic_warnings
from coulombgas.inference._sampler import Draws, sample_batch
from coulombgas.inference._settings import SettingData, collect_settings
from coulombgas.inference._text import align, in_brackets, short_path

from ._catalogue import (
    PaperModel,
    Standardised,
    bound,
    find_model,
    observable_of,
    restore,
    stack_observations,
    standardise,
)  # fmt: skip
from ._programs import Observations
from ._store import model_groups


@dataclass(frozen=True, kw_only=True)
class GroupModelFit:
    """A model's posterior for one level group.

    Attributes:
        path, learning_rate, batch_size: the setting.
        center: fixed point of the group.
        gap: distance of the two fixed points of a pair, 0 for one target.
        values: the observations in the units of the eigenvalue.
        draws: posterior of each parameter, (chain, draw).
        parameters: mean and 95% interval of each.
        r_hat, ess, divergences, warnings: as in :class:`SettingFit`.
    """

    path: str
    learning_rate: float
    batch_size: int
    center: float
    gap: float
    values: np.ndarray = field(repr=False)
    draws: dict[str, np.ndarray] = field(repr=False)
    parameters: dict[str, Interval]
    r_hat: float
    ess: float
    divergences: int
    warnings: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """The fit in plain Python objects."""
        return {
            "path": self.path, "learning_rate": self.learning_rate, "batch_size": self.batch_size,
            "fixed_point": self.center, "num_observations": len(self.values),
            "parameters": {name: value.as_dict() for name, value in self.parameters.items()},
            "r_hat": self.r_hat, "ess": self.ess, "divergences": self.divergences, "warnings": list(self.warnings),
        }  # fmt: skip


def restored(fields: Mapping[str, Any]) -> GroupModelFit:
    """A group from the fields in a file; its intervals follow from the draws."""
    return GroupModelFit(**fields, parameters={name: summarise(value) for name, value in fields["draws"].items()})


@dataclass(frozen=True, kw_only=True)
class ModelFit:
    """A model of the catalogue fitted to every level group it applies to.

    Attributes:
        model: its name in the catalogue.
        groups: posterior of each level group.
    """

    model: str
    groups: tuple[GroupModelFit, ...]

    def records(self) -> list[dict[str, Any]]:
        """One dictionary of plain Python objects for each group."""
        return [group.record() for group in self.groups]

    def as_dict(self) -> dict[str, Any]:
        """All results in plain Python objects."""
        return {"model": self.model, "groups": self.records()}

    def table(self) -> str:
        """All results as text."""
        return _model_table(self)

    def dataset(self) -> xr.Dataset:
        """The records over ``group``: each parameter with its interval, and the diagnostics."""
        rows = [{**group.record(), **group.record()["parameters"], "parameters": []} for group in self.groups]
        where = ("path", "learning_rate", "batch_size", "fixed_point")
        return to_dataset(rows, "group", coords=where, model=self.model)

    def to_datatree(self) -> xr.DataTree:
        """All draws, dims (chain, draw, group), and the observations."""
        return xr.DataTree.from_dict(model_groups(self.model, self.groups))

    @cached_property
    def posterior(self) -> Any:
        """All draws in the container type of the installed ArviZ, dims (chain, draw, group)."""
        return container(model_groups(self.model, self.groups))

    def save(self, path: PathType, *, overwrite: bool = False) -> None:
        """Write everything to one NetCDF file, which :func:`coulombgas.load_fit` and ArviZ read back."""
        with atomic_file(path, overwrite=overwrite) as temporary:
            temporary.unlink()
            self.to_datatree().to_netcdf(temporary, engine="h5netcdf")


_MAX_OBSERVATIONS = 20_000  # an error of 1/200 of the width, below any prior's or model's


@dataclass(frozen=True)
class GroupProblem:
    """A level group ready for a law."""

    setting: SettingData
    group: GroupData
    data: Standardised
    gap: float
    warnings: tuple[str, ...] = ()


def fit_model(
    spectra: xr.Dataset | Sequence[xr.Dataset],
    model: str,
    *,
    record: int = -1,
    tolerance: float | None = None,
    seed: int = 0,
    num_chains: int = 4,
    num_warmup: int = 300,
    num_draws: int = 500,
) -> ModelFit:
    """Fit one model of the papers to every level group it applies to, in one compiled batch.

    Args:
        spectra: a ``Spectra`` dataset, or several.
        model: "single", "pair", "density", "group", "rice", "known-gap", "product", "gaussian", "poisson", "brody" or
            "mixture".
        record: index of the record.
        tolerance: largest distance of two fixed points in one level group; large by default for models of
            near-degenerate pairs, so that a pair with a gap is one group.
        seed: seed of the sampler.
        num_chains: chains of each group.
        num_warmup: adaptation steps of a chain, for a posterior that does not fit on a grid and is drawn by NUTS.
        num_draws: draws of a chain.

    The posteriors have one or two parameters and are drawn by independence Metropolis from a grid, exactly except for
    the region below e⁻²⁰ of the maximum, where the grid ends.

    Raises:
        InputError: for an unknown model, or when it applies to no group.
    """
    seed = check_seed(seed)
    chosen = find_model(model)
    problems = collect_problems(spectra, chosen, record=record, tolerance=tolerance)
    options = {"seed": seed, "num_chains": num_chains, "num_warmup": num_warmup, "num_draws": num_draws}
    return ModelFit(model=model, groups=tuple(fit_problems(chosen, problems, options)))


def collect_problems(
    spectra: xr.Dataset | Sequence[xr.Dataset], model: PaperModel, *, record: int = -1, tolerance: float | None = None
) -> list[GroupProblem]:
    """Every level group that the model applies to."""
    gapped = model.name in ("rice", "known-gap", "product", "gaussian")
    if tolerance is None:
        tolerance = 0.1 if gapped else 1e-3
    problems = []
    for setting in collect_settings(spectra, record=record, tolerance=tolerance):
        for group in setting.groups:
            if (group.size == 1) != (model.name == "single") or (gapped and group.size != 2):
                continue
            targets = setting.theory.levels[list(group.modes)]
            values, warnings = _enough(observable_of(group, model.observable))
            data = standardise(values, model.observable)
            problems.append(GroupProblem(setting, group, data, float(np.ptp(targets)) / data.scale, warnings))
    if not problems:
        wanted = "single levels" if model.name == "single" else "pairs of levels" if gapped else "degenerate levels"
        raise InputError(f"`model` {model.name!r} needs {wanted}, which these spectra do not have: try another model.")
    return problems


def _enough(values: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """At most 20 000 observations, evenly chosen: every point of the grid evaluates each."""
    if len(values) <= _MAX_OBSERVATIONS:
        return values, ()
    chosen = np.linspace(0, len(values) - 1, _MAX_OBSERVATIONS).astype(int)
    return values[chosen], (f"{_MAX_OBSERVATIONS} of {len(values)} observations used, evenly chosen",)


def fit_problems(model: PaperModel, problems: Sequence[GroupProblem], options: dict) -> list[GroupModelFit]:
    """One batch for each size of group."""
    fits: dict[int, GroupModelFit] = {}
    for shape in sorted({problem.data.values.shape[1:] for problem in problems}):
        rows = [i for i, problem in enumerate(problems) if problem.data.values.shape[1:] == shape]
        chosen = [problems[i] for i in rows]
        fits |= dict(zip(rows, _fit_shape(model, chosen, options), strict=True))
    return [fits[i] for i in range(len(problems))]


def _fit_shape(model: PaperModel, problems: Sequence[GroupProblem], options: dict) -> list[GroupModelFit]:
    data = stack_observations([p.data.values for p in problems], [p.gap for p in problems])
    starts = [model.start(p.data.values, p.gap) for p in problems]
    fits = []
    for i, (problem, start) in enumerate(zip(problems, starts, strict=True)):
        own = jax.tree.map(lambda leaf, i=i: leaf[i : i + 1], data)
        draws = _from_grid(model, own, start, i, options) or _by_nuts(model, own, start, options)
        fits.append(_group_fit(model, problem, {n: v[0] for n, v in draws.sites.items()}, int(draws.diverging.sum())))
    return fits


def _from_grid(model: PaperModel, data: Observations, start: dict, index: int, options: dict) -> Draws | None:
    even = model.even[0] if model.even else None
    own, sizes = jax.tree.map(lambda leaf: leaf[0], data), {n: options[n] for n in ("num_chains", "num_draws")}
    return sample_grid(bound(model), own, start, seed=(options["seed"], index), even=even, **sizes)


def _by_nuts(model: PaperModel, data: Observations, start: dict, options: dict) -> Draws:
    """Draw a posterior that does not fit on a grid."""
    initial = {name: np.array([value]) for name, value in start.items()}
    # gap and width, or repulsion and mean, are correlated: a full mass matrix and small steps
    careful = {"dense_mass": True, "target_accept": 0.95} if len(initial) > 1 else {}
    return sample_batch(bound(model), data, initial, abreast=False, **careful, **options)


def _group_fit(model: PaperModel, problem: GroupProblem, sites: dict, divergences: int) -> GroupModelFit:
    """Draws in the units of the eigenvalue, with summaries and diagnostics."""
    draws = {name: restore(model, name, value, problem.data) for name, value in sites.items()}
    worst = max(r_hat(value) for value in draws.values())
    setting = problem.setting
    return GroupModelFit(
        path=setting.path, learning_rate=setting.learning_rate, batch_size=setting.batch_size,
        center=problem.group.center, gap=problem.gap * problem.data.scale,
        values=problem.data.values * problem.data.scale + problem.data.shift, draws=draws,
        parameters={name: summarise(value) for name, value in draws.items()}, r_hat=worst,
        ess=min(effective_sample_size(value) for value in draws.values()), divergences=divergences,
        warnings=(*setting.warnings, *problem.warnings, *diagnostic_warnings(worst, divergences)),
    )  # fmt: skip


def _model_table(fit: ModelFit) -> str:
    """A fitted model as text."""
    names = list(fit.groups[0].parameters)
    header = ("source", "α", "B", "x_s", "n", *(f"{name} [95%]" for name in names), "r_hat", "ess", "div")
    rows = [
        [
            short_path(g.path),
            f"{g.learning_rate:g}",
            f"{g.batch_size}",
            f"{g.center:.4g}",
            f"{len(g.values)}",
            *(f"{g.parameters[name].mean:.4g} {in_brackets(g.parameters[name])}" for name in names),
            f"{g.r_hat:.3f}",
            f"{g.ess:.0f}",
            f"{g.divergences}",
        ]
        for g in fit.groups
    ]
    warnings = dict.fromkeys(f"! {short_path(g.path)}: {warning}" for g in fit.groups for warning in g.warnings)
    return "\n".join([f"model {fit.model}", align(header, rows), *(["", *warnings] if warnings else [])])
