"""Scaling rules, settings of equal temperature and spacing laws, by hand, by quadrature or by SciPy."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from scipy import optimize, special, stats

import coulombgas as cg
from coulombgas import InputError
from coulombgas._interval import summarise
from coulombgas.inference import SettingFit, TemperatureFit, compare_laws, prior_sensitivity
from coulombgas.inference._grid import sample_grid
from coulombgas.inference._parts import ScalingFit
from coulombgas.inference.recordings._combine import relative_log_temperatures
from coulombgas.inference.recordings._noise_scale import _fieller
from coulombgas.inference.recordings._runs import RecordedRun
from coulombgas.inference.recordings._verdict import judge
from coulombgas.inference.scaling._rule import scaling_log_likelihood
from coulombgas.inference.spacing_laws._catalogue import find_model
from coulombgas.inference.spacing_laws._compare import _posterior_quantiles, _untied
from coulombgas.inference.spacing_laws._criticism import _check
from coulombgas.inference.spacing_laws._fit import collect_problems
from coulombgas.networks import Dynamics
from tests.inference.synthetic import student_spectra
from tests.inference.test_recordings import levels_of


def scores(num, mean=0.0, sd=1.0):
    """Equally likely values of a normal variable."""
    return stats.norm(mean, sd).ppf((np.arange(num) + 0.5) / num)


def setting(log_temperatures, rate=0.1, batch=16):
    draws = np.exp(log_temperatures).reshape(2, -1)
    return SettingFit(
        path="made up", model="rbm", learning_rate=rate, batch_size=batch, temperature=summarise(draws),
        temperature_draws=draws, levels=(), num_replicas=100, r_hat=1.0, ess=1000.0, divergences=0,
    )  # fmt: skip


# --- several groups of levels ---


def test_the_errors_of_a_single_group_are_its_own():
    own = np.array([0.1, 0.3, 0.2])
    mean, error = relative_log_temperatures({"w": (np.array([1.0, 2.0, 4.5]), own)})
    np.testing.assert_allclose(mean, [-1.5, -0.5, 2.0])
    np.testing.assert_allclose(error, own)


def test_groups_of_opposite_precision_add_in_quadrature():
    """Equal weights: half of √(0.1² + 1²) in every run; three groups alike are no better than one of them."""
    values, own = np.array([0.0, 0.5, 1.0, 2.0]), np.array([0.1, 1.0, 0.1, 1.0])
    shared = {"a": (values, own), "b": (values, own[::-1])}
    mean, error = relative_log_temperatures(shared)
    np.testing.assert_allclose(mean, values - values.mean())
    np.testing.assert_allclose(error, np.sqrt(0.1**2 + 1) / 2)
    alike = {name: (values, np.full(4, 0.2)) for name in "abc"}
    np.testing.assert_allclose(relative_log_temperatures(alike)[1], 0.2)


# --- the noise scale ---


@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("signal", [2.0, 0.7])
def test_the_noise_scale_ends_where_student_s_t_does(unit, signal):
    """(a − r b)² = t² Var(a − r b) at both ends, for means of 20 blocks of three; found by bisection.

    Control: with a signal within its error of zero there is no upper end.
    """
    rng = np.random.default_rng(3)
    below = unit * (signal + 3 * rng.normal(size=60))
    above = unit * (1000 + 200 * rng.normal(size=60)) + 20 * below
    a, b = (x.reshape(20, 3).mean(axis=1) for x in (above, below))
    found = _fieller(above, below)

    def beyond(ratio):
        rest = a - ratio * b
        return rest.mean() ** 2 - stats.t(19).ppf(0.975) ** 2 * rest.var(ddof=1) / 20

    best = a.mean() / b.mean()
    assert found.mean == pytest.approx(best)
    assert found.lower == pytest.approx(optimize.brentq(beyond, 0.0, best), rel=1e-6)
    known = abs(b.mean()) > stats.t(19).ppf(0.975) * b.std(ddof=1) / np.sqrt(20)
    assert known == (signal == 2.0)
    if known:
        assert found.upper == pytest.approx(optimize.brentq(beyond, best, 1e3 * best), rel=1e-6)
    else:
        assert found.upper == np.inf
        assert all(beyond(ratio) < 0 for ratio in best * np.geomspace(1, 1e6, 50))


# --- settings of equal temperature ---


@pytest.mark.parametrize(("to", "told"), [(60, False), (80, True), (128, True)])
def test_more_than_twice_the_rate_is_not_known_to_be_stable(to, told):
    """From a batch of 32, by the linear rule: 1.9, 2.5 and 4 times."""
    found = cg.rescale(learning_rate=0.1, batch_size=32, to_batch_size=to)
    assert any("not known whether the new learning rate is stable" in one for one in found.warnings) == told


@pytest.mark.parametrize(("batch", "to", "told"), [(4, 64, True), (64, 4, True), (32, 64, False), (64, 32, False)])
def test_the_factor_between_batches_is_told_either_way(batch, to, told):
    found = cg.rescale(learning_rate=0.1, batch_size=batch, to_batch_size=to)
    assert [one for one in found.warnings if "unmeasured rule" in one] == [
        "a factor 16 in the batch size is large for an unmeasured rule"
    ] * told


@pytest.mark.parametrize("wrong", [{"momentum": 1.0}, {"momentum": 0.9, "to_momentum": 1.0}])
def test_a_momentum_of_one_is_refused(wrong):
    with pytest.raises(InputError, match="momentum` must"):
        cg.rescale(learning_rate=0.1, batch_size=32, to_batch_size=64, optimizer="momentum", **wrong)


@pytest.mark.parametrize(("to", "stable"), [(60, True), (68, False)])
def test_beyond_twice_the_time_of_relaxation_a_rate_is_unstable(to, stable):
    """Levels that relax in 40 updates at a rate of 0.1, so at 0.25 times the rate: stable up to 8, and 8 is at 64."""
    rule = cg.scaling_rule(levels_of(0.1, 32))
    (run,) = rule.runs
    (layer,) = run.layers
    name = "leading" if layer.motion.leading is not None else "bulk"
    group = getattr(layer.motion, name)
    group = replace(group, state=replace(group.state, state="equilibrium", relaxation=40.0))
    layer = replace(layer, motion=replace(layer.motion, **{name: group}))
    rule = replace(rule, runs=(replace(run, layers=(layer,)),))
    found = cg.rescale(rule, learning_rate=0.125, batch_size=1, to_batch_size=to)
    assert found.learning_rate.mean == pytest.approx(0.125 * to)
    assert (found.holds is not False) == stable
    assert any("beyond stability, 2/0.25" in one for one in found.warnings) != stable


@pytest.mark.parametrize(
    ("mean", "sd", "holds"), [(1.0, 0.2, True), (1.2, 0.2, None), (0.8, 0.2, None), (0.5, 0.1, False)]
)
@pytest.mark.parametrize("other", ["alpha_exponent", "batch_exponent"])
def test_an_exponent_that_may_be_half_off_decides_nothing(mean, sd, holds, other):
    """Intervals from 0.61 to 1.39, to 1.59, from 0.41, and one that excludes 1 with p = 6e-7."""
    rng, names = np.random.default_rng(4), ("alpha_exponent", "batch_exponent")
    draws = {name: rng.permutation(scores(4000, *((1.0, 0.1) if name == other else (mean, sd)))) for name in names}
    draws = {name: value[None] for name, value in (draws | {"scatter": np.full(4000, 0.05)}).items()}
    shown = {name: summarise(value) for name, value in draws.items()}
    fit = ScalingFit(draws=draws, prefactor=shown["scatter"], r_hat=1.0, ess=4000.0, divergences=0, **shown)
    runs = [
        RecordedRun(path="run", dynamics=Dynamics(learning_rate=0.1, batch_size=batch), temperature=None, layers=())
        for batch in (16.0, 64.0)
    ]
    assert judge(runs, runs, fit)[0] is holds


# --- scaling rules and priors ---


def test_the_predictive_density_of_the_linear_rule_is_that_of_quadrature():
    """Over the level, normal with sd 10, and the scatter, half normal with sd 0.5: means of 2000 draws, to 4%."""
    away, error = np.array([0.4, -0.3, 0.1, 0.6, -0.5, -0.2]), 0.1
    found = [setting(np.log(0.1 / 16) + one + scores(1000, sd=error)) for one in away]
    level, scatter = np.meshgrid(np.linspace(-2, 2, 401), np.linspace(1e-4, 3, 600), indexing="ij")
    each = stats.norm(level[..., None], np.hypot(scatter, error)[..., None]).logpdf(away)
    middle = level + np.log(0.1 / 16)  # all settings are one
    weight = np.exp(each.sum(axis=-1) - (middle / 10) ** 2 / 2 - (scatter / 0.5) ** 2 / 2)
    expected = (weight[..., None] * np.exp(each)).sum(axis=(0, 1)) / weight.sum()
    density = scaling_log_likelihood(found, free=False)
    np.testing.assert_allclose(np.exp(density).mean(axis=0), expected, rtol=0.04)


@pytest.mark.parametrize("mean", [-8.0, 2.0, -345.0])
def test_a_prior_taken_twice_moves_a_normal_posterior_by_its_precision(mean):
    """A factor exp(−x²/200) moves log T ~ N(m, s²) by ms²/(100 + s²), of which s is the unit; 4000 values to 1%."""
    fit = TemperatureFit(settings=(setting(scores(4000, mean, 0.2)),), scaling=None, method="response")
    assert prior_sensitivity(fit) == [pytest.approx(abs(mean) * 0.2 / 100.04, rel=0.01)]


# --- draws from a grid ---


def fine_waves(data) -> None:
    """A normal law times exp(cos/2) with a period of a seventieth of a cell of the grid."""
    x = numpyro.sample("x", dist.Normal(0.0, 1.0))
    numpyro.factor("waves", 0.5 * jnp.cos(3e4 * x + data["phase"]))


def test_draws_follow_what_a_grid_cannot_see():
    """⟨cos⟩ = I₁/I₀ at 1/2, 0.24, as of von Mises' law; 2000 draws of which half are new know it to 0.02.

    Control: cells drawn with their heights, and points evenly inside them, would have 0.
    """
    draws = sample_grid(fine_waves, {"phase": 0.3}, {"x": 0.0}, seed=(0, 0), num_chains=4, num_draws=500)
    found = np.cos(3e4 * draws.sites["x"].astype(float) + 0.3).mean()
    assert found == pytest.approx(special.i1(0.5) / special.i0(0.5), abs=0.09)


# --- spacing laws ---


def test_the_width_of_many_pairs_is_an_inverse_chi():
    """As of a few, ΣS²/2s² ~ χ²(2n); 3000 of them, whose likelihood is below the smallest number."""
    (problem,) = collect_problems(student_spectra(replicas=3000), find_model("pair"))
    square = (np.diff(problem.group.levels, axis=1)[:, 0] ** 2).sum()
    found = _posterior_quantiles(find_model("pair"), "width", problem) * problem.data.scale
    exact = np.sqrt(square / 2 / stats.chi2.isf((np.arange(400) + 0.5) / 400, 6000))
    np.testing.assert_allclose(found[10:-10], exact[10:-10], rtol=1e-3)


def test_a_law_of_one_parameter_predicts_by_its_exact_posterior():
    """Left out, S has the density S a Q^a/(Q + S²/2)^(a + 1) with a = n − 1 and Q = ΣS²/2 of the others."""
    spectra = student_spectra(replicas=40)
    (problem,) = collect_problems(spectra, find_model("pair"))
    spacing = np.diff(problem.group.levels, axis=1)[:, 0] / problem.data.scale
    rest, a = (spacing**2).sum() / 2 - spacing**2 / 2, len(spacing) - 1
    exact = np.log(spacing) + np.log(a) + a * np.log(rest) - (a + 1) * np.log(rest + spacing**2 / 2)
    for seed in (0, 1):
        assert compare_laws(spectra, ("pair",), seed=seed).scores[0].elpd == pytest.approx(exact.sum(), abs=0.02)


def test_ties_count_as_half_the_resolution():
    """Two equal levels near 2, stored with 52 bits after the first."""
    spectra = student_spectra(replicas=30)
    levels = spectra.eigenvalue.values.astype(float)
    levels[0, 0, 0, 1] = levels[0, 0, 0, 0]
    (problem,) = collect_problems(spectra.assign(eigenvalue=(spectra.eigenvalue.dims, levels)), find_model("known-gap"))
    found = _untied(problem)
    assert problem.data.values.min() == 0
    assert found.data.values.min() * found.data.scale == pytest.approx(2.0**-53 * np.abs(levels).max(), abs=0)


def test_a_p_value_is_that_of_a_rank_either_way():
    """Three of nine at or above: twice 3.5/10; the negative of a statistic has the same."""
    values, replicated = np.array([6.5]), np.arange(1.0, 10.0)[:, None]
    for sign in (1, -1):
        found = _check(lambda row, sign=sign: float(sign * row[0]), values, replicated)
        assert found.p_value == pytest.approx(0.7)
