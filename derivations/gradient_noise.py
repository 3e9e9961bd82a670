r"""The noise of the Boltzmann machine's gradient by Wick's theorem, and the resulting width.

Source: ALP24 (arXiv:2407.16427).
"""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=70, title="Gradient noise (Appendix C)")

alpha, B, T, sigma2, mu2, kappa = sp.symbols("alpha B T sigma2 mu2 kappa", positive=True)
x1, x2, x_s = sp.symbols("x_1 x_2 x_s", positive=True)


APPENDIX_C = (
    "by its Appendix C, from Wick's theorem to the noise strength; the paper's text was not available; the twelve "
    "numbers are assigned to the twelve steps of the argument in order"
)
FIELDS = sp.symbols("phi_1 phi_2", real=True)
KERNEL = sp.Matrix([[sp.Symbol("K_11"), sp.Symbol("K_12")], [sp.Symbol("K_12"), sp.Symbol("K_22")]])
LAMBDA = sp.symbols("lambda_1 lambda_2", positive=True)


def _propagator(kernel: sp.Matrix) -> dict[tuple[sp.Symbol, sp.Symbol], sp.Expr]:
    inverse = kernel.inv()
    return {(a, b): inverse[i, j] for i, a in enumerate(FIELDS) for j, b in enumerate(FIELDS)}


@chain.step(status="definition", identified=APPENDIX_C)
def estimated_gradient(board: Board) -> None:
    """ALP24 (81): an update estimates (24) with B samples of the model, W' = W + alpha sigma_h^2 (C - (1/B) sum phi
    phi^T) W; its mean is the gradient."""
    C = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"C_{min(i, j) + 1}{max(i, j) + 1}"))
    W = sp.Matrix(2, 2, sp.symbols("W_11 W_12 W_21 W_22", real=True))
    phi, law = sp.Matrix(FIELDS), _propagator(KERNEL)
    sample = sigma2 * (C - phi * phi.T) * W
    mean = sample.applyfunc(lambda e: symbolic.gaussian_average(sp.expand(e), FIELDS, law))
    board.zero("Its mean.", [sp.cancel(sp.together(e)) for e in mean - sigma2 * (C - KERNEL.inv()) * W])


@chain.step(identified=APPENDIX_C)
def fluctuating_part(board: Board) -> None:
    """ALP24 (82): the target's two-point function is exact, only the model's fluctuates: Cov of the estimate is
    sigma_h^4/B times that of phi phi^T, W on the right."""
    c, w, v = sp.symbols("C W V", real=True)
    law = _propagator(sp.diag(*LAMBDA))
    one, two = (sigma2 * (c - FIELDS[0] * f) * weight for f, weight in ((FIELDS[0], w), (FIELDS[1], v)))
    covariance = symbolic.gaussian_covariance(one, two, FIELDS, law)
    bare = symbolic.gaussian_covariance(FIELDS[0] ** 2, FIELDS[0] * FIELDS[1], FIELDS, law)
    board.zero("C drops out, W stays.", sp.expand(covariance - sigma2**2 * w * v * bare))
    alone = symbolic.gaussian_covariance(one, one, FIELDS, law)
    board.zero("The same for one element.", sp.expand(alone - sigma2**2 * w**2 * 2 / LAMBDA[0] ** 2))


@chain.step(identified=APPENDIX_C)
def wick(board: Board) -> None:
    """ALP24 (83): Wick's theorem, <phi_i phi_j phi_k phi_l> = D_ij D_kl + D_ik D_jl + D_il D_jk, D = <phi phi^T>."""
    D = sp.Matrix(4, 4, lambda i, j: sp.Symbol(f"D_{min(i, j) + 1}{max(i, j) + 1}"))
    phi = sp.symbols("phi_1:5", real=True)
    four = symbolic.isserlis(phi, lambda a, b: D[phi.index(a), phi.index(b)])
    board.line("Four fields:", four)
    board.zero("Three pairings.", four - D[0, 1] * D[2, 3] - D[0, 2] * D[1, 3] - D[0, 3] * D[1, 2])
    j = sp.symbols("j_1:5")
    generating = sum(D[a, b] * j[a] * j[b] for a in range(4) for b in range(4)) / 2
    fourth = sp.expand(generating**2 / 2).coeff(j[0], 1).coeff(j[1], 1).coeff(j[2], 1).coeff(j[3], 1)
    board.zero("The generating function $e^{j^TDj/2}$ gives the same.", four - fourth)


@chain.step(identified=APPENDIX_C)
def two_point_function(board: Board) -> None:
    """ALP24 (84): <phi_i phi_j> = (K^-1)_ij for the law exp(-phi^T K phi/2)."""
    phi = sp.Matrix(FIELDS)
    density = sp.exp(-(phi.T * KERNEL * phi)[0] / 2)
    slopes = sp.Matrix([sp.diff(density, f) for f in FIELDS]) / density
    board.line(
        "The total derivative $\\partial_k(\\phi_jp)$ has no integral, so "
        "$\\delta_{kj}=\\langle\\phi_j(K\\phi)_k\\rangle$."
    )
    law = _propagator(KERNEL)
    residual = [
        sp.cancel(int(i == k) + symbolic.gaussian_average(sp.expand(FIELDS[i] * slopes[k]), FIELDS, law))
        for i in range(2) for k in range(2)
    ]  # fmt: skip
    board.zero("$K^{-1}$ solves it.", residual)


@chain.step(identified=APPENDIX_C)
def variance_of_products(board: Board) -> None:
    """ALP24 (85): Var(phi_i phi_j) = (K^-1)_ii (K^-1)_jj + (K^-1)_ij^2."""
    inverse, law = KERNEL.inv(), _propagator(KERNEL)
    for i, j in ((0, 0), (0, 1)):
        product = FIELDS[i] * FIELDS[j]
        variance = symbolic.gaussian_covariance(product, product, FIELDS, law)
        board.zero("Variance of a product.", sp.cancel(variance - inverse[i, i] * inverse[j, j] - inverse[i, j] ** 2))


@chain.step(identified=APPENDIX_C)
def wick_variance(board: Board) -> None:
    """ALP24 (86): in the eigenbasis of K it is (1 + delta_ij)/(lambda_i lambda_j), and over a batch 1/B of that."""
    probes = sp.symbols("q_11 q_12 q_22", real=True)
    law = _propagator(sp.diag(*LAMBDA))
    for i, j in ((0, 0), (0, 1), (1, 1)):
        product = FIELDS[i] * FIELDS[j]
        variance = symbolic.gaussian_covariance(product, product, FIELDS, law)
        board.zero("Variance of a product.", variance - (2 if i == j else 1) / (LAMBDA[i] * LAMBDA[j]))
    energy = (LAMBDA[0] * FIELDS[0] ** 2 + LAMBDA[1] * FIELDS[1] ** 2) / 2
    energy += probes[0] * FIELDS[0] ** 2 + probes[1] * FIELDS[0] * FIELDS[1] + probes[2] * FIELDS[1] ** 2
    covariance = symbolic.gradient_noise_covariance(energy, FIELDS, probes, batch_size=B).subs(dict.fromkeys(probes, 0))
    expected = sp.diag(2 / LAMBDA[0] ** 2, 1 / (LAMBDA[0] * LAMBDA[1]), 2 / LAMBDA[1] ** 2) / B
    board.zero(
        "The library's gradient covariance, from the energy alone, over a batch of $B$.", list(covariance - expected)
    )


def _relative_noise() -> tuple[sp.Matrix, dict[tuple[sp.Symbol, sp.Symbol], sp.Expr]]:
    """Delta of W' = (1 + Delta) W in the eigenbasis of K, and the variances of its elements."""
    delta = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"D_{min(i, j) + 1}{max(i, j) + 1}", real=True))
    size = alpha**2 * sigma2**2 / B
    law = {
        (delta[i, j],) * 2: size * (2 if i == j else 1) / (LAMBDA[i] * LAMBDA[j]) for i in range(2) for j in range(i, 2)
    }
    return delta, law


@chain.step(identified=APPENDIX_C)
def noise_of_weights(board: Board) -> None:
    """ALP24 (87): the noise of an element of W is (alpha^2/B) sigma_h^4 xi_j^2 (1 + delta_ij)/(lambda_i lambda_j) in
    the singular basis."""
    xi = sp.symbols("xi_1 xi_2", positive=True)
    delta, law = _relative_noise()
    kick = delta * sp.diag(*xi)
    phi, propagator = sp.Matrix(FIELDS), _propagator(sp.diag(*LAMBDA))
    one = (sigma2 * phi * phi.T * sp.diag(*xi)).expand()
    for i in range(2):
        for j in range(2):
            square = symbolic.gaussian_average(sp.expand(kick[i, j] ** 2), list(dict.fromkeys(delta)), law)
            exact = symbolic.gaussian_covariance(one[i, j], one[i, j], FIELDS, propagator) * alpha**2 / B
            board.zero("Variance.", square - exact)


@chain.step(identified=APPENDIX_C)
def noise_of_matrix(board: Board) -> None:
    """ALP24 (88): X = sigma_h^2 W W^T moves by Delta X + X Delta at first order; its noise is (alpha^2/B) sigma_h^4
    (x_i + x_j)^2 (1 + delta_ij)/(lambda_i lambda_j)."""
    delta, law = _relative_noise()
    x = sp.diag(x1, x2)
    weights = sp.diag(sp.sqrt(x1 / sigma2), sp.sqrt(x2 / sigma2))
    moved = sigma2 * ((sp.eye(2) + delta) * weights) * ((sp.eye(2) + delta) * weights).T
    rest = (moved - x - delta * x - x * delta - delta * x * delta).expand()
    board.zero("The change of $X$, quadratic part included.", list(rest))
    process = symbolic.MatrixSDE.multiplicative(2, variance=[
        [alpha**2 * sigma2**2 / B / (LAMBDA[i] * LAMBDA[j]) for j in range(2)] for i in range(2)
    ])  # fmt: skip
    place = dict(zip(process.levels, (x1, x2), strict=True))
    for i, j in ((0, 0), (0, 1)):
        square = symbolic.gaussian_average(
            sp.expand((delta * x + x * delta)[i, j] ** 2), list(dict.fromkeys(delta)), law
        )
        stated = symbolic.gaussian_average(
            sp.expand(process.noise[i, j] ** 2), process.normals, lambda a, b: int(a == b)
        )
        board.zero("The library's noise.", sp.cancel(square - stated.subs(place, simultaneous=True)))
        size = alpha**2 * sigma2**2 / B * (x[i, i] + x[j, j]) ** 2 * (2 if i == j else 1)
        board.zero("As said.", sp.cancel(square - size / (LAMBDA[i] * LAMBDA[j])))


def _process() -> symbolic.EigenvalueSDE:
    """The library's process of one update."""
    return symbolic.MatrixSDE.multiplicative(
        2, variance=lambda x, y: alpha**2 * sigma2**2 / B / ((mu2 - x) * (mu2 - y))
    ).eigenvalues


@chain.step(identified=APPENDIX_C)
def noise_of_eigenvalue(board: Board) -> None:
    """ALP24 (89): the noise variance of one eigenvalue in one update is 8 (alpha^2/B) sigma_h^4 x^2/lambda^2,
    independent of the other levels."""
    process = _process()
    y = process.levels[0]
    noise = board.line("Noise variance of one eigenvalue and update:", process.diffusion[0, 0])
    board.zero("As said.", noise - 8 * alpha**2 / B * sigma2**2 * y**2 / (mu2 - y) ** 2)
    board.zero("Independent.", process.diffusion[0, 1])


@chain.step(identified=APPENDIX_C)
def noise_strength(board: Board) -> None:
    """ALP24 (90): in the time 2 sigma_h^2 t of (31) it is 2 (alpha'/sqrt B)^2 g~^2 with g~ = x/lambda, alpha' = 2
    sigma_h^2 alpha."""
    process = _process()
    y = process.levels[0]
    rate = 2 * sigma2 * alpha
    board.zero("With $\\tilde g=x/\\lambda$.", process.diffusion[0, 0] - 2 * rate**2 / B * (y / (mu2 - y)) ** 2)


@chain.step(identified=APPENDIX_C)
def at_the_fixed_point(board: Board) -> None:
    """ALP24 (91): at x_s = mu^2 - kappa, where lambda = kappa, it is g~ = x_s/kappa."""
    process = _process()
    y = process.levels[0]
    strength = sp.sqrt(sp.cancel(process.diffusion[0, 0] * B / (8 * sigma2**2 * alpha**2)).subs(mu2, x_s + kappa))
    board.zero("$\\tilde g(x_s)$.", strength.subs(y, x_s) - x_s / kappa, by=sp.simplify)


@chain.step(identified=APPENDIX_C)
def strength_and_curvature(board: Board) -> None:
    """ALP24 (92): g~ = kappa Omega, so (18) becomes s^2 = T' kappa^2 Omega with the temperature T' = 2 sigma_h^2 T of
    (31)."""
    curvature = -sp.diff(symbolic.rbm_drift(x1, kappa, mu2), x1).subs(x1, mu2 - kappa).subs(mu2, x_s + kappa)
    board.zero("$\\tilde g=\\kappa\\Omega$.", sp.cancel(x_s / kappa - kappa * curvature))
    width2 = symbolic.discrete_width2(0, curvature, x_s / kappa, 2 * sigma2 * T)
    board.zero("The library's width.", sp.cancel(width2 - symbolic.rbm_width2(x_s, T, sigma_h2=sigma2)))
    board.zero("$T'\\kappa^2\\Omega$.", sp.cancel(width2 - 2 * sigma2 * T * kappa**2 * curvature))


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
    lambda_j); for a degenerate pair that is g^2, as in the eigenvalue equation (9).
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
