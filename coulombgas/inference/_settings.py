"""From records to what the programs see: each setting's level groups, each with an energy and its degrees of freedom.

The law of a group of n degenerate levels of width s is the joint law of the eigenvalues of a GOE matrix,
P ∝ Π|x_i − x_j| exp(−Σ(x_i − κ)²/(2s²)) (ALP24 (14), (70)). Without each replica's centre of mass, the energy

    Q = Σ_replicas Σ_i (x_i − x̄)²   follows   Q/s² ~ χ²(f),   f = replicas · (n(n+1)/2 − 1),

and carries all the data know about s; for a pair Q = ΣS²/2, f = 2·replicas, which is the Wigner surmise. A single mode
is Gaussian with unknown centre: f = replicas − 1. What quenched inputs do to the centre of a setting drops out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from scipy import stats

from coulombgas._checks import InputError
from coulombgas._types import Progress
from coulombgas.models import Model
from coulombgas.spectra import LevelGroup, group_freedom
from coulombgas.theory import Theory, find_theory, scheduled_rate
from coulombgas.training import Optimizer

from ._records import Record, collect_records
from ._scrutiny import check_levels, suspicions

_IMPOSSIBLE_WIDTHS = 30.0
_MAX_EXCLUDED = 0.05
_OUTLIER_RATE = 1e-4
_FEW_REPLICAS = 20
_MANY_REPLICAS = 50


@dataclass(frozen=True, kw_only=True)
class GroupData:
    """One level group of one setting."""

    center: float
    modes: tuple[int, ...]
    levels: np.ndarray = field(repr=False)
    width2_per_temperature: float

    @property
    def size(self) -> int:
        return len(self.modes)

    @property
    def freedom_per_replica(self) -> int:
        """Degrees of freedom a replica adds to the energy."""
        return group_freedom(self.size)

    @property
    def freedom(self) -> int:
        """Degrees of freedom f of the energy."""
        return self.freedom_per_replica * len(self.levels) - (self.size == 1)

    @property
    def replica_energies(self) -> np.ndarray:
        """Σ_i (x_i − x̄)² of each replica; a single mode is centred across replicas."""
        axis = 0 if self.size == 1 else 1
        return ((self.levels - self.levels.mean(axis=axis, keepdims=True)) ** 2).sum(axis=1)

    @property
    def energy(self) -> float:
        """Q."""
        return float(self.replica_energies.sum())


@dataclass(frozen=True, kw_only=True)
class SettingData:
    """One setting: its model and theory, its replicas' levels and what is odd about them."""

    record: Record = field(repr=False)
    model: Model = field(repr=False)
    theory: Theory = field(repr=False)
    optimizer: Optimizer = field(repr=False)
    """With a constant schedule: that at the record."""
    groups: tuple[GroupData, ...] = field(repr=False)
    num_replicas: int
    effective_replicas: float
    tolerance: float
    """How near fixed points make one level group."""
    warnings: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where the spectra came from."""
        return self.record.path

    @property
    def learning_rate(self) -> float:
        """α at the start of training."""
        return self.record.learning_rate

    @property
    def batch_size(self) -> int:
        """B."""
        return self.record.batch_size

    @property
    def assumed(self) -> dict[str, Any]:
        """What was not given and is assumed."""
        return self.record.assumed

    @property
    def level_groups(self) -> tuple[LevelGroup, ...]:
        """The groups without their data."""
        return tuple(LevelGroup(group.center, group.modes) for group in self.groups)

    def theory_at(self, batch_size: int) -> Theory:
        """The theory of the same training at another batch size."""
        rate = self.theory.learning_rate
        return _theory_of(self.model, self.record, rate, self.optimizer, batch_size, self.tolerance)


def inflation(groups: Sequence[GroupData], effective: float = 1.0) -> float:
    """By how much the energies of replicas scatter more than independent χ² groups would; at least 1.

    The variance over replicas of Σ_g q_g/s_g² against its value 2Σ_g f_g for independent groups: levels that feel each
    other and heavy tails make it larger, and the freedom of the likelihood is divided by it (a Godambe correction).
    With fewer than 50 replicas it cannot be measured and is 1. ``effective``, independent replicas over replicas,
    divides it: rows of one run count for less.
    """
    if len(groups[0].levels) < _MANY_REPLICAS:
        return 1.0 / effective
    scores = sum(group.freedom_per_replica * group.replica_energies / group.replica_energies.mean() for group in groups)
    expected = 2.0 * sum(group.freedom_per_replica for group in groups)
    return max(1.0, float(np.var(scores, ddof=1)) / expected) / effective


def collect_settings(
    spectra: xr.Dataset | Sequence[xr.Dataset],
    *,
    model: Model | None = None,
    record: int = -1,
    tolerance: float = 1e-3,
    progress: Progress | None = None,
) -> list[SettingData]:
    """Every setting of every dataset, with its theory.

    Args:
        spectra: one dataset or several, each with its own model.
        model: the model of all of them, instead of what they say.
        record: index of the record to use.
        tolerance: how near fixed points make one level group, relative to the largest.
        progress: called with (done, total) settings.

    Raises:
        InputError: one line naming the source and what is wrong with it.
    """
    return prepare_settings(collect_records(spectra, model=model, record=record), tolerance, progress)


def prepare_settings(
    records: Sequence[Record], tolerance: float, progress: Progress | None = None
) -> list[SettingData]:
    """Records with their theories and level groups.

    Raises:
        InputError: naming the source.
    """
    settings = []
    for done, record in enumerate(records):
        try:
            settings.append(_setting(record, tolerance))
        except InputError as error:
            prefix = "" if str(error).startswith(record.path) else f"{record.path}: "
            raise InputError(f"{prefix}{error}") from None
        if progress is not None:
            progress(done + 1, len(records))
    return settings


def _theory_of(
    model: Model, record: Record, learning_rate: float, optimizer: Optimizer, batch_size: int, tolerance: float
) -> Theory:
    return find_theory(
        model, learning_rate=learning_rate, batch_size=batch_size, optimizer=optimizer, sampling=record.sampling,
        updates_per_epoch=record.updates_per_epoch, tolerance=tolerance,
    )  # fmt: skip


def _theory(model: Model, record: Record, tolerance: float) -> tuple[Theory, Optimizer]:
    """The theory at the record, with the learning rate that the schedule had there."""
    optimizer, batch = record.optimizer._replace(schedule="constant"), record.batch_size

    def at(rate: float) -> Theory:
        return _theory_of(model, record, rate, optimizer, batch, tolerance)

    if record.optimizer.schedule == "constant":
        return at(record.learning_rate), optimizer
    if record.step is None or record.steps is None:
        raise InputError(
            f"`optimizer` has the schedule {record.optimizer.schedule!r}: say at which update the levels were recorded "
            "(`step`) and how long the run was (`steps`)."
        )
    return scheduled_rate(record.optimizer, record.learning_rate, record.step, record.steps, at)[1], optimizer


def _setting(record: Record, tolerance: float) -> SettingData:
    model = record.model
    if model is None:
        if record.model_name:
            raise InputError(
                f"nothing is known of the model {record.model_name!r}: give `model=` or register its class."
            )
        raise InputError("`spectra` does not say which model it came from: give `model=`.")
    theory, optimizer = _theory(model, record, tolerance)
    warnings = []
    if record.num_failed:
        count = record.num_failed
        warnings.append(f"{_replicas(count)} diverged in training and {_were(count)} left out")
    if not theory.groups:
        raise InputError("no mode is learnt: every fixed point is 0, so the spectra carry no temperature.")
    check_levels(record.levels, theory, model)
    levels, excluded = _possible(record.levels, model, theory.groups)
    effective, found = suspicions(record, levels, theory)
    groups = group_data(levels, theory)
    if len(levels) < _FEW_REPLICAS:
        found.append(f"only {_replicas(len(levels))}: the interval is wide and leans on the prior")
    found.extend(warning for group in groups for warning in _oddities(group))
    return SettingData(
        record=record, model=model, theory=theory, optimizer=optimizer, groups=groups, num_replicas=len(levels),
        effective_replicas=effective, tolerance=tolerance, warnings=(*warnings, *excluded, *found),
    )  # fmt: skip


def group_data(levels: np.ndarray, theory: Theory) -> tuple[GroupData, ...]:
    """The level groups of a theory with the levels (replica, mode) of a setting."""
    return tuple(
        GroupData(
            center=group.center,
            modes=group.modes,
            levels=levels[:, list(group.modes)],
            width2_per_temperature=float(width2),
        )
        for group, width2 in zip(theory.groups, theory.width2_per_temperature, strict=True)
    )


def _possible(levels: np.ndarray, model: Model, groups: Sequence[LevelGroup]) -> tuple[np.ndarray, list[str]]:
    """Levels of the replicas that the model allows at all, and sentences about the others."""
    num = len(levels)
    wall = ~model.allowed(levels)
    far = np.zeros(num, dtype=bool)
    for group in groups:
        far |= _far_away(levels[:, list(group.modes)])
    warnings = []
    if wall.any():
        count = int(wall.sum())
        warnings.append(f"{_replicas(count)} with levels outside the domain of the model {_were(count)} left out")
    if (far & ~wall).any():
        count = int((far & ~wall).sum())
        warnings.append(
            f"{_replicas(count)} with a level more than {_IMPOSSIBLE_WIDTHS:g} widths away {_were(count)} left out"
        )
    out = wall | far
    if out.sum() > max(_MAX_EXCLUDED * num, 1):
        raise InputError(
            f"{int(out.sum())} of {num} replicas hold levels that the model cannot have ({'; '.join(warnings)}): "
            "check the model's parameters and the data."
        )
    if num - out.sum() < 2:
        raise InputError(
            f"{_replicas(int(num - out.sum()))} of use, at least 2 are needed: train more of them, or with a "
            "smaller learning rate where they diverged."
        )
    return levels[~out], warnings


def _far_away(levels: np.ndarray) -> np.ndarray:
    """Replicas with a level of the group more than 30 widths from the median; never with fewer than 5 replicas."""
    if len(levels) < 5:
        return np.zeros(len(levels), dtype=bool)
    distance = np.abs(levels - np.median(levels)).max(axis=1)
    return distance > _IMPOSSIBLE_WIDTHS * max(np.median(distance), np.finfo(float).tiny)


def _oddities(group: GroupData) -> list[str]:
    """Sentences about a group whose data its law hardly allows."""
    energies, size = group.replica_energies, group.freedom_per_replica
    scale = np.abs(group.levels).max()
    if group.energy <= (8 * np.finfo(float).eps * scale) ** 2 * len(energies):
        raise InputError(
            f"all replicas have the same levels near x = {group.center:.4g}: no fluctuation, no temperature."
        )
    found = []
    where = f"levels near x = {group.center:.4g}"
    if group.size > 1 and (ties := int((np.diff(group.levels, axis=1) == 0).sum())):
        found.append(f"{where}: {ties} spacing{'s' * (ties > 1)} exactly zero (rounded or copied data?)")
    robust = np.median(energies) / stats.chi2.median(size)
    limit = stats.chi2.isf(_OUTLIER_RATE / len(energies), size)
    if robust > 0 and len(energies) >= _FEW_REPLICAS and (count := int((energies > limit * robust).sum())):
        found.append(f"{where}: {count} outlier{'s' * (count > 1)} beyond the law (false-alarm rate {_OUTLIER_RATE:g})")
    if len(energies) < _FEW_REPLICAS and _one_stands_out(group):
        found.append(
            f"{where}: one replica is out of all proportion to the others (false-alarm rate {_OUTLIER_RATE:g})"
        )
    return found


def _one_stands_out(group: GroupData) -> bool:
    """Whether one of a few replicas contradicts the others, by the F law of its energy over that of the rest.

    A single level is compared with the mean and variance of the others, which takes three replicas.
    """
    num, size = len(group.levels), group.freedom_per_replica
    energies, rest = group.replica_energies, (num - 1) * size
    others = group.energy - energies
    if group.size == 1:
        rest = num - 2
        if rest < 1:
            return False
        # leaving replica i out, the energy about the mean falls by n/(n − 1) times its squared deviation
        energies = energies * num / (num - 1)
        others = group.energy - energies
    largest = int(np.argmax(energies))
    ratio = (energies[largest] / size) / max(others[largest] / rest, np.finfo(float).tiny)
    return bool(num * stats.f.sf(ratio, size, rest) < _OUTLIER_RATE)


def _replicas(count: int) -> str:
    return f"{count} replica{'s' * (count != 1)}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
