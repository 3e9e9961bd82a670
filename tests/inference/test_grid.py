"""Draws from a grid, against posteriors by plain quadrature in NumPy."""

from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from scipy import special

from coulombgas.inference import fit_model
from coulombgas.inference._grid import sample_grid
from coulombgas.inference.spacing_laws import _fit
from coulombgas.inference.spacing_laws._catalogue import bound, find_model, stack_observations
from coulombgas.spectra import make_spectra

SIZES = {"num_chains": 4, "num_draws": 500}
# Draws are nearly independent, 2000 of them: a mean is known to 1/√2000 standard deviations, a standard deviation to
# 1/√4000 for a Gaussian. Six errors of each have a false-alarm rate of 2e-9 a comparison; the rejected moves cost 10%.
MEAN, SPREAD = 6 * 1.1 / np.sqrt(2000), 6 * 1.1 / np.sqrt(4000)


def correlated(data) -> None:
    """A Gaussian whose axes are nearly parallel."""
    x = numpyro.sample("x", dist.Normal(data["mean"], data["sd"]))
    numpyro.sample("y", dist.Normal(data["slope"] * x, 0.01 * data["sd"]))


def flat(data) -> None:
    numpyro.sample("x", dist.ImproperUniform(dist.constraints.real, (), ()))


def comb(data) -> None:
    """Needles between the points of any grid."""
    x = numpyro.sample("x", dist.Normal(0.0, 1.0))
    numpyro.factor("needles", 200 * jnp.cos(3e4 * x + data["phase"]))


def test_a_narrow_ridge_far_from_the_start():
    data = {"mean": 1.7, "sd": 0.02, "slope": 30.0}
    draws = sample_grid(correlated, data, {"x": 0.0, "y": 0.0}, seed=(0, 0), **SIZES)
    assert draws is not None
    x, y = draws.sites["x"].ravel(), draws.sites["y"].ravel()
    assert draws.sites["x"].shape == draws.num_steps.shape == (1, 4, 500)
    for values, mean, sd in ((x, 1.7, 0.02), (y - 30 * x, 0.0, 0.0002)):
        assert abs(values.mean() - mean) < MEAN * sd
        assert abs(values.std() / sd - 1) < SPREAD
    assert abs(np.corrcoef(x, y - 30 * x)[0, 1]) < MEAN


@pytest.mark.parametrize("gap", [0.0, 0.8, 3.0])
def test_the_rice_posterior_is_that_of_quadrature(gap):
    rng = np.random.default_rng(1)
    values = np.hypot(gap + np.sqrt(2) * rng.normal(size=150), np.sqrt(2) * rng.normal(size=150))
    values /= np.sqrt(np.mean(values**2))
    model = find_model("rice")
    data = stack_observations([values], [0.0])
    own = type(data)(*(leaf[0] for leaf in data))
    draws = sample_grid(bound(model), own, model.start(values, 0.0), seed=(0, 0), even="gap", **SIZES)
    assert draws is not None
    found = {name: draws.sites[name].ravel() for name in ("gap", "width")}
    assert (found["gap"] >= 0).all()
    exact, shifted = rice_by_quadrature(values)
    for name, (mean, sd) in exact.items():
        assert abs(found[name].mean() - mean) < MEAN * sd, name
        assert abs(found[name].std() / sd - 1) < 2 * SPREAD, name  # not Gaussian: half a normal at gap 0
    # control: the density of the unconstrained logarithm taken for that of the width
    mean, sd = shifted["width"]
    assert abs(found["width"].mean() - mean) > MEAN * sd


def rice_by_quadrature(values: np.ndarray) -> list[dict[str, tuple[float, float]]]:
    """Means and standard deviations under the weak priors: half-normal gap (2), log-normal width (−0.5, 1.5).

    Then those of a posterior with another thirty powers of the width. Steps are at most half a standard deviation.
    """
    gap, width = np.linspace(0, 1.6, 81)[:, None], np.geomspace(0.15, 1.0, 70)[None]
    log_posterior = -(gap**2) / 8 - (np.log(width) + 0.5) ** 2 / 4.5  # in log width
    for s in values:
        z = s * gap / (2 * width**2)
        log_posterior = log_posterior + np.log(special.i0e(z)) - (s - gap) ** 2 / (4 * width**2) - 2 * np.log(width)
    return [moments(log_posterior + power * np.log(width), gap=gap, width=width) for power in (0, 30)]


def moments(log_posterior: np.ndarray, **grids: np.ndarray) -> dict[str, tuple[float, float]]:
    weight = np.exp(log_posterior - log_posterior.max())
    weight[0] /= 2  # trapezoidal rule
    weight /= weight.sum()
    means = {name: float((weight * grid).sum()) for name, grid in grids.items()}
    return {
        name: (means[name], float(np.sqrt((weight * (grid - means[name]) ** 2).sum()))) for name, grid in grids.items()
    }


def test_what_no_grid_holds_is_left_to_the_sampler(monkeypatch):
    assert sample_grid(flat, {}, {"x": 0.0}, seed=(0, 0), **SIZES) is None
    assert sample_grid(comb, {"phase": 0.3}, {"x": 0.0}, seed=(0, 0), **SIZES) is None
    rng = np.random.default_rng(0)
    levels = np.linalg.eigvalsh(np.eye(2) + 0.01 * (m := rng.normal(size=(60, 2, 2))) + 0.01 * np.swapaxes(m, 1, 2))
    spectra = make_spectra(
        levels[None, :, None, :], learning_rate=[0.1], batch_size=[8], target=[1.0, 1.0], fixed_point=[1.0, 1.0],
        model={"name": "teacher-student", "teacher": [1.0, 1.0], "noise": 0.1, "inputs": "fresh"},
    )  # fmt: skip
    monkeypatch.setattr(_fit, "sample_grid", lambda *args, **options: None)
    by_nuts = fit_model(spectra, "pair", num_warmup=100, num_draws=200).groups[0].parameters["width"]
    monkeypatch.undo()
    by_grid = fit_model(spectra, "pair", num_draws=200).groups[0].parameters["width"]
    assert by_nuts.mean == pytest.approx(by_grid.mean, rel=0.02)


def test_problems_and_seeds_draw_independently():
    data = {"mean": 0.0, "sd": 1.0, "slope": 0.0}
    runs = [
        sample_grid(correlated, data, {"x": 0.0, "y": 0.0}, seed=seed, **SIZES) for seed in ((0, 0), (0, 1), (1, 0))
    ]
    means = [run.sites["x"].ravel() for run in runs if run is not None]
    assert len(means) == 3
    for first, second in pairwise(means):
        assert abs(np.corrcoef(first, second)[0, 1]) < MEAN
