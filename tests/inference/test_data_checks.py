"""Checks of the data: each finds what it is for, keeps its false-alarm rate, and passes clean data.

Rates are counted over many synthetic sets with fixed seeds, in the reduced form over a sixth of them. A count of alarms
is compared with the 99.99% quantile of the Poisson law with the stated rate: a wrong rejection of a correct check has
probability 1e-4.
"""

import numpy as np
import pytest
from scipy import signal, special, stats

from coulombgas.inference._data_checks import (
    FALSE_ALARM,
    _chi2,
    _order_p_value,
    drift,
    duplicated_replicas,
    group_disagreement,
    replica_autocorrelation,
)

GROUPS = ((0,), (1, 2))


def _levels(matrices: np.ndarray, single: np.ndarray) -> np.ndarray:
    """A single level at 1 and a GOE pair at 3, from standard normals (..., 2, 2) and (...)."""
    pair = 3 + 0.1 * np.linalg.eigvalsh((matrices + matrices.swapaxes(-1, -2)) / 2)
    return np.concatenate([1 + 0.05 * single[..., None], pair], axis=-1)


def _independent(rng, *shape: int) -> np.ndarray:
    return _levels(rng.standard_normal((*shape, 2, 2)), rng.standard_normal(shape))


def _chain(rng, num: int, memory: float, runs: int = 1) -> np.ndarray:
    """Snapshots of stationary runs, (run, snapshot, mode): matrix elements with autocorrelation memory^lag."""

    def path(*shape: int) -> np.ndarray:
        noise = rng.standard_normal((runs, num, *shape)) * np.sqrt(1 - memory**2)
        noise[:, 0] /= np.sqrt(1 - memory**2)
        return np.asarray(signal.lfilter([1.0], [1.0, -memory], noise, axis=1))

    return _levels(path(2, 2), path())


def _at_most(count: int, sets: int, rate: float) -> bool:
    return bool(count <= stats.poisson.ppf(1 - 1e-4, sets * rate))


# --- copies ---


def test_copies_are_counted():
    levels = _independent(np.random.default_rng(0), 100)
    assert duplicated_replicas(levels) == (0.0, pytest.approx(0.0, abs=1e-6), "")
    copied = np.concatenate([levels] * 4)
    found = duplicated_replicas(copied)
    assert found.fraction == 1.0
    assert "400 of 400 replicas hold exactly the levels of another" in found.refusal
    two = np.concatenate([levels, levels[:2]])
    assert duplicated_replicas(two).fraction == pytest.approx(4 / 102)
    assert duplicated_replicas(two).refusal
    one_in_a_thousand = np.concatenate([_independent(np.random.default_rng(1), 1000), levels[:1], levels[:1]])
    assert duplicated_replicas(one_in_a_thousand).refusal == ""


@pytest.mark.parametrize("modes", [1, 3])
@pytest.mark.parametrize("coarse", ["float32", 0.01])
def test_coarse_numbers_are_no_copies(modes, coarse):
    levels = _independent(np.random.default_rng(2), 40_000)[:, :modes]
    coarse_levels = levels.astype(np.float32) if coarse == "float32" else np.round(levels / coarse) * coarse
    found = duplicated_replicas(coarse_levels)
    assert found.refusal == ""
    if modes == 1:  # the control: by the bare fraction these independent replicas would be refused
        assert found.fraction > 0.01
    # and copies of coarse numbers of several levels are still found
    if modes == 3 and coarse == "float32":
        assert duplicated_replicas(np.concatenate([coarse_levels, coarse_levels[:400]])).refusal


def test_frozen_levels_do_not_hide_copies():
    levels = _independent(np.random.default_rng(3), 50)
    levels[:, 0] = 0.0
    assert duplicated_replicas(levels).refusal == ""
    assert duplicated_replicas(np.concatenate([levels, levels])).refusal


# --- snapshots of one run ---


@pytest.mark.parametrize(("memory", "num"), [(0.9, 100), (0.5, 400), (0.3, 1000), (0.97, 50)])
def test_snapshots_of_one_run_are_found(memory, num):
    rng, found = np.random.default_rng(4), []
    for _ in range(20):
        result = replica_autocorrelation(_chain(rng, num, memory)[0], GROUPS)
        found.append(result.warning != "")
        assert 0 < result.num_effective <= num
        assert 0 < result.num_effective_means <= num
    assert np.mean(found) >= 0.9


def test_snapshots_of_several_runs_one_after_the_other_are_found():
    levels = _chain(np.random.default_rng(5), 10, 0.8, runs=40).reshape(400, 3)
    assert "the 400 count as" in replica_autocorrelation(levels, GROUPS).warning


def test_p_values_of_order_hold_for_any_order_of_independent_replicas():
    """Below 0.1 in a tenth of 500 sets: 71 or more have probability 2e-3. Control: a memory of 0.5 is always found."""
    rng = np.random.default_rng(23)
    found = np.array([_order_p_value(rng.standard_normal((60, 3))) for _ in range(500)])
    assert 20 < np.count_nonzero(found < 0.1) <= 70
    assert _order_p_value(signal.lfilter([1.0], [1.0, -0.5], rng.standard_normal((60, 3)), axis=0)) < 0.01


def test_replicas_sorted_by_origin_are_found():
    """A weak common part of forty neighbours: no lag shows it, the blocks do."""
    rng = np.random.default_rng(6)
    levels = _independent(rng, 800)
    levels[:, 0] += np.repeat(0.5 * 0.05 * rng.standard_normal(20), 40)
    result = replica_autocorrelation(levels, GROUPS)
    assert result.warning
    assert result.num_effective_means < 400


def test_the_effective_number_is_that_of_the_run():
    """With memory ρ a lag, means count n(1 − ρ)/(1 + ρ), energies n(1 − ρ²)/(1 + ρ²): 0.7 gives 0.176 and 0.342."""
    result = replica_autocorrelation(_chain(np.random.default_rng(7), 40_000, 0.7)[0], GROUPS)
    # the largest of two groups, each known to about 2√(5τ/n)·…: 10% is five standard errors
    assert result.num_effective_means / 40_000 == pytest.approx(0.176, rel=0.1)
    assert result.num_effective / 40_000 == pytest.approx(0.342, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num", "sets"),
    [
        (10, 2000),
        pytest.param(20, 4000, marks=pytest.mark.full("10 and 50")),
        (50, 2000),
        pytest.param(200, 1000, marks=pytest.mark.full("50 and 500")),
        (500, 400),
    ],
)
def test_independent_replicas_raise_no_alarm(num, sets, reduced):
    rng, p_values = np.random.default_rng(8), []
    sets = sets // 6 if reduced else sets
    for _ in range(sets):
        result = replica_autocorrelation(_independent(rng, num), GROUPS)
        p_values.append(result.p_value)
        if not result.warning:
            assert result.num_effective == result.num_effective_means == num
    for rate in (FALSE_ALARM, 1e-2):
        assert _at_most(int((np.array(p_values) < rate).sum()), sets, rate), rate


def test_shuffled_snapshots_look_independent():
    """The control: it is the order that is tested, which a shuffled file no longer has."""
    rng = np.random.default_rng(9)
    levels = rng.permutation(_chain(rng, 2000, 0.9)[0])
    assert replica_autocorrelation(levels, GROUPS).num_effective == 2000


def test_frozen_levels_have_no_order():
    levels = np.ones((30, 3))
    assert replica_autocorrelation(levels, GROUPS).num_effective == 30
    levels[:, 0] = np.arange(30)
    assert replica_autocorrelation(levels, GROUPS).warning
    assert replica_autocorrelation(levels[:4], GROUPS).num_effective == 4


# --- drift between records ---


def _records(rng, num: int, records: int, memory: float) -> np.ndarray:
    return _chain(rng, records, memory, runs=num)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num", "sets"),
    [(3, 3000), pytest.param(20, 4000, marks=pytest.mark.full("3 and 100")), (100, 1500), (500, 300)],
)
@pytest.mark.parametrize("memory", [0.0, 0.95])
def test_stationary_records_raise_no_alarm(num, sets, memory, reduced):
    rng, p_values = np.random.default_rng(10), []
    sets = sets // 6 if reduced else sets
    for _ in range(sets):
        p_values.append(drift(_records(rng, num, 6, memory), np.arange(1, 7)).p_value)
    for rate in (FALSE_ALARM, 1e-2):
        assert _at_most(int((np.array(p_values) < rate).sum()), sets, rate), rate


def test_means_that_still_move_are_named():
    levels = _records(np.random.default_rng(11), 200, 6, 0.9)
    levels[..., 0] -= 0.2 * np.exp(-np.arange(6) / 3)
    found = drift(levels, 1000 * np.arange(1, 7))
    assert found.means == (0,)
    assert found.widths == ()
    assert "between updates 4000 and 6000 the level near x = 0.9" in found.warning
    assert "still rises" in found.warning
    falling = drift(-levels[..., ::-1], 1000 * np.arange(1, 7))
    assert falling.means == (2,)
    assert "still falls" in falling.warning


def test_widths_that_still_change_are_named():
    levels = _records(np.random.default_rng(12), 400, 6, 0.5)
    center = levels.mean(axis=(0, 1))
    growing = center + (levels - center) * np.linspace(0.2, 1.0, 6)[None, :, None]
    growing[..., 0] = levels[..., 0]
    found = drift(growing, np.arange(1, 7))
    assert found.widths == (1, 2)
    assert "and 0 more" not in found.warning
    assert "still widen" in found.warning
    assert "still narrow" in drift(growing[:, ::-1], np.arange(1, 7)).warning


def test_the_start_of_a_training_does_not_count():
    """The control: a transient that ends before the last third is no drift; the same inside it is."""
    levels, step = _records(np.random.default_rng(13), 300, 12, 0.2), np.arange(1, 13)
    early, late = levels.copy(), levels.copy()
    early[:, :7] += 1.0
    late[:, :9] += 1.0
    assert drift(early, step).warning == ""
    assert "still fall" in drift(late, step).warning


@pytest.mark.parametrize("step", [[100], [0, 100], [50, 100]])
def test_without_two_late_records_there_is_no_verdict(step):
    levels = np.linspace(0, 1, 3 * len(step) * 5).reshape(5, len(step), 3)
    assert drift(levels, np.array(step)) == ((), (), 1.0, "")


def test_many_moving_levels_are_counted():
    levels = np.random.default_rng(14).normal(size=(50, 2, 9)) + np.arange(9) * 5.0
    levels[:, 1] += 3.0
    found = drift(levels, np.array([90, 100]))
    assert found.means == tuple(range(9))
    assert "and 5 more still rise" in found.warning
    frozen = np.zeros((50, 2, 2))
    assert drift(frozen, np.array([90, 100])).warning == ""


# --- disagreement of the groups ---


@pytest.mark.slow
@pytest.mark.parametrize("num_groups", [2, 6])
@pytest.mark.parametrize("freedom", [20, pytest.param(40, marks=pytest.mark.full("20 and 400")), 400])
def test_groups_of_one_temperature_agree(num_groups, freedom, reduced):
    """Estimates log(Q/f) of χ²_f energies, unequal f: skew, not Gaussian (20 degrees of freedom are ten pairs)."""
    rng, sets = np.random.default_rng(15), 1500 if reduced else 10_000
    own = np.where(np.arange(num_groups) % 2, freedom, 5 * freedom)
    values = np.log(rng.chisquare(own, (sets, num_groups)) / own)
    error = np.sqrt(special.polygamma(1, own / 2))
    p_values = np.array([group_disagreement(row, error).p_value for row in values])
    for rate in (FALSE_ALARM, 1e-2):
        assert _at_most(np.count_nonzero(p_values < rate), sets, rate), rate
    # the control: errors that are a fifth too small
    small = np.array([group_disagreement(row, 0.8 * error).p_value for row in values])
    assert not _at_most(np.count_nonzero(small < 1e-2), sets, 1e-2)


def test_one_group_against_the_others():
    found = group_disagreement(np.array([0.0, 0.05, 1.0, -0.05]), np.full(4, 0.05))
    assert found.inconsistent
    assert not found.all_apart
    assert found.agreeing == (0, 1, 3)
    assert "inconsistent" in found.warning
    assert "3 of 4 agree" in found.warning


def test_every_group_disagrees():
    found = group_disagreement(np.log([1.0, 0.2, 5.0]), np.full(3, 0.05))
    assert found.all_apart
    assert len(found.agreeing) == 1
    assert "inconsistent: the level groups give temperatures from 0.2 to 5" in found.warning
    assert "no two of them agree" in found.warning
    assert group_disagreement(np.log([1.0, 2.0]), np.full(2, 0.05)).all_apart


def test_agreement_and_a_single_group_are_silent():
    found = group_disagreement(np.array([0.0, 0.05, -0.05]), np.full(3, 0.05))
    assert found.warning == ""
    assert found.agreeing == (0, 1, 2)
    assert group_disagreement(np.array([0.3]), np.array([0.1])).p_value == 1.0


@pytest.mark.parametrize("scale", [1.0, 1e60])
def test_agreement_of_variances_is_that_of_bartlett(scale):
    """Samples of 4, 9 and 30: SciPy's statistic of their equal variances; a log variance varies by 2/(f − 1)."""
    rng = np.random.default_rng(0)
    samples = [rng.normal(size=num) * size for num, size in ((4, 1.0), (9, 2.0), (30, 1.5))]
    freedom = np.array([len(sample) - 1 for sample in samples])
    logs = np.log([scale * sample.var(ddof=1) for sample in samples])
    assert _chi2(logs, np.sqrt(2 / (freedom - 1))) == pytest.approx(stats.bartlett(*samples).statistic)
