r"""Noise of a weight matrix level by level, from the motion of its singular values between records.

One update adds :math:`E` to W, and with it :math:`u_i^T E v_i` to the singular value ξ_i. Its variance s_i² differs
from level to level: the noise of real gradients is anisotropic. Over h updates a level moves by

.. math:: \Delta\xi_i = d_i h + \sum_{j\ne i}\Delta_{ij} + \sqrt{v_i}\,\eta_i, \qquad v_i = s_i^2 h,

with a steady drift d_i and the push Δ_ij of each neighbour, half of what the Rice-distributed spacing of a 2×2 matrix
gains in h updates (``_propagation``). With the pushes taken out, half the mean square of the difference of successive
moves is

.. math:: q_i = \langle\Delta\xi_i^2\rangle - \langle\Delta\xi_i(t)\,\Delta\xi_i(t + h)\rangle
    = s_i^2\Big[h - \frac{2m(1 - m^h)}{1 - m^2} - \frac{m(1 - m^h)^2}{1 - m^2}\Big]

free of the drift, and of a restoring force to the next order in h. The bracket is exact for moves with the memory m of
a momentum, s_i² being what an update adds in the long run: (1 − m)^{-2} times that of one gradient. Only h beyond
3/(1 − m) is used. What the levels forget within h updates is put back from moves over 2h (``_relaxation``). Derived
here; held to per-sample gradients of networks by the tests.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._checks import InputError, check_finite_array, check_in_interval
from coulombgas._results import to_dataset

from ._groups import Group, GroupNoise, group_noise, level_intervals
from ._isotropy import Isotropy, isotropy
from ._moves_of_levels import MIN_MOVES, MatrixMoves, expected_memory, moves_of

_SPANS = (1, 2, 4, 8, 16, 32, 64)
_MEMORIES = 3.0  # spans of 1/(1 − m) over which moves of a momentum have become nearly independent
_NOTICED = 0.1  # correlation of successive moves beyond which a momentum is looked for
_ALIKE = 0.2  # correlation of successive moves beyond which they are no diffusion
LONGEST_MOVE = 0.4  # of the mean spacing: farther, and neighbours cost the bulk more than a tenth of its noise
_RELAXED = -0.2  # below, levels relax between records


@dataclass(frozen=True, kw_only=True)
class LevelNoise:
    """Noise of one matrix, level by level.

    Attributes:
        levels: variance that one update adds to u_iᵀ W v_i, (mode,), NaN where it cannot be told.
        intervals: lower and upper end of 95% of each level, (mode, 2).
        leading: of the leading levels, averaged over them; None where there are none or it cannot be told.
        bulk: of the rest, averaged; None where there is none or it cannot be told.
        isotropy: whether one number describes all levels; None where nothing was measured.
        span: updates over which moves were taken.
        move: root mean square of such a move over the mean spacing of the bulk.
        reason: why there is no noise, or of which moves it is; empty where nothing needs to be said.
    """

    levels: np.ndarray = field(repr=False)
    intervals: np.ndarray = field(repr=False)
    leading: GroupNoise | None
    bulk: GroupNoise | None
    isotropy: Isotropy | None
    span: int
    move: float
    reason: str

    @property
    def known(self) -> bool:
        """Whether any noise was measured."""
        return self.leading is not None or self.bulk is not None

    def records(self) -> list[dict[str, Any]]:
        """One dictionary of plain Python objects for each level, from the lowest up.

        ``group`` is "leading", "bulk", or "unknown" where the noise of the level is; its numbers are None there.
        """
        named = (("leading", self.leading), ("bulk", self.bulk))
        groups = {mode: name for name, group in named if group is not None for mode in group.modes}
        ends = ("mean", "lower", "upper")
        return [
            {
                "mode": mode,
                "group": groups.get(mode, "unknown"),
                "noise": {end: value if np.isfinite(value) else None for end, value in zip(ends, row, strict=True)},
            }
            for mode, row in enumerate(np.column_stack([self.levels, self.intervals]).tolist())
        ]

    def dataset(self) -> xr.Dataset:
        """The records over ``mode``: group, noise, and the ends of its interval."""
        return to_dataset(self.records(), "mode", span=self.span, move=self.move, reason=self.reason)

    def table(self) -> str:
        """One line of text for each level, or why there is no noise."""
        if not self.known:
            return f"! no noise estimate: {self.reason}"
        lines = [f"{'level':>5}  {'group':8} {'noise of an update [95%]':>28}"]
        for row in self.records():
            mean, lower, upper = row["noise"].values()
            noise = "–" if mean is None else f"{mean:.3g} [{lower:.3g}, {upper:.3g}]"
            lines.append(f"{row['mode']:>5}  {row['group']:8} {noise:>28}")
        lines.append(f"moves over {self.span} updates, of {self.move:.2g} mean spacings")
        return "\n".join([*lines, *([f"! {self.reason}"] if self.reason else [])])


def level_noise(
    eigenvalues: np.ndarray, steps: np.ndarray, *, num_leading: int = 0, momentum: float | int | None = None
) -> LevelNoise:
    """Noise of a matrix, for each level and for leading levels and bulk apart.

    Args:
        eigenvalues: of WᵀW at successive records, (record, mode), modes ascending.
        steps: updates made before each record, ascending, (record,).
        num_leading: levels at the upper end to be averaged apart.
        momentum: of the optimiser, where known; 0 for none. Unknown momentum is looked for in the moves.

    Raises:
        InputError: for arrays that do not fit, or a momentum outside [0, 1).
    """
    levels = check_finite_array("eigenvalues", eigenvalues, ndim=2)
    steps = check_finite_array("steps", steps, ndim=1)
    if len(steps) != len(levels) or (np.diff(steps) <= 0).any() or (levels < 0).any():
        raise InputError("`steps` must ascend, one for each row of `eigenvalues`, which are at least 0.")
    if not 0 <= num_leading <= levels.shape[1]:
        raise InputError(f"`num_leading` must lie between 0 and {levels.shape[1]}, got {num_leading}.")
    if momentum is not None:
        check_in_interval("momentum", momentum, 0.0, 1.0 - 1e-9)
    return _estimate(np.sqrt(levels), steps, num_leading, None if momentum is None else float(momentum))


def _estimate(singular: np.ndarray, steps: np.ndarray, num_leading: int, momentum: float | None) -> LevelNoise:
    memory = _memory(singular, steps) if momentum is None else momentum
    found, reason = None, "fewer than three records, or too few at the same distance"
    for span in _SPANS:
        moves = moves_of(singular, steps, span, memory)
        if moves is None or moves.num < MIN_MOVES:
            break
        found, reason = moves, _trouble(moves, num_leading)
        if not reason or reason.startswith("levels"):
            break
    said = f"a memory as of momentum {memory:.2g} in the moves" if momentum is None else f"momentum {memory:g}"
    if found is None or reason:
        return _none(singular, found, _remedy(reason, found, said if memory else "", memory, steps))
    remark = f"from moves over {found.updates} updates, beyond {said}" if memory else ""
    return _summary(found, moves_of(singular, steps, 2 * found.span, memory), num_leading, remark)


def _memory(singular: np.ndarray, steps: np.ndarray) -> float:
    """The momentum that would make successive moves as alike as they are; 0 where they are not."""
    moves = moves_of(singular, steps, 1, 0.0)
    if moves is None or not moves.moved:
        return 0.0
    alike, error = moves.memory()
    if alike < _NOTICED + 2 * error:
        return 0.0
    highest = 1 - 1e-4
    if expected_memory(highest, moves.updates) <= alike:
        return highest
    trials = np.linspace(0.0, highest, 2000)  # the memory rises with the momentum
    return float(trials[np.searchsorted([expected_memory(each, moves.updates) for each in trials], alike)])


def _trouble(moves: MatrixMoves, num_leading: int) -> str:
    """Why these moves are no diffusion of levels that can be told apart; empty where they are."""
    if not moves.moved:
        return "levels do not move"
    if moves.updates * (1 - moves.momentum) < (_MEMORIES - 1e-6) * (moves.momentum > 0):
        return "memory"
    alike, error = moves.memory()
    if alike - 2 * error > _ALIKE:
        return f"successive moves are correlated by {alike:+.2f} over {moves.updates} updates"
    if alike + 2 * error < _RELAXED:
        return f"levels relax between records {moves.updates} updates apart (correlation {alike:+.2f})"
    far = moves.move(num_leading)
    if far > LONGEST_MOVE and (not num_leading or not np.isfinite(moves.noise).any()):
        return f"levels move by {far:.2g} mean spacings over {moves.updates} updates, more than can be followed"
    if not np.isfinite(moves.noise).any():
        return f"levels move to within reach of their neighbours over {moves.updates} updates"
    return ""


def _remedy(reason: str, moves: MatrixMoves | None, said: str, memory: float, steps: np.ndarray) -> str:
    if said and (moves is None or not reason.startswith("levels")):
        need = int(np.ceil(_MEMORIES / (1 - memory) - 1e-6))
        return (
            f"{said} keeps moves alike over {1 / (1 - memory):.0f} updates, and {len(steps)} records are too few to "
            f"look beyond: record every {need} updates, at least {3 * MIN_MOVES} times"
        )
    if reason.startswith("successive"):
        return f"{reason}: no diffusion, but a steady motion"
    if reason.startswith("levels move") and said and moves is not None and moves.span > 1:
        return f"{reason}; and {said} forbids shorter moves: no recording interval would do"
    if reason.startswith(("levels relax", "levels move")) and moves is not None:
        return f"{reason}: record more often than every {moves.updates} steps"
    return reason


def _summary(moves: MatrixMoves, longer: MatrixMoves | None, num_leading: int, remark: str) -> LevelNoise:
    size, levels = moves.noise.size, np.full(moves.noise.size, np.nan)
    intervals = np.full((size, 2), np.nan)
    known = np.flatnonzero(np.isfinite(moves.noise))
    followed = not moves.move(num_leading) > LONGEST_MOVE
    near = None if longer is None or longer.move(num_leading) > LONGEST_MOVE else longer
    groups = [
        Group("leading", known[known >= size - num_leading], longer),
        Group("bulk", known[(known < size - num_leading) & followed], near),
    ]
    if not followed:
        remark += f"; bulk levels move too far between records to be followed, {moves.move(num_leading):.2g} spacings"
    parts = [group_noise(moves, group) if group.modes.size else None for group in groups]
    for index, (group, part) in enumerate(zip(groups, parts, strict=True)):
        if part is not None:
            levels[group.modes] = moves.noise[group.modes] * np.exp(part.forgotten)
            intervals[group.modes] = level_intervals(moves, group)
            kept = group.longer if part.forgotten else None
            groups[index] = group._replace(longer=kept, forgotten=part.forgotten)
        elif group.modes.size:
            remark += f"; {group.name} levels relax between records {moves.updates} updates apart: record more often"
            groups[index] = Group(group.name, group.modes[:0])
    return LevelNoise(
        levels=levels, intervals=intervals, leading=parts[0], bulk=parts[1],
        isotropy=isotropy(moves, groups[0], groups[1]), span=moves.updates, move=moves.move(num_leading),
        reason=remark.removeprefix("; "),
    )  # fmt: skip


def _none(singular: np.ndarray, moves: MatrixMoves | None, reason: str) -> LevelNoise:
    size = singular.shape[1]
    return LevelNoise(
        levels=np.full(size, np.nan), intervals=np.full((size, 2), np.nan), leading=None, bulk=None, isotropy=None,
        span=0 if moves is None else moves.updates, move=float("nan") if moves is None else moves.move(0),
        reason=reason,
    )  # fmt: skip
