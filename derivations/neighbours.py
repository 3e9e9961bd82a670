r"""Neighbouring results of the same mathematics: KPZ, deterministic equivalents, noise of SGD, Kesten tails."""

import mpmath
import numpy as np
import sympy as sp
from scipy.optimize import brentq

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=85, title="Neighbouring results")


@chain.step
def fokker_planck_to_kpz(board: Board) -> None:
    r"""derived here: (arXiv:2501.09659) the logarithm of a Fokker-Planck density obeys a KPZ equation.

    ∂P = ∇·(P∇L) + D∇²P and φ = ln P give ∂φ = D∇²φ + D(∇φ)² + ∇L·∇φ + ∇²L, here in two dimensions.
    """
    x, y, t = sp.symbols("x y t", real=True)
    diffusion = sp.Symbol("D", positive=True)
    loss, height = sp.Function("L")(x, y), sp.Function("phi")(x, y, t)
    density = sp.exp(height)

    def gradient(f):
        return [sp.diff(f, x), sp.diff(f, y)]

    def divergence(v):
        return sp.diff(v[0], x) + sp.diff(v[1], y)

    flow = divergence([density * g for g in gradient(loss)]) + diffusion * divergence(gradient(density))
    left = board.line("∂φ from the Fokker-Planck equation:", sp.expand(flow / density), name=r"\partial_t\phi")
    square = sum(g**2 for g in gradient(height))
    transport = sum(a * b for a, b in zip(gradient(loss), gradient(height), strict=True))
    right = diffusion * (divergence(gradient(height)) + square) + transport + divergence(gradient(loss))
    board.zero("It is the KPZ form.", left - right)
    equation = symbolic.FokkerPlanck([-g for g in gradient(loss)], sp.sqrt(diffusion), [x, y])
    board.zero("The library's operator.", sp.expand((equation.operator(density) / density).doit() - left))
    stationary = {height: -loss / diffusion}
    board.zero("φ = -L/D is at rest.", right.subs(stationary).doit())


@chain.step
def two_point_equivalent(board: Board) -> None:
    r"""derived here: (arXiv:2502.05074) the two-point deterministic equivalent, at Σ = A = 1.

    Tr of G A G' + GΣG' (rr'/P)Tr[ΣGAG']/(1 - (rr'/P)Tr[ΣGΣG']) must equal the exact two-point function of one Wishart
    matrix, (m(z) - m(z'))/(z' - z), because (z + M)⁻¹(z' + M)⁻¹ is a difference of resolvents.
    """
    g, h, alpha = sp.symbols("g h alpha", positive=True)
    # r = 1/(1 + g/α) and g = 1/(z + r) give z as a function of g: every identity becomes rational
    answer, other = 1 / (1 + g / alpha), 1 / (1 + h / alpha)
    z, w = 1 / g - answer, 1 / h - other
    board.line("z from G = (z + r)⁻¹:", z, name="z")
    law = symbolic.FreeLaw.marchenko_pastur(1 / alpha).equation()
    board.zero("It is the library's law at $-z$.", law.subs({symbolic.resolvent: -g, symbolic.spectral_argument: -z}))
    pair = g * h
    weight = answer * other / alpha
    equivalent = pair + pair * weight * pair / (1 - weight * pair)
    exact = (g - h) / (w - z)
    board.zero("The equivalent is the divided difference of resolvents.", equivalent - exact)


@chain.step
def fluctuation_dissipation(board: Board) -> None:
    r"""derived here: (arXiv:2106.02220) stationary SGD obeys <θ·∇L> = (η/2)<|g_B|²> and HΣ + ΣH - ηHΣH = (η/B)C.

    One update θ' = θ - η(Hθ + ζ), cov ζ = C/B, in two dimensions with commuting or non-commuting H and C.
    """
    eta, batch = sp.symbols("eta B", positive=True)
    a, b = sp.symbols("a b", positive=True)
    hessian = sp.diag(a, b)
    c = sp.Matrix([[sp.Symbol("c0"), sp.Symbol("c1")], [sp.Symbol("c1"), sp.Symbol("c2")]])
    s = sp.Matrix([[sp.Symbol("s0"), sp.Symbol("s1")], [sp.Symbol("s1"), sp.Symbol("s2")]])
    step = sp.eye(2) - eta * hessian
    stationary = step * s * step.T + eta**2 * c / batch - s
    equation = hessian * s + s * hessian - eta * hessian * s * hessian - eta * c / batch
    board.zero("Stationarity of Σ is the matrix equation.", stationary + eta * equation)
    solution = sp.solve(list(equation), list(sp.Matrix([s[0, 0], s[0, 1], s[1, 1]])), dict=True)[0]
    drift = (hessian * s).trace()
    gradient2 = (hessian * s * hessian).trace() + c.trace() / batch
    board.zero("Its trace is the fluctuation-dissipation relation.", (drift - eta / 2 * gradient2).subs(solution))
    stated = symbolic.discrete_width2(eta, a, sp.sqrt(c[0, 0] / 2), eta / batch)
    board.zero("A direction of the Hessian has the library's width.", (s[0, 0]).subs(solution) - stated)


@chain.step(status="check")
def without_replacement(board: Board) -> None:
    r"""derived here: (arXiv:2306.03521) batches drawn without replacement: variance at the ends of epochs.

    Var = η²σ²(N/(N-1))[Σq^{2k} - (Σq^k)²/N]/(1 - q^{2N}), q = 1 - η, from the correlation -σ²/(N-1) of two batches
    of an epoch; with replacement ησ²/(2 - η).
    """
    q, sigma2 = sp.symbols("q sigma2", positive=True)
    for batches in (2, 3, 5):
        covariance = sp.Matrix(
            batches, batches, lambda i, j, n=batches: sigma2 if i == j else -sigma2 / sp.Integer(n - 1)
        )
        board.zero(
            "Batch noise of an epoch adds up to zero.", (sp.ones(1, batches) * covariance).applyfunc(sp.simplify)
        )
        weight = sp.Matrix([q**k for k in range(batches)])
        own = (1 - q) ** 2 * (weight.T * covariance * weight)[0]
        variance = own / (1 - q ** (2 * batches))
        board.zero(f"{batches} batches an epoch.", variance - _epoch_variance(q, sigma2, batches))
    quoted = _epoch_variance(sp.Rational(9, 10), 1, 10)
    board.line("η = 0.1, N = 10, σ = 1:", sp.Float(quoted, 8), name="Var")
    board.true("It rounds to 0.0048203.", bool(abs(quoted - sp.Rational(48203, 10**7)) < sp.Rational(5, 10**8)))
    full = (1 - q) ** 2 * sigma2 / (1 - q**2)
    board.zero("With replacement: ησ²/(2 - η).", full - ((1 - q) * sigma2 / (1 + q)))
    stated = symbolic.discrete_width2(1 - q, 1, sp.sqrt(sigma2 / 2), 1 - q)
    board.zero("which is the library's width.", full - stated)


def _epoch_variance(q, sigma2, batches: int):
    squares, line = sum(q ** (2 * k) for k in range(batches)), sum(q**k for k in range(batches))
    share = sp.Rational(batches, batches - 1)
    return (1 - q) ** 2 * sigma2 * share * (squares - line**2 / batches) / (1 - q ** (2 * batches))


@chain.step(status="check", digits=10, points=1)
def kesten_tail(board: Board) -> None:
    r"""derived here: (arXiv:2006.06293) the tail exponent of multiplicative noise is a = 2 at η_c = 2/(1 + (d+1)/B).

    One-pass least squares contracts a direction by |1 - (η/B)XᵀX e|, whose square has the law of
    (1 - (η/B)z²)² + (η/B)²z²w², z² ~ χ²_B, w² ~ χ²_{d-1}.
    """
    eta, batch, size = sp.symbols("eta B d", positive=True)
    first, second, transverse = batch, batch * (batch + 2), size - 1  # moments of χ²: E z², E z⁴, E w²
    rate = eta / batch
    mean = 1 - 2 * rate * first + rate**2 * second + rate**2 * first * transverse
    critical = 2 / (1 + (size + 1) / batch)
    board.zero("E of the square is 1 at η_c.", (mean - 1).subs(eta, critical))
    values = {batch: 4, size: 3}
    edge = float(critical.subs(values))
    board.line("Tail exponents at 0.8, 1, 1.2 of η_c:", sp.Matrix([_exponent(f * edge) for f in (0.8, 1.0, 1.2)]).T)
    board.same_numerically(
        "The exponent solved from E[(…)^{a/2}] = 1 by quadrature over both χ² laws is 2 at η_c.",
        lambda _: mpmath.mpf(_exponent(edge)), lambda _: mpmath.mpf(2), {eta: (1, 2)}, points=1, tolerance_digits=10,
    )  # fmt: skip
    board.true("A smaller step has a thinner tail.", bool(_exponent(0.8 * edge) > 2 > _exponent(1.2 * edge)))


def _contraction(exponent: float, rate: float) -> float:
    """E[((1 - ηz²/B)² + (η/B)²z²w²)^{a/2}] for B = 4, d = 3, where both χ² laws are gamma laws of integer order."""
    node, weight = np.polynomial.laguerre.laggauss(60)
    z2, w2, step = 2 * node[:, None], 2 * node[None, :], rate / 4
    value = ((1 - step * z2) ** 2 + step**2 * z2 * w2) ** (exponent / 2)
    return float((weight * node) @ value @ weight)


def _exponent(rate: float) -> float:
    """The positive root a."""
    return brentq(lambda a: _contraction(a, rate) - 1, 0.2, 12.0, xtol=1e-13)


@chain.step(status="check")
def boltzmann_machine_tap_rate(board: Board) -> None:
    r"""derived here: (arXiv:2005.01560) contraction rate of the TAP iteration of a Boltzmann machine.

    γ' = A f(γ), A = (λ - J)⁻¹/χ - 1, f = tanh(h + γ)/χ - γ: per step the error shrinks by μ = σ_A² E f'²,
    σ_A² = β²χ²/(1 - β²χ²). With J from the GOE of variance β² the resolvent at λ is (λ - sqrt(λ² - 4β²))/(2β²) = χ.
    """
    beta, chi = sp.symbols("beta chi", positive=True)
    scale = 1 / chi + beta**2 * chi
    board.zero("λ = 1/χ + β²χ inverts the resolvent.", 1 / (scale - beta**2 * chi) - chi)
    # (1/N)Tr A² = E[(λ - J)⁻²]/χ² - 1 with E[(λ - J)⁻²] = -dχ/dλ
    slope = -1 / sp.diff(scale, chi)
    variance = slope / chi**2 - 1
    board.zero("σ_A² = β²χ²/(1 - β²χ²).", variance - beta**2 * chi**2 / (1 - beta**2 * chi**2))
    board.true("β = 1, h = 1.5 gives a μ that rounds to 0.0938.", bool(mpmath.nint(_tap_rate(1, 1.5) * 10**4) == 938))


def _tap_rate(beta: float, field: float):
    """μ at the self-consistent χ = E[1 - tanh²(h + γ)], γ ~ N(0, β²q - ...): variance σ_A² E f²."""
    with mpmath.workdps(20):
        chi, variance = mpmath.mpf("0.3"), mpmath.mpf("0.5")
        for _ in range(120):
            last, chi = chi, _average(lambda g: 1 - mpmath.tanh(field + g) ** 2, variance)
            gain = beta**2 * chi**2 / (1 - beta**2 * chi**2)
            variance = gain * _average(lambda g, c=chi: (mpmath.tanh(field + g) / c - g) ** 2, variance)
            if abs(chi - last) < mpmath.mpf(10) ** -18:
                break
        gain = beta**2 * chi**2 / (1 - beta**2 * chi**2)
        return gain * _average(lambda g: ((1 - mpmath.tanh(field + g) ** 2) / chi - 1) ** 2, variance)


def _average(function, variance):
    """Gaussian mean by the trapezoidal rule, which converges exponentially."""
    width, step = mpmath.sqrt(variance), mpmath.mpf("0.2")
    nodes = [k * step for k in range(-45, 46)]
    return mpmath.fsum(function(width * x) * mpmath.exp(-(x**2) / 2) for x in nodes) * step / mpmath.sqrt(2 * mpmath.pi)
