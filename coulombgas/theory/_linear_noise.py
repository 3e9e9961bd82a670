r"""Linear noise: the widths of any model from its own update, without a formula of the model.

One update is z' = F(z, ξ) with z the weights, the optimiser's state and the statistic of the memory. Around the fixed
point E F(z*) = z* let A = E ∂F/∂z, a = ∂F/∂z − A and Q = Cov F(z*, ξ). The stationary covariance obeys

.. math:: P = A P A^T + E[a P a^T] + Q,

exactly for a linear update at any learning rate and batch size. It acts on the levels through the Jacobian of the
observed matrix in its own basis (:mod:`._levels`). A needs one Jacobian averaged over draws, Q one covariance over
draws. Derived here; tests compare it with the closed forms of :mod:`coulombgas.symbolic`.
"""

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from coulombgas._checks import InputError, check_batch_size, check_count, check_seed
from coulombgas._types import Progress
from coulombgas.models import Model
from coulombgas.spectra import LevelGroup
from coulombgas.training import Optimizer

from ._fixed_point import FixedPoint, find_fixed_point
from ._gauge import complement, find_gauge, without_gauge
from ._keys import ByIdentity
from ._levels import Observable, find_groups, group_width2, level_error, observe, within_groups
from ._memory import check_memory
from ._moments import (
    BLOCKS,
    Slope,
    Spread,
    jackknife_error,
    leave_one_out,
    measure_multiplicative,
    measure_slope,
    measure_spread,
)
from ._optimizer_map import OptimizerMap, optimizer_map
from ._shift import mean_shift
from ._stationary import Assembly, Split, assemble, coordinates, epoch_noise, lyapunov, split
from ._theory import Theory
from ._update import FlatUpdate, flat_update

_LARGEST_STATE = 4000  # numbers in z: dense algebra beyond it takes longer than an ensemble
_JACKKNIFE_UP_TO = 700  # numbers in (w, c) up to which each block is left out in turn; beyond it, half of them are
_SLOPE_SAMPLES = 2**17  # in the first round; more follow until ``_WANTED_ERROR`` is reached
_SPREAD_DRAWS = 2**16  # likewise
_LARGEST_BATCH = 64  # largest batch at which noise is measured; that of larger ones is scaled, and the scaling checked
_SCALING_DRAWS = 256  # in each block, for the total variance only
_SCALING_ALLOWED = 5.0  # standard errors of the total variance
_ROUNDS = 3  # each with four times the samples of the previous one
_WANTED_ERROR = 0.03  # relative, of s² of any group; the error of the temperature, over all groups, is smaller
_MULTIPLICATIVE_DRAWS = 2**15  # a variance from so many has a relative error of √(2/2¹⁵) = 0.8%
_MULTIPLICATIVE_ROUNDS = 12  # at most: the series in T is geometric, and grows where it has not settled by then
_SLOW = 1.0  # times the norm of the difference of two halves of the draws: rates below are examined one by one
_FLAT = 5.0  # standard deviations by which the rate of a flat direction may differ from zero
_FLAT_LEVEL = 0.1  # share of a level's sensitivity to the weights allowed along directions without a restoring force
_LEARNT = 1e-6  # of the largest s²: below, a mode does not fluctuate at this order


class Moments(NamedTuple):
    """Quantities for one batch size and weight decay, independent of learning rate and optimiser."""

    update: FlatUpdate
    point: FixedPoint
    slope: Slope
    spread: Spread
    observable: Observable
    gauge: np.ndarray
    """Gauge directions of w, without a restoring force by symmetry, (weights, gauge)."""
    rest: np.ndarray
    """The orthogonal directions, (weights, rest)."""
    num_neutral: int
    """Number of further directions without a restoring force, within the noise of the Jacobian."""

    @property
    def is_large(self) -> bool:
        """Whether dense algebra with z takes seconds per step."""
        return self.update.size > _JACKKNIFE_UP_TO


class _FlatLevels(InputError):
    """Some levels depend on directions that appear neutral; more draws may decide."""


class Frame(NamedTuple):
    """The linear update of z and its coordinates."""

    assembly: Assembly
    parts: Split


class Solution(NamedTuple):
    """Stationary law around the fixed point."""

    frame: Frame
    noise: np.ndarray
    """Q of z, including the multiplicative part."""
    stable: np.ndarray
    """P₂₂ at the recorded update."""
    seen: np.ndarray
    """Derivatives of S with respect to the stable coordinates, (element, stable)."""


def linear_noise(
    model: Model,
    *,
    learning_rate: float,
    batch_size: int,
    optimizer: Optimizer,
    updates_per_epoch: int | None = None,
    tolerance: float = 1e-3,
    seed: int = 0,
    progress: Progress | None = None,
) -> Theory:
    """The theory of any model by linear noise; see :func:`coulombgas.theory.linear_noise` for the arguments."""
    seed = check_seed(seed)
    steps = optimizer_map(optimizer, learning_rate)
    tell = progress or (lambda done, total: None)
    for level in range(_ROUNDS):
        tell(level, _ROUNDS)
        moments = _moments(ByIdentity(model), batch_size, steps.effective_decay, seed, level)
        try:
            theory, solution = _solve(
                moments, learning_rate, batch_size, optimizer, steps, updates_per_epoch, tolerance, seed
            )
        except _FlatLevels:
            if level + 1 == _ROUNDS:
                raise
            continue
        # four times the samples take tens of minutes for a large state: its error is stated instead
        if moments.is_large or (theory.width2_error <= _WANTED_ERROR * theory.width2).all():
            break
    state, groups = moments.point.state, theory.groups
    assembly, parts = solution.frame
    shift, error = mean_shift(moments.update, state, parts, assembly, solution.noise, moments.observable, groups)
    tell(_ROUNDS, _ROUNDS)
    return replace(theory, mean_shift=shift, mean_shift_error=error)


@lru_cache(maxsize=64)
def _moments(key: ByIdentity, batch_size: int, decay: float, seed: int, level: int) -> Moments:
    """Everything that is measured at a fixed point, with 4^level times the samples."""
    model, grow = key.model, 4**level
    update = _measurable(key, check_batch_size(batch_size), decay, seed)
    point = _point(key, batch_size, decay, seed)
    small = update.size <= _JACKKNIFE_UP_TO
    # the mean Jacobian does not depend on the batch: use one that fits into the caches
    wide = update.at_batch(max(model.smallest_batch, 64))
    samples = (_SLOPE_SAMPLES if small else 2**15) * grow
    slope = measure_slope(wide, point.state, draws=max(4, samples // (BLOCKS * wide.batch_size)), seed=seed)
    spread = measure_spread(update, point.state, batch_size, draws=_SPREAD_DRAWS * grow // BLOCKS, seed=seed)
    check_memory(update, point.state, slope, spread, batch_size)
    gauge = find_gauge(update, point.state, slope)
    slope = without_gauge(slope, gauge)
    rest = complement(gauge)
    neutral = _count_neutral(slope, rest, decay)
    return Moments(update, point, slope, spread, observe(update, point.state), gauge, rest, neutral)


def _measurable(key: ByIdentity, batch_size: int, decay: float, seed: int) -> FlatUpdate:
    """The update at the batch size at which its noise is measured: smaller than the requested one if the noise scales.

    Raises:
        InputError: for a state too large for dense algebra.
    """
    model = key.model
    update = flat_update(model, batch_size)
    if update.size > _LARGEST_STATE:
        raise InputError(
            f"`model` {model.name!r} has {update.num_weights} weights and {update.num_memory} numbers of memory, more "
            f"than the {_LARGEST_STATE} that linear noise can treat: fit without a model, or give a smaller one."
        )
    smaller = max(_LARGEST_BATCH, model.smallest_batch)
    if batch_size <= smaller:
        return update
    reduced, state = update.at_batch(smaller), _point(key, batch_size, decay, seed).state
    totals = [
        [
            np.trace(block)
            for block in measure_spread(one, state, batch_size, draws=_SCALING_DRAWS, seed=seed).covariance
        ]
        for one in (update, reduced)
    ]
    means, errors = np.mean(totals, axis=1), np.std(totals, axis=1, ddof=1) / np.sqrt(BLOCKS)
    return reduced if abs(means[0] - means[1]) <= _SCALING_ALLOWED * np.hypot(*errors) else update


@lru_cache(maxsize=64)
def _point(key: ByIdentity, batch_size: int, decay: float, seed: int) -> FixedPoint:
    return find_fixed_point(key.model, flat_update(key.model, batch_size), decay, seed=seed)


def _count_neutral(slope: Slope, rest: np.ndarray, decay: float) -> int:
    """Number of neutral directions not due to a symmetry: their rates vanish within the noise.

    Singular vectors from one half of the draws are applied to the other half, whose noise is independent: along a flat
    direction the rate found there is zero within its scatter.
    """
    halves = [_rates(table.mean(axis=0), len(rest), decay) @ rest for table in np.split(slope.jacobian, 2)]
    noise = halves[0] - halves[1]
    counts = []
    for own, other in (halves, halves[::-1]):
        left, values, right = np.linalg.svd(own, full_matrices=False)
        slow = values <= max(_SLOW * float(np.linalg.norm(noise, 2)), 1e-7 * values.max(initial=0.0))
        if not slow.any():
            return 0
        left, right = left[:, slow], right[slow].T
        rates = np.abs(np.einsum("ik,ij,jk->k", left, other, right, optimize=True))
        scatter = float(np.sqrt(np.mean((left.T @ noise @ right) ** 2))) / np.sqrt(2)
        counts.append(int((rates <= max(_FLAT * scatter, 1e-7 * values.max())).sum()))
    return max(counts)


def _rates(jacobian: np.ndarray, num_weights: int, decay: float) -> np.ndarray:
    """Response of the mean gradient to the weights after the memory has adapted, plus the decay."""
    own, rest = jacobian[:num_weights], jacobian[num_weights:]
    rates = own[:, :num_weights] + decay * np.eye(num_weights)
    if len(rest):
        rates = rates + own[:, num_weights:] @ np.linalg.solve(
            np.eye(len(rest)) - rest[:, num_weights:], rest[:, :num_weights]
        )
    return rates


def _solve(
    moments: Moments, learning_rate: float, batch_size: int, optimizer: Optimizer, steps: OptimizerMap,
    updates_per_epoch: int | None, tolerance: float, seed: int,
) -> tuple[Theory, Solution]:  # fmt: skip
    """Everything except the mean shift, with the solution used."""
    observable, update = moments.observable, moments.update
    error = level_error(observable, moments.point.error)
    groups = find_groups(observable.levels, error, tolerance)
    frame = _stable_frame(moments, groups, optimizer, steps, learning_rate)
    extra, solution = _with_multiplicative(moments, frame, steps, batch_size, groups, updates_per_epoch, seed)
    width2 = _widths(solution, observable, groups)
    learnt = width2 > _LEARNT * max(float(width2.max()), 1e-300)
    groups, width2 = tuple(g for g, use in zip(groups, learnt, strict=True) if use), width2[learnt]
    errors = _width_errors(moments, steps, extra, groups, width2, updates_per_epoch)
    relaxation, settled = _times(solution, observable, groups)
    theory = Theory(
        model=update.model.name, learning_rate=learning_rate, batch_size=batch_size, optimizer=optimizer.config(),
        temperature=steps.gain / batch_size, formula=optimizer.temperature_formula, levels=observable.levels,
        matrix=observable.matrix, groups=groups, width2=width2, width2_error=errors, mean_shift=None,
        mean_shift_error=None, relaxation=relaxation, updates_to_equilibrium=settled,
        multiplier=frame.parts.radius, source="linear noise of the model's own update",
    )  # fmt: skip
    return theory, solution


def _with_multiplicative(
    moments: Moments, frame: Frame, steps: OptimizerMap, batch_size: int,
    groups: tuple[LevelGroup, ...], updates_per_epoch: int | None, seed: int,
) -> tuple[np.ndarray, Solution]:  # fmt: skip
    """Iterate P → E[a P aᵀ] until the widths converge; returns that part of the noise and the solution with it.

    Raises:
        InputError: when the second moment grows without bound because of the fluctuations of the gradient's slope.
    """
    noise, jacobian = moments.spread.covariance.mean(axis=0), moments.slope.jacobian.mean(axis=0)
    extra = np.zeros((BLOCKS, *noise.shape))
    draws = _MULTIPLICATIVE_DRAWS // 4 if moments.is_large else _MULTIPLICATIVE_DRAWS
    solution = _stationary(moments, frame, noise, updates_per_epoch)
    before = _widths(solution, moments.observable, groups)
    for _ in range(_MULTIPLICATIVE_ROUNDS):
        root = _weights_root(solution, moments.update.num_weights)
        extra = measure_multiplicative(
            moments.update, moments.point.state, jacobian, root, batch_size, draws=draws, seed=seed
        )
        solution = _stationary(moments, frame, noise + extra.mean(axis=0), updates_per_epoch)
        after = _widths(solution, moments.observable, groups)
        if np.abs(after - before).max() <= 1e-3 * after.max():
            return extra, solution
        before = after
    raise InputError(
        f"`learning_rate` {-steps.wg:g} is too large for batch size {batch_size}: the fluctuations of the gradient's "
        "slope drive the weights apart; take a smaller rate or a larger batch."
    )


def _frame(moments: Moments, jacobian: np.ndarray, steps: OptimizerMap) -> Frame:
    update = moments.update
    assembly = assemble(jacobian, steps, update.num_weights)
    # the optimiser's averages along a gauge direction affect nothing else; only the shift of small states needs them
    whole = not moments.is_large
    bases = coordinates(moments.gauge, moments.rest, steps.num_state, update.num_memory, whole=whole)
    return Frame(assembly, split(assembly.step, moments.num_neutral, *bases))


def _stationary(moments: Moments, frame: Frame, noise: np.ndarray, updates_per_epoch: int | None) -> Solution:
    assembly, parts = frame
    total = assembly.noise @ noise @ assembly.noise.T
    own = parts.stable.T @ total @ parts.stable
    if updates_per_epoch is None:
        stable = lyapunov(parts.step, own)
    else:
        stable = lyapunov(*epoch_noise(parts.step, own, check_count("updates_per_epoch", updates_per_epoch)))
    num = moments.update.num_weights
    return Solution(frame, total, stable, moments.observable.jacobian @ parts.stable[:num])


def _weights_root(solution: Solution, num_weights: int) -> np.ndarray:
    values, vectors = np.linalg.eigh(solution.stable)
    # the symmetric root is continuous in P, even for degenerate eigenvalues, so the same draws stay comparable
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return (solution.frame.parts.stable @ root)[:num_weights]


def _functional(table: np.ndarray, solution: Solution, observable: Observable, groups: tuple[LevelGroup, ...]):
    """s² of each group if ``table`` were the covariance of the stable coordinates."""
    size = observable.num_modes
    full = (solution.seen @ table @ solution.seen.T).reshape(size, size, size, size)
    return np.array([group_width2(full, group.modes) for group in groups])


def _widths(solution: Solution, observable: Observable, groups: tuple[LevelGroup, ...]) -> np.ndarray:
    return _functional(solution.stable, solution, observable, groups)


def _width_errors(
    moments: Moments,
    steps: OptimizerMap,
    extra: np.ndarray,
    groups: tuple[LevelGroup, ...],
    width2: np.ndarray,
    updates: int | None,
) -> np.ndarray:
    """Jackknife over the blocks of draws; for large states from one half, which deviates from the whole as much as the
    whole from the truth."""
    jacobians, noises = moments.slope.jacobian, moments.spread.covariance + extra

    def widths(jacobian: np.ndarray, noise: np.ndarray) -> np.ndarray:
        frame = _frame(moments, jacobian, steps)
        return _widths(_stationary(moments, frame, noise, updates), moments.observable, groups)

    if not moments.is_large:
        pairs = zip(leave_one_out(jacobians), leave_one_out(noises), strict=True)
        return jackknife_error(np.stack([widths(*pair) for pair in pairs]))
    half = widths(*(np.split(table, 2)[0].mean(axis=0) for table in (jacobians, noises)))
    return np.abs(half - width2)


def _times(solution: Solution, observable: Observable, groups: tuple[LevelGroup, ...]) -> tuple[np.ndarray, int]:
    """Integrated autocorrelation time of each group, and updates until every s² is within 1%."""
    step, stable = solution.frame.parts.step, solution.stable
    now = _functional(stable, solution, observable, groups)
    summed = np.linalg.solve(np.eye(len(step)) - step, stable)
    times = _functional(summed, solution, observable, groups) / now - 0.5

    def missing(power: np.ndarray) -> float:
        return float(np.abs(_functional(power @ stable @ power.T, solution, observable, groups) / now).max())

    powers = [step]
    while missing(powers[-1]) > 0.01 and len(powers) < 40:
        powers.append(powers[-1] @ powers[-1])
    reached, total = np.eye(len(step)), 0
    for exponent in range(len(powers) - 2, -1, -1):
        further = reached @ powers[exponent]
        if missing(further) > 0.01:
            reached, total = further, total + 2**exponent
    return times, total + 1


def _stable_frame(
    moments: Moments, groups: tuple[LevelGroup, ...], optimizer: Optimizer, steps: OptimizerMap, learning_rate: float
) -> Frame:
    """The linear update; refused at an unstable learning rate, or for levels without a restoring force.

    Raises:
        InputError: naming the largest stable rate, or the flat levels.
    """
    num, jacobian = moments.update.num_weights, moments.slope.jacobian.mean(axis=0)
    own = _frame(moments, jacobian, steps)
    if own.parts.radius >= 1.0:
        low, high = 0.0, learning_rate
        for _ in range(20):  # a bound to six digits
            middle = (low + high) / 2
            radius = _frame(moments, jacobian, optimizer_map(optimizer, middle)).parts.radius
            low, high = (middle, high) if radius < 1.0 else (low, middle)
        if low == 0.0:
            raise InputError(
                f"`model` {moments.update.model.name!r}: its fixed point is not stable at any learning rate "
                "(a saddle?): give it a start at the minimum."
            )
        raise InputError(f"`learning_rate` must be below {low:.4g}, or the weights diverge, got {learning_rate:g}.")
    jacobian_of_levels = moments.observable.jacobian[within_groups(groups, moments.observable.num_modes)]
    flat = np.abs(jacobian_of_levels @ own.parts.neutral[:num])
    if flat.size and flat.max() > _FLAT_LEVEL * np.abs(jacobian_of_levels).max():
        raise _FlatLevels(
            f"`model` {moments.update.model.name!r}: levels move along directions whose restoring force cannot be "
            "distinguished from zero: either they diffuse without end and have no temperature (add weight decay, or "
            "observe another matrix), or the state is too large for linear noise (`method` 'relative' needs none)."
        )
    return own
