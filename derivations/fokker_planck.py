r"""One mode: its Fokker-Planck equation, stationary law, Hamiltonian, spectrum and gap."""

from typing import Any

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=60, title="Fokker-Planck equation of one mode")

x, t = sp.symbols("x t", real=True)
g, mu2, kappa, y = sp.symbols("g mu2 kappa y", positive=True)
OMEGA = (mu2 - kappa) / kappa**2


def model() -> Any:
    """The library's equation for one mode of the Gaussian RBM."""
    return symbolic.FokkerPlanck(symbolic.rbm_drift(x, kappa, mu2), g, x, (0, mu2))


@chain.step
def equation(board: Board) -> None:
    """ALP24 (34): d_t p = d_x (g^2 d_x - K) p, from dx = K dt + sqrt(2) g dB."""
    p, f = sp.Function("p")(x), sp.Function("f")(x)
    K = symbolic.rbm_drift(x, kappa, mu2)
    generator = K * sp.diff(f, x) + g**2 * sp.diff(f, x, 2)
    forward = sp.diff(g**2 * sp.diff(p, x) - K * p, x)
    boundary = sp.diff(K * f * p + g**2 * (p * sp.diff(f, x) - f * sp.diff(p, x)), x)
    board.zero(
        "Moving It\\^o's generator from $f$ to $p$ leaves a boundary term.",
        sp.expand(p * generator - f * forward - boundary),
    )
    fp = model()
    board.zero("The library's operator.", sp.expand((fp.operator(p) - forward).doit()))
    board.zero("and its adjoint.", sp.expand((fp.adjoint(f) - generator).doit()))


@chain.step(identified="as one of (34)-(38), drift, potential and stationary law of one mode")
def potential(board: Board) -> None:
    """ALP24 (35)-(36): K = -V' with V(x) = -x^2/(2 kappa) - x - mu^2 log(1 - x/mu^2)."""
    K = board.line("The drift:", x * (1 / kappa - 1 / (mu2 - x)), name="K")
    derived = -sp.integrate(x / kappa, x) - sp.integrate(sp.apart(-x / (mu2 - x), x), x).subs(
        sp.log(x - mu2), sp.log(mu2 - x)
    )
    derived = derived - derived.subs(x, 0)
    board.line("Integrated from zero:", derived, name="V")
    stated = symbolic.rbm_potential(x, kappa, mu2)
    board.zero("The library's potential.", sp.expand_log(derived - stated.replace(sp.log, _joined_log)), by=sp.simplify)
    board.zero("Its slope is the drift.", sp.cancel(sp.diff(stated, x) + K))
    board.zero("The engine finds the same slope.", sp.cancel(sp.diff(model().potential, x) + K))


def _joined_log(argument: sp.Expr) -> sp.Expr:
    """log(1 - x/mu2) as log(mu2 - x) - log(mu2)."""
    return sp.log(sp.expand(argument * mu2)) - sp.log(mu2)


@chain.step(identified="as one of (34)-(38), drift, potential and stationary law of one mode")
def stationary_law(board: Board) -> None:
    """ALP24 (37)-(38): p_s ~ exp(-V/g^2) = (1 - x/mu^2)^{mu^2/g^2} exp[(x + x^2/(2 kappa))/g^2] on [0, mu^2)."""
    closed = (1 - x / mu2) ** (mu2 / g**2) * sp.exp((x + x**2 / (2 * kappa)) / g**2)
    board.line("The stationary law:", closed, name="p_s\\propto")
    V = symbolic.rbm_potential(x, kappa, mu2)
    u = sp.Symbol("u", positive=True)
    ratio = sp.log(closed).subs(1 - x / mu2, u) + V.subs(1 - x / mu2, u) / g**2
    board.zero("Its logarithm is $-V/g^2$.", sp.expand(sp.expand_log(ratio, force=True)))
    K = symbolic.rbm_drift(x, kappa, mu2)
    current = K - g**2 * sp.diff(sp.log(closed), x)
    board.zero("Its current vanishes everywhere, the ends included.", sp.cancel(sp.simplify(current)))
    fp = model()
    board.zero("The engine's law.", sp.cancel(sp.diff(sp.log(fp.stationary), x) - K / g**2), by=sp.simplify)


@chain.step(identified="as one of (39)-(43), the Schroedinger form and its factors")
def hamiltonian(board: Board) -> None:
    """ALP24 (39)-(43): p = sqrt(p_s) psi obeys d_t psi = -H psi, H = g^2 L^dagger L = -g^2 d^2 + V'^2/(4g^2) - V''/2,
    L = d_x + V'/(2g^2); its ground state sqrt(p_s) has E_0 = 0, and zero flux means psi' + V' psi/(2 g^2) = 0."""
    V, psi = sp.Function("V")(x), sp.Function("psi")(x)
    root = sp.exp(-V / (2 * g**2))
    flow = sp.diff(g**2 * sp.diff(root * psi, x) + sp.diff(V, x) * root * psi, x)
    derived = board.line(
        "Substituted into (34) and divided by $\\sqrt{p_s}$:", sp.expand(sp.simplify(-flow / root)), name="H\\psi"
    )
    stated = -(g**2) * sp.diff(psi, x, 2) + (sp.diff(V, x) ** 2 / (4 * g**2) - sp.diff(V, x, 2) / 2) * psi
    board.zero("The Hamiltonian.", sp.expand(derived - stated))
    slope = sp.diff(V, x) / (2 * g**2)
    lowered = sp.diff(psi, x) + slope * psi
    board.zero("Its factors.", sp.expand(g**2 * (-sp.diff(lowered, x) + slope * lowered) - stated))
    board.zero("$L\\sqrt{p_s}=0$.", sp.diff(root, x) + slope * root, by=sp.simplify)
    current = -(g**2) * sp.diff(root * psi, x) - sp.diff(V, x) * root * psi
    board.zero("The current is $-g^2\\sqrt{p_s}L\\psi$.", current / root + g**2 * lowered, by=sp.simplify)
    fp = model()
    Vx = symbolic.rbm_potential(x, kappa, mu2)
    W = sp.diff(Vx, x) ** 2 / (4 * g**2) - sp.diff(Vx, x, 2) / 2
    board.zero(
        "The library's Hamiltonian.", [sp.cancel(fp.hamiltonian.potential - W), fp.hamiltonian.diffusion[0, 0] - g**2]
    )
    board.zero(
        "The library's factors.",
        sp.expand(sp.simplify(g**2 * fp.ladder.upper(fp.ladder.lower(psi)) - fp.hamiltonian(psi))),
    )
    board.zero("At $x=0$, where $V'=0$, zero flux means $\\psi'=0$.", sp.diff(Vx, x).subs(x, 0))


@chain.step
def eigen_expansion(board: Board) -> None:
    """ALP24 (44): p(x,t) = sum_n c_n sqrt(p_s) psi_n e^{-E_n t} with H psi_n = E_n psi_n; it keeps its mass."""
    V, psi, E = sp.Function("V")(x), sp.Function("psi")(x), sp.Symbol("E", positive=True)
    root = sp.exp(-V / (2 * g**2))
    term = root * psi * sp.exp(-E * t)
    flow = sp.diff(g**2 * sp.diff(term, x) + sp.diff(V, x) * term, x)
    second = (sp.diff(V, x) ** 2 / (4 * g**2) - sp.diff(V, x, 2) / 2 - E) * psi / g**2
    board.zero(
        "Every term solves (34).",
        sp.expand((flow - sp.diff(term, t)) / term * psi).subs(sp.diff(psi, x, 2), second),
        by=sp.simplify,
    )
    lowered = sp.diff(psi, x) + sp.diff(V, x) * psi / (2 * g**2)
    total = sp.diff(g**2 * root * lowered, x)
    board.zero(
        "$E\\sqrt{p_s}\\psi=-\\partial_x(g^2\\sqrt{p_s}L\\psi)$: with zero flux every excited state has no mass.",
        sp.expand((total + E * root * psi) / root).subs(sp.diff(psi, x, 2), second),
        by=sp.simplify,
    )


@chain.step(identified="as one of (45)-(48), the parts of H by order in the noise")
def orders_in_noise(board: Board) -> None:
    """ALP24 (45)-(48): with x = x_s + g y, H has a g^0 part, the oscillator -d_y^2 + Omega^2 y^2/4 - Omega/2 with
    Omega = V''(x_s) = (mu^2 - kappa)/kappa^2 = x_s/kappa^2; odd orders are odd in y and shift levels at order g^2
    only.
    """
    V = symbolic.rbm_potential(x, kappa, mu2)
    x_s = mu2 - kappa
    v2, v3, v4 = (board.line("", sp.factor(sp.diff(V, x, n).subs(x, x_s)), name=f"V^{{({n})}}(x_s)") for n in (2, 3, 4))
    board.zero("Curvature.", [sp.diff(V, x).subs(x, x_s), v2 - OMEGA, v2 - x_s / kappa**2])
    W = sp.diff(V, x) ** 2 / (4 * g**2) - sp.diff(V, x, 2) / 2
    series = sp.series(W.subs(x, x_s + g * y).cancel(), g, 0, 3).removeO()
    order0, order1, order2 = (sp.expand(series).coeff(g, n) for n in (0, 1, 2))
    board.zero("$g^0$.", order0 - OMEGA**2 * y**2 / 4 + OMEGA / 2, by=sp.simplify)
    board.zero("$g^1$, odd in $y$.", order1 - v2 * v3 * y**3 / 4 + v3 * y / 2, by=sp.simplify)
    board.zero("$g^2$.", order2 - (v3**2 / 16 + v2 * v4 / 12) * y**4 + v4 * y**2 / 4, by=sp.simplify)
    board.zero("The engine's curvature.", sp.cancel(_stable(model()).curvature - v2))


def _stable(fp: Any) -> Any:
    return next(point for point in fp.fixed_points if sp.simplify(point.location - (mu2 - kappa)) == 0)


@chain.step(
    status="corrected",
    note="around x_s only: x = 0 is the other, unstable fixed point, so the gap is min(Omega, r_0), not always Omega",
    identified="as one of (49)-(50), the levels near x_s",
)
def levels(board: Board) -> None:
    """ALP24 (49)-(50): around x_s the levels are E_n = n Omega as g -> 0. States at x = 0 have E = r_0 (2j+1),
    r_0 = K'(0) = 1/kappa - 1/mu^2, so the gap is min(Omega, r_0)."""
    omega, rate, z = sp.symbols("Omega r_0 y", positive=True)
    for n in range(4):
        wave = sp.hermite(n, sp.sqrt(omega / 2) * z) * sp.exp(-omega * z**2 / 4)
        H = -sp.diff(wave, z, 2) + (omega**2 * z**2 / 4 - omega / 2) * wave
        board.zero(f"$E_{n}={n}\\Omega$.", sp.expand((H - n * omega * wave) * sp.exp(omega * z**2 / 4)), by=sp.simplify)
    for n in range(3):
        wave = sp.hermite(2 * n, sp.sqrt(rate / 2) * z) * sp.exp(-rate * z**2 / 4)
        H = -sp.diff(wave, z, 2) + (rate**2 * z**2 / 4 + rate / 2) * wave
        board.zero(
            f"At the hilltop $E=(2\\cdot{n}+1)r_0$; only even states have $\\psi'(0)=0$.",
            sp.expand((H - (2 * n + 1) * rate * wave) * sp.exp(rate * z**2 / 4)),
            by=sp.simplify,
        )
        board.zero("Even.", sp.diff(wave, z).subs(z, 0))
    r0 = sp.diff(symbolic.rbm_drift(x, kappa, mu2), x).subs(x, 0)
    board.zero("Rate of leaving zero.", r0 - 1 / kappa + 1 / mu2)
    point = {kappa: 4, mu2: 9}
    fp = symbolic.FokkerPlanck(symbolic.rbm_drift(x, 4, 9), g, x, (0, 9))
    found = {p.location: p for p in fp.fixed_points}
    board.zero(
        "The engine's levels at $x_s=5$ for $\\mu^2=9$, $\\kappa=4$.",
        [found[5].level(n) - n * OMEGA.subs(point) for n in range(4)],
    )
    board.zero("At zero, with the parity rule.", [found[0].level(j) - (2 * j + 1) * r0.subs(point) for j in range(3)])
    gap = min(p.gap() for p in fp.fixed_points)
    board.zero("The gap is $r_0=0.1389$, below $\\Omega=0.3125$.", gap - r0.subs(point))
    board.true("So (50) is not the gap here.", bool(r0.subs(point) < OMEGA.subs(point)))


@chain.step
def level_correction(board: Board) -> None:
    """derived here: the first correction in the noise, g^2, of the levels at x_s, by perturbation theory in y."""
    v2, v3, v4 = sp.symbols("V2 V3 V4", positive=True)
    size = 12
    lower = sp.Matrix(size, size, lambda i, j: sp.sqrt(j) if j == i + 1 else 0)
    place = (lower + lower.T) / sp.sqrt(v2)
    square = place * place
    cubic, quartic = square * place, square * square
    first = v2 * v3 / 4 * cubic - v3 / 2 * place
    second = (v3**2 / 16 + v2 * v4 / 12) * quartic - v4 / 4 * square
    corrections = []
    for n in range(4):
        mixing = sum(first[n, m] * first[m, n] / (v2 * (n - m)) for m in range(size) if m != n)
        corrections.append(sp.factor(sp.expand(second[n, n] + mixing)))
    board.line("Corrections of $E_0\\ldots E_3$ in units of $g^2$:", sp.Tuple(*corrections))
    board.zero("$E_0$ stays zero, as it must.", corrections[0])
    V = symbolic.rbm_potential(x, kappa, mu2)
    values = {v: sp.diff(V, x, n).subs(x, mu2 - kappa) for n, v in ((2, v2), (3, v3), (4, v4))}
    fp = symbolic.FokkerPlanck(symbolic.rbm_drift(x, 4, 9), g, x, (0, 9))
    stable = next(p for p in fp.fixed_points if p.location == 5)
    stated = [correction for _, correction in fp.harmonic_levels(stable, 4)]
    ours = [(c.subs(values) * g**2).subs({kappa: 4, mu2: 9}) for c in corrections]
    board.zero("The engine's corrections.", [sp.simplify(a - b) for a, b in zip(ours, stated, strict=True)])
