"""Spectra with a known temperature, straight from the matrix laws, and short fits of them."""

import numpy as np
import xarray as xr

from coulombgas.spectra import make_spectra

NOISE = 0.1
SHORT = {"num_chains": 16, "num_warmup": 100, "num_draws": 100}
"""Options of fits that are asked for their warnings, or for 1600 draws of one setting: one program for all of them."""


def goe(rng, num: int, size: int) -> np.ndarray:
    """GOE with variance 1 on the diagonal and 1/2 off it, so that a degenerate group has width 1."""
    draws = rng.standard_normal((num, size, size))
    return (draws + np.swapaxes(draws, 1, 2)) / 2


def teacher_student_width(learning_rate: float, batch_size: int, size: int = 2) -> float:
    """s of the teacher-student model, physics of arXiv:2407.16427 with the finite learning-rate factor."""
    rest = 2 - learning_rate * (1 + (size + 1) / batch_size)
    return float(np.sqrt(learning_rate / batch_size * NOISE**2 * 2 / rest))


def student_spectra(
    settings=((0.1, 16),), *, teacher=(2.0, 2.0), replicas=400, seed=0, factor=1.0, inputs="fresh", averaged=True
) -> xr.Dataset:
    """Stationary spectra of a teacher-student model, optionally at another temperature than α/B.

    Without averaging over the batch it is α, whatever the batch.
    """
    rng = np.random.default_rng(seed)
    blocks = []
    for learning_rate, batch_size in settings:
        heat = factor if averaged else factor * batch_size
        width = teacher_student_width(learning_rate, batch_size, len(teacher)) * np.sqrt(heat)
        blocks.append(np.linalg.eigvalsh(np.diag(teacher) + width * goe(rng, replicas, len(teacher))))
    return make_spectra(
        np.stack(blocks)[:, :, None, :],
        learning_rate=[a for a, _ in settings],
        batch_size=[b for _, b in settings],
        model={"name": "teacher-student", "teacher": list(teacher), "noise": NOISE, "inputs": inputs},
        target=list(teacher),
        fixed_point=list(teacher),
    )
