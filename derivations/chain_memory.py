r"""Memory of the Gibbs chains: persistent chains act like momentum, restarted ones weaken the restoring force."""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=65, title="Memory of persistent and restarted chains")

lam, rho, v = sp.symbols("lambda rho v", positive=True)
alpha, B, mu2, sh2 = sp.symbols("alpha B mu2 sigma_h2", positive=True)
xi, xj = sp.symbols("x_i x_j", positive=True)


@chain.step
def answer_of_the_chains(board: Board) -> None:
    """derived here: k Gibbs steps take a deviation c of the chains' two-point function to rho c + (1 - rho) times what
    the weights ask for, rho = (x_i x_j/mu^4)^k."""
    a, b = sp.symbols("a b", positive=True)
    e = sp.Symbol("e")
    c = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"c_{min(i, j)}{max(i, j)}", real=True))
    change = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"d_{min(i, j)}{max(i, j)}", real=True))
    rest = sp.diag(a, b)
    asked = (sp.eye(2) - rest).inv() * change * (sp.eye(2) - rest).inv() / mu2  # first order of 1/(mu2 (1 - A))
    board.line("$C'=A^kCA^k+\\Sigma_k$ with $A=\\sigma_h^2WW^T/\\mu^2$; $C=1/(\\mu^2(1-A))$ is its fixed point.")
    for k in (1, 2, 3):
        series = sum((rest**n for n in range(2 * k)), sp.zeros(2)) / mu2
        equilibrium = (sp.eye(2) - rest).inv() / mu2
        board.zero(f"It is, $k={k}$.", sp.simplify(rest**k * equilibrium * rest**k + series - equilibrium))
        kept = rest**k * c * rest**k
        memory = sp.Matrix(2, 2, lambda i, j, k=k: ((a, b)[i] * (a, b)[j]) ** k)
        board.zero("A deviation c shrinks by $\\rho_{ij}$.", list(kept - memory.multiply_elementwise(c)))
        moved = rest + e * change
        noise = sum((moved**n for n in range(2 * k)), sp.zeros(2)) / mu2
        total = moved**k * equilibrium * moved**k + noise
        answer = total.applyfunc(lambda entry: sp.diff(entry, e).subs(e, 0))
        part = (sp.ones(2) - memory).multiply_elementwise(asked)
        board.zero(
            "The answer to a change of W is $1-\\rho_{ij}$ of the full one.", (answer - part).applyfunc(sp.factor)
        )
    board.zero(
        "The library's memory, with $a=x/\\mu^2$.",
        symbolic.rbm_memory(xi, xj, mu2, 2) - ((xi / mu2) * (xj / mu2)) ** 2,
    )


@chain.step
def restoring_force(board: Board) -> None:
    """derived here: X = sigma_h^2 W W^T relaxes by lambda = sigma_h^2 alpha (x_i + x_j)/(kappa_i kappa_j) an update."""
    e = sp.Symbol("e")
    d = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"d_{i}{j}", real=True))
    roots = sp.diag(sp.sqrt(xi), sp.sqrt(xj)) / sp.sqrt(sh2)
    kappa = sp.diag(mu2 - xi, mu2 - xj)
    weights = roots + e * d
    first = (sh2 * weights * weights.T).applyfunc(lambda entry: sp.expand(entry).coeff(e, 1))
    # the model's covariance 1/(mu^2 - X) to first order, and the gradient of ALP24 (24)
    slope = sh2 * (kappa.inv() * first * kappa.inv()) * roots
    change = sh2 * (-alpha * slope * roots.T - alpha * roots * slope.T)
    expected = sp.Matrix(
        2, 2, lambda i, j: -symbolic.rbm_relaxation((xi, xj)[i], (xi, xj)[j], mu2, alpha, sigma_h2=sh2) * first[i, j]
    )
    board.zero("Gradient descent from ALP24 (24).", list((change - expected).applyfunc(sp.simplify)))


@chain.step
def persistent_chains(board: Board) -> None:
    """derived here: under PCD-k the variance is the leading one times m/(1 - lambda/(2m)), m = (1 + rho)/(1 - rho):
    heavy-ball momentum rho."""
    dd, dc, cc = sp.symbols("P_dd P_dc P_cc", real=True)
    board.line(
        "Deviation $d$ of the weights and $c$ of the chains, in units in which the chains' equilibrium answer to $d$ "
        "is $d$: $c'=\\rho c+(1-\\rho)d+\\sqrt{1-\\rho^2}\\,\\eta$, $d'=d-\\lambda c'$, with "
        "$\\langle\\eta^2\\rangle=v$ so that chains at rest keep the variance $v$."
    )
    c, d, eta = sp.symbols("c d eta", real=True)
    chains = rho * c + (1 - rho) * d + sp.sqrt(1 - rho**2) * eta
    both = sp.Matrix([d - lam * chains, chains])
    step = both.jacobian([d, c, eta])
    board.zero("As the library has it.", list((step - symbolic.persistent_chain_step(lam, rho)).expand()))
    A, noise = step[:, :2], step[:, 2]
    P = sp.Matrix([[dd, dc], [dc, cc]])
    equations = A * P * A.T + noise * noise.T * v - P
    found = sp.solve([equations[0, 0], equations[0, 1], equations[1, 1]], [dd, dc, cc], dict=True)[0]
    leading = lam * v / 2
    board.zero(
        "The discrete Lyapunov equation gives the library's factor.",
        sp.simplify(found[dd] / leading - symbolic.persistent_chain_factor(lam, rho)),
    )
    y0, y1, g = sp.symbols("y_0 y_1 g", real=True)
    board.line("Without the chains: $d''-d'=\\rho(d'-d)-\\lambda(1-\\rho)d'-\\lambda\\xi$, which is momentum $\\rho$.")
    chain_now = (y0 - y1) / lam
    chain_next = rho * chain_now + (1 - rho) * y1 + g
    board.zero(
        "Eliminating c.", sp.expand(y1 - lam * chain_next - (y1 + rho * (y1 - y0) - lam * (1 - rho) * y1 - lam * g))
    )


@chain.step
def restarted_chains(board: Board) -> None:
    """derived here: under CD-k the variance is the leading one times 1/[(1 - rho)(1 - lambda (1 - rho)/2)]."""
    p = sp.Symbol("P", positive=True)
    keep = 1 - lam * (1 - rho)
    found = sp.solve(keep**2 * p + lam**2 * v - p, p)[0]
    board.zero(
        "Fresh noise of variance $v$ each update, restoring force $\\lambda(1-\\rho)$.",
        sp.simplify(found / (lam * v / 2) - symbolic.data_chain_factor(lam, rho)),
    )


@chain.step
def widths(board: Board) -> None:
    """derived here: with the chains' equilibrium variance (Wick) the leading width is 2 sigma_h^2 T x_s; the library's
    widths at a finite rate follow."""
    kappa = mu2 - xi
    relaxation = symbolic.rbm_relaxation(xi, xi, mu2, alpha, sigma_h2=sh2)
    # ALP24 (81)-(92): Var of phi^2 averaged over B chains is 2/(kappa^2 B); an answer d to X is d/kappa^2
    variance = 2 / (kappa**2 * B) * kappa**4
    leading = relaxation * variance / 2
    board.zero("The leading width.", sp.simplify(leading - symbolic.rbm_width2(xi, alpha / B, sigma_h2=sh2)))
    memory = symbolic.rbm_memory(xi, xi, mu2, 3)
    for persistent, factor in ((True, symbolic.persistent_chain_factor), (False, symbolic.data_chain_factor)):
        own = symbolic.rbm_finite_rate_width2(xi, mu2, alpha, B, 3, sigma_h2=sh2, persistent=persistent)
        board.zero(
            "The library's width, PCD-3." if persistent else "CD-3.",
            sp.simplify(own - leading * factor(relaxation, memory)),
        )
