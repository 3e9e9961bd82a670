"""Deep linear networks: quoted losses and outliers, the lazy limit, order, finite copies."""

import numpy as np
import pytest

from coulombgas.dmft import DeepLinear, LinearRegression, compare, outliers, simulate, solve


def test_quoted_losses():
    result = solve(DeepLinear(samples_per_dimension=3.0, time_step=0.05, steps=80))
    np.testing.assert_allclose(result.test_excess[[0, 10, 20, 40, 80]], [2, 0.4984, 0.2408, 0.0768, 0.0120], atol=5e-5)
    assert result.attrs["residual"] <= 1e-10


def test_quoted_outliers():
    """1.726, 1.817, 1.882 at n = 20, 40, 80; bulk edge 1.7071 (they belong to dt = 0.02)."""
    system = DeepLinear(samples_per_dimension=2.0, width_per_dimension=2.0, feature_strength=3.0, noise_variance=0.2,
                        time_step=0.02, steps=80)  # fmt: skip
    theory = solve(system)
    tops = [outliers(system, theory, step) for step in (20, 40, 80)]
    assert [len(top) for top in tops] == [1, 1, 1]
    np.testing.assert_allclose(np.ravel(tops), [1.726, 1.817, 1.882], atol=5e-4)
    assert system.bulk_edge() == pytest.approx(1.7071, abs=5e-5)
    assert len(outliers(system, theory, 1)) == 0


def test_damping_does_not_move_the_solution():
    a, b = (solve(DeepLinear(samples_per_dimension=1.5, steps=20, damping=d)) for d in (0.4, 1.0))
    np.testing.assert_allclose(a.correlation, b.correlation, atol=1e-9)


def test_weak_feature_learning_is_linear_regression(reduced):
    """γ → 0: the readout and the tangent kernel (1 + 1 for ν → ∞, a and W alike) stay; an independent theory."""
    steps = 20 if reduced else 30  # 20: the program of other tests
    system = DeepLinear(samples_per_dimension=1.8, width_per_dimension=1e6, feature_strength=0.01, noise_variance=0.1,
                        time_step=0.05, steps=steps)  # fmt: skip
    linear = LinearRegression(samples_per_dimension=1.8, noise_variance=0.1, learning_rate=0.05, steps=steps)
    lazy, plain = solve(system), solve(linear)
    gain = (1 - lazy.overlap[1]) / (1 - plain.overlap[1])
    assert float(gain) != 1  # the kernel is 2, not 1
    fast = solve(LinearRegression(samples_per_dimension=1.8, noise_variance=0.1, learning_rate=0.1, steps=steps))
    np.testing.assert_allclose(lazy.overlap, fast.overlap, atol=2e-3)


def test_flow_is_second_order():
    rows = []
    for dt in (0.2, 0.1, 0.05, 0.025):
        flow = DeepLinear(samples_per_dimension=2.5, noise_variance=0.1, method="gradient-flow", time_step=dt, steps=80)
        r = solve(flow).isel(step=round(1.2 / dt))
        rows.append([r.test_excess, r.train_loss, r.readout])
    steps = np.diff(rows, axis=0)
    np.testing.assert_allclose(np.log2(np.abs(steps[1] / steps[2])), 2.0, atol=0.2)


@pytest.mark.slow
def test_finite_copies_agree(reduced):
    """|z| < 4.5 (about 10 independent numbers, corrections of order 1/D); no outlier has left the bulk yet."""
    system = DeepLinear(samples_per_dimension=1.6, width_per_dimension=0.7, feature_strength=1.5, noise_variance=0.3,
                        time_step=0.06, steps=20)  # fmt: skip
    theory = solve(system)
    copies = simulate(system, dimension=120 if reduced else 400, replicas=24 if reduced else 48, seed=6)
    worst = compare(theory, copies).worst()
    assert max(worst.values()) < 4.5, worst
    assert outliers(system, theory, 20).size == 0
    assert float(copies.top_singular_value[:, -1].mean()) == pytest.approx(system.bulk_edge(), rel=0.05)
    wrong = DeepLinear(samples_per_dimension=1.6, width_per_dimension=0.7, feature_strength=2.0, noise_variance=0.3,
                       time_step=0.06, steps=20)  # fmt: skip
    assert compare(solve(wrong).assign_attrs(config=copies.attrs["config"]), copies).worst()["readout"] > 5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"feature_strength": 0.0}, "feature_strength"),
        ({"width_per_dimension": -1.0}, "width_per_dimension"),
        ({"time_step": 0.5}, "must be below .* unstable at initialisation"),
        ({"method": "nesterov"}, "'gd', 'gradient-flow'"),
    ],
)
def test_refuses(values, message):
    with pytest.raises(ValueError, match=message):
        DeepLinear(**{"samples_per_dimension": 2.0, **values})


def test_step_out_of_range():
    system = DeepLinear(samples_per_dimension=2.0, steps=20)  # the program of other tests
    with pytest.raises(ValueError, match="at most the number of steps, 20"):
        outliers(system, solve(system), 21)
