"""Replicas, chunks, comparison and figures."""

import numpy as np
import pytest
import xarray as xr

from coulombgas.dmft import LinearRegression, compare, simulate

SYSTEM = LinearRegression(samples_per_dimension=1.5, learning_rate=0.2, noise_variance=0.2, steps=6)


@pytest.fixture(scope="module")
def theory():
    return SYSTEM.solve()


@pytest.fixture(scope="module")
def copies():
    return simulate(SYSTEM, dimension=10, replicas=5, chunk=2)


def test_a_replica_is_the_same_in_any_ensemble_and_chunk():
    few = simulate(SYSTEM, dimension=10, replicas=3, seed=9, chunk=2)
    many = simulate(SYSTEM, dimension=10, replicas=7, seed=9, chunk=5)
    np.testing.assert_allclose(few.test_excess, many.test_excess[:3], rtol=1e-12)
    assert not np.allclose(few.test_excess[0, -1], few.test_excess[1, -1])


def test_progress_reaches_the_total():
    seen = []
    simulate(SYSTEM, dimension=10, replicas=5, chunk=2, progress=lambda a, b: seen.append((a, b)))
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_results_carry_their_axes_and_configuration(theory, copies):
    assert theory.correlation.dims == ("step", "step_prime")
    assert '"linear-regression"' in theory.attrs["config"]
    assert copies.correlation.dims == ("replica", "step", "step_prime")


def test_z_scores_of_a_known_ensemble(theory, copies):
    copies = copies.isel(replica=slice(4))
    shift = xr.DataArray([0.1, 0.1, 0.3, 0.3], dims="replica")
    copies["test_excess"] = (0 * copies.test_excess + theory.test_excess + shift).transpose("replica", "step")
    result = compare(theory, copies)
    np.testing.assert_allclose(result.z("test_excess"), 0.2 / (np.std([0.1, 0.1, 0.3, 0.3], ddof=1) / 2), rtol=1e-6)
    assert {row[0] for row in result.table()} == set(result.names)


def test_errors_of_the_theory_are_added_in_quadrature(theory, copies):
    plain = compare(theory, copies).data["test_excess_error"]
    both = compare(theory.assign(test_excess_error=("step", np.full(7, 0.3))), copies).data["test_excess_error"]
    np.testing.assert_allclose(both**2, plain**2 + 0.09, rtol=1e-9)


def test_figure_has_a_curve_and_scores_for_each_quantity(theory, copies):
    figure = compare(theory, copies).plot()
    assert len(figure.axes) == 2 * 3


def test_other_figures(theory):
    from coulombgas.plot import plot_decomposition, plot_dynamics

    assert plot_decomposition(SYSTEM.decompose()).axes
    assert len(plot_dynamics({"a": theory, "b": theory}, "train_loss").axes[0].lines) == 2


@pytest.mark.parametrize(
    ("other", "replicas", "message"),
    [
        (LinearRegression(samples_per_dimension=1.5, learning_rate=0.2, steps=7), 2, "different times"),
        (LinearRegression(samples_per_dimension=1.6, learning_rate=0.2, steps=6), 2, "different parameters"),
        (SYSTEM, 1, "at least 2 replicas"),
    ],
)
def test_refuses_what_does_not_belong_together(other, replicas, message, copies):
    with pytest.raises(ValueError, match=message):
        compare(other.solve(), copies.isel(replica=slice(replicas)))


@pytest.mark.parametrize("values", [{"dimension": 1}, {"replicas": 0}, {"chunk": 0}])
def test_counts(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        simulate(SYSTEM, **{"dimension": 10, "replicas": 2, **values})
