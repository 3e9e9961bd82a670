"""Random matrices and Coulomb gases to sample from: exact β-ensembles, dense matrices, MCMC, Dyson Brownian motion."""

from ._beta import hermite_eigenvalues as hermite_eigenvalues
from ._beta import jacobi_eigenvalues as jacobi_eigenvalues
from ._beta import laguerre_eigenvalues as laguerre_eigenvalues
from ._chi import chi as chi
from ._dense import gaussian_matrix as gaussian_matrix
from ._dense import matrix_levels as matrix_levels
from ._dense import source_eigenvalues as source_eigenvalues
from ._dense import unitary_matrix as unitary_matrix
from ._dense import wishart_matrix as wishart_matrix
from ._density import hermite_log_density as hermite_log_density
from ._density import jacobi_log_density as jacobi_log_density
from ._density import laguerre_log_density as laguerre_log_density
from ._density import log_vandermonde as log_vandermonde
from ._dyson import DysonLevels as DysonLevels
from ._dyson import DysonMatrix as DysonMatrix
from ._dyson import Trajectory as Trajectory
from ._dyson import simulate as simulate
from ._dyson import spectral_drift as spectral_drift
from ._gas import ConvergenceWarning as ConvergenceWarning
from ._gas import GasSample as GasSample
from ._gas import sample_gas as sample_gas
from ._repulsion import Repulsion as Repulsion
from ._repulsion import proximal_step as proximal_step
from ._tridiagonal import bidiagonal_singular_values as bidiagonal_singular_values
from ._tridiagonal import tridiagonal_eigenvalues as tridiagonal_eigenvalues

__all__ = [
    "ConvergenceWarning",
    "DysonLevels",
    "DysonMatrix",
    "GasSample",
    "Repulsion",
    "Trajectory",
    "bidiagonal_singular_values",
    "chi",
    "gaussian_matrix",
    "hermite_eigenvalues",
    "hermite_log_density",
    "jacobi_eigenvalues",
    "jacobi_log_density",
    "laguerre_eigenvalues",
    "laguerre_log_density",
    "log_vandermonde",
    "matrix_levels",
    "proximal_step",
    "sample_gas",
    "simulate",
    "source_eigenvalues",
    "spectral_drift",
    "tridiagonal_eigenvalues",
    "unitary_matrix",
    "wishart_matrix",
]
