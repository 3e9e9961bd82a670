"""From draws of drift and noise to the fixed point and its temperature, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from coulombgas.motion._fit import Band, MotionFit, _fixed_point, _large_updates
from coulombgas.motion._spline import spans_decades, spread_out


def lines(rates, grid, place=2.03):
    """Drifts −k (x − place), one for each rate."""
    return -np.asarray(rates)[:, None] * (grid - place)


def test_a_fixed_point_of_straight_drifts_is_read_off():
    """Noise 1 + x: T at 2.03 is 3.03; s² = T/(k(1 − αk/2))."""
    grid, rates = np.linspace(1.0, 3.0, 41), np.linspace(0.5, 1.5, 1000)
    found = _fixed_point(grid, lines(rates, grid), np.tile(1 + grid, (1000, 1)), 0.1)
    assert found.position.mean == pytest.approx(2.03)
    assert found.rate.mean == pytest.approx(1.0)
    assert found.temperature.mean == pytest.approx(3.03)
    assert found.width.mean == pytest.approx(np.sqrt(3.03 / (rates * (1 - 0.05 * rates))).mean())


@pytest.mark.parametrize(("share", "told"), [(0.4, False), (0.6, True)])
def test_a_fixed_point_is_one_of_most_draws(share, told):
    grid = np.linspace(1.0, 3.0, 41)
    curves = np.concatenate([lines(np.ones(round(100 * share)), grid), np.ones((100 - round(100 * share), 41))])
    assert (_fixed_point(grid, curves, np.ones((100, 41)), 0.1) is not None) == told


def test_a_temperature_is_the_noise_over_the_square_of_its_scale():
    grid, rng = np.linspace(1.0, 3.0, 41), np.random.default_rng(0)
    heat = rng.normal(3.0, 0.2, size=(1000, 1)) * np.ones(41)
    fixed, band = _fixed_point(grid, lines(np.ones(1000), grid), heat, 0.1), Band(mean=grid, lower=grid, upper=grid)
    fit = MotionFit(
        grid=grid, drift=band, potential=band, noise=band, fixed_point=fixed, num_increments=10, num_close=0,
        memory=0.0, dispersion=1.0,
    )  # fmt: skip
    found = fit.temperature(2.0)
    own = fixed.temperature
    expected = [number / 4 for number in (own.mean, own.lower, own.upper, own.sd)]
    assert [found.mean, found.lower, found.upper, found.sd] == pytest.approx(expected)
    assert replace(fit, fixed_point=None).temperature(2.0) is None


@pytest.mark.parametrize(
    ("alpha", "noise", "told"), [(0.04, (1.0, 9.0), False), (0.2, (1.0, 9.0), True), (0.2, (1.0, 1.0), False)]
)
def test_large_updates_matter_where_the_noise_depends_on_the_level(alpha, noise, told):
    grid, noise = np.linspace(1.0, 3.0, 41), np.linspace(*noise, 41)
    fixed = _fixed_point(grid, lines(np.ones(100), grid), np.tile(noise, (100, 1)), alpha)
    said = list(_large_updates(fixed, Band(mean=noise, lower=noise, upper=noise), alpha))
    assert [f"{alpha:.0%} of the way" in line for line in said] == [True] * told


def test_points_are_spread_by_their_logarithm_over_decades():
    rng = np.random.default_rng(1)
    wide, narrow = 10 ** rng.uniform(0, 4, 2000), rng.uniform(1, 3, 2000)
    assert spans_decades(wide)
    assert not spans_decades(narrow)
    assert not spans_decades(np.append(wide, -1.0))
    assert np.median(spread_out(wide, 100)) == pytest.approx(np.median(wide), rel=0.2)  # 5000 by the values alone
    assert np.median(spread_out(narrow, 100)) == pytest.approx(2.0, abs=0.1)
