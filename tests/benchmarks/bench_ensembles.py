"""Do the exact samplers and the Coulomb-gas sampler keep up with the best peer, and what does each part cost?

Peer: DPPy 0.3.3, medians on a machine with two cores (its tridiagonal route is NumPy draws and one SciPy call a matrix,
which is timed here side by side, because machines differ). In double precision one spectrum of n = 1000 is LAPACK's
xSTERF and nothing else (the last column: its share), for us as for the peer; in single precision it is faster.
"""

import time
from collections.abc import Callable
from unittest import mock

import jax
import numpy as np
from _timing import best_of, best_of_both, table
from scipy.linalg import eigvalsh_tridiagonal

from coulombgas._precision import x64
from coulombgas.ensembles import (
    DysonLevels,
    _tridiagonal,
    hermite_eigenvalues,
    laguerre_eigenvalues,
    sample_gas,
    simulate,
)
from coulombgas.ensembles._lapack import batched_tridiagonal


def plain_hermite(n: int, beta: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """The peer's route: one SciPy call for each matrix."""
    diagonal = rng.normal(size=(count, n))
    off = np.sqrt(rng.chisquare(beta * np.arange(n - 1, 0, -1), size=(count, n - 1)) / 2)
    return np.array([eigvalsh_tridiagonal(d, e) for d, e in zip(diagonal, off, strict=True)])


def plain_laguerre(m: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """The same for a Wishart matrix."""
    a = np.sqrt(rng.chisquare(m - np.arange(n)))
    b = np.sqrt(rng.chisquare(n - 1 - np.arange(n - 1)))
    return eigvalsh_tridiagonal(a**2 + np.append(0, b**2), a[:-1] * b)  # pyright: ignore[reportReturnType]


def samplers() -> list[list]:
    """Rows: job, float32, float64, plain route, published peer; milliseconds."""
    key, rng = jax.random.key(0), np.random.default_rng(0)
    jobs = [
        ("1000 × GOE(100)", lambda: hermite_eigenvalues(key=key, n=100, shape=(1000,)),
         lambda: plain_hermite(100, 1.0, 1000, rng), 200.0),
        ("β = 3.7, n = 1000", lambda: hermite_eigenvalues(key=key, n=1000, beta=3.7),
         lambda: plain_hermite(1000, 3.7, 1, rng), 13.0),
        ("8 × β = 3.7, n = 1000", lambda: hermite_eigenvalues(key=key, n=1000, beta=3.7, shape=(8,)),
         lambda: plain_hermite(1000, 3.7, 8, rng), "not published"),
        ("Wishart 2000 × 1000", lambda: laguerre_eigenvalues(key=key, n=1000, m=2000),
         lambda: plain_laguerre(2000, 1000, rng), 12.5),
    ]  # fmt: skip
    rows = []
    for name, ours, plain, published in jobs:
        single = 1e3 * best_of(ours)
        with x64():
            double, other = (1e3 * seconds for seconds in best_of_both(ours, plain))
            share = lapack_share(ours)
        rows.append([name, single, double, other, other / single, other / double, published, share])
    return rows


def lapack_share(draw: Callable[[], jax.Array]) -> float:
    """Part of the time of a call that is spent inside LAPACK."""
    inside = 0.0

    def timed(diagonal: np.ndarray, off_diagonal: np.ndarray) -> np.ndarray:
        nonlocal inside
        started = time.perf_counter()
        levels = batched_tridiagonal(diagonal, off_diagonal)
        inside += time.perf_counter() - started
        return levels

    with mock.patch.object(_tridiagonal, "batched_tridiagonal", timed):
        started = time.perf_counter()
        for _ in range(5):
            jax.block_until_ready(draw())
        return inside / (time.perf_counter() - started)


def quartic(x):
    """V = x⁴/4."""
    return x**4 / 4


def gas() -> list[list]:
    """Seconds per effective sample of V = x⁴/4, compilation apart; ten Gibbs passes of the peer are one sample."""
    sample_gas(quartic, key=jax.random.key(1), n=100, beta=2.0)
    start = time.perf_counter()
    sample = sample_gas(quartic, key=jax.random.key(2), n=100, beta=2.0)
    seconds = time.perf_counter() - start
    smallest = float(sample.ess.min())
    return [["x⁴/4, N = 100", seconds, smallest, seconds / smallest, 2.3, 2.3 * smallest / seconds]]


def dyson() -> list[list]:
    """Microseconds per replica and step of the order-keeping integrator."""
    rows = []
    for n in (2, 6, 20):
        process = DysonLevels(n=n, drift=lambda x: -x)
        start, keys = np.linspace(-1, 1, n, dtype=np.float32), jax.random.split(jax.random.key(0), 500)

        @jax.jit
        def run(keys, process=process, start=start):
            return jax.vmap(lambda key: simulate(process, start, key=key, time_step=0.05, num_steps=100).levels)(keys)

        rows.append([n, 1e6 * best_of(lambda run=run, keys=keys: run(keys), 3) / (500 * 100)])
    return rows


def main() -> None:
    """Print the three tables."""
    header = ["milliseconds", "f32", "f64", "SciPy", "SciPy/f32", "SciPy/f64", "DPPy", "LAPACK/f64"]
    table(samplers(), header, "exact samplers; SciPy: one call a matrix; DPPy: published median")
    table(gas(), ["potential", "run s", "ESS", "s per sample", "DPPy s", "to the record"], "Coulomb gas by NUTS")
    table(dyson(), ["levels", "µs per replica and step"], "Dyson Brownian motion, K = −x, float32")


if __name__ == "__main__":
    main()
