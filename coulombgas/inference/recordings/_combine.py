r"""From the noise of levels to the temperature of a run relative to the others, and to the scaling rule.

Every group of levels (leading ones or bulk of a matrix) has its own temperature :math:`T_{rg} = s_{rg}^2/2\alpha_r`;
all groups share its change from run to run:

.. math:: \log T_{rg} = c_g + \log t_r + \epsilon_{rg}, \qquad \log t_r = \mathrm{const} + a\log\alpha_r - b\log B_r.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from coulombgas.inference._parts import ScalingFit
from coulombgas.inference.scaling._rule import fit_log_temperatures

from ._runs import RecordedRun

Groups = Mapping[str, tuple[np.ndarray, np.ndarray]]


def group_temperatures(runs: Sequence[RecordedRun], name: str | None = None) -> Groups:
    """log(s²/2α) and its error over runs (run,), for every group known in all runs; of one matrix or of all."""
    rows: dict[str, dict[int, tuple[float, float]]] = {}
    for index, run in enumerate(runs):
        rate = run.dynamics.effective_rate
        for layer in run.layers:
            for kind, group in layer.motion.groups if name in (None, layer.name) else ():
                value = float(np.log(group.noise.mean / (2 * rate))) if rate else np.nan
                rows.setdefault(f"{layer.name}, {kind}", {})[index] = (value, group.log_error)
    full = {key: row for key, row in rows.items() if len(row) == len(runs)}
    tables = {key: np.array(list(row.values())) for key, row in full.items()}
    return {key: (table[:, 0], table[:, 1]) for key, table in tables.items()}


def relative_log_temperatures(groups: Groups) -> tuple[np.ndarray, np.ndarray]:
    """log t over runs, up to a constant, and its errors.

    Groups are weighted by their errors. If they differ by more than their errors, the errors are increased by that
    factor; and no combination is taken to be more precise than the best group, because one batch moves all levels.
    """
    values = np.stack([value - value.mean() for value, _ in groups.values()])
    errors = np.stack([error for _, error in groups.values()])
    weight = 1 / (errors**2).mean(axis=1)
    weight = weight / weight.sum()
    mean = weight @ values
    freedom = (values.shape[0] - 1) * (values.shape[1] - 1)
    misfit = float((((values - mean) / errors) ** 2).sum()) / freedom if freedom else 1.0
    error = np.maximum(np.sqrt(weight**2 @ errors**2), errors.min(axis=0)) * np.sqrt(max(1.0, misfit))
    return mean, error


def fit_rule(runs: Sequence[RecordedRun], name: str | None, options: dict[str, Any]) -> ScalingFit | None:
    """The rule across runs, for one matrix or for all together; None if no group is known in all of them."""
    groups = group_temperatures(runs, name)
    if len(runs) < 2 or not groups:
        return None
    alpha = np.array([run.dynamics.effective_rate for run in runs], dtype=np.float64)
    batch = np.array([run.dynamics.batch_size for run in runs], dtype=np.float64)
    if np.ptp(np.log(alpha)) < 1e-6 and np.ptp(np.log(batch)) < 1e-6:
        return None
    return fit_log_temperatures(alpha, batch, *relative_log_temperatures(groups), **options)
