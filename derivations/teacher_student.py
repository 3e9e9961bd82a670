r"""The teacher-student model: its update, and the width of its error exactly at any learning rate and batch size.

Source: ALP24 (arXiv:2407.16427).
"""

import itertools
from typing import Any

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain, within

chain = Chain(order=90, title="Teacher-student model")

alpha, B, T, eps = sp.symbols("alpha B T epsilon", positive=True)


MODEL = within(51, 55)
Z = sp.symbols("z_1:3", real=True)
INPUTS = {(entry, entry): 1 for entry in Z}
TEACHER = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"t_{i}{j}", real=True))
STUDENT = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"w_{i}{j}", real=True))


@chain.step(status="definition", identified=MODEL)
def teacher_outputs(board: Board) -> None:
    """ALP24 (51): the teacher's outputs y = W_t z for inputs z ~ N(0, 1) have the covariance W_t W_t^T."""
    out = TEACHER * sp.Matrix(Z)
    spread = (out * out.T).applyfunc(lambda e: symbolic.gaussian_average(sp.expand(e), Z, INPUTS))
    board.zero("Covariance.", list((spread - TEACHER * TEACHER.T).expand()))


@chain.step(status="definition", identified=MODEL)
def student_outputs(board: Board) -> None:
    """ALP24 (52): the student's outputs are yhat = W_s z for the same inputs, so the error is (W_t - W_s) z."""
    z = sp.Matrix(Z)
    board.zero("The error.", list((TEACHER * z - STUDENT * z - (TEACHER - STUDENT) * z).expand()))


def _sample_loss() -> sp.Expr:
    error = (TEACHER - STUDENT) * sp.Matrix(Z)
    return sp.expand((error.T * error)[0] / 2)


@chain.step(status="definition", identified=MODEL)
def loss(board: Board) -> None:
    """ALP24 (53): the loss is <|y - yhat|^2>/2; the gradient of one sample's is (W_s - W_t) z z^T."""
    z = sp.Matrix(Z)
    slope = STUDENT.applyfunc(lambda w: sp.diff(_sample_loss(), w))
    board.zero("One sample.", list((slope - (STUDENT - TEACHER) * z * z.T).expand()))


@chain.step(identified=MODEL)
def averaged_loss(board: Board) -> None:
    """ALP24 (54): averaged over the inputs it is the squared norm of W_t - W_s over two."""
    average = board.line("Averaged:", symbolic.gaussian_average(_sample_loss(), Z, INPUTS), name="L")
    board.zero("Half the squared norm.", sp.expand(average - ((TEACHER - STUDENT).T * (TEACHER - STUDENT)).trace() / 2))


@chain.step(identified=MODEL)
def gradient(board: Board) -> None:
    """ALP24 (55): its gradient is W_s - W_t, so gradient descent is linear with one rate for all elements."""
    average = symbolic.gaussian_average(_sample_loss(), Z, INPUTS)
    slope = STUDENT.applyfunc(lambda w: sp.diff(average, w))
    board.zero("Its gradient.", list((slope - STUDENT + TEACHER).expand()))
    rule = symbolic.LearningRule.from_loss(_sample_loss(), STUDENT, fields=Z)
    board.zero("The library's mean gradient.", list(rule.mean_gradient - sp.Matrix(list(STUDENT - TEACHER))))


@chain.step(status="definition")
def update(board: Board) -> None:
    """ALP24 (56): W' = W + alpha (W_t - W) + (alpha/sqrt B) noise, symmetric; off-diagonal standard deviation epsilon
    and diagonal sqrt(2) epsilon (released code), or sigma/sqrt 2 and sigma (the paper's words).
    """
    sde = symbolic.MatrixSDE.symmetric(2, noise=alpha / sp.sqrt(B) * eps)
    elements = [
        symbolic.gaussian_average(sde.noise[i, j] ** 2, sde.normals, lambda a, b: int(a == b))
        for i, j in ((0, 0), (0, 1))
    ]
    board.zero(
        "It is the invariant noise with $\\tilde g=\\epsilon$.",
        [elements[0] - 2 * eps**2 * alpha**2 / B, elements[1] - eps**2 * alpha**2 / B],
    )
    sigma = sp.Symbol("sigma", positive=True)
    law = symbolic.wigner_surmise(1)
    mean = law.mean.subs(law.parameters[0], sp.sqrt(T) * sigma / sp.sqrt(2))
    board.zero(
        "In the paper's words $\\sigma=\\sqrt2\\epsilon$ and $\\langle S\\rangle=\\sqrt{\\pi/2}\\,\\sigma\\sqrt T$.",
        mean - sp.sqrt(sp.pi / 2) * sigma * sp.sqrt(T),
        by=sp.simplify,
    )


@chain.step(
    status="corrected",
    note="assumes that the error stays symmetric; it does not, because (W_t - W) C_b is not: see `error_moments`",
)
def finite_rate(board: Board) -> None:
    """derived here: s^2 = T epsilon^2 2/(2 - alpha) for large batches, and 2/(2 - alpha (1 + (N+1)/B)) with the
    inputs' own fluctuations.
    """
    N = sp.Symbol("N", positive=True)
    size = 2
    z = sp.Matrix(sp.symbols("z_1:3", real=True))
    law = {(entry, entry): 1 for entry in z}
    C = z * z.T
    square = (C * C).applyfunc(lambda e: symbolic.gaussian_average(sp.expand(e), list(z), law))
    board.zero("$\\langle zz^Tzz^T\\rangle=(N+2)1$ ($N=2$).", list(square - (size + 2) * sp.eye(size)))
    batch = 1 / B * (N + 2) + (B - 1) / B
    board.line("Over a batch of $B$:", sp.expand(batch), name="\\langle C^2\\rangle")
    board.zero("which is $1+(N+1)/B$.", batch - 1 - (N + 1) / B, by=sp.simplify)
    v = sp.Symbol("v", positive=True)  # summed variance of one row of the error
    board.line(
        "A row of the error is multiplied by $1-\\alpha C$ and gains noise of summed "
        "variance $\\alpha^2\\epsilon^2(N+1)/B$."
    )
    row = sp.solve(v * (1 - 2 * alpha + alpha**2 * batch) + alpha**2 * eps**2 * (N + 1) / B - v, v)[0]
    board.line("A symmetric matrix of width $s$ has the row sum $s^2+(N-1)s^2/2$.")
    width2 = row / ((N + 1) / 2)
    stated = symbolic.teacher_student_symmetric_width2(alpha, B, eps, N)
    board.zero("The library's formula of this name.", width2 - stated, by=sp.simplify)
    board.zero("Many samples: $2/(2-\\alpha)$.", sp.limit(width2 * B, B, sp.oo) - alpha * eps**2 * 2 / (2 - alpha))
    deterministic = symbolic.discrete_width2(alpha, 1, eps, T)
    board.zero("The same as (93)-(95) with $\\Omega=1$.", deterministic - T * eps**2 * 2 / (2 - alpha), by=sp.simplify)


a, c, d = sp.symbols("a c d")


def same(i: int, j: int) -> int:
    """Kronecker's delta."""
    return int(i == j)


def isotropic(size: int, first: Any = a, second: Any = c, third: Any = d) -> Any:
    """The moments <E_ij E_kl> invariant under rotations E -> O E O^T: a d_ik d_jl + c d_il d_jk + d d_ij d_kl."""

    def entry(i: int, j: int, k: int, o: int) -> Any:
        return first * same(i, k) * same(j, o) + second * same(i, o) * same(j, k) + third * same(i, j) * same(k, o)

    return sp.ImmutableDenseNDimArray(
        [entry(*index) for index in itertools.product(range(size), repeat=4)], (size,) * 4
    )


def moved(moments: Any, factors: Any) -> Any:
    """<(E F)_ij (E F)_kl> for a matrix F independent of E with the moments ``factors[m, j, n, o]`` = <F_mj F_no>."""
    size = moments.shape[0]
    return sp.ImmutableDenseNDimArray(
        [
            sum(moments[i, m, k, n] * factors[m, j, n, o] for m in range(size) for n in range(size))
            for i, j, k, o in itertools.product(range(size), repeat=4)
        ],
        (size,) * 4,
    )


@chain.step
def error_moments(board: Board) -> None:
    """derived here: for fresh inputs, exactly at any alpha and B, s^2 = c q epsilon^2/(q - c) [1/(q + c) +
    1/(q - c(N+1))], c = alpha^2/B, q = 2 alpha - alpha^2; all levels share a shift of variance c^2 epsilon^2/(q^2 -
    c^2), which does not affect spacings.
    """
    board.line("The error $E=W-W_t$ obeys $E'=E(1-\\alpha C_b)+(\\alpha/\\sqrt B)\\eta$ and does not stay symmetric.")
    equations = {size: _balance(board, size) for size in (2, 3)}
    N = sp.Symbol("N", positive=True)
    noise, q = alpha**2 / B, 2 * alpha - alpha**2
    general = (
        q * a - noise * ((N + 1) * a + c + d + eps**2),
        q * c - noise * (d + eps**2),
        q * d - noise * c,
    )
    for size, found in equations.items():
        board.zero(
            f"$N={size}$: linear equations for $a,c,d$, the only sum over an index is that in $\\langle C^2\\rangle$.",
            [left - right.subs(N, size) for left, right in zip(found, general, strict=True)],
        )
    solution = sp.solve(general, (a, c, d), dict=True)[0]
    width2 = board.line(
        "The symmetric part has the off-diagonal variance $(a+c)/2$, that of a GOE of width $s$:",
        sp.factor(solution[a] + solution[c]),
        name="s^2=a+c",
    )
    board.zero("The library's width.", width2 - symbolic.teacher_student_width2(alpha, B, eps, N))
    board.line("Its diagonal elements have the variance $a+c+d$ and the covariance $d$: a shift of all levels.")
    board.zero("The library's shift.", solution[d] - symbolic.teacher_student_shift2(alpha, B, eps))
    row = N * solution[a] + solution[c] + solution[d]
    half = sp.Rational(1, 2)
    symmetric = symbolic.teacher_student_symmetric_width2(alpha, B, eps, N)
    board.zero("A row of $E$ sums to what `finite_rate` says.", row - (N + 1) * half * symmetric)
    ratio = {rate: sp.Rational(*(symmetric / width2).subs({alpha: rate, B: 4, N: 2}).as_numer_denom())
             for rate in (sp.Rational(1, 10), half)}  # fmt: skip
    board.true("The symmetric formula is 1.3% too large at $\\alpha=0.1$, $B=4$, $N=2$.",
               bool(abs(ratio[sp.Rational(1, 10)] - sp.Rational("1.0125")) < sp.Rational("0.001")))  # fmt: skip
    board.true("And 8% at $\\alpha=0.5$.", bool(abs(ratio[half] - sp.Rational("1.083")) < sp.Rational("0.001")))
    relative = sp.cancel(width2 * B / (alpha * eps**2))
    board.zero(
        "First order: $1+\\alpha/2+\\alpha(N+2)/(4B)$.",
        [relative.subs(alpha, 0) - 1, sp.diff(relative, alpha).subs(alpha, 0) - half - (N + 2) / (4 * B)],
    )


def _balance(board: Board, size: int) -> tuple[Any, Any, Any]:
    """Old minus new moments, for a, c and d, of one update of matrices of one size."""
    z = list(sp.symbols(f"z_1:{size + 1}", real=True))
    law = {(entry, entry): 1 for entry in z}
    index = list(itertools.product(range(size), repeat=4))
    if size == 2:
        board.line(
            "$\\langle C_{mj}C_{nl}\\rangle$ over a batch: one sample by Wick's theorem, different ones factorise."
        )
    factors = []
    for m, j, n, o in index:
        pair = symbolic.gaussian_average(z[m] * z[j] * z[n] * z[o], z, law) / B + (1 - 1 / B) * same(m, j) * same(n, o)
        factors.append((1 - 2 * alpha) * same(m, j) * same(n, o) + alpha**2 * pair)
    new = moved(isotropic(size), sp.ImmutableDenseNDimArray(factors, (size,) * 4))
    # symmetric noise: <eta_ij eta_kl> = eps^2 (d_ik d_jl + d_il d_jk)
    noise = alpha**2 / B * eps**2
    change = isotropic(size) - new - isotropic(size, noise, noise, 0)
    picked = change[0, 1, 0, 1], change[0, 1, 1, 0], change[0, 0, 1, 1]
    closed = change - isotropic(size, *picked)
    board.zero(f"The update keeps that form ($N={size}$).", [sp.expand(entry) for entry in sp.flatten(closed)])
    return tuple(sp.expand(entry) for entry in picked)  # pyright: ignore[reportReturnType]


@chain.step
def quenched_inputs(board: Board) -> None:
    """derived here: one set of inputs for all replicas does not change the mean s^2 over input sets, about which a
    setting's s^2 scatters with relative variance 2T/N at leading order.
    """
    size = 2
    board.line(
        "Given the inputs, $G=\\langle EE\\rangle$ obeys a linear equation whose average over inputs is that of "
        "`error_moments`; only its fluctuation $\\delta G$ is new."
    )
    s2, N = sp.Symbol("s2", positive=True), sp.Symbol("N", positive=True)
    entries = sp.symbols("u v w", real=True)
    delta_c = sp.Matrix([[entries[0], entries[1]], [entries[1], entries[2]]])
    mean = isotropic(size, s2 / 2, s2 / 2, 0)
    linear = sp.ImmutableDenseNDimArray(
        [
            -alpha * (delta_c[m, j] * same(n, o) + same(m, j) * delta_c[n, o])
            for m, j, n, o in itertools.product(range(size), repeat=4)
        ],
        (size,) * 4,
    )
    kick = moved(mean, linear)

    def spread(moments: Any) -> Any:
        """Mean square of the symmetric, traceless part of E, on which spacings depend."""
        total = 0
        for i, j in itertools.product(range(size), repeat=2):
            total += (moments[i, j, i, j] + moments[i, j, j, i]) / 2
            total -= moments[i, i, j, j] / size
        return sp.expand(total)

    board.line("The mean square of the traceless symmetric part of $E$:", spread(mean))
    relative = sp.cancel(spread(kick) / spread(mean))
    board.zero(
        "One update moves it by $-(2\\alpha/N)\\,\\mathrm{tr}\\,\\delta C$ of itself ($N=2$).",
        relative + 2 * alpha / size * delta_c.trace(),
    )
    z = list(sp.symbols("z_1:3", real=True))
    law = {(entry, entry): 1 for entry in z}
    trace = sum(entry**2 for entry in z)
    variance = symbolic.gaussian_covariance(trace, trace, z, law) / B
    board.zero("$\\mathrm{Var}\\,\\mathrm{tr}\\,\\delta C=2N/B$.", variance - 2 * sp.Integer(size) / B)
    r = sp.Symbol("r", positive=True)  # relative variance of s^2
    kicks = (2 * alpha / N) ** 2 * 2 * N / B
    found = sp.solve(r * (1 - 4 * alpha) + kicks - r, r)[0]  # relaxation 1 - 2 alpha of G, leading order
    board.zero("The library's scatter.", found - symbolic.teacher_student_scatter2(alpha, B, N))
