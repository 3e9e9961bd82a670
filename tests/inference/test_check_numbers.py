"""Checks of the data before a fit: their p-values, thresholds and formulas, by hand, by a definition or by SciPy."""

import numpy as np
import pytest
from scipy import stats

from coulombgas import InputError
from coulombgas.inference import _level_space as level_space
from coulombgas.inference._data_checks import _order_p_value, drift, group_disagreement, replica_autocorrelation
from coulombgas.inference._level_space import find_level_space
from coulombgas.inference._settings import collect_settings
from coulombgas.models import GaussianRBM
from coulombgas.spectra import make_spectra
from tests.inference.test_level_groups import WIDTH2, levels_of, setting_of

WIDTH = np.sqrt(WIDTH2)


# --- the order of the replicas ---


def walk(num, memory, seed):
    rng, found = np.random.default_rng(seed), [0.0]
    for _ in range(num + 50):
        found.append(memory * found[-1] + rng.normal())
    return np.array(found[-num:])


def time_of(series):
    """τ = 1 + 2 Σ ρ_k over the shortest window of at least 5τ, with ρ_k the sum over the n − k pairs (Sokal)."""
    own, tau = series - series.mean(), 1.0
    for window in range(len(own)):
        if window:
            tau += 2 * sum(own[i] * own[i + window] for i in range(len(own) - window)) / sum(own**2)
        if window >= 5 * tau:
            break
    return tau


@pytest.mark.parametrize("memory", [0.6, 0.9])
def test_the_effective_number_is_that_of_a_window_of_five_times(memory):
    """By loops over lags and pairs; the energy of a single level is its squared deviation."""
    series = walk(400, memory, seed=2)
    found = replica_autocorrelation(series[:, None], [(0,)])
    assert found.num_effective_means == pytest.approx(400 / time_of(series))
    assert found.num_effective == pytest.approx(400 / time_of((series - series.mean()) ** 2))
    assert f"{400 / time_of(series):.0f} for the mean levels" in found.warning


@pytest.mark.parametrize(("period", "found"), [(4, True), (5, False)])
def test_four_lags_are_looked_at_in_twenty_replicas(period, found):
    """A level that repeats itself every fourth replica, and the control: every fifth, as in blocks of five."""
    levels = np.tile(np.random.default_rng(3).permutation(period), 20 // period) + 1e-3 * np.arange(20)
    assert bool(replica_autocorrelation(levels[:, None], [(0,)]).warning) == found


def normal_scores(series):
    """Centred normal scores of the ranks."""
    found = stats.norm.ppf((stats.rankdata(series) - 0.5) / len(series))
    return found - found.mean()


def test_a_p_value_of_order_is_that_of_all_permutations():
    """Twelve replicas, two lags of which the first is the larger; 60 000 permutations know 0.024 to 2.6%."""
    series = walk(12, 0.7, seed=2)
    scores = normal_scores(series)
    own, other = ((scores[lag:] * scores[:-lag]).sum() for lag in (1, 2))
    assert own > other
    shuffled = np.random.default_rng(5).permuted(np.tile(scores, (60_000, 1)), axis=1)
    exact = ((shuffled[:, 1:] * shuffled[:, :-1]).sum(axis=1) >= own - 1e-12).mean()
    assert _order_p_value(series[:, None]) == pytest.approx(2 * exact, rel=0.1)


def test_a_p_value_of_blocks_is_that_of_an_analysis_of_variance():
    """Four blocks of sixteen at other means, or eight of eight: the smaller of both, times four lags and two blocks."""
    series = np.random.default_rng(6).normal(size=64) + np.repeat([0.0, 1.5, 0.0, 1.5], 16)
    parts = [stats.f_oneway(*np.array_split(normal_scores(series), blocks)).pvalue for blocks in (4, 8)]
    assert _order_p_value(series[:, None]) == pytest.approx(6 * min(parts))


def test_levels_that_never_change_do_not_drift():
    assert drift(np.ones((10, 4, 3)), np.arange(1, 5)).p_value == 1.0


@pytest.mark.parametrize("unit", [1e-300, 1e300])
def test_groups_disagree_in_any_unit(unit):
    values, errors = np.array([0.0, 0.3, 0.9]), np.array([0.1, 0.2, 0.3])
    found, moved = (group_disagreement(values + np.log(factor), errors) for factor in (1.0, unit))
    assert found.chi2 > 1
    assert moved.chi2 == pytest.approx(found.chi2, rel=1e-9)


# --- replicas that are left out ---


@pytest.mark.parametrize(("replicas", "told"), [(19, True), (20, False)])
def test_below_twenty_replicas_the_prior_counts(replicas, told):
    setting = setting_of(levels_of(np.random.default_rng(7), replicas))
    assert any(f"only {replicas} replicas" in one for one in setting.warnings) == told


@pytest.mark.parametrize(
    ("replicas", "far", "refused"),
    [(100, 1, False), (100, 5, False), (100, 6, True), (10, 1, False), (10, 2, True), (5, 1, False)],
)
def test_one_in_twenty_replicas_may_be_far_away_and_one_in_any_case(replicas, far, refused):
    levels = levels_of(np.random.default_rng(4), replicas)
    levels[:far, -1] += 1000 * WIDTH
    if refused:
        with pytest.raises(InputError, match=f"{far} of {replicas} replicas hold levels that the model cannot have"):
            setting_of(levels)
        return
    setting, how = setting_of(levels), "1 replica" if far == 1 else f"{far} replicas"
    were = "was" if far == 1 else "were"
    assert setting.num_replicas == replicas - far
    assert f"{how} with a level more than 30 widths away {were} left out" in setting.warnings


@pytest.mark.parametrize("inside", [1, 2])
def test_two_replicas_inside_the_domain_are_needed(inside):
    model = GaussianRBM(num_visible=4)
    levels = model.fixed_point + 0.01 * np.random.default_rng(0).normal(size=(inside + 1, 4))
    levels[0, -1] = model.mu2 + 1
    spectra = make_spectra(levels[None, :, None], learning_rate=[0.02], batch_size=[64], model=model.config())
    if inside == 1:
        with pytest.raises(InputError, match="1 replica of use, at least 2 are needed"):
            collect_settings(spectra)
    else:
        (setting,) = collect_settings(spectra)
        assert setting.num_replicas == 2


# --- levels in another form ---


@pytest.mark.parametrize("sigma_h2", [0.25, 1.0, 1.5])
@pytest.mark.parametrize("kind", ["eigenvalues", "singular-values", "squared-singular-values"])
def test_a_formula_and_a_slope_are_those_of_the_transformed_levels(kind, sigma_h2):
    """The text of each formula, run as Python, gives the levels; its central difference the slope.

    Squares are those of both mean ± width, of mean and width alike.
    """
    mean, width, found = np.array([0.3, 0.7, 2.0]), np.array([0.1, 0.2, 0.5]), []
    for one in level_space._transformations(mean, width, kind, 9.0, sigma_h2, (2, 5)):
        found.append(one.formula.removeprefix("eigenvalue = "))
        code = compile(found[-1], "formula", "eval")
        apart = width if "s**2" in found[-1] else 0.0
        points = [mean - 1e-5, mean + 1e-5, mean - apart, mean + apart]
        below, above, low, high = (eval(code, {"np": np, "x": x, "s": x}) for x in points)
        np.testing.assert_allclose(one.levels, (low + high) / 2)
        np.testing.assert_allclose(one.slope, (above - below) / 2e-5, rtol=1e-6)
    squared, scaled = kind.startswith("squared"), f"{sigma_h2:g}"
    expected = ["9 - x", "9 - 1 / x", "2 * x", "x / 2", "5 * x", "x / 5", "s**2" if squared else "np.sqrt(x)"]
    expected += ["x / 2"] * (kind == "eigenvalues")
    if sigma_h2 != 1:
        expected += [f"{scaled} * x", *[f"{scaled} * s**2"] * squared]
    assert sorted(found) == sorted(expected)


def test_levels_in_another_form_are_refused_before_a_fit():
    """Eigenvalues of W + Wᵀ; control: those of W."""
    levels = levels_of(np.random.default_rng(9), 100)
    assert setting_of(levels).num_replicas == 100
    with pytest.raises(InputError, match="halve them"):
        setting_of(2 * levels)


@pytest.mark.parametrize("unit", [0.01, 1.0, 1000.0])
@pytest.mark.parametrize(("apart", "distance"), [(5e-4, 0.0), (2e-3, 10.0)])
def test_levels_within_a_thousandth_of_the_largest_are_one_group(unit, apart, distance):
    """Two levels that are ten widths farther apart than the model's: together they have its mean."""
    expected, width = unit * np.array([1.0 - apart, 1.0]), np.full(2, 1e-4 * unit)
    found = find_level_space(expected + 10 * width * [-1, 1], width, expected, width, "eigenvalues")
    assert found.distance == pytest.approx(distance, abs=1e-6)


def test_a_group_of_which_one_level_does_not_fluctuate_gives_no_verdict():
    found = find_level_space(
        np.array([3.0, 3.0]), np.array([0.0, 0.1]), np.ones(2), np.array([0.0, 0.1]), "squared-singular-values"
    )
    assert found == (0.0, "", "")
