"""GOE dynamics against the closed form and an independent quadrature."""

import numpy as np
import pytest

from coulombgas.dmft import GOEDynamics, compare, goe_response, simulate, solve


def volterra_response(time_step: float, duration: float = 5.0, shift: float = 2.0) -> float:
    """∂R = -zR + ∫RR by the trapezoidal rule, written independently of the library."""
    num = round(duration / time_step)
    r = np.zeros(num + 1)
    r[0] = 1.0
    for k in range(num):
        own = r[: k + 1] * r[: k + 1][::-1]
        now = -shift * r[k] + (time_step * (own.sum() - own[0]) if k else 0.0)
        inner = time_step * (r[1 : k + 1] * r[1 : k + 1][::-1]).sum()
        r[k + 1] = (r[k] + time_step / 2 * (now + inner)) / (1 + time_step / 2 * (shift - time_step))
    return r[-1]


def test_closed_form_is_the_quoted_number():
    np.testing.assert_allclose(goe_response(np.array([5.0]), 2.0), 0.0242525, atol=5e-8)


def test_second_order_quadrature_converges_to_it():
    """The quoted 0.02388, 0.02416, 0.02423: a trapezoidal rule (the first agrees within one unit of its last digit)."""
    values = [volterra_response(dt) for dt in (0.1, 0.05, 0.025)]
    np.testing.assert_allclose(values, [0.02388, 0.02416, 0.02423], atol=1.5e-5)


def test_response_and_correlation_converge_at_second_order():
    exact = goe_response(np.array([5.0, 6.0]), 2.0)
    errors = []
    for dt in (0.1, 0.05, 0.025):
        result = solve(GOEDynamics(time_step=dt, steps=200))  # one shape, one compilation
        end, num = round(5 / dt), round(1 / dt)
        errors.append([result.response[end, 0] - exact[0], result.correlation[end, num] - exact[1]])
    order = np.log2(np.abs(np.array(errors[:-1]) / np.array(errors[1:])))
    np.testing.assert_allclose(order, 2.0, atol=0.06)
    assert abs(errors[-1][0]) < 1e-7


def test_correlation_equals_the_modes_of_the_same_scheme():
    """Independent route: the midpoint rule mode by mode over the semicircle (Gauss-Chebyshev, exact)."""
    angle = np.pi * np.arange(1, 401) / 401
    weight, rate = 2 / 401 * np.sin(angle) ** 2, 2.3 + 2 * np.cos(angle)
    mode = ((1 - 0.04 * rate) / (1 + 0.04 * rate))[:, None] ** np.arange(41)
    result = solve(GOEDynamics(shift=2.3, time_step=0.08, steps=40, initial=1.7))
    np.testing.assert_allclose(result.correlation, 1.7 * np.einsum("k,ka,kb->ab", weight, mode, mode), atol=1e-13)


@pytest.mark.slow
def test_finite_matrices_agree(reduced):
    """False-alarm rate: the largest of about 5 independent |z| beyond 4, 4e-4; the control is off by 10% in z."""
    system = GOEDynamics(shift=2.5, time_step=0.05, steps=40)
    copies = simulate(system, dimension=150, replicas=30 if reduced else 300, seed=3)
    assert max(compare(solve(system), copies).worst().values()) < 4
    wrong = solve(GOEDynamics(shift=2.75, time_step=0.05, steps=40)).assign_attrs(config=copies.attrs["config"])
    assert compare(wrong, copies).worst()["norm"] > 8


@pytest.mark.parametrize(
    ("values", "message"),
    [({"time_step": 0.0}, "time_step"),
     ({"shift": 0.0, "time_step": 0.5}, r"below 1/\(2 - shift\) = 0.5"), ({"steps": 0}, "steps")],
)  # fmt: skip
def test_refuses(values, message):
    with pytest.raises(ValueError, match=message):
        GOEDynamics(**values)
