"""What a fit returns: settings and scaling rule; as objects, as records, as a table, as a posterior."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from coulombgas._arviz import container
from coulombgas._types import PathType

from ._parts import ScalingFit, SettingFit
from ._store import fit_groups, load_parts, save_fit
from ._table import temperature_dataset, temperature_table


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
        """One dictionary of plain Python objects for each setting (``pandas.json_normalize`` takes them)."""
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

    def dataset(self):
        """Result table as an :class:`xarray.Dataset` over ``setting``."""
        return temperature_dataset(self.settings)

    @cached_property
    def posterior(self) -> Any:
        """All draws in what the installed ArviZ calls its container."""
        return container(fit_groups(self.settings, self.scaling, self.method))

    def save(self, path: PathType, *, overwrite: bool = False) -> None:
        """Write everything to one NetCDF file, which :func:`load_fit` and ArviZ read back."""
        save_fit(fit_groups(self.settings, self.scaling, self.method), path, overwrite=overwrite)


def load_fit(path: PathType) -> TemperatureFit:
    """Read a fit that :meth:`TemperatureFit.save` wrote.

    Raises:
        InputError: when the file is missing or holds something else.
    """
    return TemperatureFit(**load_parts(path))
