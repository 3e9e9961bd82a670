"""The simulators against the checked numbers of the physics notes and against exact results.

"Within 4 combined standard errors" has a false-alarm rate of 6e-5 for each comparison; seeds are fixed. Every number
stands beside a control, a value once believed or a neighbouring formula, that the same data must reject. Fewer replicas
in the reduced form widen the standard errors and leave that rate as it is.
"""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from . import (
    Optimizer,
    degenerate_width2,
    epoch_batches,
    epoch_variance,
    group_width2,
    rbm_fixed_point,
    single_width2,
    teacher_student_ratio,
    train_rbm,
    train_ridge,
    train_teacher_student,
    train_two_layer,
    whitened,
)
from .cases import CASES
from .optimizers import generator
from .rbm import exact_draw, gibbs_draw

HERE = Path(__file__).parent
LIMIT = 4.0


def distance(measured: tuple[float, float], value: float, error: float = 0.0) -> float:
    """Distance of a measured (value, standard error) from a number with its own, in combined standard errors."""
    return abs(measured[0] - value) / np.hypot(measured[1], error)


def scaled(measured: tuple[float, float], unit: float) -> tuple[float, float]:
    return measured[0] / unit, measured[1] / unit


# ---- nothing of the library -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(HERE.glob("*.py")), ids=lambda path: path.name)
def test_sources_never_name_the_library_in_an_import(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not any(name.split(".")[0] in ("coulombgas", "jax", "importlib") for name in names)


def test_importing_the_simulators_loads_neither_library_nor_jax():
    code = "import sys, tests.independent.cases; sys.exit('coulombgas' in sys.modules or 'jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=HERE.parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---- RBM ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3])
def test_one_gaussian_draw_has_the_moments_of_k_gibbs_steps(k):
    rng, batch = generator(11), 200_000
    weight = rng.standard_normal((1, 3, 2))
    start = np.broadcast_to(np.array([1.0, -0.5, 2.0])[:, None], (1, 3, batch))
    sizes = {"mu2": 9.0, "sigma_h2": 1.7, "k": k, "rng": rng}
    naive, exact = gibbs_draw(weight, start, **sizes)[0], exact_draw(weight, start, **sizes)[0]
    spread = np.sqrt((np.var(naive, axis=1) + np.var(exact, axis=1)) / batch)
    assert (np.abs(naive.mean(axis=1) - exact.mean(axis=1)) < LIMIT * spread).all()
    a, b = np.cov(naive), np.cov(exact)
    error = np.sqrt(2.0 * (np.outer(np.diag(a), np.diag(a)) + a**2) / batch)  # of the difference of two covariances
    assert (np.abs(a - b) < LIMIT * error).all()
    wrong = np.cov(exact_draw(weight, start, **{**sizes, "sigma_h2": 1.5})[0])
    assert (np.abs(a - wrong) > LIMIT * error).any()


def pcd1(learning_rate: float, **changes) -> tuple[float, float]:
    """s²/(2 x T) of one mode, kappa = 4, mu² = 9, at a temperature near zero; 28 records, one relaxation time apart."""
    setting = {"kappa": [4.0], "learning_rate": learning_rate, "batch_size": 64, "k": 1, "seed": 1}
    time = round(1.6 / learning_rate)  # kappa²/(2 a x)
    result = train_rbm(**{**setting, "steps": range(6 * time, 34 * time, time), **changes})
    assert result["eigenvalue"].shape[-1] == 1
    return scaled(single_width2(result["eigenvalue"][..., 0]), 2.0 * 5.0 * learning_rate / 64)


@pytest.mark.parametrize(
    ("learning_rate", "value", "error", "believed"), [(0.1, 1.9305, 0.0061, 1.446), (0.2, 1.952, 0.009, 1.856)]
)
def test_pcd1_width_of_one_mode(learning_rate, value, error, believed, reduced):
    replicas = 1000 if reduced and learning_rate < 0.2 else 1500  # at 0.2 what was believed is 5 % away
    measured = pcd1(learning_rate, replicas=replicas)
    assert measured[1] < 0.02
    assert distance(measured, value, error) < LIMIT
    assert distance(measured, believed) > LIMIT  # CD-1; coloured noise on an instantaneous force


def test_pcd1_width_by_naive_gibbs_steps(reduced):
    measured = pcd1(0.1, sampler="naive", replicas=200 if reduced else 600, seed=2)
    assert distance(measured, 1.9305, 0.0061) < LIMIT
    assert distance(measured, 25 / 56 + 1.0) > LIMIT  # CD-1's 1/(1 - rho)


def test_cd1_width_of_one_mode(reduced):
    setting = {"kappa": [4.0], "learning_rate": 0.02, "batch_size": 64, "chains": "data", "seed": 3}
    result = train_rbm(**setting, replicas=300 if reduced else 1000, steps=range(500, 1500, 100))
    measured = scaled(single_width2(result["eigenvalue"][..., 0]), 2.0 * 5.0 * 0.02 / 64)
    assert distance(measured, 1.53, 0.10) < LIMIT
    assert distance(measured, 1.0 / (1.0 - (5 / 9) ** 2)) < LIMIT
    assert distance(measured, 1.87) > LIMIT  # the factor of persistent chains


@pytest.mark.slow
def test_rbm_mean_levels_at_the_papers_settings(reduced):
    """Means over x_s of the six levels of the ring N = 10, m² = 4, highest first, at α = 0.02, B = 16, PCD-3."""
    kappa = 6.0 - 2.0 * np.cos(2.0 * np.pi * np.arange(10) / 10)
    setting = {"kappa": kappa, "learning_rate": 0.02, "batch_size": 16, "k": 3, "seed": 4}
    replicas = 60 if reduced else 150
    levels = train_rbm(**setting, replicas=replicas, steps=range(6400, 9601, 800))["eigenvalue"][..., ::-1]
    groups = [[0], [1, 2], [3, 4], [5, 6], [7, 8], [9]]
    shift = [1.0070, 0.9969, 0.9948, 0.9916, 0.9844, 0.9704]
    for group, value in zip(groups, shift, strict=True):
        per_replica = levels[..., group].mean(axis=(1, 2)) / (9.0 - np.sort(kappa)[group].mean())
        measured = per_replica.mean(), per_replica.std(ddof=1) / np.sqrt(len(per_replica))
        # the reference is quoted without error; 500 replicas leave at most that of ours
        assert distance(measured, value, measured[1]) < LIMIT
    assert distance(measured, 1.0) > LIMIT  # no shift at all


def test_weight_decay_moves_the_fixed_point_of_the_rbm(reduced):
    decay = Optimizer(weight_decay=0.02)
    level = rbm_fixed_point([4.0, 6.0], num_hidden=2, mu2=9.0, weight_decay=0.02)
    np.testing.assert_allclose(9.0 - level, 1.0 / (1.0 / np.array([4.0, 6.0]) - 0.02), rtol=1e-12)
    data = rbm_fixed_point([4.0], num_hidden=1, mu2=9.0, weight_decay=0.02, chains="data")
    setting = {"kappa": [4.0], "learning_rate": 0.02, "replicas": 50 if reduced else 200, "seed": 5}
    setting |= {"optimizer": decay, "steps": range(500, 801, 100)}
    for chains, rest in (("persistent", level[0]), ("data", data[0])):
        x = train_rbm(**setting, batch_size=256, chains=chains)["eigenvalue"]
        assert abs(x.mean() - rest) < 0.02  # the shift at order T is 0.01
    assert level[0] - data[0] > 0.1  # CD-1 answers weakly, so decay takes more


def test_fewer_hidden_units_learn_the_smallest_kappa():
    setting = {"kappa": [3.0, 5.0, 7.0, 12.0], "learning_rate": 0.01, "batch_size": 64, "steps": 300, "seed": 6}
    few = train_rbm(**setting, replicas=100, num_hidden=2)["eigenvalue"]
    np.testing.assert_allclose(few.mean(axis=0), [4.0, 6.0], rtol=0.02)
    many = train_rbm(**{**setting, "kappa": [3.0, 5.0]}, replicas=100, num_hidden=4)["eigenvalue"]
    assert many.shape == (100, 2)  # no zeros that the shape forces
    np.testing.assert_allclose(many.mean(axis=0), [4.0, 6.0], rtol=0.02)


# ---- teacher-student ------------------------------------------------------------------------------------------------


def student(optimizer: Optimizer, **changes) -> tuple[float, float]:
    """s²/(eps² T) of two equal levels; relaxation takes 20 updates or fewer, so that records are independent."""
    setting = {"teacher": [2.0, 2.0], "noise": 0.1, "learning_rate": 0.1, "batch_size": 16, "seed": 7}
    result = train_teacher_student(**{**setting, "steps": range(200, 620, 30), **changes}, optimizer=optimizer)
    temperature = result["learning_rate"] / result["batch_size"]
    return scaled(degenerate_width2(result["eigenvalue"]), 0.01 * temperature)


def test_momentum_without_inputs(reduced):
    measured = student(Optimizer(momentum=0.9), sampling="no-inputs", replicas=1000 if reduced else 2000)
    assert distance(measured, 10.38, 0.04) < LIMIT
    assert distance(measured, 1.9 / (0.1 * (3.8 - 0.1) / 2)) < LIMIT  # exact: (1 + m)/((1 - m)(1 + m - a/2))
    assert distance(measured, 9.5) > LIMIT


OPTIMIZERS = {
    "momentum 0.5": Optimizer(momentum=0.5),
    "momentum 0.9": Optimizer(momentum=0.9),
    "Nesterov 0.9": Optimizer(momentum=0.9, nesterov=True),
    "weight decay 0.1": Optimizer(weight_decay=0.1),
    "all": Optimizer(momentum=0.8, nesterov=True, weight_decay=0.05),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_have_the_exact_second_moments(name, reduced):
    optimizer = OPTIMIZERS[name]
    machine = {"learning_rate": 0.1, "batch_size": 16, "noise": 0.1}
    exact = teacher_student_ratio(level=2.0, size=2, optimizer=optimizer, **machine)
    measured = student(optimizer, replicas=700 if reduced else 2000)
    assert distance(measured, exact) < LIMIT
    assert distance(measured, (1.0 + optimizer.weight_decay) / (1.0 - optimizer.momentum)) > LIMIT


def test_large_learning_rate_and_small_batch(reduced):
    machine = {"learning_rate": 0.5, "batch_size": 4}
    exact = teacher_student_ratio(level=2.0, size=2, noise=0.1, optimizer=Optimizer(), **machine)
    measured = student(Optimizer(), **machine, steps=range(40, 300, 10), replicas=700 if reduced else 2000)
    assert distance(measured, exact) < LIMIT
    assert distance(measured, 2.0 / 1.5) > LIMIT  # the factor without inputs


def test_quenched_inputs_are_shared_and_fresh_ones_are_not():
    # without noise of their own, replicas away from W_t differ only through their inputs
    setting = {"teacher": [1.0, 2.0], "noise": 0.0, "learning_rate": 0.1, "batch_size": 4, "replicas": 5, "steps": 9}
    decay = Optimizer(weight_decay=0.1)
    quenched, fresh = (
        train_teacher_student(**setting, seed=8, sampling=sampling, optimizer=decay)["eigenvalue"]
        for sampling in ("quenched", "fresh")
    )
    assert np.ptp(quenched, axis=0).max() < 1e-12
    assert np.ptp(fresh, axis=0).min() > 1e-4


# ---- epochs ---------------------------------------------------------------------------------------------------------


def test_an_epoch_takes_every_sample_once():
    batches = epoch_batches(12, 4, 3, generator(9))
    for _ in range(2):
        epoch = np.concatenate([next(batches) for _ in range(3)], axis=1)
        assert (np.sort(epoch, axis=1) == np.arange(12)).all()
        assert (epoch[0] != epoch[1]).any()
    drawn = epoch_batches(12, 4, 3, generator(9), replacement=True)
    assert (np.sort(np.concatenate([next(drawn) for _ in range(3)], axis=1), axis=1) != np.arange(12)).any()


def test_whitened_samples_have_exact_moments():
    draws = whitened(20, 6, generator(10), centred=True)
    np.testing.assert_allclose(draws.T @ draws / 20, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(draws.mean(axis=0), 0.0, atol=1e-12)
    assert np.abs(whitened(20, 6, generator(10), centred=False).mean(axis=0)).max() > 0.01


@pytest.mark.parametrize(("samples", "batch"), [(64, 0), (64, 2), (512, 0), (512, 16)])
def test_epoch_sampling_has_the_exact_variance(samples, batch, reduced):
    epoch = samples // 16
    steps = [batch + epoch * (96 // epoch + i) for i in range(0, 256 // epoch, max(1, 32 // epoch))]
    setting = {"learning_rate": 0.1, "decay": 0.1, "samples": samples, "batch_size": 16, "batch": batch}
    # noise of variance eps² per sample off the diagonal: s² = 2 x that of an off-diagonal element
    exact, independent = (epoch_variance(**setting, replacement=how) * 2.0 / (0.1 / 16) for how in (False, True))
    # inputs multiply W - W_t, which the exact variance leaves out: an effect of relative order T (N + 1)/2
    replicas = 700 if reduced else 2000
    measured = student(Optimizer(), sampling="epoch", samples=samples, steps=steps, replicas=replicas)
    inputs = 0.1 / 16 * 3 / 2
    assert abs(measured[0] - exact) < LIMIT * measured[1] + 2.0 * inputs * exact
    assert distance(measured, independent) > LIMIT


# ---- two layers and ridge -------------------------------------------------------------------------------------------


def test_two_layer_variances_of_the_product(reduced):
    setting = {"teacher": [0.5, 3.0, 3.0, 3.0], "learning_rate": 0.1, "batch_size": 4, "label_noise": 0.02, "seed": 12}
    result = train_two_layer(**setting, replicas=700 if reduced else 1500, steps=range(150, 750, 20))
    diagonal = np.diagonal(result["product"], axis1=1, axis2=2)
    for series, value, error, exact, believed in (
        (diagonal[:, 0], 6.59e-6, 0.03e-6, 6.51e-6, 5.63e-6),
        (diagonal[:, 1:].mean(axis=1), 8.24e-5, 0.07e-5, 8.22e-5, 9.23e-5),
    ):
        measured = series.mean(), series.std(ddof=1) / np.sqrt(len(series))
        assert measured[1] < 0.01 * measured[0]
        assert distance(measured, value, error) < LIMIT
        assert distance(measured, exact) < LIMIT
        assert distance(measured, believed) > LIMIT
    single, group = group_width2(result["eigenvalue"], [0]), group_width2(result["eigenvalue"], [1, 2, 3])
    assert distance(single, 6.51e-6) < LIMIT
    assert distance(group, 8.22e-5) < LIMIT


def test_ridge_moves_the_singular_values_of_two_layers():
    setting = {"teacher": [1.0, 2.0], "learning_rate": 0.02, "batch_size": 256, "replicas": 50, "seed": 13}
    levels = train_two_layer(**setting, steps=200, ridge=0.3, optimizer=Optimizer(weight_decay=0.2))["eigenvalue"]
    np.testing.assert_allclose(levels.mean(axis=0), [0.5, 1.5], rtol=0.02)


@pytest.mark.parametrize(
    ("momentum", "steps", "numbers"),
    [
        (0.0, range(250, 751, 50), ((6.5e-4, 0.2e-4), (7.74e-3, 0.20e-3))),
        (0.8, range(100, 301, 20), ((3.09e-3, 0.11e-3), (3.75e-2, 0.10e-2))),
    ],
)
def test_ridge_factorisation(momentum, steps, numbers, reduced):
    setting = {"target": (1.0, 2.0, 2.0), "ridge": 0.5, "learning_rate": 0.02, "batch_size": 32}
    optimizer = Optimizer(momentum=momentum)
    replicas = 400 if reduced and momentum == 0.0 else 1000
    levels = train_ridge(**setting, replicas=replicas, steps=steps, seed=14, optimizer=optimizer)["eigenvalue"]
    for group, (value, error) in zip(([0], [1, 2]), numbers, strict=True):
        measured = group_width2(levels, group)
        assert distance(measured, value, error) < LIMIT
        assert distance(measured, 1.3 * value, 1.3 * error) > LIMIT
    assert distance(group_width2(levels, [2]), *numbers[1]) > LIMIT  # one level of a pair is not a single level


# ---- estimators, records, refusals ----------------------------------------------------------------------------------


def test_width_of_a_goe():
    draws = generator(15).standard_normal((20_000, 3, 3)) * 0.3
    levels = np.linalg.eigvalsh((draws + draws.mT) / 2.0)  # diagonal 0.3, off the diagonal 0.3/√2: s = 0.3
    assert distance(degenerate_width2(levels), 0.09) < LIMIT
    assert distance(degenerate_width2(levels), 0.093) > LIMIT
    assert distance(single_width2(draws[:, 0, 0]), 0.09) < LIMIT
    with pytest.raises(ValueError, match="two modes"):
        degenerate_width2(levels[:, :1])


def test_records_and_seeds():
    setting = {"kappa": [4.0, 5.0], "learning_rate": 0.05, "batch_size": 8, "replicas": 7}
    last = train_rbm(**setting, steps=12, seed=1)["eigenvalue"]
    several = train_rbm(**setting, steps=[3, 12], seed=1)["eigenvalue"]
    assert last.shape == (7, 2)
    assert several.shape == (7, 2, 2)
    np.testing.assert_array_equal(several[:, 1], last)
    assert (train_rbm(**setting, steps=12, seed=2)["eigenvalue"] != last).all()
    with pytest.raises(ValueError, match="ascending"):
        train_rbm(**setting, steps=[5, 5], seed=1)


def test_refusals():
    common = {"learning_rate": 0.1, "batch_size": 8, "replicas": 4, "steps": 50, "seed": 0}
    with pytest.raises(ValueError, match="below mu²"):
        train_rbm(kappa=[4.0, 9.5], **common)
    with pytest.raises(ValueError, match="sampling"):
        train_teacher_student(teacher=[1.0], sampling="epoch", **common)
    with pytest.raises(ValueError, match="divide"):
        train_teacher_student(teacher=[1.0], sampling="epoch", samples=20, **common)
    with pytest.raises(ValueError, match="ridge"):
        train_two_layer(teacher=[1.0], ridge=1.0, **common)
    with pytest.raises(ValueError, match="momentum"):
        Optimizer(momentum=1.0)
    with pytest.raises(FloatingPointError), np.errstate(all="ignore"):
        train_teacher_student(teacher=[1.0], **{**common, "learning_rate": 9.0, "steps": 3000})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_of_the_table_runs(case):
    for ratio, error, mean in case.ratios(replicas=3, seed=1, records=2):
        assert ratio > 0.0
        assert error > 0.0
        assert mean > 0.0
