"""Levels in another space than the model's: found where it is so, and only there."""

import numpy as np
import pytest

from coulombgas.inference._level_space import find_level_space

MU2 = 9.0
KAPPA = np.array([4.0, 4.382, 4.382, 5.382, 5.382, 6.618, 6.618, 7.618, 7.618, 8.0])
SQUARES = np.sort(MU2 - KAPPA)
TEACHER = np.array([0.5, 2.0, 2.0, 3.0])


def _replicas(expected: np.ndarray, width: np.ndarray, seed: int = 0, num: int = 400) -> np.ndarray:
    """Levels around ``expected``, a GOE block for equal ones."""
    rng, columns = np.random.default_rng(seed), []
    for value in np.unique(expected):
        own = np.flatnonzero(expected == value)
        draws = rng.standard_normal((num, own.size, own.size))
        columns.append(value + width[own[0]] * np.linalg.eigvalsh((draws + draws.swapaxes(1, 2)) / 2))
    return np.sort(np.concatenate(columns, axis=1))


def _find(levels, expected, width, kind, **numbers):
    levels = np.sort(levels, axis=1)
    return find_level_space(levels.mean(axis=0), levels.std(axis=0, ddof=1), expected, width, kind, **numbers)


def _rbm(temperature: float, sigma_h2: float = 1.0, seed: int = 0):
    width = np.sqrt(2 * sigma_h2 * temperature * SQUARES)
    return _replicas(SQUARES, width, seed), SQUARES, width


@pytest.mark.parametrize("temperature", [1e-4, 1e-3, 0.1 / 16, 0.1 / 4])
@pytest.mark.parametrize(
    ("change", "formula"),
    [
        (np.sqrt, "eigenvalue = s**2"),
        (lambda x: np.where(np.arange(10) % 2, 1, -1) * np.sqrt(x), "eigenvalue = s**2"),  # eigenvalues of W itself
        (lambda x: MU2 - x, "eigenvalue = 9 - x"),
        (lambda x: 1 / (MU2 - x), "eigenvalue = 9 - 1 / x"),
        (lambda x: x / 10, "eigenvalue = 10 * x"),
        (lambda x: x * 8, "eigenvalue = x / 8"),
    ],
)
def test_rbm(temperature, change, formula):
    levels, expected, width = _rbm(temperature)
    found = _find(change(levels), expected, width, "squared-singular-values", mu2=MU2, sigma_h2=1.0, sizes=(10, 8))
    assert found.distance > 2
    assert found.formula == formula
    assert found.refusal.endswith(f": {formula}.")
    assert "\n" not in found.refusal


@pytest.mark.parametrize(
    ("change", "formula"),
    [
        (lambda x: x / 0.25, "eigenvalue = 0.25 * x"),
        (lambda x: np.sqrt(x / 0.25), "eigenvalue = 0.25 * s**2"),
        (np.sqrt, "eigenvalue = s**2"),
    ],
)
def test_rbm_with_another_hidden_variance(change, formula):
    levels, expected, width = _rbm(1e-3, sigma_h2=0.25)
    found = _find(change(levels), expected, width, "squared-singular-values", mu2=MU2, sigma_h2=0.25)
    assert found.formula == formula


def test_large_groups_are_compared_by_their_means():
    """Eight equal levels spread over ± 4 widths: each is far from their centre, their mean is not."""
    expected, width = np.full(8, 2.0), np.full(8, 0.1)
    found = _find(_replicas(expected, width), expected, width, "eigenvalues")
    assert found.distance < 0.5
    assert _find(_replicas(expected, width) ** 2, expected, width, "eigenvalues").formula == "eigenvalue = np.sqrt(x)"


@pytest.mark.parametrize("kind", ["singular-values", "eigenvalues"])
def test_squares_for_the_levels(kind):
    width = np.sqrt(1e-3 * TEACHER)
    levels = _replicas(TEACHER, width)
    assert _find(levels**2, TEACHER, width, kind).formula == "eigenvalue = np.sqrt(x)"
    assert "squares of the levels" in _find(levels**2, TEACHER, width, kind).refusal
    assert _find(levels * 2, TEACHER, width, "eigenvalues").formula == "eigenvalue = x / 2"
    assert _find(levels / 4, TEACHER, width, kind).formula == "eigenvalue = 4 * x"


@pytest.mark.parametrize("temperature", [1e-4, 1e-3, 1e-2, 0.05])
@pytest.mark.parametrize("seed", range(5))
def test_levels_as_they_should_be(temperature, seed):
    """Also with means off by one width, a temperature thirty times as high, and a level that does not fluctuate."""
    levels, expected, width = _rbm(temperature, seed=seed)
    numbers = {"mu2": MU2, "sigma_h2": 1.0, "sizes": (10,)}
    for data in (levels, levels + width, SQUARES + np.sqrt(30) * (levels - SQUARES)):
        found = _find(data, expected, width, "squared-singular-values", **numbers)
        assert found.distance < 2
        assert (found.formula, found.refusal) == ("", "")
    walled = np.where(np.arange(10) == 0, 0.0, width)
    frozen = np.where(np.arange(10) == 0, -1e3 * np.max(width), levels)
    assert _find(frozen, expected, walled, "squared-singular-values", **numbers).distance < 2


def test_far_for_another_reason_gets_no_transformation():
    """A wrong mu2, an unfinished training, spectra of something else: far away, and nothing is made up."""
    levels, expected, width = _rbm(1e-4)
    numbers = {"mu2": MU2, "sigma_h2": 1.0, "sizes": (10,)}
    for data in (levels - 0.5, 0.3 * levels, np.abs(np.random.default_rng(1).normal(size=(400, 10)))):
        found = _find(data, expected, width, "squared-singular-values", **numbers)
        assert found.formula == ""
        assert found.refusal == ""
    assert _find(levels - 0.5, expected, width, "squared-singular-values", **numbers).distance > 10


def test_a_fit_of_the_means_needs_fitting_widths():
    """The control: means of singular values with widths a hundred times too narrow are no singular values."""
    levels, expected, width = _rbm(1e-3)
    roots = np.sqrt(levels)
    narrow = roots.mean(axis=0) + 0.01 * (roots - roots.mean(axis=0))
    assert _find(roots, expected, width, "squared-singular-values", mu2=MU2).formula
    assert not _find(narrow, expected, width, "squared-singular-values", mu2=MU2).formula


def test_without_a_fluctuating_level_there_is_no_verdict():
    levels = np.zeros((20, 2)) + 1e-3 * np.random.default_rng(2).normal(size=(20, 2))
    assert _find(levels, np.zeros(2), np.zeros(2), "squared-singular-values", mu2=MU2) == (0.0, "", "")


@pytest.mark.parametrize(("expected", "formula"), [(1.15, ""), (1.17, ""), (1.21, "eigenvalue = s**2")])
def test_a_transformation_must_bring_levels_much_nearer(expected, formula):
    """A level at 1.1, its square at 1.21, widths 0.01 and 0.022; between both, neither is right."""
    numbers = (np.array([x]) for x in (1.1, 0.01, expected, 0.02))
    found = find_level_space(*numbers, "squared-singular-values", sizes=(1,))
    assert found.distance == pytest.approx((expected - 1.1) / 0.02)
    assert found.formula == formula
