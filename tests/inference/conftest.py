"""Synthetic spectra with a known temperature, straight from the matrix laws."""

import numpy as np
import pytest
import xarray as xr

from coulombgas.models import GaussianRBM
from coulombgas.spectra import level_groups, make_spectra

NOISE = 0.1


def goe(rng, num: int, size: int) -> np.ndarray:
    """GOE with variance 1 on the diagonal and 1/2 off it, so that a degenerate group has width 1."""
    draws = rng.standard_normal((num, size, size))
    return (draws + np.swapaxes(draws, 1, 2)) / 2


def teacher_student_width(learning_rate: float, batch_size: int, size: int = 2) -> float:
    """s of the teacher-student model, physics of arXiv:2407.16427 with the finite learning-rate factor."""
    rest = 2 - learning_rate * (1 + (size + 1) / batch_size)
    return float(np.sqrt(learning_rate / batch_size * NOISE**2 * 2 / rest))


@pytest.fixture
def few_matrices(monkeypatch, reduced):
    """Reduced, responses come from a tenth of the matrices: s² of a pair to 1.6%, which is in the errors of a fit."""
    if reduced:
        monkeypatch.setattr("coulombgas.theory._ensembles._SAMPLED", 4000)


@pytest.fixture
def teacher_student():
    """A function: stationary spectra of a teacher-student model, optionally at another temperature than α/B."""

    def make(
        settings=((0.1, 16),), *, teacher=(2.0, 2.0), replicas=400, seed=0, factor=1.0, inputs="fresh"
    ) -> xr.Dataset:
        rng = np.random.default_rng(seed)
        blocks = []
        for learning_rate, batch_size in settings:
            width = teacher_student_width(learning_rate, batch_size, len(teacher)) * np.sqrt(factor)
            blocks.append(np.linalg.eigvalsh(np.diag(teacher) + width * goe(rng, replicas, len(teacher))))
        return make_spectra(
            np.stack(blocks)[:, :, None, :],
            learning_rate=[a for a, _ in settings],
            batch_size=[b for _, b in settings],
            model={"name": "teacher-student", "teacher": list(teacher), "noise": NOISE, "inputs": inputs},
            target=list(teacher),
            fixed_point=list(teacher),
        )

    return make


@pytest.fixture
def rbm_at_leading_order():
    """A function: spectra that follow the leading formula s² = 2 σ_h² T x_s exactly, group by group."""

    def make(*, learning_rate=1e-4, batch_size=100, replicas=500, seed=0) -> xr.Dataset:
        rng, model = np.random.default_rng(seed), GaussianRBM()
        columns = []
        for group in level_groups(model.fixed_point):
            width = np.sqrt(2 * learning_rate / batch_size * group.center)
            columns.append(group.center + width * np.linalg.eigvalsh(goe(rng, replicas, group.size)))
        return make_spectra(
            np.concatenate(columns, axis=1)[None, :, None, :],
            learning_rate=[learning_rate],
            batch_size=[batch_size],
            model=model.config(),
            target=model.target_modes,
            fixed_point=model.fixed_point,
        )

    return make
