r"""The eigenvalue equations of the teacher-student model, their spacing, their limits, and Appendix D.

Source: ALP24 (arXiv:2407.16427).
"""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=91, title="Teacher-student model: eigenvalues")

alpha, B, T, eps, s, S = sp.symbols("alpha B T epsilon s S", positive=True)
k1, k2 = sp.symbols("kappa_1 kappa_2", real=True)
gap = sp.Symbol("Delta", positive=True)
ONE_BASIS = "assumes that student and teacher are diagonal in one basis at every step"
RICE = f"{ONE_BASIS}; the matrix itself gives Rice's law"


def _process() -> symbolic.EigenvalueSDE:
    """The library's process of one update with the targets kappa_1 and kappa_2 in one basis with the student."""
    levels = symbolic.MatrixSDE.symmetric(2).levels
    drift = [alpha * (k - x) for k, x in zip((k1, k2), levels, strict=True)]
    return symbolic.MatrixSDE.symmetric(2, noise=alpha / sp.sqrt(B) * eps, drift=drift).eigenvalues


def _equation(board: Board, own: int) -> None:
    process = _process()
    x, other = process.levels[own], process.levels[1 - own]
    target, rest = (k1, k2) if own == 0 else (k2, k1)
    drift = alpha * (target - x) + alpha**2 / B * eps**2 / (x - other)
    board.zero("With both diagonal in one basis: the library's drift.", process.total_drift(own) - drift)
    board.zero("and noise.", process.diffusion[own, own] - 2 * alpha**2 / B * eps**2)
    theta = sp.Symbol("theta", real=True)
    turn = sp.Matrix([[sp.cos(theta), -sp.sin(theta)], [sp.sin(theta), sp.cos(theta)]])
    seen = (turn.T * sp.diag(k1, k2) * turn)[own, own]
    board.zero(
        "An angle $\\theta$ between the bases pulls the target towards the other by $\\sin^2\\theta$ of the gap: "
        "nothing for equal $\\kappa$.",
        seen - target + (target - rest) * sp.sin(theta) ** 2,
        by=sp.simplify,
    )


@chain.step(status="corrected", note=ONE_BASIS)
def first_eigenvalue(board: Board) -> None:
    """ALP24 (57): x_1' = x_1 + alpha (kappa_1 - x_1) + (alpha^2/B) g~^2/(x_1 - x_2) + sqrt(2) (alpha/sqrt B) g~ eta_1,
    g~ = epsilon."""
    _equation(board, 0)


@chain.step(status="corrected", note=ONE_BASIS)
def second_eigenvalue(board: Board) -> None:
    """ALP24 (58): x_2' = x_2 + alpha (kappa_2 - x_2) - (alpha^2/B) g~^2/(x_1 - x_2) + sqrt(2) (alpha/sqrt B) g~
    eta_2; in the sum of the two the repulsion cancels."""
    _equation(board, 1)
    process = _process()
    x1, x2 = process.levels
    total = process.total_drift(0) + process.total_drift(1)
    board.zero("The sum.", sp.cancel(sp.together(total - alpha * (k1 + k2 - x1 - x2))))


@chain.step(
    status="corrected",
    note="kappa_1 - kappa_2 = <S> - 2 s^2 <1/S> is exact for (57)-(58); that <1/S> is pi/(2<S>) holds for the surmise, "
    "so only at kappa_1 = kappa_2",
)
def averaged_difference(board: Board) -> None:
    """ALP24 (59): the difference of (57) and (58), averaged in the stationary state, s^2 = T g~^2, with <1/S> =
    pi/(2<S>) of the surmise: kappa_1 - kappa_2 = <S> - pi s^2/<S>."""
    process = _process()
    x1, x2 = process.levels
    difference = sp.expand((process.total_drift(0) - process.total_drift(1)).subs(x1, x2 + S))
    board.zero(
        "The difference of the drifts.",
        sp.expand(difference - alpha * (k1 - k2 - S) - 2 * alpha**2 / B * eps**2 / S),
    )
    board.line(
        "Its average vanishes: $\\kappa_1-\\kappa_2=\\langle S\\rangle-2s^2\\langle1/S\\rangle$, $s^2=T\\epsilon^2$."
    )
    weight = S * sp.exp(-((S - gap) ** 2) / (4 * s**2))
    total = sp.diff(weight, S)
    board.zero(
        "For the law of the ordered pair this is a total derivative: exact.",
        total - weight * (1 / S - (S - gap) / (2 * s**2)),
        by=sp.simplify,
    )
    law = symbolic.wigner_surmise(1)
    density = law.density.subs(dict(zip(law.args, (S, s), strict=True)), simultaneous=True)
    inverse = board.line("For the surmise:", sp.integrate(density / S, (S, 0, sp.oo)), name="\\langle1/S\\rangle")
    mean = law.mean.subs(law.parameters[0], s)
    board.zero("$\\pi/(2\\langle S\\rangle)$.", inverse - sp.pi / (2 * mean), by=sp.simplify)
    board.zero("So both hold at equal targets.", mean - sp.pi * s**2 / mean, by=sp.simplify)


@chain.step(status="corrected", note=f"rests on (59); {RICE}, which the numbers of the row compare")
def solved_spacing(board: Board) -> None:
    """ALP24 (60): its solution is <S> = [Delta + sqrt(Delta^2 + 4 pi s^2)]/2, Delta = kappa_1 - kappa_2. Rice's mean is
    smaller: at s = 0.08 (60) is 19.1% too large at Delta = 0.1 and 4.8% at Delta = 0.5."""
    mean = sp.Symbol("m", positive=True)
    roots = sp.solve(mean**2 - gap * mean - sp.pi * s**2, mean)
    board.line("The positive root of $\\langle S\\rangle^2-\\Delta\\langle S\\rangle-\\pi s^2=0$:", roots)
    solution = (gap + sp.sqrt(gap**2 + 4 * sp.pi * s**2)) / 2
    board.zero("It solves (59),", sp.expand(solution**2 - sp.pi * s**2 - gap * solution))
    board.true("and is the positive one.", solution.is_positive)
    rice = symbolic.rice_spacing()
    for delta, excess in (("0.1", "0.191"), ("0.5", "0.048")):
        point = {gap: sp.Rational(delta), s: sp.Rational("0.08")}
        exact = rice.mean.subs(dict(zip(rice.parameters, (gap, s), strict=True)), simultaneous=True).subs(point).doit()
        ratio = sp.N(solution.subs(point), 20) / sp.N(exact, 20) - 1
        board.line(f"At $\\Delta={delta}$ over Rice's mean, minus one:", sp.Float(ratio, 4))
        board.true("As the row says.", bool(abs(ratio - sp.Float(excess)) < 0.0005))


@chain.step
def equal_targets(board: Board) -> None:
    """ALP24 (61): for Delta = 0 it is <S> = sqrt(pi) s, which is exact: (75) of the surmise, in the paper's words
    sqrt(pi/2) sigma sqrt(T)."""
    solution = (gap + sp.sqrt(gap**2 + 4 * sp.pi * s**2)) / 2
    board.zero("$\\Delta\\to0$.", sp.limit(solution, gap, 0) - sp.sqrt(sp.pi) * s, by=sp.simplify)
    law, sigma = symbolic.wigner_surmise(1), sp.Symbol("sigma", positive=True)
    board.zero("The library's mean spacing.", law.mean.subs(law.parameters[0], s) - sp.sqrt(sp.pi) * s)
    words = sp.sqrt(sp.pi) * sp.sqrt(T) * sigma / sp.sqrt(2)
    board.zero("With $s=\\sqrt T\\sigma/\\sqrt2$.", words - sp.sqrt(sp.pi / 2) * sigma * sp.sqrt(T), by=sp.simplify)


@chain.step
def stationary_law(board: Board) -> None:
    """derived here: the stationary law of (57)-(58) is P ~ |x_1 - x_2| exp(-sum (x_i - kappa_i)^2/(2 s^2)) with s^2 = T
    g~^2."""
    gas = symbolic.CoulombGas.gaussian([k1, k2], [s, s])
    x1, x2 = gas.variables
    g2 = alpha**2 / B * eps**2
    log_law = sp.log(x2 - x1) - ((x1 - k1) ** 2 + (x2 - k2) ** 2) / (2 * (alpha / B) * eps**2)
    current = alpha * (k1 - x1) + g2 / (x1 - x2) - g2 * sp.diff(log_law, x1)
    board.zero("It carries no current of (57).", current)
    board.zero(
        "The library's gas at $s^2=T\\epsilon^2$.",
        sp.expand(gas.log_weight.subs(s, sp.sqrt(alpha / B) * eps) - log_law),
    )


@chain.step
def product_spacing(board: Board) -> None:
    """derived here: the spacing of that law is P(S) = 2S cosh(S Delta/2s^2) exp(-(S^2 + Delta^2)/4s^2)/(2 sqrt(pi) s
    M), <S> = (2s^2 + Delta^2)/M; Rice, which the matrix gives, has a smaller <S^2>: by 18% at Delta = 0.1, s = 0.08,
    by 4.6% at Delta = 0.5."""
    M = 2 * s / sp.sqrt(sp.pi) * sp.exp(-(gap**2) / (4 * s**2)) + gap * sp.erf(gap / (2 * s))
    weight = sp.exp(-((S - gap) ** 2) / (4 * s**2)) + sp.exp(-((S + gap) ** 2) / (4 * s**2))
    board.line("Centre of mass integrated, both orders added:", S * weight, name="P(S)\\propto")
    total = sum(symbolic.half_line_moment(1, sign * gap, sp.sqrt(2) * s) for sign in (1, -1))
    board.zero("Its integral.", sp.expand(total - 2 * sp.sqrt(sp.pi) * s * M))
    law = symbolic.two_species_spacing()
    values = dict(zip(law.args, (S, gap, s, s), strict=True))
    ours = S * weight / (2 * sp.sqrt(sp.pi) * s * M)
    board.zero(
        "The library's spacing law at equal widths.",
        (law.density.subs(values, simultaneous=True) / ours).rewrite(sp.exp) - 1,
        by=sp.simplify,
    )
    first = sum(symbolic.half_line_moment(2, sign * gap, sp.sqrt(2) * s) for sign in (1, -1)) / (2 * sp.sqrt(sp.pi) * s)
    board.zero("Mean.", sp.expand(first - (2 * s**2 + gap**2)))
    board.zero(
        "The library's mean.", law.mean.subs(values, simultaneous=True) - (2 * s**2 + gap**2) / M, by=sp.simplify
    )
    board.zero("$\\Delta\\to0$ is (75).", ((2 * s**2 + gap**2) / M).subs(gap, 0) - sp.sqrt(sp.pi) * s, by=sp.simplify)
    rice = symbolic.rice_spacing()
    for delta, excess in (("0.1", "0.181"), ("0.5", "0.046")):
        point = {gap: sp.Rational(delta), s: sp.Rational("0.08")}
        product = sp.N(law.second_moment.subs(values, simultaneous=True).subs(point), 20)
        matrix = sp.N(rice.second_moment.subs(dict(zip(rice.parameters, (gap, s), strict=True))).subs(point), 20)
        board.line(
            f"At $\\Delta={delta}$, $s=0.08$ the product form exceeds the matrix's $\\langle S^2\\rangle$ by",
            sp.Float(product / matrix - 1, 3),
        )
        board.true("An overestimate of the repulsion.", bool(abs(product / matrix - 1 - sp.Float(excess)) < 0.002))


APPENDIX_D = (
    "by its Appendix D, from the matrix update to the eigenvalue update; the paper's text was not available; the six "
    "numbers are assigned to the six steps of the argument in order"
)
SIZE = 3
LEVELS = sp.symbols("x_1:4", real=True)
TAU = sp.Symbol("tau", positive=True)  # the order of one update: noise ~ sqrt(tau)


def _symmetric(name: str) -> sp.Matrix:
    return sp.Matrix(SIZE, SIZE, lambda i, j: sp.Symbol(f"{name}_{min(i, j)}{max(i, j)}", real=True))


def _noise() -> tuple[sp.Matrix, list[sp.Symbol], dict[tuple[sp.Symbol, sp.Symbol], sp.Expr]]:
    noise = _symmetric("n")
    entries = sorted(noise.free_symbols, key=str)
    return noise, entries, {(n, n): eps**2 * (2 if n in set(noise.diagonal()) else 1) for n in entries}


def _step() -> sp.Matrix:
    """The change of the student in its own eigenbasis in one update."""
    return TAU * alpha * (_symmetric("t") - sp.diag(*LEVELS)) + sp.sqrt(TAU) * alpha / sp.sqrt(B) * _noise()[0]


def _shifts() -> tuple[sp.Expr, sp.Expr]:
    change = _symmetric("m")
    place = dict(zip(change, _step(), strict=True))
    first, second = symbolic.shifts_from_determinant(LEVELS, change, 0)
    return first.subs(place), second.subs(place)


@chain.step(identified=APPENDIX_D)
def symmetric_student(board: Board) -> None:
    """ALP24 (96): with a symmetric teacher and symmetric noise the update (56) keeps an N x N student symmetric."""
    student, teacher, noise = _symmetric("w"), _symmetric("t"), _noise()[0]
    moved = student + alpha * (teacher - student) + alpha / sp.sqrt(B) * noise
    board.zero("Symmetric.", list((moved - moved.T).expand()))


@chain.step(identified=APPENDIX_D)
def own_basis(board: Board) -> None:
    """ALP24 (97): in the student's eigenbasis, W_s = O x O^T, the change is alpha (O^T W_t O - x) + (alpha/sqrt B) O^T
    noise O, and the noise keeps its law."""
    t = sp.Symbol("t", real=True)
    turn = sp.Matrix([[1 - t**2, -2 * t], [2 * t, 1 - t**2]]) / (1 + t**2)
    noise, x, teacher = (matrix[:2, :2] for matrix in (_noise()[0], sp.diag(*LEVELS), _symmetric("t")))
    law = _noise()[2]
    student = turn * x * turn.T
    change = turn.T * (alpha * (teacher - student) + alpha / sp.sqrt(B) * noise) * turn
    stated = alpha * (turn.T * teacher * turn - x) + alpha / sp.sqrt(B) * turn.T * noise * turn
    board.zero("The change ($N=2$).", (change - stated).applyfunc(lambda e: sp.cancel(sp.together(e))))
    rotated = (turn.T * noise * turn).applyfunc(sp.cancel)
    entries = sorted(noise.free_symbols, key=str)
    for (i, j), (k, o) in (((0, 0), (0, 0)), ((0, 1), (0, 1)), ((0, 0), (1, 1)), ((0, 0), (0, 1))):
        one = symbolic.gaussian_average(sp.expand(rotated[i, j] * rotated[k, o]), entries, law)
        two = symbolic.gaussian_average(noise[i, j] * noise[k, o], entries, law)
        board.zero("Covariance of two elements.", sp.cancel(sp.together(one - two)))


@chain.step(identified=APPENDIX_D)
def first_order_drift(board: Board) -> None:
    """ALP24 (98): at first order an eigenvalue drifts by alpha (<i|W_t|i> - x_i), the teacher's diagonal element in the
    student's basis."""
    _, entries, law = _noise()
    drift = symbolic.gaussian_average(sp.expand(_shifts()[0]), entries, law)
    board.zero("The drift.", sp.expand(drift - TAU * alpha * (_symmetric("t")[0, 0] - LEVELS[0])))


@chain.step(identified=APPENDIX_D)
def first_order_noise(board: Board) -> None:
    """ALP24 (99): at first order its noise is <i|noise|i>, of variance 2 (alpha^2/B) epsilon^2."""
    _, entries, law = _noise()
    first = _shifts()[0]
    variance = symbolic.gaussian_covariance(first, first, entries, law)
    process = symbolic.MatrixSDE.symmetric(SIZE, noise=alpha * eps / sp.sqrt(B)).eigenvalues
    board.zero("Its variance.", variance - 2 * TAU * alpha**2 * eps**2 / B)
    board.zero("The library's.", variance - TAU * process.diffusion[0, 0])


@chain.step(identified=APPENDIX_D)
def second_order(board: Board) -> None:
    """ALP24 (100): at second order, averaged with <noise_ij^2> = epsilon^2, it is the Coulomb term (alpha^2/B)
    epsilon^2 sum_{j != i} 1/(x_i - x_j)."""
    _, entries, law = _noise()
    average = symbolic.gaussian_average(sp.expand(_shifts()[1]), entries, law)
    leading = sp.expand(average).coeff(TAU, 1)
    process = symbolic.MatrixSDE.symmetric(SIZE, noise=alpha * eps / sp.sqrt(B)).eigenvalues
    board.zero(
        "At the order of one update: the library's Coulomb term.",
        sp.cancel(sp.together(leading - process.coulomb(0))),
    )


@chain.step(status="corrected", note=ONE_BASIS, identified=APPENDIX_D)
def eigenvalue_update(board: Board) -> None:
    """ALP24 (101): together x_i' = x_i + alpha (kappa_i - x_i) + (alpha^2/B) sum epsilon^2/(x_i - x_j) + sqrt(2)
    (alpha/sqrt B) epsilon eta_i, where <i|W_t|i> = kappa_i."""
    kappas = sp.symbols("kappa_1:4", real=True)
    drift = [alpha * (k - x) for k, x in zip(kappas, LEVELS, strict=True)]
    process = symbolic.MatrixSDE.symmetric(SIZE, noise=alpha * eps / sp.sqrt(B), drift=drift).eigenvalues
    to_levels = dict(zip(process.levels, LEVELS, strict=True))
    _, entries, law = _noise()
    first, second = _shifts()
    own = {_symmetric("t")[0, 0]: kappas[0]}
    total = symbolic.gaussian_average(sp.expand(first.subs(own)), entries, law)
    total += TAU * sp.expand(symbolic.gaussian_average(sp.expand(second), entries, law)).coeff(TAU, 1)
    stated = process.total_drift(0).subs(to_levels, simultaneous=True)
    board.zero("The library's total drift.", sp.cancel(sp.together(total / TAU - stated)))
