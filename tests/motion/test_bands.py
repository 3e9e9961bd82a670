"""What makes the bands of drift and noise as wide as they are, and the warnings beside them."""

from dataclasses import replace

import numpy as np
import pytest

from coulombgas.motion._fit import _warnings, temperature_from_motion
from coulombgas.motion._increments import collect_moves
from coulombgas.motion._regression import _drift_step, _Search, estimate
from coulombgas.motion._spline import _ledoit_wolf, smooth
from coulombgas.spectra import make_spectra

ALPHA, HEAT = 0.05, 1e-3


def as_spectra(levels, every=1):
    return make_spectra(
        levels[None], learning_rate=[ALPHA], batch_size=[64], model={"name": "unknown"},
        step=every * np.arange(levels.shape[1]),
    )  # fmt: skip


def ornstein_uhlenbeck(rate, every, records=60, memory=0.0, replicas=40):
    rng = np.random.default_rng(0)
    x, path, kick = 2 + rng.uniform(-0.3, 0.3, replicas), [], rng.standard_normal(replicas)
    for update in range(records * every):
        kick = memory * kick + np.sqrt(1 - memory**2) * rng.standard_normal(replicas)
        x = x - ALPHA * rate * (x - 2) + np.sqrt(2 * ALPHA * HEAT) * kick
        if (update + 1) % every == 0:
            path.append(x)
    return as_spectra(np.stack(path, axis=1)[..., None], every)


def pairs():
    """Eigenvalues of symmetric 2×2 matrices, near enough that their repulsion is a good part of the drift."""
    rng, matrix, path = np.random.default_rng(0), np.zeros((60, 2, 2)) + np.diag([1.95, 2.05]), []
    for _ in range(80):
        noise = rng.standard_normal((60, 2, 2))
        matrix = matrix - ALPHA * 0.5 * (matrix - 2 * np.eye(2))
        matrix = matrix + np.sqrt(2 * ALPHA * HEAT) * (noise + np.swapaxes(noise, 1, 2)) / 2
        path.append(np.linalg.eigvalsh(matrix))
    return as_spectra(np.stack(path, axis=1))


@pytest.mark.parametrize("dispersion", [1.0, 4.0, 25.0])
def test_clusters_that_scatter_widen_errors_by_the_root_of_their_dispersion(dispersion):
    """Scores of clusters whose covariance is ``dispersion`` times the information: the sandwich I⁻¹ M I⁻¹ is that

    many times I⁻¹, by hand, while what the mean owes to the data stays I⁻¹.
    """
    diagonal = np.array([4.0, 1.0, 9.0, 0.5, 2.0, 30.0])
    size = len(diagonal)
    rows = np.concatenate([np.eye(size), -np.eye(size)]) * np.sqrt(dispersion * size)
    scores = rows * np.sqrt(diagonal / len(rows))
    found = smooth(np.diag(diagonal), diagonal * np.arange(size), np.zeros((size, size)), scores)
    assert found.dispersion == pytest.approx(dispersion)
    np.testing.assert_allclose(found.mean, np.arange(size), atol=1e-9)
    np.testing.assert_allclose(found.spread(np.eye(size)), np.sqrt(dispersion / diagonal), rtol=1e-6)
    np.testing.assert_allclose(found.response, np.diag(1 / diagonal), rtol=1e-6, atol=1e-12)


def test_more_noise_means_more_repulsion_and_so_less_of_it_in_the_drift():
    """The coupling is the derivative of the drift by the level of the noise: by the same regression at e^±ε the noise.

    Control: its sign, and that it is no rounding error beside the drift's own uncertainty.
    """
    moves = collect_moves(pairs(), 0, None, 1)
    found, search = estimate(moves, 8, 1.0), _Search(moves, 8, 1.0, "geometric")
    here = search.run(np.zeros(search.basis.size), search.first_noise()).state
    weight, step, means = search.weight(here), 1e-3, []
    for sign in (1, -1):
        there = search.visit(here.theta, here.log_noise + sign * step)
        residual = search.grid.at_data(here.path.mean)  # only the repulsion changes
        residual = moves.rows(moves.after) - residual - there.kicks.shift
        means.append(_drift_step(search.grid, here.path, residual, weight, here.theta, search._roughness[0]).mean)
    x = np.quantile(moves.start, [0.05, 0.25, 0.75, 0.95])
    design = found.basis.design(x)
    expected = design @ (means[0] - means[1]) / (2 * step)
    coupling = design @ found.coupling @ np.ones(found.noise_basis.size)
    np.testing.assert_allclose(coupling, expected, rtol=0.05)
    assert (np.sign(coupling) == [1, 1, -1, -1]).all()
    assert np.abs(coupling).max() > found.drift.spread(design).max()


def test_a_warning_names_the_factor_of_the_noise_over_long_times():
    """(1 + c)/(1 − c) for the correlation c that stands beside it."""
    fit = temperature_from_motion(ornstein_uhlenbeck(0.2, 1, memory=0.4, records=150))
    (warning,) = [item for item in fit.warnings if "correlated" in item]
    assert f"({fit.memory:+.2f})" in warning
    assert f"about {(1 + fit.memory) / (1 - fit.memory):.2f} times" in warning
    assert fit.memory == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize(("rate", "told"), [(0.7, False), (1.5, True)])
def test_records_beyond_a_relaxation_time_are_told(rate, told):
    fit = temperature_from_motion(ornstein_uhlenbeck(rate, 20))
    assert any("relaxation time" in warning for warning in fit.warnings) == told


@pytest.mark.parametrize(("share", "told"), [(0.45, False), (0.6, True)])
def test_a_majority_of_crowded_levels_is_told(share, told):
    spectra = ornstein_uhlenbeck(0.7, 1)
    moves, fit = collect_moves(spectra, 0, None, 1), temperature_from_motion(spectra)
    found = replace(estimate(moves, 8, 1.0), num_crowded=int(share * moves.start.size))
    assert any("most levels" in warning for warning in _warnings(moves, found, fit.fixed_point, ALPHA)) == told


def test_the_scatter_of_scores_does_not_overflow():
    """Fourth powers of 1e100 do; data that say little can have such scores before they are refused."""
    scores = np.random.default_rng(0).normal(size=(9, 4))
    expected = 1e200 * _ledoit_wolf(scores)
    np.testing.assert_allclose(_ledoit_wolf(1e100 * scores), expected, rtol=1e-12)
    np.testing.assert_array_equal(_ledoit_wolf(np.zeros((3, 2))), 0.0)
