"""Relative temperatures on synthetic levels whose temperatures are known: calibration, what is left out, refusals."""

import numpy as np
import pytest

from coulombgas._checks import InputError
from coulombgas.inference.relative import LevelData, fit_relative_temperatures
from coulombgas.inference.relative._fixed_point import strays
from coulombgas.inference.relative._variances import common_weights, log_variances

WIDTHS = np.array([0.1, 0.1, 0.2, 0.2, 0.2, 0.05, 0.1, 0.3])
CENTERS = np.array([100.0, 100.0, 200.0, 200.0, 200.0, 300.0, 400.0, 500.0])


def goe(rng, size, replicas):
    """Eigenvalues of GOE matrices."""
    draws = rng.standard_normal((replicas, size, size))
    return np.linalg.eigvalsh((draws + draws.swapaxes(1, 2)) / 2)


def levels_at(rng, temperature, replicas, *, shared=1.5, tails=None):
    """A degenerate pair, a triple and three single levels, (replica, 8), all shifted by one common number."""
    alone = rng.standard_normal((replicas, 3))
    unit = np.concatenate([goe(rng, 2, replicas), goe(rng, 3, replicas), alone], axis=1)
    common = rng.standard_normal((replicas, 1)) if tails is None else rng.standard_t(tails, (replicas, 1))
    # order can only be lost inside a group, which the common shift moves as one
    return CENTERS + WIDTHS * np.sqrt(temperature) * (unit + shared * common)


def data(rng, temperatures, replicas, **options):
    counts = np.broadcast_to(replicas, len(temperatures))
    return [
        LevelData("synthetic", 0.01 * t, 1, levels_at(rng, t, int(num), **options))
        for t, num in zip(temperatures, counts, strict=True)
    ]


def heated(settings, index, modes, factor):
    """One level, or one group of levels, of one setting at a temperature of its own."""
    levels = settings[index].levels.copy()
    center = levels[:, modes].mean()
    levels[:, modes] = center + np.sqrt(factor) * (levels[:, modes] - center)
    settings[index] = settings[index]._replace(levels=levels)
    return settings


@pytest.mark.parametrize("width", [0.1, 10.0])
def test_the_setting_at_another_mean_is_found_and_less_than_half_a_width_is_harmless(width):
    """One level, 20 000 replicas, three settings of one temperature: errors of a mean are 0.007 widths."""
    rng = np.random.default_rng(21)
    levels = 100 + width * rng.standard_normal((3, 20_000, 1))
    for index in range(3):
        for shift, expected in ((0.3, {}), (2.0, {index: [0]})):
            moved = levels + shift * width * (np.arange(3) == index)[:, None, None]
            found = strays(list(moved), np.zeros(3))
            assert {key: modes.tolist() for key, modes in found.items()} == expected


def coverage(sets, make, interval):
    """Part of the data sets whose interval holds T_2/T_1."""
    rng = np.random.default_rng(20)
    held = []
    for _ in range(sets):
        ratio = np.exp(rng.uniform(-2.0, 2.0))
        low, high = interval(make(rng, (0.3, 0.3 * ratio)))
        held.append(low <= ratio <= high)
    return np.mean(held)


def fitted(settings):
    fit = fit_relative_temperatures(settings, num_chains=1, num_draws=2000)
    shown = fit.settings[1].relative_temperature
    return shown.lower, shown.upper


def normal_interval(settings, change):
    """95% interval with the covariance between levels changed."""
    variances = log_variances([setting.levels for setting in settings], [0, 1])
    weights = common_weights(variances.shape, variances.num_replicas)
    error2 = sum(
        weights @ change(c, len(s.levels)) @ weights for c, s in zip(variances.covariance, settings, strict=True)
    )
    center = (variances.estimate[1] - variances.estimate[0]) @ weights
    return np.exp(center - 1.96 * np.sqrt(error2)), np.exp(center + 1.96 * np.sqrt(error2))


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [(8, 8), pytest.param((30, 60), marks=pytest.mark.full("(8, 8)")), (200, 100)])
def test_intervals_hold_the_ratio(replicas, reduced):
    """95% of 400 data sets: outside 91-99% in one of 4000 such tests (4.0 standard errors of 1.1% below).

    Reduced, 120 data sets: outside 87-99.9% in one of 400.
    """
    sets, low, high = (120, 0.87, 0.999) if reduced else (400, 0.91, 0.99)

    def make(rng, temperatures):
        return data(rng, temperatures, replicas)

    assert low <= coverage(sets, make, fitted) <= high
    # control: with correlations ignored the interval is too narrow
    assert coverage(sets, make, lambda one: normal_interval(one, lambda c, num: np.diag(np.diag(c)))) < 0.85


@pytest.mark.slow
def test_heavy_tails_widen_the_interval(reduced):
    """Levels with a common shift of Student's t with 5 degrees of freedom: their fourth moments are measured."""
    sets, low, high = (120, 0.84, 0.999) if reduced else (400, 0.88, 0.99)

    def make(rng, temperatures):
        return data(rng, temperatures, 150, tails=5, shared=4.0)

    assert low <= coverage(sets, make, fitted) <= high
    # control: the variance 2/replicas of a Gaussian level, fully correlated
    assert coverage(sets, make, lambda one: normal_interval(one, lambda c, num: np.full_like(c, 2 / num))) < 0.80


@pytest.mark.slow
def test_errors_of_settings_are_independent(reduced):
    """z of log T_s − log T_s' for all pairs of three settings, from ``log_error`` alone."""
    rng, sets = np.random.default_rng(3), 80 if reduced else 300
    z = []
    for _ in range(sets):
        fit = fit_relative_temperatures(data(rng, (1.0, 2.0, 5.0), (50, 100, 150)), num_chains=1, num_draws=1)
        for one, two, ratio in ((0, 1, 2.0), (1, 2, 2.5), (0, 2, 5.0)):
            a, b = fit.settings[one], fit.settings[two]
            z.append((b.log_temperature - a.log_temperature - np.log(ratio)) / np.hypot(a.log_error, b.log_error))
    sd = np.reshape(z, (sets, 3)).std(axis=0)
    # a standard deviation over n data sets has the error 1/√(2n); three of them at false-alarm rate 1e-3: 3.6 errors
    assert (np.abs(sd - 1.0) < 3.6 / np.sqrt(2 * sets)).all(), sd


def test_log_variances_have_no_bias_with_unequal_replicas(reduced):
    """4 replicas against 400: the mean of the logarithm of s² is too low by ψ(3/2) − log(3/2) = −0.369."""
    rng, num = np.random.default_rng(4), 800 if reduced else 2000
    estimates, plain = [], []
    for _ in range(num):
        levels = [rng.standard_normal((4, 2)), rng.standard_normal((400, 2))]
        found = log_variances(levels, [0, 1]).estimate
        estimates.append(found[0] - found[1])
        plain.append(np.log(levels[0].var(axis=0, ddof=1)))
    error = np.std(estimates, axis=0) / np.sqrt(num)
    assert (np.abs(np.mean(estimates, axis=0)) < 4 * error).all()
    assert (np.abs(np.mean(plain, axis=0) + 0.369) < 4 * error).all()  # control


def test_units_of_a_level_do_not_matter():
    """c_i cancels: another scale and origin of each level change nothing but rounding."""
    rng = np.random.default_rng(5)
    settings = data(rng, (1.0, 3.0), 60)
    moved = [s._replace(levels=1000.0 + 30.0 * CENTERS + CENTERS / 100.0 * (s.levels - CENTERS)) for s in settings]
    one, two = (fit_relative_temperatures(x, num_draws=10) for x in (settings, moved))
    np.testing.assert_allclose(one.settings[1].log_draws, two.settings[1].log_draws, rtol=0, atol=1e-6)
    back = fit_relative_temperatures(settings[::-1], num_draws=10)
    assert back.settings[1].log_temperature == pytest.approx(-one.settings[1].log_temperature, abs=1e-9)


def test_weights_are_common_positive_and_of_least_variance():
    shape = 2.0 * np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    weights = common_weights(shape, 10**9)
    exact = np.linalg.solve(shape, np.ones(3))
    np.testing.assert_allclose(weights, exact / exact.sum(), atol=1e-4)
    np.testing.assert_allclose(common_weights(shape, 20), np.full(3, 1 / 3), atol=1e-4)  # too few to know


def test_a_level_with_a_factor_of_its_own_is_left_out_and_named():
    rng = np.random.default_rng(6)
    settings = heated(data(rng, (1.0, 2.0, 4.0), 150), 2, 6, 4.0)
    fit = fit_relative_temperatures(settings)
    assert fit.weights[6] == 0.0
    assert fit.weights.sum() == pytest.approx(1.0)
    assert any("left out level 6: variance not ∝ the common temperature" in text for text in fit.warnings)
    assert fit.settings[2].relative_temperature.contains(4.0)


@pytest.mark.parametrize("replicas", [5, 100])
@pytest.mark.slow
def test_agreeing_levels_are_left_alone(replicas, reduced):
    """False-alarm rate 1e-3 over all levels, 300 data sets: more than 3 alarms in one of 3500 such tests.
    Reduced, 100 data sets: more than 2 in one of 6500."""
    rng, (sets, most) = np.random.default_rng(7), (100, 2) if reduced else (300, 3)
    alarms = 0
    for _ in range(sets):
        fit = fit_relative_temperatures(data(rng, (1.0, 2.0, 4.0), replicas), num_chains=1, num_draws=1)
        alarms += bool(fit.warnings) or not all(setting.same_fixed_point for setting in fit.settings)
    assert alarms <= most


def test_levels_without_a_common_factor():
    """Half of them heat with T², half with T: no level can be blamed, and the interval holds the spread."""
    rng = np.random.default_rng(8)
    settings = data(rng, (1.0, 4.0), 400, shared=0.2)
    for modes in ([2, 3, 4], 7):
        heated(settings, 1, modes, 4.0)
    fit = fit_relative_temperatures(settings)
    assert any("do not grow by one common factor" in text for text in fit.warnings)
    interval = fit.settings[1].relative_temperature
    assert interval.lower < 4.0
    assert interval.upper > 16.0
    assert (fit.weights > 0).sum() > 4


def test_levels_that_carry_no_temperature_are_left_out():
    """A constant level and one at the wall at 0, the law of which is not Gaussian there."""
    rng = np.random.default_rng(9)
    settings = []
    for setting in data(rng, (1.0, 2.0), 100):
        at_wall = 0.01 * np.sqrt(setting.learning_rate) * np.abs(rng.standard_normal((100, 1)))
        levels = np.concatenate([at_wall, setting.levels, np.full((100, 1), 600.0)], axis=1)
        settings.append(setting._replace(levels=levels))
    fit = fit_relative_temperatures(settings)
    assert fit.weights[[0, 9]].tolist() == [0.0, 0.0]
    assert any("left out level 9: no fluctuation" in text for text in fit.warnings)
    assert any("left out level 0: near 0" in text for text in fit.warnings)
    # levels of both signs have no wall at 0
    shifted = [s._replace(levels=s.levels - 150.0) for s in settings]
    assert fit_relative_temperatures(shifted).weights[0] > 0.0


@pytest.mark.parametrize(("power", "what"), [(2, "eigenvalues of WᵀW"), (1, "singular values")])
def test_noise_around_zero_is_left_out(power, what):
    """Of a matrix of rank 3 with noise only three levels have a fixed point; the variances of the squares of the
    others are ∝ T², without a wall in sight: repulsion keeps each of them narrow and many widths away from 0."""
    rng = np.random.default_rng(21)
    signal = np.zeros((40, 20))
    signal[np.arange(3), np.arange(3)] = [1.0, 2.0, 3.0]
    settings = []
    for temperature in (1.0, 3.0):
        noisy = signal + 0.02 * np.sqrt(temperature) * rng.standard_normal((200, 40, 20))
        levels = np.linalg.svd(noisy, compute_uv=False)[:, ::-1] ** power
        settings.append(LevelData(what, 0.1 * temperature, 1, levels))
    assert (settings[0].levels.mean(axis=0)[:-3] > 5 * settings[0].levels.std(axis=0)[:-3]).any()
    fit = fit_relative_temperatures(settings)
    assert fit.warnings == ("left out levels 0-16: near 0 variances are not ∝ T",)
    assert fit.settings[1].relative_temperature.contains(3.0)
    noise = [setting._replace(levels=setting.levels[:, :-3]) for setting in settings]
    with pytest.raises(InputError, match="noise around 0"):
        fit_relative_temperatures(noise)


@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e200])
def test_any_unit(unit):
    rng = np.random.default_rng(22)
    settings = [s._replace(levels=unit * s.levels) for s in data(rng, (1.0, 2.0), 50)]
    fit = fit_relative_temperatures(settings)
    assert fit.warnings == ()
    assert fit.settings[1].relative_temperature.contains(2.0)


def test_a_large_degenerate_group_is_one_fixed_point():
    """30 degenerate levels part by many widths ∝ √T."""
    rng = np.random.default_rng(23)
    settings = [LevelData("goe", t, 1, 500.0 + np.sqrt(t) * goe(rng, 30, 200)) for t in (1.0, 2.0, 4.0)]
    fit = fit_relative_temperatures(settings)
    assert all(setting.same_fixed_point for setting in fit.settings)
    assert fit.settings[2].relative_temperature.contains(4.0)


def test_replicas_of_two_minima_in_one_setting():
    """Half of the replicas elsewhere: no replica is far from the median in widths, but a gap divides them."""
    rng = np.random.default_rng(24)
    settings = data(rng, (1.0, 2.0), 40)
    settings[1] = settings[1]._replace(levels=settings[1].levels + 30.0 * WIDTHS * (np.arange(40) % 2 == 0)[:, None])
    with pytest.raises(InputError, match=r"20 of 40 replicas are at another fixed point"):
        fit_relative_temperatures(settings)


def test_of_two_equal_parties_the_first_is_kept():
    rng = np.random.default_rng(25)
    settings = data(rng, (1.0, 2.0, 1.5, 3.0), 100)
    for index in (2, 3):
        settings[index] = settings[index]._replace(levels=settings[index].levels + 100.0 * WIDTHS)
    assert [s.same_fixed_point for s in fit_relative_temperatures(settings).settings] == [True, True, False, False]


def test_rounded_numbers_do_not_fluctuate():
    """A level constant up to float32 rounding, stored in float64."""
    rng = np.random.default_rng(10)
    settings = []
    for setting in data(rng, (1.0, 2.0), 50):
        constant = np.float32(600.0) + 7e-5 * rng.integers(-1, 2, (50, 1))
        levels = np.concatenate([setting.levels, constant], axis=1).astype(np.float32)
        settings.append(setting._replace(levels=levels.astype(np.float64)))
    assert any("left out level 8: no fluctuation" in text for text in fit_relative_temperatures(settings).warnings)


def shifted_by(settings, shift):
    return [s._replace(levels=s.levels + shift(s.learning_rate / 0.01)) for s in settings]


def test_mean_levels_may_shift_with_temperature():
    """A shift of four widths ∝ T, and levels of a degenerate group, which part ∝ √T, are no other fixed point."""
    rng = np.random.default_rng(11)
    plain = data(rng, (0.25, 0.5, 1.0, 2.0), 400)
    moved = shifted_by(plain, lambda t: 4.0 * WIDTHS * t)
    for settings in (plain, moved):
        assert all(setting.same_fixed_point for setting in fit_relative_temperatures(settings).settings)


@pytest.mark.parametrize("astray", [1, 3])
def test_another_fixed_point_is_named(astray):
    """Two single levels of one setting moved by 30 widths: that setting is named, and only that."""
    rng = np.random.default_rng(12)
    settings = data(rng, (0.25, 0.5, 1.0, 2.0), 100)
    moved = settings[astray].levels + 30.0 * WIDTHS * np.isin(np.arange(8), (6, 7))
    settings[astray] = settings[astray]._replace(levels=moved, path="other.npz")
    fit = fit_relative_temperatures(settings)
    assert [setting.same_fixed_point for setting in fit.settings] == [index != astray for index in range(4)]
    said = " ".join(fit.settings[astray].warnings)
    assert "other.npz" in said
    assert "rests at another fixed point (mean of levels 6-7)" in said
    assert sum(len(setting.warnings) for setting in fit.settings) == 1


def test_of_two_settings_the_second_is_named():
    rng = np.random.default_rng(13)
    settings = data(rng, (1.0, 1.1), 100)
    settings[0] = settings[0]._replace(levels=settings[0].levels + 30.0 * WIDTHS)
    assert [s.same_fixed_point for s in fit_relative_temperatures(settings).settings] == [True, False]


def test_a_small_shift_is_no_other_fixed_point():
    """0.3 widths, ten standard errors at 1600 replicas: significant, but smaller than half a width."""
    rng = np.random.default_rng(14)
    settings = data(rng, (1.0, 1.0), 1600)
    settings[1] = settings[1]._replace(levels=settings[1].levels + 0.3 * WIDTHS)
    assert all(setting.same_fixed_point for setting in fit_relative_temperatures(settings).settings)


def test_a_replica_that_left_the_minimum_is_left_out():
    rng = np.random.default_rng(15)
    settings = data(rng, (1.0, 2.0), 100)
    settings[1].levels[3] += 300.0 * WIDTHS
    fit = fit_relative_temperatures(settings)
    assert fit.settings[1].num_replicas == 99
    assert fit.settings[1].warnings == ("1 replica with a level more than 30 widths away left out",)
    settings[1].levels[:20] += 300.0 * WIDTHS
    with pytest.raises(InputError, match=r"20 of 100 replicas are at another fixed point .* start all .* one minimum"):
        fit_relative_temperatures(settings)


def test_three_replicas_and_one_level():
    """The smallest data: an F ratio with (2, 2) degrees of freedom, whose quantiles are 1/39 and 39."""
    rng = np.random.default_rng(16)
    settings = [LevelData("few", 0.1, 1, rng.standard_normal((3, 1))) for _ in range(2)]
    fit = fit_relative_temperatures(settings, num_draws=20000)
    ratio = settings[1].levels.var() / settings[0].levels.var()
    low, high = np.quantile(fit.settings[1].log_draws, [0.025, 0.975]) - np.log(ratio)
    assert (low, high) == pytest.approx((-np.log(39.0), np.log(39.0)), rel=0.15)
    assert "only 3 replicas" in fit.settings[0].warnings[0]


def test_draws():
    rng = np.random.default_rng(17)
    settings = data(rng, (1.0, 2.0), 50)
    fit = fit_relative_temperatures(settings, seed=1, num_chains=3, num_draws=7)
    assert fit.settings[1].log_draws.shape == (3, 7)
    assert not fit.settings[0].log_draws.any()
    assert fit.settings[0].relative_temperature == (1.0, 1.0, 1.0, 0.0)
    again = fit_relative_temperatures(settings, seed=1, num_chains=3, num_draws=7)
    np.testing.assert_array_equal(fit.settings[1].log_draws, again.settings[1].log_draws)
    many = fit_relative_temperatures(settings, num_draws=20000).settings
    assert many[1].log_draws.mean() == pytest.approx(many[1].log_temperature, abs=0.01)
    assert many[1].log_draws.std() == pytest.approx(np.hypot(many[0].log_error, many[1].log_error), rel=0.02)


def bad(change):
    rng = np.random.default_rng(18)
    settings = data(rng, (1.0, 2.0), 10)
    return change(settings)


def with_levels(change):
    return lambda s: [s[0], s[1]._replace(levels=change(s[1].levels.copy()))]


REFUSED = {
    "one setting": (lambda s: s[:1], "one setting only"),
    "none": (lambda s: [], "one setting only"),
    "modes": (with_levels(lambda x: x[:, :5]), "synthetic .* has 8 modes, synthetic .* 5"),
    "two replicas": (with_levels(lambda x: x[:2]), "at least 3 replicas"),
    "constant": (with_levels(lambda x: np.broadcast_to(x[0], x.shape)), "no fluctuation"),
    "not finite": (with_levels(lambda x: np.where(x > 490, np.nan, x)), "NaN or infinite"),
    "descending": (with_levels(lambda x: x[:, ::-1]), "must ascend"),
    "one axis": (with_levels(lambda x: x[0]), "must have 2 dimensions"),
    "no modes": (lambda s: [one._replace(levels=one.levels[:, :0]) for one in s], "1 mode"),
    "learning rate": (lambda s: [s[0], s[1]._replace(learning_rate=-1.0)], "`learning_rate` must be positive"),
    "batch size": (lambda s: [s[0], s[1]._replace(batch_size=0)], "`batch_size` must be at least 1"),
    "all at the wall": (
        lambda s: [one._replace(levels=np.sort(np.abs(one.levels - CENTERS))) for one in s],
        "no level",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    change, message = REFUSED[case]
    with pytest.raises(InputError, match=message) as error:
        fit_relative_temperatures(bad(change))
    assert "\n" not in str(error.value)
