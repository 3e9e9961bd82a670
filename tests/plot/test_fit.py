"""Figures: what they show is what the fit says."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import coulombgas as cg
from coulombgas._interval import summarise
from coulombgas.inference import LevelFit, ScalingFit, SettingFit, TemperatureFit
from coulombgas.plot import plot_density, plot_fit, plot_spacing, plot_temperature

RNG = np.random.default_rng(1)


def _fit(num=3, size=2, batch_exponent=1.0):
    settings = []
    for index in range(num):
        batch = 4 * 2**index
        draws = 0.1 / batch**batch_exponent * np.exp(0.05 * RNG.normal(size=(4, 100)))
        width = 0.1 * np.exp(0.02 * RNG.normal(size=(4, 100)))
        levels = np.sort(RNG.normal(size=(50, size)), axis=-1)
        level = LevelFit(
            center=0.0,
            modes=tuple(range(size)),
            levels=levels,
            width_draws=width,
            center_draws=0 * width,
            width=summarise(width),
        )
        settings.append(
            SettingFit(
                path="p", model="teacher-student", learning_rate=0.1, batch_size=batch, temperature=summarise(draws),
                temperature_draws=draws, levels=(level,), num_replicas=50, r_hat=1.0, ess=400.0, divergences=0,
            )
        )  # fmt: skip
    exponent = batch_exponent + 0.05 * RNG.normal(size=(4, 100))
    scatter = 0.1 * np.abs(RNG.normal(size=(4, 100)))
    prefactor = np.log(0.1) * (1 - 1) + 0.01 * RNG.normal(size=(4, 100))
    scaling = ScalingFit(
        draws={"log_prefactor": prefactor, "scatter": scatter, "batch_exponent": exponent}, alpha_exponent=None,
        batch_exponent=summarise(exponent), prefactor=summarise(np.exp(prefactor)), scatter=summarise(scatter),
        r_hat=1.0, ess=400.0, divergences=0,
    )  # fmt: skip
    return TemperatureFit(settings=tuple(settings), scaling=scaling if num > 1 else None, method="leading-order")


@pytest.mark.parametrize("name", ["temperature", "scaling", "spacing", "density"])
def test_every_figure_is_drawn_without_pyplot(name, tmp_path):
    figure = _fit().plot(name)
    assert isinstance(figure, Figure)
    figure.savefig(tmp_path / "f.png", dpi=40)
    assert (tmp_path / "f.png").stat().st_size > 1000


def test_the_scaling_band_passes_through_the_settings():
    figure = _fit().plot("scaling")
    line = figure.axes[0].lines[0]
    x, y = np.array(line.get_data())
    at_eight = np.exp(np.interp(np.log(8), np.log(x), np.log(y)))
    np.testing.assert_allclose(at_eight, 0.1 / 8, rtol=0.05)


def test_points_and_bars_are_the_interval():
    true, mean = np.array([0.01]), np.array([0.012])
    figure = plot_temperature(true, mean, np.array([0.011]), np.array([0.014]))
    bar = figure.axes[0].containers[0].lines[2][0].get_segments()[0]
    np.testing.assert_allclose(bar[:, 1], [0.011, 0.014])


def test_histogram_and_law_have_unit_area():
    spacing = np.abs(RNG.normal(size=400))
    figure = plot_spacing(spacing, np.full(10, 0.5))
    for axes in figure.axes:
        patches = axes.patches
        assert sum(p.get_width() * p.get_height() for p in patches) == pytest.approx(1.0, abs=0.01)
        x, y = axes.lines[0].get_data()
        assert np.trapezoid(y, x) == pytest.approx(1.0, abs=0.01)


def test_density_of_a_pair_has_unit_area():
    levels = np.sort(RNG.normal(size=(400, 2)) * 3, axis=-1)
    x, y = plot_density(levels, np.zeros(5), np.ones(5)).axes[0].lines[0].get_data()
    assert np.trapezoid(y, x) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("fit", "name", "match"),
    [
        (_fit(), "histogram", "one of"),
        (_fit(num=1), "scaling", "differ"),
        (_fit(size=3), "spacing", "no degenerate pair"),
    ],
)
def test_what_cannot_be_drawn_says_why(fit, name, match):
    with pytest.raises(cg.InputError, match=match):
        plot_fit(fit, name)
