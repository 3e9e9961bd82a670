"""Dynamical mean-field theory: exact two-time equations of learning in high dimensions, with finite-size simulations.

A system is a frozen dataclass of parameters. ``solve(system)`` returns correlations, responses, losses and overlaps as
an xarray Dataset; ``simulate(system, dimension=..., replicas=...)`` runs finite copies; ``compare`` puts them side by
side. A fixed point that does not converge raises :class:`NotConvergedError` with the residual and the remedy.
"""

from ._compare import Comparison as Comparison
from ._compare import compare as compare
from ._convergence import Convergence as Convergence
from ._convergence import NotConvergedError as NotConvergedError
from ._deep_linear import DeepLinear as DeepLinear
from ._diagonal_network import DiagonalNetwork as DiagonalNetwork
from ._dispatch import decompose as decompose
from ._dispatch import outliers as outliers
from ._dispatch import quadrature as quadrature
from ._dispatch import simulate as simulate
from ._dispatch import solve as solve
from ._fixed_point import fixed_point as fixed_point
from ._goe import GOEDynamics as GOEDynamics
from ._goe import goe_response as goe_response
from ._linear_regression import LinearRegression as LinearRegression
from ._one_pass import OnePassSGD as OnePassSGD
from ._random_features import RandomFeatures as RandomFeatures
from ._spiked_matrix_tensor import SpikedMatrixTensor as SpikedMatrixTensor
from ._system import System as System
from ._tensor_covariance import algorithmic_threshold as algorithmic_threshold
from ._tensor_covariance import planted_fixed_point as planted_fixed_point

__all__ = [
    "Comparison",
    "Convergence",
    "DeepLinear",
    "DiagonalNetwork",
    "GOEDynamics",
    "LinearRegression",
    "NotConvergedError",
    "OnePassSGD",
    "RandomFeatures",
    "SpikedMatrixTensor",
    "System",
    "algorithmic_threshold",
    "compare",
    "decompose",
    "fixed_point",
    "goe_response",
    "outliers",
    "planted_fixed_point",
    "quadrature",
    "simulate",
    "solve",
]
