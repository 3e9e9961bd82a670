r"""Dynamical mean-field equations of linear regression, derived step by step in discrete time from the cavity argument.

Gradient descent on P Gaussian samples in N inputs: ``h_{n+1} = h_n - eta X^T X h_n / P``, labels without noise. The
claim of the library is that the average over X closes on two-time functions:
``h_{n+1} = h_n - eta (u_v + R_Delta h)``, ``Delta = u_Delta + R_hv Delta / alpha``.
"""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=80, title="Mean-field equations of high-dimensional learning")

ETA, ALPHA, SIGMA2, Z = sp.symbols("eta alpha sigma2 z", positive=True)
STEPS = 4


def _running_sum() -> sp.Matrix:
    return sp.Matrix(STEPS, STEPS, lambda n, k: 1 if k < n else 0)


def _truncate(matrix: sp.Matrix, order: int) -> sp.Matrix:
    def kept(entry: sp.Expr) -> sp.Expr:
        expanded = sp.expand(entry)
        return sp.Add(*(expanded.coeff(ETA, k) * ETA**k for k in range(order + 1)))

    return matrix.applyfunc(kept)


def _responses(order: int) -> tuple[sp.Matrix, sp.Matrix]:
    r"""(R_hv, R_Δ) by iterating their equations: powers of η are causal, so each sweep fixes one more order."""
    identity, sums = sp.eye(STEPS), _running_sum()
    answer, response = identity, sp.zeros(STEPS, STEPS)
    for _ in range(order + 1):
        response = _truncate(-ETA * sums * (identity + answer * response), order)
        answer = _truncate(identity + response * answer / ALPHA, order)
    return response, answer


def _moments(order: int) -> list[sp.Expr]:
    r"""Mean of λ^k over eigenvalues of XᵀX/P in the limit: Narayana polynomials in 1/α."""
    narayana = [
        sum(sp.Rational(1, k) * sp.binomial(k, j) * sp.binomial(k, j - 1) * ALPHA ** -(k - j) for j in range(1, k + 1))
        for k in range(1, order + 1)
    ]
    return [sp.Integer(1), *narayana]


def _are_marchenko_pastur(board: Board, moments: list[sp.Expr]) -> None:
    """Subtract the library's moments: XᵀX/P has N/P = 1/α and mean 1."""
    stated = symbolic.FreeLaw.marchenko_pastur(1 / ALPHA).moments(len(moments) - 1)
    board.zero("The library's moments.", [sp.expand(a - b) for a, b in zip(moments[1:], stated, strict=True)])


@chain.step(status="check")
def cavity_first_order(board: Board) -> None:
    r"""derived here: the cavity step: adding one input to N closes the field on it at first order in its couplings.

    Sample μ is coupled to the new input 0 by the weak perturbation X_μ0 h_0(k)/√N of its residual. Linear response of
    the residuals to that perturbation, averaged with E X² = 1, is the memory term; the unperturbed part is the noise.
    """
    samples = 3
    coupling = sp.symbols(f"x0:{samples}", real=True)
    past = sp.symbols("h0:2", real=True)
    free = sp.Matrix(samples, 2, lambda m, n: sp.Symbol(f"D{m}{n}", real=True))
    answer = {
        (m, l, n, k): sp.Symbol(f"A{m}{l}{n}{k}", real=True)
        for m in range(samples)
        for l in range(samples)
        for n in range(2)
        for k in range(n + 1)
    }
    size = sp.Symbol("N", positive=True)

    def residual(m, n):
        kick = sum(answer[m, l, n, k] * coupling[l] * past[k] for l in range(samples) for k in range(n + 1))
        return free[m, n] + kick / sp.sqrt(size)

    field = sum(coupling[m] * residual(m, 1) for m in range(samples)) * sp.sqrt(size) / samples
    board.line("Gradient on the new input, residuals to first order in its couplings:", field, name="v_0(1)")
    memory = _gaussian_mean(field, coupling)
    trace = sum(answer[m, m, 1, k] * past[k] for m in range(samples) for k in range(2)) / samples
    board.zero(
        "Its mean over the couplings is the response of the residuals acting on the input itself.", memory - trace
    )
    noise = sp.sqrt(size) / samples * sum(coupling[m] * free[m, 1] for m in range(samples))
    other = noise.subs({free[m, 1]: free[m, 0] for m in range(samples)}, simultaneous=True)
    covariance = _gaussian_mean(noise * other, coupling)
    overlap = sum(free[m, 0] * free[m, 1] for m in range(samples)) / samples
    board.zero("The rest is Gaussian with covariance C_Δ/α, α = P/N.", covariance - overlap * size / samples)


def _gaussian_mean(expression: sp.Expr, variables) -> sp.Expr:
    """Mean over independent standard normals, for polynomials of degree up to four in each."""
    polynomial = sp.Poly(sp.expand(expression), *variables)
    moment = {0: 1, 1: 0, 2: 1, 3: 0, 4: 3}
    return sum(coefficient * sp.prod([moment[power] for power in powers]) for powers, coefficient in polynomial.terms())


@chain.step
def discrete_equations(board: Board) -> None:
    r"""derived here: the closed equations give the exact mean dynamics to third order in η.

    Without mean field: the mean propagator of h is the average of (1 - ηλ)ⁿ over the Marchenko-Pastur law, whose
    moments are Narayana polynomials. The self-consistent responses must reproduce it order by order.
    """
    order = 3
    _, answer = _responses(order)
    board.line("R_Δ to third order:", answer[3, 0], name="R_Δ(3, 0)")
    propagator = sp.eye(STEPS)
    for _ in range(order + 1):
        propagator = _truncate(sp.eye(STEPS) - ETA * _running_sum() * answer * propagator, order)
    mean = propagator * sp.ones(STEPS, 1)
    moments = _moments(order)
    _are_marchenko_pastur(board, moments)
    for n in range(STEPS):
        exact = sum(sp.binomial(n, k) * (-ETA) ** k * moments[k] for k in range(order + 1))
        board.zero(f"<h_{n}>/h_0 is the average of (1 - ηλ)^{n}.", mean[n] - exact)


@chain.step
def discrete_correlations(board: Board) -> None:
    r"""derived here: C_h = H J Hᵀ + K C_Δ Kᵀ/α, C_Δ = R_Δ (C_h + σ² J) R_Δᵀ is the exact test loss to second order.

    Without mean field: test excess ∫ρ x² + (σ²/α) ∫ρ (1 - x)²/λ with x = (1 - ηλ)ⁿ.
    """
    order = 2
    _, answer = _responses(order)
    history = sp.eye(STEPS)
    for _ in range(order + 1):
        history = _truncate(sp.eye(STEPS) - ETA * _running_sum() * answer * history, order)
    kick = _truncate(history * ETA * _running_sum(), order)
    ones = sp.ones(STEPS, STEPS)
    correlation = ones
    for _ in range(order + 1):
        residual = answer * (correlation + SIGMA2 * ones) * answer.T
        correlation = _truncate(history * ones * history.T + kick * residual * kick.T / ALPHA, order)
    eigenvalue, moments = sp.Symbol("lambda", positive=True), _moments(order + 1)
    _are_marchenko_pastur(board, moments)
    for n in range(STEPS):
        mode = (1 - ETA * eigenvalue) ** n
        loss = sp.expand(mode**2 + SIGMA2 / ALPHA * sp.cancel((1 - mode) ** 2 / eigenvalue))
        polynomial = sp.Poly(loss, eigenvalue)
        average = sum(c * (moments[k] if k < len(moments) else 0) for (k,), c in polynomial.terms())
        exact = sum(sp.expand(average).coeff(ETA, k) * ETA**k for k in range(order + 1))
        board.zero(f"Test excess at step {n}.", correlation[n, n] - exact)


@chain.step
def laplace_marchenko_pastur(board: Board) -> None:
    r"""derived here: gradient flow in Laplace space, R_h = 1/(z + R_Δ), R_Δ = 1/(1 + R_h/α), is Marchenko-Pastur.

    Its moments from the expansion at z → ∞ are the Narayana polynomials.
    """
    small = sp.Symbol("w", positive=True)  # 1/z
    resolvent = small
    for _ in range(6):
        answer = _geometric(-resolvent / ALPHA, small)
        resolvent = _geometric(-small * answer, small, small)
    board.line("R_h as a series in w = 1/z:", sp.expand(resolvent), name="R_h")
    _are_marchenko_pastur(board, _moments(4))
    for k, moment in enumerate(_moments(4)):
        coefficient = sp.expand(resolvent).coeff(small, k + 1)
        board.zero(f"Moment {k}: (-1)^{k} times the coefficient.", (-1) ** k * coefficient - moment)


def _geometric(ratio: sp.Expr, variable: sp.Symbol, front: sp.Expr | int = 1, order: int = 6) -> sp.Expr:
    """Series of front/(1 - ratio) below a power of the variable."""
    total = power = sp.sympify(front)
    for _ in range(order):
        power = sp.expand(power * ratio)
        power = sum(power.coeff(variable, k) * variable**k for k in range(order))
        total += power
    return sp.expand(total)


@chain.step
def toeplitz_solution(board: Board) -> None:
    r"""derived here: R_Δ as a function of the integrator T, the closed form that the library expands in steps.

    R_Δ = (1 - R_hv/α)⁻¹ and R_hv = -(1 + T R_Δ)⁻¹ T are functions of one matrix and commute.
    """
    tau = sp.Symbol("tau", positive=True)
    line = 1 + (1 / ALPHA - 1) * tau
    root = sp.sqrt(line**2 + 4 * tau)
    answer = 2 / (line + root)
    board.line("The root that tends to 1 for T → 0:", answer, name="R_Δ")
    response = -tau / (1 + tau * answer)
    board.zero("It solves the pair.", 1 / answer - 1 + response / ALPHA, by=lambda e: sp.radsimp(sp.simplify(e)))
    law = symbolic.FreeLaw.marchenko_pastur(1 / ALPHA).equation()
    board.zero(
        "$R_{hv}(T)$ is the library's Stieltjes transform of the Marchenko-Pastur law at $z=-1/T$.",
        law.subs({symbolic.resolvent: response, symbolic.spectral_argument: -1 / tau}),
        by=lambda e: sp.radsimp(sp.simplify(e)),
    )


@chain.step(status="check")
def mini_batch_noise(board: Board) -> None:
    r"""derived here: with masks m/b the force correlation is R_Δ (C_h + σ²J + diag(kD)) R_Δᵀ, k = 1/b - 1.

    The mask noise n = (m/b - 1)Δ is white with variance kD and acts through R_Δ = (1 - R_hv/α)⁻¹.
    """
    b = sp.Symbol("b", positive=True)
    variance = b * (1 / b - 1) ** 2 + (1 - b) * 1
    board.zero("Variance of m/b for a Bernoulli mask of mean b.", variance - (1 / b - 1))
    r = sp.Matrix(3, 3, lambda i, j: sp.Symbol(f"r{i}{j}") if j < i else 0)
    field, noise = sp.Matrix(3, 1, sp.symbols("u0:3")), sp.Matrix(3, 1, sp.symbols("n0:3"))
    answer = (sp.eye(3) - r / ALPHA).inv()
    force = answer * (field + noise)
    residual = force - noise
    board.zero("Δ = u + (R_hv/α)(Δ + n) has the force e = Δ + n = R_Δ(u + n).", residual - field - r / ALPHA * force)
