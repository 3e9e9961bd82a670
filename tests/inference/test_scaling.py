"""The linear scaling rule as a posterior, on ensembles that obey it and on one that does not."""

import numpy as np
import pytest
from scipy import stats

from coulombgas._arviz import effective_sample_size
from coulombgas._checks import InputError
from coulombgas.inference import fit_temperature
from coulombgas.inference._programs import SettingTemperatures, scaling_rule
from coulombgas.inference._sampler import sample_batch
from coulombgas.inference.scaling._exact import sample_rule
from coulombgas.inference.scaling._rule import SAMPLER, identified_exponents, initial_rule, padded, rule_data
from coulombgas.models import TeacherStudent
from coulombgas.spectra import make_spectra
from coulombgas.training import train
from tests.inference.synthetic import SHORT, student_spectra

ALPHAS, BATCHES = (0.05, 0.1, 0.2), (4, 16, 64)


def students(reduced, *, seed, averaged=True):
    """Students at nine settings; without averaging a batch is one sample B times over, and its noise that of B = 1.

    Reduced, 300 of each setting from the law of their levels at T = α/B, or α, else 2000 trained ones.
    """
    if reduced:
        settings = [(alpha, batch) for alpha in ALPHAS for batch in BATCHES]
        return student_spectra(settings, replicas=300, seed=seed, averaged=averaged)
    replicas = 2000 if averaged else 6000
    model = TeacherStudent(teacher=(2.0, 2.0), noise=0.1, inputs="fresh")
    run = train(
        model, learning_rate=ALPHAS, batch_size=BATCHES if averaged else 1, replicas=replicas, steps=160,
        init="fixed-point", seed=seed,
    )  # fmt: skip
    if averaged:
        return run
    repeated = np.repeat(run.eigenvalue.values, len(BATCHES), axis=0)
    # nothing may be copied between settings: each takes its own third of the replicas
    part = repeated.shape[1] // len(BATCHES)
    blocks = [row[(i % len(BATCHES)) * part :][:part] for i, row in enumerate(repeated)]
    return make_spectra(
        np.stack(blocks), learning_rate=np.repeat(ALPHAS, len(BATCHES)), batch_size=np.tile(BATCHES, len(ALPHAS)),
        model=model.config(), target=model.target_modes, fixed_point=model.fixed_point,
    )  # fmt: skip


@pytest.fixture(scope="module")
def obeying(reduced):
    return students(reduced, seed=3)


@pytest.fixture(scope="module")
def two_stage(obeying, reduced):
    return fit_temperature(obeying, **(SHORT if reduced else {}))


@pytest.fixture(scope="module")
def joint(obeying):
    return fit_temperature(obeying, scaling="joint")


AS_A_DENSITY = pytest.mark.full("test_the_joint_posterior_is_that_of_the_rule_and_the_energies in test_densities.py")


@pytest.mark.parametrize("fit", ["two_stage", pytest.param("joint", marks=AS_A_DENSITY)])
def test_the_linear_rule_is_inside_and_others_are_five_sd_away(fit, request):
    scaling = request.getfixturevalue(fit).scaling
    a, b = scaling.alpha_exponent, scaling.batch_exponent
    # 3.5 posterior sd: false-alarm rate 5e-4 each
    assert abs(a.mean - 1) < 3.5 * a.sd
    assert abs(b.mean - 1) < 3.5 * b.sd
    assert (b.mean - 0.5) / b.sd > 5
    assert (a.mean - 0.5) / a.sd > 5
    assert scaling.scatter.lower < 0.05
    assert scaling.r_hat < 1.02
    assert scaling.divergences == 0


def test_noise_that_does_not_average_over_the_batch_refutes_the_rule(reduced):
    short = SHORT if reduced else {}
    scaling = fit_temperature(students(reduced, seed=4, averaged=False), **short).scaling
    assert (1 - scaling.batch_exponent.mean) / scaling.batch_exponent.sd > 5
    assert abs(scaling.batch_exponent.mean) < 0.1
    assert abs(scaling.alpha_exponent.mean - 1) < 0.2


@AS_A_DENSITY
def test_two_stages_and_one_posterior_agree_where_settings_are_well_known(two_stage, joint):
    alone, together = two_stage.scaling, joint.scaling
    for name in ("alpha_exponent", "batch_exponent"):
        first, second = getattr(alone, name), getattr(together, name)
        assert abs(first.mean - second.mean) < 0.4 * first.sd
        assert second.sd == pytest.approx(first.sd, rel=0.3)
    # the rule lends strength: temperatures given it are at least as well known as alone, and nearer to it
    given = np.log(together.draws["temperature"])
    own = np.array([np.log(setting.temperature_draws).std() for setting in joint.settings])
    assert given.shape[2] == len(own)
    assert np.all(given.std(axis=(0, 1)) < 1.05 * own)
    assert "jointly" in joint.table()


def test_priors_twice_as_wide_move_nothing_with_many_settings_and_much_with_three(two_stage, teacher_student):
    scaling = two_stage.scaling
    for name in ("alpha_exponent", "batch_exponent"):
        own, wider = getattr(scaling, name), scaling.wider_prior[name]
        assert max(abs(own.lower - wider.lower), abs(own.upper - wider.upper)) < 0.5 * own.sd
    assert not any("prior matters" in warning for warning in scaling.warnings)
    few = fit_temperature(teacher_student(((0.1, 16), (0.1, 64), (0.05, 16))), **SHORT).scaling
    assert any("prior matters" in warning for warning in few.warnings)
    assert few.wider_prior["scatter"].upper > few.scatter.upper


def test_exponents_that_the_settings_do_not_identify():
    ones, twos = np.array([0.1, 0.1, 0.1]), np.array([4.0, 8.0, 16.0])
    assert identified_exponents(ones, twos) == (False, True)
    assert identified_exponents(twos, ones) == (True, False)
    assert identified_exponents(twos, 3 * twos) == (False, False)
    assert identified_exponents(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 1.0])) == (True, True)


def test_options_that_exclude_each_other(teacher_student):
    with pytest.raises(InputError, match="joint"):
        fit_temperature(teacher_student(), method="whole-spectrum", scaling="joint")


@pytest.mark.full("test_the_density_of_a_whole_spectrum_is_that_of_widths_and_means in test_densities.py")
def test_the_whole_spectrum_of_any_model(teacher_student):
    """The means of fresh students do not move, so widths and means tell the same; 4 posterior standard deviations."""
    only = fit_temperature(teacher_student(teacher=(1.0, 2.0, 2.0)), method="whole-spectrum").settings[0]
    assert abs(only.temperature.mean - only.true_temperature) < 4 * only.temperature.sd


SITES = ("alpha_exponent", "batch_exponent", "log_prefactor", "scatter")


def problem(error, scatter, batches=(4, 8, 16, 32), alphas=(0.02, 0.04), prior_scale=1.0):
    """A rule with known exponents, scatter and errors."""
    rng = np.random.default_rng(1)
    alpha, batch = np.meshgrid(alphas, np.array(batches, dtype=float))
    alpha, batch = alpha.ravel(), batch.ravel()
    log_t = np.log(alpha / batch) + rng.normal(scale=np.hypot(error, scatter), size=alpha.size)
    rule = rule_data(alpha, batch, identified_exponents(alpha, batch))._replace(prior_scale=np.asarray(prior_scale))
    size = len(rule.used)
    data = SettingTemperatures(padded(log_t, size), padded(np.full(alpha.size, error), size), rule)
    return data, initial_rule(log_t, rule)


@pytest.mark.parametrize(
    "case",
    [
        {"error": 0.05, "scatter": 0.2},
        {"error": 0.1, "scatter": 0.0, "alphas": (0.05,)},
        {"error": 0.3, "scatter": 0.3, "batches": (8,), "prior_scale": 2.0},
    ],
    ids=["both exponents", "batch only", "wide prior"],
)
def test_independent_draws_have_the_posterior_of_the_program(case, reduced):
    """Reduced, against draws of another law with the weights that the density of the posterior gives them."""
    data, start = problem(**case)
    options = {"num_chains": 4, "num_draws": 1500 if reduced else 4000}
    exact = sample_rule(data, seed=0, **options)
    chain, weight = weighted_draws(data, exact) if reduced else (sampled(data, start, options), None)
    # 20 comparisons at 4 sd: false alarm 1e-3
    assert largest_disagreement(exact, chain, weight) < 4
    # control: with other errors the posterior is another one
    blurred = sample_rule(data._replace(error=4 * data.error), seed=0, **options)
    assert largest_disagreement(blurred, chain, weight) > 8


def sampled(data, start, options):
    """Draws of the program by NUTS."""
    batch = SettingTemperatures(*(np.asarray(leaf)[None] for leaf in data[:2]), data.rule._make(
        np.asarray(leaf)[None] for leaf in data.rule
    ))  # fmt: skip
    return sample_batch(
        scaling_rule, batch, {name: value[None] for name, value in start.items()}, seed=1, **options | SAMPLER
    ).sites


def weighted_draws(data, exact):
    """Draws from Student's law of the covariance of ``exact``, half as wide again, with weights, by the priors stated.

    In the level, the exponents and the logarithm of the scatter.
    """
    rule, used = data.rule, data.rule.used
    log_alpha, log_batch = rule.log_learning_rate[used], rule.log_batch_size[used]
    middle_alpha, middle_batch, wide = log_alpha.mean(), log_batch.mean(), float(rule.prior_scale)
    a, b = (exact[f"{name}_exponent"].ravel() for name in ("alpha", "batch"))
    shift = np.where(rule.free[0], a, 1.0) * middle_alpha - np.where(rule.free[1], b, 1.0) * middle_batch
    points = np.stack([exact["log_prefactor"].ravel() + shift, a, b, np.log(exact["scatter"].ravel())])
    law = stats.multivariate_t(points.mean(axis=1), 1.5**2 * np.cov(points), df=3, seed=2)
    level, a, b, u = law.rvs(100_000).T
    own_a, own_b = np.where(rule.free[0], a, 1.0), np.where(rule.free[1], b, 1.0)
    mean = level[:, None] + np.outer(own_a, log_alpha - middle_alpha) - np.outer(own_b, log_batch - middle_batch)
    error = np.hypot(np.exp(u)[:, None], data.error[used])
    log = stats.norm.logpdf(data.log_temperature[used], mean, error).sum(axis=1)
    log += stats.norm.logpdf(a, 1, wide) + stats.norm.logpdf(b, 1, wide) + stats.norm.logpdf(level, 0, 10)
    log += u - np.exp(2 * u) / (2 * (0.5 * wide) ** 2) - law.logpdf(np.stack([level, a, b, u], axis=1))
    weight = np.exp(log - log.max())
    prefactor = level - own_a * middle_alpha + own_b * middle_batch
    return dict(zip(SITES, (a, b, prefactor, np.exp(u)), strict=True)), weight / weight.sum()


def largest_disagreement(exact, chain, weight=None):
    """Largest difference of contents below some quantiles, in standard errors of both sets of draws."""
    worst = 0.0
    for name in SITES:
        num = exact[name].size
        for quantile in (0.05, 0.25, 0.5, 0.75, 0.95):
            limit = np.quantile(exact[name], quantile)
            if weight is None:
                below = (chain[name][0] < limit).astype(float)
                found, ess = below.mean(), effective_sample_size(below)
            else:
                found, ess = weight[chain[name] < limit].sum(), 1 / (weight**2).sum()
            error = np.sqrt(quantile * (1 - quantile) * (1 / ess + 1 / num))
            worst = max(worst, abs(found - quantile) / error)
    return worst


def test_a_vanishing_scatter_is_no_funnel():
    data, _ = problem(error=0.02, scatter=0.0)
    draws = sample_rule(data, seed=0, num_chains=4, num_draws=1000)
    assert np.quantile(draws["scatter"], 0.95) < 0.05
    assert np.min(draws["scatter"]) < 1e-3
    lags = np.corrcoef(draws["scatter"][:, 1:].ravel(), draws["scatter"][:, :-1].ravel())[0, 1]
    assert abs(lags) < 4 / np.sqrt(4000)  # independent; false alarm 6e-5
