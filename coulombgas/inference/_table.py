"""A fit as aligned text and as a table in xarray."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ._interval import Interval
from ._result import ScalingFit, TemperatureFit

if TYPE_CHECKING:
    from ._calibrate import Calibration
    from ._compare import Comparison
    from ._model_fit import ModelFit

HEADER = ("source", "α", "B", "replicas", "T = α/B", "T inferred", "95% interval", "T̂/T", "r_hat", "ess", "div")


def temperature_rows(fit: TemperatureFit) -> list[list[str]]:
    """Cells of the table, one row for each setting, under :data:`HEADER`."""
    return [
        [
            _short(setting.path),
            f"{setting.learning_rate:g}",
            f"{setting.batch_size}",
            f"{setting.num_replicas}",
            f"{setting.true_temperature:.4g}",
            f"{setting.temperature.mean:.4g}",
            _range(setting.temperature),
            f"{setting.temperature.mean / setting.true_temperature:.3f}",
            f"{setting.r_hat:.3f}",
            f"{setting.ess:.0f}",
            f"{setting.divergences}",
        ]
        for setting in fit.settings
    ]


def temperature_table(fit: TemperatureFit) -> str:
    """Settings, scaling rule and warnings as text."""
    lines = [align(HEADER, temperature_rows(fit))]
    lines += ["", *scaling_lines(fit.scaling)] if fit.scaling else []
    warnings = warning_lines(fit)
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


def warning_lines(fit: TemperatureFit) -> list[str]:
    """Everything a reader must know, one line each."""
    lines = [f"! {_short(s.path)} {s.label}: {warning}" for s in fit.settings for warning in s.warnings]
    return lines + [f"! scaling rule: {warning}" for warning in (fit.scaling.warnings if fit.scaling else ())]


def temperature_dataset(fit: TemperatureFit) -> xr.Dataset:
    """Temperatures and diagnostics over ``setting``."""
    columns = {
        "temperature": [s.temperature.mean for s in fit.settings],
        "lower": [s.temperature.lower for s in fit.settings],
        "upper": [s.temperature.upper for s in fit.settings],
        "true_temperature": [s.true_temperature for s in fit.settings],
        "num_replicas": [s.num_replicas for s in fit.settings],
        "r_hat": [s.r_hat for s in fit.settings],
        "ess": [s.ess for s in fit.settings],
        "divergences": [s.divergences for s in fit.settings],
    }
    return xr.Dataset(
        {name: ("setting", np.array(values)) for name, values in columns.items()},
        coords={
            "learning_rate": ("setting", [s.learning_rate for s in fit.settings]),
            "batch_size": ("setting", [s.batch_size for s in fit.settings]),
            "path": ("setting", [s.path for s in fit.settings]),
        },
    )


def align(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns two spaces apart: the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = []
    for row in (header, *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _range(interval: Interval) -> str:
    return f"[{interval.lower:.4g}, {interval.upper:.4g}]"


def _short(path: str, length: int = 32) -> str:
    name = path.rstrip("/").rsplit("/", 1)[-1]
    return name if len(name) <= length else "…" + name[-(length - 1) :]


def model_table(fit: "ModelFit") -> str:
    """A fitted model as text."""
    names = list(fit.groups[0].parameters)
    header = ("source", "α", "B", "x_s", "n", *(f"{name} [95%]" for name in names), "r_hat", "ess", "div")
    rows = [
        [
            _short(g.path),
            f"{g.learning_rate:g}",
            f"{g.batch_size}",
            f"{g.center:.4g}",
            f"{len(g.values)}",
            *(f"{g.parameters[name].mean:.4g} {_range(g.parameters[name])}" for name in names),
            f"{g.r_hat:.3f}",
            f"{g.ess:.0f}",
            f"{g.divergences}",
        ]
        for g in fit.groups
    ]
    warnings = dict.fromkeys(f"! {_short(g.path)}: {warning}" for g in fit.groups for warning in g.warnings)
    return "\n".join([f"model {fit.model}", align(header, rows), *(["", *warnings] if warnings else [])])


def comparison_table(comparison: "Comparison") -> str:
    """A ranking of laws as text."""
    header = ("law", "elpd", "difference", "± s.e.", "p_loo", "WAIC", "max k")
    rows = [
        [
            score.law,
            f"{score.elpd:.1f}",
            f"{score.difference:.1f}",
            f"{score.difference_se:.1f}",
            f"{score.effective_parameters:.1f}",
            f"{score.waic:.1f}",
            f"{score.pareto_k:.2f}",
        ]
        for score in comparison.scores
    ]
    warnings = [
        f"! {s.law}: Pareto k {s.pareto_k:.2f} > 0.7, its elpd is uncertain"
        for s in comparison.scores
        if s.pareto_k > 0.7
    ]
    title = f"leave-one-out prediction of {comparison.num_observations} observations, best first"
    return "\n".join([title, align(header, rows), *(["", *warnings] if warnings else [])])


def calibration_table(calibration: "Calibration") -> str:
    """A calibration as text."""
    header = ("parameter", "data sets", "uniform ranks, p", "50%", "90%", "95%", "ess >")
    rows = [
        [
            name,
            f"{calibration.num}",
            f"{calibration.p_values[name]:.3g}",
            *(f"{100 * c:.1f}%" for c in cover.values()),
            f"{calibration.worst_ess[name]:.0f}",
        ]
        for name, cover in calibration.coverage.items()
    ]
    verdict = "calibrated" if calibration.passed() else "NOT calibrated (false-alarm rate 0.001)"
    title = f"model {calibration.model}: {verdict}, {calibration.divergences} divergences; coverage of the intervals"
    return "\n".join([title, align(header, rows)])
