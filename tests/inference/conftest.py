"""Synthetic spectra with a known temperature, straight from the matrix laws."""

import numpy as np
import pytest
import xarray as xr

from coulombgas.models import GaussianRBM
from coulombgas.spectra import level_groups, make_spectra
from tests.inference.synthetic import goe, student_spectra


@pytest.fixture
def few_matrices(monkeypatch, reduced):
    """Reduced, responses come from a tenth of the matrices: s² of a pair to 1.6%, which is in the errors of a fit."""
    if reduced:
        monkeypatch.setattr("coulombgas.theory._ensembles._SAMPLED", 4000)


@pytest.fixture
def teacher_student():
    """A function: stationary spectra of a teacher-student model, optionally at another temperature than α/B."""
    return student_spectra


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
