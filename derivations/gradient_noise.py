r"""The noise of the Boltzmann machine's gradient by Wick's theorem, and the width it leads to."""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=70, title="Gradient noise (Appendix C)")

alpha, B, T, sigma2, mu2, kappa = sp.symbols("alpha B T sigma2 mu2 kappa", positive=True)
x1, x2, x_s = sp.symbols("x_1 x_2 x_s", positive=True)


@chain.step(identified="by its Appendix C: the chain from Wick's theorem to the noise strength")
def wick_variance(board: Board) -> None:
    """ALP24 (81)-(92): only the model's two-point function fluctuates; by Wick's theorem Var(phi_i phi_j) = (1 +
    delta_ij)/(lambda_i lambda_j) in the eigenbasis of K, which makes the noise strength g~ = x/kappa = kappa
    Omega.
    """
    lam = sp.symbols("lambda_1 lambda_2", positive=True)
    phi, probes = sp.symbols("phi_1 phi_2", real=True), sp.symbols("q_11 q_12 q_22", real=True)
    four = symbolic.isserlis([phi[0], phi[0], phi[1], phi[1]], {(f, f): 1 / k for f, k in zip(phi, lam, strict=True)})
    board.line("Wick:", four, name="\\langle\\phi_1^2\\phi_2^2\\rangle")
    law = {(f, f): 1 / k for f, k in zip(phi, lam, strict=True)}
    for i, j in ((0, 0), (0, 1), (1, 1)):
        product = phi[i] * phi[j]
        variance = symbolic.gaussian_covariance(product, product, phi, law)
        board.zero("Variance of a product.", variance - (2 if i == j else 1) / (lam[i] * lam[j]))
    energy = (lam[0] * phi[0] ** 2 + lam[1] * phi[1] ** 2) / 2
    energy += probes[0] * phi[0] ** 2 + probes[1] * phi[0] * phi[1] + probes[2] * phi[1] ** 2
    covariance = symbolic.gradient_noise_covariance(energy, phi, probes, batch_size=B).subs(dict.fromkeys(probes, 0))
    expected = sp.diag(2 / lam[0] ** 2, 1 / (lam[0] * lam[1]), 2 / lam[1] ** 2) / B
    board.zero(
        "The library's gradient covariance, from the energy alone, over a batch of $B$.", list(covariance - expected)
    )
    board.line(
        "One update is $W'=(1+\\alpha\\Delta)W$, "
        "$\\Delta=\\sigma_h^2(C-\\overline{\\phi\\phi^T})$, so $X=\\sigma_h^2WW^T$ moves "
        "by $\\alpha(\\Delta X+X\\Delta)$ plus second order."
    )
    process = symbolic.MatrixSDE.multiplicative(
        2, variance=lambda x, y: alpha**2 * sigma2**2 / B / ((mu2 - x) * (mu2 - y))
    ).eigenvalues
    noise = board.line("Noise variance of one eigenvalue and update:", process.diffusion[0, 0])
    y = process.levels[0]
    strength = y / (mu2 - y)
    board.zero(
        "In the time $2\\sigma_h^2t$ of (31) it is $2(\\alpha'/\\sqrt{B'})^2\\tilde g^2$ "
        "with $\\tilde g=x/\\lambda$ and $\\alpha'^2/B'=4\\sigma_h^4\\alpha^2/B$.",
        noise - 2 * (4 * sigma2**2 * alpha**2 / B) * strength**2,
    )
    curvature = x_s / kappa**2
    board.zero(
        "At the fixed point $x/\\kappa=\\kappa\\Omega$.",
        strength.subs(y, mu2 - kappa).subs(mu2, x_s + kappa) - kappa * curvature,
    )


@chain.step
def width(board: Board) -> None:
    """derived here: s^2 = 2 sigma_h^2 T kappa^2 Omega = 2 sigma_h^2 T x_s, so T = s^2/(2 sigma_h^2 x_s)."""
    curvature, strength = x_s / kappa**2, x_s / kappa
    board.line(
        "Per unit of the training time: relaxation rate $2\\sigma_h^2\\Omega$ and noise "
        "variance $8\\sigma_h^4T\\tilde g^2$."
    )
    relaxation, growth = 2 * sigma2 * curvature, 8 * sigma2**2 * T * strength**2
    width2 = board.line("Stationary variance without repulsion:", growth / (2 * relaxation), name="s^2")
    board.zero("The library's.", width2 - symbolic.rbm_width2(x_s, T, sigma_h2=sigma2))
    board.zero("The paper's form.", width2 - 2 * sigma2 * T * kappa**2 * curvature)


@chain.step
def spacing_scaling(board: Board) -> None:
    """ALP24 (29): <S> and sqrt(pi) s are linear in sqrt(T kappa^2 Omega); with sigma_h^2 the slope is sqrt(2 pi),
    free of parameters, and a single mode has standard deviation sqrt(2) sqrt(sigma_h^2 T kappa^2 Omega).
    """
    curvature = x_s / kappa**2
    law = symbolic.wigner_surmise(1)
    s = sp.sqrt(symbolic.rbm_width2(x_s, T, sigma_h2=sigma2))
    mean = law.mean.subs(law.parameters[0], s)
    unit = sp.sqrt(sigma2 * T * kappa**2 * curvature)
    board.line("Mean spacing of a degenerate pair:", mean, name="\\langle S\\rangle")
    board.zero("Slope $\\sqrt{2\\pi}=2.507$.", mean / unit - sp.sqrt(2 * sp.pi), by=sp.simplify)
    board.zero("A single mode.", s / unit - sp.sqrt(2), by=sp.simplify)


@chain.step
def coupling(board: Board) -> None:
    """derived here: the noise multiplies W, so the Coulomb coupling of a pair is sigma_h^4 T (x_i + x_j)^2/(lambda_i
    lambda_j); for a degenerate pair that is g^2, as the eigenvalue equation (9) has it.
    """
    process = symbolic.MatrixSDE.multiplicative(
        2, variance=lambda x, y: sigma2**2 * T / ((mu2 - x) * (mu2 - y))
    ).eigenvalues
    levels = process.levels
    g2 = process.diffusion[0, 0] / 2
    board.zero(
        "Pair coupling.",
        process.coupling[0, 1] - sigma2**2 * T * sum(levels) ** 2 / ((mu2 - levels[0]) * (mu2 - levels[1])),
    )
    board.zero(
        "Equal levels: the coupling is $g^2$.", sp.cancel((process.coupling[0, 1] - g2).subs(levels[1], levels[0]))
    )
