"""The eigenproblem of one matrix: levels, vectors of the spikes, kurtosis, on the CPU and through JAX."""

import numpy as np
import pytest
from scipy import stats

from coulombgas import InputError
from coulombgas.spectra import layer_spectrum
from coulombgas.spectra._gram import _on_jax


def planted(rows, columns, strengths, seed=0):
    """Noise of unit variance and signals between axes, so that their vectors are localised."""
    matrix = np.random.default_rng(seed).normal(size=(rows, columns))
    for index, strength in enumerate(strengths):
        matrix[index, index] += strength * (rows + columns) ** 0.5
    return matrix


@pytest.mark.parametrize("shape", [(60, 40), (40, 60), (50, 50), (5, 3), (3, 2), (2, 2), (7, 1), (1, 1)])
@pytest.mark.parametrize("vectors", ["none", "spikes", "all"])
@pytest.mark.parametrize("device", ["cpu", "jax"])
def test_levels_are_squared_singular_values(shape, vectors, device):
    matrix = planted(*shape, [8.0] if min(shape) > 2 else [])
    found = layer_spectrum("w", matrix, vectors=vectors, device=device)
    truth = np.linalg.svd(matrix, compute_uv=False)[::-1] ** 2
    np.testing.assert_allclose(found.eigenvalues, truth, rtol=1e-10, atol=1e-10 * truth[-1])


@pytest.mark.parametrize("shape", [(120, 80), (80, 120)])
@pytest.mark.parametrize("device", ["cpu", "jax"])
def test_vectors_of_the_spikes_are_those_of_a_full_decomposition(shape, device):
    matrix = planted(*shape, [3.0, 5.0, 8.0])
    found = layer_spectrum("w", matrix, device=device).participation
    left, _, right = np.linalg.svd(matrix)
    assert found is not None
    assert found.modes is not None
    assert 3 <= found.modes.size <= 8
    np.testing.assert_array_equal(found.modes, np.arange(80)[-found.modes.size :])
    tall = [left[:, :80], right.T[:, :80]]
    long, short = tall if shape[0] > shape[1] else reversed(tall)
    for values, basis in ((found.long, long), (found.short, short)):
        truth = 1 / (basis[:, ::-1] ** 4).sum(axis=0)
        np.testing.assert_allclose(values, truth[-values.size :], rtol=1e-6)


def test_pure_noise_has_hardly_any_vector_to_look_at():
    sizes = []
    for seed in range(40):
        found = layer_spectrum("w", planted(90, 60, [], seed)).participation
        sizes.append(0 if found is None else found.short.size)
    assert np.mean(sizes) < 2
    everything = layer_spectrum("w", planted(90, 60, []), vectors="all").participation
    assert everything is not None
    assert everything.short.size == 60
    assert everything.modes is None


def test_kurtosis_is_that_of_the_entries():
    rng = np.random.default_rng(0)
    for values, truth in ((rng.normal(size=(700, 300)), 0.0), (rng.uniform(-1, 1, size=(700, 300)), -1.2)):
        for device in ("cpu", "jax"):
            assert layer_spectrum("w", values, device=device).kurtosis == pytest.approx(truth, abs=0.05)


def test_kurtosis_without_vectors_is_about_the_mean_and_leaves_out_the_largest_entries():
    values = np.random.default_rng(1).exponential(size=(300, 200))
    found = layer_spectrum("w", values, vectors="none").kurtosis
    assert found == pytest.approx(stats.kurtosis(values, axis=None), rel=1e-9)
    values[5, 7] = 1e4  # far beyond 0.7 σ (MN)^{1/4}: a level of its own
    rest = stats.kurtosis(np.delete(values.ravel(), 5 * 200 + 7))
    assert layer_spectrum("w", values, vectors="none").kurtosis == pytest.approx(rest, rel=1e-9)


@pytest.mark.parametrize("device", ["cpu", "jax"])
def test_what_has_no_spectrum(device):
    bad = np.ones((30, 20))
    bad[3, 4], bad[5, 6] = np.nan, -np.inf
    with pytest.raises(InputError, match="w: 2 of 600 entries are NaN or infinite"):
        layer_spectrum("w", bad, device=device)
    with pytest.raises(InputError, match="entries too large to square"):
        layer_spectrum("w", np.full((30, 20), 1e300), device=device)
    with pytest.raises(InputError, match="`device` must be one of"):
        layer_spectrum("w", np.ones((3, 2)), device="gpu")
    with pytest.raises(InputError, match="`vectors` must be one of"):
        layer_spectrum("w", np.ones((3, 2)), vectors="some")
    assert layer_spectrum("w", np.zeros((30, 20)), device=device).eigenvalues.max() == 0


def test_the_kurtosis_of_uniform_entries_is_negative_with_vectors_and_without():
    values = np.random.default_rng(5).uniform(-1, 1, (200, 150))
    for vectors in ("none", "all"):
        assert layer_spectrum("w", values, vectors=vectors).kurtosis == pytest.approx(-1.2, abs=0.05)


@pytest.mark.parametrize(("vectors", "number"), [("none", None), ("all", 4)])
def test_the_accelerator_computes_no_vectors_unless_they_are_wanted(vectors, number):
    matrix = np.random.default_rng(6).normal(size=(9, 4))
    found = _on_jax(matrix.T @ matrix, 9, vectors)
    np.testing.assert_allclose(found.levels, np.linalg.eigvalsh(matrix.T @ matrix), rtol=1e-9)
    assert (found.vectors if number is None else found.vectors.shape[1]) == number
