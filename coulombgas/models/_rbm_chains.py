"""k Gibbs steps of a Gaussian RBM's chains: one by one, at once, or through the Gram matrix of the batch."""

from typing import Any

import numpy as np
from jaxtyping import Array

from ._linalg import cholesky, identity_like, materialise, matmul, transpose
from ._random import fold, normals, wishart_factor
from ._setting import Key


def collapsed_step(matrix: Array, *, mu2: float, sigma_h2: float, gibbs_steps: int) -> tuple[Array, Array, Array]:
    r"""Aᵏ, Σ_k and A of k Gibbs steps.

    .. math::
        A = \sigma_h^2 W W^T/\mu^2, \qquad
        \Sigma_k = \mu^{-2} (1 + A) (1 + A^2 + \dots + A^{2(k-1)}) = \mu^{-2} \sum_{j < 2k} A^j

    by repeated squaring, :math:`S_{2m} = (1 + A^{2m}) S_m` and :math:`S_{m+1} = 1 + A + A^2 S_m`; each of shape
    (visible, visible, *replicas). The sum is what two half steps of Gibbs sampling compose to (checked by the naive
    sampler).
    """
    a = materialise(matmul(matrix, transpose(matrix)) * np.asarray(sigma_h2 / mu2, matrix.dtype))
    power, series, square = a, identity_like(a) + a, None  # Aᵏ and Σ_{j<2k} Aʲ at k = 1
    for bit in bin(gibbs_steps)[3:]:
        doubled = matmul(power, power)
        square = doubled if square is None else square
        series = materialise(series + matmul(doubled, series))
        power = doubled
        if bit == "1":
            power = matmul(a, power)
            series = materialise(identity_like(a) + a + matmul(square, series))
    return power, series / np.asarray(mu2, matrix.dtype), a


def collapsed_chain(rbm: Any, matrix: Array, bias: Array | None, chain: Array, key: Key) -> Array:
    r"""The k Gibbs steps as one Gaussian draw: :math:`\varphi' = A^k\varphi + c + \mathrm{chol}(\Sigma_k)\,\epsilon`.

    The bias adds :math:`c = \mu^{-2}(1 + A + \dots + A^{k-1}) b`.
    """
    power, covariance, a = collapsed_step(matrix, mu2=rbm.mu2, sigma_h2=rbm.sigma_h2, gibbs_steps=rbm.gibbs_steps)
    noise = normals(key, chain.shape[:2], chain.dtype)
    moved = matmul(power, chain) + matmul(cholesky(covariance), noise)
    if bias is None:
        return materialise(moved)
    single = total = bias[:, None] / rbm.mu2
    for _ in range(rbm.gibbs_steps - 1):
        total = single + matmul(a, total)
    return materialise(moved + total)


def naive_chain(rbm: Any, matrix: Array, bias: Array | None, chain: Array, key: Key) -> Array:
    """k Gibbs steps: h|φ ~ N(σ_h² Wᵀφ, σ_h²), φ|h ~ N((Wh + b)/μ², 1/μ²)."""
    hidden_std = np.asarray(np.sqrt(rbm.sigma_h2), chain.dtype)
    visible_std = np.asarray(1.0 / np.sqrt(rbm.mu2), chain.dtype)
    batch = chain.shape[1]
    for k in range(rbm.gibbs_steps):
        hidden_noise = normals(fold(key, 2 * k), (rbm.num_hidden, batch), chain.dtype)
        visible_noise = normals(fold(key, 2 * k + 1), (rbm.num_visible, batch), chain.dtype)
        hidden = materialise(rbm.sigma_h2 * matmul(transpose(matrix), chain) + hidden_noise * hidden_std)
        field = matmul(matrix, hidden) if bias is None else matmul(matrix, hidden) + bias[:, None]
        chain = materialise(field / rbm.mu2 + visible_noise * visible_std)
    return chain


def gram_chain(rbm: Any, matrix: Array, factor: Array, key: Key, batch_size: int) -> Array:
    r"""The collapsed draw of :math:`G = \varphi\varphi^T = R R^T` alone: R → R' with R'R'ᵀ = G'.

    The noise is invariant under rotations of the batch, so G is a Markov chain by itself. Rotate the batch until
    φ = (R, 0): then :math:`G' = F F^T + (L T)(L T)^T` with :math:`F = A^k R + L E`, E of shape (N, N), L = chol(Σ_k)
    and T Bartlett's factor of a Wishart matrix with B − N degrees of freedom (derived here).
    """
    power, covariance, _ = collapsed_step(matrix, mu2=rbm.mu2, sigma_h2=rbm.sigma_h2, gibbs_steps=rbm.gibbs_steps)
    size = rbm.num_visible
    root = cholesky(covariance)
    front = materialise(matmul(power, factor) + matmul(root, normals(fold(key, 0), (size, size), factor.dtype)))
    rest = matmul(root, materialise(wishart_factor(fold(key, 1), size, batch_size - size, factor.dtype)))
    return cholesky(materialise(matmul(front, transpose(front)) + matmul(rest, transpose(rest))))
