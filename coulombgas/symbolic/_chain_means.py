r"""Mean eigenvalues of the Gaussian RBM at order T with the memory of its Gibbs chains.

:func:`coulombgas.symbolic.rbm_mean_eigenvalue` assumes chains without memory (k → ∞). Here the chains run k steps per
update: persistent ones carry noise from update to update, and its effect on the weights changes the next step of both
weights and chains; restarted ones respond only in part.
"""

from collections.abc import Sequence
from typing import Any

import sympy as sp

from ._finite_rate import rbm_memory
from ._widths import rbm_variance


def rbm_chain_mean_eigenvalue(
    index: int, fixed_points: Sequence[Any], mu2: Any, temperature: Any, gibbs_steps: int, *, persistent: bool = True
) -> Any:
    r"""Mean eigenvalue of the Gaussian RBM at order T in the limit α → 0 (:math:`\sigma_h=1`).

    With :math:`a_i=x_i/\mu^2`, :math:`\rho_{ij}=(a_ia_j)^k`, :math:`\kappa_i=\mu^2-x_i`, :math:`v_{ij}` of
    :func:`rbm_variance` and, for PCD-k, :math:`P_{ij}=v_{ij}(1+\rho_{ij})/(1-\rho_{ij})`,

    .. math::
        \langle x_i\rangle &= x_i + m_i + \sum_{x_j\ne x_i}\frac{P_{ij}}{x_i-x_j},\\
        m_i &= \frac{\kappa_i^2}{2x_i}\sum_j\Big\{-\frac{2x_iP_{ij}}{\kappa_i^2\kappa_j}
        -\frac{2P_{ij}}{\kappa_i\kappa_j}+\frac{T(1+\delta_{ij})}{\kappa_i\kappa_j}\Big[x_j
        +2(x_i+x_j)\frac{\rho_{ij}}{1-\rho_{ij}}+4x_iq_{ij}\Big]\Big\},\\
        q_{ij} &= \frac{a_i+a_j}{a_i-a_j}\Big[\frac{\rho_{ii}}{1-\rho_{ii}}-\frac{\rho_{ij}}{1-\rho_{ij}}\Big],
        \qquad q_{ij}=\frac{2k\rho_{ii}}{(1-\rho_{ii})^2}\ \text{ where } a_i=a_j.

    For CD-k, :math:`P_{ij}=v_{ij}/(1-\rho_{ij})`, the chains have no memory; the restoring force, and with it the parts
    of its second order, is :math:`1-\rho_{ii}` times the full one:

    .. math::
        m_i &= \frac{\kappa_i^2}{2x_i(1-\rho_{ii})}\sum_j\Big\{-2x_iP_{ij}\Big[\frac{1-\rho_{ii}}{\kappa_i^2\kappa_j}
        -\frac{2a_i^kd_{ij}}{\kappa_i\kappa_j}\Big]\\
        &\qquad-\frac{2(1-\rho_{ij})P_{ij}}{\kappa_i\kappa_j}
        +\frac{T(1+\delta_{ij})x_j}{\kappa_i\kappa_j}\Big\},\qquad
        d_{ij}=\frac{a_i^k-a_j^k}{\mu^2(a_i-a_j)}.

    Args:
        index: i.
        fixed_points: the :math:`x_j=\mu^2-\kappa_j` of all modes; degenerate levels must compare equal.
        mu2: :math:`\mu^2`.
        temperature: T.
        gibbs_steps: k.
        persistent: PCD-k; False for CD-k.

    Both tend to :func:`rbm_mean_eigenvalue` for k → ∞. For degenerate modes it is the mean of the group. Derived here;
    see derivations/chain_memory.
    """
    x = [sp.sympify(value, strict=True) for value in fixed_points]
    terms = _persistent_terms if persistent else _restarted_terms
    shift = sum(terms(x[index], other, mu2, temperature, gibbs_steps, same=j == index) for j, other in enumerate(x))
    repulsion = sum(
        rbm_chain_variance(x[index], other, mu2, temperature, gibbs_steps, persistent=persistent) / (x[index] - other)
        for other in x
        if other != x[index]
    )
    restoring = 1 if persistent else 1 - rbm_memory(x[index], x[index], mu2, gibbs_steps)
    return x[index] + (mu2 - x[index]) ** 2 / (2 * x[index] * restoring) * shift + repulsion


def rbm_chain_variance(
    one: Any, two: Any, mu2: Any, temperature: Any, gibbs_steps: int, *, same: bool = False, persistent: bool = True
) -> Any:
    r"""Variance of an element of X for α → 0: :func:`rbm_variance` times :math:`(1+\rho)/(1-\rho)` for persistent
    chains, :math:`1/(1-\rho)` for restarted ones.

    Arguments as in :func:`rbm_chain_mean_eigenvalue`. See derivations/chain_memory.
    """
    memory = rbm_memory(one, two, mu2, gibbs_steps)
    factor = (1 + memory) / (1 - memory) if persistent else 1 / (1 - memory)
    return rbm_variance(one, two, temperature, same=same) * factor


def _persistent_terms(own: Any, other: Any, mu2: Any, temperature: Any, gibbs_steps: int, *, same: bool) -> Any:
    """What persistent chains add to the mean of a pair of modes, to first order in T."""
    one, two = mu2 - own, mu2 - other
    variance = rbm_chain_variance(own, other, mu2, temperature, gibbs_steps, same=same)
    both, single = (rbm_memory(own, value, mu2, gibbs_steps) for value in (other, own))
    if own == other:
        turned = 2 * gibbs_steps * single / (1 - single) ** 2
    else:
        turned = (own + other) / (own - other) * (single / (1 - single) - both / (1 - both))
    noise = other + 2 * (own + other) * both / (1 - both) + 4 * own * turned
    curved = -2 * own * variance / (one**2 * two) - 2 * variance / (one * two)
    return curved + temperature * (2 if same else 1) * noise / (one * two)


def _restarted_terms(own: Any, other: Any, mu2: Any, temperature: Any, gibbs_steps: int, *, same: bool) -> Any:
    one, two, k = mu2 - own, mu2 - other, gibbs_steps
    variance = rbm_chain_variance(own, other, mu2, temperature, k, same=same, persistent=False)
    both, single = (rbm_memory(own, value, mu2, k) for value in (other, own))
    slope = k * own ** (k - 1) if own == other else (own**k - other**k) / (own - other)
    bent = (1 - single) / (one**2 * two) - 2 * (own / mu2) ** k * slope / (mu2**k * one * two)
    noise = temperature * (2 if same else 1) * other / (one * two)
    return -2 * own * variance * bent - 2 * (1 - both) * variance / (one * two) + noise
