"""What every system shares: parameters that solve and simulate themselves, and results as labelled two-time arrays."""

import dataclasses
import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from coulombgas._types import Progress
from coulombgas._version import __version__

from ._convergence import Convergence

if TYPE_CHECKING:
    import xarray as xr


class System:
    """Parameters of one disordered dynamics; abstract.

    A concrete system is a frozen dataclass whose ``__post_init__`` checks its values.
    """

    name: str
    """Word by which the command line knows the system."""

    @abstractmethod
    def solve(self, *, progress: Progress | None = None) -> "xr.Dataset":
        """Two-time functions, losses and overlaps in the limit of infinite size."""

    @abstractmethod
    def simulate_replica(self, *, key: Any, dimension: int) -> dict[str, Any]:
        """One copy of the finite system, drawn and run: the same quantities as ``solve`` without averages."""

    @abstractmethod
    def times(self) -> np.ndarray:
        """Time of every recorded step."""

    def steps_recorded(self) -> np.ndarray:
        """Step index of every record."""
        return np.arange(len(self.times()))

    def config(self) -> dict[str, Any]:
        """The parameters as plain values, with the system's name."""
        return {"name": self.name, **dataclasses.asdict(self)}  # pyright: ignore[reportArgumentType]


def make_result(
    system: System,
    arrays: Mapping[str, Any],
    *,
    convergence: Convergence | None = None,
    replicas: bool = False,
) -> "xr.Dataset":
    """Label arrays as an xarray Dataset.

    One-dimensional arrays get the dimension ``step``, square ones ``(step, step_prime)``, scalars none; with
    ``replicas`` every array has a leading ``replica`` axis. Coordinates: ``time(step)``, ``time_prime(step_prime)``.
    """
    import xarray as xr

    step, time = system.steps_recorded(), system.times()
    axes = ("step", "step_prime")
    data = {}
    for name, value in arrays.items():
        value = np.asarray(value)
        dims = axes[: value.ndim - replicas]
        data[name] = (("replica", *dims) if replicas else dims, value)
    coords = {"step": step, "time": ("step", time)}
    if any("step_prime" in dims for dims, _ in data.values()):
        coords |= {"step_prime": step, "time_prime": ("step_prime", time)}
    if replicas:
        coords["replica"] = np.arange(next(iter(data.values()))[1].shape[0])
    attrs: dict[str, Any] = {
        "format": "coulombgas-dmft/1",
        "source": "simulation" if replicas else "theory",
        "config": json.dumps(system.config()),
        "version": __version__,
    }
    if convergence is not None:
        attrs |= {"residual": convergence.residual, "sweeps": convergence.sweeps}
    return xr.Dataset(data, coords=coords, attrs=attrs)
