"""The theory of a model at a setting: in closed form if ``symbolic`` has one, else by linear noise; cached."""

from collections.abc import Callable
from functools import lru_cache

import jax.numpy as jnp
import numpy as np

from coulombgas._checks import (
    InputError,
    check_batch_size,
    check_choice,
    check_count,
    check_learning_rate,
    check_non_negative,
    check_seed,
    fail,
)
from coulombgas._types import Progress
from coulombgas.models import Model, check_model
from coulombgas.training import Optimizer

from . import _linear_noise as general
from ._closed_forms import closed_form
from ._keys import ByIdentity
from ._theory import Theory

_SLOW = 0.1  # relative change of the learning rate that a schedule may make within one relaxation time


def linear_noise(
    model: Model,
    *,
    learning_rate: float,
    batch_size: int,
    optimizer: str | Optimizer = "sgd",
    sampling: str = "with-replacement",
    updates_per_epoch: int | None = None,
    tolerance: float = 1e-3,
    seed: int = 0,
    progress: Progress | None = None,
) -> Theory:
    r"""Fixed point, widths, mean shifts and times of any model, from its own update.

    .. math:: P = A P A^T + E[a P a^T] + Q

    with A the mean and a the fluctuation of the update's Jacobian at the fixed point, Q the covariance of the update
    there; exact for linear updates at any learning rate and batch size, the limit T → 0 of others.

    Args:
        model: the model; three methods are enough.
        learning_rate: α, constant.
        batch_size: B.
        optimizer: "sgd", "momentum", "nesterov", or an ``Optimizer`` with a constant schedule.
        sampling: "with-replacement" (every batch is fresh), or "epoch": batches of a finite data set in a new order
            each epoch, with levels recorded at its end; their noise is anticorrelated and flat directions hardly move.
        updates_per_epoch: batches in an epoch, for "epoch".
        tolerance: largest distance of two levels in one group, relative to the largest level.
        seed: seed of the Monte Carlo averages.
        progress: called with (done, total).

    Returns:
        The theory, with the Monte Carlo error of every width and shift.

    Raises:
        InputError: for an optimiser without a temperature (Adam), a schedule, a learning rate beyond stability (naming
            the bound), levels along a direction without a restoring force, or a state too large for dense algebra.

    Source: derived here; docs/theory/linear_noise.
    """
    return _cached(
        _general, model, learning_rate, batch_size, optimizer, sampling, updates_per_epoch, tolerance, seed, progress
    )


def find_theory(
    model: Model,
    *,
    learning_rate: float,
    batch_size: int,
    optimizer: str | Optimizer = "sgd",
    sampling: str = "with-replacement",
    updates_per_epoch: int | None = None,
    tolerance: float = 1e-3,
    seed: int = 0,
    progress: Progress | None = None,
) -> Theory:
    """The theory that a fit uses: a proved closed form if there is one, else :func:`linear_noise`.

    Arguments and errors as there.
    """
    seed = check_seed(seed)
    return _cached(
        _best, model, learning_rate, batch_size, optimizer, sampling, updates_per_epoch, tolerance, seed, progress
    )


def _cached(
    make: Callable[..., Theory], model: Model, learning_rate: float, batch_size: int, optimizer: str | Optimizer,
    sampling: str, updates_per_epoch: int | None, tolerance: float, seed: int, progress: Progress | None,
) -> Theory:  # fmt: skip
    """The theory by ``make``, with checked arguments that can be the key of a cache."""
    check_model(model)
    chosen = as_optimizer(optimizer)
    if chosen.schedule != "constant":
        fail(
            "optimizer",
            "must have a constant schedule here: give the learning rate at the recorded update",
            chosen.schedule,
        )
    check_choice("sampling", sampling, ("with-replacement", "epoch"))
    if (sampling == "epoch") != (updates_per_epoch is not None):
        raise InputError("`updates_per_epoch` belongs to `sampling` 'epoch': give both or none.")
    if updates_per_epoch is not None:
        check_count("updates_per_epoch", updates_per_epoch, 2)
    return make(
        ByIdentity(model), check_learning_rate(learning_rate), check_batch_size(batch_size),
        chosen, updates_per_epoch, check_non_negative("tolerance", tolerance), seed, _Aside(progress),
    )  # fmt: skip


class _Aside:
    """A progress callable that does not affect the key of a cache: all compare equal."""

    def __init__(self, progress: Progress | None):
        self.progress = progress

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Aside)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=256)
def _general(
    key: ByIdentity, learning_rate: float, batch_size: int, optimizer: Optimizer, updates_per_epoch: int | None,
    tolerance: float, seed: int, aside: _Aside,
) -> Theory:  # fmt: skip
    return general.linear_noise(
        key.model, learning_rate=learning_rate, batch_size=batch_size, optimizer=optimizer,
        updates_per_epoch=updates_per_epoch, tolerance=tolerance, seed=seed, progress=aside.progress,
    )  # fmt: skip


def _best(
    key: ByIdentity, learning_rate: float, batch_size: int, optimizer: Optimizer, updates_per_epoch: int | None,
    tolerance: float, seed: int, aside: _Aside,
) -> Theory:  # fmt: skip
    """The closed form where there is one, linear noise elsewhere."""
    found = None
    if optimizer.plain and updates_per_epoch is None:
        found = closed_form(key.model, learning_rate=learning_rate, batch_size=batch_size, tolerance=tolerance)
    if found is None:
        return _general(key, learning_rate, batch_size, optimizer, updates_per_epoch, tolerance, seed, aside)
    if len(found.groups) == 0:
        raise InputError("no mode is learnt: every fixed point is 0, so the spectra carry no temperature.")
    return found


def as_optimizer(optimizer: str | Optimizer) -> Optimizer:
    """An optimiser by name, checked."""
    chosen = Optimizer(optimizer) if isinstance(optimizer, str) else optimizer  # pyright: ignore[reportArgumentType]
    return chosen.check()


def scheduled_rate(
    optimizer: Optimizer, learning_rate: float, step: int, steps: int, theory_at: Callable[[float], Theory]
) -> tuple[float, Theory]:
    """Learning rate α(t) at a recorded update and the theory there, if the levels follow the schedule.

    Args:
        optimizer: the optimiser with its schedule.
        learning_rate: α at the first update.
        step: the recorded update.
        steps: updates of the whole run.
        theory_at: the theory at a constant learning rate.

    Raises:
        InputError: when the learning rate falls by more than a tenth within one relaxation time of the slowest level.
    """

    def at(update: int) -> float:
        return learning_rate * float(optimizer.factor(jnp.asarray(max(update, 0)), steps, jnp.float32))

    rate = at(step - 1)
    theory = theory_at(rate)
    slowest = float(theory.relaxation.max())
    earlier = at(step - 1 - round(slowest))
    if abs(np.log(earlier / rate)) > _SLOW:
        raise InputError(
            f"`optimizer` schedule {optimizer.schedule!r}: at update {step} the learning rate falls by "
            f"{100 * (1 - rate / earlier):.0f}% within one relaxation of the slowest level ({slowest:.0f} updates), so "
            "the levels lag behind it: fit a record where it is constant, or without a model."
        )
    return rate, theory
