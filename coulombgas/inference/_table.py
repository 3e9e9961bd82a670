"""A fit as aligned text and as a table in xarray."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from ._parts import ScalingFit, SettingFit
from ._text import align, in_brackets, short_path

HEADER = ("source", "α", "B", "replicas", "T = α/B", "T inferred", "95% interval", "T̂/T", "r_hat", "ess", "div")


def temperature_rows(settings: Sequence[SettingFit]) -> list[list[str]]:
    """Cells of the table, one row for each setting, under :data:`HEADER`."""
    return [
        [
            short_path(setting.path),
            f"{setting.learning_rate:g}",
            f"{setting.batch_size}",
            f"{setting.num_replicas}",
            f"{setting.true_temperature:.4g}",
            f"{setting.temperature.mean:.4g}",
            in_brackets(setting.temperature),
            f"{setting.temperature.mean / setting.true_temperature:.3f}",
            f"{setting.r_hat:.3f}",
            f"{setting.ess:.0f}",
            f"{setting.divergences}",
        ]
        for setting in settings
    ]


def temperature_table(settings: Sequence[SettingFit], scaling: ScalingFit | None) -> str:
    """Settings, scaling rule and warnings as text."""
    lines = [align(HEADER, temperature_rows(settings))]
    lines += ["", *scaling_lines(scaling)] if scaling else []
    warnings = warning_lines(settings, scaling)
    return "\n".join([*lines, *(["", *warnings] if warnings else [])])


def scaling_lines(scaling: ScalingFit) -> list[str]:
    """The scaling rule in words."""
    named = (
        ("alpha_exponent", "learning-rate exponent a", scaling.alpha_exponent),
        ("batch_exponent", "batch-size exponent b", scaling.batch_exponent),
        ("scatter", "scatter between settings", scaling.scatter),
    )
    how = ", jointly with the temperatures" if scaling.method == "joint" else ""
    lines = [f"scaling rule  T = c · α^a / B^b{how}; in brackets 95%, then 95% under priors twice as wide"]
    for key, name, value in named:
        shown = "not identified" if value is None else f"{value.mean:.3f}  [{value.lower:.3f}, {value.upper:.3f}]"
        wider = scaling.wider_prior.get(key)
        lines.append(f"  {name:26}{shown}{'' if wider is None else f'  [{wider.lower:.3f}, {wider.upper:.3f}]'}")
    return lines


def warning_lines(settings: Sequence[SettingFit], scaling: ScalingFit | None) -> list[str]:
    """Everything a reader must know, one line each."""
    lines = [f"! {short_path(s.path)} {s.label}: {warning}" for s in settings for warning in s.warnings]
    return lines + [f"! scaling rule: {warning}" for warning in (scaling.warnings if scaling else ())]


def temperature_dataset(settings: Sequence[SettingFit]) -> xr.Dataset:
    """Temperatures and diagnostics over ``setting``."""
    columns = {
        "temperature": [s.temperature.mean for s in settings],
        "lower": [s.temperature.lower for s in settings],
        "upper": [s.temperature.upper for s in settings],
        "true_temperature": [s.true_temperature for s in settings],
        "num_replicas": [s.num_replicas for s in settings],
        "r_hat": [s.r_hat for s in settings],
        "ess": [s.ess for s in settings],
        "divergences": [s.divergences for s in settings],
    }
    return xr.Dataset(
        {name: ("setting", np.array(values)) for name, values in columns.items()},
        coords={
            "learning_rate": ("setting", [s.learning_rate for s in settings]),
            "batch_size": ("setting", [s.batch_size for s in settings]),
            "path": ("setting", [s.path for s in settings]),
        },
    )
