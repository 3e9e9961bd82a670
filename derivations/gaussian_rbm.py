r"""The Gaussian restricted Boltzmann machine: from its energy to the drift of one eigenvalue."""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain
from .stochastic_updates import rational_rotation

chain = Chain(order=50, title="Gaussian restricted Boltzmann machine")

mu2, sigma2, kappa, time = sp.symbols("mu2 sigma2 kappa t", positive=True)
FIELDS = sp.symbols("phi_1:3", real=True)
HIDDEN = sp.symbols("h_1:3", real=True)
W = sp.Matrix(2, 2, sp.symbols("W_11 W_12 W_21 W_22", real=True))


def _energy(hidden: sp.Matrix, visible: sp.Matrix, bias: sp.Matrix) -> sp.Expr:
    offset = hidden - bias
    return sp.expand((mu2 * visible.T * visible / 2 + offset.T * offset / (2 * sigma2) - visible.T * W * hidden)[0])


@chain.step(status="definition", identified="as one of (20)-(21), the energy")
def energy(board: Board) -> None:
    """ALP24 (20)-(21): S = mu^2 phi^T phi/2 + (h - eta)^T (h - eta)/(2 sigma_h^2) - phi^T W h; its Gibbs steps are
    h|phi ~ N(eta + sigma_h^2 W^T phi, sigma_h^2) and phi|h ~ N(W h/mu^2, 1/mu^2)."""
    phi, h, eta = sp.Matrix(FIELDS), sp.Matrix(HIDDEN), sp.Matrix(sp.symbols("eta_1:3", real=True))
    S = board.line("Two visible and two hidden units:", _energy(h, phi, eta), name="S")
    mean_h = eta + sigma2 * W.T * phi
    mean_phi = W * h / mu2
    hidden = ((h - mean_h).T * (h - mean_h))[0] / (2 * sigma2)
    visible = mu2 * ((phi - mean_phi).T * (phi - mean_phi))[0] / 2
    board.zero("The law of $h$ at fixed $\\phi$.", [sp.expand(sp.diff(S - hidden, v)) for v in HIDDEN])
    board.zero("The law of $\\phi$ at fixed $h$.", [sp.expand(sp.diff(S - visible, v)) for v in FIELDS])


@chain.step(identified="as one of (22)-(23), the visible law and its kernel")
def visible_marginal(board: Board) -> None:
    """ALP24 (22)-(23): the visible units are N(0, K^-1) with kernel K = mu^2 - sigma_h^2 W W^T (eta = 0)."""
    phi, h = sp.Matrix(FIELDS), sp.Matrix(HIDDEN)
    S = _energy(h, phi, sp.zeros(2, 1))
    completed = S.subs({v: v + (sigma2 * W.T * phi)[i] for i, v in enumerate(HIDDEN)}, simultaneous=True)
    rest = board.line("Completing the square in $h$ leaves", sp.expand(completed - (h.T * h)[0] / (2 * sigma2)))
    kernel = mu2 * sp.eye(2) - sigma2 * W * W.T
    board.zero("a quadratic form of the visible units.", rest - (phi.T * kernel * phi)[0] / 2)


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


@chain.step(identified="as one of (25)-(26), the eigenvalues of the kernel")
def eigenvalues(board: Board) -> None:
    """ALP24 (25)-(26): the eigenvalues of K are lambda_i = mu^2 - x_i with x_i = sigma_h^2 xi_i^2, 0 <= x_i < mu^2."""
    a, b = sp.symbols("a b", real=True)
    xi, value = sp.symbols("xi_1 xi_2", positive=True), sp.Symbol("lambda")
    weights = rational_rotation(a) * sp.diag(*xi) * rational_rotation(b)
    kernel = (mu2 * sp.eye(2) - sigma2 * weights * weights.T).applyfunc(sp.cancel)
    secular = (value * sp.eye(2) - kernel).det()
    stated = sp.Mul(*(value - mu2 + sigma2 * k**2 for k in xi))
    board.zero(
        "The secular determinant of $K$ for $W=U\\,{\\rm diag}(\\xi)V^T$.",
        secular - stated,
    )
    board.line("$K$ must be positive for $\\phi$ to have a law, so $x_i<\\mu^2$; $x_i\\ge0$ because it is a square.")


@chain.step
def target_spectrum(board: Board) -> None:
    """ALP24 (27): the free scalar field on a ring has kappa_k = m^2 + 2 - 2 cos(2 pi k/N); all but the lowest and (N
    even) the highest are doubly degenerate.
    """
    m2, N = sp.symbols("m2 N", positive=True)
    k, n = sp.symbols("k n", integer=True)
    momentum = 2 * sp.pi * k / N
    wave = sp.exp(sp.I * momentum * n)
    action = (m2 + 2) * wave - wave.subs(n, n + 1) - wave.subs(n, n - 1)
    kappa_k = m2 + 2 - 2 * sp.cos(momentum)
    board.zero(
        "Plane waves diagonalise $m^2-\\partial^2$ on the ring.",
        sp.expand((action / wave).expand() - kappa_k.rewrite(sp.exp)),
        by=sp.simplify,
    )
    board.zero(
        "$k$ and $N-k$ have the same eigenvalue.",
        sp.expand_trig(kappa_k.subs(k, N - k)) - kappa_k,
        by=lambda e: sp.simplify(sp.expand_trig(e.expand(trig=True))),
    )
    values = sorted(
        {sp.nsimplify(kappa_k.subs({N: 10, k: j, m2: 4})).simplify() for j in range(10)}, key=lambda e: float(e)
    )
    board.true("Ten sites: six different levels, four of them pairs.", len(values) == 6)


@chain.step(identified="as one of (30)-(33), the flow of singular value and eigenvalue")
def drift(board: Board) -> None:
    """ALP24 (30)-(33): dxi/dt = sigma_h^2 (1/kappa - 1/(mu^2 - sigma_h^2 xi^2)) xi, and in the time t' = 2 sigma_h^2 t
    dx/dt' = K(x) = x (1/kappa - 1/(mu^2 - x)), with stable fixed point x_s = mu^2 - kappa."""
    xi = sp.Function("xi")(time)
    flow = sigma2 * (1 / kappa - 1 / (mu2 - sigma2 * xi**2)) * xi
    board.line("When $W$ and the target share their left basis, (24) is diagonal:", flow, name="\\dot\\xi")
    x = sigma2 * xi**2
    rate = sp.diff(x, time).subs(sp.diff(xi, time), flow) / (2 * sigma2)
    board.zero("The eigenvalue follows the library's drift.", rate - symbolic.rbm_drift(x, kappa, mu2))
    y = sp.Symbol("x", positive=True)
    K = symbolic.rbm_drift(y, kappa, mu2)
    board.zero("Fixed points $0$ and $\\mu^2-\\kappa$.", [K.subs(y, 0), K.subs(y, mu2 - kappa)])
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
