r"""The two-layer linear network: a Coulomb gas of several species, and its N = 2 laws.

Source: PFLA24 (arXiv:2412.20496).
"""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=100, title="Two-layer linear network")

alpha, B, nu, s1, s2, S = sp.symbols("alpha B nu s_1 s_2 S", positive=True)
sigma1, sigma2 = sp.symbols("sigma_1 sigma_2", positive=True)  # singular values of the teacher
k1, k2, x = sp.symbols("kappa_1 kappa_2 x", real=True)


NUMBERS = (
    "by its subject, a gas of levels with individual widths in a two-layer linear network; numbers, constants and "
    "wording of the paper were not available, and the formula is derived here"
)


@chain.step(identified=NUMBERS)
def relaxation(board: Board) -> None:
    """PFLA24: near the teacher, with balanced weights, E = W2 W1 - W_t relaxes as dE_ij = -alpha (s_i +
    s_j)(E_ij - eta_ij), Var eta = nu^2/B.
    """
    roots = sp.diag(sp.sqrt(sigma1), sp.sqrt(sigma2))
    E = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"E_{i}{j}"))
    eps = sp.Symbol("e")
    d1 = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"a_{i}{j}"))
    d2 = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"b_{i}{j}"))
    W1, W2 = roots + eps * d1, roots + eps * d2
    target = roots * roots
    loss = ((W2 * W1 - target).T * (W2 * W1 - target)).trace() / 2
    board.line(
        "In the teacher's basis, $W_1=W_2=\\sqrt{s}$ plus small changes; the loss over "
        "unit inputs is half the squared norm of $E$."
    )
    first = (W2 * W1 - target).applyfunc(lambda e: sp.expand(e).coeff(eps, 1))
    slope1 = sp.Matrix(2, 2, lambda i, j: sp.expand(sp.diff(loss, d1[i, j]) / eps).coeff(eps, 1))
    slope2 = sp.Matrix(2, 2, lambda i, j: sp.expand(sp.diff(loss, d2[i, j]) / eps).coeff(eps, 1))
    change = roots * (-slope1) + (-slope2) * roots
    values = [sigma1, sigma2]
    residual = sp.Matrix(2, 2, lambda i, j: sp.expand(change[i, j] + (values[i] + values[j]) * first[i, j]))
    board.zero("Gradient descent on both layers makes $\\dot E_{ij}=-(s_i+s_j)E_{ij}$.", list(residual))
    n, z = sp.symbols("n z", real=True)
    noise = symbolic.gaussian_covariance(n * z, n * z, [n, z], {(n, n): nu**2, (z, z): 1})
    board.zero("A noisy label shifts the target by $nz^T$, variance $\\nu^2$ per sample.", noise - nu**2)
    del E


@chain.step(identified=NUMBERS)
def linear_scaling(board: Board) -> None:
    """PFLA24: the widths depend on learning rate and batch size through T = alpha/B alone at leading order, while their
    ratios, s_1^2/s_2^2 = sigma_1/sigma_2, and the curve of the unit spacing do not depend on T at all."""
    one, two = (symbolic.two_layer_width2(value, alpha / B, nu) for value in (sigma1, sigma2))
    T = sp.Symbol("T", positive=True)
    board.zero("One temperature.", one.subs(alpha, T * B) - symbolic.two_layer_width2(sigma1, T, nu))
    board.zero("The ratio of two widths.", one / two - sigma1 / sigma2)
    exact = symbolic.two_layer_variance([2 * sigma1, sigma1 + sigma2], 0, alpha, B, nu)
    board.zero("It is the leading order of the exact width.", sp.limit(exact * B / alpha, alpha, 0) - one * B / alpha,
        by=sp.simplify)  # fmt: skip
    unit = symbolic.wigner_surmise(1).unit_mean(S)
    board.zero("The unit spacing of a degenerate pair.", sp.diff(unit, symbolic.wigner_surmise(1).parameters[0]))


@chain.step
def stationary_variance(board: Board) -> None:
    """derived here: Var E_ij = a_ij nu^2/(B - A_i), a_ij = alpha r_ij/(2 - alpha r_ij (1 + 1/B)), A_i = sum_k a_ik,
    exact at any alpha and B for the linearised update."""
    size = 3
    rates = sp.symbols(f"r_1:{size + 1}", positive=True)
    variances = sp.symbols(f"V_1:{size + 1}", positive=True)
    errors = sp.symbols(f"E_1:{size + 1}", real=True)
    z = sp.symbols(f"z_1:{size + 1}", real=True)
    board.line(
        "Row $i$ of the update: $E_j'=E_j-\\alpha r_j[(EC)_j-\\xi_j]$, $C=\\frac1B\\sum zz^T$, "
        "$\\mathrm{Var}\\,\\xi_j=\\nu^2/B$."
    )
    # one sample: the second moment of sum_k E_k z_k z_j by Wick; a batch of B keeps 1 - 1/B of the square of the mean
    unit = {(one, one): 1 for one in z}
    for j in range(size):
        product = sum(e * y for e, y in zip(errors, z, strict=True)) * z[j]
        squared = symbolic.gaussian_average(sp.expand(product**2), list(z), unit)
        law = {(e, e): variance for e, variance in zip(errors, variances, strict=True)}
        one = symbolic.gaussian_average(sp.expand(squared), list(errors), law)
        batch = one / B + (1 - 1 / B) * variances[j]
        total = variances[j] * (1 - 2 * alpha * rates[j]) + alpha**2 * rates[j] ** 2 * (batch + nu**2 / B)
        found = {variance: symbolic.two_layer_variance(rates, k, alpha, B, nu) for k, variance in enumerate(variances)}
        rest = sp.simplify((total - variances[j]).subs(found))
        board.zero(f"The library's variances are stationary, $j={j + 1}$.", rest)
    one = symbolic.two_layer_variance([2 * sigma1, sigma1 + sigma2], 0, alpha, B, nu)
    leading = sp.limit(one / alpha, alpha, 0)
    board.zero(
        "A diagonal element at leading order is the library's width.",
        sp.simplify(leading - symbolic.two_layer_width2(sigma1, 1 / B, nu)),
    )
    board.zero(
        "Rates of balanced weights.",
        [
            symbolic.two_layer_rate(sigma1, sigma2) - sigma1 - sigma2,
            symbolic.two_layer_rate(sigma1, sigma2, 2, trained="first") - 4 * sigma1,
            symbolic.two_layer_rate(sigma1, sigma2, 2, trained="second") - sigma2 / 4,
        ],
    )
    single = sp.limit(symbolic.two_layer_variance([1], 0, alpha, B, nu) / alpha, alpha, 0)
    board.zero("One layer: rate 1, $T\\nu^2/2$, one species.", sp.simplify(single - nu**2 / (2 * B)))


@chain.step
def degenerate_modes(board: Board) -> None:
    """derived here: in a degenerate group the singular values move like the eigenvalues of the symmetric part of E,
    with Coulomb-gas width s^2 = T s_i nu^2."""
    e, v, sigma = sp.symbols("e v sigma", positive=True)
    E = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"E_{i}{j}", real=True))
    weights = sigma * sp.eye(2) + e * E
    gram = weights.T * weights
    first = gram.applyfunc(lambda entry: sp.expand(entry).coeff(e, 1)) / (2 * sigma)
    symmetric = (E + E.T) / 2
    board.zero("First order of $\\sqrt{W^TW}$.", list((first - symmetric).expand()))
    law = {(entry, entry): v for entry in E}
    variances = [symbolic.gaussian_average(symmetric[i, j] ** 2, list(E), law) for i, j in ((0, 0), (0, 1))]
    board.zero(
        "Diagonal $v$, off-diagonal $v/2$: the invariant noise of width $s^2=v$.",
        [variances[0] - v, variances[1] - v / 2],
    )


@chain.step(identified=NUMBERS)
def joint_law(board: Board) -> None:
    """PFLA24: the labelled eigenvalue process of several species has the stationary law prod |x_i - x_j|
    exp(-sum (x_i - kappa_i)^2/(2 s_i^2)), with zero current for any widths."""
    for size in (2, 3):
        levels = sp.symbols(f"x_1:{size + 1}", real=True)
        kappas, widths = sp.symbols(f"kappa_1:{size + 1}", real=True), sp.symbols(f"s_1:{size + 1}", positive=True)
        gas = symbolic.CoulombGas.gaussian(kappas, widths)
        log_law = sum(sp.log(levels[j] - levels[i]) for i in range(size) for j in range(i + 1, size))
        log_law -= sum((y - k) ** 2 / (2 * w**2) for y, k, w in zip(levels, kappas, widths, strict=True))
        board.zero(f"The library's law, $N={size}$.", sp.expand(gas.log_weight - log_law))
        rates = sp.symbols(f"r_1:{size + 1}", positive=True)
        currents = []
        for i in range(size):
            g2 = rates[i] * widths[i] ** 2
            a = -rates[i] * (levels[i] - kappas[i]) + sum(g2 / (levels[i] - y) for y in levels if y != levels[i])
            currents.append(sp.cancel(sp.together(a - g2 * sp.diff(log_law, levels[i]))))
        board.zero("No current for any relaxation rates.", currents)


@chain.step(identified=NUMBERS)
def generalised_semicircle(board: Board) -> None:
    """PFLA24: the N = 2 density rho(x) = [N(x; k1, s1^2) M(x - k2, s2) + N(x; k2, s2^2) M(x - k1, s1)]/(2
    M(Delta, S0)), M(d, w) = w sqrt(2/pi) e^{-d^2/2w^2} + d erf(d/sqrt2 w).
    """
    d, w, t = sp.Symbol("d", real=True), sp.Symbol("w", positive=True), sp.Symbol("t", positive=True)
    kernel = sum(sp.exp(-((t - sign * d) ** 2) / (2 * w**2)) for sign in (1, -1)) / (sp.sqrt(2 * sp.pi) * w)
    board.line("$M$ is the mean modulus of a Gaussian of mean $d$ and width $w$.")
    gauss = sp.sqrt(2 / sp.pi) * w * sp.exp(-(d**2) / (2 * w**2)) + d * sp.erf(d / (sp.sqrt(2) * w))
    antiderivative = sum(
        -w / sp.sqrt(2 * sp.pi) * sp.exp(-((t - sign * d) ** 2) / (2 * w**2))
        + sign * d / 2 * sp.erf((t - sign * d) / (sp.sqrt(2) * w))
        for sign in (1, -1)
    )
    board.zero(
        "An antiderivative of $t$ times the law of the modulus.",
        sp.expand(sp.diff(antiderivative, t) - t * kernel),
        by=sp.simplify,
    )
    board.zero("Its limits give $M$.", 0 - antiderivative.subs(t, 0) - gauss, by=sp.simplify)
    board.zero("The library's $M$.", symbolic.mean_distance(d, w) - gauss, by=sp.simplify)
    Delta, S0 = k1 - k2, sp.sqrt(s1**2 + s2**2)
    norm = gauss.subs({d: Delta, w: S0}, simultaneous=True)
    terms = []
    for (ka, sa), (kb, sb) in (((k1, s1), (k2, s2)), ((k2, s2), (k1, s1))):
        terms.append(
            sp.exp(-((x - ka) ** 2) / (2 * sa**2))
            / (sp.sqrt(2 * sp.pi) * sa)
            * gauss.subs({d: x - kb, w: sb}, simultaneous=True)
        )
    derived = board.line(
        "One level at $x$, the other integrated; $x_1-x_2$ has width $S_0$, which gives the normalisation.",
        sum(terms) / (2 * norm),
        name="\\rho(x)",
    )
    law = symbolic.two_species_density()
    stated = law.density.subs(dict(zip(law.args, (x, k1, k2, s1, s2), strict=True)), simultaneous=True)
    board.zero("The library's density.", sp.expand(derived * norm - stated * norm), by=sp.simplify)
    gas = symbolic.CoulombGas.gaussian([k1, k2], [s1, s2])
    board.zero(
        "The normalisation of the library's gas.",
        sp.expand(sp.expand(gas.normalisation - 2 * sp.pi * s1 * s2 * norm), power_exp=True),
        by=_exponent_free,
    )
    equal = derived.subs({k2: k1, s2: s1}, simultaneous=True)
    pair = symbolic.pair_density()
    pair_density = pair.density.subs(dict(zip(pair.args, (x, k1, s1), strict=True)), simultaneous=True)
    board.zero("Equal species give (78).", sp.expand(equal - pair_density), by=sp.simplify)


def _exponent_free(expression: sp.Expr) -> sp.Expr:
    """Zero test after one common exponential factor is divided out."""
    return sp.simplify(sp.expand(expression * sp.exp((k1 - k2) ** 2 / (2 * (s1**2 + s2**2)))))


@chain.step(identified=NUMBERS)
def generalised_spacing(board: Board) -> None:
    """PFLA24: P(S) = 2S cosh(S Delta/S0^2) exp(-(S^2 + Delta^2)/(2 S0^2))/(sqrt(2 pi) S0 M) and <S> = (S0^2 +
    Delta^2)/M.
    """
    gap = sp.Symbol("Delta", nonnegative=True)
    S0 = sp.sqrt(s1**2 + s2**2)
    gas = symbolic.CoulombGas.gaussian([gap, 0], [s1, s2])
    norm = symbolic.mean_distance(gap, S0)
    board.line("$x_1-x_2$ is Gaussian of mean $\\Delta$, width $S_0$, times its modulus; both signs add.")
    folded = sum(sp.exp(-((S - sign * gap) ** 2) / (2 * S0**2)) for sign in (1, -1)) / (sp.sqrt(2 * sp.pi) * S0)
    law = symbolic.two_species_spacing()
    values = dict(zip(law.args, (S, gap, s1, s2), strict=True))
    stated = law.density.subs(values, simultaneous=True)
    board.zero("The library's law.", (stated * norm / (S * folded)).rewrite(sp.exp) - 1, by=sp.simplify)
    ratio = gas.spacing_density().subs(gas_spacing(gas), S) * gas.normalisation / (S * folded * 2 * sp.pi * s1 * s2)
    board.zero("The library's gas, centre of mass integrated.", ratio.rewrite(sp.exp) - 1, by=sp.simplify)
    for power, moment in ((1, law.mean), (2, law.second_moment)):
        total = sum(symbolic.half_line_moment(power + 1, sign * gap, S0) for sign in (1, -1)) / (
            sp.sqrt(2 * sp.pi) * S0
        )
        board.zero(f"Moment {power}.", sp.expand(total - moment.subs(values, simultaneous=True) * norm), by=sp.simplify)


def gas_spacing(gas: symbolic.CoulombGas) -> sp.Symbol:
    """The symbol of the spacing in the gas's density."""
    return next(symbol for symbol in gas.spacing_density().free_symbols if symbol.name == "S")


@chain.step
def matrix_spacing(board: Board) -> None:
    """derived here: between species the matrix gives Rice, P(S) ~ S exp(-(S^2 + D^2)/(2 S0^2)) I_0(S D/S0^2), not the
    product.
    """
    gap = sp.Symbol("Delta", nonnegative=True)
    v = sp.symbols("v_11 v_12 v_22", positive=True)
    E = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"E_{i}{j}", real=True))
    law = {(E[0, 0], E[0, 0]): v[0], (E[0, 1], E[0, 1]): v[1], (E[1, 0], E[1, 0]): v[1], (E[1, 1], E[1, 1]): v[2]}
    along = symbolic.gaussian_average((E[0, 0] - E[1, 1]) ** 2, list(E), law)
    across = symbolic.gaussian_average((E[0, 1] + E[1, 0]) ** 2, list(E), law)
    rates = {v[0]: 2 * s1**2 / 2, v[1]: (s1**2 + s2**2) / 2, v[2]: s2**2}
    board.line("$S^2=(\\Delta+E_{11}-E_{22})^2+(E_{12}+E_{21})^2$ with $v_{ij}\\propto s_i+s_j$:")
    board.zero(
        "both parts have the variance $S_0^2$.", [along.subs(rates) - s1**2 - s2**2, across.subs(rates) - s1**2 - s2**2]
    )
    rice = symbolic.rice_spacing()
    S0 = sp.sqrt(s1**2 + s2**2)
    stated = rice.density.subs(dict(zip(rice.args, (S, gap, S0 / sp.sqrt(2)), strict=True)), simultaneous=True)
    derived = S / S0**2 * sp.exp(-(S**2 + gap**2) / (2 * S0**2)) * sp.besseli(0, S * gap / S0**2)
    board.zero("So it is the library's Rice law of width $S_0/\\sqrt2$.", stated / derived - 1, by=sp.simplify)
