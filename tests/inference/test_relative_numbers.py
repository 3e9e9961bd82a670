"""Thresholds and errors of temperatures relative to each other, by hand or by SciPy."""

import numpy as np
import pytest
from scipy import special, stats

from coulombgas import InputError
from coulombgas.inference.relative import LevelData, fit_relative_temperatures
from coulombgas.inference.relative._agreement import _p_values
from coulombgas.inference.relative._fixed_point import _excess, _offsets, strays
from coulombgas.inference.relative._levels import name_levels, usable_levels
from coulombgas.inference.relative._variances import LogVariances, log_variances


def scores(num):
    """Equally likely values of a normal variable, ascending, with variance 1."""
    found = stats.norm.ppf((np.arange(num) + 0.5) / num)
    return found / found.std()


def settings_of(*levels):
    return [LevelData("made up", 0.1, 1, np.asarray(one, float)) for one in levels]


@pytest.mark.parametrize(
    ("indices", "name"),
    [([3], "level 3"), ([0, 1], "levels 0-1"), ([0, 1, 2, 4], "levels 0-2, 4"), ([0, 2, 4, 5], "levels 0, 2, 4-5")],
)
def test_levels_are_named_by_their_runs(indices, name):
    assert name_levels(np.array(indices)) == name
    assert name_levels(np.isin(np.arange(7), indices)) == name


@pytest.mark.parametrize("replicas", [20, 49, 2000])
def test_only_many_replicas_show_lighter_tails(replicas):
    """A uniform level has ⟨u²⟩ = 4/5, a normal one 2; the measured one counts where it is known, within 10% here.

    The variance is ψ'(ν/2) with ν = 2(replicas − 1)/⟨u²⟩, and ψ'((replicas − 1)/2) for a normal level.
    """
    rng = np.random.default_rng(0)
    found = log_variances([rng.uniform(size=(replicas, 1)) for _ in range(2)], [0, 1])
    expected = special.polygamma(1, (replicas - 1) / (0.8 if replicas > 50 else 2.0))
    np.testing.assert_allclose(found.covariance[:, 0, 0], expected, rtol=0.1 if replicas > 50 else 1e-9)


@pytest.mark.parametrize(("far", "left"), [(1, 99), (2, 98), (5, 95), (6, None)])
def test_one_in_twenty_replicas_may_have_left(far, left):
    levels = np.sort(100 + np.random.default_rng(1).normal(size=(100, 1)), axis=0)
    levels[-far:] += 1000
    settings = settings_of(levels, 100 + 2 * (levels[:, ::-1] - 100))
    if left is None:
        with pytest.raises(InputError, match="6 of 100 replicas are at another fixed point"):
            usable_levels(settings)
    else:
        usable, how = usable_levels(settings), f"{far} replica{'s' if far > 1 else ''}"
        assert [len(setting.levels) for setting in usable.settings] == [left, left]
        assert usable.of_setting[0] == (f"{how} with a level more than 30 widths away left out",)


@pytest.mark.parametrize(("distance", "left"), [(28, 100), (32, 99)])
def test_thirty_widths_are_thirty_standard_deviations_of_a_normal_level(distance, left):
    levels = 500 + scores(100)[:, None]
    levels[-1] = 500 + distance
    assert len(usable_levels(settings_of(levels, levels)).settings[0].levels) == left


@pytest.mark.parametrize(("gap", "told"), [(4, False), (4.9, False), (5.1, True), (8, True)])
@pytest.mark.parametrize("lower", [40, 60, 80])
def test_two_minima_are_five_widths_apart(gap, told, lower):
    """120 replicas in two parties of standard deviation 1; the gap is between the nearest two of them."""
    low, high = (scores(num)[:, None] for num in (lower, 120 - lower))
    levels = np.concatenate([low, high - high.min() + low.max() + gap]) + 100
    if told:
        with pytest.raises(InputError, match=f"{min(lower, 120 - lower)} of 120 replicas are at another fixed point"):
            usable_levels(settings_of(levels, levels))
    else:
        assert usable_levels(settings_of(levels, levels)).settings[0].levels.shape == (120, 1)


@pytest.mark.parametrize(("ratio", "left_out"), [(3.9, False), (4.1, True)])
def test_a_level_at_the_wall_is_known_by_widths_that_differ_by_four_errors(ratio, left_out):
    """A level whose mean is ten widths at every temperature, for 100 replicas: each error is 1/√200 · √2 = 0.1.

    Control: another, whose mean stays, is used.
    """
    settings = []
    for factor in (1.0, np.exp(0.1 * ratio)):
        settings.append(np.stack([factor * (10 + scores(100)), 1000 + factor * scores(100)], axis=1))
    usable = usable_levels(settings_of(*settings))
    assert usable.modes.tolist() == ([1] if left_out else [0, 1])
    assert ("left out level 0: near 0 variances are not ∝ T" in usable.warnings) == left_out


@pytest.mark.parametrize("replicas", [3, 5, 100])
@pytest.mark.parametrize(("share", "found"), [(0.95, {}), (1.05, {1: [0]})])
def test_means_of_two_settings_are_compared_by_student_s_t(replicas, share, found):
    """One level, one temperature: the difference of both means over its error, at 1e-4/2 for two means on either side.

    At one temperature the expansion in the noise is the same in both settings and drops out.
    """
    own = scores(replicas) * np.sqrt((replicas - 1) / replicas)  # an unbiased variance of 1
    limit = stats.t(replicas - 1).isf(1e-4 / 4) * np.sqrt(2 / replicas)
    assert share * limit > 0.5  # widths, below which nothing is told
    levels = [100 + own[:, None], 100 + own[:, None] + share * limit]
    assert {key: modes.tolist() for key, modes in strays(levels, np.zeros(2)).items()} == found


def test_levels_within_five_widths_make_a_cluster():
    """Gaps of 4.9, 5.1, 4.0 and 6.0 mean widths: two pairs, and one alone."""
    width = np.array([1.0, 3.0, 1.0, 1.0, 2.0])
    mean = 50 + np.concatenate([[0.0], np.cumsum([9.8, 10.2, 4.0, 9.0])])
    np.testing.assert_allclose(_offsets(mean[None], width[None]), [[4.9, 4.9, 2.0, 2.0, 0.0]])


def test_a_first_setting_that_agrees_with_no_other_is_astray():
    """Two settings of one mean against two that differ from these and from each other."""
    levels = [100 + shift + scores(50)[:, None] for shift in (10.0, -10.0, 0.0, 0.0)]
    assert sorted(strays(levels, np.zeros(4))) == [0, 1]


@pytest.mark.parametrize("unit", [0.1, 10.0])
def test_a_mean_is_compared_with_a_regression_on_the_others(unit):
    """x + a√T + bT + eT² by the normal equations of the other settings, with b and e of 10 and 2 widths at the hottest.

    a is as wide as a level is far from the middle of its cluster: 1.5 widths in the pair, nothing alone. The means of
    the third setting are off.
    """
    heat, num = np.array([0.1, 0.2, 0.5, 1.0]), 50
    place = np.sqrt(heat)[:, None] * np.array([-1.5, 1.5, 0.0]) + np.array([0.0, 0.0, 100.0])
    place[2] += 8
    rows = [unit * (place[k] + np.sqrt(heat[k]) * scores(num)[:, None]) for k in range(4)]
    design = heat[:, None] ** [0, 0.5, 1, 2]
    error2 = heat / (num - 1)  # of a mean, with an unbiased variance
    width2 = num / (num - 1)
    found = _excess(rows, np.log(3 * heat))(np.arange(4))
    limit = stats.t(num - 1).isf(1e-4 / 24)
    for level, spread in enumerate((1.5, 1.5, 0.0)):
        for out in range(4):
            rest = np.arange(4) != out
            precision = np.diag([0.0, 1 / max(spread, 1e-5) ** 2, 1 / 100 / width2, 1 / 4 / width2])
            inverse = np.linalg.inv(design[rest].T / error2[rest] @ design[rest] + precision)
            fitted = design[out] @ inverse @ (design[rest].T / error2[rest]) @ place[rest, level]
            away, error = place[out, level] - fitted, np.sqrt(error2[out] + design[out] @ inverse @ design[out])
            far = abs(away) > 0.5 * np.sqrt(heat[out] * width2)
            assert found[out, level] == pytest.approx(far * abs(away) / (error * limit), rel=1e-6)


@pytest.mark.parametrize(("hot", "common"), [(1, True), (2, True), (3, False)])
def test_fewer_than_half_of_the_levels_may_be_left_out(hot, common):
    """Of six independent levels some have four times the variance at the second setting, 300 replicas each."""
    rng = np.random.default_rng(3)
    first = 100 * np.arange(1, 7) + rng.permuted(np.tile(scores(300)[:, None], 6), axis=0)
    second = 100 * np.arange(1, 7) + rng.permuted(np.tile(scores(300)[:, None], 6), axis=0) * np.where(
        np.arange(6) < hot, 2, 1
    )
    fit = fit_relative_temperatures(settings_of(first, second), num_chains=1, num_draws=1)
    assert (fit.weights == 0).tolist() == [common and level < hot for level in range(6)]
    assert any("do not grow by one common factor" in one for one in fit.warnings) != common


@pytest.mark.parametrize(("settings", "replicas", "denominator"), [(3, 120, 57.0), (3, 6, 1.0), (2, 120, 58.0)])
@pytest.mark.parametrize("weights", [[0.5, 0.3, 0.2], [1.0, 0.0, 0.0]])
def test_a_level_is_compared_with_the_mean_by_an_f_law(settings, replicas, denominator, weights):
    """Degrees of freedom: settings less one, over half the replicas less the settings; independent levels.

    Level i less the mean has the variance Σ (δ_ij − w_j)² C_jj; one with all the weight agrees with itself.
    """
    rng = np.random.default_rng(4)
    estimate, variance = rng.normal(size=(settings, 3)), np.array([[0.1, 0.2, 0.3], [0.2, 0.2, 0.2], [0.3, 0.1, 0.1]])
    variance = variance[:settings]
    found = _p_values(
        LogVariances(estimate, np.array([np.diag(row) for row in variance]), 2 * np.eye(3), replicas),
        np.array(weights), np.arange(settings),
    )  # fmt: skip
    for level in range(3):
        away = estimate[:, level] - estimate @ weights
        own = variance @ ((np.arange(3) == level) - np.array(weights)) ** 2
        if weights[level] == 1:
            assert found[level] == pytest.approx(1.0)
            continue
        away = away - np.average(away, weights=1 / own)
        freedom = settings - 1
        assert found[level] == pytest.approx(stats.f(freedom, denominator).sf((away**2 / own).sum() / freedom))
