"""First-order methods, and the step sizes at which they stay stable on a quadratic loss."""

from typing import Any

from coulombgas._checks import check_choice, check_count, check_finite, check_non_negative, check_positive, fail

METHODS = ("gd", "heavy-ball", "nesterov", "gradient-flow")


def check_method(system: Any) -> None:
    """Method, learning rate, momentum, mass and steps of a system, each in its range and applicable to the method."""
    check_choice("method", system.method, METHODS)
    check_positive("learning_rate", system.learning_rate)
    check_count("steps", system.steps)
    check_non_negative("mass", system.mass)
    if not 0 <= check_finite("momentum", system.momentum) < 1:
        fail("momentum", "must lie in [0, 1)", system.momentum)
    if system.momentum and system.method in ("gd", "gradient-flow"):
        fail("momentum", f"has no effect with method {system.method!r}: use heavy-ball or nesterov (flow: mass)",
             system.momentum)  # fmt: skip
    if system.mass and system.method != "gradient-flow":
        fail("mass", "belongs to method 'gradient-flow': use heavy-ball for a discrete method", system.mass)


def largest_learning_rate(method: str, momentum: float, largest_eigenvalue: float) -> float:
    """Stability bound on η for a quadratic loss with that largest curvature; infinite for the (implicit) flow."""
    if method == "gradient-flow":
        return float("inf")
    factor = {"gd": 2.0, "heavy-ball": 2 * (1 + momentum), "nesterov": 2 * (1 + momentum) / (1 + 2 * momentum)}
    return factor[method] / largest_eigenvalue


def check_stable(method: str, learning_rate: float, momentum: float, largest_eigenvalue: float) -> None:
    """Refuse a step at or beyond the stability bound."""
    bound = largest_learning_rate(method, momentum, largest_eigenvalue)
    if learning_rate >= bound:
        fail(
            "learning_rate",
            f"must be below {bound:.6g}, the stability bound of {method} at the largest curvature "
            f"{largest_eigenvalue:.4g}",
            learning_rate,
        )
