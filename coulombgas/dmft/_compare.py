"""Theory compared with simulation: means over replicas, standard errors, z-scores."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from coulombgas._checks import InputError, check_non_negative

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Comparison:
    """Every quantity that theory and simulation share: theory, mean, standard error and z-score.

    ``data`` has the variables ``NAME``, ``NAME_mean``, ``NAME_error`` and ``NAME_z`` of each NAME in ``names``.
    """

    data: "xr.Dataset"
    names: tuple[str, ...]

    def z(self, name: str) -> "xr.DataArray":
        """(mean - theory) / standard error."""
        return self.data[f"{name}_z"]

    def worst(self) -> dict[str, float]:
        """Largest |z| of each quantity."""
        return {name: float(np.abs(self.z(name)).max()) for name in self.names}

    def rms(self) -> dict[str, float]:
        """Root mean square z of each quantity: about 1 if theory holds and there are many entries."""
        return {name: float(np.sqrt((self.z(name) ** 2).mean())) for name in self.names}

    def records(self) -> list[dict[str, Any]]:
        """One dictionary for each quantity: largest |z|, rms z and largest absolute difference."""
        worst, rms = self.worst(), self.rms()
        gap = {name: float(np.abs(self.data[f"{name}_mean"] - self.data[name]).max()) for name in self.names}
        return [
            {"quantity": name, "largest_z": worst[name], "rms_z": rms[name], "largest_difference": gap[name]}
            for name in self.names
        ]

    def dataset(self) -> "xr.Dataset":
        """The records over ``quantity``; :attr:`data` has all times."""
        from coulombgas._results import to_dataset

        return to_dataset(self.records(), "quantity", **self.data.attrs)

    def table(self) -> str:
        """The records as text."""
        lines = [f"{'quantity':24}  {'largest |z|':>11}  {'rms z':>7}  {'largest difference':>18}"]
        for row in self.records():
            numbers = f"{row['largest_z']:>11.3g}  {row['rms_z']:>7.3g}  {row['largest_difference']:>18.3g}"
            lines.append(f"{row['quantity']:24}  {numbers}")
        return "\n".join(lines)


def compare(theory: "xr.Dataset", simulation: "xr.Dataset", *, floor: float = 1e-6) -> Comparison:
    """Line up a solution with an ensemble of finite copies.

    Args:
        theory: from ``solve(system)``; its own error ``NAME_error`` (Monte Carlo fixed points have one) is added in
            quadrature to the simulation's.
        simulation: from ``simulate(system, ...)``, with at least two replicas.
        floor: added in quadrature to every standard error, times the scale of the quantity, so that values fixed by the
            initial condition (no scatter, equal up to rounding) have a small z.

    Raises:
        InputError: for other systems, other times or fewer than two replicas.
    """
    import xarray as xr

    check_non_negative("floor", floor)
    if "replica" not in simulation.dims or simulation.sizes["replica"] < 2:
        raise InputError("`simulation` must have at least 2 replicas: standard errors come from their scatter.")
    if theory.sizes.get("step") != simulation.sizes.get("step") or not np.allclose(theory["time"], simulation["time"]):
        raise InputError("`theory` and `simulation` have different times: solve and simulate the same system.")
    if theory.attrs.get("config") != simulation.attrs.get("config"):
        raise InputError(
            "`theory` and `simulation` belong to different parameters: solve and simulate the same system."
        )
    names = tuple(str(name) for name in theory.data_vars if name in simulation.data_vars)
    data = {}
    for name in names:
        copies, exact = simulation[name], theory[name]
        mean = copies.mean("replica")
        error = copies.std("replica", ddof=1) / np.sqrt(copies.sizes["replica"])
        own = theory.get(f"{name}_error", 0.0)
        error = np.sqrt(error**2 + own**2 + (floor * max(1e-300, float(np.abs(exact).max()))) ** 2)
        data |= {name: exact, f"{name}_mean": mean, f"{name}_error": error, f"{name}_z": (mean - exact) / error}
    attrs = {"replicas": simulation.sizes["replica"], "dimension": simulation.attrs.get("dimension")}
    return Comparison(xr.Dataset(data, attrs={**theory.attrs, **attrs}), names)
