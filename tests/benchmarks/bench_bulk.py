"""Do the intervals of a bulk hold the truth for entries as they are: light, heavy, sparse, with signals, correlated?"""

import sys
import time

import numpy as np

from coulombgas.networks import analyse_layer
from coulombgas.spectra import layer_spectrum

SHAPES = ((128, 128), (256, 128), (400, 40), (4000, 20))
LAWS = {
    "Gaussian": lambda rng, shape: rng.normal(size=shape),
    "uniform": lambda rng, shape: rng.uniform(-np.sqrt(3), np.sqrt(3), shape),
    "Laplace": lambda rng, shape: rng.laplace(size=shape) / np.sqrt(2),
    "Student t5": lambda rng, shape: rng.standard_t(5, size=shape) * np.sqrt(3 / 5),
    "10% sparse": lambda rng, shape: rng.normal(size=shape) * (rng.random(shape) < 0.1) / np.sqrt(0.1),
}


def planted(rng, shape, strengths):
    """Orthogonal signals of strength ℓ = θ²/(M v), in units of the threshold √(N/M)."""
    left, right = (np.linalg.qr(rng.normal(size=(side, len(strengths))))[0] for side in shape)
    return (left * np.sqrt(np.array(strengths) * np.sqrt(shape[0] * shape[1]))) @ right.T
