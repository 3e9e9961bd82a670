"""Entries that are not Gaussian, not small or not independent: intervals, spikes and what is said of them."""

import json

import numpy as np
import pytest
from scipy.special import psi
from scipy.stats import binom

from coulombgas.networks import analyse_layer, find_spikes, fit_bulk, independence
from coulombgas.networks._bulk import log_ratio_moments
from coulombgas.spectra import layer_spectrum
from coulombgas.spectra._spectra_store import _about, _layer


def student(rng, shape):
    return rng.standard_t(5, size=shape) * np.sqrt(3 / 5)


def sparse(rng, shape):
    return rng.normal(size=shape) * (rng.random(shape) < 0.1) / np.sqrt(0.1)


def laplace(rng, shape):
    return rng.laplace(size=shape) / np.sqrt(2)


def autoregressive(rng, shape):
    matrix = rng.normal(size=shape)
    for index in range(1, shape[0]):
        matrix[index] = 0.3 * matrix[index - 1] + np.sqrt(0.91) * matrix[index]
    return matrix


def unequal(rng, shape):
    return rng.normal(size=shape) * np.exp(rng.normal(0, 0.3, size=(shape[0], 1)))


MOMENTS = pytest.mark.full("sparse entries, here, and test_kurtosis_moves_edge_and_logarithms_by_its_first_order")


def fits(law, shape, num, seed=0):
    rng = np.random.default_rng(seed)
    for index in range(num):
        spectrum = layer_spectrum("w", law(rng, shape))
        known = {"kurtosis": spectrum.kurtosis, "entries": spectrum.entries}
        yield spectrum, find_spikes(spectrum.eigenvalues, spectrum.rows, num_draws=400, seed=index, **known)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("law", "shape"),
    [
        (sparse, (400, 40)),
        pytest.param(laplace, (400, 40), marks=MOMENTS),
        pytest.param(student, (128, 64), marks=MOMENTS),
    ],
)
def test_intervals_hold_the_truth_for_heavy_entries(reduced, law, shape):
    """95% intervals: fewer of n than the 1e-3 quantile of the binomial with 92% fails; fits are accepted as well.

    Control: with the kurtosis of the sparse entries ignored fewer than half of the intervals hold.
    """
    num = 15 if reduced else 400
    variance = rows = fit = ignored = 0
    for spectrum, found in fits(law, shape, num):
        variance += found.bulk.variance.contains(1.0)
        rows += found.bulk.rows.contains(float(shape[0]))
        fit += found.bulk.fits
        if law is sparse:
            ignored += fit_bulk(spectrum.eigenvalues, shape[0], num_draws=400).variance.contains(1.0)
    least = binom.ppf(1e-3, num, 0.92)
    assert min(variance, rows, fit) >= least
    assert ignored < num / 2


def test_kurtosis_moves_edge_and_logarithms_by_its_first_order():
    """κ₄ = 3: ⟨Σ log x⟩ by κ₄N/2M, and the edge by κ₄/√(MN): 80 matrices within 4 errors; 0, the control, is not."""
    rng, rows, columns = np.random.default_rng(1), 320, 80
    levels = np.array([np.linalg.eigvalsh(w.T @ w) for w in (laplace(rng, (rows, columns)) for _ in range(80))])
    ratio = columns * np.log(levels.mean(axis=1)) - np.log(levels).sum(axis=1)
    half = (rows - np.arange(columns)) / 2
    gaussian = columns * (psi(rows * columns / 2) - np.log(columns)) - psi(half).sum()
    assert log_ratio_moments(rows, columns)[0] == pytest.approx(gaussian)
    error = ratio.std() / np.sqrt(80)
    assert abs(ratio.mean() - gaussian - 3 * columns / (2 * rows)) < 4 * error < ratio.mean() - gaussian
    root = np.sqrt(rows - 0.5) + np.sqrt(columns - 0.5)
    scale = root * (1 / np.sqrt(rows - 0.5) + 1 / np.sqrt(columns - 0.5)) ** (1 / 3)
    edge = (levels[:, -1] * rows * columns / levels.sum(axis=1) - root**2) / scale
    moved = edge.mean() + 1.2065
    error = edge.std() / np.sqrt(80)
    assert abs(moved - 3 / np.sqrt(rows * columns) * root**2 / scale) < 4 * error < moved


@pytest.mark.slow
def test_large_entries_are_no_spikes(reduced):
    """Student entries, 5 degrees of freedom: spikes at 1%, and without the entries (control) in more than 5%."""
    num = 15 if reduced else 1000
    spiked = alone = 0
    for spectrum, found in fits(student, (128, 64), num, seed=2):
        spiked += found.num_spikes > 0
        alone += find_spikes(spectrum.eigenvalues, 128, num_draws=100).num_spikes > 0
    assert spiked <= binom.ppf(0.999, num, 0.015)
    assert alone > binom.ppf(0.999, num, 0.015)


def test_outliers_are_spikes_or_levels_of_large_entries():
    """A spread signal of 36 times the threshold in Student noise is the strongest spike, whatever else there is."""
    rng = np.random.default_rng(3)
    left, right = rng.normal(size=(128, 1)), rng.normal(size=(1, 64))
    signal = 6 * (128 * 64) ** 0.25 * (left / np.linalg.norm(left)) @ (right / np.linalg.norm(right))
    spectrum = layer_spectrum("w", student(rng, (128, 64)) + signal)
    fit = find_spikes(spectrum.eigenvalues, 128, entries=spectrum.entries)
    assert fit.spikes[0].eigenvalue == pytest.approx(spectrum.eigenvalues[-1])
    assert len(fit.outliers) == len(fit.spikes) + len(fit.from_entries)


@pytest.mark.parametrize("planted", [1, 2, 5])
def test_entries_far_beyond_the_tail_of_the_others_are_signals_and_do_not_continue_their_law(planted):
    """A Gaussian tail ends near 4σ; a Student tail with three degrees of freedom reaches 15σ by itself."""
    rng = np.random.default_rng(planted)
    matrix = rng.normal(size=(128, 64))
    matrix[np.arange(planted), np.arange(planted)] = 40.0 + np.arange(planted)
    own, heavy = (layer_spectrum("w", one).entries for one in (matrix, rng.standard_t(3, size=(128, 64))))
    assert own.large == ()
    assert len(heavy.large) > 3


STRUCTURES = {
    "rows are correlated": lambda rng: autoregressive(rng, (256, 64)),
    "columns are correlated": lambda rng: autoregressive(rng, (64, 256)).T,
    "rows differ in scale": lambda rng: unequal(rng, (256, 64)),
    "columns differ in scale": lambda rng: unequal(rng, (64, 256)).T,
}


@pytest.mark.parametrize("said", STRUCTURES)
def test_structure_is_declared(said, reduced):
    """Ten of ten, of the rows and columns as they are stored, also for a matrix that is wide; never called noise.

    Reduced: of one, as it is.
    """
    rng = np.random.default_rng(4)
    for _ in range(1 if reduced else 5):
        matrix = STRUCTURES[said](rng)
        other = said.replace("rows", "…").replace("columns", "rows").replace("…", "columns")
        for stored, words in ((matrix, said), (matrix.T, other))[: 1 if reduced else 2]:
            layer = analyse_layer(layer_spectrum("w", stored))
            assert not layer.is_noise
            assert any(words in line for line in layer.warnings), layer.warnings
            assert not layer.record()["independence"]["holds"]


@pytest.mark.slow
@pytest.mark.parametrize("law", [sparse, *(pytest.param(law, marks=MOMENTS) for law in (laplace, student))])
def test_independent_entries_are_not_called_something_else(law, reduced):
    """30 matrices at 1%: more than 4 with probability 2e-5 (4e-4 at 2%). Reduced, 15: more than 3 with 1e-5 (2e-4)."""
    num, most = (15, 3) if reduced else (30, 4)
    found = [independence(spectrum, fit.bulk) for spectrum, fit in fits(law, (200, 50), num, seed=5)]
    assert sum(not one.holds for one in found) <= most


def test_correlations_between_any_rows_leave_fewer_of_them():
    """Rows mixed in directions of their own, so that neither neighbours nor single rows tell. Control: unmixed."""
    rng = np.random.default_rng(9)
    noise = rng.normal(size=(256, 64))
    axes = np.linalg.qr(rng.normal(size=(256, 256)))[0]
    mixed = axes @ (np.sqrt(np.linspace(0.05, 1.95, 256))[:, None] * noise)
    for matrix, holds in ((noise, True), (mixed, False)):
        spectrum = layer_spectrum("w", matrix)
        found = independence(spectrum, find_spikes(spectrum.eigenvalues, 256, entries=spectrum.entries).bulk)
        assert 0 <= found.p_values["number of rows"] <= 1
        assert (found.p_values["number of rows"] > 0.01) == holds
        assert any("independent rows" in line for line in found.departures) != holds


def test_a_strong_signal_is_no_structure(reduced):
    """A signal of 50 times the threshold, spread over all rows, says nothing about the noise: 20 matrices as above.

    Reduced, 8: more than 2 at 1% with probability 5e-5.
    """
    rng, declared, (num, most) = np.random.default_rng(6), 0, (8, 2) if reduced else (20, 3)
    for _ in range(num):
        left, right = rng.normal(size=(256, 1)), rng.normal(size=(1, 64))
        matrix = rng.normal(size=(256, 64)) + np.sqrt(50 / (256 * 64) ** 0.5) * left * right
        spectrum = layer_spectrum("w", matrix)
        fit = find_spikes(spectrum.eigenvalues, 256, entries=spectrum.entries)
        declared += not independence(spectrum, fit.bulk).holds
        assert abs(spectrum.kurtosis) < 0.2
    assert declared <= most


def test_entries_survive_the_store():
    rng = np.random.default_rng(7)
    for law in (student, sparse):
        layer = layer_spectrum("w", law(rng, (64, 40)))
        found = _layer(json.loads(json.dumps(_about(layer))), layer.eigenvalues)
        assert found.entries == layer.entries
    assert layer.entries.shuffled is not None
    assert layer_spectrum("w", law(rng, (64, 40)), vectors="none").entries is None


def test_same_numbers_for_the_transposed_and_the_scaled_matrix():
    matrix = student(np.random.default_rng(8), (120, 60))
    one, other = (layer_spectrum("w", part).entries for part in (matrix, 1e-9 * matrix.T))
    assert one.kurtosis == pytest.approx(other.kurtosis, rel=1e-6)
    np.testing.assert_allclose(one.p_values, np.array(other.p_values)[[1, 0, 3, 2]], rtol=1e-6)
    np.testing.assert_allclose(one.large, 1e9 * np.array(other.large), rtol=1e-6)
