"""What does it cost to go from symbols to numbers?

1. A law through `to_jax` against the same formula written by hand in JAX (should be equal) and SymPy's `lambdify` for
   NumPy: 10⁶ Rice log densities.
2. The RBM spectrum of `FokkerPlanck` (compiled, 6 levels to 8 digits) against a finite-difference Hamiltonian solved by
   SciPy's tridiagonal solver, with the error of E_5 of each against the converged value.
"""

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from _timing import best_of, table
from scipy.linalg import eigh_tridiagonal

from coulombgas import FokkerPlanck
from coulombgas._precision import x64
from coulombgas.symbolic import rice_spacing

POINTS = 1_000_000


def by_hand(s, gap, width):
    """The Rice log density as one would write it."""
    z = s * gap / (2 * width**2)
    return (
        jnp.log(s)
        - 2 * jnp.log(width)
        - jnp.log(2.0)
        - ((s - gap) / width) ** 2 / 4
        + jnp.log(jax.scipy.special.i0e(z))
    )


def laws() -> None:
    """Rice log density, 10⁶ points."""
    law = rice_spacing()
    points = np.random.default_rng(0).uniform(0.01, 3.0, POINTS)
    plain = sp.lambdify(law.args, sp.log(law.density), "scipy")
    with x64():
        array = jnp.asarray(points)
        ours, hand = jax.jit(law.to_jax()), jax.jit(by_hand)
        times = {
            "to_jax, jitted": best_of(lambda: ours(array, 0.7, 0.3)),
            "by hand in JAX, jitted": best_of(lambda: hand(array, 0.7, 0.3)),
            "SymPy lambdify, NumPy, log of the density": best_of(lambda: plain(points, 0.7, 0.3)),
        }
    base = times["to_jax, jitted"]
    header = ("Rice", "ns a point", "of the first")
    table([(name, t * 1e9 / POINTS, t / base) for name, t in times.items()], header, "a derived law, evaluated")


def finite_differences(num_points: int) -> np.ndarray:
    """Lowest levels of the RBM Hamiltonian, κ = 4, μ² = 9, g² = 0.1, second-order differences."""
    step = 8.5 / num_points
    x = step * (np.arange(num_points) + 0.5)
    slope, bend = -x * (1 / 4 - 1 / (9 - x)), -(1 / 4 - 1 / (9 - x)) + x / (9 - x) ** 2
    diagonal = 0.2 / step**2 + slope**2 / 0.4 - bend / 2
    diagonal[0] -= 0.1 / step**2
    return eigh_tridiagonal(diagonal, np.full(num_points - 1, -0.1 / step**2), select="i", select_range=(0, 5))[0]


def spectra() -> None:
    """RBM spectrum, time and error."""
    equation = FokkerPlanck("x*(1/kappa - 1/(mu2 - x))", "g", domain=(0, "mu2"), positive=["kappa"])
    params = {"kappa": 4, "mu2": 9, "g2": 0.1}
    truth = equation.eigensystem(params, num_elements=96).energies[5]
    rows = []
    for name, solve in (
        ("FokkerPlanck.spectrum", lambda: equation.spectrum(params)),
        ("finite differences, 1000 points", lambda: finite_differences(1000)),
        ("finite differences, 16 000 points", lambda: finite_differences(16_000)),
    ):
        rows.append((name, best_of(solve, repeat=3) * 1e3, float(abs(solve()[5] / truth - 1)), float(solve()[0])))
    table(rows, ("RBM spectrum", "ms", "relative error of E_5", "E_0"), "levels of a Fokker-Planck Hamiltonian")


def main() -> None:
    """Print both tables."""
    laws()
    spectra()


if __name__ == "__main__":
    main()
