"""Replicas, chunks, comparison and figures."""

import numpy as np
import pytest
import xarray as xr

from coulombgas import dmft, plot
from coulombgas._checks import InputError
from coulombgas.dmft import LinearRegression, compare, decompose, simulate, solve
from coulombgas.dmft._dispatch import _replica, _solution


class Unknown(dmft.System):
    """A system that no module of the package knows how to solve."""

    def times(self):
        return np.arange(2.0)


SYSTEM = LinearRegression(samples_per_dimension=1.5, learning_rate=0.2, noise_variance=0.2, steps=6)


@pytest.fixture(scope="module")
def theory():
    return solve(SYSTEM)


@pytest.fixture(scope="module")
def copies():
    return simulate(SYSTEM, dimension=10, replicas=5, chunk=2)


def test_a_replica_is_the_same_in_any_ensemble_and_chunk():
    few = simulate(SYSTEM, dimension=10, replicas=3, seed=9, chunk=1)
    many = simulate(SYSTEM, dimension=10, replicas=7, seed=9, chunk=2)
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
    assert {row["quantity"] for row in result.records()} == set(result.names)


def test_errors_of_the_theory_are_added_in_quadrature(theory, copies):
    plain = compare(theory, copies).data["test_excess_error"]
    both = compare(theory.assign(test_excess_error=("step", np.full(7, 0.3))), copies).data["test_excess_error"]
    np.testing.assert_allclose(both**2, plain**2 + 0.09, rtol=1e-9)


def test_figure_has_a_curve_and_scores_for_each_quantity(theory, copies):
    figure = plot.comparison(compare(theory, copies))
    assert len(figure.axes) == 2 * 3


def test_other_figures(theory):
    assert plot.decomposition(decompose(SYSTEM)).axes
    assert len(plot.dynamics({"a": theory, "b": theory}, "train_loss").axes[0].lines) == 2


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
        compare(solve(other), copies.isel(replica=slice(replicas)))


def test_every_system_is_solved_and_simulated():
    """The registries of the verbs know every system that the package exports: none is forgotten."""
    systems = {kind for kind in vars(dmft).values() if isinstance(kind, type) and issubclass(kind, dmft.System)}
    for registry in (_solution.registry, _replica.registry):
        assert set(registry) - {object} == systems - {dmft.System}


@pytest.mark.parametrize(
    ("verb", "arguments", "message"),
    [
        (dmft.solve, {}, "`system` must be one of DeepLinear, .* for `solve`, got Unknown"),
        (dmft.simulate, {"dimension": 4, "replicas": 2}, "must be one of .* for `simulate`, got Unknown"),
        (dmft.decompose, {}, "must be one of LinearRegression, RandomFeatures for `decompose`, got Unknown"),
        (dmft.quadrature, {}, "must be a LinearRegression for `quadrature`, got Unknown"),
        (dmft.outliers, {"theory": xr.Dataset(), "step": 1}, "must be a DeepLinear for `outliers`, got Unknown"),
    ],
)
def test_what_no_module_can_solve_is_refused(verb, arguments, message):
    with pytest.raises(InputError, match=message):
        verb(Unknown(), **arguments)


def test_a_verb_refuses_a_system_it_does_not_know():
    with pytest.raises(InputError, match="got GOEDynamics"):
        dmft.decompose(dmft.GOEDynamics())


@pytest.mark.parametrize("values", [{"dimension": 1}, {"replicas": 0}, {"chunk": 0}])
def test_counts(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        simulate(SYSTEM, **{"dimension": 10, "replicas": 2, **values})
