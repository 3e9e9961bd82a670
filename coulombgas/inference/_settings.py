"""From spectra to what the models see: for each setting its level groups, each with an energy and a freedom.

The law of a group of n degenerate levels of width s is the joint law of the eigenvalues of a GOE matrix,
P ∝ Π|x_i − x_j| exp(−Σ(x_i − κ)²/(2s²)) (ALP24 (14), (70)). Without each replica's centre of mass, the energy

    Q = Σ_replicas Σ_i (x_i − x̄)²   follows   Q/s² ~ χ²(f),   f = replicas · (n(n+1)/2 − 1),

and carries all the data know about s; for a pair Q = ΣS²/2, f = 2·replicas, which is the Wigner surmise. A single mode
is Gaussian with unknown centre: f = replicas − 1. What quenched inputs do to the centre of a setting drops out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from scipy import stats

from coulombgas._checks import InputError
from coulombgas.models import Model, from_config
from coulombgas.spectra import LevelGroup, group_freedom, group_levels, level_groups, model_config, validate_spectra

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
    """One setting: its model, its replicas' levels and what is odd about them."""

    path: str
    model: Model = field(repr=False)
    learning_rate: float
    batch_size: int
    groups: tuple[GroupData, ...] = field(repr=False)
    num_replicas: int
    warnings: tuple[str, ...]

    @property
    def level_groups(self) -> tuple[LevelGroup, ...]:
        """The groups without their data."""
        return tuple(LevelGroup(group.center, group.modes) for group in self.groups)


def inflation(groups: Sequence[GroupData]) -> float:
    """By how much the energies of replicas scatter more than independent χ² groups would; at least 1.

    The variance over replicas of Σ_g q_g/s_g² against its value 2Σ_g f_g for independent groups: levels that feel each
    other and heavy tails make it larger, and the freedom of the likelihood is divided by it (a Godambe correction).
    With fewer than 50 replicas it cannot be measured and is 1.
    """
    if len(groups[0].levels) < _MANY_REPLICAS:
        return 1.0
    scores = sum(group.freedom_per_replica * group.replica_energies / group.replica_energies.mean() for group in groups)
    expected = 2.0 * sum(group.freedom_per_replica for group in groups)
    return max(1.0, float(np.var(scores, ddof=1)) / expected)


def collect_settings(
    spectra: xr.Dataset | Sequence[xr.Dataset], *, step: int = -1, tolerance: float = 1e-3
) -> list[SettingData]:
    """Every setting of every dataset.

    Args:
        spectra: one dataset or several, each with its own model.
        step: index of the recorded step to use.
        tolerance: how near fixed points make one level group, relative to the largest.

    Raises:
        InputError: one line naming the source and what is wrong with it.
    """
    datasets = [spectra] if isinstance(spectra, xr.Dataset) else list(spectra)
    if not datasets:
        raise InputError("`spectra` is empty: give at least one dataset.")
    return [setting for dataset in datasets for setting in _settings_of(dataset, step, tolerance)]


def _settings_of(dataset: xr.Dataset, step: int, tolerance: float) -> list[SettingData]:
    dataset = validate_spectra(dataset)
    path = str(dataset.attrs.get("source", "spectra"))
    try:
        model = from_config(model_config(dataset))
        if model.num_modes != dataset.sizes["mode"]:
            raise InputError(f"`eigenvalue` has {dataset.sizes['mode']} modes, its model {model.num_modes}.")
        return [_setting(dataset, index, model, path, step, tolerance) for index in range(dataset.sizes["setting"])]
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _setting(dataset: xr.Dataset, index: int, model: Model, path: str, step: int, tolerance: float) -> SettingData:
    learning_rate = float(dataset.learning_rate.values[index])
    batch_size = int(dataset.batch_size.values[index])
    levels = group_levels(dataset, _all_modes(model), setting=index, step=step)
    warnings = []
    failed = dataset.sizes["replica"] - len(levels)
    if failed:
        warnings.append(f"{_replicas(failed)} diverged in training and {_were(failed)} left out")
    width2 = model.width2_per_temperature(learning_rate=learning_rate, batch_size=batch_size)
    learnt = [
        group for group in level_groups(model.fixed_point, tolerance=tolerance) if np.all(width2[list(group.modes)] > 0)
    ]
    if not learnt:
        raise InputError("no mode is learnt: every fixed point is 0, so the spectra carry no temperature.")
    levels, excluded = _possible(levels, model, learnt)
    warnings.extend(excluded)
    groups = tuple(
        GroupData(
            center=group.center,
            modes=group.modes,
            levels=levels[:, list(group.modes)],
            width2_per_temperature=float(np.mean(width2[list(group.modes)])),
        )
        for group in learnt
    )
    if len(levels) < _FEW_REPLICAS:
        warnings.append(f"only {_replicas(len(levels))}: the interval is wide and leans on the prior")
    warnings.extend(warning for group in groups for warning in _oddities(group))
    return SettingData(
        path=path, model=model, learning_rate=learning_rate, batch_size=batch_size, groups=groups,
        num_replicas=len(levels), warnings=tuple(warnings),
    )  # fmt: skip


def _all_modes(model: Model) -> LevelGroup:
    return LevelGroup(0.0, tuple(range(model.num_modes)))


def _possible(levels: np.ndarray, model: Model, groups: Sequence[LevelGroup]) -> tuple[np.ndarray, list[str]]:
    """Levels of the replicas that the model allows at all, and sentences about the others."""
    num = len(levels)
    wall = np.zeros(num, dtype=bool)
    mu2 = getattr(model, "mu2", None)
    if mu2 is not None:
        wall = levels[:, -1] >= mu2
    far = np.zeros(num, dtype=bool)
    for group in groups:
        far |= _far_away(levels[:, list(group.modes)])
    warnings = []
    if wall.any():
        count = int(wall.sum())
        warnings.append(f"{_replicas(count)} with a level at x ≥ mu2 (no normalisable model) {_were(count)} left out")
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
    width = np.sqrt(group.energy / group.freedom)
    if abs(group.levels.mean() - group.center) > 3 * width + 0.02 * abs(group.center):
        found.append(f"{where}: their mean is {group.levels.mean():.4g}, training may not have reached the fixed point")
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
