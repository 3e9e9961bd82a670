"""Outliers in the singular values of the first layer, due to the spike created by training."""

from typing import TYPE_CHECKING

import numpy as np

from coulombgas._checks import check_count, fail
from coulombgas._precision import in_x64

from ._deep_linear import DeepLinear
from ._deep_linear_solution import time_integral

if TYPE_CHECKING:
    import xarray as xr


@in_x64
def find_outliers(system: DeepLinear, theory: "xr.Dataset", step: int) -> np.ndarray:
    r"""Roots σ above the bulk edge of :math:`\det(1 - L(\sigma)) = 0`, descending.

    L is the linear system of the overlaps of a and g, and of their noises, with a pair of singular vectors
    (derived here). The determinant tends to 1 for σ → ∞ and changes sign at a simple outlier.
    """
    from scipy.optimize import brentq

    step = check_count("step", step)
    if step > system.steps:
        fail("step", f"must be at most the number of steps, {system.steps}", step)
    blocks = _Blocks(system, theory, step)
    edge = system.bulk_edge()
    high = edge + 1.0
    while blocks.determinant(high) * blocks.determinant(2 * high) <= 0 or abs(blocks.determinant(2 * high) - 1) > 0.5:
        high *= 2
    grid = edge + (2 * high - edge) * np.linspace(1e-3, 1, 80) ** 2  # denser near the edge
    value = np.array([blocks.determinant(s) for s in grid])
    crossings = np.flatnonzero(np.sign(value[:-1]) != np.sign(value[1:]))
    roots = [brentq(blocks.determinant, grid[i], grid[i + 1], xtol=1e-12) for i in crossings]
    return np.array(sorted(roots, reverse=True), dtype=float)


class _Blocks:
    """The parts of L that do not depend on σ, restricted to the steps made so far."""

    def __init__(self, system: DeepLinear, theory: "xr.Dataset", step: int) -> None:
        weights = np.asarray(time_integral(system))[step]
        seen = np.flatnonzero(weights)
        square = np.ix_(seen, seen)
        self.nu, gamma = system.width_per_dimension, system.feature_strength
        self.weight = gamma * weights[seen]
        self.readout = theory["readout_correlation"].values[square]
        self.gradient = theory["gradient_correlation"].values[square]
        self.readout_response = theory["readout_response"].values[square]
        self.gradient_response = theory["gradient_response"].values[square]

    def determinant(self, sigma: float) -> float:
        """det(1 - L(σ)) for the unknowns (C_ap, C_gq, ρ_p, ρ_q)."""
        nu, w = self.nu, self.weight
        root = np.sqrt(nu)
        r_p, r_q = _resolvents(sigma, nu)
        eye = np.eye(len(w))
        zero = np.zeros_like(eye)
        from_gq = (self.readout_response + self.readout * w) / root
        from_ap = self.gradient_response + root * self.gradient * w
        rows = [
            [zero, r_p * from_gq, zero, r_p * self.readout / nu],
            [r_q * from_ap, zero, r_q * root * self.gradient, zero],
            [zero, r_p * self.readout_response.T * w / root, zero, r_p * self.readout_response.T / nu],
            [r_q * self.gradient_response.T * w * root, zero, r_q * root * self.gradient_response.T, zero],
        ]
        sign, log = np.linalg.slogdet(np.eye(4 * len(w)) - np.block(rows))
        return float(sign * np.exp(min(log, 600.0)))


def _resolvents(sigma: float, nu: float) -> tuple[float, float]:
    r""":math:`r_p = 1/(\sigma - r_q/\nu)`, :math:`r_q = 1/(\sigma - r_p)`, on the decaying branch."""
    # (σ/ν) r_q² - (σ² + 1/ν - 1) r_q + σ = 0
    b = sigma**2 + 1 / nu - 1
    r_q = 2 * sigma / (b + np.sqrt(max(b**2 - 4 * sigma**2 / nu, 0.0)))
    return 1 / (sigma - r_q / nu), r_q
