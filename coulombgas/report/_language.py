"""The report of a trained transformer: losses, how its spectra left Marchenko-Pastur, a sample of its text."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from coulombgas import plot
from coulombgas._files import atomic_file
from coulombgas._types import PathType

from ._html import Card, Section, Table, render_page

if TYPE_CHECKING:
    from coulombgas.training import LanguageRun

_FIGURES = 12


def language_report(run: "LanguageRun", sample: str, path: PathType, *, overwrite: bool = False) -> None:
    """Write one self-contained HTML page about a trained transformer.

    Args:
        run: what ``train_language_model`` returned.
        sample: text it generated.
        path: file to write.
        overwrite: replace an existing file.
    """
    from coulombgas.training import read_recording

    recording = read_recording(run.path / "spectra.zarr")
    final = float(run.losses.validation_loss.isel(step=-1).mean())
    entropy = run.corpus.unigram_entropy
    page = render_page(
        title="A transformer and its spectra",
        lead=f"After {run.config.steps} updates the validation loss is {final:.3f} nats a character; single characters "
        f"alone would cost {entropy:.3f}.",
        cards=[
            Card(label="Validation loss", value=f"{final:.3f}", note="nats a character"),
            Card(label="Entropy of single characters", value=f"{entropy:.3f}", note=run.corpus.source),
            Card(label="Matrices recorded", value=f"{len(recording.names)}", note=f"at {len(recording.steps)} steps"),
            Card(label="Seeds", value=f"{run.config.replicas}", note=run.config.optimizer),
        ],
        sections=[
            Section(heading="Losses", figures=[(plot.losses(run), "Training and validation loss.")]),
            _spectra_section(recording),
            Section(heading="A sample of its text", text=[line for line in sample.splitlines() if line.strip()]),
        ],
        provenance={key: str(value) for key, value in run.config.as_dict().items()},
    )
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _spectra_section(recording) -> Section:
    """A table of all recorded matrices, first and last record, with pictures of some."""
    figures: list[tuple[Figure, str]] = []
    rows = []
    for name in recording.names:
        layers = [layer for layer in recording if layer.name == name]
        first, last = layers[0], layers[-1]
        rows.append([
            name, f"{last.shape[0]} × {last.shape[1]}", f"{_entry_std(first):.4f}", f"{_entry_std(last):.4f}",
            f"{first.eigenvalues[-1]:.4g}", f"{last.eigenvalues[-1]:.4g}", f"{first.stable_rank:.1f}",
            f"{last.stable_rank:.1f}",
        ])  # fmt: skip
        if len(figures) < _FIGURES:
            figures.append((plot.spectra(layers), f"{name}: the spectrum of WᵀW through training."))
    header = ("matrix", "shape", "entry std, first", "last", "largest eigenvalue, first", "last", "stable rank, first",
              "last")  # fmt: skip
    text = (
        "At initialisation every spectrum is Marchenko-Pastur (dashed); training moves single levels out of the bulk."
    )
    return Section(heading="Spectra", text=(text,), tables=[Table(header=header, rows=rows)], figures=figures)


def _entry_std(layer) -> float:
    return float(np.sqrt(layer.eigenvalues.sum() / np.prod(layer.shape)))
