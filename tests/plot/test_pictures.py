"""Every picture of the package shows itself, and shows what its result says."""

import inspect
from pathlib import Path

import jax
import numpy as np
import pytest
import xarray as xr

import coulombgas as cg
from coulombgas import dmft, plot
from coulombgas._interval import Interval
from coulombgas.inference import Calibration, PredictiveCheck
from coulombgas.models import gpt_size, init_gpt, read_corpus
from coulombgas.motion import Band, FixedPoint, MotionFit
from coulombgas.networks import follow
from coulombgas.plot._style import Picture
from coulombgas.spectra import layer_spectrum
from coulombgas.training import LanguageRun, LanguageTraining

ELSEWHERE = {"temperature", "scaling", "spacing", "density"}  # pictures of a TemperatureFit, in test_fit.py


def matrices(steps=(0, 50, 100)):
    rng = np.random.default_rng(0)
    return [layer_spectrum("w", rng.normal(size=(150, 100)), step=step, vectors=False) for step in steps]


def calibration():
    ranks = {"width": np.arange(128), "center": np.arange(128) // 2}
    counts = {"width": 128, "center": 64}
    return Calibration(
        model="pair", ranks=ranks, num_ranks=counts, coverage={}, p_values={}, divergences=0, worst_ess={}
    )


def motion():
    grid = np.linspace(0, 1, 11)
    band = Band(mean=grid, lower=grid - 0.1, upper=grid + 0.2)
    point = FixedPoint(**dict.fromkeys(("position", "rate", "temperature", "width"), Interval(0.4, 0.3, 0.5, 0.05)))
    return MotionFit(
        grid=grid, drift=band, potential=band, noise=band, fixed_point=point, num_increments=9, num_close=0, memory=0.0,
        dispersion=1.0,
    )  # fmt: skip


def run(path):
    path.write_text("the level repels the level and the gas is warm. " * 80)
    config = LanguageTraining(size=gpt_size("tiny", context=8, width=8, num_heads=1, num_layers=1), steps=20)
    loss = xr.Dataset(
        {name: (("replica", "step"), [[3.0, 2.0, 1.0], [3.1, 2.1, 1.1]]) for name in ("train_loss", "validation_loss")},
        coords={"step": [0, 10, 20]},
    )
    corpus = read_corpus(path)
    shapes = jax.eval_shape(lambda: init_gpt(config.size, len(corpus.alphabet), key=jax.random.key(0)))
    model = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    return LanguageRun(path=Path("run"), config=config, corpus=corpus, losses=loss, model=model)


def pictures(tmp_path):
    """(name, figure, number of axes) of every public picture that no other file draws."""
    layers = matrices()
    analysis = cg.analyse(layers)
    system = dmft.OnePassSGD(dimension=8, batch_size=4, steps=5)
    theory = dmft.solve(system)
    two = theory[list(theory.data_vars)[:2]]
    copies = xr.concat([factor * two for factor in (0.9, 1.0, 1.1)], "replica")
    compared = dmft.compare(theory, copies.assign_attrs(theory.attrs | {"dimension": 8}))
    parts = dmft.decompose(dmft.RandomFeatures(samples_per_dimension=1.2, features_per_dimension=0.7))
    checks = {f"statistic {i}": PredictiveCheck(float(i), np.arange(40.0), 0.5) for i in range(4)}
    well = cg.FokkerPlanck("-x", noise="g")
    yield "layer", plot.layer(analysis[0]), 3
    yield "long_range", plot.long_range(analysis[0]), 2
    yield "evolution", plot.evolution(follow(analysis)[0]), 4
    yield "spectra", plot.spectra(layers), 1
    yield "losses", plot.losses(run(tmp_path / "t.txt")), 1
    yield "comparison", plot.comparison(compared), 2 * 2
    yield "dynamics", plot.dynamics({"theory": theory}, "test_excess"), 1
    yield "decomposition", plot.decomposition(parts), 1
    yield "ranks", plot.ranks(calibration()), 2
    yield "predictive", plot.predictive(checks, title="four"), 6
    yield "motion", plot.motion(motion(), truth={"drift": np.zeros(11)}), 3
    yield "fokker_planck", plot.fokker_planck(well, {"g": 0.5}, num=3), 3


def test_every_picture_shows_itself_in_a_notebook(tmp_path):
    drawn = set()
    for name, figure, num_axes in pictures(tmp_path):
        assert isinstance(figure, Picture), name
        assert len(figure.axes) == num_axes, name
        assert figure._repr_png_().startswith(b"\x89PNG"), name
        drawn.add(name)
    public = {name for name in plot.__all__ if _draws(getattr(plot, name))}
    assert drawn == public - ELSEWHERE


def _draws(function) -> bool:
    return getattr(inspect.signature(function).return_annotation, "__name__", "") == "Figure"


def test_ranks_fill_the_range_of_their_own_parameter():
    """Uniform ranks, 128 of one parameter and 64 of the other: flat histograms that reach the last rank."""
    for axes, last in zip(plot.ranks(calibration()).axes, (128, 64), strict=True):
        _, *bars = axes.patches  # the first is the band
        assert np.ptp([bar.get_height() for bar in bars]) == 0
        assert max(bar.get_x() + bar.get_width() for bar in bars) == pytest.approx(last)


def test_bands_of_the_motion_are_those_of_the_fit():
    axes = plot.motion(motion()).axes[0]
    vertices = axes.collections[0].get_paths()[0].vertices
    assert vertices[:, 1].max() == pytest.approx(1.2)
    assert vertices[:, 1].min() == pytest.approx(-0.1)
