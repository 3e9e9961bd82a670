"""Second moments of the teacher-student update, exact: a linear update closes on them."""

import numpy as np

from .optimizers import Array, Optimizer


def _inputs_moment(size: int, batch_size: int) -> Array:
    """<C_ab C_cd> of C = (1/B) sum z zᵀ, by Wick's theorem."""
    one, pair = np.eye(size), np.einsum
    crossed = pair("ac,bd->abcd", one, one) + pair("ad,bc->abcd", one, one)
    return pair("ab,cd->abcd", one, one) + crossed / batch_size


def _swap(moment: Array) -> Array:
    """<b_ij a_kl> from <a_ij b_kl>."""
    return moment.transpose(2, 3, 0, 1)


def teacher_student_ratio(
    *, level: float, size: int, noise: float, learning_rate: float, batch_size: int, optimizer: Optimizer
) -> float:
    """s²/(eps² a/B) of ``teacher_student`` with fresh inputs and ``size`` >= 2 equal teacher levels, exact.

    With the shifted fixed point W* = W_t/(1 + (1 - m) d), E = W - W* and g = E C - n,
    n = (eps/√B) eta + (W_t - W*)(C - 1), the moments <E E>, <E v>, <v v> obey a linear recursion, which is
    iterated until it rests.
    """
    m, a, d = optimizer.momentum, learning_rate, optimizer.weight_decay
    inputs, one = _inputs_moment(size, batch_size), np.eye(size)
    rest = optimizer.resting_decay
    strength = noise**2 + (level * rest / (1.0 + rest)) ** 2
    goe = np.einsum("ik,jl->ijkl", one, one) + np.einsum("il,jk->ijkl", one, one)
    source, keep = strength / batch_size * goe, 1.0 - a * d
    ee, ev, vv = (np.zeros((size,) * 4) for _ in range(3))
    for _ in range(20_000):  # relaxation takes 1/(a (1 - m)) updates; the loop ends at rest
        gg = np.einsum("iakc,ajcl->ijkl", ee, inputs) + source
        gv = m * ev + gg  # <g v'>, since <g v> = <E v>
        new_vv = m * m * vv + m * (ev + _swap(ev)) + gg
        new_ev = m * ev + ee  # <E v'>
        if optimizer.nesterov:
            eu, uv = ee + m * new_ev, gv + m * new_vv
            uu = gg + m * (gv + _swap(gv)) + m * m * new_vv
        else:
            eu, uv, uu = new_ev, new_vv, new_vv
        new_ee = keep**2 * ee - a * keep * (eu + _swap(eu)) + a * a * uu
        at_rest = np.abs(new_ee - ee).max() <= 1e-13 * np.abs(new_ee).max()
        ee, ev, vv = new_ee, keep * new_ev - a * uv, new_vv
        if at_rest:
            break
    else:
        raise FloatingPointError("the moments did not come to rest: `learning_rate` is too high.")
    seen = (ee + ee.transpose(1, 0, 2, 3)) / 2
    seen = (seen + seen.transpose(0, 1, 3, 2)) / 2  # moments of (E + Eᵀ)/2
    spread = np.einsum("abab->", seen) - np.einsum("aabb->", seen) / size
    return float(spread / (size * (size + 1) / 2 - 1) / (noise**2 * a / batch_size))
