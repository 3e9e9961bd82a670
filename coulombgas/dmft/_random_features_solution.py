"""Two-time functions of random features by Laplace inversion in one and in two variables."""

import numpy as np

from ._convergence import NotConvergedError
from ._random_features import RandomFeatures
from ._talbot import invert, invert_two

SHARED = {"both": (True, True), "data": (True, False), "features": (False, True), "neither": (False, False)}


def solve_random_features(system: RandomFeatures) -> dict[str, np.ndarray]:
    """`test_excess`, `train_loss`, `overlap`, `correlation`; `hermitian`: the Hermitian model's test loss."""
    correlation, residual = _two_time(system, "both", system.noise_variance)
    decay = _one_time(system, lambda z: resolvent(system, z)[0])
    return {
        "test_excess": np.diagonal(correlation),
        "train_loss": np.diagonal(residual),
        "overlap": 1 - decay,
        "hermitian": _one_time(system, lambda z: resolvent(system, z)[0], factor=2.0),
        "correlation": correlation,
    }


def decompose_random_features(system: RandomFeatures) -> dict[str, np.ndarray]:
    """Test excess as bias² plus variances from data, features, their interaction and label noise; they add up.

    For two learners that share only the data (or only the features), only the memory terms of that disorder remain.
    """
    shared = {word: np.diagonal(_two_time(system, word, 0.0)[0]) for word in SHARED}
    full = np.diagonal(_two_time(system, "both", system.noise_variance)[0])
    return {
        "bias": shared["neither"],
        "variance_data": shared["data"] - shared["neither"],
        "variance_features": shared["features"] - shared["neither"],
        "variance_interaction": shared["both"] - shared["data"] - shared["features"] + shared["neither"],
        "variance_noise": full - shared["both"],
        "test_excess": full,
    }


def resolvent(system: RandomFeatures, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""(G, R_1, R_3) off the negative real axis.

    With u = zG the system is :math:`u(1 - (1-u)/\alpha)(1 - (1-u)/\nu) = z(1 - u)`; Newton follows the root from
    u → 1 at infinity along the ray through z, where G is analytic.
    """
    z = np.asarray(z, complex)
    a, b = 1 / system.samples_per_dimension, 1 / system.features_per_dimension
    u = np.ones_like(z)
    # small steps along the ray keep Newton's method on one root; the two repetitions polish it
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


def _one_time(system: RandomFeatures, transform, factor: float = 1.0) -> np.ndarray:
    time = factor * system.times()
    value = np.ones_like(time)
    value[time > 0] = invert(transform, time[time > 0])
    return value


def _two_time(system: RandomFeatures, shared: str, noise_variance: float) -> tuple[np.ndarray, np.ndarray]:
    """Correlations of h and of the training residuals between two learners, on the square of times."""
    time = system.times()
    num, later = len(time), time > 0
    correlation, residual = np.ones((num, num)), np.full((num, num), 1.0 + noise_variance)
    square = np.ix_(later, later)
    correlation[square] = invert_two(lambda z, w: _pair(system, z, w, shared, noise_variance)[0], time[later])
    residual[square] = invert_two(lambda z, w: _pair(system, z, w, shared, noise_variance)[1], time[later])
    if not later[0]:
        # at t = 0 one factor is the initial condition: <h(0) h(t)> is the mean, <Δ(0) Δ(t)> its response through R_1
        correlation[0] = correlation[:, 0] = _one_time(system, lambda z: resolvent(system, z)[0])
        echo = invert(lambda z: _echo(system, z, noise_variance), time[later])
        residual[0, later] = residual[later, 0] = echo
    return correlation, residual


def _echo(system: RandomFeatures, z: np.ndarray, noise_variance: float) -> np.ndarray:
    carried, p, _ = resolvent(system, z)
    return p * (carried + noise_variance / z)


def _pair(
    system: RandomFeatures, z: np.ndarray, w: np.ndarray, shared: str, noise_variance: float
) -> tuple[np.ndarray, np.ndarray]:
    r"""(C_h, C_1) at (z, z'); terms in 1/α come from shared data, terms in 1/ν from shared features."""
    (g, p, q), (g2, p2, q2) = resolvent(system, z), resolvent(system, w)
    data, features = SHARED[shared]
    a, b = data / system.samples_per_dimension, features / system.features_per_dimension
    gg, pp, qq, zz = g * g2, p * p2, q * q2, z * w
    noise = noise_variance / zz
    # C_2 (1 - pp gg qq b) = pp gg + zz gg pp a (C_h + s);  C_h = gg [1 + qq b C_2 + qq pp a (C_h + s)]
    inverse = 1 / (1 - pp * gg * qq * b)
    constant, slope = pp * gg * inverse, zz * gg * pp * a * inverse
    gain = gg * (qq * b * slope + qq * pp * a)
    carried = (gg * (1 + qq * b * constant) + gain * noise) / (1 - gain)
    return carried, pp * (carried + noise)
