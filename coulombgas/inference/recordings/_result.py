"""Joint results of several recordings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._interval import Interval
from coulombgas.inference._parts import ScalingFit

from ._runs import RecordedRun


@dataclass(frozen=True, kw_only=True)
class ScalingRule:
    """Temperatures of trainings and the scaling rule T ∝ α^a/B^b across them.

    Attributes:
        runs: one entry for each recording.
        scaling: posterior of a, b and the scatter, for all layers together; None if not available.
        by_layer: the same for each matrix.
        holds: whether a = b = 1; None if undecided.
        verdict: the answer in one sentence.
        warnings: warnings about the numbers.
    """

    runs: tuple[RecordedRun, ...]
    scaling: ScalingFit | None
    by_layer: Mapping[str, ScalingFit] = field(repr=False)
    holds: bool | None
    verdict: str
    warnings: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """The output of ``coulombgas rule --json``: runs, scaling and verdict."""
        found = self.scaling
        return {
            "runs": [run.record() for run in self.runs],
            "scaling": None
            if found is None
            else {
                "alpha_exponent": _as_dict(found.alpha_exponent),
                "batch_exponent": _as_dict(found.batch_exponent),
                "scatter": found.scatter.as_dict(),
            },
            "verdict": self.verdict,
        }

    def records(self) -> list[dict[str, Any]]:
        """One row for each run and matrix, in plain Python objects."""
        rows = []
        for run in self.runs:
            own = {name: value for name, value in run.record().items() if name != "layers"}
            rows += [{**own, **layer.record()} for layer in run.layers]
        return rows

    def dataset(self) -> xr.Dataset:
        """Noise and temperature over (run, matrix, group), NaN where unknown; ``_lower`` and ``_upper`` are the ends of
        their intervals."""
        names = list(dict.fromkeys(layer.name for run in self.runs for layer in run.layers))
        numbers = np.full((2, 3, len(self.runs), len(names), 2), np.nan)
        for index, run in enumerate(self.runs):
            for layer in run.layers:
                for kind, group in enumerate((layer.motion.leading, layer.motion.bulk)):
                    for place, value in enumerate((group and group.noise, group and group.temperature)):
                        if value is not None:
                            numbers[place, :, index, names.index(layer.name), kind] = value[:3]
        dims, own = ("run", "matrix", "group"), [run.dynamics for run in self.runs]
        return xr.Dataset(
            {
                f"{name}{end}": (dims, numbers[place, column])
                for place, name in enumerate(("noise", "temperature"))
                for column, end in enumerate(("", "_lower", "_upper"))
            },
            coords={
                "path": ("run", [run.path for run in self.runs]),
                "learning_rate": ("run", [_number(each.learning_rate) for each in own]),
                "batch_size": ("run", [_number(each.batch_size) for each in own]),
                "matrix": names,
                "group": ["leading", "bulk"],
            },
            attrs={"verdict": self.verdict},
        )

    def table(self) -> str:
        """Runs, layers, the rule and the verdict as text."""
        lines = [f"scaling rule: {self.verdict}"]
        for run in self.runs:
            lines.append(f"{run.path}: {run.label}, {run.dynamics.optimizer or 'optimiser unknown'}, T = {_heat(run)}")
            lines += [f"  {run.remark}"] if run.remark else []
            lines += [f"  {layer.name}: {layer.motion.statement}" for layer in run.layers]
            lines += [f"  {run.noise_scale.statement}"] if run.noise_scale is not None else []
        for name, found in self.by_layer.items():
            lines.append(f"rule of {name}: a = {_text(found.alpha_exponent)}, b = {_text(found.batch_exponent)}")
        return "\n".join([*lines, *(f"! {warning}" for warning in self.warnings)])


def _heat(run: RecordedRun) -> str:
    return "–" if run.temperature is None else f"{_text(run.temperature)} in units of the loss"


def _text(interval: Interval | None) -> str:
    return "not identified" if interval is None else f"{interval.mean:.3g} [{interval.lower:.3g}, {interval.upper:.3g}]"


def _as_dict(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else interval.as_dict()


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
