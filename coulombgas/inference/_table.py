"""A fit as aligned text and as a table in xarray."""

from collections.abc import Sequence

from coulombgas._interval import ratio_text

from ._parts import ScalingFit, SettingFit
from ._text import align, in_brackets, short_path

HEADER = ("source", "α", "B", "replicas", "T", "T inferred", "95% interval", "T̂/T", "r_hat", "ess", "div")
RELATIVE_HEADER = ("source", "α", "B", "replicas", "T/T₁ = ratio of α/B", "inferred", "95% interval")


def temperature_rows(settings: Sequence[SettingFit]) -> list[list[str]]:
    """Cells of the table, one row for each setting, under :data:`HEADER`."""
    return [
        [
            short_path(setting.path),
            f"{setting.learning_rate:g}",
            f"{setting.batch_size}",
            f"{setting.num_replicas}",
            "none" if setting.true_temperature is None else f"{setting.true_temperature:.4g}",
            f"{setting.known.mean:.4g}" if setting.consistent else f"inconsistent ({setting.known.mean:.4g})",
            in_brackets(setting.known),
            "" if setting.true_temperature is None else ratio_text(setting.known.mean / setting.true_temperature),
            f"{setting.r_hat:.3f}",
            f"{setting.ess:.0f}",
            f"{setting.divergences}",
        ]
        for setting in settings
    ]


def relative_rows(settings: Sequence[SettingFit]) -> list[list[str]]:
    """Cells of the table without a model, under :data:`RELATIVE_HEADER`."""
    first = settings[0].learning_rate / settings[0].batch_size
    return [
        [
            short_path(setting.path),
            f"{setting.learning_rate:g}",
            f"{setting.batch_size}",
            f"{setting.num_replicas}",
            f"{setting.learning_rate / setting.batch_size / first:.4g}",
            f"{setting.known.mean:.4g}",
            in_brackets(setting.known),
        ]
        for setting in settings
    ]


def temperature_table(settings: Sequence[SettingFit], scaling: ScalingFit | None) -> str:
    """Settings, scaling rule and warnings as text."""
    relative = all(setting.temperature is None for setting in settings)
    if relative:
        lines = [
            "no model: temperatures relative to the first setting",
            align(RELATIVE_HEADER, relative_rows(settings)),
        ]
    else:
        formulas = " and ".join(dict.fromkeys(setting.formula for setting in settings))
        lines = [align(HEADER, temperature_rows(settings)), f"T = {formulas}"]
    lines += assumed_lines(settings)
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


def assumed_lines(settings: Sequence[SettingFit]) -> list[str]:
    """Values that were not given but assumed, one line for each set of assumptions."""
    found: dict[str, list[str]] = {}
    for setting in settings:
        if setting.assumed:
            text = ", ".join(f"{name} = {value}" for name, value in setting.assumed.items())
            found.setdefault(text, []).append(short_path(setting.path))
    return [f"assumed: {text} ({', '.join(dict.fromkeys(paths))})" for text, paths in found.items()]


def warning_lines(settings: Sequence[SettingFit], scaling: ScalingFit | None) -> list[str]:
    """All warnings, one line each."""
    lines = [f"! {short_path(s.path)} {s.label}: {warning}" for s in settings for warning in s.warnings]
    return lines + [f"! scaling rule: {warning}" for warning in (scaling.warnings if scaling else ())]
