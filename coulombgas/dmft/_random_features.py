"""Random features: a non-Hermitian dynamics whose loss need not fall monotonically, by double Laplace inversion."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from coulombgas._checks import check_count, check_finite_array, check_non_negative, check_positive, fail
from coulombgas._types import Progress

from ._convergence import NotConvergedError
from ._system import System, make_result
from ._talbot import invert, invert_two

if TYPE_CHECKING:
    import xarray as xr

SHARED = {"both": (True, True), "data": (True, False), "features": (False, True), "neither": (False, False)}


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
    """α = P/M"""
    features_per_dimension: float
    """ν = N/M"""
    noise_variance: float = 0.0
    """σ² of the labels"""
    time_points: tuple[float, ...] = (0.0, 0.3, 1.0, 3.0, 10.0, 30.0)
    """times of the record, ascending, not negative"""
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

    def solve(self, *, progress: Progress | None = None) -> "xr.Dataset":
        """`test_excess`, `train_loss`, `overlap`, `correlation`; `hermitian`: the Hermitian model's test loss."""
        correlation, residual = self._two_time("both", self.noise_variance)
        decay = self._one_time(lambda z: self.resolvent(z)[0])
        arrays = {
            "test_excess": np.diagonal(correlation),
            "train_loss": np.diagonal(residual),
            "overlap": 1 - decay,
            "hermitian": self._one_time(lambda z: self.resolvent(z)[0], factor=2.0),
            "correlation": correlation,
        }
        return make_result(self, arrays)

    def decompose(self) -> "xr.Dataset":
        """Test excess as bias² plus variances from data, features, their interaction and label noise; they add up.

        Two learners that share only the data (or only the features) keep only that disorder's memory terms.
        """
        shared = {word: np.diagonal(self._two_time(word, 0.0)[0]) for word in SHARED}
        full = np.diagonal(self._two_time("both", self.noise_variance)[0])
        parts = {
            "bias": shared["neither"],
            "variance_data": shared["data"] - shared["neither"],
            "variance_features": shared["features"] - shared["neither"],
            "variance_interaction": shared["both"] - shared["data"] - shared["features"] + shared["neither"],
            "variance_noise": full - shared["both"],
            "test_excess": full,
        }
        return make_result(self, parts)

    def limit(self) -> float:
        r"""Test excess for t → ∞ without noise: :math:`(1-m)/(1-m/m')`, m = min(α, ν) < 1, m' = max; 0 for m ≥ 1."""
        if self.noise_variance:
            fail("noise_variance", "must be 0: the closed limit is that of clean labels", self.noise_variance)
        low, high = sorted((self.samples_per_dimension, self.features_per_dimension))
        return 0.0 if low >= 1 else float("inf") if low == high else (1 - low) / (1 - low / high)

    def simulate_replica(self, *, key: Any, dimension: int) -> dict[str, Any]:
        """One draw of data, features and teacher in M = ``dimension``; the flow exactly, by the modes of its kernel."""
        from ._random_features_simulation import simulate_random_features

        return simulate_random_features(self, key=key, dimension=dimension)

    def resolvent(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        r"""(G, R_1, R_3) off the negative real axis.

        With u = zG the system is :math:`u(1 - (1-u)/\alpha)(1 - (1-u)/\nu) = z(1 - u)`; Newton follows the root from
        u → 1 at infinity along the ray through z, where G is analytic.
        """
        z = np.asarray(z, complex)
        a, b = 1 / self.samples_per_dimension, 1 / self.features_per_dimension
        u = np.ones_like(z)
        for scale in [*np.geomspace(1e4, 1, 80), 1.0, 1.0]:
            for _ in range(4):
                p, q = 1 - a * (1 - u), 1 - b * (1 - u)
                u = u - (u * p * q - scale * z * (1 - u)) / (p * q + u * (a * q + b * p) + scale * z)
        p, q = 1 - a * (1 - u), 1 - b * (1 - u)
        residual = np.abs(u * p * q - z * (1 - u)) / (1 + np.abs(z))
        if not np.all(residual < 1e-10):
            raise NotConvergedError(
                f"the resolvent of random features stopped at residual {np.nanmax(residual):.1e}: "
                "move `samples_per_dimension` or `features_per_dimension` away from 1, or shorten `time_points`."
            )
        return u / z, p, q

    def _one_time(self, transform, factor: float = 1.0) -> np.ndarray:
        time = factor * self.times()
        value = np.ones_like(time)
        value[time > 0] = invert(transform, time[time > 0])
        return value

    def _two_time(self, shared: str, noise_variance: float) -> tuple[np.ndarray, np.ndarray]:
        """Correlations of h and of the training residuals between two learners, on the square of times."""
        time = self.times()
        num, later = len(time), time > 0
        correlation, residual = np.ones((num, num)), np.full((num, num), 1.0 + noise_variance)
        square = np.ix_(later, later)
        correlation[square] = invert_two(lambda z, w: self._pair(z, w, shared, noise_variance)[0], time[later])
        residual[square] = invert_two(lambda z, w: self._pair(z, w, shared, noise_variance)[1], time[later])
        if not later[0]:
            # at t = 0 one factor is the initial condition: <h(0) h(t)> is the mean, <Δ(0) Δ(t)> its echo through R_1
            correlation[0] = correlation[:, 0] = self._one_time(lambda z: self.resolvent(z)[0])
            echo = invert(lambda z: self._echo(z, noise_variance), time[later])
            residual[0, later] = residual[later, 0] = echo
        return correlation, residual

    def _echo(self, z: np.ndarray, noise_variance: float) -> np.ndarray:
        carried, p, _ = self.resolvent(z)
        return p * (carried + noise_variance / z)

    def _pair(self, z: np.ndarray, w: np.ndarray, shared: str, noise_variance: float) -> tuple[np.ndarray, np.ndarray]:
        r"""(C_h, C_1) at (z, z'); terms in 1/α come from shared data, terms in 1/ν from shared features."""
        (g, p, q), (g2, p2, q2) = self.resolvent(z), self.resolvent(w)
        data, features = SHARED[shared]
        a, b = data / self.samples_per_dimension, features / self.features_per_dimension
        gg, pp, qq, zz = g * g2, p * p2, q * q2, z * w
        noise = noise_variance / zz
        # C_2 (1 - pp gg qq b) = pp gg + zz gg pp a (C_h + s);  C_h = gg [1 + qq b C_2 + qq pp a (C_h + s)]
        inverse = 1 / (1 - pp * gg * qq * b)
        constant, slope = pp * gg * inverse, zz * gg * pp * a * inverse
        gain = gg * (qq * b * slope + qq * pp * a)
        carried = (gg * (1 + qq * b * constant) + gain * noise) / (1 - gain)
        return carried, pp * (carried + noise)
