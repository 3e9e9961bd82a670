"""Energies, degrees of freedom and their tempering, against plain NumPy and the χ² law of GOE blocks."""

from dataclasses import replace

import numpy as np
import pytest

from coulombgas import fit_temperature
from coulombgas.inference._level_groups import GroupData, inflation
from coulombgas.inference._settings import collect_settings
from coulombgas.inference.temperature._groups import response_tables, setting_energies, width_problem
from coulombgas.inference.temperature._remarks import remarks
from coulombgas.inference.temperature._spectrum import (
    SpectrumData,
    SpectrumResponse,
    _shifts,
    spectrum_data,
    spectrum_start,
)
from coulombgas.models import MatrixDyson, TeacherStudent
from coulombgas.spectra import make_spectra
from coulombgas.theory import GRID, Measured, ResponseCurve

TARGET, ALPHA, BATCH, NOISE2 = (1.0, 2.0, 2.0, 4.0, 4.0, 4.0), 0.001, 16, 0.01
SIZES = (1, 2, 3)
WIDTH2 = ALPHA / BATCH * NOISE2 / (2 - ALPHA)  # of an element of X' = X − αX + noise, exactly


def blocks(rng, num: int, size: int) -> np.ndarray:
    """Levels of GOE matrices of width 1."""
    draws = rng.standard_normal((num, size, size))
    return np.linalg.eigvalsh((draws + np.swapaxes(draws, 1, 2)) / 2)


def levels_of(rng, num: int, factors=(1.0, 1.0, 1.0), common=1.0) -> np.ndarray:
    """Groups of one, two and three levels; ``common`` (num,) scales all deviations of a replica."""
    columns = [
        blocks(rng, num, size) * factor * np.reshape(common, (-1, 1))
        for size, factor in zip(SIZES, factors, strict=True)
    ]
    return np.array(TARGET) + np.sqrt(WIDTH2) * np.concatenate(columns, axis=1)


def setting_of(levels: np.ndarray):
    model = MatrixDyson(target=TARGET, noise2=NOISE2)
    spectra = make_spectra(
        levels[None, :, None, :], learning_rate=[ALPHA], batch_size=[BATCH], model=model.config()
    )  # fmt: skip
    return collect_settings(spectra)[0]


def group_of(levels: np.ndarray) -> GroupData:
    return GroupData(center=0.0, modes=tuple(range(levels.shape[1])), levels=levels, width2_per_temperature=1.0)


@pytest.mark.parametrize("replicas", [2, 3, 60])
@pytest.mark.parametrize("size", SIZES)
def test_energies_follow_chi_squared_of_their_freedom(size, replicas):
    """Mean f and variance 2f over 3000 data sets, 4.5 standard errors each: false alarm 1e-4 for all nine.

    Control: one degree of freedom more for each data set of three replicas is further away.
    """
    num = 3000
    rows = blocks(np.random.default_rng(10 * size + replicas), num * replicas, size).reshape(num, replicas, size)
    energy = np.array([group_of(own).energy for own in rows])
    freedom = group_of(rows[0]).freedom
    assert abs(energy.mean() - freedom) < 4.5 * np.sqrt(2 * freedom / num)
    kurtosis = 12 / freedom
    assert abs(energy.var() / (2 * freedom) - 1) < 4.5 * np.sqrt((kurtosis + 2) / num)
    if replicas == 3:
        assert abs(energy.mean() - freedom - 1) > 4.5 * np.sqrt(2 * freedom / num)


def scatter_of(levels: np.ndarray) -> float:
    """Variance of the replicas' energies, each group in units of its mean, over 2f for independent χ²."""
    total, freedom = 0.0, 0
    for columns in ((0,), (1, 2), (3, 4, 5)):
        own = levels[:, columns]
        own = own - (own.mean() if len(columns) == 1 else own.mean(axis=1, keepdims=True))
        square, count = (own**2).sum(axis=1), (1, 2, 5)[len(columns) - 1]
        total, freedom = total + count * square / square.mean(), freedom + count
    return float(np.var(total, ddof=1) / (2 * freedom))


@pytest.mark.parametrize("replicas", [60, 400])
def test_tempering_divides_energies_and_freedom_alike(replicas):
    """Replicas of common random scale scatter more: fewer degrees of freedom, and the estimate of T as it was."""
    rng = np.random.default_rng(3)
    levels = levels_of(rng, replicas, common=rng.lognormal(0.0, 0.4, replicas))
    setting, scatter = setting_of(levels), scatter_of(levels)
    assert scatter > 1.5
    assert inflation(setting.groups) == pytest.approx(scatter, rel=1e-12)
    assert inflation(setting.groups, 0.5) == pytest.approx(2 * scatter, rel=1e-12)
    row = setting_energies([setting], None)
    used = np.flatnonzero(row.used[0])
    assert used.tolist() == [1, 2]  # at leading order without single modes
    energy, freedom = row.energy[0, used], row.freedom[0, used]
    plain = [group.energy for group in setting.groups[1:]]
    np.testing.assert_allclose(energy / freedom, plain / (np.array([2, 5]) * replicas), rtol=1e-12)
    assert freedom.sum() < 7 * replicas / 1.3
    whole = spectrum_data(setting, SpectrumResponse(curve_with(0.0), np.zeros((5, 3)), np.zeros((5, 3))))
    every = [group.energy for group in setting.groups] / (np.array([1, 2, 5]) * replicas - [1, 0, 0])
    np.testing.assert_allclose(whole.energy / whole.freedom, every, rtol=1e-6)
    assert np.asarray(whole.freedom).sum() < 8 * replicas / 1.3
    # the widths are not tempered: all replicas count
    np.testing.assert_allclose(width_problem([setting]).data.freedom[:, 0], np.array([1, 2, 5]) * replicas - [1, 0, 0])


def test_independent_replicas_keep_their_freedom():
    """1000 replicas: the scatter is 1 ± 0.05, so that at most 20% of the freedom is lost (4 standard errors)."""
    setting = setting_of(levels_of(np.random.default_rng(4), 1000))
    row = setting_energies([setting], None)
    assert row.freedom[0, 1:3].sum() > 7 * 1000 / 1.2
    few = setting_of(levels_of(np.random.default_rng(4), 30))
    assert setting_energies([few], None).freedom[0, 1:3].tolist() == [60.0, 150.0]
    assert inflation(few.groups, 0.5) == 2.0  # snapshots count for less, however few


def test_widths_are_sought_from_where_the_energies_say():
    setting = setting_of(levels_of(np.random.default_rng(5), 400, factors=(1.0, 2.0, 3.0)))
    np.testing.assert_allclose(
        width_problem([setting]).start["temperature"], np.array([1.0, 4.0, 9.0]) * WIDTH2, rtol=0.35
    )


def test_the_farthest_of_the_groups_that_stray_is_named():
    """The pair off by one width, the triple by two: errors of their means are 28 and 35 times smaller than widths."""
    far = np.sqrt(WIDTH2) * np.array([0.0, 1.0, 1.0, 2.0, 2.0, 2.0])
    setting = setting_of(levels_of(np.random.default_rng(7), 400) + far)
    found, _ = remarks(setting, None, np.full((2, 10), ALPHA / BATCH), np.ones(3, dtype=bool))
    (sentence,) = (one for one in found if "stray" in one)
    assert "levels 1, 2, 3, 4, 5 stray" in sentence
    assert "near x = 4:" in sentence


@pytest.mark.parametrize(("factor", "told"), [(3.0, False), (100.0, True), (1 / 3, False), (1e-6, True)])
def test_a_temperature_far_from_its_setting_is_told(factor, told):
    """Also where the mean levels are as predicted, for widths of many times the predicted ones hide any shift."""
    setting = setting_of(levels_of(np.random.default_rng(8), 400))
    draws = factor * ALPHA / BATCH * np.random.default_rng(9).normal(1, 0.1, (2, 1000))
    found, _ = remarks(setting, None, draws, np.ones(3, dtype=bool))
    assert any(f"T is {np.mean(draws) * BATCH / ALPHA:.4g} times α/B" in one for one in found) == told


@pytest.mark.slow
def test_tempering_leaves_the_mean_temperature_where_it_is(reduced):
    """Posterior means Q/(f − 2), over data sets of 50 and of 800 replicas whose energies scatter twice as much.

    Within 4 standard errors and 1.5% (the skewness of an inverse gamma law, 2/f). Control: energies and freedom not
    divided alike would halve it or double it.
    """
    for replicas, num in ((50, 60), (800, 12)) if reduced else ((50, 1500), (800, 250)):
        rng, found, scatter = np.random.default_rng(replicas), [], []
        for _ in range(num):
            common = np.sqrt(rng.gamma(4.0, 0.25, replicas))[:, None]
            groups = [group_of(common * blocks(rng, replicas, size)) for size in (1, 2, 2, 3)]
            tempering = 1 / inflation(groups)
            energy, freedom = (tempering * sum(getattr(g, name) for g in groups) for name in ("energy", "freedom"))
            found.append(energy / (freedom - 2))
            scatter.append(1 / tempering)
        assert np.mean(scatter) > 1.5
        assert np.mean(found) == pytest.approx(1.0, abs=0.015 + 4 * np.std(found) / np.sqrt(num))


def curve_with(error: float) -> ResponseCurve:
    grid, shape = np.linspace(0.0, 1e-3, 5), (5, 3)
    return ResponseCurve(grid, np.zeros(shape), np.full(shape, error), "made up", np.zeros(shape), np.zeros(shape))


def test_tables_of_the_response_end_in_groups_without_any():
    temperature, ratio, error = response_tables([curve_with(0.2)], 8)
    assert temperature.shape == (1, 5)
    assert ratio.shape == error.shape == (1, 5, 8)
    np.testing.assert_array_equal(error[0], np.tile([0.2] * 3 + [0.0] * 5, (5, 1)))


def test_a_whole_spectrum_is_fitted_from_where_its_widths_say():
    """To four errors of 8 × 400 degrees of freedom, tempered or not.

    Diagonal elements have the variance WIDTH2 in ``levels_of`` and twice that in the machine: half its α/B.
    """
    setting = setting_of(levels_of(np.random.default_rng(8), 400))
    data = spectrum_data(setting, SpectrumResponse(curve_with(0.0), np.zeros((5, 3)), np.zeros((5, 3))))
    start = spectrum_start(SpectrumData(*(np.stack([column]) for column in data)))
    assert start["temperature"] == pytest.approx(ALPHA / BATCH / 2, rel=4 * np.sqrt(2 / 3200))


def test_shifts_are_those_of_ensembles_on_a_cubic_over_the_grid():
    """Means x + s T + c T² + d T³ measured at five temperatures, where theory knows x and part of s."""
    theory = setting_of(levels_of(np.random.default_rng(9), 20)).theory
    theory = replace(theory, mean_shift=np.array([0.1, -0.2, 0.3]))
    unit, x = 4.0 * theory.temperature, np.array([group.center for group in theory.groups])
    at, known = unit * np.linspace(0.2, 1.0, 5), theory.mean_shift / theory.temperature
    slope, square, cube = np.array([[200.0, -100.0, 50.0], [1e5, 3e5, -2e5], [4e8, -1e8, 2e8]])
    share = np.array([1.0, 0.5, 0.0])

    def rest(heat, share):
        return np.outer(heat, slope * share) + np.outer(heat**2, square) + np.outer(heat**3, cube)

    errors = np.full((5, 3), 1e-3)
    measured = Measured(at, np.zeros((5, 3)), errors, x + np.outer(at, known) + rest(at, 1.0), errors)
    shift, error = _shifts(theory, measured, share)
    grid = unit * np.linspace(0, 1, GRID)
    np.testing.assert_allclose(shift, np.outer(grid, known) + rest(grid, share), rtol=1e-8, atol=1e-9)
    assert error.shape == shift.shape
    assert (error[0] == 0).all()
    assert 5e-4 < error[-1, 0] < 1.1e-3  # the last point of the cubic, measured to 1e-3


@pytest.mark.parametrize(("inputs", "scatter"), [("quenched", True), ("fresh", False)])
def test_replicas_with_the_same_inputs_know_no_more_than_these(inputs, scatter):
    """1600 replicas know T to 2.5%; one set of inputs of a batch of 8 leaves 11% (relative standard deviation)."""
    model = TeacherStudent(teacher=[1.0, 2.0], inputs=inputs)
    levels = np.array([1.0, 2.0]) + 0.03 * np.random.default_rng(3).normal(size=(1, 1600, 1, 2))
    spectra = make_spectra(np.sort(levels, axis=-1), learning_rate=[0.1], batch_size=[8], model=model.config())
    (found,) = fit_temperature(spectra).settings
    assert any("share one set of inputs" in line for line in found.warnings) == scatter
    assert (found.temperature.sd / found.temperature.mean > 0.08) == scatter


def test_groups_agree_within_the_errors_of_their_response():
    """Widths² that differ by 30% among 4000 replicas: a contradiction, unless the response is known to 20% only."""
    setting = setting_of(levels_of(np.random.default_rng(5), 4000, factors=(1.0, 1.0, np.sqrt(1.3))))
    draws, used = np.full((2, 10), ALPHA / BATCH), np.ones(3, dtype=bool)
    found, consistent = remarks(setting, curve_with(0.0), draws, used)
    assert not consistent
    assert any("inconsistent" in sentence for sentence in found)
    assert remarks(setting, curve_with(0.2), draws, used)[1]


def test_the_mean_of_a_group_counts_all_its_levels():
    """Var of the mean of all levels of a data set is s² over ``num_levels``: 3000 data sets, 4.5 errors of 2.6%."""
    rng, replicas, num = np.random.default_rng(6), 20, 3000
    setting = setting_of(levels_of(rng, replicas))
    data = spectrum_data(setting, SpectrumResponse(curve_with(0.0), np.zeros((5, 3)), np.zeros((5, 3))))
    for index, size in enumerate(SIZES):
        means = blocks(rng, num * replicas, size).reshape(num, -1).mean(axis=1)
        assert means.var() * data.num_levels[index] == pytest.approx(1.0, abs=4.5 * np.sqrt(2 / num))
