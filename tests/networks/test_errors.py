"""Stated errors and probabilities of one matrix against simulations and quadrature."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import integrate, special

from coulombgas import InputError
from coulombgas._interval import Interval
from coulombgas.motion._groups import GroupNoise, _mean_and_error
from coulombgas.motion._moves_of_levels import moves_of
from coulombgas.motion._stationarity import Stationarity
from coulombgas.networks import Dynamics, find_spikes, fit_bulk, fit_repulsion
from coulombgas.networks._bulk import _effect, log_ratio_moments, mixed
from coulombgas.networks._layer_noise import (
    LayerMotion,
    _group,
    _mix,
    _pooled,
    _range,
    common_temperature,
    layer_motion,
)
from coulombgas.networks._spikes import _NODES, _with_entries, outlier_sd
from coulombgas.spectra import layer_spectrum


def walks(num, sd):
    """Levels of matrices, far apart, that walk independently with steps of the given size."""
    rng, place = np.random.default_rng(0), np.linspace(20.0, 60.0, 30)
    for _ in range(num):
        yield (place + sd * np.cumsum(rng.standard_normal((25, 30)), axis=0)) ** 2


@pytest.mark.full("test_the_error_of_the_noise_counts_both_averages")
def test_the_error_of_the_noise_is_its_scatter():
    """300 matrices: (ŝ² − s²)/sd has variance 1.00 ± 0.08, with bounds 4 errors away; ⟨Δ²⟩ alone would give 1.5."""
    found = [layer_motion(levels, np.arange(25)).bulk.noise for levels in walks(300, 0.01)]
    scores = [(noise.mean - 0.01**2) / noise.sd for noise in found]
    assert abs(np.var(scores) - 1) < 0.32
    assert abs(np.mean(scores)) < 0.25


def test_the_error_of_the_noise_counts_both_averages():
    """The variance of ⟨Δ²⟩ − ⟨ΔΔ'⟩ is 3, not 2, over the moves: no error is below that of 30 levels and 24 moves.

    The least of 30 is near it, for 30 levels whose noise is known to 35% each count as 27, and the mean is no third
    above it. Blocks of time, of which there are six, would have a smaller error in half of the cases.
    """
    errors = []
    for levels in walks(30, 0.01):
        moves = moves_of(np.sqrt(levels), np.arange(25), 1, 0.0)
        known = np.flatnonzero(np.isfinite(moves.noise))  # a level that moves steadily by chance is left out
        errors.append(_mean_and_error(moves, known)[1] / np.sqrt(3 / (known.size * 24)))
    assert 1 < min(errors) < 1.15
    assert np.mean(errors) < 1.33


def brody_log_likelihood(spacings: np.ndarray, q: float) -> float:
    """(q + 1) b s^q exp(−b s^{q+1}), b = Γ((q + 2)/(q + 1))^{q+1}."""
    b = math.gamma((q + 2) / (q + 1)) ** (q + 1)
    return float(np.sum(np.log((q + 1) * b) + q * np.log(spacings) - b * spacings ** (q + 1)))


@pytest.mark.parametrize("shape", [1.4, 2.0])
def test_probabilities_of_repulsion_by_quadrature(shape):
    """Wigner, Poisson, and Brody averaged over q uniform on [0, 4], with equal prior probabilities."""
    spacings = np.random.default_rng(1).weibull(shape, 60)
    spacings = spacings / spacings.mean()
    grid = np.linspace(0.0, 4.0, 4001)
    log = np.array([brody_log_likelihood(spacings, q) for q in grid])
    evidence = np.array(
        [log[1000], log[0], log.max() + np.log(integrate.simpson(np.exp(log - log.max()), dx=0.001) / 4)]
    )
    expected = np.exp(evidence - evidence.max())
    fit = fit_repulsion(spacings)
    assert list(fit.probabilities) == ["wigner", "poisson", "brody"]
    np.testing.assert_allclose(list(fit.probabilities.values()), expected / expected.sum(), rtol=2e-4)
    weight = np.exp(log - log.max())
    assert fit.brody.mean == pytest.approx(np.average(grid, weights=weight), abs=4 * fit.brody.sd / np.sqrt(2000))


def test_kurtosis_changes_the_scatter_of_the_logarithms_of_levels():
    """Var(N log⟨x⟩ − Σ log x) of logistic (κ = 1.2) over that of uniform entries (κ = −1.2), 8000 matrices each.

    Within 3.5 errors of 2.3%. Control: cosines of columns whose squares scatter as those of products of entries do,
    which are not divided by lengths, would put it at 1.2.
    """
    rng, rows, columns = np.random.default_rng(3), 40, 30
    scatter, stated = [], []
    for kurtosis, draw in ((1.2, rng.logistic), (-1.2, lambda **shape: rng.uniform(-1, 1, **shape))):
        matrices = draw(size=(8000, rows, columns))
        gram = np.swapaxes(matrices, 1, 2) @ matrices
        means = np.trace(gram, axis1=1, axis2=2) / columns
        scatter.append(np.var(columns * np.log(means) - np.linalg.slogdet(gram)[1]))
        stated.append(_effect(np.linalg.eigvalsh(gram[0]), rows, kurtosis, None).flattening)
    ratio = scatter[0] / scatter[1]
    assert stated[0] / stated[1] == pytest.approx(ratio, abs=3.5 * 0.023)
    assert abs(ratio - 1.2) > 3.5 * 0.023
    assert scatter[1] / log_ratio_moments(rows, columns)[1] == pytest.approx(stated[1], abs=3.5 * 0.016)


def test_heavy_entries_lower_the_logarithms_of_levels():
    """The entries of one matrix in random order, against 200 matrices of its law: four in five are zero.

    Within a factor of two, since one matrix knows the tail of its law badly.
    """
    rng, rows, columns = np.random.default_rng(5), 64, 40
    matrices = rng.normal(size=(200, rows, columns)) * (rng.random((200, rows, columns)) < 0.2)
    gram = np.swapaxes(matrices, 1, 2) @ matrices
    logs = np.log(np.trace(gram, axis1=1, axis2=2) / columns) - np.linalg.slogdet(gram)[1] / columns
    expected = logs.mean() - log_ratio_moments(rows, columns)[0] / columns
    spectrum = layer_spectrum("w", matrices[0])
    assert spectrum.entries.shuffled is not None
    found = _effect(spectrum.eigenvalues, rows, spectrum.kurtosis, spectrum.entries).log_shift
    assert 0.5 < found / expected < 2


def test_fits_with_several_numbers_of_spikes_mix_to_one_total():
    """Without spikes N ν v is the sum of all levels, whatever the mean of the rows."""
    levels = np.linalg.svd(np.random.default_rng(6).normal(size=(40, 20)), compute_uv=False)[::-1] ** 2
    fits = [fit_bulk(levels, 40, num_spikes=k) for k in (0, 1)]
    found = mixed(fits[0], fits, np.array([0.4, 0.6]), seed=0)
    assert found.rows.mean == pytest.approx(
        0.4 * fits[0].rows.mean + 0.6 * fits[1].rows.mean, abs=4 * found.rows.sd / 44
    )
    assert found.best_variance * found.rows.mean * 20 == pytest.approx(levels.sum())
    assert found.edge == pytest.approx(found.best_variance * (np.sqrt(found.rows.mean) + np.sqrt(20)) ** 2)


def test_four_spacings_are_the_fewest():
    assert fit_repulsion(np.array([0.5, 1.0, 1.5, 1.0])).num_spacings == 4
    with pytest.raises(InputError, match="at least 4"):
        fit_repulsion(np.array([0.5, 1.0, 1.5]))


def test_groups_of_levels_mix_on_the_logarithmic_scale():
    """Weighted geometric mean of log-normal quantities, one known to 10% and one to 30%, against 400 000 draws."""
    sizes, errors, weight = np.array([2.0, 5.0]), np.array([0.1, 0.3]), np.array([0.8, 0.2])
    parts = [
        Interval(m, m * np.exp(-1.96 * s), m * np.exp(1.96 * s), m * s) for m, s in zip(sizes, errors, strict=True)
    ]
    found = _mix(parts, weight)
    logs = np.log(sizes) + errors * np.random.default_rng(0).standard_normal((400_000, 2))
    assert found.mean == pytest.approx(np.exp(np.median(logs @ weight)), rel=1e-3)
    assert [found.lower, found.upper] == pytest.approx(np.exp(np.quantile(logs @ weight, [0.025, 0.975])), rel=3e-3)
    assert found.sd / found.mean == pytest.approx(np.std(logs @ weight), rel=0.01)
    assert _range((3, 4, 5, 7, 9, 10)) == "3-5, 7, 9-10"


def _state(name):
    return Stationarity(state=name, p_drift=0.5, p_force=0.5, relaxation=None, updates=10, statement="")


def test_a_temperature_is_the_noise_over_twice_the_rate_and_groups_pool_by_their_errors():
    noise = (Interval(2e-4, 1e-4, 4e-4, 6e-5), Interval(3e-4, 2.5e-4, 3.6e-4, 3e-5))
    groups = [
        GroupNoise(modes=(k,), noise=one, log_error=e) for k, (one, e) in enumerate(zip(noise, (0.3, 0.1), strict=True))
    ]
    still = _state("equilibrium")
    dynamics = Dynamics(optimizer="momentum", learning_rate=0.02, memory=0.9)  # 0.2 in the long run
    own = [_group(group, still, dynamics) for group in groups]
    assert [one.temperature.mean for one in own] == pytest.approx([5e-4, 7.5e-4])
    assert own[0].temperature.upper == pytest.approx(1e-3)
    assert _group(groups[0], _state("flat"), dynamics).temperature is None
    both = _pooled(*own)
    assert both.log_error == pytest.approx((0.3**-2 + 0.1**-2) ** -0.5)
    assert np.log(both.noise.mean) == pytest.approx(np.average(np.log([2e-4, 3e-4]), weights=[1 / 0.09, 1 / 0.01]))
    assert both.temperature.mean == pytest.approx(both.noise.mean / 0.4)


def test_the_temperature_of_several_layers_is_the_mean_over_their_levels_with_errors_in_quadrature():
    """Three levels of one layer and one of another; of the bulk only where no leading level has a temperature."""
    dynamics, still = Dynamics(optimizer="sgd", learning_rate=0.5), _state("equilibrium")
    known = (Interval(2.0, 1.0, 4.0, 0.6), Interval(3.0, 2.5, 3.6, 0.3))
    three, one = (
        _group(GroupNoise(modes=modes, noise=noise, log_error=0.1), still, dynamics)
        for modes, noise in zip(((4, 5, 6), (7,)), known, strict=True)
    )

    def layer(**groups):
        found = object.__new__(LayerMotion)
        for name in ("leading", "bulk"):
            object.__setattr__(found, name, groups.get(name))
        return found

    both = common_temperature([layer(leading=three, bulk=one), layer(leading=one), layer()])
    down, up, sd = (np.hypot(0.75 * a, 0.25 * b) for a, b in ((1.0, 0.5), (2.0, 0.6), (0.6, 0.3)))
    assert tuple(both) == pytest.approx((2.25, 2.25 - down, 2.25 + up, sd))
    assert tuple(common_temperature([layer(bulk=one)])) == pytest.approx(tuple(known[1]))
    assert common_temperature([layer()]) is None


@pytest.mark.parametrize("shape", [(14, 6), (9, 9)])
def test_effective_rows_by_the_density_of_wishart_levels(shape):
    """p(ν) with v integrated out, both uniform in their logarithms: Γ(νn/2) Σx^{−νn/2} Πx^{ν/2} / Π Γ((ν − i)/2) ν.

    Quantiles of 40 000 draws to four errors.
    """
    rows, n = shape
    matrix = np.random.default_rng(rows).normal(size=shape)
    levels = np.linalg.svd(matrix, compute_uv=False)[::-1] ** 2
    nu = np.linspace(n - 1 + 1e-3, 30 * rows, 400_000)
    log = nu / 2 * np.log(levels).sum() + special.gammaln(nu * n / 2) - nu * n / 2 * np.log(levels.sum()) - np.log(nu)
    log -= sum(special.gammaln((nu - i) / 2) for i in range(n))
    cdf = np.cumsum(np.exp(log - log.max()))
    draws = fit_bulk(levels, rows, num_draws=40_000).rows_draws
    for share in (0.1, 0.5, 0.9):
        place = np.interp(share, cdf / cdf[-1], nu)
        assert np.mean(draws < place) == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 40_000))


ROWS, COLUMNS = 800, 40


def planted(rng, strength: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Levels of unit noise and one signal of strength ℓ = θ²/M, squared overlaps of its vectors, and θ."""
    left, right = rng.standard_normal(ROWS), rng.standard_normal(COLUMNS)
    left, right = left / np.linalg.norm(left), right / np.linalg.norm(right)
    theta = float(np.sqrt(strength * ROWS))
    matrix = rng.standard_normal((ROWS, COLUMNS)) + theta * np.outer(left, right)
    values, vectors = np.linalg.eigh(matrix.T @ matrix)
    long = matrix @ vectors[:, -1] / np.sqrt(values[-1])
    return values, (long @ left) ** 2, (vectors[:, -1] @ right) ** 2, theta


@pytest.mark.parametrize("strength", [0.4, 1.5])
def test_outliers_scatter_by_both_sides(strength):
    """500 matrices of 800 × 40: standard deviation within 4 errors of 3.2%, above the threshold ℓ = √(1/20) = 0.22."""
    rng = np.random.default_rng(4)
    tops = np.array([planted(rng, strength)[0][-1] for _ in range(500)])
    predicted = float(outlier_sd(np.array(strength), 1.0, float(ROWS), COLUMNS))
    assert tops.std() == pytest.approx(predicted, rel=4 / np.sqrt(1000))


@pytest.mark.parametrize("strength", [0.8, 3.0])
def test_outliers_of_a_matrix_twenty_times_as_long_as_wide(strength, reduced):
    """Place and squared overlaps of 100 matrices against the formulas, strengths within their intervals.

    Reduced, of 40.
    """
    rng, num, ratio = np.random.default_rng(2), 40 if reduced else 100, COLUMNS / ROWS
    drawn = [planted(rng, strength) for _ in range(num)]
    tops = np.array([values[-1] for values, *_ in drawn])
    assert tops.mean() == pytest.approx(ROWS * (1 + strength) * (1 + ratio / strength), abs=4 * tops.std() / num**0.5)
    long, short = (np.mean([one[side] for one in drawn]) for side in (1, 2))
    fits = [find_spikes(values, ROWS, num_draws=200, seed=i) for i, (values, *_) in enumerate(drawn[:25])]
    spikes = [fit.spikes[0] for fit in fits]
    assert all(fit.num_spikes == 1 for fit in fits)
    # 25 intervals of 95%: fewer than 20 hold with probability 1e-3
    assert sum(spike.strength.contains(drawn[0][3]) for spike in spikes) >= 20
    assert np.mean([spike.overlap_long for spike in spikes]) == pytest.approx(long, abs=0.02)
    assert np.mean([spike.overlap_short for spike in spikes]) == pytest.approx(short, abs=0.02)


def test_large_entries_and_noise_are_counted_together(monkeypatch):
    """P(more levels beyond x than outliers above x that they explain), by every case of what lies beyond and what not.

    Levels of three entries scatter by 0.3 and, their places being known to 0.4, by 0.5 altogether.
    """
    places, noise = np.array([9.0, 10.0, 10.5]), np.array([1e-3, 0.02, 0.1, 0.2])
    values, level = np.array([7.0, 9.8, 10.2, 13.0]), 0.05
    scattered = places[:, None] + 0.4 * _NODES, np.full((3, 9), 0.3)
    monkeypatch.setattr("coulombgas.networks._spikes._entry_levels", lambda *_: scattered)
    entries = SimpleNamespace(large=(1.0, 1.0, 1.0), kurtosis=0.0)
    count = _with_entries.__wrapped__ if hasattr(_with_entries, "__wrapped__") else _with_entries
    found = count(values, None, noise, None, entries, level)
    explained = 0
    for got, value, alone in zip(found, values[::-1], noise, strict=True):
        chances = np.array([alone, *special.ndtr((places - value) / 0.5)])
        more = sum(
            np.prod(np.where(case, chances, 1 - chances))
            for case in itertools.product((True, False), repeat=4)
            if sum(case) > explained
        )
        assert got == pytest.approx(more, rel=1e-3)
        explained += more >= level
    assert explained == 3  # control: the highest is none of theirs


@pytest.mark.full("test_false_spikes_come_at_the_stated_rate in test_spikes.py, test_outliers_scatter_by_both_sides")
def test_noise_twenty_times_as_long_as_wide_has_no_spikes():
    """60 matrices at level 5%: more than 10 false alarms with probability 3e-4."""
    rng, num, most = np.random.default_rng(3), 60, 10
    found = 0
    for index in range(num):
        matrix = rng.standard_normal((400, 20))
        fit = find_spikes(np.linalg.eigvalsh(matrix.T @ matrix), 400, level=0.05, num_draws=100, seed=index)
        found += fit.num_spikes > 0
    assert found <= most
