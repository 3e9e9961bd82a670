"""Temperatures of spectra from independent NumPy simulators, which share no code with the library."""

import pytest

from coulombgas.inference import fit_temperature
from coulombgas.models import GaussianRBM, TeacherStudent, TwoLayerLinear
from coulombgas.spectra import make_spectra
from coulombgas.training import Optimizer
from tests.independent.cases import CASES

BY_NAME = {case.name: case for case in CASES}


def model_of(result: dict):
    """The library's model of what an independent simulator trained."""
    if "kappa" in result:
        return GaussianRBM(
            target=result["kappa"], num_hidden=result["num_hidden"], mu2=result["mu2"], sigma_h2=result["sigma_h2"],
            gibbs_steps=result["k"], chains=result["chains"],
        )  # fmt: skip
    if "label_noise" in result:
        return TwoLayerLinear(teacher=result["teacher"], label_noise=result["label_noise"])
    return TeacherStudent(teacher=result["teacher"], noise=result["noise"], inputs="fresh")


def spectra_of(case, *, replicas: int, seed: int):
    result = case.spectra(replicas=replicas, seed=seed, records=1)
    rule = case.optimizer
    name = "sgd" if rule.momentum == 0 else "nesterov" if rule.nesterov else "momentum"
    optimizer = Optimizer(name, momentum=rule.momentum or 0.9, weight_decay=rule.weight_decay)
    training = {"optimizer": optimizer.config()}
    if result.get("sampling") == "epoch":
        training |= {"sampling": "epoch", "updates_per_epoch": result["samples"] // result["batch_size"]}
    levels = result["eigenvalue"].reshape(replicas, -1)
    return make_spectra(
        levels[None, :, None, :], learning_rate=[result["learning_rate"]], batch_size=[result["batch_size"]],
        model=model_of(result).config(), training=training,
    )  # fmt: skip


LISTED = (
    "CD-1",
    "CD-3",
    "PCD-1",
    "PCD-10",
    "PCD-3, kappa (3, 4, 4, 5, 8, 8.5), N_h = 4",
    "PCD-3, hidden variance 2",
    "two-layer (0.5, 3, 3, 3)",
    "teacher-student, momentum 0.5",
    "teacher-student, momentum 0.9",
    "teacher-student, Nesterov 0.9",
    "teacher-student, weight decay 0.1",
    "teacher-student, epochs of 512, at their end",
)


CHAINS = "test_one_mode_with_the_memory_of_its_chains_is_a_linear_recursion in theory/test_closed_forms.py"
RULES = "test_optimisers_are_those_of_an_exact_recursion in theory/test_linear_noise.py"
EPOCHS = (
    "test_an_epoch_takes_its_fixed_sum_out_of_the_noise in theory/test_linear_noise.py; "
    "test_noise_of_an_epoch_is_that_of_updates_with_a_fixed_sum in theory/test_matrices.py"
)
WATCHED = {
    "CD-1": "test_the_file_that_names_its_chains_holds_the_temperature in test_scrutiny.py",
    "teacher-student, momentum 0.5": RULES,
    "teacher-student, momentum 0.9": RULES,
    "teacher-student, Nesterov 0.9": RULES
    + ", test_a_slowly_falling_learning_rate_counts_at_the_record in test_scrutiny.py",
    "teacher-student, weight decay 0.1": RULES,
    "teacher-student, epochs of 512, at their end": EPOCHS,
} | {name: CHAINS for name in LISTED if name.startswith(("CD-3", "PCD"))}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.full(WATCHED[name])) if name in WATCHED else name for name in LISTED],
)
def test_the_temperature_of_an_independent_simulation(name, reduced, few_matrices):
    """Within 4% and 3 posterior standard deviations: twelve cases, false alarm below 3% were the theory exact."""
    fit = fit_temperature(spectra_of(BY_NAME[name], replicas=400 if reduced else 1500, seed=11))
    only = fit.settings[0]
    assert only.temperature is not None
    assert only.true_temperature is not None
    ratio, sd = only.temperature.mean / only.true_temperature, only.temperature.sd / only.true_temperature
    assert abs(ratio - 1) < 0.04 + 3 * sd, (name, ratio, sd)
    assert only.consistent
