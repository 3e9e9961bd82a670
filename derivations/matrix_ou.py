r"""Beyond the eigenvalue equation: the matrix itself is an Ornstein-Uhlenbeck process around a fixed basis."""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=110, title="Matrix Ornstein-Uhlenbeck corrections")

T, mu2, sigma2, s, Delta, S = sp.symbols("T mu2 sigma2 s Delta S", positive=True)
SIZE = 3
X = sp.symbols("x_1:4", positive=True)
KAPPA = sp.symbols("kappa_1:4", positive=True)
ON_SHELL = {k: mu2 - x for x, k in zip(X, KAPPA, strict=True)}


def _fluctuation() -> sp.Matrix:
    return sp.Matrix(SIZE, SIZE, lambda i, j: sp.Symbol(f"d_{min(i, j)}{max(i, j)}", real=True))


def _drift_to_second_order(delta: sp.Matrix) -> tuple[sp.Matrix, sp.Matrix]:
    """First- and second-order part of dX/dt = F X + X F, F = sigma_h^2 (C - K^-1), around X = diag(x), K = kappa -
    delta.
    """
    inverse, x = sp.diag(*(1 / k for k in KAPPA)), sp.diag(*X)
    linear, square = inverse * delta * inverse, inverse * delta * inverse * delta * inverse
    first = -(linear * x + x * linear)
    second = -(square * x + x * square) - (linear * delta + delta * linear)
    return sigma2 * first, sigma2 * second


@chain.step
def inverse_kernel(board: Board) -> None:
    """derived here: the RBM's matrix drift is F X + X F with F = sigma_h^2 (C - K^-1); K^-1 expands in the
    fluctuation of X.
    """
    e = sp.Symbol("e")
    delta = _fluctuation()[:2, :2]
    kappa = sp.diag(*KAPPA[:2])
    exact = (kappa - e * delta).inv()
    inverse = sp.diag(*(1 / k for k in KAPPA[:2]))
    series = inverse + e * inverse * delta * inverse + e**2 * inverse * delta * inverse * delta * inverse
    residual = exact - series
    board.zero(
        "Neumann series to second order ($2\\times2$).",
        [sp.series(sp.together(r), e, 0, 3).removeO() for r in residual],
        by=sp.simplify,
    )
    board.line("From (24), $dW=FW\\,dt$, so $d(WW^T)=(FWW^T+WW^TF)dt$.")


@chain.step
def matrix_variances(board: Board) -> None:
    """derived here: stationary variances of the RBM's matrix, v_ij = T sigma_h^2 (x_i + x_j)/2 (1 + delta_ij)."""
    delta = _fluctuation()
    first, _ = _drift_to_second_order(delta)
    for i, j in ((0, 1), (0, 0)):
        rate = board.line("Relaxation rate of an element:", sp.factor(-first[i, j] / delta[i, j]))
        board.zero(
            "is $\\sigma_h^2(x_i+x_j)/(\\kappa_i\\kappa_j)$.", rate - sigma2 * (X[i] + X[j]) / (KAPPA[i] * KAPPA[j])
        )
        process = symbolic.MatrixSDE.multiplicative(SIZE, variance=lambda a, b: T * sigma2**2 / ((mu2 - a) * (mu2 - b)))
        square = symbolic.gaussian_average(
            sp.expand(process.noise[i, j] ** 2), process.normals, lambda a, b: int(a == b)
        )
        growth = square.subs(dict(zip(process.levels, X, strict=True)), simultaneous=True)
        board.line("Its noise by Appendix C, with $\\lambda_i=\\mu^2-x_i=\\kappa_i$:", sp.factor(growth))
        stated = symbolic.rbm_variance(X[i], X[j], T, same=i == j, sigma_h2=sigma2)
        board.zero(
            "Noise over twice the rate is the library's variance.",
            sp.cancel(growth / (2 * rate).subs(ON_SHELL) - stated),
        )
    width2 = symbolic.rbm_width2(X[0], T, sigma_h2=sigma2)
    board.zero(
        "Diagonal: the squared width of Appendix C.",
        symbolic.rbm_variance(X[0], X[0], T, same=True, sigma_h2=sigma2) - width2,
    )


@chain.step
def mean_shift(board: Board) -> None:
    """derived here: the mean of a diagonal element is shifted by m_i = kappa_i^2/(2 x_i) [-2 x_i sum_j
    v_ij/(kappa_i^2 kappa_j) - 2 sum_j v_ij/(kappa_i kappa_j) + T sum_j x_j (1 + delta_ij)/(kappa_i kappa_j)]
    (sigma_h = 1).
    """
    delta = _fluctuation()
    first, second = _drift_to_second_order(delta)
    entries = sorted(delta.free_symbols, key=str)
    v = {delta[i, j]: sp.Symbol(f"v_{i}{j}", positive=True) for i in range(SIZE) for j in range(i, SIZE)}
    average = symbolic.gaussian_average(sp.expand(second[0, 0]), entries, {(d, d): value for d, value in v.items()})
    board.line("Average of the second-order drift:", sp.factor(average.subs(sigma2, 1)))
    process = symbolic.MatrixSDE.multiplicative(SIZE, variance=lambda a, b: T * sigma2**2 / ((mu2 - a) * (mu2 - b)))
    ito = process.eigenvalues.ito[0].subs(dict(zip(process.levels, X, strict=True)), simultaneous=True)
    stated_ito = T * sigma2**2 * sum(X[j] * (2 if j == 0 else 1) / (KAPPA[0] * KAPPA[j]) for j in range(SIZE))
    board.zero("Ito term of $\\Delta X\\Delta$.", sp.cancel(sp.together(ito - stated_ito.subs(ON_SHELL))))
    rate = -first[0, 0] / delta[0, 0]
    shift = board.line("Stationarity gives the shift:", ((average + stated_ito) / rate).subs(sigma2, 1), name="m_1")
    variances = {
        value: symbolic.rbm_variance(X[0], X[j], T, same=j == 0) for j in range(SIZE) for value in [v[delta[0, j]]]
    }
    stated = symbolic.rbm_mean_shift(0, X, mu2, T)
    board.zero("The library's.", sp.cancel(sp.together(shift.subs(variances).subs(ON_SHELL) - stated)))


@chain.step
def mean_eigenvalue(board: Board) -> None:
    """derived here: <x_i> = x_i + m_i + sum_{x_j != x_i} v_ij/(x_i - x_j): a level is repelled by the matrix
    element's variance.
    """
    levels = sp.symbols("x_1:4", positive=True)
    M = sp.Matrix(3, 3, lambda i, j: sp.Symbol(f"m_{min(i, j)}{max(i, j)}", real=True))
    _, second = symbolic.shifts_from_determinant(levels, M, 0)
    law = {(M[0, j], M[0, j]): symbolic.rbm_variance(levels[0], levels[j], T, same=j == 0) for j in range(3)}
    repulsion = symbolic.gaussian_average(sp.expand(second), sorted(M.free_symbols, key=str), law)
    stated = symbolic.rbm_mean_eigenvalue(0, levels, mu2, T) - levels[0] - symbolic.rbm_mean_shift(0, levels, mu2, T)
    board.zero("Second-order perturbation of the mean.", sp.cancel(sp.together(repulsion - stated)))
    predicted = _paper_setting()
    board.line(
        "At the paper's setting ($N=10$, $m^2=4$, $\\mu^2=9$, $\\alpha=0.02$, $B=16$), "
        "$\\langle x\\rangle/x_s$ from the highest level:",
        sp.Tuple(*(sp.Float(p, 5) for p in predicted)),
    )
    simulated = (1.0070, 0.9969, 0.9948, 0.9916, 0.9844, 0.9704)
    board.true(
        "within 0.1\\,\\% of simulated RBMs.",
        all(abs(p - m) < 1.1e-3 for p, m in zip(predicted, simulated, strict=True)),
    )


def _paper_setting() -> list[float]:
    kappa = [6 - 2 * sp.cos(2 * sp.pi * k / 10) for k in range(10)]
    levels = sorted((sp.N(9 - value, 30) for value in kappa), reverse=True)
    levels = [sp.Float(str(round(x, 20)), 30) for x in levels]  # equal targets must compare equal
    means = [symbolic.rbm_mean_eigenvalue(i, levels, 9, sp.Rational(2, 1600)) / x for i, x in enumerate(levels)]
    return [float(means[i]) for i in (0, 1, 3, 5, 7, 9)]


@chain.step
def repulsion_factor(board: Board) -> None:
    """derived here: between non-degenerate levels the eigenvalue equation (9) overestimates the repulsion by a factor
    2 at leading order: s^2/Delta against s^2/(2 Delta).
    """
    levels = sp.symbols("x_1 x_2", real=True)
    gas = symbolic.CoulombGas.gaussian([0, Delta], [s, s])
    coulomb = gas.process.coulomb(1).subs(dict(zip(gas.variables, (0, Delta), strict=True)))
    drift = gas.process.drift[1]
    relaxation = -sp.diff(drift, gas.variables[1])
    equation = board.line(
        "Eigenvalue equation: the shift that balances the Coulomb term,", sp.simplify(coulomb / relaxation)
    )
    board.zero("is $s^2/\\Delta$.", equation - s**2 / Delta)
    M = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"m_{min(i, j)}{max(i, j)}", real=True))
    _, second = symbolic.shifts_from_determinant(levels, M, 1)
    variance = s**2 / 2
    matrix = symbolic.gaussian_average(
        sp.expand(second), sorted(M.free_symbols, key=str), {(M[0, 1], M[0, 1]): variance}
    ).subs({levels[0]: 0, levels[1]: Delta})
    board.line("Matrix with $\\langle\\delta_{12}^2\\rangle=s^2/2$:", matrix)
    board.zero("Half of it.", equation - 2 * matrix, by=sp.simplify)
    rice, product = symbolic.rice_spacing(), symbolic.two_species_spacing()
    small = sp.Symbol("e", positive=True)
    asymptotic = rice.mean.replace(
        symbolic.bessel_ie, lambda n, z: (1 - (4 * n**2 - 1) / (8 * z)) / sp.sqrt(2 * sp.pi * z)
    )
    mean = asymptotic.subs({rice.parameters[0]: 1, rice.parameters[1]: small})
    board.zero(
        "The Rice mean is $\\Delta+s^2/\\Delta+\\ldots$,", sp.limit((sp.simplify(mean) - 1) / small**2, small, 0) - 1
    )
    values = dict(zip(product.parameters, (1, small, small), strict=True))
    kept = product.mean.subs(values).replace(sp.exp, lambda _: sp.S.Zero).replace(sp.erf, lambda _: sp.S.One)
    board.zero(
        "the product form's, exponentially small terms dropped, $\\Delta+2s^2/\\Delta$.", (kept - 1) / small**2 - 2
    )


@chain.step
def rice_second_moment(board: Board) -> None:
    """derived here: S^2 = (Delta + d_11 - d_22)^2 + 4 d_12^2 for the 2x2 matrix, and <S^2> = Delta^2 + 4 s^2 (law:
    wigner_surmise).
    """
    d = sp.symbols("d_11 d_12 d_22", real=True)
    matrix = sp.Matrix([[Delta + d[0], d[1]], [d[1], d[2]]])
    value = sp.Symbol("lambda")
    secular = sp.Poly((value * sp.eye(2) - matrix).det(), value)
    squared = secular.discriminant()
    board.zero("The squared spacing is the discriminant.", squared - (Delta + d[0] - d[2]) ** 2 - 4 * d[1] ** 2)
    law = {(d[0], d[0]): s**2, (d[1], d[1]): s**2 / 2, (d[2], d[2]): s**2}
    second = symbolic.gaussian_average((Delta + d[0] - d[2]) ** 2 + 4 * d[1] ** 2, d, law)
    rice = symbolic.rice_spacing()
    stated = rice.second_moment.subs(dict(zip(rice.parameters, (Delta, s), strict=True)))
    board.zero("The library's second moment.", sp.expand(second - stated))
