"""A real network in plain NumPy with its truth from per-sample gradients: tanh layers on scikit-learn's digits.

One sample's gradient of a matrix is δ aᵀ, so that u_iᵀ G v_i of one sample is (u_i·δ)(v_i·a), and its variance over the
whole data set is the exact noise of a gradient of one sample drawn with replacement.
"""

import itertools
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Training:
    """What one training leaves.

    Attributes:
        weights: at the end.
        steps: of the records.
        levels: eigenvalues of WᵀW for each matrix, (record, mode), ascending.
        truth: variance that one update adds to u_iᵀ W v_i in the long run, for each matrix, (record, mode).
        trace, norm2: tr Σ of one sample and |G|², (record,).
    """

    weights: list[np.ndarray]
    steps: np.ndarray
    levels: list[np.ndarray] = field(repr=False)
    truth: list[np.ndarray] = field(repr=False)
    trace: np.ndarray = field(repr=False)
    norm2: np.ndarray = field(repr=False)


def digits():
    """Pixels of unit mean square, and labels as unit vectors."""
    from sklearn.datasets import load_digits

    raw, target = (np.asarray(part) for part in load_digits(return_X_y=True))
    pixels = raw - raw.mean(axis=0)
    return pixels / np.sqrt((pixels**2).mean()), np.eye(10)[target]


def start(seed, sizes=(64, 64, 64, 10)):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((rows, columns)) / np.sqrt(columns) for columns, rows in itertools.pairwise(sizes)]


def backward(weights, pixels, labels):
    """Inputs a of every matrix and errors δ behind it, of every sample, for the cross entropy."""
    inputs = [pixels]
    for matrix in weights[:-1]:
        inputs.append(np.tanh(inputs[-1] @ matrix.T))
    scores = inputs[-1] @ weights[-1].T
    share = np.exp(scores - scores.max(axis=1, keepdims=True))
    errors = [share / share.sum(axis=1, keepdims=True) - labels]
    for matrix, own in zip(weights[:0:-1], inputs[:0:-1], strict=True):
        errors.append((errors[-1] @ matrix) * (1 - own**2))
    return inputs, errors[::-1]


def measure(weights, pixels, labels, decay):
    """Levels and noise of one sample's gradient for each matrix, and the traces."""
    levels, noise, trace, norm2 = [], [], 0.0, 0.0
    for matrix, inputs, errors in zip(weights, *backward(weights, pixels, labels), strict=True):
        u, singular, vt = np.linalg.svd(matrix, full_matrices=False)
        levels.append(singular[::-1] ** 2)
        noise.append(((errors @ u[:, ::-1]) * (inputs @ vt[::-1].T)).var(axis=0))
        mean = errors.T @ inputs / len(pixels)
        trace += float(((errors**2).sum(axis=1) * (inputs**2).sum(axis=1)).mean() - (mean**2).sum())
        norm2 += float(((mean + decay * matrix) ** 2).sum())
    return levels, noise, trace, norm2


def train(weights, data, *, rate, batch, steps, every, seed, decay=1e-3, momentum=0.0, averages=True, adam=False):
    """SGD, heavy ball or Adam with batches drawn with replacement; ``averages=False``: noise as of a batch of 16."""
    pixels, labels = data
    rng, weights = np.random.default_rng(seed), [matrix.copy() for matrix in weights]
    memory, squares = [0 * matrix for matrix in weights], [0 * matrix for matrix in weights]
    records, real = [], batch if averages else 16
    for step in range(steps + 1):
        if every and step % every == 0:
            records.append((step, *measure(weights, pixels, labels, decay)))
        drawn = rng.integers(len(pixels), size=real)
        inputs, errors = backward(weights, pixels[drawn], labels[drawn])
        for k, matrix in enumerate(weights):
            gradient = errors[k].T @ inputs[k] / real + decay * matrix
            if adam:
                memory[k] = 0.9 * memory[k] + 0.1 * gradient
                squares[k] = 0.99 * squares[k] + 0.01 * gradient**2
                change = memory[k] / (np.sqrt(squares[k]) + 1e-8)
            else:
                memory[k] = momentum * memory[k] + gradient
                change = memory[k]
            matrix -= rate * change
    if not records:
        return Training(
            weights=weights, steps=np.array([]), levels=[], truth=[], trace=np.array([]), norm2=np.array([])
        )
    when, levels, noise, trace, norm2 = zip(*records, strict=True)
    scale = (rate / (1 - momentum)) ** 2 / real
    return Training(
        weights=weights, steps=np.array(when), levels=[np.array(each) for each in zip(*levels, strict=True)],
        truth=[scale * np.array(each) for each in zip(*noise, strict=True)], trace=np.array(trace),
        norm2=np.array(norm2),
    )  # fmt: skip
