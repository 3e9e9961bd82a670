"""One RBM mode as a quantum problem, ALP24 (arXiv:2407.16427), Fig. 8: potential V, Schrödinger wells, ground states,
spectrum.

The gap is min(Ω, r_0): besides the well at x_s there is the unstable fixed point x = 0, whose lowest state decays at
the escape rate r_0 = 1/κ − 1/μ², the inverse of the time a mode needs to leave zero.
"""

import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from matplotlib.figure import Figure

from coulombgas._types import Progress
from coulombgas.plot import house_style, new_figure
from coulombgas.symbolic import FokkerPlanck

from ._experiment import Outcome, main

DRIFT = "x*(1/kappa - 1/(mu2 - x))"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the wells."""

    kappas: tuple[float, ...] = (4.0, 8.0)
    """Targets κ, one column each."""
    mu2: float = 9.0
    """μ² of the RBM."""
    noise2: tuple[float, ...] = (0.02, 0.1, 0.5)
    """Noise strengths g²."""
    num_levels: int = 6
    """Levels E_0, E_1, … of the spectrum."""
    grid: int = 600
    """Points of the curves."""


FULL = Config(noise2=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5), num_levels=10, grid=2000)


@lru_cache(maxsize=1)
def well_equation() -> FokkerPlanck:
    """The equation of a mode, whose compiled parts serve all wells."""
    return FokkerPlanck(DRIFT, noise="g", domain=(0, "mu2"), positive=("kappa",))


def run(config: Config, *, progress: Progress | None = None, store: Path | None = None) -> Outcome:
    """Derive, solve, draw; nothing is trained, so ``store`` is not used."""
    del store
    equation = well_equation()
    wells, curves = [], []
    total = len(config.kappas) * len(config.noise2)
    for kappa in config.kappas:
        for noise2 in config.noise2:
            well, curve = _well(equation, config, kappa, noise2)
            wells.append(well)
            curves.append(curve)
            if progress is not None:
                progress(len(wells), total)
    numbers = {"potential": str(equation.potential), "hamiltonian": str(equation.hamiltonian), "wells": wells}
    return Outcome(numbers=numbers, figure=draw(config, equation, wells, curves))


def _well(equation: Any, config: Config, kappa: float, noise2: float) -> tuple[dict[str, Any], dict[str, Any]]:
    parameters = {"kappa": kappa, "mu2": config.mu2, "g2": noise2}
    system = equation.eigensystem(parameters, config.num_levels)
    x = np.linspace(0, config.mu2, config.grid + 2)[1:-1]
    fixed = config.mu2 - kappa
    well = {
        "kappa": kappa,
        "noise2": noise2,
        "levels": np.asarray(system.energies),
        "curvature": fixed / kappa**2,
        "escape_rate": 1 / kappa - 1 / config.mu2,
        "gap_at_small_noise": min(fixed / kappa**2, 1 / kappa - 1 / config.mu2),
    }
    return well, {"x": x, "ground_state": np.asarray(system.eigenfunction(0, x))}


def _number(equation: Any, expression: Any, config: Config, kappa: float, noise2: float) -> Any:
    values = dict(
        zip(
            equation.parameters,
            equation.values({"kappa": kappa, "mu2": config.mu2, "g2": noise2}),
            strict=True,
        )
    )
    return sp.lambdify(equation.variable, expression.subs(values), "numpy")


def draw(config: Config, equation: Any, wells: list[dict], curves: list[dict]) -> Figure:
    """Rows: potential V/g², well of the Schrödinger operator with its levels, ground state; columns: κ."""
    columns = len(config.kappas)
    with house_style():
        figure, axes = new_figure(columns, 3, height=2.6)
        lowest = 0.0
        for index, (well, curve) in enumerate(zip(wells, curves, strict=True)):
            column, label = index // len(config.noise2), f"$g^2$ = {well['noise2']:g}"
            parts = (equation.action, equation.hamiltonian.potential)
            action, wall = (
                _number(equation, part, config, well["kappa"], well["noise2"])(curve["x"]) for part in parts
            )
            axes[0, column].plot(curve["x"], action - action.min(), label=label)
            (line,) = axes[1, column].plot(curve["x"], wall)
            for level in well["levels"]:
                inside = np.where(wall < level, level, np.nan)
                axes[1, column].plot(curve["x"], inside, lw=0.7, color=line.get_color(), alpha=0.8)
            axes[2, column].plot(curve["x"], curve["ground_state"])
            lowest = min(lowest, float(wall.min()))
        highest = max(well["levels"][min(2, len(well["levels"]) - 1)] for well in wells)
        for column, kappa in enumerate(config.kappas):
            axes[0, column].set(title=f"κ = {kappa:g}, μ² = {config.mu2:g}", ylabel="$V/g^2$", ylim=(0, 20))
            axes[1, column].set(ylabel="well of $H$ and its levels", ylim=(1.2 * lowest, 1.3 * highest))
            axes[2, column].set(ylabel=r"ground state $\sqrt{p_s}$", xlabel="$x$")
        axes[0, 0].legend()
    return figure


if __name__ == "__main__":
    sys.exit(main(run, Config(), FULL, name="fokker_planck"))
