"""Replicas, chunks, comparison and figures."""

import numpy as np
import pytest
import xarray as xr

from coulombgas.dmft import LinearRegression, compare, simulate

SYSTEM = LinearRegression(samples_per_dimension=1.5, learning_rate=0.2, noise_variance=0.2, steps=6)


def test_a_replica_is_the_same_in_any_ensemble_and_chunk():
    few = simulate(SYSTEM, dimension=30, replicas=3, seed=9, chunk=2)
    many = simulate(SYSTEM, dimension=30, replicas=7, seed=9, chunk=5)
    np.testing.assert_allclose(few.test_excess, many.test_excess[:3], rtol=1e-12)
    assert not np.allclose(few.test_excess[0, -1], few.test_excess[1, -1])


def test_progress_reaches_the_total():
    seen = []
    simulate(SYSTEM, dimension=10, replicas=5, chunk=2, progress=lambda a, b: seen.append((a, b)))
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_results_carry_their_axes_and_configuration():
    theory = SYSTEM.solve()
    assert theory.correlation.dims == ("step", "step_prime")
    assert '"linear-regression"' in theory.attrs["config"]
    assert simulate(SYSTEM, dimension=10, replicas=2).correlation.dims == ("replica", "step", "step_prime")


def test_z_scores_of_a_known_ensemble():
    theory = SYSTEM.solve()
    copies = simulate(SYSTEM, dimension=20, replicas=4)
    shift = xr.DataArray([0.1, 0.1, 0.3, 0.3], dims="replica")
    copies["test_excess"] = (0 * copies.test_excess + theory.test_excess + shift).transpose("replica", "step")
    result = compare(theory, copies)
    np.testing.assert_allclose(result.z("test_excess"), 0.2 / (np.std([0.1, 0.1, 0.3, 0.3], ddof=1) / 2), rtol=1e-6)
    assert {row[0] for row in result.table()} == set(result.names)


def test_figure_has_a_curve_and_scores_for_each_quantity():
    figure = compare(SYSTEM.solve(), simulate(SYSTEM, dimension=20, replicas=3)).plot()
    assert len(figure.axes) == 2 * 3


def test_other_figures():
    from coulombgas.plot import plot_decomposition, plot_dynamics

    assert plot_decomposition(SYSTEM.decompose()).axes
    assert len(plot_dynamics({"a": SYSTEM.solve(), "b": SYSTEM.solve()}, "train_loss").axes[0].lines) == 2


@pytest.mark.parametrize(
    ("other", "replicas", "message"),
    [
        (LinearRegression(samples_per_dimension=1.5, learning_rate=0.2, steps=7), 2, "different times"),
        (LinearRegression(samples_per_dimension=1.6, learning_rate=0.2, steps=6), 2, "different parameters"),
        (SYSTEM, 1, "at least 2 replicas"),
    ],
)
def test_refuses_what_does_not_belong_together(other, replicas, message):
    with pytest.raises(ValueError, match=message):
        compare(SYSTEM.solve(), simulate(other, dimension=10, replicas=replicas))


@pytest.mark.parametrize("values", [{"dimension": 1}, {"replicas": 0}, {"chunk": 0}])
def test_counts(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        simulate(SYSTEM, **{"dimension": 10, "replicas": 2, **values})
