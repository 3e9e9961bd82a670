"""Random features: a non-Hermitian dynamics whose loss need not fall monotonically, by double Laplace inversion."""

from dataclasses import dataclass

import numpy as np

from coulombgas._checks import check_count, check_finite_array, check_non_negative, check_positive, fail

from ._system import System


@dataclass(frozen=True, kw_only=True)
class RandomFeatures(System):
    r"""M inputs, N random features (A is N×M), P samples (Ψ is P×M), gradient flow :math:`w = A^\top v`.

    .. math:: \dot h = -(A^\top A/N)(\Psi^\top\Psi/P)\,h,\qquad \alpha = P/M,\ \nu = N/M

    with h = w* - w. In Laplace space :math:`R_1 = 1/(1 + GR_3/\alpha)`, :math:`R_3 = 1/(1 + GR_1/\nu)`,
    :math:`G = 1/(z + R_1R_3)`; the two-time functions solve a linear 2×2 system at (z, z') (derived here, in the
    convention of arXiv:2601.01010).

    Raises:
        InputError: for ratios, variances or times out of range.
    """

    samples_per_dimension: float
    """α = P/M, samples for each input."""
    features_per_dimension: float
    """ν = N/M, features for each input."""
    noise_variance: float = 0.0
    """Variance σ² of the label noise."""
    time_points: tuple[float, ...] = (0.0, 0.3, 1.0, 3.0, 10.0, 30.0)
    """Times of the record, ascending, not negative."""
    name = "random-features"

    def __post_init__(self):
        check_positive("samples_per_dimension", self.samples_per_dimension)
        check_positive("features_per_dimension", self.features_per_dimension)
        check_non_negative("noise_variance", self.noise_variance)
        time = check_finite_array("time_points", self.time_points, ndim=1)
        check_count("number of time_points", len(time))
        if time[0] < 0 or np.any(np.diff(time) <= 0):
            fail("time_points", "must ascend from a time of at least 0", self.time_points)
        object.__setattr__(self, "time_points", tuple(float(t) for t in time))

    def times(self) -> np.ndarray:
        return np.array(self.time_points)

    def limit(self) -> float:
        r"""Test excess for t → ∞ without noise: :math:`(1-m)/(1-m/m')`, m = min(α, ν) < 1, m' = max; 0 for m ≥ 1."""
        if self.noise_variance:
            fail("noise_variance", "must be 0: the closed limit is that of clean labels", self.noise_variance)
        low, high = sorted((self.samples_per_dimension, self.features_per_dimension))
        return 0.0 if low >= 1 else float("inf") if low == high else (1 - low) / (1 - low / high)
