r"""Noise, temperature and equilibrium of one matrix from the motion of its levels between records.

The noise of real gradients is anisotropic: leading levels and bulk are measured separately
(:func:`coulombgas.motion.level_noise`), and a statement about an entry of the matrix is made only where all levels have
the same noise. With the effective learning rate :math:`\alpha_e = \alpha(1 - d)/(1 - m)` fluctuation and dissipation
give a group of levels the temperature :math:`T = s^2/2\alpha_e` in units of the loss; a group that is not in
equilibrium (:func:`coulombgas.motion.stationarity`) has none, and its state is reported instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._interval import Interval
from coulombgas._results import to_dataset
from coulombgas.motion import GroupNoise, LevelNoise, Stationarity, level_noise, stationarity

from ._layer_table import interval_cell
from ._training import Dynamics

_UNKNOWN = Dynamics()


@dataclass(frozen=True, kw_only=True)
class GroupMotion:
    """Leading levels or bulk of one matrix.

    Attributes:
        modes: its levels, ascending.
        noise: variance that one update adds to u_iᵀ W v_i, averaged over the levels.
        log_error: standard error of its logarithm.
        temperature: s²/2α in units of the loss; None out of equilibrium, or where the learning rate or a temperature of
            the optimiser is not known.
        state: equilibrium, drift, or diffusion without end.
    """

    modes: tuple[int, ...]
    noise: Interval
    log_error: float
    temperature: Interval | None
    state: Stationarity

    def record(self) -> dict[str, Any]:
        """The group in plain Python objects; None for what is not known."""
        missing = {"mean": None, "lower": None, "upper": None}
        return {
            "num_levels": len(self.modes),
            "modes": list(self.modes),
            "noise": self.noise.as_dict(),
            "temperature": missing if self.temperature is None else self.temperature.as_dict(),
            "state": self.state.state,
            "p_drift": None if np.isnan(self.state.p_drift) else self.state.p_drift,
            "p_force": None if np.isnan(self.state.p_force) else self.state.p_force,
            "relaxation": self.state.relaxation,
        }


@dataclass(frozen=True, kw_only=True)
class LayerMotion:
    """Noise of one matrix, from the motion of its levels.

    Attributes:
        levels: noise of each level, and how it was measured.
        leading: the leading levels; None where there are none or their noise is unknown.
        bulk: the others.
        isotropic: whether the levels are established to have one noise: not refused at 1%, and a difference by a factor
            two excluded. False where it is refused and where it cannot be told; ``levels.isotropy.verdict`` says which.
        noise: variance that one update adds to an entry; None unless isotropic.
        temperature: s²/2α of that noise; None unless isotropic and in equilibrium.
        move: root mean square motion of a bulk level between two records, in mean spacings.
        statement: all of it, or why there is no noise, in one sentence.
        steps: of the records used, (record,).
        singular: singular values at these records, (record, mode).
    """

    levels: LevelNoise = field(repr=False)
    leading: GroupMotion | None
    bulk: GroupMotion | None
    isotropic: bool
    noise: Interval | None
    temperature: Interval | None
    move: float
    statement: str
    steps: np.ndarray = field(repr=False)
    singular: np.ndarray = field(repr=False)

    @property
    def groups(self) -> tuple[tuple[str, GroupMotion], ...]:
        """Those that are known, by name."""
        named = (("leading levels", self.leading), ("bulk", self.bulk))
        return tuple((name, group) for name, group in named if group is not None)

    @property
    def stationary(self) -> bool | None:
        """Whether all known groups are in equilibrium; None where that is unknown."""
        known = [group.state.stationary for _, group in self.groups]
        if not known or (None in known and False not in known):
            return None
        return all(known)

    def records(self) -> list[dict[str, Any]]:
        """One dictionary of plain Python objects for each known group, "leading" and "bulk"; that of single levels is
        ``levels.records()``."""
        return [
            {"group": name, **group.record()}
            for name, group in (("leading", self.leading), ("bulk", self.bulk))
            if group is not None
        ]

    def dataset(self) -> xr.Dataset:
        """The records over ``group``."""
        return to_dataset(self.records(), "group", move=self.move, statement=self.statement)

    def table(self) -> str:
        """One line of text for each group, and whether an entry of the matrix has a noise of its own."""
        if not self.groups:
            return f"! {self.statement}"
        lines = [f"{'group':8}{'levels':>6}  {'noise of an update [95%]':30}{'temperature [95%]':30}state"]
        for name, group in (("leading", self.leading), ("bulk", self.bulk)):
            if group is not None:
                numbers = f"{interval_cell(group.noise):30}{interval_cell(group.temperature):30}"
                lines.append(f"{name:8}{len(group.modes):>6}  {numbers}{group.state.state}")
        entry = _anisotropy(self.levels) if self.noise is None else f"noise of an entry {interval_cell(self.noise)}"
        return "\n".join([*lines, entry, *([f"! {self.levels.reason}"] if self.levels.reason else [])])


def layer_motion(
    levels: np.ndarray, steps: np.ndarray, *, num_leading: int = 0, dynamics: Dynamics = _UNKNOWN
) -> LayerMotion:
    """Noise, temperature and equilibrium of a matrix from its eigenvalues at successive records.

    Args:
        levels: eigenvalues of WᵀW, shape (record, mode), modes ascending.
        steps: training steps of the records, ascending, shape (record,).
        num_leading: number of largest levels to be averaged separately, such as the spikes.
        dynamics: learning rate and memory of the optimiser, as far as known.

    Raises:
        InputError: for arrays that do not fit.
    """
    found = level_noise(levels, steps, num_leading=num_leading, momentum=dynamics.memory)
    path = {"steps": np.asarray(steps), "singular": np.sqrt(levels)}
    if not found.known:
        return LayerMotion(
            levels=found, leading=None, bulk=None, isotropic=False, noise=None, temperature=None, move=found.move,
            statement=f"no noise estimate: {found.reason}", **path,
        )  # fmt: skip
    span = max(1, found.span)
    leading, bulk = (
        None if group is None else _group(group, stationarity(levels, steps, modes=group.modes, span=span), dynamics)
        for group in (found.leading, found.bulk)
    )
    isotropic = found.isotropy is not None and found.isotropy.accepted
    whole = _pooled(leading, bulk) if isotropic else None
    return LayerMotion(
        levels=found, leading=leading, bulk=bulk, isotropic=isotropic,
        noise=None if whole is None else whole.noise, temperature=None if whole is None else whole.temperature,
        move=found.move, statement=_statement(found, leading, bulk, whole, dynamics), **path,
    )  # fmt: skip


def common_temperature(motions: Sequence[LayerMotion]) -> Interval | None:
    """s²/2α of the leading levels that are in equilibrium, averaged over them, in units of the loss; of the bulk ones
    where no leading level is, None where nothing is.

    Args:
        motions: of the matrices of one run.
    """
    for kind in ("leading", "bulk"):
        groups = [getattr(motion, kind) for motion in motions]
        known = [group for group in groups if group is not None and group.temperature is not None]
        if known:
            weight = np.array([float(len(group.modes)) for group in known])
            weight /= weight.sum()
            table = np.array([tuple(group.temperature) for group in known])
            mean = float(weight @ table[:, 0])
            down, up = (float(np.sqrt(weight**2 @ (table[:, end] - table[:, 0]) ** 2)) for end in (1, 2))
            return Interval(mean, max(mean - down, 0.0), mean + up, float(np.sqrt(weight**2 @ table[:, 3] ** 2)))
    return None


def _group(group: GroupNoise, state: Stationarity, dynamics: Dynamics) -> GroupMotion:
    rate = dynamics.effective_rate
    balanced = state.state == "equilibrium" and rate is not None
    temperature = Interval(*(value / (2 * rate) for value in group.noise)) if balanced and rate else None
    return GroupMotion(
        modes=group.modes, noise=group.noise, log_error=group.log_error, temperature=temperature, state=state
    )


def _pooled(leading: GroupMotion | None, bulk: GroupMotion | None) -> GroupMotion:
    """Both groups as one, weighted by their errors; in the state of the one that is not in equilibrium."""
    groups = [group for group in (leading, bulk) if group is not None]
    if len(groups) == 1:
        return groups[0]
    weight = np.array([group.log_error**-2.0 for group in groups])
    weight /= weight.sum()
    noise, temperature = (_mix([getattr(group, name) for group in groups], weight) for name in ("noise", "temperature"))
    state = next((group.state for group in groups if not group.state.stationary), groups[0].state)
    error = float(np.sqrt(weight**2 @ [group.log_error**2 for group in groups]))
    modes = tuple(sorted(mode for group in groups for mode in group.modes))
    assert noise is not None
    return GroupMotion(modes=modes, noise=noise, log_error=error, temperature=temperature, state=state)


def _mix(values: list[Interval | None], weight: np.ndarray) -> Interval | None:
    """Weighted mean of independent quantities on the logarithmic scale."""
    if None in values:
        return None
    logs = np.log([[value.mean, value.lower, value.upper] for value in values if value is not None])
    mean = float(weight @ logs[:, 0])
    down, up = (float(np.sqrt(weight**2 @ (logs[:, end] - logs[:, 0]) ** 2)) for end in (1, 2))
    sd = float(np.exp(mean)) * float(
        np.sqrt(weight**2 @ [(value.sd / value.mean) ** 2 for value in values if value is not None])
    )
    ends = [float(np.exp(each)) for each in (mean, mean - down, mean + up)]
    return Interval(ends[0], ends[1], ends[2], sd)


def _statement(
    found: LevelNoise, leading: GroupMotion | None, bulk: GroupMotion | None, whole: GroupMotion | None,
    dynamics: Dynamics,
) -> str:  # fmt: skip
    """The noise of the groups, or of an entry where it is isotropic, in a sentence."""
    if whole is not None:
        parts = [f"one update adds {_text(whole.noise)} to the variance of an entry{_heat(whole, dynamics)}"]
        parts += (
            []
            if found.isotropy is None
            else [f"the noise of levels differs by less than a factor {found.isotropy.below:.2g}"]
        )
    else:
        named = (("leading", leading), ("bulk", bulk))
        parts = [
            f"{name} levels {_range(group.modes)}: one update adds {_text(group.noise)} to the variance of "
            f"u_iᵀWv_i{_heat(group, dynamics)}"
            for name, group in named
            if group is not None
        ]
        parts.append(_anisotropy(found))
    return "; ".join([*parts, *([found.reason] if found.reason else [])])


def _anisotropy(found: LevelNoise) -> str:
    """Why no noise of an entry is given."""
    if found.isotropy is None:
        return "too few levels to test whether the noise is isotropic, so no noise of an entry is given"
    if found.isotropy.verdict == "unknown":
        return (
            "levels too few or too noisy to decide whether the noise is isotropic: a factor "
            f"{found.isotropy.below:.2g} between them is not excluded, so no noise of an entry is given"
        )
    return (
        f"the noise is not isotropic (a factor {found.isotropy.ratio:.3g} between levels, "
        f"p = {found.isotropy.p_value:.1g}), so no noise of an entry is given"
    )


def _heat(group: GroupMotion, dynamics: Dynamics) -> str:
    if group.temperature is not None:
        return f", temperature {_text(group.temperature)} in units of the loss, {group.state.statement}"
    if group.state.state != "equilibrium":
        return f", no temperature: {group.state.statement}"
    return f", {group.state.statement}, no temperature: {dynamics.why_no_rate}"


def _range(modes: tuple[int, ...]) -> str:
    """Modes as "3-7, 9"."""
    runs = np.split(np.array(modes), np.flatnonzero(np.diff(modes) > 1) + 1)
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def _text(interval: Interval) -> str:
    return f"{interval.mean:.3g} [{interval.lower:.3g}, {interval.upper:.3g}]"
