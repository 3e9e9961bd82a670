r"""Large N: semicircle, groups of degenerate modes, and the free sum of levels and noise."""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=130, title="Large N")

z, G = symbolic.spectral_argument, symbolic.resolvent
v, s, n, x = sp.symbols("v s n x", positive=True)


@chain.step
def semicircle(board: Board) -> None:
    """derived here: G = 1/(z - v G) gives the semicircle of radius 2 sqrt(v), with its distribution function and
    moments.
    """
    law = symbolic.FreeLaw.semicircle(v)
    board.zero("The library's equation.", law.equation() - (G * (z - v * G) - 1))
    discriminant = sp.Poly(law.equation(), G).discriminant()
    board.line("Discriminant:", discriminant)
    R = 2 * sp.sqrt(v)
    derived = sp.sqrt(R**2 - x**2) / (2 * sp.pi * v)
    board.zero("$\\rho=\\sqrt{-{\\rm disc}}/2\\pi v$.", sp.expand(-discriminant.subs(z, x)) - (R**2 - x**2))
    stated = symbolic.semicircle()
    density = stated.density.subs(dict(zip(stated.args, (x, 0, R), strict=True)), simultaneous=True)
    board.zero("The library's density.", density - derived, by=sp.simplify)
    t = sp.Symbol("t", real=True)
    unit = dict(zip(stated.args, (t, 0, 1), strict=True))
    slope = sp.diff(stated.cdf.subs(unit, simultaneous=True), t) - stated.density.subs(unit, simultaneous=True)
    board.zero("Its distribution function.", slope, by=sp.simplify)
    catalan = [sp.binomial(2 * k, k) / (k + 1) * v**k for k in (1, 2, 3)]
    moments = law.moments(6)
    board.zero(
        "Moments are Catalan numbers; the odd ones vanish.",
        [moments[2 * k - 1] - c for k, c in zip((1, 2, 3), catalan, strict=True)] + moments[::2],
    )
    board.zero(
        "The library's second moment.", stated.second_moment.subs(dict(zip(stated.parameters, (0, R), strict=True))) - v
    )


@chain.step
def schur_complement(board: Board) -> None:
    """derived here: G_i = 1/(z - kappa_i - sum_j v_ij G_j) for fixed levels plus a Gaussian matrix, v_ij its
    variances.
    """
    size = 3
    kappa = sp.symbols("kappa_1:4")
    h = sp.Matrix(size, size, lambda i, j: sp.Symbol(f"h_{min(i, j)}{max(i, j)}"))
    full = z * sp.eye(size) - sp.diag(*kappa) - h
    minor = full[1:, 1:]
    inverse = sp.cancel(full.inv()[0, 0])
    schur = z - kappa[0] - h[0, 0] - (h[0, 1:] * minor.inv() * h[1:, 0])[0]
    board.zero(
        "Schur's complement, exactly: $1/G_{11}=z-\\kappa_1-h_{11}-\\sum_{jk}h_{1j}[(z-X')^{-1}]_{jk}h_{k1}$.",
        sp.cancel(inverse * sp.together(schur)) - 1,
    )
    g = sp.Matrix(2, 2, sp.symbols("g_1 g_2 g_3 g_4"))
    v1 = sp.symbols("v_12 v_13")
    row = list(h[0, 1:])
    average = symbolic.gaussian_average(
        sp.expand((h[0, 1:] * g * h[1:, 0])[0]), row, {(a, a): b for a, b in zip(row, v1, strict=True)}
    )
    board.zero(
        "The row is independent of the minor: the average over it is $\\sum_jv_{1j}G_j$.",
        average - v1[0] * g[0, 0] - v1[1] * g[1, 1],
    )
    variances = sp.Matrix(size, size, lambda i, j: sp.Symbol(f"v_{min(i, j)}{max(i, j)}"))
    stated = symbolic.free_sum(kappa, variances)
    symbols = symbolic.free_sum_resolvents(size)
    ours = [1 / (z - kappa[i] - sum(variances[i, j] * symbols[j] for j in range(size))) for i in range(size)]
    board.zero("The library's equations.", [a - b for a, b in zip(stated, ours, strict=True)])


@chain.step
def free_sum_moments(board: Board) -> None:
    """derived here: the moments of the free sum up to the fourth agree with Wick's theorem at leading order in N."""
    N = sp.Symbol("N", positive=True)
    a, w = sp.Symbol("a"), sp.Symbol("w")  # levels +-a in equal numbers, every variance w/N
    board.line("Half of the levels at $a$, half at $-a$, all variances $w/N$; expand in $1/z$:")
    t = sp.Symbol("t")
    plus, minus = sp.S.Zero, sp.S.Zero
    for _ in range(5):
        mean = (plus + minus) / 2
        plus, minus = (sp.series(t / (1 - t * (sign * a + w * mean)), t, 0, 6).removeO() for sign in (1, -1))
    series = sp.Poly(sp.expand((plus + minus) / 2), t)
    moments = [series.coeff_monomial(t ** (k + 1)) for k in range(5)]
    planar = [1, 0, a**2 + w, 0, a**4 + 4 * a**2 * w + 2 * w**2]
    board.zero("Solved by the planar contractions.", [sp.expand(m - p) for m, p in zip(moments, planar, strict=True)])
    h = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"h_{min(i, j)}{max(i, j)}"))
    law = {(h[i, j], h[i, j]): w / N * (2 if i == j else 1) for i in range(2) for j in range(i, 2)}
    X = sp.diag(a, -a) + h
    second = symbolic.gaussian_average(sp.expand((X * X).trace() / 2), sorted(h.free_symbols, key=str), law)
    board.zero("Wick at $N=2$: $a^2+w(N+1)/N$.", second.subs(N, 2) - (a**2 + w * sp.Rational(3, 2)))


@chain.step
def degenerate_group(board: Board) -> None:
    """derived here: a group of n degenerate modes of Coulomb-gas width s is at large n a semicircle of radius s
    sqrt(2n).
    """
    board.line("Width $s$ means diagonal variance $s^2$ and off-diagonal $s^2/2$, so $v=ns^2/2$ and $R=2\\sqrt v$.")
    radius = 2 * sp.sqrt(n * s**2 / 2)
    board.zero("$s\\sqrt{2n}$.", radius - s * sp.sqrt(2 * n), by=sp.simplify)
    law = symbolic.semicircle()
    variance = law.variance.subs(dict(zip(law.parameters, (0, radius), strict=True)))
    for size in (2,):
        gas = symbolic.CoulombGas.gaussian([0] * size, [s] * size)
        exact = gas.moment(gas.variables[0] ** 2)
        board.zero(
            "Exact variance at $n=2$ is $s^2(n+1)/2$, leading order that of the semicircle.",
            exact - s**2 * sp.Rational(size + 1, 2),
        )
    board.zero("$ns^2/2$.", variance - n * s**2 / 2, by=sp.simplify)


@chain.step
def free_addition(board: Board) -> None:
    """derived here: R-transforms add; semicircles add to a semicircle, and free cumulants give the moments of a sum."""
    w, r = sp.symbols("w r", positive=True)
    total = symbolic.FreeLaw.semicircle(v) + symbolic.FreeLaw.semicircle(w)
    board.zero("Two semicircles.", total.r_transform - symbolic.FreeLaw.semicircle(v + w).r_transform)
    mixed = symbolic.FreeLaw.semicircle(v) + symbolic.FreeLaw.marchenko_pastur(r)
    cumulants = mixed.free_cumulants(4)
    board.zero(
        "Cumulants of semicircle plus Marchenko-Pastur.",
        [c - k for c, k in zip(cumulants, (1, v + r, r**2, r**3), strict=True)],
    )
    k = cumulants
    fourth = k[3] + 4 * k[2] * k[0] + 2 * k[1] ** 2 + 6 * k[1] * k[0] ** 2 + k[0] ** 4
    board.zero("Fourth moment: the 14 non-crossing partitions of four points.", sp.expand(mixed.moments(4)[3] - fourth))
    scaled = symbolic.FreeLaw.semicircle(v).scale(2)
    board.zero("Scaling.", scaled.r_transform - 4 * v * G)
