"""Charts of levels that move: of one matrix, and of the scaling rule across runs."""

from collections.abc import Sequence

import numpy as np

from coulombgas.inference import ScalingRule
from coulombgas.networks import GroupMotion, LayerMotion
from coulombgas.spectra import printable

from ._style import BAND, DATA, INK, MODEL, SERIES
from ._svg import Chart, short_names

_MOST_LINES = 40
_COLORS = {"leading levels": MODEL, "bulk": SERIES[0]}
_LAGS = 24
_NAMED = 15  # matrices beside "all" whose names fit under an axis


def motion_charts(motion: LayerMotion) -> list[tuple[str, str]]:
    """(chart, caption) of levels in time, noise of each level, law of the moves, isotropy and stationarity.

    Args:
        motion: of one matrix; without a known noise only the levels are drawn.
    """
    if motion.singular.shape[1] == 0 or len(motion.steps) < 2:
        return []
    charts = [_levels(motion)]
    if motion.groups:
        charts += [_noise(motion), _law(motion), _isotropy(motion), _stationarity(motion)]
    return [chart for chart in charts if chart is not None]


def rule_charts(rule: ScalingRule) -> list[tuple[str, str]]:
    """(chart, caption) of temperature against α/B across runs, and of the exponents of every matrix.

    Args:
        rule: of recordings at several settings; empty where fewer than two runs can be compared.
    """
    charts = [_collapse(rule), _exponents(rule)]
    return [chart for chart in charts if chart is not None]


def _levels(motion: LayerMotion) -> tuple[str, str]:
    """Chart and caption: singular values in time."""
    low, high = float(motion.singular.min()), float(motion.singular.max())
    room = 0.06 * (high - low or 1.0)
    chart = Chart(
        (float(motion.steps[0]), float(motion.steps[-1])), (max(low - room, 0.0), high + room), x_label="step",
        y_label="singular value",
    )  # fmt: skip
    size = motion.singular.shape[1]
    kinds = {mode: name for name, group in motion.groups for mode in group.modes}
    pick = np.unique(np.linspace(0, size - 1, min(_MOST_LINES, size)).round().astype(int))
    for mode in pick:
        color = _COLORS.get(kinds.get(int(mode), ""), DATA)
        chart.line(motion.steps, motion.singular[:, mode], color, thickness=0.9)
    shown = "" if len(pick) == size else f", {len(pick)} of {size}"
    return chart.svg("levels in time"), f"Levels in time{shown}: leading ones red, bulk blue, without noise grey."


def _noise(motion: LayerMotion) -> tuple[str, str]:
    """Chart and caption: noise of each level, with the mean of its group."""
    values = motion.levels.levels
    known = np.flatnonzero(np.isfinite(values) & (values > 0))
    ends = [end for _, group in motion.groups for end in group.noise[1:3]]
    low, high = min(*ends, values[known].min()), max(*ends, values[known].max())
    chart = Chart(
        (-0.5, values.size - 0.5), (low / 1.4, high * 1.4), x_label="level, from the lowest", y_label="noise s²",
        y_log=True,
    )  # fmt: skip
    for name, group in motion.groups:
        span = np.array([group.modes[0] - 0.4, group.modes[-1] + 0.4])
        chart.area(span, np.full(2, group.noise.lower), np.full(2, group.noise.upper), BAND if "lead" in name else DATA)
        chart.line(span, np.full(2, group.noise.mean), _COLORS[name])
    chart.dots(known, values[known], INK, 1.8)
    said = "; ".join(f"{name} {_text(group)}" for name, group in motion.groups)
    return chart.svg("noise of each level"), (
        f"Noise of each level, the variance that one update adds to u_iᵀWv_i; means with 95% interval: {said}."
    )


def _law(motion: LayerMotion) -> tuple[str, str] | None:
    """Differences of successive moves in units of their own width, beside the normal law of diffusion."""
    stride = max(1, round(motion.levels.span / max(float(np.diff(motion.steps).min()), 1.0)))
    modes = [mode for _, group in motion.groups for mode in group.modes]
    changes = np.diff(motion.singular[::stride][:, modes], 2, axis=0)
    width = changes.std(axis=0)
    if len(changes) < 8 or not (width > 0).all():
        return None
    unit = (changes / width).ravel()
    heights, edges = np.histogram(unit, bins=int(np.clip(unit.size // 25, 12, 36)), range=(-4.5, 4.5))
    heights = heights / unit.size / (edges[1] - edges[0])
    x = np.linspace(-4.5, 4.5, 120)
    normal = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    chart = Chart(
        (-4.5, 4.5), (0.0, 1.12 * max(float(heights.max()), float(normal.max()))),
        x_label="change of move, own standard deviations", y_label="density",
    )  # fmt: skip
    chart.histogram(edges, heights)
    chart.line(x, normal)
    tail = float((unit**4).mean() - 3)
    return chart.svg("law of the moves"), (
        f"Changes from one move to the next over {motion.levels.span} updates, with the normal law (red) of diffusing "
        f"levels; excess kurtosis {tail:+.2f}."
    )


def _isotropy(motion: LayerMotion) -> tuple[str, str] | None:
    """Chart and caption: noise of classes of levels; None where isotropy was not tested."""
    found = motion.levels.isotropy
    if found is None:
        return None
    means = np.array([each.noise.mean for each in found.classes])
    ends = np.array([each.noise[1:3] for each in found.classes])
    names = [f"{each.modes[0]}-{each.modes[-1]}" for each in found.classes]
    chart = Chart(
        (-0.5, len(names) - 0.5), (float(ends.min()) / 1.3, float(ends.max()) * 1.3), y_log=True, y_label="noise s²",
        x_names=names, x_label="levels, by rank",
    )  # fmt: skip
    chart.line(np.array([-0.5, len(names) - 0.5]), np.full(2, np.exp(np.log(means).mean())), INK, dashed=True)
    for index, (low, high) in enumerate(ends):
        chart.line(np.full(2, float(index)), np.array([low, high]), DATA, thickness=2.2)
    chart.dots(np.arange(len(names)), means, MODEL, 3.0)
    beyond = "" if found.verdict == "anisotropic" else f", beyond a factor {found.below:.2g} excluded"
    said = {"isotropic": "the same noise for all", "anisotropic": "not isotropic", "unknown": "cannot be told"}
    return chart.svg("isotropy"), (
        f"Isotropy: noise of classes of levels with 95% interval, their mean dashed: {said[found.verdict]}, "
        f"factor {found.ratio:.3g}, p = {found.p_value:.2g}{beyond}."
    )


def _stationarity(motion: LayerMotion) -> tuple[str, str]:
    """Chart and caption: mean square displacement over that of free diffusion, by lag."""
    lags = np.unique(np.geomspace(1, max(len(motion.steps) // 2, 2), _LAGS).round().astype(int))
    lags = lags[lags < len(motion.steps)]
    curves = {name: _displacement(motion, group, lags) for name, group in motion.groups}
    apart = np.array([np.mean(motion.steps[lag:] - motion.steps[:-lag]) for lag in lags], dtype=float)
    ends = np.concatenate([np.concatenate(list(curves.values())), [0.5, 2.0]])
    chart = Chart(
        (apart[0] / 1.1, apart[-1] * 1.1), (float(ends[ends > 0].min()) / 1.3, float(ends.max()) * 1.3), x_log=True,
        y_log=True, x_label="updates between two records", y_label="(displacement)² / noise",
    )  # fmt: skip
    chart.line(np.array([apart[0], apart[-1]]), np.ones(2), INK, dashed=True, thickness=1.0)
    for name, values in curves.items():
        chart.line(apart, values, _COLORS[name], thickness=1.4)
        chart.dots(apart, values, _COLORS[name], 1.8)
    said = "; ".join(f"{name} {group.state.statement}" for name, group in motion.groups)
    return chart.svg("stationarity"), (
        f"Mean square displacement over that of free diffusion (dashed): it falls where levels are held, rises where "
        f"they drift. Leading levels red, bulk blue. {said[0].upper()}{said[1:]}."
    )


def _displacement(motion: LayerMotion, group: GroupMotion, lags: np.ndarray) -> np.ndarray:
    path, noise = motion.singular[:, list(group.modes)], group.noise.mean
    found = []
    for lag in lags:
        apart = (motion.steps[lag:] - motion.steps[:-lag])[:, None]
        found.append(float(np.mean((path[lag:] - path[:-lag]) ** 2 / (apart * noise))))
    return np.array(found)


def _collapse(rule: ScalingRule) -> tuple[str, str] | None:
    """s²/2α of every group against α/B, each group in units of its own mean."""
    runs = [run for run in rule.runs if run.dynamics.effective_rate and run.dynamics.batch_size]
    rows: dict[str, list[tuple[float, float]]] = {}
    for run in runs:
        rate, batch = float(run.dynamics.effective_rate or 0), float(run.dynamics.batch_size or 1)
        for layer in run.layers:
            for kind, group in layer.motion.groups:
                rows.setdefault(f"{printable(layer.name)}, {kind}", []).append((rate / batch, group.noise.mean / rate))
    tables = {name: np.array(row).T for name, row in rows.items() if len(row) > 1}
    tables = {name: np.array([x, y / np.exp(np.log(y / x).mean())]) for name, (x, y) in tables.items()}
    if not tables:
        return None
    values = np.concatenate(list(tables.values()), axis=1)
    limits = float(values.min()) / 1.4, float(values.max()) * 1.4
    chart = Chart(limits, limits, height=300, x_log=True, y_log=True, x_label="α/B", y_label="temperature, scaled")
    chart.line(np.array(limits), np.array(limits), INK, dashed=True, thickness=1.2)
    for color, (x, y) in zip(SERIES * (1 + len(tables)), tables.values(), strict=False):
        chart.dots(x, y, color, 2.6)
    return chart.svg("temperature against α/B"), (
        f"Temperature s²/2α of {len(tables)} groups of levels (a colour each) in {len(runs)} runs against α/B, each in "
        "units of its own: on the dashed line T is proportional to α/B."
    )


def _exponents(rule: ScalingRule) -> tuple[str, str] | None:
    """Chart and caption: exponents of the rule, together and by matrix; None where there are none."""
    if rule.scaling is None:
        return None
    fits = {"all": rule.scaling, **{name: rule.by_layer[name] for name in list(rule.by_layer)[:_NAMED]}}
    rows = [
        (index, shift, color, value)
        for index, fit in enumerate(fits.values())
        for shift, color, value in ((-0.12, MODEL, fit.alpha_exponent), (0.12, SERIES[0], fit.batch_exponent))
        if value is not None
    ]
    if not rows:
        return None
    ends = np.array([[value.lower, value.upper] for *_, value in rows])
    low, high = min(float(ends.min()), 0.5), max(float(ends.max()), 1.5)
    chart = Chart(
        (-0.5, len(fits) - 0.5), (low - 0.1, high + 0.1), height=300, y_label="exponent",
        x_names=_labels(list(fits)),
    )  # fmt: skip
    chart.line(np.array([-0.5, len(fits) - 0.5]), np.ones(2), INK, dashed=True, thickness=1.2)
    for index, shift, color, value in rows:
        chart.line(np.full(2, index + shift), np.array([value.lower, value.upper]), color, thickness=1.8)
        chart.dots(np.array([index + shift]), np.array([value.mean]), color, 2.8)
    return chart.svg("exponents"), (
        "Exponents of the learning rate (red) and of 1/batch size (blue) with 95% interval, all matrices together and "
        "each alone; the linear rule is 1 (dashed)."
    )


def _labels(names: Sequence[str]) -> list[str]:
    return [names[0], *short_names([printable(name) for name in names[1:]])]


def _text(group: GroupMotion) -> str:
    return f"{group.noise.mean:.3g} [{group.noise.lower:.3g}, {group.noise.upper:.3g}]"
