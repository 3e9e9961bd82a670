"""Quadrature over the Marchenko-Pastur law."""

import numpy as np


def marchenko_pastur_nodes(samples_per_dimension: float, num: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Nodes λ and weights w with :math:`\sum w f(\lambda) = \int \rho(\lambda)\,\lambda f(\lambda)\,d\lambda`.

    ρ is the law of the eigenvalues of XᵀX/P (mean 1, edges :math:`(1 \pm \alpha^{-1/2})^2`). Gauss-Chebyshev nodes of
    the second kind: exact for polynomials f of degree below 2 num - 1, for every α including 1.
    """
    angle = np.pi * np.arange(1, num + 1) / (num + 1)
    ratio = samples_per_dimension
    eigenvalue = 1 + 1 / ratio + 2 / np.sqrt(ratio) * np.cos(angle)
    return eigenvalue, 2 / (num + 1) * np.sin(angle) ** 2
