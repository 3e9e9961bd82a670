"""Random matrices and Coulomb gases to sample from: exact β-ensembles, dense matrices, MCMC, Dyson Brownian motion."""

from ._beta import hermite_eigenvalues as hermite_eigenvalues
from ._beta import jacobi_eigenvalues as jacobi_eigenvalues
from ._beta import laguerre_eigenvalues as laguerre_eigenvalues
from ._tridiagonal import bidiagonal_singular_values as bidiagonal_singular_values
from ._tridiagonal import tridiagonal_eigenvalues as tridiagonal_eigenvalues

__all__ = [
    "bidiagonal_singular_values",
    "hermite_eigenvalues",
    "jacobi_eigenvalues",
    "laguerre_eigenvalues",
    "tridiagonal_eigenvalues",
]
