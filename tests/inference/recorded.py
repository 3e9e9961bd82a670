"""Trainings of plain NumPy as recordings."""

import numpy as np

from coulombgas.spectra import LayerSpectrum, NetworkSpectra, RecordedTraining


def as_recording(run, *, rate, batch, optimizer="sgd", momentum=None, noise=False, path="memory"):
    """A training as :func:`coulombgas.read_recording` returns it."""
    layers = []
    for index, step in enumerate(run.steps):
        for k, (matrix, levels) in enumerate(zip(run.weights, run.levels, strict=True)):
            layers.append(LayerSpectrum(f"layer{k}", matrix.shape, levels[index], int(step), 0.0))
    count = len(run.steps)
    training = RecordedTraining(
        step=run.steps, learning_rate=np.full(count, rate), batch_size=np.full(count, float(batch)),
        optimizer=optimizer, momentum=momentum, source="tests",
        noise_trace=run.trace if noise else None, gradient_norm2=run.norm2 if noise else None,
    )  # fmt: skip
    return NetworkSpectra(tuple(layers), (path,), training=training)
