"""The response curve of one setting: tabulated, exact, from sampled matrices, or from ensembles trained on demand."""

from collections.abc import Callable

import numpy as np

from coulombgas._types import Progress
from coulombgas.models import Model
from coulombgas.training import Optimizer

from ._ensembles import (
    Measured,
    ResponseCurve,
    exact_curve,
    fit_curve,
    matrix_curve,
    measure_response,
    same_groups,
    with_theory_error,
)
from ._find import find_theory
from ._response_table import tabulated
from ._theory import Theory

_LINEAR = 1e-3  # nonlinearity below which the widths agree with the theory to a fraction of a per cent
_LARGEST_BATCH = 1024
_FAR = 12.0  # distance of groups, in widths, beyond which they do not overlap


def response_for(
    model: Model,
    theory: Theory,
    *,
    optimizer: Optimizer,
    leading: float,
    theory_at: Callable[[int], Theory],
    progress: Progress | None = None,
) -> ResponseCurve:
    """The curve for one setting, for which the theory alone gives the temperature ``leading``.

    Args:
        model: the trained model.
        theory: its theory at the setting, for the caller's level groups.
        optimizer: how it was trained.
        leading: temperature from the theory's widths without correction.
        theory_at: the theory at another batch size.
        progress: called with (done, total) replica-updates of ensembles trained here.

    Raises:
        InputError: when ensembles are needed and diverge.
    """
    highest, heat = 4.0 * leading, leading / theory.temperature
    if theory.element_variance is not None:
        gaps = np.diff([group.center for group in theory.groups])
        widest = np.sqrt(4.0 * heat * theory.width2.max())
        overlap = len(gaps) > 0 and gaps.min() < _FAR * widest
        return matrix_curve(theory, highest) if overlap else exact_curve(theory, highest)
    known = known_response(model, theory, optimizer)
    if known is not None:
        return with_theory_error(fit_curve(known, theory, "tabulated ensembles", order=3), theory)
    if theory.nonlinearity * heat < _LINEAR:
        return with_theory_error(exact_curve(theory, highest), theory)
    measured = trained_response(model, theory, optimizer, leading, theory_at, progress)
    source = f"ensembles at T = {', '.join(f'{t:.3g}' for t in measured.temperature)}"
    return with_theory_error(fit_curve(measured, theory, source), theory)


def known_response(model: Model, theory: Theory, optimizer: Optimizer) -> Measured | None:
    """The table that comes with the library, if it applies to this machine, optimiser and these level groups."""
    known = tabulated(model) if optimizer.plain else None
    usual = None if known is None else find_theory(model, learning_rate=0.1, batch_size=16)
    return known if usual is not None and same_groups(usual.groups, theory.groups) else None


def trained_response(
    model: Model, theory: Theory, optimizer: Optimizer, leading: float, theory_at: Callable[[int], Theory],
    progress: Progress | None = None,
) -> Measured:  # fmt: skip
    """Ensembles at about 1 and 1.8 times the leading-order estimate, which tends to be low.

    For levels much colder than the setting they are warmer: the batch is no larger than the setting's own or 1024.
    """
    largest = min(theory.temperature * theory.batch_size / leading, float(max(theory.batch_size, _LARGEST_BATCH)))
    sizes = tuple(sorted({max(1, round(largest / factor)) for factor in (1.0, 1.8)}))
    return measure_response(
        model, theory_at, learning_rate=theory.learning_rate, batch_sizes=sizes, optimizer=optimizer, progress=progress
    )
