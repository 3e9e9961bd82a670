"""The response curve of one setting: tabulated, exact, or from ensembles trained on the spot."""

import numpy as np

from coulombgas._types import Progress
from coulombgas.models import GaussianRBM, Model, TeacherStudent
from coulombgas.spectra import LevelGroup

from ._ensembles import (
    ResponseCurve,
    ensemble_sizes,
    exact_curve,
    fit_curve,
    learnt_groups,
    linear_log_ratio,
    matrix_curve,
    mean_levels,
    measure_response,
)
from ._response_table import tabulated


def response_for(
    model: Model, groups: tuple[LevelGroup, ...], *, learning_rate: float, batch_size: int, leading: float,
    progress: Progress | None = None,
) -> ResponseCurve:  # fmt: skip
    """The curve for one setting whose leading-order temperature is ``leading``.

    For the RBM of the paper a table of ensembles comes with the library; for others ensembles are trained here, at the
    setting's learning rate and two temperatures above ``leading``, unless the first-order shift of the levels says that
    nothing is to be corrected.
    """
    if isinstance(model, TeacherStudent):
        width2 = float(model.width2_per_temperature(learning_rate=learning_rate, batch_size=batch_size)[0])
        gaps = np.diff([group.center for group in groups])
        highest = 4.0 * leading
        if len(groups) > 1 and gaps.min() < 12 * np.sqrt(highest * width2):
            return matrix_curve(np.array(model.teacher), groups, width2, highest)
        return exact_curve(model, groups, learning_rate, highest)
    if not isinstance(model, GaussianRBM):
        return exact_curve(model, groups, learning_rate, 4.0 * leading)
    known = tabulated(model)
    if known is not None:
        reference, measured = known
        shift = linear_log_ratio(model, groups, learning_rate) - linear_log_ratio(model, groups, reference)
        curve = fit_curve(measured, linear_log_ratio(model, groups, reference), "tabulated ensembles", order=3)
        return ResponseCurve(curve.temperature, curve.log_ratio + shift, curve.error, curve.source)
    return trained_curve(model, learning_rate, ensemble_sizes(learning_rate, leading), progress)


def trained_curve(
    model: GaussianRBM, learning_rate: float, batch_sizes: tuple[int, ...], progress: Progress | None = None
) -> ResponseCurve:
    """The curve from ensembles trained now."""
    groups = learnt_groups(model)
    lowest = learning_rate / max(batch_sizes)
    shift = np.abs(mean_levels(model, lowest) / np.maximum(model.fixed_point, 1e-300) - 1)
    modes = [mode for group in groups for mode in group.modes]
    if shift[modes].max() < 1e-3:
        return exact_curve(model, groups, learning_rate, 4 * learning_rate / min(batch_sizes))
    measured = measure_response(model, learning_rate=learning_rate, batch_sizes=batch_sizes, progress=progress)
    linear = linear_log_ratio(model, groups, learning_rate)
    return fit_curve(measured, linear, f"ensembles at T = {', '.join(f'{t:.3g}' for t in measured.temperature)}")
