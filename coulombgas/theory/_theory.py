"""The stationary law of a model's update at one setting, as one frozen result."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._results import to_dataset
from coulombgas.spectra import LevelGroup


@dataclass(frozen=True, kw_only=True)
class Theory:
    r"""Fixed point, level groups, widths, mean shifts and times of a model under one optimiser and setting.

    Attributes:
        model: name of the model.
        learning_rate, batch_size: α and B.
        optimizer: description of the optimiser.
        temperature: effective temperature, α/(B(1 − m)) with momentum m; of the level widths
            :math:`s_g^2 = T (s_g^2/T)`.
        formula: the temperature in words.
        levels: levels at the fixed point, ascending, shape (mode,).
        matrix: the observed matrix at the fixed point.
        groups: level groups that fluctuate, ascending; a mode that is not learnt belongs to none.
        width2: stationary s² of each group, shape (group,), squared units of a level.
        width2_error: its Monte Carlo standard error, 0 for closed forms.
        mean_shift: mean of each group minus its fixed point at order T, shape (group,); None if unknown.
        mean_shift_error: its Monte Carlo standard error.
        relaxation: integrated autocorrelation time of each group's levels, in updates.
        updates_to_equilibrium: updates from the fixed point after which every s² is within 1% of ``width2``.
        multiplier: largest \|λ\| of the linear update, below 1.
        element_variance: variances of the elements of the fluctuating symmetric matrix, shape (mode, mode), where they
            are independent Gaussians; None where they are not.
        input_scatter: relative standard deviation of s² between sets of inputs, if all replicas share one set.
        source: how it was obtained.
    """

    model: str
    learning_rate: float
    batch_size: int
    optimizer: dict[str, Any]
    temperature: float
    formula: str
    levels: np.ndarray
    matrix: np.ndarray = field(repr=False)
    groups: tuple[LevelGroup, ...]
    width2: np.ndarray
    width2_error: np.ndarray
    mean_shift: np.ndarray | None
    mean_shift_error: np.ndarray | None
    relaxation: np.ndarray
    updates_to_equilibrium: int
    multiplier: float
    element_variance: np.ndarray | None = field(default=None, repr=False)
    input_scatter: float = 0.0
    source: str = ""

    @property
    def width2_per_temperature(self) -> np.ndarray:
        """s²/T of each group, shape (group,)."""
        return self.width2 / self.temperature

    @property
    def mode_width2(self) -> np.ndarray:
        """s² of the group of each mode, shape (mode,); 0 for modes that do not fluctuate at this order."""
        found = np.zeros(len(self.levels))
        for group, width2 in zip(self.groups, self.width2, strict=True):
            found[list(group.modes)] = width2
        return found

    @property
    def mean_levels(self) -> np.ndarray:
        """Mean levels at order T, shape (mode,); the fixed point if the shift is unknown."""
        found = np.array(self.levels, dtype=np.float64)
        if self.mean_shift is not None:
            for group, shift in zip(self.groups, self.mean_shift, strict=True):
                found[list(group.modes)] += shift
        return found

    @property
    def finite_rate_factor(self) -> float:
        """T·B/α: the optimiser's factor on α/B at leading order, 1 for plain gradient descent."""
        return self.temperature * self.batch_size / self.learning_rate

    @property
    def nonlinearity(self) -> float:
        """Distance from the limit T → 0: largest mean shift in units of its level, or s²/x² if unknown."""
        x = np.maximum(np.abs([group.center for group in self.groups]), 1e-300)
        rough = self.width2 / x**2
        if self.mean_shift is None:
            return float(rough.max())
        return float((np.abs(self.mean_shift) / x).max())

    def records(self) -> list[dict[str, Any]]:
        """One dictionary of plain Python objects for each level group."""
        shifts = np.full(len(self.groups), np.nan) if self.mean_shift is None else self.mean_shift
        return [
            {
                "fixed_point": group.center,
                "modes": list(group.modes),
                "width": float(np.sqrt(width2)),
                "width2": float(width2),
                "width2_error": float(error),
                "mean_shift": None if np.isnan(shift) else float(shift),
                "relaxation": float(time),
            }
            for group, width2, error, shift, time in zip(
                self.groups, self.width2, self.width2_error, shifts, self.relaxation, strict=True
            )
        ]

    def dataset(self) -> xr.Dataset:
        """The records over ``group``."""
        own = {"model": self.model, "temperature": self.temperature, "source": self.source}
        return to_dataset(self.records(), "group", coords=("fixed_point",), **own)

    def table(self) -> str:
        """The result as text."""
        lines = [
            f"{self.model}: T = {self.formula} = {self.temperature:.4g}, {self.source}",
            f"{'x_s':>10}  {'modes':>8}  {'width':>10}  {'± s²':>6}  {'mean shift':>10}  {'relaxation':>10}",
        ]
        for row in self.records():
            modes = f"{row['modes'][0]}-{row['modes'][-1]}" if len(row["modes"]) > 1 else f"{row['modes'][0]}"
            shift = "unknown" if row["mean_shift"] is None else f"{row['mean_shift']:.3g}"
            error = 100 * row["width2_error"] / row["width2"]
            lines.append(
                f"{row['fixed_point']:>10.4g}  {modes:>8}  {row['width']:>10.4g}  {error:>5.1f}%  {shift:>10}  "
                f"{row['relaxation']:>10.4g}"
            )
        lines.append(f"in equilibrium after {self.updates_to_equilibrium} updates from the fixed point")
        return "\n".join(lines)
