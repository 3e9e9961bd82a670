"""Temperatures from synthetic and from released spectra."""

import json

import numpy as np
import pytest

from coulombgas._checks import InputError
from coulombgas.inference import fit_model, fit_temperature, load_fit
from coulombgas.spectra import read_spectra
from tests.inference.synthetic import SHORT

SETTINGS = ((0.1, 16), (0.1, 64), (0.02, 16), (0.02, 64))


@pytest.fixture(scope="module")
def four():
    from coulombgas.spectra import make_spectra

    rng = np.random.default_rng(5)
    blocks = []
    for alpha, batch in SETTINGS:
        width = np.sqrt(alpha / batch * 0.01 * 2 / (2 - alpha * (1 + 3 / batch)))
        draws = rng.standard_normal((800, 2, 2))
        blocks.append(np.linalg.eigvalsh(2 * np.eye(2) + width * (draws + np.swapaxes(draws, 1, 2)) / 2))
    spectra = make_spectra(
        np.stack(blocks)[:, :, None, :],
        learning_rate=[a for a, _ in SETTINGS],
        batch_size=[b for _, b in SETTINGS],
        model={"name": "teacher-student", "teacher": [2.0, 2.0], "noise": 0.1, "inputs": "fresh"},
        target=[2.0, 2.0],
        fixed_point=[2.0, 2.0],
    )
    return fit_temperature(spectra)


def test_every_temperature_is_near_the_truth_with_the_error_of_the_cramer_rao_bound(four):
    """And at the estimate by hand, ΣS²/2 over 2 · replicas and s²/T: five Monte Carlo errors of 4% over √400."""
    for setting in four.settings:
        alpha, batch = setting.learning_rate, setting.batch_size
        width2_per_temperature = 0.01 * 2 / (2 - alpha * (1 + 3 / batch))
        by_hand = (np.diff(setting.levels[0].levels, axis=1) ** 2).mean() / 4 / width2_per_temperature
        assert setting.temperature.mean == pytest.approx(by_hand, rel=0.01)
        sd = setting.temperature.sd / setting.temperature.mean
        assert 0.9 < sd * np.sqrt(800) < 1.3  # sd of log T is 1/sqrt(replicas) for a pair; bound times 1.3
        # four settings, 4.5 sigma: false alarm below 1e-4
        assert abs(setting.temperature.mean / setting.true_temperature - 1) < 4.5 / np.sqrt(800)
        assert setting.r_hat < 1.01
        assert setting.divergences == 0
        assert setting.warnings == ()


def test_json_schema(four):
    document = json.loads(json.dumps(four.as_dict()))
    assert set(document) == {"settings", "scaling", "method"}
    for setting in document["settings"]:
        assert {
            "path", "model", "learning_rate", "batch_size", "temperature", "widths", "num_replicas", "r_hat", "ess",
            "divergences",
        } <= set(setting)  # fmt: skip
        assert set(setting["temperature"]) == {"mean", "lower", "upper", "true"}
        assert {"level", "mean", "lower", "upper"} <= set(setting["widths"][0])
    assert {"alpha_exponent", "batch_exponent", "scatter"} <= set(document["scaling"])


def test_save_and_load(four, tmp_path):
    path = tmp_path / "fit.nc"
    four.save(path)
    back = load_fit(path)
    assert back.as_dict() == four.as_dict()
    assert np.array_equal(back.settings[1].levels[0].spacings, four.settings[1].levels[0].spacings)
    with pytest.raises(InputError, match="exists"):
        four.save(path)
    (tmp_path / "no.nc").write_text("nothing")
    with pytest.raises(InputError, match="another kind"):
        load_fit(tmp_path / "no.nc")
    with pytest.raises(InputError, match="no such file"):
        load_fit(tmp_path / "missing.nc")


def test_table_dataset_and_posterior(four):
    text = four.table()
    assert "T inferred" in text
    assert "scaling rule" in text
    assert four.dataset().sizes == {"setting": 4}
    assert four.posterior["posterior"]["temperature"].shape == (4, 1000, 4)


def test_one_setting_has_no_scaling_rule(teacher_student):
    assert fit_temperature(teacher_student(), **SHORT).scaling is None


def test_groups_agree_on_the_temperature_of_a_leading_order_rbm(rbm_at_leading_order):
    fit = fit_temperature(rbm_at_leading_order(), method="leading-order")
    only = fit.settings[0]
    assert [level.size for level in only.levels] == [1, 2, 2, 2, 2, 1]
    assert [level.used for level in only.levels] == [False, True, True, True, True, False]
    # 4 pairs of 500 replicas: log T to 1/sqrt(2000) = 2.2%; 4.5 sigma
    assert abs(only.temperature.mean / only.true_temperature - 1) < 0.1
    assert only.warnings == ()


@pytest.mark.full(
    "test_every_temperature_is_near_the_truth_with_the_error_of_the_cramer_rao_bound, "
    "test_quenched_inputs_widen_the_temperature_and_not_the_width; "
    "test_the_width_of_pairs_is_an_inverse_chi in test_exact_posteriors.py"
)
def test_released_data(released_data):
    expected = {4: 0.018135, 8: 0.011064, 16: 0.008165, 32: 0.005851, 64: 0.004095}
    spectra = [read_spectra(path) for path in sorted((released_data / "teacher_student").glob("*.npz"))]
    fit = fit_temperature(spectra)
    assert len(fit.settings) == 5
    for setting in fit.settings:
        assert setting.levels[0].width.mean == pytest.approx(expected[setting.batch_size], rel=0.01)
    assert fit.scaling.alpha_exponent is None
    assert fit.scaling.batch_exponent.contains(1.0)
    # the quenched inputs scatter T by up to 30%, an interval of the batch exponent without scatter would be ±0.03
    assert fit.scaling.scatter.mean > 0.05
    assert fit.scaling.batch_exponent.sd > 0.05
    # the scatter of quenched inputs is in the intervals of T; control: the replicas alone would miss most temperatures
    assert sum(s.temperature.contains(s.true_temperature) for s in fit.settings) >= 4
    replicas_alone = [
        abs(np.log(s.temperature.mean / s.true_temperature)) < 1.96 / np.sqrt(s.num_replicas) for s in fit.settings
    ]
    assert sum(replicas_alone) < 4


def test_quenched_inputs_widen_the_temperature_and_not_the_width(teacher_student):
    fresh, quenched = (fit_temperature(teacher_student(inputs=inputs)).settings[0] for inputs in ("fresh", "quenched"))
    assert quenched.levels[0].width == fresh.levels[0].width
    relative = [s.temperature.sd / s.temperature.mean for s in (fresh, quenched)]
    # sqrt(2T/N) at T = 0.1/16, N = 2; 4000 draws know a standard deviation to 1.1%
    assert relative[1] == pytest.approx(np.hypot(relative[0], np.sqrt(0.1 / 16)), rel=0.05)
    assert any("one set of inputs" in warning for warning in quenched.warnings)
    assert fresh.warnings == ()


def changed(spectra, values):
    return spectra.assign(eigenvalue=(spectra.eigenvalue.dims, np.sort(values, axis=-1)))


def test_one_replica_is_refused(teacher_student):
    with pytest.raises(InputError, match="at least 2"):
        fit_temperature(teacher_student(replicas=1))


def test_two_replicas_give_a_wide_interval_and_say_so(teacher_student):
    only = fit_temperature(teacher_student(replicas=2), **SHORT).settings[0]
    assert only.temperature.lower < only.true_temperature < only.temperature.upper
    assert only.temperature.upper / only.temperature.lower > 3
    assert any("only 2 replicas" in warning for warning in only.warnings)


@pytest.mark.parametrize("replicas", [2, 3, 10])
def test_an_outlier_among_few_replicas_is_reported_or_left_out(teacher_student, replicas):
    spectra = teacher_student(replicas=replicas)
    clean = fit_temperature(spectra, **SHORT).settings[0]
    assert not any("far from all others" in warning for warning in clean.warnings)
    values = spectra.eigenvalue.values.copy()
    values[0, 1, 0, 1] += 1000 * 0.008
    only = fit_temperature(changed(spectra, values), **SHORT).settings[0]
    assert any("far from all others" in warning or "left out" in warning for warning in only.warnings)


def test_zero_replicas_are_left_out_when_few_and_refused_when_many(teacher_student):
    spectra = teacher_student()
    values = spectra.eigenvalue.values.copy()
    values[:, :3] = 0.0
    only = fit_temperature(changed(spectra, values), **SHORT).settings[0]
    assert any("3 replicas" in warning and "left out" in warning for warning in only.warnings)
    values[:, :80] = 0.0
    with pytest.raises(InputError, match="cannot have"):
        fit_temperature(changed(spectra, values), **SHORT)


@pytest.mark.parametrize("model", ["pair", "rice", "brody"])
def test_models_of_spacings_bear_bad_data(teacher_student, model):
    options = {"num_chains": 2, "num_warmup": 100, "num_draws": 100}
    spectra = teacher_student(replicas=60)
    values = spectra.eigenvalue.values.copy()
    values[:, :3] = values[:, :3, :, :1]  # both levels equal, in no two replicas the same
    tied = fit_model(changed(spectra, values), model, **options).groups[0]
    assert all(np.isfinite(interval).all() for interval in tied.parameters.values())
    assert any("exactly zero" in warning for warning in tied.warnings)


@pytest.mark.slow
def test_a_million_replicas(teacher_student, reduced):
    """Within five errors of 1/√replicas; reduced, a hundred thousand."""
    num = 100_000 if reduced else 1_000_000
    only = fit_temperature(teacher_student(replicas=num), **SHORT).settings[0]
    assert abs(only.temperature.mean / only.true_temperature - 1) < 5 / np.sqrt(num)
    assert np.isfinite(only.temperature.sd)


def test_ties_are_reported(teacher_student):
    spectra = teacher_student()
    values = spectra.eigenvalue.values.copy()
    values[:, :5] = values[:, :5, :, :1]  # both levels equal, in no two replicas the same
    only = fit_temperature(changed(spectra, values), **SHORT).settings[0]
    assert any("exactly zero" in warning for warning in only.warnings)


def test_levels_that_do_not_fluctuate_are_refused(teacher_student):
    spectra = teacher_student()
    with pytest.raises(InputError, match="no fluctuation"):
        fit_temperature(changed(spectra, np.full_like(spectra.eigenvalue.values, 2.0)))
    with pytest.raises(InputError, match="no fluctuation"):
        fit_temperature(changed(spectra, np.zeros_like(spectra.eigenvalue.values)))


def test_outliers_are_left_out_and_reported(teacher_student):
    spectra = teacher_student()
    clean = fit_temperature(spectra, **SHORT).settings[0]
    values = spectra.eigenvalue.values.copy()
    values[0, 7, 0, 1] += 1000 * clean.levels[0].width.mean
    only = fit_temperature(changed(spectra, values), **SHORT).settings[0]
    assert any("left out" in warning for warning in only.warnings)
    assert only.temperature.mean == pytest.approx(clean.temperature.mean, rel=0.02)


def test_a_level_beyond_mu2_is_left_out_and_reported(rbm_at_leading_order):
    spectra = rbm_at_leading_order()
    values = spectra.eigenvalue.values.copy()
    values[0, 3, 0, -1] = 9.5
    only = fit_temperature(changed(spectra, values), method="leading-order", **SHORT).settings[0]
    assert any("mu2" in warning for warning in only.warnings)
    assert only.num_replicas == 499
    values[0, :300, 0, -1] = 9.5
    with pytest.raises(InputError, match="cannot have"):
        fit_temperature(changed(spectra, values), method="leading-order", **SHORT)


def test_groups_that_contradict_each_other_are_reported(rbm_at_leading_order):
    spectra = rbm_at_leading_order()
    values = spectra.eigenvalue.values.copy()
    pair = values[..., 1:3]
    values[..., 1:3] = pair.mean(axis=-1, keepdims=True) + 2 * (pair - pair.mean(axis=-1, keepdims=True))
    fit = fit_temperature(changed(spectra, values), method="leading-order", **SHORT)
    only = fit.settings[0]
    assert any("inconsistent" in warning for warning in only.warnings)
    assert not only.consistent
    assert "inconsistent" in fit.table().split("\n")[2]
