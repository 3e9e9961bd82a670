"""A figure of a Fokker-Planck equation: potential and stationary law, Hamiltonian and its levels."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from coulombgas._checks import InputError
from coulombgas._precision import in_x64

from ._style import BAND, MODEL, TRUTH, new_figure, styled

if TYPE_CHECKING:
    from coulombgas.symbolic import FokkerPlanck

_NUM_POINTS = 600


@styled
@in_x64
def fokker_planck(equation: "FokkerPlanck", params: Mapping[Any, Any] | None = None, num: int = 6) -> Figure:
    """Drift and stationary law on the left; Hamiltonian, levels and eigenfunctions on the right.

    Args:
        equation: an equation in one variable.
        params: parameter values.
        num: levels to show.
    """
    from coulombgas.symbolic import to_jax

    if len(equation.variables) > 1:
        raise InputError(f"`equation` has {len(equation.variables)} variables: only one can be drawn.")
    values = equation.values(params)
    system: Any = equation.eigensystem(params, num)
    x = _visible(system)
    args = (equation.variable, *equation.parameters)
    drift = np.asarray(to_jax(equation.drift, args)(x, *values))
    walls = np.asarray(to_jax(equation.hamiltonian.potential, args)(x, *values))
    figure, axes = new_figure(2)
    left, right = axes[0]
    law = system.stationary(x)
    left.fill_between(x, law, color=BAND, alpha=0.5, lw=0)
    left.plot(x, law, color=MODEL, label="stationary law")
    left.set(xlabel=str(equation.variable), ylabel="density", ylim=(0, None), title="Stationary law and drift")
    twin = left.twinx()
    twin.axhline(0, color=TRUTH, lw=0.6)
    twin.plot(x, drift, color=TRUTH, lw=1.2, label="drift")
    twin.set_ylim(*_clipped(drift))
    twin.set_ylabel("drift")
    twin.grid(False)
    left.legend(handles=[*left.get_lines()[:1], *twin.get_lines()[1:2]], loc="best")
    _draw_levels(right, system, x, walls, str(equation.variable))
    return figure


def _visible(system: Any) -> Any:
    """The range where some requested state is larger than a thousandth of its maximum."""
    waves = np.abs(system.vectors[:, : len(system.energies)]) / np.sqrt(system.weights)[:, None]
    large = np.flatnonzero((waves > 1e-3 * waves.max(axis=0)).any(axis=1))
    return np.linspace(system.nodes[large[0]], system.nodes[large[-1]], _NUM_POINTS)


def _clipped(values: Any) -> tuple[float, float]:
    low, high = np.quantile(values[np.isfinite(values)], (0.04, 0.96))
    margin = 0.15 * (high - low) or 1.0
    return float(low - margin), float(high + margin)


def _draw_levels(axes: Any, system: Any, x: Any, walls: Any, name: str) -> None:
    """Draw potential, energies and eigenfunctions of the Hamiltonian."""
    energies = system.energies
    step = float(np.min(np.diff(energies))) if len(energies) > 1 else 1.0
    step = max(step, float(energies[-1]) / (2 * len(energies)), 1e-300)
    axes.plot(x, walls, color=TRUTH, lw=1.2, label="potential of H")
    for n, energy in enumerate(energies):
        wave = system.eigenfunction(n, x)
        axes.axhline(energy, color="#829ab1", lw=0.5)
        axes.plot(x, energy + 0.45 * step * wave / np.abs(wave).max(), lw=1.2)
    top = float(energies[-1])
    axes.set(xlabel=name, ylabel="energy", title="Levels of the Hamiltonian")
    axes.set_ylim(min(-step, float(walls.min())), top + 1.5 * step)
    axes.legend(loc="upper right")
