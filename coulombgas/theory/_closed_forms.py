"""Theories in closed form: statements of ``symbolic`` as numbers, for the built-in models under plain gradient descent.

Every number comes from a statement proved in ``derivations/``; tests compare each with the linear noise of the model's
own update.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from coulombgas import symbolic
from coulombgas._checks import fail
from coulombgas.models import GaussianRBM, MatrixDyson, Model, TeacherStudent, TwoLayerLinear
from coulombgas.spectra import LevelGroup, group_freedom, level_groups

from ._statements import evaluate
from ._stationary import lyapunov
from ._theory import Theory


class Parts(NamedTuple):
    """The values of a closed form per group, before the common fields are added."""

    groups: tuple[LevelGroup, ...]
    width2: np.ndarray
    shift: np.ndarray | None
    systems: list[tuple[np.ndarray, np.ndarray]]
    """Linear update and noise of each group's slowest element, with the level's deviation as first component."""
    element_variance: np.ndarray | None = None
    input_scatter: float = 0.0


def closed_form(model: Model, *, learning_rate: float, batch_size: int, tolerance: float) -> Theory | None:
    """The theory of a built-in model under plain gradient descent; None if there is no closed form."""
    maker = next((make for kind, make in _CLOSED.items() if type(model) is kind), None)
    if maker is None or (isinstance(model, GaussianRBM) and model.target_mean is not None):
        return None
    groups = level_groups(model.fixed_point, tolerance=tolerance)
    parts = maker(model, groups, learning_rate, batch_size)
    times = [scalar_times(*system) for system in parts.systems]
    x = np.array([group.center for group in parts.groups])
    # a shift without a closed form is unknown, not zero
    shift_error = None if parts.shift is None else np.zeros_like(x)
    return Theory(
        model=model.name, learning_rate=learning_rate, batch_size=batch_size, optimizer={"name": "sgd"},
        temperature=learning_rate / batch_size, formula="α/B", levels=model.fixed_point,
        matrix=np.diag(model.fixed_point), groups=parts.groups, width2=parts.width2,
        width2_error=np.zeros_like(parts.width2),
        mean_shift=parts.shift, mean_shift_error=shift_error, element_variance=parts.element_variance,
        relaxation=np.array([time for time, _ in times]), updates_to_equilibrium=max(settled for _, settled in times),
        multiplier=max(float(np.abs(np.linalg.eigvals(step)).max()) for step, _ in parts.systems),
        input_scatter=parts.input_scatter, source="closed form",
    )  # fmt: skip


def scalar_times(step: np.ndarray, noise: np.ndarray) -> tuple[float, int]:
    """Integrated autocorrelation time of the first component, and updates until its variance is within 1%."""
    covariance = lyapunov(step, noise)
    summed = np.linalg.solve(np.eye(len(step)) - step, covariance)
    time = float(summed[0, 0] / covariance[0, 0]) - 0.5
    return time, _updates_until(step, covariance, 0.01)


_ONE_BY_ONE = 1024  # updates; slower elements decay monotonically, and their times are found by powers of two


def _updates_until(step: np.ndarray, covariance: np.ndarray, share: float) -> int:
    """Updates after which the first component's variance, without noise, is below ``share`` of its own."""

    def below(rows: np.ndarray) -> np.ndarray:
        """Of first rows of powers of the step, (power, component)."""
        return np.abs(((rows @ covariance) * rows).sum(axis=-1)) <= share * covariance[0, 0]

    rows, power = step[:1], step
    while not (found := below(rows)).any() and len(rows) < _ONE_BY_ONE:
        rows, power = np.concatenate([rows, rows @ power]), power @ power
    if found.any():
        return 1 + int(np.argmax(found))
    updates, powers = len(rows), [step]
    while not below((power @ powers[-1])[:1]).any():
        powers.append(powers[-1] @ powers[-1])
    for bit in range(len(powers) - 1, -1, -1):
        if not below((power @ powers[bit])[:1]).any():
            updates, power = updates + 2**bit, power @ powers[bit]
    return updates + 1


def _rbm(model: GaussianRBM, groups: tuple[LevelGroup, ...], rate: float, batch: int) -> Parts:
    """Widths, shifts and recursions of an RBM at a finite learning rate."""
    groups = tuple(group for group in groups if group.center > 0)
    x, hidden = np.array([group.center for group in groups]), {"sigma_h2": model.sigma_h2}
    relaxation = evaluate(symbolic.rbm_relaxation, x, x, model.mu2, rate, numbers=hidden)
    memory = evaluate(symbolic.rbm_memory, x, x, model.mu2, model.gibbs_steps)
    persistent = model.chains == "persistent"
    delay = (1 + memory) / (1 - memory) if persistent else 1 / (1 - memory)
    if (relaxation >= 2 * delay).any():
        limit = rate * float((2 * delay / relaxation).min())
        fail("learning_rate", f"must be below {limit:.4g}, or the weights diverge", rate)
    width2 = evaluate(
        symbolic.rbm_finite_rate_width2, x, model.mu2, rate, batch, model.gibbs_steps, numbers=hidden,
        persistent=persistent,
    )  # fmt: skip
    systems = []
    for lam, rho in zip(relaxation, memory, strict=True):
        if persistent:
            table = evaluate(symbolic.persistent_chain_step, lam, rho)
            systems.append((table[:, :2], np.outer(table[:, 2], table[:, 2])))
        else:
            systems.append((np.array([[1 - lam * (1 - rho)]]), np.array([[lam**2]])))
    return Parts(groups, width2, _rbm_shift(model, groups, rate / batch), systems)


def _rbm_shift(model: GaussianRBM, groups: tuple[LevelGroup, ...], temperature: float) -> np.ndarray:
    """Mean shift of each group at order T in the limit α → 0."""
    levels = np.zeros(model.num_modes)
    for group in groups:
        levels[list(group.modes)] = group.center  # makes degenerate levels equal to the last bit
    # all visible modes contribute: those that no hidden unit learns stay at 0
    levels = np.concatenate([np.zeros(model.num_visible - model.num_modes), levels])
    first = model.num_visible - model.num_modes
    statement, persistent = symbolic.rbm_chain_mean_eigenvalue, model.chains == "persistent"
    machine = statement, tuple(levels.tolist()), model.mu2, model.gibbs_steps, persistent
    # the statement is homogeneous: x and κ in units of μ², and σ_h² multiplies T
    unit = np.array([_shift_per_temperature(first + group.modes[0], *machine) for group in groups])
    return model.sigma_h2 * temperature * unit


@lru_cache(maxsize=1024)
def _shift_per_temperature(
    index: int, statement: Callable[..., Any], levels: tuple[float, ...], mu2: float, gibbs_steps: int, persistent: bool
) -> float:
    """Mean shift of a level over T, to which it is proportional; kept: SymPy takes long, and a sweep has many T."""
    mean = statement(index, levels, mu2, 1, gibbs_steps, persistent=persistent)
    return float(mean - levels[index])


def _teacher_student(model: TeacherStudent, groups: tuple[LevelGroup, ...], rate: float, batch: int) -> Parts:
    """Widths, shifts and recursions of a linear teacher and student; quenched inputs scatter."""
    size = model.num_modes
    highest = 2.0 / (1.0 + (size + 1) / batch)
    if rate >= highest:
        fail("learning_rate", f"must be below {highest:.4g}, or the weights diverge", rate)
    one = float(evaluate(symbolic.teacher_student_width2, rate, batch, model.noise, size))
    common = float(evaluate(symbolic.teacher_student_shift2, rate, batch, model.noise))
    width2 = np.array([one + common * (group.size == 1) for group in groups])
    scatter = 0.0
    if model.inputs == "quenched":
        scatter = float(np.sqrt(evaluate(symbolic.teacher_student_scatter2, rate, batch, size)))
    element = one / 2 * (1 + np.eye(size))
    system = (np.array([[1.0 - rate]]), np.ones((1, 1)))
    return Parts(
        groups, width2, repulsion_shift(model.fixed_point, groups, element), [system] * len(groups), element, scatter
    )


def _two_layer(model: TwoLayerLinear, groups: tuple[LevelGroup, ...], rate: float, batch: int) -> Parts:
    """Widths and recursions of two linear layers."""
    levels = model.fixed_point
    rates = evaluate(
        symbolic.two_layer_rate, levels[:, None], levels[None, :], model.balance, trained=model.trained
    ) * np.ones((len(levels), len(levels)))  # fmt: skip
    if not _two_layer_stable(rates, rate, batch):
        low, high = 0.0, rate
        for _ in range(50):  # to the resolution of the printed bound and far below
            middle = (low + high) / 2
            low, high = (middle, high) if _two_layer_stable(rates, middle, batch) else (low, middle)
        fail("learning_rate", f"must be below {low:.4g}, or the weights diverge", rate)
    size = len(levels)
    rows = [_row_variance(symbolic.two_layer_variance, column, size) for column in range(size)]
    variance = np.stack([evaluate(row, rate, batch, model.label_noise, *rates.T) for row in rows], axis=1)
    width2 = np.array([_symmetric_width2(variance, group.modes) for group in groups])
    systems = [(np.array([[1.0 - rate * rates[g.modes[0], g.modes[0]]]]), np.ones((1, 1))) for g in groups]
    return Parts(groups, width2, None, systems)


@lru_cache(maxsize=64)
def _row_variance(statement: Callable[..., Any], column: int, size: int) -> Callable[..., Any]:
    """The variance of one element of a row as a function of (α, B, ν, rates of the row)."""
    del size  # a function for each number of rates

    def variance(rate: Any, batch: Any, noise: Any, *rates: Any) -> Any:
        return statement(rates, column, rate, batch, noise)

    return variance


def _two_layer_stable(rates: np.ndarray, rate: float, batch: int) -> bool:
    amplitudes = evaluate(symbolic.two_layer_amplitude, rates, rate, batch)
    return bool((amplitudes > 0).all() and (amplitudes.sum(axis=1) < batch).all())


def _matrix_dyson(model: MatrixDyson, groups: tuple[LevelGroup, ...], rate: float, batch: int) -> Parts:
    """Widths, shifts and recursions of a matrix Ornstein-Uhlenbeck process, without modes that stand still."""
    rates, noise2 = np.array(model.rate), np.array(model.noise2)
    if (rates * rate >= 2).any():
        fail("learning_rate", f"must be below {2 / rates.max():.4g}, or the matrix diverges", rate)
    if ((rates == 0) & (noise2 > 0)).any():
        fail("rate", "must be positive wherever `noise2` is, or the matrix diffuses without bound", 0.0)
    safe = np.where(rates > 0, rates, 1.0)
    diagonal = evaluate(symbolic.matrix_ou_variance, safe, noise2, rate, batch, same=True)
    element = np.where(np.eye(len(rates), dtype=bool), diagonal, evaluate(
        symbolic.matrix_ou_variance, safe, noise2, rate, batch, same=False
    ))  # fmt: skip
    width2 = np.array([_element_width2(element, group.modes) for group in groups])
    kept = [index for index, value in enumerate(width2) if value > 0]
    groups = tuple(groups[index] for index in kept)
    systems = [(np.array([[1.0 - rate * safe[g.modes[0], g.modes[0]]]]), np.ones((1, 1))) for g in groups]
    return Parts(groups, width2[kept], repulsion_shift(model.fixed_point, groups, element), systems, element)


def _symmetric_width2(variance: np.ndarray, modes: tuple[int, ...]) -> float:
    """s² of a group from independent elements E_ab: the symmetric part has (V_ab + V_ba)/4 off the diagonal."""
    return _element_width2((variance + variance.T) / 4 + np.diag(np.diag(variance)) / 2, modes)


def _element_width2(element: np.ndarray, modes: tuple[int, ...]) -> float:
    """s² of a group of a symmetric matrix with independent elements of the given variances."""
    own = element[np.ix_(modes, modes)]
    if len(modes) == 1:
        return float(own[0, 0])
    return float((own.sum() - np.trace(own) / len(modes)) / group_freedom(len(modes)))


def repulsion_shift(levels: np.ndarray, groups: tuple[LevelGroup, ...], element: np.ndarray) -> np.ndarray:
    """Σ_j Var X_ij/(x_i − x_j) over the levels of other groups, averaged over each group."""
    shifts = []
    for group in groups:
        others = [j for j in range(len(levels)) if j not in group.modes]
        gaps = levels[list(group.modes)][:, None] - levels[others][None, :]
        shifts.append(float((element[np.ix_(group.modes, others)] / gaps).sum(axis=1).mean()) if others else 0.0)
    return np.array(shifts)


def matrix_dyson_of(model: Model) -> MatrixDyson:
    r"""The matrix Ornstein-Uhlenbeck model with the first two moments of a model's linearised update.

    RBM: γ is ``symbolic.rbm_relaxation`` per unit of α, and D makes the variance that of ``symbolic.rbm_variance``;
    teacher-student: γ = 1, D = ε².

    Raises:
        InputError: for a model without a known surrogate.
    """
    if isinstance(model, GaussianRBM):
        x = model.fixed_point
        pair, hidden = (x[:, None], x[None, :]), {"sigma_h2": model.sigma_h2}
        rates = evaluate(symbolic.rbm_relaxation, *pair, model.mu2, 1.0, numbers=hidden)
        variance = evaluate(symbolic.rbm_variance, *pair, 1.0, numbers=hidden)
        return MatrixDyson(target=x, rate=rates, noise2=2 * rates * variance)
    if isinstance(model, TeacherStudent):
        return MatrixDyson(target=model.fixed_point, rate=1.0, noise2=model.noise**2)
    return fail("model", "must be a GaussianRBM or a TeacherStudent", type(model).__name__)


_CLOSED: dict[type[Model], Callable[..., Parts]] = {
    GaussianRBM: _rbm,
    TeacherStudent: _teacher_student,
    TwoLayerLinear: _two_layer,
    MatrixDyson: _matrix_dyson,
}
