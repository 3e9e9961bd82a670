"""Figures of weight matrices: one matrix in three panels, and its evolution along a trajectory."""

import numpy as np
from matplotlib.figure import Figure

from coulombgas._checks import InputError
from coulombgas.networks import LayerAnalysis, LayerTrajectory
from coulombgas.spectra import number_variance_curve, rigidity_curve

from ._layer import density_curves, survival_curve, tail_curve, wigner
from ._style import BAND, DATA, INK, MODEL, SERIES, empty_figure, new_figure, styled


@styled
def layer(layer: LayerAnalysis) -> Figure:
    """Density with bulk fit, spacings and tail of one matrix.

    Args:
        layer: one item of a result of :func:`coulombgas.analyse`.
    """
    figure, axes = new_figure(3, height=3.2)
    density, spacing, tail = axes[0]
    _density(density, layer)
    _spacing(spacing, layer)
    _tail(tail, layer)
    figure.suptitle(layer.name, x=0.01, ha="left", fontsize=11, fontweight="bold", parse_math=False)
    return figure


@styled
def long_range(layer: LayerAnalysis) -> Figure:
    """Number variance and rigidity of one matrix, with the random-matrix curves.

    Raises:
        InputError: if the matrix has too few levels for them.
    """
    if layer.number_variance is None or layer.rigidity is None:
        raise InputError(f"`layer` {layer.name!r} has too few levels for long-range statistics.")
    figure, axes = new_figure(2, height=3.2)
    for axis, statistic, curve, label in (
        (axes[0][0], layer.number_variance, number_variance_curve, r"$\Sigma^2(L)$"),
        (axes[0][1], layer.rigidity, rigidity_curve, r"$\Delta_3(L)$"),
    ):
        length = np.linspace(0.0, 1.1 * statistic.length.max(), 200)
        axis.plot(length, curve(length, 1), color=MODEL, label="GOE")
        axis.plot(length, curve(length, 0), color=INK, ls="--", lw=1, label="independent levels")
        axis.errorbar(
            statistic.length, statistic.value, statistic.error, fmt="o", ms=4, color=SERIES[0], label="levels"
        )
        axis.set(xlabel="interval $L$ (mean spacings)", ylabel=label, ylim=(0, 3 * float(curve(length, 1).max())))
        axis.legend()
    return figure


@styled
def evolution(trajectory: LayerTrajectory, *, max_rows: int = 24) -> Figure:
    """Ridge plot of the density of singular values through training, with the number of spikes and the bulk variance.

    Args:
        trajectory: one item of what :func:`coulombgas.networks.follow` returned.
        max_rows: most records to draw; more are thinned evenly.
    """
    figure = empty_figure(9.6, 5.2)
    left, *right = [
        figure.add_subplot(spec) for spec in (figure.add_gridspec(3, 2, width_ratios=(1.5, 1)),) for spec in
        (spec[:, 0], spec[0, 1], spec[1, 1], spec[2, 1])
    ]  # fmt: skip
    picks = np.unique(np.linspace(0, trajectory.steps.size - 1, max_rows).round().astype(int))
    curves = [smooth_density(trajectory.layers[i]) for i in picks]
    peak = max(y.max() for _, y in curves)
    for row, (index, (x, y)) in enumerate(zip(picks, curves, strict=True)):
        height = -row + 3.2 * y / peak
        color = _shade(row / max(picks.size - 1, 1))
        left.fill_between(x, -row, height, color=color, alpha=0.92, lw=0, zorder=row)
        left.plot(x, height, color="white", lw=0.8, zorder=row)
        left.text(
            -0.01, -row, str(trajectory.steps[index]), transform=left.get_yaxis_transform(), ha="right", fontsize=7
        )
    left.set(xlabel="singular value", yticks=[], title=f"{trajectory.name}: density through training")
    left.spines["left"].set_visible(False)
    steps = trajectory.steps
    mean, low, high = trajectory.variance.T
    right[0].fill_between(steps, low, high, color=BAND, lw=0)
    right[0].plot(steps, mean, color=MODEL)
    right[0].set(ylabel="bulk variance")
    right[1].step(steps, trajectory.num_spikes, where="post", color=SERIES[0])
    right[1].set(ylabel="spikes")
    ratio, error = trajectory.ratio.T
    right[2].errorbar(steps, ratio, error, fmt="o", ms=3, color=SERIES[2])
    right[2].axhline(0.5307, color=MODEL, lw=1)
    right[2].axhline(0.3863, color=INK, lw=1, ls="--")
    right[2].set(ylabel="spacing ratio", xlabel="step", ylim=(0.3, 0.65))
    return figure


def smooth_density(layer: LayerAnalysis, points: int = 160) -> tuple[np.ndarray, np.ndarray]:
    """Kernel density of the singular values on a grid, including spikes: x, density."""
    values = np.sqrt(layer.spectrum.eigenvalues)
    top = float(values[-1]) or 1.0
    spread = float(np.subtract(*np.quantile(values, [0.84, 0.16])) / 2) or top / 10
    width = max(0.6 * spread * values.size**-0.2, top / 300)
    x = np.linspace(0.0, 1.08 * top, points)
    return x, np.exp(-(((x[:, None] - values) / width) ** 2) / 2).mean(axis=1) / (np.sqrt(2 * np.pi) * width)


def _density(axis, layer: LayerAnalysis) -> None:
    curves = density_curves(layer)
    axis.stairs(curves.heights, curves.edges, fill=True, color=DATA)
    if curves.bulk_x.size:
        axis.plot(curves.bulk_x, curves.bulk_y, color=MODEL, label="Marchenko-Pastur fit")
        axis.plot(curves.spikes, np.zeros_like(curves.spikes), "|", ms=14, mew=1.5, color=MODEL, clip_on=False,
                  label=f"{curves.spikes.size} spikes")  # fmt: skip
        axis.legend()
    axis.set(xlabel="singular value", ylabel="density", title="Density")


def _spacing(axis, layer: LayerAnalysis) -> None:
    axis.set(xlabel="unfolded spacing $s$", title="Spacings", xlim=(0, 4))
    s = np.linspace(0, 4, 200)
    axis.plot(s, wigner(s), color=MODEL, label="Wigner")
    axis.plot(s, np.exp(-s), color=INK, ls="--", lw=1, label="Poisson")
    if layer.unfolding is not None and layer.ratio is not None:
        axis.hist(layer.unfolding.spacings, bins=np.linspace(0, 4, 25), density=True, color=DATA, zorder=0)
        axis.set_title(f"Spacings: <r> = {layer.ratio.mean:.3f} ± {layer.ratio.error:.3f}")
    axis.legend()


def _tail(axis, layer: LayerAnalysis) -> None:
    """Draw the fraction of levels above each, with the fitted tail."""
    x, y = survival_curve(layer)
    axis.loglog(x, y, ".", ms=4, color=SERIES[0])
    axis.set(xlabel="eigenvalue", ylabel="fraction above", title="Tail")
    if layer.tail is not None:
        grid, mean, low, high = tail_curve(layer)
        axis.fill_between(grid, low, high, color=BAND, alpha=0.5, lw=0)
        axis.plot(grid, mean, color=MODEL)
        exponent = f", exponent of the signals {layer.tail_exponent.mean:.2f}" if layer.tail_exponent else ""
        axis.set_title(f"Tail: {layer.tail.preferred}{exponent}")
        axis.set_ylim(bottom=0.5 / layer.spectrum.columns)


def _shade(share: float) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    start, end = np.array(to_rgb(DATA)), np.array(to_rgb("#1f4e79"))
    red, green, blue = start + share * (end - start)
    return float(red), float(green), float(blue)
