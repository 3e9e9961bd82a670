r"""Closed forms of the fluctuations after training: widths, matrix variances and mean shifts of the models.

Everything is linear in the effective temperature T = learning_rate / batch_size, up to the stated finite-rate factors.
All arguments may be SymPy expressions or numbers.
"""

from typing import Any

import sympy as sp


def rbm_drift(x: Any, kappa: Any, mu2: Any) -> Any:
    r"""Drift of one eigenvalue of the Gaussian RBM, :math:`K(x)=x\left(\frac1\kappa-\frac1{\mu^2-x}\right)`.

    In the time :math:`2\sigma_h^2t`. ALP24 (arXiv:2407.16427), (33).
    """
    return x * (1 / sp.sympify(kappa, strict=True) - 1 / (mu2 - x))


def rbm_potential(x: Any, kappa: Any, mu2: Any) -> Any:
    r"""Potential of that drift, :math:`V(x)=-\frac{x^2}{2\kappa}-x-\mu^2\log(1-x/\mu^2)`. ALP24 (36)."""
    x, mu2 = sp.sympify(x, strict=True), sp.sympify(mu2, strict=True)
    return -(x**2) / (2 * kappa) - x - mu2 * sp.log(1 - x / mu2)


def rbm_width2(fixed_point: Any, temperature: Any, *, sigma_h2: Any = 1) -> Any:
    r"""Squared Coulomb-gas width of a mode of the Gaussian RBM, :math:`s^2=2\sigma_h^2Tx_s`. ALP24 Appendix C."""
    return 2 * sigma_h2 * temperature * fixed_point


def rbm_variance(one: Any, two: Any, temperature: Any, *, same: bool = False, sigma_h2: Any = 1) -> Any:
    r"""Stationary variance of an element of X, :math:`v_{ij}=T\sigma_h^2\frac{x_i+x_j}2(1+\delta_{ij})`.

    Args:
        one: fixed point x_i of the row's mode.
        two: fixed point x_j of the column's mode.
        temperature: T.
        same: whether i = j.
        sigma_h2: variance of the hidden units.

    Derived here; see derivations/matrix_ou.
    """
    return temperature * sigma_h2 * (one + two) / 2 * (2 if same else 1)


def rbm_mean_shift(index: int, fixed_points: Any, mu2: Any, temperature: Any) -> Any:
    r"""Shift m_i of the mean of a diagonal element of X from its fixed point, at order T (:math:`\sigma_h=1`).

    .. math:: m_i=\frac{\kappa_i^2}{2x_i}\Big[-2x_i\sum_j\frac{v_{ij}}{\kappa_i^2\kappa_j}
        -2\sum_j\frac{v_{ij}}{\kappa_i\kappa_j}+T\sum_j\frac{x_j(1+\delta_{ij})}{\kappa_i\kappa_j}\Big]

    Args:
        index: i.
        fixed_points: the :math:`x_j=\mu^2-\kappa_j` of all modes.
        mu2: :math:`\mu^2`.
        temperature: T.

    Derived here; see derivations/matrix_ou.
    """
    x = list(fixed_points)
    kappa = [mu2 - value for value in x]
    own = kappa[index]
    total = 0
    for j, other in enumerate(x):
        same = j == index
        variance = rbm_variance(x[index], other, temperature, same=same)
        total += -2 * x[index] * variance / (own**2 * kappa[j]) - 2 * variance / (own * kappa[j])
        total += temperature * other * (2 if same else 1) / (own * kappa[j])
    return own**2 / (2 * x[index]) * total


def rbm_mean_eigenvalue(index: int, fixed_points: Any, mu2: Any, temperature: Any) -> Any:
    r"""Mean eigenvalue of the Gaussian RBM at order T, :math:`x_i+m_i+\sum_{x_j\ne x_i}v_{ij}/(x_i-x_j)`.

    For degenerate modes it is the mean of the group. The shifts of ALP24's Fig. 7; derived here, see
    derivations/matrix_ou.
    """
    x = list(fixed_points)
    repulsion = sum(rbm_variance(x[index], other, temperature) / (x[index] - other) for other in x if other != x[index])
    return x[index] + rbm_mean_shift(index, x, mu2, temperature) + repulsion


def discrete_width2(rate: Any, curvature: Any, strength: Any, temperature: Any) -> Any:
    r"""Squared width of one mode at a finite learning rate, :math:`s^2=T\tilde g^2/[\Omega(1-\alpha\Omega/2)]`.

    Args:
        rate: learning rate :math:`\alpha`.
        curvature: :math:`\Omega`.
        strength: :math:`\tilde g`.
        temperature: T.

    ALP24 (93)-(95).
    """
    return temperature * strength**2 / (curvature * (1 - rate * curvature / 2))


def teacher_student_width2(rate: Any, batch_size: Any, noise: Any, size: Any) -> Any:
    r"""Squared width of teacher-student eigenvalues, exact at any learning rate for fresh inputs.

    .. math::
        s^2=\frac{cq\,\epsilon^2}{q-c}\Big[\frac1{q+c}+\frac1{q-c(N+1)}\Big],
        \qquad c=\alpha^2/B,\quad q=2\alpha-\alpha^2

    It tends to :math:`T\epsilon^2\,2/(2-\alpha)` for B → ∞ and to :math:`T\epsilon^2` for α → 0; at first order the
    batch adds :math:`1+\alpha(N+2)/(4B)`. For quenched inputs it is the mean over input sets, about which a setting
    scatters: :func:`teacher_student_scatter2`.

    Args:
        rate: learning rate :math:`\alpha`.
        batch_size: B.
        noise: :math:`\epsilon`, standard deviation of the off-diagonal elements of the noise.
        size: N.

    ALP24 (56)-(58) at finite rate; derived here, see derivations/teacher_student.
    """
    c, q = rate**2 / batch_size, 2 * rate - rate**2
    return c * q * noise**2 / (q - c) * (1 / (q + c) + 1 / (q - c * (size + 1)))


def teacher_student_shift2(rate: Any, batch_size: Any, noise: Any) -> Any:
    r"""Variance of the shift that all eigenvalues of a student share, :math:`c^2\epsilon^2/(q^2-c^2)`.

    The variance of one level of a teacher without degeneracy is s² plus this, a fraction near :math:`\alpha/(4B)` of
    s²; spacings are not affected. Arguments as in :func:`teacher_student_width2`. Derived here; see
    derivations/teacher_student.
    """
    c, q = rate**2 / batch_size, 2 * rate - rate**2
    return c**2 * noise**2 / (q**2 - c**2)


def teacher_student_symmetric_width2(rate: Any, batch_size: Any, noise: Any, size: Any) -> Any:
    r"""The width assuming that the error stays symmetric, :math:`s^2=\frac\alpha
    B\epsilon^2\frac2{2-\alpha(1+(N+1)/B)}`.

    The leading formula with the finite-rate factor of a row of the error; at N = 2, B = 4 too large by 1.3% for
    α = 0.1 and by 8% for α = 0.5, because :math:`(W_t-W)C_b` is not symmetric. Kept for comparison;
    :func:`teacher_student_width2` is exact. Arguments as there.

    ALP24 (56)-(58); derived here, see derivations/teacher_student.
    """
    return rate / batch_size * noise**2 * 2 / (2 - rate * (1 + (size + 1) / batch_size))


def teacher_student_scatter2(rate: Any, batch_size: Any, size: Any) -> Any:
    r"""Relative variance of s² over sets of quenched inputs, :math:`2T/N` at leading order.

    All replicas share one input set, so more replicas do not reduce it: at N = 2 the s² of a setting is off by
    :math:`\sqrt T`, its mean spacing by :math:`\sqrt T/2`. Derived here; see derivations/teacher_student.
    """
    return 2 * rate / batch_size / size


def two_layer_width2(singular_value: Any, temperature: Any, label_noise: Any) -> Any:
    r"""Squared width of a mode of the balanced two-layer linear network, :math:`s_i^2=T\sigma_i\nu^2`, leading order.

    Args:
        singular_value: the teacher's :math:`\sigma_i`.
        temperature: T.
        label_noise: standard deviation :math:`\nu` per output.

    At finite rate: :func:`two_layer_variance`. PFLA24 (arXiv:2412.20496); derived here, see derivations/two_layer.
    """
    return temperature * singular_value * label_noise**2
