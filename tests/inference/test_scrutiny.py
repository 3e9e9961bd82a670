"""What a fit says of data that are not what they claim to be; spectra from independent simulators."""

import json

import numpy as np
import pytest

from coulombgas import InputError, read_spectra
from coulombgas.cli import main
from coulombgas.inference import fit_temperature
from coulombgas.inference._scrutiny import _far_away
from coulombgas.models import GaussianRBM, TeacherStudent
from coulombgas.spectra import make_spectra
from coulombgas.training import Optimizer, train
from tests.independent.rbm import train_rbm
from tests.independent.teacher_student import train_teacher_student
from tests.inference.synthetic import SHORT, student_spectra

KAPPA, COLD = (3.0, 4.0, 4.0), {"learning_rate": 0.1, "batch_size": 400}


@pytest.fixture(scope="module")
def machine(reduced):
    """Levels of a cold CD-1 machine after eight relaxation times, 300 replicas; reduced, 200."""
    num = 200 if reduced else 300
    result = train_rbm(kappa=KAPPA, mu2=9.0, k=1, chains="data", steps=120, replicas=num, seed=5, **COLD)
    return result["eigenvalue"].reshape(num, -1)


def spectra(levels, **model):
    config = GaussianRBM(**{"target": KAPPA, "gibbs_steps": 1, "chains": "data"} | model).config()
    return make_spectra(
        np.asarray(levels)[None, :, None, :], learning_rate=[0.1], batch_size=[400], model=config,
    )  # fmt: skip


def at_records(levels, model, *, rate, batch, step, optimizer=None):
    """Levels (setting, replica, step, mode) as those of a training of this optimiser that ends with the last record."""
    training = {"optimizer": (optimizer or Optimizer()).config(), "steps": step[-1]}
    return make_spectra(
        levels, learning_rate=rate, batch_size=[batch] * len(rate), model=model.config(), step=step, training=training
    )


def test_the_file_that_names_its_chains_holds_the_temperature(machine, tmp_path, capsys):
    path = tmp_path / "mine.npz"
    np.savez(path, eigenvalue=machine, model="rbm", target=KAPPA, mu2=9.0, gibbs_steps=1, chains="data", **COLD)
    assert main(["fit", str(path), "--json"]) == 0
    only = json.loads(capsys.readouterr().out)["settings"][0]
    assert only["temperature"]["lower"] < only["temperature"]["true"] < only["temperature"]["upper"]
    assert set(only["assumed"]) >= {"optimizer", "sigma_h2"}
    # control: the same levels read as those of persistent chains
    np.savez(path, eigenvalue=machine, model="rbm", target=KAPPA, mu2=9.0, gibbs_steps=1, **COLD)
    wrong = fit_temperature(read_spectra(path), **SHORT)
    assert not wrong.settings[0].holds
    assert "assumed" in wrong.table()


def test_a_wrong_mass_is_named_by_the_mean_levels(machine):
    right = fit_temperature(spectra(machine), **SHORT).settings[0]
    assert not any("stray" in warning for warning in right.warnings)
    wrong = fit_temperature(spectra(machine, mu2=8.8), **SHORT).settings[0]
    assert any("stray" in warning and "`mu2`" in warning for warning in wrong.warnings)


def test_copies_are_refused(machine):
    with pytest.raises(InputError, match="copies"):
        fit_temperature(spectra(np.tile(machine, (4, 1))))


@pytest.mark.parametrize(
    ("change", "words"),
    [(np.sqrt, "square"), (lambda x: 9.0 - x, "precision"), (lambda x: x / 3, "multipl|scale|divide")],
    ids=["singular values", "precision", "over N"],
)
def test_levels_in_another_space_are_refused_with_the_remedy(machine, change, words):
    levels = np.sort(change(machine), axis=1)
    with pytest.raises(InputError, match=words):
        fit_temperature(spectra(levels))


def test_snapshots_of_one_run_count_for_less():
    result = train_teacher_student(
        teacher=(2.0, 2.0), noise=0.1, learning_rate=0.05, batch_size=16, replicas=1, steps=range(200, 1200, 5), seed=1
    )
    levels = result["eigenvalue"].reshape(-1, 2)
    model = TeacherStudent(teacher=(2.0, 2.0), inputs="fresh").config()
    one_run = make_spectra(levels[None, :, None, :], learning_rate=[0.05], batch_size=[16], model=model)
    only = fit_temperature(one_run, **SHORT).settings[0]
    assert any("effective" in warning or "independent" in warning for warning in only.warnings), only.warnings
    mixed = np.random.default_rng(0).permutation(levels)
    shuffled = make_spectra(mixed[None, :, None, :], learning_rate=[0.05], batch_size=[16], model=model)
    blind = fit_temperature(shuffled, **SHORT).settings[0]
    assert only.temperature.sd > 1.3 * blind.temperature.sd


def test_too_few_updates_are_named_with_the_number_needed():
    """Levels of four modes, after fifty updates."""
    model = GaussianRBM(num_visible=4)
    levels = model.fixed_point + 0.01 * np.random.default_rng(0).normal(size=(60, 4))
    run = at_records(levels[None, :, None], model, rate=[0.02], batch=64, step=[50])
    only = fit_temperature(run, method="leading-order", **SHORT).settings[0]
    assert any("updates" in warning and "needed" in warning for warning in only.warnings)


@pytest.mark.slow
def test_a_slowly_falling_learning_rate_counts_at_the_record(reduced):
    """Reduced, levels of the law at the rate of each record."""
    slow = Optimizer(schedule="linear", schedule_end=0.4)
    model = TeacherStudent(teacher=(1.0, 2.0, 2.0), inputs="fresh")
    if reduced:
        own = [student_spectra(((0.2 * factor, 16),), teacher=model.teacher, replicas=150) for factor in (0.7, 0.4)]
        levels = np.concatenate([one.eigenvalue.values for one in own], axis=2)
        run = at_records(levels, model, rate=[0.2], batch=16, step=[1000, 2000], optimizer=slow)
    else:
        run = train(
            model, learning_rate=0.2, batch_size=16, replicas=400, steps=2000, record=2, optimizer=slow,
            init="fixed-point",
        )  # fmt: skip
    for record, factor in ((0, 0.7), (1, 0.4)):
        only = fit_temperature(run, record=record).settings[0]
        assert only.true_temperature == pytest.approx(factor * 0.2 / 16, rel=2e-3)
        assert only.formula == "α(t)/B"
        # 4 posterior standard deviations: false alarm 6e-5
        assert abs(only.temperature.mean - only.true_temperature) < 4 * only.temperature.sd
    fast = Optimizer(schedule="exponential", schedule_end=1e-3)
    levels = run.eigenvalue.values[:, :20, :1]
    sudden = at_records(levels, model, rate=[0.05], batch=16, step=[60], optimizer=fast)
    with pytest.raises(InputError, match="lag behind"):
        fit_temperature(sudden)


@pytest.mark.slow
def test_adam_has_relative_temperatures_only(reduced):
    model = TeacherStudent(teacher=(1.0, 2.0), inputs="fresh")
    rates, adam = (0.002, 0.004), Optimizer("adam")
    if reduced:
        levels = student_spectra([(rate, 16) for rate in rates], teacher=model.teacher, replicas=60).eigenvalue.values
        run = at_records(levels, model, rate=list(rates), batch=16, step=[2000], optimizer=adam)
    else:
        run = train(
            model, learning_rate=rates, batch_size=16, replicas=200, steps=2000, optimizer=adam, init="fixed-point"
        )
    fit = fit_temperature(run)
    assert fit.method == "relative"
    assert all(setting.temperature is None for setting in fit.settings)
    assert any("Adam" in warning for warning in fit.settings[0].warnings)
    with pytest.raises(InputError, match="Adam"):
        fit_temperature(run.isel(setting=[0]))


def test_a_replica_is_far_away_by_its_distance_from_the_others_not_from_zero():
    levels = 1000 + 0.1 * np.random.default_rng(0).normal(size=(40, 3))
    levels[7, 1] += 10
    assert _far_away(levels).nonzero()[0].tolist() == [7]
    assert not _far_away(levels[:4]).any()
