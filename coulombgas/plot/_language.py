"""Losses of a transformer, and a spectrum during training."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from coulombgas.laws import mp_density
from coulombgas.spectra import LayerSpectrum
from coulombgas.training import LanguageRun

from ._style import SERIES, TRUTH, new_figure, styled

_RIDGES = 7
_BINS = 60


@styled
def losses(run: LanguageRun) -> Figure:
    """Training and validation loss of every seed against the step, and the loss of a model without context as a line.

    Args:
        run: a result of :func:`coulombgas.train_language_model`.
    """
    data = run.losses
    figure, axes = new_figure(1, width=7.0)
    ax = axes[0, 0]
    for color, name, label in ((SERIES[0], "train_loss", "training"), (SERIES[1], "validation_loss", "validation")):
        for replica in range(data.sizes["replica"]):
            ax.plot(data.step, data[name][replica], color=color, alpha=0.8, label=None if replica else label)
    ax.axhline(run.corpus.unigram_entropy, color=TRUTH, ls="--", lw=1, label="entropy of single characters")
    ax.set(title="Loss", xlabel="step", ylabel="nats per character")
    ax.legend()
    return figure


@styled
def spectra(layers: Sequence[LayerSpectrum]) -> Figure:
    """Spectra of one matrix at several steps, one above the other, with the Marchenko-Pastur law of equal variance.

    Args:
        layers: spectra of one matrix, in the order of steps.
    """
    figure, axes = new_figure(1, width=7.0, height=4.2)
    ax = axes[0, 0]
    chosen = [layers[i] for i in np.unique(np.linspace(0, len(layers) - 1, _RIDGES).astype(int))]
    top = max(float(np.sqrt(layer.eigenvalues[-1])) for layer in chosen)
    grid = np.linspace(1e-3 * top, 1.02 * top, 400)
    for height, layer in enumerate(chosen):
        singular = np.sqrt(layer.eigenvalues)
        density, edges = np.histogram(singular, bins=_BINS, range=(0, 1.02 * top), density=True)
        scale = 0.9 / max(float(density.max()), 1e-12)
        color = SERIES[height % len(SERIES)]
        ax.stairs(height + scale * density, edges, baseline=height, fill=True, alpha=0.65, color=color, zorder=-height)
        variance = layer.eigenvalues.sum() / (layer.rows * layer.columns)
        # density of the singular value ξ = √x: 2ξ ρ(ξ²)
        law = 2 * grid * mp_density(grid**2, variance=variance, rows=layer.rows, columns=layer.columns)
        ax.plot(grid, height + np.minimum(scale * law, 1.2), color=TRUTH, lw=0.9, ls="--", zorder=-height)
    ax.set_yticks(range(len(chosen)), labels=[f"step {layer.step}" for layer in chosen])
    ax.set(title=chosen[0].name, xlabel=r"singular value $\xi = \sqrt{x}$")
    return figure
