r"""Are levels in equilibrium? Drift and restoring force of a group of levels, as tests with a stated false-alarm rate.

Three states are told apart, for singular values ξ_i(t) at evenly spaced records:

- *equilibrium*: fluctuation and dissipation balance. :math:`2\langle\xi\,\Delta\xi\rangle + \langle\Delta\xi^2\rangle`
  vanishes, a restoring force is seen and no trend;
- *drifting*: the levels go somewhere, more than their noise or their fluctuation explains;
- *flat*: they diffuse without end; over the records nothing pulls them back.

Two tests decide, each at 1%. A restoring force is seen where the median of :math:`n(1 - \hat\rho_i)`, with ρ̂_i the
autoregression of a level from record to record, is beyond what random walks give. With one, drift is a trend beyond
what autoregressions of the same ρ_i give (the null hypothesis is equilibrium); without one, a displacement beyond that
of a random walk (the null hypothesis is diffusion). Both null laws are simulated from the measured residuals, rows of
them at once, so that levels which move together are no evidence twice.
"""

from dataclasses import dataclass

import numpy as np

from coulombgas._checks import InputError, check_count, check_finite_array, check_seed

from ._moves_of_levels import even_records

FALSE_ALARM = 0.01
_FEWEST = 20
_MOST_RECORDS, _MOST_LEVELS = 300, 40
_SIMULATED = 500
_CAP = 25.0  # of a squared standard score: one level alone does not decide for a large group
_SETTLE = 50  # records that a simulated autoregression runs before it counts, on top of its stationary start


@dataclass(frozen=True, kw_only=True)
class Stationarity:
    """State of a group of levels.

    Attributes:
        state: "equilibrium", "drifting", "flat", or "unknown" where the records are too few.
        p_drift: probability of as much drift without any.
        p_force: probability of as much restoring force without any.
        relaxation: updates in which the median level forgets where it was; None but in equilibrium.
        updates: updates that the records span.
        statement: the state in one sentence.
    """

    state: str
    p_drift: float
    p_force: float
    relaxation: float | None
    updates: int
    statement: str

    @property
    def stationary(self) -> bool | None:
        """True in equilibrium, None where it cannot be told."""
        return None if self.state == "unknown" else self.state == "equilibrium"


def stationarity(
    eigenvalues: np.ndarray, steps: np.ndarray, *, modes: tuple[int, ...] | None = None, span: int = 1, seed: int = 0
) -> Stationarity:
    """Whether levels drift, rest in equilibrium or diffuse without end.

    Args:
        eigenvalues: of WᵀW at successive records, (record, mode).
        steps: updates made before each record, ascending, (record,).
        modes: which levels; all by default.
        span: updates that a move must span at least, for moves that remember.
        seed: seed of the simulated null laws.

    Raises:
        InputError: for arrays that do not fit.
    """
    seed = check_seed(seed)
    levels = check_finite_array("eigenvalues", eigenvalues, ndim=2)
    steps = check_finite_array("steps", steps, ndim=1)
    if len(steps) != len(levels) or (np.diff(steps) <= 0).any() or (levels < 0).any():
        raise InputError("`steps` must ascend, one for each row of `eigenvalues`, which are at least 0.")
    chosen = list(range(levels.shape[1])) if modes is None else list(modes)
    part = even_records(steps)
    paths, steps = np.sqrt(levels[part][:, chosen]), steps[part]
    gap = float(steps[1] - steps[0]) if len(steps) > 1 else 1.0
    thin = max(int(np.ceil(check_count("span", span) / gap)), -(-len(paths) // _MOST_RECORDS))
    paths, steps = paths[::-1][::thin][::-1], steps[::-1][::thin][::-1]
    pick = np.unique(np.linspace(0, len(chosen) - 1, _MOST_LEVELS).round().astype(int))
    paths = paths[:, pick]
    paths = paths[:, np.ptp(paths, axis=0) > 0]
    updates = int(steps[-1] - steps[0]) if len(steps) else 0
    if len(paths) < _FEWEST or paths.shape[1] == 0:
        why = f"{len(paths)} evenly spaced records are too few, {_FEWEST} are needed" if paths.size else "nothing moves"
        return Stationarity(
            state="unknown", p_drift=float("nan"), p_force=float("nan"), relaxation=None, updates=updates,
            statement=f"cannot tell whether it is in equilibrium: {why}",
        )  # fmt: skip
    return _decide(paths / np.diff(paths, axis=0).std(axis=0), updates, np.random.default_rng(seed))


def _decide(paths: np.ndarray, updates: int, rng: np.random.Generator) -> Stationarity:
    num = len(paths)
    moves = np.diff(paths, axis=0)
    centred = moves - moves.mean(axis=0)
    walks = np.cumsum(centred[rng.integers(0, num - 1, (_SIMULATED, num))], axis=1)
    force = float(np.median(num * (1 - _regression(paths))))
    p_force = _tail(np.median(num * (1 - _regression(walks)), axis=-1), force)
    if p_force < FALSE_ALARM:
        return _reverting(paths, updates, p_force, rng)
    # the displacement of a random walk, in units of what its moves add up to
    shift = _capped((paths[-1] - paths[0]) ** 2 / (num - 1))
    p_drift = _tail(_capped((walks[:, -1] - walks[:, 0]) ** 2 / (num - 1)), shift)
    state = "drifting" if p_drift < FALSE_ALARM else "flat"
    statement = (
        f"drifting: over {updates} updates the levels go farther than noise takes them (p = {p_drift:.2g})"
        if state == "drifting"
        else f"flat: diffusing without end, nothing pulls the levels back within {updates} updates (p = {p_force:.2g})"
    )
    return Stationarity(
        state=state, p_drift=p_drift, p_force=p_force, relaxation=None, updates=updates, statement=statement
    )


def _reverting(paths: np.ndarray, updates: int, p_force: float, rng: np.random.Generator) -> Stationarity:
    num = len(paths)
    raw = _regression(paths)
    # the regression on few records is biased downwards by (1 + 3 rho)/n (Kendall, Biometrika 41 (1954) 403)
    memory = np.clip(raw + (1 + 3 * raw) / num, -0.9, 1 - 1 / num)
    rest = paths - paths.mean(axis=0)
    residual = rest[1:] - memory * rest[:-1]
    residual -= residual.mean(axis=0)
    trend = _capped(_trend(paths))
    p_drift = _tail(_capped(_trend(_autoregressions(residual, memory, num, rng))), trend)
    relaxation = float(-(updates / (num - 1)) / np.log(np.clip(np.median(memory), 0.01, 1 - 0.5 / num)))
    if p_drift < FALSE_ALARM:
        return Stationarity(
            state="drifting", p_drift=p_drift, p_force=p_force, relaxation=None, updates=updates,
            statement=f"drifting: the levels follow a trend over {updates} updates (p = {p_drift:.2g})",
        )  # fmt: skip
    return Stationarity(
        state="equilibrium", p_drift=p_drift, p_force=p_force, relaxation=relaxation, updates=updates,
        statement=f"in equilibrium over {updates} updates: pulled back within {relaxation:.3g}, no trend "
        f"(p = {p_drift:.2g})",
    )  # fmt: skip


def _regression(paths: np.ndarray) -> np.ndarray:
    """Autoregression ρ̂ of each level, (…, level), of paths (…, record, level)."""
    rest = paths - paths.mean(axis=-2, keepdims=True)
    return (rest[..., 1:, :] * rest[..., :-1, :]).sum(axis=-2) / (rest[..., :-1, :] ** 2).sum(axis=-2)


def _trend(paths: np.ndarray) -> np.ndarray:
    """Squared slope of each level over its squared error if records were independent."""
    time = np.linspace(-1, 1, paths.shape[-2])
    weight = time / np.sqrt((time**2).sum())
    rest = paths - paths.mean(axis=-2, keepdims=True)
    slope = np.einsum("t,...ti->...i", weight, rest)
    left = (rest**2).sum(axis=-2) - slope**2
    return slope**2 / (left / (paths.shape[-2] - 2))


def _autoregressions(residual: np.ndarray, memory: np.ndarray, num: int, rng: np.random.Generator) -> np.ndarray:
    """Stationary paths (simulation, record, level) with measured residuals, rows drawn at random."""
    noise = residual[rng.integers(0, len(residual), (_SIMULATED, num + _SETTLE))]
    now = noise[:, 0] / np.sqrt(1 - memory**2)
    out = np.empty((_SIMULATED, num, residual.shape[1]))
    for index in range(num + _SETTLE):
        now = memory * now + noise[:, index]
        if index >= _SETTLE:
            out[:, index - _SETTLE] = now
    return out


def _capped(squares: np.ndarray) -> np.ndarray:
    """Mean over levels, none of them counting for more than the cap times their median."""
    limit = _CAP * np.maximum(np.median(squares, axis=-1, keepdims=True), np.finfo(np.float64).tiny)
    return np.asarray(np.minimum(squares, limit).mean(axis=-1))


def _tail(simulated: np.ndarray, value: float | np.ndarray) -> float:
    """Share of a simulated null law at or beyond a value, counting the value itself."""
    return float((1 + np.count_nonzero(simulated >= value)) / (1 + len(simulated)))
