"""Unequal and correlated rows and columns: generalised Marchenko-Pastur against NumPy, its fit and its refusals."""

import json

import numpy as np
import pytest
from scipy.stats import norm

from coulombgas.laws import mp_cdf, mp_edges
from coulombgas.networks import Independence, analyse_layer, departing_test, fit_structure
from coulombgas.networks._population import AUTOREGRESSIVE, LOG_NORMAL, Population, generalised_law
from coulombgas.spectra import layer_spectrum

ONE = Population(np.ones(1), np.ones(1))


def chained(rng, rows, columns, correlation=0.3):
    """Rows that follow each other, by the Cholesky factor of their covariance."""
    distance = np.abs(np.subtract.outer(np.arange(rows), np.arange(rows)))
    return np.linalg.cholesky(correlation**distance) @ rng.normal(size=(rows, columns))


def scaled(rng, rows, columns, sd=0.3):
    return rng.normal(size=(rows, columns)) * np.exp(sd * rng.normal(size=(rows, 1)) - sd**2)


def levels_of(matrix):
    return np.linalg.svd(matrix, compute_uv=False)[::-1] ** 2


@pytest.mark.parametrize("of_rows", [True, False])
@pytest.mark.parametrize(("rows", "columns"), [(256, 64), (400, 20), (100, 100)])
def test_equal_and_independent_rows_give_marchenko_pastur(rows, columns, of_rows):
    law = generalised_law(ONE, rows, columns, of_rows=of_rows)
    lower, upper = mp_edges(1.0, rows, columns)
    assert law.lower == pytest.approx(lower, rel=1e-9)
    assert law.upper == pytest.approx(upper, rel=1e-9)
    grid = np.linspace(lower, upper, 200)
    np.testing.assert_allclose(law.cdf(grid), mp_cdf(grid, 1.0, rows, columns), atol=1e-3)


@pytest.mark.parametrize("of_rows", [True, False])
@pytest.mark.parametrize("family", [LOG_NORMAL, AUTOREGRESSIVE])
def test_moments_are_those_of_wick(family, of_rows):
    """⟨x⟩ = M and, to leading order, ⟨x²⟩ = M² + M N⟨t²⟩ or, of the columns, M²⟨t²⟩ + M N."""
    rows, columns = 300, 120
    population = family.population(0.3, rows if of_rows else columns)
    square = population.weights @ population.nodes**2
    law = generalised_law(population, rows, columns, of_rows=of_rows)
    assert population.weights @ population.nodes == pytest.approx(1)
    assert law.mass @ law.middle == pytest.approx(rows, rel=2e-4)
    expected = rows**2 + rows * columns * square if of_rows else rows**2 * square + rows * columns
    assert law.mass @ law.middle**2 == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("of_rows", [True, False])
@pytest.mark.parametrize("kind", ["scales", "neighbours"])
def test_edges_and_places_are_those_of_matrices(kind, of_rows):
    """Rows or columns of fixed scales, or correlated: mean levels of 32 matrices within 0.75 spacings of the law.

    A quarter of a spacing is the 1/N correction of a real matrix; a level scatters by 0.7, its mean by 0.12. Between an
    edge and the mean of the outermost level, 1.2065 Tracy-Widom units away and known to 0.22, there are
    (2/3π) 1.2065^{3/2} = 0.28 levels. Control: Marchenko-Pastur is off by more than 1.5 spacings.
    """
    rows, columns, rng = 300, 100, np.random.default_rng(1)
    number = rows if of_rows else columns
    if kind == "scales":
        square = np.exp(0.6 * norm.ppf((np.arange(number) + 0.5) / number))
        root = np.diag(np.sqrt(square / square.mean()))
    else:
        root = np.linalg.cholesky(0.3 ** np.abs(np.subtract.outer(np.arange(number), np.arange(number))))
    sides = (rows, columns) if of_rows else (columns, rows)
    mean = np.mean([levels_of(root @ rng.normal(size=sides)) for _ in range(32)], axis=0)
    population = Population(np.linalg.eigvalsh(root @ root.T), np.full(number, 1 / number))
    law = generalised_law(population, rows, columns, of_rows=of_rows)
    places = np.arange(columns) + 0.5
    assert np.abs(columns * law.cdf(mean) - places).max() < 0.75
    assert np.abs(columns * mp_cdf(mean, 1.0, rows, columns) - places).max() > 1.5
    assert law.lower < mean[0] < mean[-1] < law.upper
    assert columns * law.cdf(mean[[0]])[0] == pytest.approx(0.28, abs=0.25)
    assert columns * (1 - law.cdf(mean[[-1]])[0]) == pytest.approx(0.28, abs=0.25)


CASES = {
    "unequal rows": lambda rng: scaled(rng, 200, 50),
    "unequal columns": lambda rng: scaled(rng, 50, 200).T,
    "correlated rows": lambda rng: chained(rng, 200, 50),
    "correlated columns": lambda rng: chained(rng, 50, 200).T,
}


TRANSPOSED = pytest.mark.full("unequal rows and correlated columns, here")


@pytest.mark.slow
@pytest.mark.parametrize(
    "test",
    [
        "unequal rows",
        "correlated columns",
        pytest.param("unequal columns", marks=TRANSPOSED),
        pytest.param("correlated rows", marks=TRANSPOSED),
    ],
)
def test_planted_parameters_are_found(reduced, test):
    """Of n fits at most 2 + n/10 fail the test at 1%, or miss 0.3 or the variance 1 at 95%: by chance 6 in 1000."""
    num = 4 if reduced else 60
    rng = np.random.default_rng(2)
    fits = [fit_structure(levels_of(CASES[test](rng)), (200, 50), test, seed=seed) for seed in range(num)]
    for right in (
        lambda fit: fit.fits and fit.num_beyond == 0,
        lambda fit: fit.parameter.contains(0.3),
        lambda fit: fit.variance.contains(1.0),
    ):
        assert sum(not right(fit) for fit in fits) <= 2 + num / 10


@pytest.mark.slow
def test_what_the_family_does_not_know_is_declined(reduced):
    """Of columns one in eight is three times as large: two clusters, where log-normal scales put none.

    Four of four matrices; reduced, one of one.
    """
    rng = np.random.default_rng(3)
    scales = np.where(np.arange(64) % 8 == 0, 3.0, 1.0)
    for _ in range(1 if reduced else 4):
        levels = levels_of(rng.normal(size=(256, 64)) * scales)
        for known in (0, 8):  # without the large ones the others are equal, which does not explain the test either
            fit = fit_structure(levels, (256, 64), "unequal columns", num_spikes=known)
            assert fit is None or not fit.fits


def test_a_signal_lies_beyond():
    rng = np.random.default_rng(4)
    matrix = chained(rng, 256, 64) + 4 * (256 * 64) ** 0.25 / np.sqrt(256 * 64)
    fit = fit_structure(levels_of(matrix), (256, 64), "correlated rows", num_spikes=3)
    assert fit.num_beyond == 1
    assert fit.threshold > fit.edge > fit.lower_edge > 0
    assert fit.fits


def outcome(**p_values):
    names = ("unequal rows", "unequal columns", "correlated rows", "correlated columns", "number of rows")
    return Independence({name: p_values.get(name.replace(" ", "_"), 0.5) for name in names}, {}, ("said",))


def test_one_structure_is_told_from_several():
    assert departing_test(outcome()) is None
    assert departing_test(outcome(number_of_rows=1e-9)) is None
    assert departing_test(outcome(correlated_rows=1e-40, unequal_columns=1e-6)) == "correlated rows"
    assert departing_test(outcome(correlated_rows=1e-40, unequal_columns=1e-30)) is None
    assert departing_test(outcome(correlated_rows=0.0, unequal_columns=0.0)) is None
    assert departing_test(outcome(correlated_rows=1e-40, unequal_rows=1e-6)) is None


def test_the_analysis_says_what_fits():
    """Of the rows and columns as they are stored; two structures at once are not fitted."""
    rng = np.random.default_rng(5)
    layer = analyse_layer(layer_spectrum("w", chained(rng, 256, 64).T))
    assert (layer.structure.family, layer.structure.side) == ("autoregression", "columns")
    assert layer.structure.statement in "".join(layer.warnings)
    row = json.loads(json.dumps(layer.record()))["structure"]
    assert row["parameter"]["lower"] < 0.3 < row["parameter"]["upper"]
    both = chained(rng, 64, 256).T * np.exp(0.5 * rng.normal(size=(256, 1)))
    layer = analyse_layer(layer_spectrum("w", both))
    assert layer.structure is None
    assert "no generalised Marchenko-Pastur law was found to fit" in "".join(layer.warnings)
    assert analyse_layer(layer_spectrum("w", rng.normal(size=(256, 64)))).structure is None
