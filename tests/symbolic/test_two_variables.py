"""Two variables: spectra, laws with a current, rest points and paths against exact results."""

import jax
import numpy as np
import pytest
import sympy as sp

from coulombgas import FokkerPlanck, InputError


def test_a_rotating_oscillator_has_complex_energies_and_a_current():
    """dx = -(x - 2y), dy = -(y + 2x): E = n + m + 2i(n - m), P = g^2, J = 2 (y, -x) p."""
    system = FokkerPlanck(["-x + 2*y", "-y - 2*x"], 0.5, ["x", "y"]).eigensystem(num=6)
    exact = np.array([0, 1 - 2j, 1 + 2j, 2, 2 - 4j, 2 + 4j])
    np.testing.assert_allclose(sorted(system.energies.real), exact.real, atol=0.005)
    assert all(np.abs(system.energies - energy).min() < 0.005 for energy in exact)
    assert (system.error < 0.05).all()
    assert system.moment(lambda x, y: 1 + 0 * x * y) == pytest.approx(1, abs=1e-9)
    assert system.moment(lambda x, y: x**2 + 0 * y) == pytest.approx(0.25, rel=0.015)
    x, y = system.x[:, None], system.y[None, :]
    density = np.exp(-2 * (x**2 + y**2)) * 2 / np.pi
    np.testing.assert_allclose(system.density, density, atol=0.01 * density.max())
    flow = 2 * np.stack([y * density, -x * density])
    np.testing.assert_allclose(system.current, flow, atol=0.02 * np.abs(flow).max())


@pytest.mark.full("test_a_rotating_oscillator_... and test_two_temperatures_... in test_two_variables.py")
def test_a_potential_has_real_energies_that_add_up_and_no_current():
    double = FokkerPlanck("x - x**3 + 0.1", 0.5).spectrum(num=3)
    found = FokkerPlanck(["x - x**3 + 0.1", "-2*y"], 0.5, ["x", "y"]).eigensystem(num=4)
    assert np.isrealobj(found.energies)
    exact = np.sort(np.add.outer(double, [0, 2, 4]).ravel())[:4]
    np.testing.assert_allclose(found.energies, exact, rtol=5e-3, atol=1e-9)
    assert np.abs(found.current).max() < 0.01 * found.density.max()


def test_walls_and_parameters():
    box = FokkerPlanck(["0*x", "0*y"], "g", ["x", "y"], [(0, 1), (0, 2)])
    found = box.spectrum(g=1, num=5)
    exact = np.sort([np.pi**2 * (n**2 + m**2 / 4) for n in range(3) for m in range(5)])[:5]
    np.testing.assert_allclose(found, exact, rtol=2e-4, atol=1e-9)


def test_two_temperatures_drive_a_current_that_the_linear_law_tells(reduced):
    """Coupled oscillators with unequal noise: covariance and circulation in closed form, on the mesh and in paths."""
    fp = FokkerPlanck(["-2*x + y", "-2*y + x"], [1, "g"], ["x", "y"])
    (point,) = fp.rest_points
    assert point.location == (0, 0)
    assert (sorted(point.rates), point.kind) == ([1, 3], "stable")
    g = fp.parameters[0]
    H, P = point.slope, point.covariance
    assert (H * P + P * H.T - 2 * sp.diag(1, g**2)).applyfunc(sp.simplify) == sp.zeros(2)
    assert sp.simplify(point.circulation[0, 1] - (1 - g**2) / 4) == 0
    assert point.circulation.subs(g, 1) == sp.zeros(2)
    exact = np.array(P.subs(g, 2), dtype=float)
    system = fp.eigensystem(g=2, num=3)
    moments = [system.moment(f) for f in (lambda x, y: x**2 + 0 * y, lambda x, y: x * y, lambda x, y: y**2 + 0 * x)]
    np.testing.assert_allclose(moments, exact[[0, 0, 1], [0, 1, 1]], rtol=0.015)
    np.testing.assert_allclose(system.energies, [0, 1, 2], atol=0.01)
    num = 5000 if reduced else 20_000
    paths = fp.sample_paths(g=2, key=jax.random.key(0), start=np.zeros((num, 2)), time=5.0, num_steps=500)
    assert paths.shape == (num, 2)
    sampled = np.cov(np.asarray(paths).T)
    for i, j in ((0, 0), (0, 1), (1, 1)):  # three standard errors, and the first order of the step
        error = np.sqrt((exact[i, i] * exact[j, j] + exact[i, j] ** 2) / num)
        assert abs(sampled[i, j] - exact[i, j]) < 3 * error + 0.01 * abs(exact[i, j])
    x, y = system.x[:, None], system.y[None, :]
    place = np.stack(np.broadcast_arrays(x, y))
    turned = -np.array(point.circulation.subs(g, 2), dtype=float) @ np.linalg.inv(exact)
    flow = np.einsum("ij,jxy->ixy", turned, place) * system.density
    np.testing.assert_allclose(system.current, flow, atol=0.02 * np.abs(flow).max())
    equilibrium = np.array(P.subs(g, 1), dtype=float)
    assert abs(sampled[0, 1] - equilibrium[0, 1]) > 0.2  # control


def test_rest_points_and_their_kinds():
    fp = FokkerPlanck(["x - x**3", "-y + 2*x*y"], "g", ["x", "y"])
    kinds = {point.location: point.kind for point in fp.rest_points}
    assert kinds == {(-1, 0): "stable", (0, 0): "saddle", (1, 0): "saddle"}
    spiral = FokkerPlanck(["-x + a*y", "-y - a*x"], "g", ["x", "y"], positive=["a"]).rest_points[0]
    assert spiral.kind == "stable"
    assert {sp.expand(rate) for rate in spiral.rates} == {
        1 - sp.I * sp.Symbol("a", positive=True),
        1 + sp.I * sp.Symbol("a", positive=True),
    }
    walls = FokkerPlanck(["x - x**3", "-y"], "g", ["x", "y"], [(0, None), (None, None)])
    assert [point.location for point in walls.rest_points] == [(0, 0), (1, 0)]


def test_paths_reflect_from_walls():
    fp = FokkerPlanck(["0*x", "0*y"], 1, ["x", "y"], [(0, 1), (0, None)])
    paths = np.asarray(fp.sample_paths(key=jax.random.key(1), start=np.full((500, 2), 0.5), time=1.0, num_steps=50))
    assert (paths >= 0).all()
    assert (paths[:, 0] <= 1).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: FokkerPlanck(["x", "y"], 1, ["x", "y"]).spectrum(), "does not confine"),
        (lambda: FokkerPlanck(["-x + 6*y", "-y - 6*x"], 1, ["x", "y"]).spectrum(), "or rotates them about five"),
        (lambda: FokkerPlanck(["-x", "-y"], [[1, 1], [0, 1]], ["x", "y"]).spectrum(), "independent for the two"),
        (lambda: FokkerPlanck(["-x", "-y"], [[1, 0], [0, 0]], ["x", "y"]).spectrum(), "noise positive"),
        (lambda: FokkerPlanck(["-x", "-y"], "g", ["x", "y"]).spectrum(), "missing g"),
        (lambda: FokkerPlanck(["-x"] * 3, 1, ["x", "y", "z"]).spectrum(), "is for one variable, got 3"),
        (lambda: FokkerPlanck(["-sinh(x)", "-y"], 1, ["x", "y"]).rest_points, "need a rational drift"),
        (lambda: FokkerPlanck(["-x*y", "-x*y"], 1, ["x", "y"]).rest_points, "are not isolated points"),
    ],
)
def test_refuses_clearly(call, message):
    with pytest.raises(InputError, match=message):
        call()
