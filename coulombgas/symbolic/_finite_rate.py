r"""Stationary variances of a model's own update at a finite learning rate, including the memory of its chains.

The leading-order forms of :mod:`coulombgas.symbolic` depend on T = learning_rate / batch_size only; these include the
corrections at a finite learning rate α: they are the stationary solutions of the linearised update itself. All
arguments may be SymPy expressions or numbers.
"""

from collections.abc import Sequence
from typing import Any

import sympy as sp

from ._widths import rbm_width2


def rbm_relaxation(one: Any, two: Any, mu2: Any, rate: Any, *, sigma_h2: Any = 1) -> Any:
    r"""Fraction of :math:`\delta X_{ij}` removed by one update.

    .. math:: \lambda = \sigma_h^2\alpha(x_i + x_j)/(\kappa_i\kappa_j)

    Args:
        one, two: fixed points x_i, x_j of learnt modes, :math:`\kappa=\mu^2-x`.
        mu2: μ².
        rate: learning rate α.
        sigma_h2: variance of the hidden units.

    Linearised from ALP24 (arXiv:2407.16427), (24); see derivations/chain_memory.
    """
    return sigma_h2 * rate * (one + two) / ((mu2 - one) * (mu2 - two))


def rbm_memory(one: Any, two: Any, mu2: Any, gibbs_steps: Any) -> Any:
    r"""Fraction of :math:`\langle\varphi_i\varphi_j\rangle` that k Gibbs steps keep, :math:`\rho=(x_ix_j/\mu^4)^k`.

    Args:
        one, two: fixed points x_i, x_j.
        mu2: μ².
        gibbs_steps: k.

    See derivations/chain_memory.
    """
    return (sp.sympify(one, strict=True) * two / mu2**2) ** gibbs_steps


def persistent_chain_step(relaxation: Any, memory: Any) -> sp.Matrix:
    r"""One update of (d, c): deviation of an element of X, and of the chains' two-point function.

    .. math:: c' = \rho c + (1-\rho)d + \sqrt{1-\rho^2}\,\eta, \qquad d' = d - \lambda c'

    in units in which the chains' full response to d is d. Returns the matrix of (d, c) and, as its last column, the
    noise, shape (2, 3). Arguments as in :func:`persistent_chain_factor`. See derivations/chain_memory.
    """
    noise = sp.sqrt(1 - sp.sympify(memory, strict=True) ** 2)
    return sp.Matrix([
        [1 - relaxation * (1 - memory), -relaxation * memory, -relaxation * noise],
        [1 - memory, memory, noise],
    ])  # fmt: skip


def persistent_chain_factor(relaxation: Any, memory: Any) -> Any:
    r"""Variance under persistent chains over the leading one, :math:`m/(1-\lambda/(2m))`, :math:`m=(1+\rho)/(1-\rho)`.

    The chains respond to W with the same delay with which their noise is correlated, which acts as heavy-ball momentum
    ρ. Exact for the linearised update, T → 0.

    Args:
        relaxation: λ of :func:`rbm_relaxation`.
        memory: ρ of :func:`rbm_memory`.

    See derivations/chain_memory.
    """
    m = (1 + memory) / (1 - memory)
    return m / (1 - relaxation / (2 * m))


def data_chain_factor(relaxation: Any, memory: Any) -> Any:
    r"""Variance under chains restarted from the data over the leading one, :math:`1/[(1-\rho)(1-\lambda(1-\rho)/2)]`.

    Restarted chains respond to W only in part: the restoring force is weaker by a factor 1 − ρ. Exact for the
    linearised update, T → 0. Arguments as in :func:`persistent_chain_factor`. See derivations/chain_memory.
    """
    return 1 / ((1 - memory) * (1 - relaxation * (1 - memory) / 2))


def rbm_finite_rate_width2(
    fixed_point: Any,
    mu2: Any,
    rate: Any,
    batch_size: Any,
    gibbs_steps: Any,
    *,
    sigma_h2: Any = 1,
    persistent: bool = True,
) -> Any:
    r"""Squared width of a level group of the Gaussian RBM, :math:`2\sigma_h^2Tx_s` times the factor of its chains.

    Args:
        fixed_point: x_s of the group.
        mu2: μ².
        rate, batch_size: α and B, T = α/B.
        gibbs_steps: k.
        sigma_h2: variance of the hidden units.
        persistent: PCD-k; False for CD-k.

    ALP24 Appendix C at leading order; see derivations/chain_memory.
    """
    relaxation = rbm_relaxation(fixed_point, fixed_point, mu2, rate, sigma_h2=sigma_h2)
    memory = rbm_memory(fixed_point, fixed_point, mu2, gibbs_steps)
    factor = persistent_chain_factor if persistent else data_chain_factor
    return rbm_width2(fixed_point, rate / batch_size, sigma_h2=sigma_h2) * factor(relaxation, memory)


def two_layer_rate(left: Any, right: Any, balance: Any = 1, *, trained: str = "both") -> Any:
    r"""Relaxation rate of E_ij, summed over the trained layers.

    .. math:: r_{ij} = (W_2W_2^T)_{ii} + (W_1^TW_1)_{jj} = c^2s_i + s_j/c^2

    Args:
        left, right: singular values s_i, s_j of the teacher.
        balance: c, :math:`W_2=c\sqrt s`, :math:`W_1=\sqrt s/c`.
        trained: "both", "first" (W_1 alone: the term of W_2) or "second".

    See derivations/two_layer.
    """
    one, two = left * balance**2, right / sp.sympify(balance, strict=True) ** 2
    return {"both": one + two, "first": one, "second": two}[trained]


def two_layer_amplitude(relaxation: Any, rate: Any, batch_size: Any) -> Any:
    r""":math:`a=\alpha r/[2-\alpha r(1+1/B)]` of an element that relaxes at rate r.

    The linearised update is stable if every a is positive and the sum of a over each row is less than B.

    Args:
        relaxation: r of :func:`two_layer_rate`.
        rate, batch_size: α and B.

    See derivations/two_layer.
    """
    return rate * relaxation / (2 - rate * relaxation * (1 + 1 / sp.sympify(batch_size, strict=True)))


def two_layer_variance(rates: Sequence[Any], column: int, rate: Any, batch_size: Any, label_noise: Any) -> Any:
    r"""Stationary variance of :math:`E_{ij}` of :math:`E=W_2W_1-W_t`, exact at any α and B for the linearised update.

    .. math:: \mathrm{Var}E_{ij}=\frac{a_{ij}\nu^2}{B-\sum_ka_{ik}},\qquad
        a_{ij}=\frac{\alpha r_{ij}}{2-\alpha r_{ij}(1+1/B)}

    Args:
        rates: the rates :math:`r_{ik}` of row i, for every k.
        column: j.
        rate, batch_size: α and B.
        label_noise: standard deviation ν per output.

    The elements of a row share the inputs of their batch, which is why all rates of the row enter. At leading order it
    is :math:`T r_{ij}\nu^2/2`. The model of PFLA24 (arXiv:2412.20496); derived here, see derivations/two_layer.
    """
    amplitudes = [two_layer_amplitude(r, rate, batch_size) for r in rates]
    return amplitudes[column] * label_noise**2 / (batch_size - sum(amplitudes))


def matrix_ou_variance(rate: Any, noise2: Any, learning_rate: Any, batch_size: Any, *, same: bool = False) -> Any:
    r"""Stationary variance of an element of the matrix Ornstein-Uhlenbeck update.

    .. math:: \mathrm{Var} X_{ij} = T D_{ij} (1 + \delta_{ij}) / [\gamma_{ij} (2 - \alpha\gamma_{ij})]

    Args:
        rate: γ of the element.
        noise2: D of the element.
        learning_rate, batch_size: α and B, T = α/B.
        same: whether the element is on the diagonal.

    ALP24 (93)-(95) for each element; see derivations/discretisation.
    """
    temperature = learning_rate / sp.sympify(batch_size, strict=True)
    return temperature * noise2 * (2 if same else 1) / (rate * (2 - learning_rate * rate))
