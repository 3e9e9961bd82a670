"""Laplace transforms back to time on Talbot's contour, in one and in two variables."""

from collections.abc import Callable

import numpy as np

NODES = 24
"""More nodes lose accuracy again: the weights grow like exp(2 nodes/5)."""


def talbot_nodes(num: int = NODES) -> tuple[np.ndarray, np.ndarray]:
    r"""Nodes s and weights c with :math:`f(t) \approx \sum_j \mathrm{Re}[c_j \hat f(s_j/t)]/t`: the fixed Talbot rule.

    The contour is s(θ) = r θ (cot θ + i), r = 2 num/5, in the upper half plane; for real f the lower half follows by
    conjugation. (Abate and Valko 2004, equations (13)-(15).)
    """
    radius = 2 * num / 5
    angle = np.pi * np.arange(1, num) / num
    cot = 1 / np.tan(angle)
    node = np.concatenate([[radius], radius * angle * (cot + 1j)])
    slope = np.concatenate([[0.5], 1 + 1j * angle * (1 + cot**2) - 1j * cot])
    return node, radius / num * np.exp(node) * slope


def invert(transform: Callable[[np.ndarray], np.ndarray], time: np.ndarray, num: int = NODES) -> np.ndarray:
    """f(t) for positive times from its transform, analytic outside the negative real axis."""
    node, weight = talbot_nodes(num)
    time = np.asarray(time, float)
    return np.real(weight * transform(node / time[:, None])).sum(1) / time


def invert_two(
    transform: Callable[[np.ndarray, np.ndarray], np.ndarray], time: np.ndarray, num: int = NODES
) -> np.ndarray:
    """f(t, t') on the square of positive times, from a symmetric transform of two variables; f smooth across t = t'.

    The first variable runs over the upper half of its contour only, the second over both halves.
    """
    node, weight = talbot_nodes(num)
    time = np.asarray(time, float)
    both, both_weight = np.concatenate([node, node.conj()]), np.concatenate([weight, weight.conj()]) / 2
    first = node / time[:, None]
    second = both / time[:, None]
    value = transform(first[:, None, :, None], second[None, :, None, :])
    return np.einsum("j,k,abjk->ab", weight, both_weight, value).real / np.outer(time, time)
