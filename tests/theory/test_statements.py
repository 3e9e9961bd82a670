"""What the library computes with is what the derivations prove: a changed statement changes the fit."""

import numpy as np
import pytest

from coulombgas import symbolic
from coulombgas.inference import fit_temperature
from coulombgas.inference._records import collect_records
from coulombgas.inference._settings import prepare_settings
from coulombgas.inference.temperature._groups import setting_energies
from coulombgas.models import GaussianRBM
from coulombgas.spectra import level_groups, make_spectra
from coulombgas.theory import evaluate, find_theory


@pytest.fixture
def cold_machine():
    rng, model = np.random.default_rng(0), GaussianRBM()
    columns = []
    for group in level_groups(model.fixed_point):
        draws = rng.standard_normal((300, group.size, group.size))
        block = np.linalg.eigvalsh((draws + np.swapaxes(draws, 1, 2)) / 2)
        columns.append(group.center + np.sqrt(2 * 1e-6 * group.center) * block)
    return make_spectra(
        np.concatenate(columns, axis=1)[None, :, None, :], learning_rate=[1e-4], batch_size=[100], model=model.config()
    )


NAME = "rbm_finite_rate_width2"


def test_a_factor_two_in_the_statement_is_in_what_a_fit_samples(cold_machine, monkeypatch):
    def width2_per_temperature():
        energies = setting_energies(prepare_settings(collect_records(cold_machine), 1e-3), None)
        return energies.width2_per_temperature[energies.used]

    before, own = width2_per_temperature(), getattr(symbolic, NAME)
    monkeypatch.setattr(symbolic, NAME, lambda *values, **options: 2 * own(*values, **options))
    np.testing.assert_allclose(width2_per_temperature(), 2 * before, rtol=1e-9)


WATCHED = "test_a_factor_two_in_the_statement_is_in_what_a_fit_samples; test_a_fit_knows_the_response_that_was_measured"


@pytest.mark.full(WATCHED)
@pytest.mark.parametrize("name", [NAME])
def test_a_factor_two_in_the_statement_halves_the_temperature(cold_machine, monkeypatch, name):
    short = {"num_chains": 2, "num_warmup": 100, "num_draws": 100}
    before = fit_temperature(cold_machine, method="leading-order", **short).settings[0].temperature.mean
    own = getattr(symbolic, name)
    monkeypatch.setattr(symbolic, name, lambda *values, **options: 2 * own(*values, **options))
    after = fit_temperature(cold_machine, method="leading-order", **short).settings[0].temperature.mean
    assert after == pytest.approx(before / 2, rel=1e-3)  # the chains take other roundings


@pytest.mark.parametrize(
    ("name", "model", "setting"),
    [
        ("teacher_student_width2", "TeacherStudent", (0.1, 16)),
        ("two_layer_variance", "TwoLayerLinear", (0.05, 8)),
        ("matrix_ou_variance", "MatrixDyson", (0.1, 16)),
        ("rbm_finite_rate_width2", "GaussianRBM", (0.02, 16)),
    ],
)
def test_every_built_in_width_is_its_statement(monkeypatch, name, model, setting):
    import coulombgas.models as models

    own = getattr(models, model)()
    rate, batch = setting
    before = find_theory(own, learning_rate=rate, batch_size=batch).width2
    statement = getattr(symbolic, name)
    monkeypatch.setattr(symbolic, name, lambda *values, **options: 3 * statement(*values, **options))
    after = find_theory(own, learning_rate=rate, batch_size=batch).width2
    np.testing.assert_allclose(after / before, 3.0, rtol=1e-9)


def test_statements_take_arrays_and_keyword_numbers():
    x = np.array([1.0, 2.0])
    found = evaluate(symbolic.rbm_width2, x, 0.1, numbers={"sigma_h2": 2.0})
    np.testing.assert_allclose(found, 2 * 2.0 * 0.1 * x, rtol=1e-12)
