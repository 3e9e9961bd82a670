r"""The Gaussian restricted Boltzmann machine: from its energy to the drift of one eigenvalue.

Source: ALP24 (arXiv:2407.16427).
"""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain, within
from .stochastic_updates import rational_rotation

chain = Chain(order=50, title="Gaussian restricted Boltzmann machine")

mu2, sigma2, kappa, time = sp.symbols("mu2 sigma2 kappa t", positive=True)
FIELDS = sp.symbols("phi_1:3", real=True)
HIDDEN = sp.symbols("h_1:3", real=True)
W = sp.Matrix(2, 2, sp.symbols("W_11 W_12 W_21 W_22", real=True))


def _energy(hidden: sp.Matrix, visible: sp.Matrix, bias: sp.Matrix) -> sp.Expr:
    offset = hidden - bias
    return sp.expand((mu2 * visible.T * visible / 2 + offset.T * offset / (2 * sigma2) - visible.T * W * hidden)[0])


@chain.step(status="definition", identified=within(20, 21))
def joint_law(board: Board) -> None:
    """ALP24 (20): visible and hidden units have the law exp(-S)/Z; its Gibbs steps are h|phi ~ N(eta + sigma_h^2 W^T
    phi, sigma_h^2) and phi|h ~ N(W h/mu^2, 1/mu^2)."""
    phi, h, eta = sp.Matrix(FIELDS), sp.Matrix(HIDDEN), sp.Matrix(sp.symbols("eta_1:3", real=True))
    S = _energy(h, phi, eta)
    mean_h = eta + sigma2 * W.T * phi
    mean_phi = W * h / mu2
    hidden = ((h - mean_h).T * (h - mean_h))[0] / (2 * sigma2)
    visible = mu2 * ((phi - mean_phi).T * (phi - mean_phi))[0] / 2
    board.zero("The law of $h$ at fixed $\\phi$.", [sp.expand(sp.diff(S - hidden, v)) for v in HIDDEN])
    board.zero("The law of $\\phi$ at fixed $h$.", [sp.expand(sp.diff(S - visible, v)) for v in FIELDS])


@chain.step(status="definition", identified=within(20, 21))
def energy(board: Board) -> None:
    """ALP24 (21): S = mu^2 phi^T phi/2 + (h - eta)^T (h - eta)/(2 sigma_h^2) - phi^T W h, a quadratic form."""
    phi, h = sp.Matrix(FIELDS), sp.Matrix(HIDDEN)
    S = board.line("Two visible and two hidden units, $\\eta=0$:", _energy(h, phi, sp.zeros(2, 1)), name="S")
    block = sp.Matrix(sp.BlockMatrix([[mu2 * sp.eye(2), -W], [-W.T, sp.eye(2) / sigma2]]))
    board.zero("Its matrix.", list(sp.hessian(S, [*FIELDS, *HIDDEN]) - block))


def _marginal() -> sp.Expr:
    """The remainder of S after completing the square in h at eta = 0."""
    phi, h = sp.Matrix(FIELDS), sp.Matrix(HIDDEN)
    moved = {v: v + (sigma2 * W.T * phi)[i] for i, v in enumerate(HIDDEN)}
    completed = _energy(h, phi, sp.zeros(2, 1)).subs(moved, simultaneous=True)
    return sp.expand(completed - (h.T * h)[0] / (2 * sigma2))


@chain.step(identified=within(22, 23))
def visible_marginal(board: Board) -> None:
    """ALP24 (22): the visible units alone have a Gaussian law of mean zero (eta = 0): completing the square in h leaves
    a quadratic form of phi and no h."""
    rest = board.line("Completing the square in $h$ leaves", _marginal())
    board.zero("no hidden unit,", [sp.diff(rest, v) for v in HIDDEN])
    board.zero("no linear term.", [sp.diff(rest, v).subs(dict.fromkeys(FIELDS, 0)) for v in FIELDS])


@chain.step(identified=within(22, 23))
def kernel(board: Board) -> None:
    """ALP24 (23): its kernel, the inverse covariance, is K = mu^2 - sigma_h^2 W W^T."""
    K = mu2 * sp.eye(2) - sigma2 * W * W.T
    board.zero("The Hessian of what is left.", list((sp.hessian(_marginal(), FIELDS) - K).expand()))
    probes = [sp.Symbol("m")]
    noise = symbolic.gradient_noise_covariance(_marginal() + probes[0] * FIELDS[0] ** 2, FIELDS, probes)
    board.zero(
        "The library's propagator is its inverse.", sp.cancel(noise[0, 0].subs(probes[0], 0) - 2 * K.inv()[0, 0] ** 2)
    )


@chain.step
def gradient(board: Board) -> None:
    """ALP24 (24): the gradient of the log-likelihood is sigma_h^2 (<phi phi^T>_target - <phi phi^T>_model) W."""
    C = sp.Matrix([[sp.Symbol("C_11"), sp.Symbol("C_12")], [sp.Symbol("C_12"), sp.Symbol("C_22")]])
    kernel = mu2 * sp.eye(2) - sigma2 * W * W.T
    likelihood = sp.log(kernel.det()) / 2 - (kernel * C).trace() / 2
    board.line(
        "The mean log-likelihood of data with covariance $C$, up to a constant:",
        name="\\frac12\\log\\det K-\\frac12{\\rm tr}\\,KC",
    )
    stated = sigma2 * (C - kernel.inv()) * W
    board.zero(
        "Its derivatives.", [sp.cancel(sp.together(sp.diff(likelihood, w) - stated[i])) for i, w in enumerate(W)]
    )


@chain.step(identified=within(25, 26))
def eigenvalues(board: Board) -> None:
    """ALP24 (25): the eigenvalues of K are lambda_i = mu^2 - sigma_h^2 xi_i^2, xi the singular values of W."""
    a, b = sp.symbols("a b", real=True)
    xi, value = sp.symbols("xi_1 xi_2", positive=True), sp.Symbol("lambda")
    weights = rational_rotation(a) * sp.diag(*xi) * rational_rotation(b)
    matrix = (mu2 * sp.eye(2) - sigma2 * weights * weights.T).applyfunc(sp.cancel)
    secular = (value * sp.eye(2) - matrix).det()
    stated = sp.Mul(*(value - mu2 + sigma2 * k**2 for k in xi))
    board.zero("The secular determinant of $K$ for $W=U\\,{\\rm diag}(\\xi)V^T$.", secular - stated)


@chain.step(status="definition", identified=within(25, 26))
def levels(board: Board) -> None:
    """ALP24 (26): x_i = sigma_h^2 xi_i^2, so lambda_i = mu^2 - x_i, and 0 <= x_i < mu^2 for K to be positive."""
    xi = sp.Symbol("xi", real=True)
    x, room = sp.Symbol("x", nonnegative=True), sp.Symbol("d", positive=True)
    board.true("A square is not negative.", (sigma2 * xi**2).is_nonnegative)
    board.true(
        "$\\lambda=d>0$ is $x=\\mu^2-d<\\mu^2$.", (mu2 - (mu2 - room)).is_positive and (mu2 - room - mu2).is_negative
    )
    board.zero("$\\lambda+x=\\mu^2$.", (mu2 - x) + x - mu2)


@chain.step
def target_spectrum(board: Board) -> None:
    """ALP24 (27): the free scalar field on a ring of any N sites has kappa_k = m^2 + 2 - 2 cos(2 pi k/N); k and l agree
    only for l = k or N - k, so all but the lowest and (N even) the highest are doubly degenerate."""
    m2, N = sp.symbols("m2 N", positive=True)
    k, l, n = sp.symbols("k l n", integer=True)
    wave = sp.exp(2 * sp.pi * sp.I * k * n / N)
    action = (m2 + 2) * wave - wave.subs(n, n + 1) - wave.subs(n, n - 1)
    kappa_k = m2 + 2 - 2 * sp.cos(2 * sp.pi * k / N)
    board.zero(
        "Plane waves diagonalise $m^2-\\partial^2$ on the ring.",
        sp.expand((action / wave).expand() - kappa_k.rewrite(sp.exp)),
        by=sp.simplify,
    )
    board.zero("They close on the ring.", (wave.subs(n, n + N) / wave).simplify() - 1)
    difference = kappa_k - kappa_k.subs(k, l)
    product = 4 * sp.sin(sp.pi * (k - l) / N) * sp.sin(sp.pi * (k + l) / N)
    board.zero(
        "$\\kappa_k-\\kappa_l=4\\sin\\frac{\\pi(k-l)}N\\sin\\frac{\\pi(k+l)}N$, zero only if N divides $k-l$ or $k+l$.",
        (difference - product).rewrite(sp.exp),
        by=sp.simplify,
    )
    for size in range(3, 13):
        partner = {j: (-j) % size for j in range(size)}
        single = [j for j in range(size) if partner[j] == j]
        board.true(f"$N={size}$: single levels.", single == ([0, size // 2] if size % 2 == 0 else [0]))


@chain.step(identified=within(30, 33))
def singular_flow(board: Board) -> None:
    """ALP24 (30): where W and the target share their left basis (24) is diagonal: dxi/dt = sigma_h^2 (1/kappa -
    1/(mu^2 - sigma_h^2 xi^2)) xi."""
    a = sp.Symbol("a", real=True)
    xi, k = sp.symbols("xi_1 xi_2", positive=True), sp.symbols("kappa_1 kappa_2", positive=True)
    left, right = rational_rotation(a), rational_rotation(sp.Rational(1, 3))
    weights, target = left * sp.diag(*xi) * right, left * sp.diag(*(1 / value for value in k)) * left.T
    model = left * sp.diag(*(1 / (mu2 - sigma2 * value**2) for value in xi)) * left.T
    inverse = (mu2 * sp.eye(2) - sigma2 * weights * weights.T) * model
    board.zero("The inverse kernel.", (inverse - sp.eye(2)).applyfunc(lambda e: sp.cancel(sp.together(e))))
    flow = sigma2 * (target - model) * weights
    stated = sp.diag(*(sigma2 * (1 / k[i] - 1 / (mu2 - sigma2 * xi[i] ** 2)) * xi[i] for i in range(2)))
    board.zero("$U^T\\dot WV$ of (24) is diagonal and this.", (left.T * flow * right.T - stated).applyfunc(
        lambda e: sp.cancel(sp.together(e))))  # fmt: skip


@chain.step(identified=within(30, 33))
def eigenvalue_flow(board: Board) -> None:
    """ALP24 (31): for x = sigma_h^2 xi^2 in the time t' = 2 sigma_h^2 t it is dx/dt' = x (1/kappa - 1/(mu^2 - x))."""
    xi = sp.Function("xi")(time)
    flow = sigma2 * (1 / kappa - 1 / (mu2 - sigma2 * xi**2)) * xi
    x = sigma2 * xi**2
    rate = sp.diff(x, time).subs(sp.diff(xi, time), flow) / (2 * sigma2)
    board.zero("The library's drift.", rate - symbolic.rbm_drift(x, kappa, mu2))


@chain.step(
    status="corrected",
    note="the noise multiplies W, so the coupling of a pair is sigma_h^2 T (x_i + x_j)^2/(2 lambda_i lambda_j) and "
    "there is an Ito term of order T; the coupling is g^2 inside a degenerate group",
    identified=within(30, 33),
)
def stochastic_flow(board: Board) -> None:
    """ALP24 (32): with the noise of a mini-batch dx_i = K(x_i) dt' + sum_{j != i} g^2/(x_i - x_j) dt' + sqrt(2) g dB_i,
    g = sqrt(2 sigma_h^2 T) x/lambda."""
    T = sp.Symbol("T", positive=True)
    process = symbolic.MatrixSDE.multiplicative(
        2,
        variance=lambda x, y: T * sigma2**2 / ((mu2 - x) * (mu2 - y)),
        rate=lambda x: sigma2 * (1 / kappa - 1 / (mu2 - x)),
    ).eigenvalues
    (x, y), unit = process.levels, 2 * sigma2
    g2 = 2 * sigma2 * T * x**2 / (mu2 - x) ** 2
    board.zero("Drift per $t'$.", sp.cancel(process.drift[0] / unit - symbolic.rbm_drift(x, kappa, mu2)))
    board.zero("Noise per $t'$.", sp.cancel(process.diffusion[0, 0] / unit - 2 * g2))
    coupling = process.coupling[0, 1] / unit
    board.zero("Coupling of a pair.", sp.cancel(coupling - sigma2 * T * (x + y) ** 2 / (2 * (mu2 - x) * (mu2 - y))))
    board.zero("It is $g^2$ for equal levels.", sp.cancel((coupling - g2).subs(y, x)))
    board.zero("The Ito term is of order $T$.", sp.diff(process.ito[0], T, 2))


@chain.step(identified=within(30, 33))
def drift(board: Board) -> None:
    """ALP24 (33): K(x) = x (1/kappa - 1/(mu^2 - x)) has the zeros 0, unstable with the rate 1/kappa - 1/mu^2, and x_s =
    mu^2 - kappa, stable with the rate x_s/kappa^2."""
    y = sp.Symbol("x", positive=True)
    K = symbolic.rbm_drift(y, kappa, mu2)
    board.zero("Fixed points $0$ and $\\mu^2-\\kappa$.", [K.subs(y, 0), K.subs(y, mu2 - kappa)])
    board.zero("No others.", sp.cancel(K * kappa * (mu2 - y) - y * (mu2 - kappa - y)))
    board.zero(
        "The slope at the upper one is $-x_s/\\kappa^2$,", sp.diff(K, y).subs(y, mu2 - kappa) + (mu2 - kappa) / kappa**2
    )
    board.zero(
        "at the lower one $1/\\kappa-1/\\mu^2$: unstable for $\\kappa<\\mu^2$.",
        sp.diff(K, y).subs(y, 0) - 1 / kappa + 1 / mu2,
    )


@chain.step
def collapsed_gibbs(board: Board) -> None:
    """derived here: k Gibbs steps are one Gaussian draw, phi' = A^k phi + noise, A = sigma_h^2 W W^T/mu^2, of
    covariance (1 + A)(1 + A^2 + ... + A^{2(k-1)})/mu^2.
    """
    a = sp.Symbol("a")  # an eigenvalue of A; everything commutes with A
    covariance, power = sp.S.Zero, sp.S.One
    for k in (1, 2, 3, 4):
        one_step = 1 / mu2 + a / mu2  # visible noise, and hidden noise sigma_h^2 seen through W/mu^2
        covariance, power = sp.expand(a**2 * covariance + one_step), power * a
        stated = (1 + a) * sum(a ** (2 * j) for j in range(k)) / mu2
        board.zero(f"$k={k}$.", covariance - stated)
    board.zero(
        "For $k\\to\\infty$ it is the inverse kernel.", sp.cancel((1 + a) / (mu2 * (1 - a**2)) - 1 / (mu2 - mu2 * a))
    )
