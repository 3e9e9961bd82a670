"""Results as labelled arrays: one-time quantities over steps, two-time functions over pairs of steps."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from coulombgas._version import __version__

from ._convergence import Convergence
from ._system import System

if TYPE_CHECKING:
    import xarray as xr


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
