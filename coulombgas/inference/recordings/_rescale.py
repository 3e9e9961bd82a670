r"""The learning rate that keeps the temperature when the batch size changes.

- SGD, heavy-ball and Nesterov momentum: T = α(1 − d)/(B(1 − m)), so α' = α B'/B · (1 − m')/(1 − m).
- Adam: gradients are divided by their own size, which shrinks as 1/√B where noise dominates; the stochastic equation is
  preserved by α' = α √(B'/B), with 1 − β1 and 1 − β2 times B'/B (arXiv:2205.10287).
- With recordings at several settings: α'^a/B'^b = α^a/B^b with their posterior of (a, b).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._checks import (
    InputError,
    check_batch_size,
    check_choice,
    check_count,
    check_in_interval,
    check_learning_rate,
    check_seed,
    fail,
)
from coulombgas._interval import Interval, summarise
from coulombgas._results import to_dataset
from coulombgas.networks import ADAPTIVE

from ._noise_scale import NoiseScale
from ._result import ScalingRule
from ._rule import OPTIMIZERS, Recording, scaling_rule

_HEAVY = ("momentum", "nesterov")
_FAR = 8.0  # factor in the batch size from which on an unmeasured rule is an extrapolation
_LINEAR_ASSUMES = (
    "it assumes independent samples, a batch below the gradient noise scale, and a learning rate far from the edge of "
    "stability"
)
_MEASURED_ASSUMES = "it assumes that the exponents found by the recordings hold from the old batch size to the new one"
_ADAM_ASSUMES = (
    "it assumes that noise dominates each gradient and that β1 and β2 go along: 1 − β times B'/B (arXiv:2205.10287)"
)


@dataclass(frozen=True, kw_only=True)
class Rescaling:
    """A setting of equal temperature.

    Attributes:
        learning_rate: learning rate at the new batch size; without recordings its interval is a point.
        batch_size: the new batch size.
        law: the law used.
        assumption: its assumptions.
        beta1, beta2: Adam's constants, rescaled, if they were given.
        noise_scale: gradient noise scale, if the recordings hold it.
        holds: False if the rule cannot hold, None if unknown.
        warnings: the reasons, and further warnings.
        rule: the scaling rule inferred from the recordings.
    """

    learning_rate: Interval
    batch_size: int
    law: str
    assumption: str
    beta1: float | None
    beta2: float | None
    noise_scale: NoiseScale | None
    holds: bool | None
    warnings: tuple[str, ...]
    rule: ScalingRule | None = field(default=None, repr=False)

    def record(self) -> dict[str, Any]:
        """The answer in plain Python objects."""
        return {
            "learning_rate": self.learning_rate.as_dict(),
            "batch_size": self.batch_size,
            "law": self.law,
            "assumption": self.assumption,
            "beta1": self.beta1,
            "beta2": self.beta2,
            "noise_scale": None if self.noise_scale is None else self.noise_scale.value.as_dict(),
            "holds": self.holds,
            "warnings": list(self.warnings),
        }

    def records(self) -> list[dict[str, Any]]:
        """The answer as the only row."""
        return [self.record()]

    def dataset(self) -> xr.Dataset:
        """The records over ``answer``."""
        return to_dataset(self.records(), "answer")

    def table(self) -> str:
        """The answer as text."""
        rate = self.learning_rate
        known = f"{rate.mean:.4g}"
        if rate.sd > 0:
            known += f" [{rate.lower:.4g}, {rate.upper:.4g}]"
        lines = [f"learning rate {known} at batch size {self.batch_size}", f"  law: {self.law}", f"  {self.assumption}"]
        if self.beta1 is not None or self.beta2 is not None:
            betas = [
                f"{name} {value:.4g}" for name, value in (("β1", self.beta1), ("β2", self.beta2)) if value is not None
            ]
            lines.append(f"  with {', '.join(betas)}")
        if self.noise_scale is not None:
            lines.append(f"  {self.noise_scale.statement}")
        return "\n".join([*lines, *(f"! {warning}" for warning in self.warnings)])


def rescale(
    recordings: Recording | Sequence[Recording] | ScalingRule = (),
    *,
    learning_rate: float | int,
    batch_size: int,
    to_batch_size: int,
    optimizer: str | None = None,
    momentum: float | int | None = None,
    to_momentum: float | int | None = None,
    beta1: float | int | None = None,
    beta2: float | int | None = None,
    seed: int = 0,
) -> Rescaling:
    r"""The learning rate at another batch size that leaves the temperature unchanged.

    Args:
        recordings: recordings of such trainings, or their :func:`scaling_rule`: at several settings they give the
            exponents, at one the gradient noise scale and the fastest relaxation.
        learning_rate, batch_size: the current ones.
        to_batch_size: the new batch size.
        optimizer: "sgd", "momentum", "nesterov", "adam" or "adamw"; by default that of the recordings, else "sgd".
        momentum, to_momentum: current and new momentum; the same by default.
        beta1, beta2: constants of Adam, to be rescaled as well.
        seed: seed of the posterior draws.

    Raises:
        InputError: for values that do not fit together.
    """
    seed = check_seed(seed)
    alpha, batch = check_learning_rate(learning_rate), check_batch_size(batch_size)
    target = check_count("to_batch_size", to_batch_size)
    rule = _rule(recordings, seed)
    name = check_choice("optimizer", optimizer or _optimizer(rule), OPTIMIZERS)
    factor = _momenta(name, momentum, to_momentum)
    if name in ADAPTIVE:
        law, assumption, exponents = _adam(), _ADAM_ASSUMES, None
        rate = _point(alpha * np.sqrt(target / batch))
    else:
        exponents = _exponents(rule)
        rate, law, assumption = _descent(alpha, batch, target, factor, exponents)
    betas = [_beta(word, value, target / batch) for word, value in (("beta1", beta1), ("beta2", beta2))]
    scale = _noise_scale(rule)
    warnings = tuple(_warnings(rate, alpha, batch, target, rule, scale, exponents, name))
    limit = [text for text in warnings if text.startswith("outside")]
    return Rescaling(
        learning_rate=rate, batch_size=target, law=law, assumption=assumption, beta1=betas[0],
        beta2=betas[1], noise_scale=scale, holds=False if limit else (None if scale is None else True),
        warnings=warnings, rule=rule,
    )  # fmt: skip


def _adam() -> str:
    return "Adam, square root: α' = α √(B'/B)"


def _descent(
    alpha: float, batch: int, target: int, factor: float, exponents: tuple[np.ndarray, np.ndarray] | None
) -> tuple[Interval, str, str]:
    """α_e'^a/B'^b = α_e^a/B^b."""
    momentum = "" if factor == 1 else " · (1 − m')/(1 − m)"
    if exponents is None:
        law = f"linear: α' = α B'/B{momentum}, T = α/(B(1 − m))"
        return _point(alpha * target / batch * factor), law, _LINEAR_ASSUMES
    a, b = exponents
    # where the temperature hardly depends on the rate there is no solution: such draws only widen the interval
    draws = (
        alpha * factor * (target / batch) ** (b / np.where(np.abs(a) > 0.05, a, np.sign(a) * 0.05 + (a == 0) * 0.05))
    )
    found = summarise(draws)
    rate = Interval(float(np.median(draws)), found.lower, found.upper, found.sd)
    law = f"measured: α' = α (B'/B)^(b/a){momentum}, b/a = {np.median(b / a):.3g}"
    return rate, law, _MEASURED_ASSUMES


def _rule(recordings: Any, seed: int) -> ScalingRule | None:
    if isinstance(recordings, ScalingRule):
        return recordings
    if isinstance(recordings, list | tuple) and not recordings:
        return None
    return scaling_rule(recordings, seed=seed)


def _optimizer(rule: ScalingRule | None) -> str:
    if rule is None:
        return "sgd"
    names = {run.dynamics.optimizer or "sgd" for run in rule.runs}
    if len(names) > 1:
        raise InputError(f"`optimizer` must say which one, the recordings are of {', '.join(sorted(names))}.")
    return names.pop()


def _momenta(name: str, momentum: float | None, to_momentum: float | None) -> float:
    """(1 − m')/(1 − m)."""
    if name not in _HEAVY:
        if momentum is not None or to_momentum is not None:
            fail("momentum", f"is of momentum and nesterov, not of {name}: leave it out", momentum or to_momentum)
        return 1.0
    if to_momentum is not None and momentum is None:
        fail("momentum", "must be given with `to_momentum`")
    now = 0.0 if momentum is None else check_in_interval("momentum", momentum, 0.0, 1 - 1e-9)
    then = now if to_momentum is None else check_in_interval("to_momentum", to_momentum, 0.0, 1 - 1e-9)
    return (1 - then) / (1 - now)


def _beta(word: str, value: float | None, ratio: float) -> float | None:
    if value is None:
        return None
    kept = 1 - ratio * (1 - check_in_interval(word, value, 0.0, 1 - 1e-9))
    if kept <= 0:
        fail(word, f"has no counterpart at {ratio:g} times the batch, where 1 − β would be {1 - kept:.3g}", value)
    return kept


def _exponents(rule: ScalingRule | None) -> tuple[np.ndarray, np.ndarray] | None:
    """Draws of a and b; an exponent that was not varied is 1, as the rule has it."""
    if rule is None or rule.scaling is None:
        return None
    draws = rule.scaling.draws
    one = np.ones(np.size(draws["scatter"]))
    a, b = (np.ravel(draws.get(name, one)) for name in ("alpha_exponent", "batch_exponent"))
    return None if rule.scaling.batch_exponent is None and rule.scaling.alpha_exponent is None else (a, b)


def _noise_scale(rule: ScalingRule | None) -> NoiseScale | None:
    known = [run.noise_scale for run in rule.runs if run.noise_scale is not None] if rule is not None else []
    return min(known, key=lambda each: each.value.mean) if known else None


def _warnings(
    rate: Interval, alpha: float, batch: int, target: int, rule: ScalingRule | None, scale: NoiseScale | None,
    exponents: Any, name: str,
) -> Iterator[str]:  # fmt: skip
    """What speaks against the new learning rate: range of the rule, stability, distance, lack of evidence."""
    if scale is not None and target > scale.value.upper:
        yield (
            f"outside the range of the rule: {target} is beyond the gradient noise scale of {scale.value.mean:.3g} "
            f"[{scale.value.lower:.3g}, {scale.value.upper:.3g}] samples, where a larger rate is no longer "
            "compensated by less noise"
        )
    elif scale is None:
        yield "the gradient noise scale is unknown, so the new batch may be beyond it"
    fastest = _fastest(rule)
    if fastest is not None and name not in ADAPTIVE and rate.mean * fastest > 2:
        yield (
            f"outside the range of the rule: levels relax at {fastest:.3g} times the learning rate, so that "
            f"{rate.mean:.3g} is beyond stability, 2/{fastest:.3g}"
        )
    elif fastest is None and rate.mean > 2 * alpha:
        yield "it is not known whether the new learning rate is stable: try it before a long run"
    if max(target / batch, batch / target) > _FAR and exponents is None:
        yield f"a factor {max(target / batch, batch / target):g} in the batch size is large for an unmeasured rule"
    if rule is not None and exponents is None and name not in ADAPTIVE:
        yield f"the recordings do not give the exponents, which are taken as 1: {rule.verdict}"
    if rule is not None and rule.holds is False:
        yield f"the linear rule {rule.verdict}"


def _fastest(rule: ScalingRule | None) -> float | None:
    """Largest relaxation rate of the levels over the learning rate; a lower bound of the curvature."""
    rates = [
        1 / (group.state.relaxation * run.dynamics.effective_rate)
        for run in (rule.runs if rule is not None else ())
        for layer in run.layers
        for _, group in layer.motion.groups
        if group.state.relaxation and run.dynamics.effective_rate
    ]
    return max(rates) if rates else None


def _point(value: float) -> Interval:
    return Interval(float(value), float(value), float(value), 0.0)
