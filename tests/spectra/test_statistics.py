"""Unfolding, spacings, ratios, number variance, rigidity and vectors against exact laws and exact samples."""

import functools

import numpy as np
import pytest
from scipy.linalg import eigvalsh_tridiagonal

from coulombgas import InputError
from coulombgas.laws import mp_edges
from coulombgas.spectra import (
    RATIO_MEANS,
    layer_spectrum,
    localisation,
    number_variance,
    number_variance_curve,
    rigidity,
    rigidity_curve,
    spacing_ratio,
    unfold,
    unit_spacings,
)
from coulombgas.spectra._rigidity import _window_rigidity

LENGTHS = np.array([0.5, 1, 2, 4, 8, 12.0])


def gaussian_levels(rng, n, beta):
    """Exact β-Hermite levels, edges at ±1 (Dumitriu and Edelman)."""
    diagonal = rng.normal(0, np.sqrt(2), n)
    return eigvalsh_tridiagonal(diagonal, np.sqrt(rng.chisquare(beta * np.arange(n - 1, 0, -1)))) / np.sqrt(
        4 * beta * n
    )


def semicircle_unfolded(levels):
    x = np.clip(levels, -1, 1)
    return levels.size * (0.5 + (x * np.sqrt(1 - x * x) + np.arcsin(x)) / np.pi)


@functools.cache
def centre_of_spectra(beta, num=60, n=800):
    rng = np.random.default_rng(0)
    if beta == 0:
        return np.sort(rng.uniform(0, 500, (num, 500)), axis=1)
    rows = [semicircle_unfolded(gaussian_levels(rng, n, beta)) for _ in range(num)]
    return np.stack([row[n // 5 : -n // 5] for row in rows])


OTHER = pytest.mark.full("beta 0 and 1, here; test_reference_curves_at_known_points")


@pytest.mark.parametrize("beta", [0, 1, pytest.param(2, marks=OTHER)])
@pytest.mark.parametrize(("statistic", "curve"), [(number_variance, number_variance_curve), (rigidity, rigidity_curve)])
def test_long_range_statistics_agree_with_theory(beta, statistic, curve):
    """12 values each within 3 standard errors: false alarm 1.6% for all 36 were they independent; the seed is fixed."""
    found = statistic(centre_of_spectra(beta), LENGTHS)
    score = (found.value - curve(LENGTHS, beta)) / found.error
    assert np.abs(score).max() < 3, score
    wrong = 0 if beta else 1  # control: the other law must fail
    assert np.abs((found.value - curve(LENGTHS, wrong)) / found.error).max() > 10


def test_one_long_spectrum_has_block_errors():
    levels = np.sort(np.random.default_rng(1).uniform(0, 10_000, 10_000))
    found = number_variance(levels, np.linspace(1, 25, 18))
    assert np.abs((found.value - found.length) / found.error).max() < 4
    assert (found.error > 0).all()


def test_number_variance_is_the_exact_average_over_windows():
    levels = np.sort(np.random.default_rng(2).uniform(0, 60, 60))
    length = 7.3
    starts = np.linspace(levels[0] + 1, levels[-1] - 1 - length, 2_000_001)
    counts = np.searchsorted(levels, starts + length) - np.searchsorted(levels, starts)
    found = number_variance(levels, np.array([length])).value[0]
    assert found == pytest.approx(np.mean((counts - length) ** 2), rel=1e-3)


def test_rigidity_of_one_window_by_least_squares():
    levels = np.sort(np.random.default_rng(3).uniform(0, 24, 24))
    length = 7.0
    starts = np.linspace(levels[0] + 1, levels[-1] - 1 - length, 15)
    values = []
    for start in starts:
        x = np.linspace(start, start + length, 200_001)
        staircase = np.searchsorted(levels, x)
        values.append(np.mean((staircase - np.polyval(np.polyfit(x, staircase, 1), x)) ** 2))
    np.testing.assert_allclose(_window_rigidity(levels, starts, length), values, rtol=2e-3)


def test_spectra_of_slightly_different_extent_are_averaged():
    rng = np.random.default_rng(0)
    rows = np.sort(rng.uniform(0, 1, (5, 100)), axis=1) * np.linspace(95, 105, 5)[:, None]
    found = rigidity(rows, np.array([2.0, 6.0]))
    assert np.isfinite(found.value).all()
    assert np.isfinite(found.error).all()


def test_picket_fence_is_rigid():
    levels = np.arange(400.0)
    assert rigidity(levels, np.array([10.0])).value[0] == pytest.approx(1 / 12, rel=0.02)
    assert number_variance(levels, np.array([10.0])).value[0] == pytest.approx(0, abs=1e-9)


def test_reference_curves_at_known_points():
    # small L: Σ² → L; large L: (2/π²)(ln 2πL + γ + 1 − π²/8) for GOE; Δ₃ = L/15 for Poisson and for L → 0
    assert number_variance_curve(1e-3, 1) == pytest.approx(1e-3, rel=2e-3)
    large = 2 / np.pi**2 * (np.log(2 * np.pi * 500) + np.euler_gamma + 1 - np.pi**2 / 8)
    assert number_variance_curve(500.0, 1) == pytest.approx(large, abs=1e-3)
    assert rigidity_curve(np.array(0.01), 2) == pytest.approx(0.01 / 15, rel=0.01)
    asymptote = (np.log(2 * np.pi * 500) + np.euler_gamma - 5 / 4 - np.pi**2 / 8) / np.pi**2
    assert rigidity_curve(500.0, 1) == pytest.approx(asymptote, abs=2e-3)
    with pytest.raises(InputError, match="`beta`"):
        rigidity_curve(LENGTHS, 3)


def test_spacing_ratio_of_exact_samples():
    """|z| < 3.5 for each: false alarm 0.1%; the other law lies more than 10 errors away."""
    for beta in (0, 1):
        rows = centre_of_spectra(beta)
        found = [spacing_ratio(row) for row in rows]
        mean, error = (
            np.mean([one.mean for one in found]),
            np.sqrt(np.sum([one.error**2 for one in found])) / len(found),
        )
        assert abs(mean - RATIO_MEANS[beta]) < 3.5 * error
        assert abs(mean - RATIO_MEANS[1 - beta]) > 10 * error
        spread = np.std([one.mean for one in found], ddof=1)
        assert np.mean([one.error for one in found]) == pytest.approx(spread, rel=0.35)


@pytest.mark.parametrize("method", ["spline", "polynomial", "kernel"])
def test_unfolding_gives_unit_spacings_and_wigner_variance(method):
    """<s²> of GOE is 4/π·1.005 within 3 standard errors of 40 spectra; of the raw levels it is far off."""
    rng = np.random.default_rng(7)
    found, raw = [], []
    for _ in range(40):
        levels = gaussian_levels(rng, 400, 1)
        result = unfold(levels, method=method)
        found.append((result.spacings**2).mean())
        raw.append((unit_spacings(levels) ** 2).mean())
        assert result.diagnosis.mean_spacing == pytest.approx(1, abs=0.06)
    assert abs(np.mean(found) - 1.286) < 3 * np.std(found) / np.sqrt(40) + 0.015
    assert np.mean(raw) > 1.4


def test_marchenko_pastur_unfolding_is_analytic():
    rng = np.random.default_rng(8)
    levels = np.linalg.eigvalsh((w := rng.normal(size=(300, 150))).T @ w)
    result = unfold(levels, method="marchenko-pastur", variance=1.0, rows=300, columns=150)
    assert np.abs(result.levels - np.arange(150) - 0.5).max() < 3
    assert not result.warnings
    with pytest.raises(InputError, match="must be given"):
        unfold(levels, method="marchenko-pastur")


def test_diagnosis_warns_of_too_much_and_too_little_smoothing():
    rng = np.random.default_rng(9)
    over, under, right = 0, 0, 0
    for _ in range(20):
        levels = gaussian_levels(rng, 500, 1)
        over += any("over-smoothed" in line for line in unfold(levels, method="polynomial", degree=2).warnings)
        under += any("under-smoothed" in line for line in unfold(levels, method="kernel", bandwidth=2.0).warnings)
        right += bool(unfold(levels).warnings)
    assert over >= 18
    assert under >= 18
    assert right <= 4


def test_outliers_are_left_out_at_both_ends():
    levels = np.concatenate([[-50.0], np.sort(np.random.default_rng(0).uniform(0, 1, 200)), [30.0, 60.0]])
    assert unfold(levels).kept == slice(1, 201)
    assert unfold(levels, outliers=(1, 2)).kept == slice(1, 201)


def test_edges_of_the_key_matrix_of_the_papers():
    """σ = 0.02, 384×64: 0.02²(√384 ∓ √64)² = [0.05379, 0.30461]."""
    assert np.round(mp_edges(0.02**2, 384, 64), 5).tolist() == [0.05379, 0.30461]


def test_random_vectors_are_not_called_localised_and_planted_ones_are():
    """Level 1% on each of 30 matrices: more than 3 alarms in 60 has probability 3e-3."""
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(30):
        layer = layer_spectrum("w", rng.normal(size=(120, 60)), vectors="all")
        assert layer.participation is not None
        for values, size in ((layer.participation.long, 120), (layer.participation.short, 60)):
            found = localisation(values, size)
            alarms += found.num_localised > 0
            assert found.mean == pytest.approx(1, abs=0.1)
    assert alarms <= 3
    planted = rng.normal(size=(120, 60))
    planted[5, :] = 0
    planted[5, 7] = 60.0
    layer = layer_spectrum("w", planted, vectors="all")
    assert layer.participation is not None
    assert localisation(layer.participation.short, 60).modes == (59,)
    assert layer.participation.long[-1] < 1.2


def test_layer_spectrum_agrees_with_the_singular_values_of_any_orientation():
    matrix = np.random.default_rng(0).uniform(-1, 1, size=(40, 90)).astype(np.float32)
    for one in (matrix, matrix.T):
        layer = layer_spectrum("w", one)
        np.testing.assert_allclose(layer.eigenvalues, np.linalg.svd(matrix.astype(float), compute_uv=False)[::-1] ** 2)
        assert layer.kurtosis == pytest.approx(-1.2, abs=0.1)
        assert layer.rank == 40
    right = np.linalg.svd(matrix.astype(float), full_matrices=False)[2]
    found = layer_spectrum("w", matrix, vectors="all").participation
    assert found is not None
    np.testing.assert_allclose(found.long, (1 / (right**4).sum(axis=1))[::-1], rtol=1e-5)


def test_a_matrix_may_be_a_list_and_too_large_to_square_without_a_warning():
    assert layer_spectrum("w", [[1.0, 2.0], [2.0, 1.0]]).eigenvalues.tolist() == pytest.approx([1.0, 9.0])
    with pytest.raises(InputError, match="too large to square"):
        layer_spectrum("w", np.full((3, 3), 1e200))


def test_rank_and_zero_matrices():
    rng = np.random.default_rng(0)
    low = rng.normal(size=(30, 3)) @ rng.normal(size=(3, 20))
    assert layer_spectrum("w", low).rank == 3
    zero = layer_spectrum("w", np.zeros((5, 4)))
    assert (zero.stable_rank, zero.participation_ratio) == (0.0, 0.0)


@pytest.mark.parametrize("levels", [np.arange(5.0), np.ones(50), np.arange(50.0)[::-1], np.r_[np.arange(30.0), np.nan]])
def test_levels_that_cannot_be_unfolded(levels):
    with pytest.raises(InputError):
        unfold(levels)
