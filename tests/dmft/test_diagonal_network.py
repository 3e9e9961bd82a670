"""Diagonal networks: lazy limit, quoted rich curve, order, finite copies."""

import numpy as np
import pytest

from coulombgas.dmft import DiagonalNetwork, LinearRegression, compare, simulate

RICH = {"samples_per_dimension": 0.6, "scale": 0.7, "time_step": 0.04}


@pytest.mark.slow
def test_quoted_rich_curve(reduced):
    """Loss 1, 0.5562, 0.4627, 0.4092, 0.3806 (10⁴ paths); a simulation of d = 3000 has 0.5569 … 0.3868.

    The Monte Carlo errors of either are about 1%; the times are read off the curve, 0, 0.3, 0.6, 1.2, 2.4.
    """
    result = DiagonalNetwork(steps=60, paths=2000 if reduced else 20000, response_paths=200, **RICH).solve()
    found = np.interp([0, 0.3, 0.6, 1.2, 2.4], result.time, result.test_excess)
    error = 3 * np.interp([0, 0.3, 0.6, 1.2, 2.4], result.time, result.test_excess_error) + 0.007
    np.testing.assert_array_less(np.abs(found - [1, 0.5562, 0.4627, 0.4092, 0.3806]), error)
    assert result.attrs["residual"] <= 1e-7


@pytest.mark.slow
def test_lazy_limit_is_linear_regression():
    """a = 8: β moves linearly, at 4a² times the speed; Marchenko-Pastur modes are exact in time."""
    times = np.array([0, 10, 20, 40])
    lazy = DiagonalNetwork(samples_per_dimension=0.6, scale=8.0, noise_variance=0.1, time_step=0.1 / 256, steps=40,
                           paths=1000, response_paths=100).solve()  # fmt: skip
    linear = LinearRegression(samples_per_dimension=0.6, noise_variance=0.1, method="gradient-flow", learning_rate=0.1,
                              steps=40).quadrature()  # fmt: skip
    np.testing.assert_allclose(lazy.test_excess[times], linear.test_excess[times], atol=0.03)
    np.testing.assert_allclose(lazy.train_loss[times], linear.train_loss[times], atol=0.01)


def test_second_order_in_the_time_step():
    """One set of white noise cannot serve two grids, so the noise is off: α → ∞ leaves a closed scalar equation."""
    values = {"samples_per_dimension": 1e9, "scale": 0.8, "teacher_values": (1.2,), "teacher_probabilities": (1.0,)}
    ends = [
        float(
            DiagonalNetwork(time_step=dt, steps=round(0.8 / dt), paths=100, response_paths=20, **values)
            .solve()
            .overlap[-1]
        )
        for dt in (0.2, 0.1, 0.05, 0.025)
    ]
    steps = np.diff(ends)
    np.testing.assert_allclose(np.log2(steps[:-1] / steps[1:]), 2.0, atol=0.2)
    # separable: atanh-like closed form by quadrature of dt = dβ / (4a²cosh(2θ)(β* - β))
    from scipy.integrate import quad

    end = ends[-1] * 1.2
    time, _ = quad(lambda b: 1 / (2 * np.sqrt(4 * 0.8**4 + b**2) * (1.2 - b)), 0, end)
    assert time == pytest.approx(0.8, abs=2e-3)


@pytest.mark.slow
def test_finite_copies_agree(reduced):
    """Monte Carlo and finite-size errors in quadrature: each |z| < 4 at 5 times; the control has another scale."""
    system = DiagonalNetwork(
        samples_per_dimension=0.9, scale=0.5, noise_variance=0.2, time_step=0.08, steps=20,
        paths=2000 if reduced else 20000, response_paths=200,
        teacher_values=(0.0, 1.5), teacher_probabilities=(0.6, 0.4),
    )  # fmt: skip
    theory = system.solve()
    copies = simulate(system, dimension=300 if reduced else 1500, replicas=24 if reduced else 60, seed=1)
    result = compare(theory, copies).data
    some = slice(4, None, 4)
    error = np.hypot(result.test_excess_error[some], theory.test_excess_error[some])
    assert (np.abs(result.test_excess_mean[some] - result.test_excess[some]) < 4 * error).all()
    assert (np.abs(result.train_loss_mean[some] / result.train_loss[some] - 1) < 0.08).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"samples_per_dimension": 0.0}, "samples_per_dimension"),
        ({"scale": 0.0}, "scale"),
        ({"teacher_probabilities": (0.5, 0.1, 0.1)}, "add up to 1"),
        ({"teacher_values": (float("inf"), 0.0, 1.0)}, "NaN or infinite"),
        ({"damping": 0.0}, r"\(0, 1\]"),
        ({"paths": 10}, "at least 100"),
    ],
)
def test_refuses(values, message):
    with pytest.raises(ValueError, match=message):
        DiagonalNetwork(**{"samples_per_dimension": 1.0, **values})
