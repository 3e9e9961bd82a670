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
from coulombgas._interval import Interval, summarise
from coulombgas.inference import SettingFit, TemperatureFit, prior_sensitivity
from coulombgas.inference._grid import _Box, _find_box, sample_grid
from coulombgas.inference._parts import ScalingFit
from coulombgas.inference._programs import SettingTemperatures
from coulombgas.inference.recordings._combine import group_temperatures, relative_log_temperatures
from coulombgas.inference.recordings._noise_scale import NoiseScale, _fieller
from coulombgas.inference.recordings._runs import RecordedRun
from coulombgas.inference.recordings._verdict import judge
from coulombgas.inference.scaling._rule import (
    fit_log_temperatures,
    initial_rule,
    rule_data,
    rule_problem,
    scaling_log_likelihood,
    summarise_rule,
)
from coulombgas.networks import Dynamics
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


def one_run():
    rule = cg.scaling_rule(levels_of(0.1, 32))
    return rule, *rule.runs


@pytest.mark.parametrize(("to", "stable"), [(60, True), (68, False)])
def test_beyond_twice_the_time_of_relaxation_a_rate_is_unstable(to, stable):
    """Levels that relax in 40 updates at a rate of 0.1, so at 0.25 times the rate: stable up to 8, and 8 is at 64."""
    rule, run = one_run()
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


@pytest.mark.parametrize(("to", "holds"), [(190, True), (210, False)])
def test_the_noise_scale_is_the_end_of_the_rule(to, holds):
    """Up to the end of its interval, here 200."""
    rule, run = one_run()
    scale = NoiseScale(value=Interval(100.0, 50.0, 200.0, 30.0), num_records=60, statement="made up")
    rule = replace(rule, runs=(replace(run, noise_scale=scale),))
    found = cg.rescale(rule, learning_rate=0.1, batch_size=32, to_batch_size=to)
    assert found.holds == holds
    assert any("beyond the gradient noise scale of 100 [50, 200]" in one for one in found.warnings) != holds


def rule_with(**laws):
    """A scaling rule with normal exponents of these means and standard deviations; another one is not known."""
    rng, names = np.random.default_rng(4), ("alpha_exponent", "batch_exponent")
    draws = {name: rng.permutation(scores(4000, *law))[None] for name, law in laws.items()}
    draws["scatter"] = np.full((1, 4000), 0.05)
    shown = dict.fromkeys(names) | {name: summarise(value) for name, value in draws.items()}
    return ScalingFit(draws=draws, prefactor=shown["scatter"], r_hat=1.0, ess=4000.0, divergences=0, **shown)


@pytest.mark.parametrize(
    ("laws", "power"),
    [
        ({"alpha_exponent": (2.0, 0.1), "batch_exponent": (1.0, 0.2)}, 0.5),
        ({"alpha_exponent": (2.0, 0.1)}, 0.5),
        ({"batch_exponent": (0.5, 0.2)}, 0.5),
        ({"alpha_exponent": (0.01, 1e-4), "batch_exponent": (0.1, 1e-4)}, 2.0),
    ],
)
def test_measured_exponents_set_the_rate_by_their_ratio(laws, power):
    """Four times the batch: 4^(b/a) times the rate, and 95% of the draws inside; a counts as 0.05 at least."""
    rule = replace(one_run()[0], scaling=rule_with(**laws))
    found = cg.rescale(rule, learning_rate=0.1, batch_size=32, to_batch_size=128).learning_rate
    assert found.mean == pytest.approx(0.1 * 4**power, rel=0.01)
    a, b = (rule.scaling.draws.get(name, 1.0) for name in ("alpha_exponent", "batch_exponent"))
    expected = np.ravel(0.1 * np.exp(b / np.maximum(a, 0.05) * np.log(4)))
    assert np.mean((expected >= found.lower) & (expected <= found.upper)) == pytest.approx(0.95, abs=2e-3)


def test_the_temperature_of_a_group_is_its_noise_over_twice_the_rate():
    _, run = one_run()
    (layer,) = run.layers
    found = group_temperatures([run])
    assert list(found) == [f"w, {kind}" for kind, _ in layer.motion.groups]
    for (value, error), (_, group) in zip(found.values(), layer.motion.groups, strict=True):
        assert (value[0], error[0]) == pytest.approx((np.log(group.noise.mean / 0.2), group.log_error))


def run_at(rate, batch, path="run"):
    return RecordedRun(
        path=path, dynamics=Dynamics(learning_rate=rate, batch_size=batch), temperature=None, layers=()
    )  # fmt: skip


@pytest.mark.parametrize(
    ("mean", "sd", "holds"), [(1.0, 0.2, True), (1.2, 0.2, None), (0.8, 0.2, None), (0.5, 0.1, False)]
)
@pytest.mark.parametrize("other", ["alpha_exponent", "batch_exponent"])
def test_an_exponent_that_may_be_half_off_decides_nothing(mean, sd, holds, other):
    """Intervals from 0.61 to 1.39, to 1.59, from 0.41, and one that excludes 1 with p = 6e-7."""
    laws = dict.fromkeys(("alpha_exponent", "batch_exponent"), (mean, sd)) | {other: (1.0, 0.1)}
    runs = [run_at(0.1, 16.0), run_at(0.1, 64.0)]
    assert judge(runs, runs, rule_with(**laws))[0] is holds


def test_the_first_run_that_is_not_known_is_named():
    runs = [run_at(0.1, 16.0, "known"), run_at(None, 16.0, "first"), run_at(0.1, None, "second")]
    assert judge(runs, runs[:1], None)[1] == "cannot be told: first does not know its learning_rate: give it"


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


def test_two_runs_give_the_exponent_of_what_they_vary():
    rule = cg.scaling_rule([levels_of(0.01, 32, seed=1), levels_of(0.3, 32, seed=2)], num_draws=200)
    assert rule.scaling.alpha_exponent.contains(1.0)
    assert rule.scaling.batch_exponent is None


@pytest.mark.parametrize("free", [True, False])
def test_an_exponent_of_the_rate_alone_is_free(free):
    """T = α² at one batch, known to 0.1: predicted within it by free exponents; off by half a power by the rule."""
    found = [setting(2 * np.log(rate) + scores(1000, sd=0.1), rate) for rate in np.geomspace(0.01, 1, 6)]
    sharpest = -np.log(np.sqrt(2 * np.pi) * 0.1)
    assert (np.median(scaling_log_likelihood(found, free=free)) > sharpest - 1) == free


def test_independent_draws_count_as_many():
    """4000 of four sites, which ESS knows to 10%; chains that disagree are told."""
    alpha, batch = np.array([0.01, 0.1, 0.1, 1.0]), np.array([16.0, 16.0, 64.0, 64.0])
    options = {"seed": 0, "num_chains": 4, "num_warmup": 0, "num_draws": 1000}
    fit = fit_log_temperatures(alpha, batch, np.log(alpha / batch), np.full(4, 0.1), **options)
    assert fit.ess == pytest.approx(4000, rel=0.2)
    assert fit.r_hat == pytest.approx(1.0, abs=0.01)
    shown = summarise(fit.draws["batch_exponent"])
    assert fit.batch_exponent == shown
    assert fit.wider_prior["batch_exponent"].sd > 1.1 * shown.sd  # another law
    assert not any("chains disagree" in one for one in fit.warnings)
    apart = {name: np.stack([value + np.arange(4)[:, None]] * 2) for name, value in fit.draws.items()}
    wrong = summarise_rule(apart, 0, (True, True), alpha, batch, "made up")
    assert wrong.r_hat > 1.2
    assert any(f"chains disagree: r_hat {wrong.r_hat:.3f}" in one for one in wrong.warnings)


@pytest.mark.parametrize(("mean", "sd"), [(-8.0, 3.0), (2.0, 3.0), (-345.0, 0.2)])
def test_a_prior_taken_twice_moves_a_normal_posterior_by_its_precision(mean, sd):
    """A factor exp(−x²/200) moves log T ~ N(m, s²) by ms²/(100 + s²), of which s is the unit; 4000 values to 1%."""
    fit = TemperatureFit(settings=(setting(scores(4000, mean, sd)),), scaling=None, method="response")
    assert prior_sensitivity(fit) == [pytest.approx(abs(mean) * sd / (100 + sd**2), rel=0.01)]


@pytest.mark.parametrize("free", [(True, True), (True, False), (False, True)])
def test_a_rule_without_scatter_is_where_its_search_starts(free):
    """log T = 0.5 + a log α − b log B exactly; an exponent that is not free is 1, the level is in the middle."""
    alpha, batch = np.array([0.01, 0.1, 0.1, 1.0]), np.array([16.0, 16.0, 64.0, 32.0])
    a, b = (power if own else 1.0 for power, own in zip((2.0, 0.7), free, strict=True))
    mean = 0.5 + a * np.log(alpha) - b * np.log(batch)
    found = initial_rule(mean, rule_data(alpha, batch, free))
    assert float(found["_level"]) == pytest.approx(mean.mean())
    assert [float(found[name]) for name in ("alpha_exponent", "batch_exponent")] == pytest.approx([a, b])
    assert float(found["scatter"]) == 0.02  # the least
    data = SettingTemperatures(np.zeros((2, 16)), np.ones((2, 16)), rule_data(alpha, batch, free))
    assert {start.shape for start in rule_problem(data).start.values()} == {(2,)}  # of two problems


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


def test_cells_of_a_grid_have_their_middles():
    box = _Box(np.zeros(1), np.eye(1), np.array([1.0]), np.array([3.0]))
    points, sides = box.cells(4)
    np.testing.assert_allclose(points[:, 0], [1.25, 1.75, 2.25, 2.75])
    np.testing.assert_allclose(sides, 0.5)


def test_a_box_holds_all_but_the_tails_of_a_skewed_law():
    """x = log of a gamma variable of shape 0.3: both points where its density has fallen by e⁻²⁰, one at −67."""

    def log_density(x):
        return 0.3 * x[:, 0] - np.exp(np.minimum(x[:, 0], 700.0))

    top = 0.3 * np.log(0.3) - 0.3
    low, high = (
        optimize.brentq(lambda x: log_density(np.array([[x]]))[0] - top + 20, *ends) for ends in ((-99, -1), (-1, 9))
    )
    box = _find_box(log_density, np.zeros(1), -np.inf)
    found = box.points(np.stack([box.low, box.high]))[:, 0]
    assert low - 30 < found[0] <= low < high <= found[1] < high + 30
