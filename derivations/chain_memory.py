r"""Memory of the Gibbs chains: persistent chains act like momentum, restarted ones weaken the restoring force.

Source: ALP24 (arXiv:2407.16427).
"""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=65, title="Memory of persistent and restarted chains")

lam, rho, v = sp.symbols("lambda rho v", positive=True)
alpha, B, mu2, sh2, T = sp.symbols("alpha B mu2 sigma_h2 T", positive=True)
xi, xj = sp.symbols("x_i x_j", positive=True)


@chain.step
def answer_of_the_chains(board: Board) -> None:
    """derived here: k Gibbs steps take a deviation c of the chains' two-point function to rho c + (1 - rho) times its
    equilibrium value for the weights, rho = (x_i x_j/mu^4)^k."""
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
    """derived here: X = sigma_h^2 W W^T relaxes by lambda = sigma_h^2 alpha (x_i + x_j)/(kappa_i kappa_j) per
    update."""
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


@chain.step
def mean_levels_with_persistent_chains(board: Board) -> None:
    """derived here: under PCD-k the noise of earlier updates adds 2 (x_i + x_j) rho/(1 - rho) + 4 x_i q_ij to x_j in
    the noise term of the mean level, in the limit of a small learning rate."""
    board.line(
        "Slow weights, fast chains. A deviation $c$ of the chains' two-point function moves $X$ by "
        "$-\\alpha(cX+Xc)$, and $n$ updates later the chains keep $A^mcA^m$, $m=kn$, $A=X/\\mu^2$. To second order in "
        "$\\alpha$ the mean of $X$ drifts by what that move does to the later force, averaged over $c$."
    )
    a, b = sp.symbols("a b", positive=True)
    c = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"c_{min(i, j)}{max(i, j)}", real=True))
    rest = sp.diag(a, b)
    move = -(c * rest + rest * c)
    law = {
        (c[0, 0], c[0, 0]): 2 / ((1 - a) ** 2), (c[0, 1], c[0, 1]): 1 / ((1 - a) * (1 - b)),
        (c[1, 1], c[1, 1]): 2 / ((1 - b) ** 2),
    }  # fmt: skip
    for m in (1, 2, 3):
        whole, first = _orders(rest, move, m)
        later = whole * c * whole, first * c * whole + whole * c * first
        change = -(later[1] * rest + rest * later[1] + later[0] * move + move * later[0])
        mean = symbolic.gaussian_average(change[0, 0], sorted(c.free_symbols, key=str), law)
        turned = [2 * m * a ** (2 * m), (a + b) / (a - b) * (a ** (2 * m) - (a * b) ** m)]
        stated = sum(
            (2 if j == 0 else 1) / ((1 - a) * (1 - value)) * (2 * (a + value) * (a * value) ** m + 4 * a * turned[j])
            for j, value in enumerate((a, b))
        )
        board.zero(f"The drift from $m={m}$ Gibbs steps earlier.", sp.cancel(mean - stated))
    r = sp.Symbol("r", positive=True)
    head = sp.series(r / (1 - r), r, 0, 8).removeO(), sp.series(r / (1 - r) ** 2, r, 0, 8).removeO()
    board.zero("$\\sum_nr^n=r/(1-r)$.", sum(r**i for i in range(1, 8)) - head[0])
    board.zero("$\\sum_nnr^n=r/(1-r)^2$.", sum(i * r**i for i in range(1, 8)) - sp.expand(head[1]))
    k = 2
    rho = [symbolic.rbm_memory(xi, value, mu2, k) for value in (xi, xj)]
    q = [
        2 * k * rho[0] / (1 - rho[0]) ** 2,
        (xi + xj) / (xi - xj) * (rho[0] / (1 - rho[0]) - rho[1] / (1 - rho[1])),
    ]
    terms, repulsion = 0, 0
    for j, value in enumerate((xi, xj)):
        same, kappa = j == 0, (mu2 - xi, mu2 - value)
        P = symbolic.rbm_variance(xi, value, T, same=same) * (1 + rho[j]) / (1 - rho[j])
        noise = value + 2 * (xi + value) * rho[j] / (1 - rho[j]) + 4 * xi * q[j]
        terms += -2 * xi * P / (kappa[0] ** 2 * kappa[1]) - 2 * P / (kappa[0] * kappa[1])
        terms += T * (2 if same else 1) * noise / (kappa[0] * kappa[1])
        repulsion += 0 if same else P / (xi - value)
    stated = symbolic.rbm_chain_mean_eigenvalue(0, [xi, xj], mu2, T, k)
    expected = xi + (mu2 - xi) ** 2 / (2 * xi) * terms + repulsion
    board.zero("The library's mean level, $k=2$.", sp.cancel(sp.together(stated - expected)))
    forgetful = symbolic.rbm_mean_eigenvalue(0, [xi, xj], mu2, T)
    many = symbolic.rbm_chain_mean_eigenvalue(0, [4, 2], 9, 1, 60) - forgetful.subs({xi: 4, xj: 2, mu2: 9, T: 1})
    board.true("For $k\\to\\infty$ it is that of chains that forget.", abs(float(many)) < 1e-30)


@chain.step
def mean_levels_with_restarted_chains(board: Board) -> None:
    """derived here: under CD-k the force responds in part, 1 - rho_ij at first order and 1 - rho_ii less
    2 a_i^k d_ij/(kappa_i kappa_j) at second order; the mean level follows."""
    d = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"d_{min(i, j)}{max(i, j)}", real=True))
    rest = sp.diag(xi, xj)
    kappa = [mu2 - xi, mu2 - xj]
    target = sp.diag(*(1 / value for value in kappa))
    entries = sorted(d.free_symbols, key=str)
    for k in (1, 2):
        power = [order / mu2**k for order in _orders(rest, d, k)]
        # 1/(mu^2 - X) - C to second order in d, and what k steps leave of it
        model = target * d * target, target * d * target * d * target
        kept = power[0] * model[0] * power[0], power[0] * model[1] * power[0]
        turned = power[1] * model[0] * power[0] + power[0] * model[0] * power[1]
        parts = [model[0] - kept[0], model[1] - kept[1] - turned]
        a = [xi / mu2, xj / mu2]
        first = []
        for j in range(2):
            share = 1 - symbolic.rbm_memory(xi, (xi, xj)[j], mu2, k)
            first.append(share * d[0, j] / (kappa[0] * kappa[j]))
            board.zero(f"First order, $k={k}$.", parts[0][0, j] - first[j])
        slopes = [k * a[0] ** (k - 1) / mu2, (a[0] ** k - a[1] ** k) / (a[0] - a[1]) / mu2]
        bent = [
            (1 - a[0] ** (2 * k)) / (kappa[0] ** 2 * kappa[j]) - 2 * a[0] ** k * slopes[j] / (kappa[0] * kappa[j])
            for j in range(2)
        ]
        second = sum(bent[j] * d[0, j] ** 2 for j in range(2))
        board.zero("Second order.", parts[1][0, 0] - second)
        law = {
            (d[0, j], d[0, j]): symbolic.rbm_chain_variance(
                xi, (xi, xj)[j], mu2, T, k, same=j == 0, persistent=False
            )
            for j in range(2)
        }  # fmt: skip
        pull = -2 * xi * second - 2 * sum(first[j] * d[j, 0] for j in range(2))
        average = symbolic.gaussian_average(sp.expand(pull), entries, law)
        ito = sum(T * (2 if j == 0 else 1) * (xi, xj)[j] / (kappa[0] * kappa[j]) for j in range(2))
        rate = 2 * xi * sp.diff(first[0], d[0, 0])
        repulsion = law[d[0, 1], d[0, 1]] / (xi - xj)
        stated = symbolic.rbm_chain_mean_eigenvalue(0, [xi, xj], mu2, T, k, persistent=False)
        board.zero(
            f"Stationarity gives the library's mean level, $k={k}$.",
            sp.cancel(sp.together(xi + (average + ito) / rate + repulsion - stated)),
        )


def _orders(rest: sp.Matrix, d: sp.Matrix, k: int) -> list[sp.Matrix]:
    """(rest + d)^k of order zero and one in d."""
    whole, first = sp.eye(2), sp.zeros(2)
    for _ in range(k):
        whole, first = whole * rest, first * rest + whole * d
    return [whole, first]
