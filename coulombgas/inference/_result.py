"""The result of a fit: settings and scaling rule, as objects, records, a table or a posterior."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import xarray as xr

from coulombgas._arviz import container
from coulombgas._results import to_dataset
from coulombgas._types import PathType

from ._parts import ScalingFit, SettingFit
from ._store import fit_groups, load_parts, save_fit
from ._table import temperature_table
from .spacing_laws._fit import ModelFit, restored
from .spacing_laws._store import FORMAT as MODEL_FORMAT


@dataclass(frozen=True, kw_only=True)
class TemperatureFit:
    """Temperatures of all settings and the scaling rule across them.

    Attributes:
        settings: one :class:`SettingFit` for each setting.
        scaling: the scaling rule, None for a single setting.
        method: "response" (temperature at any noise), "whole-spectrum" or "leading-order".
    """

    settings: tuple[SettingFit, ...]
    scaling: ScalingFit | None
    method: str

    def records(self) -> list[dict[str, Any]]:
        """One dictionary of plain Python objects for each setting (suitable for ``pandas.json_normalize``)."""
        return [setting.record() for setting in self.settings]

    def as_dict(self) -> dict[str, Any]:
        """All results in plain Python objects: ``{"settings": [...], "scaling": {...} or None, "method"}``."""
        return {
            "settings": self.records(),
            "scaling": None if self.scaling is None else self.scaling.record(),
            "method": self.method,
        }

    def table(self) -> str:
        """All results as text, ready to print."""
        return temperature_table(self.settings, self.scaling)

    def dataset(self) -> xr.Dataset:
        """The records over ``setting``: the temperature with its interval, and the diagnostics."""
        where = ("path", "learning_rate", "batch_size")
        return to_dataset(self.records(), "setting", coords=where, method=self.method)

    def to_datatree(self) -> xr.DataTree:
        """All draws, their diagnostics and the observations."""
        return xr.DataTree.from_dict(fit_groups(self.settings, self.scaling, self.method))

    @cached_property
    def posterior(self) -> Any:
        """All draws in the container type of the installed ArviZ."""
        return container(fit_groups(self.settings, self.scaling, self.method))

    def save(self, path: PathType, *, overwrite: bool = False) -> None:
        """Write everything to one NetCDF file, which :func:`load_fit` and ArviZ read back."""
        save_fit(fit_groups(self.settings, self.scaling, self.method), path, overwrite=overwrite)


def load_fit(path: PathType) -> TemperatureFit | ModelFit:
    """Read a fit written by :meth:`TemperatureFit.save` or :meth:`ModelFit.save`.

    Raises:
        InputError: when the file is missing, is damaged or holds something else.
    """
    kind, parts = load_parts(path)
    if kind == MODEL_FORMAT:
        model, groups = parts
        return ModelFit(model=model, groups=tuple(restored(fields) for fields in groups))
    return TemperatureFit(**parts)
