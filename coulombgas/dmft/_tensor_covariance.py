r"""Covariance :math:`Q(c) = c^2/(2\Delta_2) + c^p/(p\Delta_p)` of the spiked matrix-tensor landscape."""

from typing import Any

import numpy as np

from coulombgas._checks import fail

from ._convergence import NotConvergedError


class Covariance:
    """Q and its derivatives; works on NumPy and JAX arrays."""

    def __init__(self, power: int, matrix_noise: Any, tensor_noise: Any) -> None:
        self.power, self.matrix, self.tensor = power, 1 / matrix_noise, 1 / tensor_noise

    def value(self, c: Any):
        """Q(c)."""
        return self.matrix * c**2 / 2 + self.tensor * c**self.power / self.power

    def first(self, c: Any):
        """Q'(c)."""
        return self.matrix * c + self.tensor * c ** (self.power - 1)

    def second(self, c: Any):
        """Q''(c)."""
        return self.matrix + self.tensor * (self.power - 1) * c ** (self.power - 2)


def check_noise(argument: str, value: float) -> float:
    """Δ above zero; infinity switches the term off."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        fail(argument, "must be a number", value)
    if not number > 0:
        fail(argument, "must be above 0 (infinity switches the term off)", value)
    return number


def planted_fixed_point(power: int, matrix_noise: float, tensor_noise: float) -> tuple[float, float, float]:
    r"""(m, μ, e) of the fixed point of gradient flow near the signal.

    :math:`(1-m^2)Q'(m)^2 = m^2Q'(1)`, :math:`\mu = Q'(m)/m + Q''(1)m/Q'(m)`, :math:`e = -Q(m) - mQ'(1)/Q'(m)`; the
    largest solution m. (Derived here.)

    Raises:
        NotConvergedError: if there is no solution with m > 0 (noise too strong).
    """
    from scipy.optimize import brentq

    q = Covariance(power, matrix_noise, tensor_noise)

    def gap(m):
        return (1 - m**2) * q.first(m) ** 2 - m**2 * q.first(1.0)

    # the fixed point is the upper end of an interval with a positive gap; one shorter than 5e-5 would be overlooked
    grid = np.linspace(1e-4, 1, 20001)
    above = np.flatnonzero(gap(grid) > 0)
    if not len(above):
        raise NotConvergedError("no planted fixed point with m > 0 exists: lower `matrix_noise` or `tensor_noise`.")
    m = float(brentq(gap, grid[above[-1]], grid[above[-1] + 1], xtol=1e-15))  # pyright: ignore[reportArgumentType]
    first = q.first(m)
    return m, first / m + q.second(1.0) * m / first, -q.value(m) - m * q.first(1.0) / first


def algorithmic_threshold(power: int, tensor_noise: float) -> float:
    r"""Largest Δ_2 at which gradient flow from no overlap finds the signal.

    .. math:: \Delta_2^* = \frac{-\Delta_p + \sqrt{\Delta_p^2 + 4(p-1)\Delta_p}}{2(p-1)}

    (arXiv:2102.11755).
    """
    if power < 3:
        fail("power", "must be at least 3: with p = 2 there is no hard phase", power)
    d, k = check_noise("tensor_noise", tensor_noise), power - 1
    return float((-d + np.sqrt(d**2 + 4 * k * d)) / (2 * k)) if np.isfinite(d) else 1.0
