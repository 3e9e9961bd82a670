"""Charts of the network report: thumbnails, three panels for each matrix, evolution, overview."""

from collections.abc import Sequence

import numpy as np

from coulombgas.networks import NO_TAIL, LayerAnalysis, LayerTrajectory
from coulombgas.spectra import RATIO_MEANS, printable

from ._layer import density_curves, survival_curve, tail_curve, wigner
from ._network import smooth_density
from ._style import BAND, DATA, INK, MODEL, SERIES
from ._svg import Chart, ridge, short_names

_MAX_RIDGES = 22
_NAMED = 16  # number of matrices whose names fit under an axis


def thumbnail(layer: LayerAnalysis) -> str:
    """Density and bulk fit, 96×30 pixels, without axes."""
    curves = density_curves(layer, bins=30)
    chart = Chart((0.0, float(curves.edges[-1])), (0.0, _ceiling(curves.heights, curves.bulk_y)), 96, 30, bare=True)
    chart.histogram(curves.edges, curves.heights)
    if curves.bulk_x.size:
        chart.line(curves.bulk_x, curves.bulk_y, thickness=1.1)
    if curves.spikes.size:
        chart.needles(curves.spikes[:8], length=5)
    return chart.svg()


def layer_charts(layer: LayerAnalysis, trajectory: LayerTrajectory | None = None) -> list[tuple[str, str]]:
    """(chart, caption) of the density, the spacings, the tail and, along a trajectory, the evolution."""
    charts = [_density(layer), _spacing(layer), _tail(layer)]
    if trajectory is not None:
        charts += [_evolution(trajectory), _history(trajectory)]
    return charts


def overview_charts(
    layers: Sequence[LayerAnalysis], trajectories: Sequence[LayerTrajectory] = ()
) -> list[tuple[str, str]]:
    """(chart, caption) for all matrices together; empty for fewer than two."""
    if len(layers) < 2:
        return []
    charts = [_all_spikes(layers), _all_ratios(layers), _all_exponents(layers)]
    if trajectories:
        charts.append(_all_histories(trajectories))
    return [chart for chart in charts if chart is not None]


def _density(layer: LayerAnalysis) -> tuple[str, str]:
    """Chart and caption: histogram of singular values with the fitted bulk."""
    curves = density_curves(layer)
    top = _ceiling(curves.heights, curves.bulk_y)
    chart = Chart((0.0, float(curves.edges[-1])), (0.0, top), x_label="singular value", y_label="density")
    chart.histogram(curves.edges, curves.heights)
    caption = "Density of singular values"
    if curves.bulk_x.size:
        chart.line(curves.bulk_x, curves.bulk_y)
        chart.needles(curves.spikes)
        caption += f" with the Marchenko-Pastur fit; {curves.spikes.size} spikes beyond its edge"
    return chart.svg(caption), caption + "."


def _spacing(layer: LayerAnalysis) -> tuple[str, str]:
    """Chart and caption: histogram of unfolded spacings."""
    s = np.linspace(0, 3.5, 120)
    chart = Chart((0.0, 3.5), (0.0, 1.15), x_label="unfolded spacing", y_label="density")
    caption = "Spacings not available: too few bulk levels"
    if layer.unfolding is not None and layer.repulsion is not None:
        spacings = layer.unfolding.spacings
        bins = int(np.clip(spacings.size // 12, 8, 28))
        heights, edges = np.histogram(spacings, bins=bins, range=(0, 3.5))
        heights = heights / spacings.size / (edges[1] - edges[0])
        chart.y_range = (0.0, max(1.15, 1.05 * float(heights.max())))
        chart.histogram(edges, heights)
        brody = layer.repulsion.brody
        chart.note(f"q = {brody.mean:.2f} [{brody.lower:.2f}, {brody.upper:.2f}]")
        caption = "Spacings of the bulk: Wigner surmise (line), independent levels (dashed)"
    chart.line(s, wigner(s))
    chart.line(s, np.exp(-s), INK, dashed=True, thickness=1.0)
    return chart.svg(caption), caption + "."


def _tail(layer: LayerAnalysis) -> tuple[str, str]:
    """Chart and caption: fraction of levels above each, with the band of the fitted tail."""
    x, y = survival_curve(layer)
    if x.size < 2:
        return Chart((0.0, 1.0), (0.0, 1.0), x_label="eigenvalue").svg(), "Tail: fewer than two levels."
    keep = y > 0.5 / layer.spectrum.columns
    low = float(np.quantile(x, 0.1))
    limits = (low, float(x[-1]) * 1.15) if x[-1] > low else (low / 2, low * 2)
    fractions = (0.6 / layer.spectrum.columns, 1.3)
    chart = Chart(limits, fractions, x_label="eigenvalue", y_label="fraction above", x_log=True, y_log=True)
    caption = "Tail: too few levels to fit"
    fitted = layer.tail is not None and layer.tail.preferred != NO_TAIL
    if layer.tail is not None:
        caption = f"Tail: {layer.tail.preferred}" if fitted else "Edge of the bulk: no tail beyond noise"
    if fitted:
        grid, _, low_band, high_band = tail_curve(layer)
        chart.area(grid, low_band, high_band)
    thin = np.unique(
        np.concatenate([np.arange(0, x.size, max(x.size // 120, 1)), np.arange(max(x.size - 40, 0), x.size)])
    )
    chosen = thin[keep[thin] & (x[thin] >= low)]
    chart.dots(x[chosen], y[chosen], SERIES[0], 1.7)
    if layer.tail is not None and fitted:
        chart.line(*tail_curve(layer)[:2])
        if (exponent := layer.tail_exponent) is not None:
            chart.note(f"exponent of the signals {exponent.mean:.2f} [{exponent.lower:.2f}, {exponent.upper:.2f}]")
    return chart.svg(caption), caption + "."


def _evolution(trajectory: LayerTrajectory) -> tuple[str, str]:
    picks = np.unique(np.linspace(0, trajectory.steps.size - 1, _MAX_RIDGES).round().astype(int))
    curves = [smooth_density(trajectory.layers[index], 110) for index in picks]
    labels = [str(trajectory.steps[index]) for index in picks]
    return ridge(curves, labels, x_label="singular value"), "Density through training, steps from top to bottom."


def _history(trajectory: LayerTrajectory) -> tuple[str, str]:
    """Chart and caption: variance of the bulk and number of spikes through training."""
    steps = trajectory.steps.astype(float)
    mean, low, high = trajectory.variance.T
    top = float(np.nanmax(high)) if np.isfinite(high).any() else 1.0
    chart = Chart((steps[0], steps[-1]), (0.0, 1.15 * top), x_label="step", y_label="bulk variance")
    chart.area(steps, low, high)
    chart.line(steps, mean)
    most = max(int(trajectory.num_spikes.max()), 1)
    chart.line(steps, trajectory.num_spikes / most * top, SERIES[0], thickness=1.3)
    chart.note(f"spikes (blue), up to {trajectory.num_spikes.max()}", color=SERIES[0])
    return chart.svg("history"), "Bulk variance with its 95% interval (red) and number of spikes (blue)."


def _by_matrix(layers: Sequence[LayerAnalysis], limits: tuple[float, float], y_label: str) -> Chart:
    """Axes with a place for each matrix: by name if the names fit, by number otherwise."""
    x_range = (-0.5, len(layers) - 0.5)
    if len(layers) > _NAMED:
        return Chart(x_range, limits, x_label="matrix, from 0 in the order of the file", y_label=y_label)
    names = short_names([printable(layer.name) for layer in layers])
    return Chart(x_range, limits, height=272, x_names=names, y_label=y_label)


def _all_spikes(layers: Sequence[LayerAnalysis]) -> tuple[str, str]:
    counts = np.array([layer.spikes.num_spikes if layer.spikes else 0 for layer in layers], dtype=float)
    chart = _by_matrix(layers, (0.0, max(1.1 * float(counts.max()), 1.0)), "spikes")
    chart.histogram(np.arange(len(layers) + 1) - 0.5, counts, SERIES[0], 0.85)
    most = int(counts.argmax())
    found = f"; most, {counts[most]:.0f}, in {printable(layers[most].name)}" if counts[most] else ""
    return chart.svg("spikes"), f"Number of spikes of each matrix{found}."


def _all_ratios(layers: Sequence[LayerAnalysis]) -> tuple[str, str] | None:
    """Chart and caption: spacing ratios of all matrices; None where there are none."""
    found = [(index, *layer.ratio[:2]) for index, layer in enumerate(layers) if layer.ratio is not None]
    if not found:
        return None
    index, mean, error = np.array(found).T
    low, high = min(0.36, float((mean - 2 * error).min())), max(0.6, float((mean + 2 * error).max()))
    chart = _by_matrix(layers, (low, high), "⟨r⟩")
    ends = np.array([-0.5, len(layers) - 0.5])
    chart.line(ends, np.full(2, RATIO_MEANS[1]))
    chart.line(ends, np.full(2, RATIO_MEANS[0]), INK, dashed=True, thickness=1.0)
    for x, m, e in zip(index, mean, error, strict=True):
        chart.line(np.full(2, x), np.array([m - e, m + e]), DATA, thickness=1.2)
    chart.dots(index, mean, SERIES[0], 2.0)
    return chart.svg(
        "spacing ratios"
    ), "Spacing ratio ± standard error; random matrices (line), independent levels (dashed)."


def _all_exponents(layers: Sequence[LayerAnalysis]) -> tuple[str, str] | None:
    """Chart and caption: tail exponents of all matrices; None where there are none."""
    found = [
        (index, layer.tail is not None and layer.tail.preferred == "power law", *layer.tail_exponent[:3])
        for index, layer in enumerate(layers)
        if layer.tail_exponent is not None
    ]
    if not found:
        return None
    index, power, mean, low, high = np.array(found).T
    top = float(min(np.quantile(high, 0.9) * 1.2, 12.0))
    chart = _by_matrix(layers, (1.0, max(top, 2.0)), "exponent")
    for x, law, a, b in zip(index, power, low, high, strict=True):
        chart.line(np.full(2, x), np.minimum([a, b], top), BAND if law else DATA, thickness=1.6)
    for law, color in ((0.0, DATA), (1.0, MODEL)):
        chart.dots(index[power == law], np.minimum(mean, top)[power == law], color, 2.0)
    return chart.svg("exponents"), (
        "Tail exponent of the signals with its 95% interval, matrices with ten or more signals: red where a power law "
        "describes the tail best, grey where another law does and the exponent is no more than a number."
    )


def _all_histories(trajectories: Sequence[LayerTrajectory]) -> tuple[str, str]:
    steps = np.concatenate([trajectory.steps for trajectory in trajectories]).astype(float)
    top = max(max(int(trajectory.num_spikes.max()) for trajectory in trajectories), 1)
    chart = Chart((steps.min(), steps.max()), (0.0, 1.08 * top), x_label="step", y_label="spikes")
    for number, trajectory in enumerate(trajectories[:60]):
        chart.line(trajectory.steps, trajectory.num_spikes, SERIES[number % len(SERIES)], thickness=1.0)
    return chart.svg("spikes through training"), "Number of spikes through training, one line per matrix."


def _ceiling(heights: np.ndarray, curve: np.ndarray) -> float:
    """An upper limit filled by the bulk, even if a narrow peak at zero exceeds it."""
    bars = float(np.sort(heights)[-2] if heights.size > 2 else heights.max())
    return 1.12 * max(bars, float(curve.max()) if curve.size else 0.0) or 1.0
