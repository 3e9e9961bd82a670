"""Figures: what they show is what the fit says."""

import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

import coulombgas as cg
from coulombgas import plot
from coulombgas._interval import summarise
from coulombgas.inference import LevelFit, ScalingFit, SettingFit, TemperatureFit

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
                true_temperature=0.1 / batch,
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


FIGURES = (plot.temperature, plot.scaling, plot.spacing, plot.density)


@pytest.fixture(scope="module", params=FIGURES, ids=lambda draw: draw.__name__)
def figure(request):
    return request.param(_fit())


def test_every_figure_is_drawn_without_pyplot(figure, tmp_path):
    assert isinstance(figure, Figure)
    figure.savefig(tmp_path / "f.png", dpi=40)
    assert (tmp_path / "f.png").stat().st_size > 1000


def test_a_notebook_gets_a_png_with_ink_on_it(figure):
    from matplotlib.image import imread

    image = imread(io.BytesIO(figure._repr_png_()))
    assert image.shape[1] > 300
    colours = np.round(image[..., :3] * 255).astype(int) @ (1, 256, 65536)
    assert len(np.unique(colours)) > 50


def test_the_scaling_band_passes_through_the_settings():
    line = plot.scaling(_fit()).axes[0].lines[0]
    x, y = np.array(line.get_data())
    at_eight = np.exp(np.interp(np.log(8), np.log(x), np.log(y)))
    np.testing.assert_allclose(at_eight, 0.1 / 8, rtol=0.05)


def test_settings_are_brought_to_the_common_learning_rate():
    """A rule with exponents a = 2 and b = 1: settings of two learning rates fall on one line."""
    fit = _fit(num=4)
    ones = np.ones((4, 100))
    rule = fit.scaling
    settings = []
    for index, setting in enumerate(fit.settings):
        alpha = (0.1, 0.4)[index % 2]
        heat = alpha**2 / setting.batch_size * (1 + 0.01 * RNG.normal(size=(4, 100)))
        settings.append(replace(setting, learning_rate=alpha, temperature=summarise(heat), temperature_draws=heat))
    draws = {"log_prefactor": 0 * ones, "scatter": 0.01 * ones, "alpha_exponent": 2 * ones, "batch_exponent": ones}
    rule = replace(rule, draws=draws, alpha_exponent=summarise(2 + 0.01 * RNG.normal(size=100)))
    figure = plot.scaling(TemperatureFit(settings=tuple(settings), scaling=rule, method="leading-order"))
    line, (points, *_) = figure.axes[0].lines[0], figure.axes[0].containers[0]
    x, y = points.get_data()
    np.testing.assert_allclose(
        y, np.exp(np.interp(np.log(x), np.log(line.get_xdata()), np.log(line.get_ydata()))), rtol=0.01
    )


def test_points_and_bars_are_the_interval():
    fit = _fit(num=1)
    bar = plot.temperature(fit).axes[0].containers[0].lines[2][0].get_segments()[0]
    estimate = fit.settings[0].temperature
    np.testing.assert_allclose(bar[:, 0], fit.settings[0].true_temperature)
    np.testing.assert_allclose(bar[:, 1], [estimate.lower, estimate.upper])


def test_histogram_and_law_have_unit_area():
    for axes in plot.spacing(_fit(num=1)).axes:
        assert sum(p.get_width() * p.get_height() for p in axes.patches) == pytest.approx(1.0, abs=0.01)
        x, y = axes.lines[0].get_data()
        assert np.trapezoid(y, x) == pytest.approx(1.0, abs=0.01)


def test_density_of_a_pair_has_unit_area():
    """The law alone: its width is a tenth of the histogram's, so that all of it lies within the picture."""
    x, y = plot.density(_fit(num=1)).axes[0].lines[0].get_data()
    assert np.trapezoid(y, x) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("draw", "fit", "options", "match"),
    [
        (plot.scaling, _fit(num=1), {}, "must differ in learning rate or batch size"),
        (plot.scaling, _fit(), {"along": "learning_rate"}, "`along` must be one of 'batch_size', got 'learning_rate'"),
        (plot.spacing, _fit(size=3), {}, "no degenerate pair"),
        (plot.density, _fit(size=3), {}, "no degenerate pair"),
        (plot.density, _fit(), {"setting": 3}, "`setting` must be below 3, the number of settings, got 3"),
        (plot.spacing, _fit(), {"setting": -1}, "`setting` must be at least 0"),
    ],
)
def test_what_cannot_be_drawn_says_why(draw, fit, options, match):
    with pytest.raises(cg.InputError, match=match):
        draw(fit, **options)
