"""One plain sentence: T ∝ α/B holds, does not hold, or cannot be told, and which data would tell."""

from collections.abc import Sequence

import numpy as np

from coulombgas._interval import Interval
from coulombgas._tails import chi2_sf
from coulombgas.inference._parts import ScalingFit

from ._runs import RecordedRun, adaptive

FALSE_ALARM = 0.01
_OTHER = 0.5  # exponents that differ by this much belong to another rule: the square root, or none
_LARGE_SCATTER = 0.35  # of log T: the linear rule then misses temperatures by a factor √2


def judge(runs: Sequence[RecordedRun], used: Sequence[RecordedRun], fit: ScalingFit | None) -> tuple[bool | None, str]:
    """Whether the linear rule holds (None if undecided), and the sentence that says so."""
    if runs and all(adaptive(run) for run in runs):
        return None, (
            "cannot be told: Adam divides each gradient by its own size, so that these trainings have no temperature "
            "α/B that could follow a linear rule; the rule of Adam is the square root, α ∝ √B: see `coulombgas rescale`"
        )
    settings = {(run.dynamics.effective_rate, run.dynamics.batch_size) for run in used}
    if len(settings) < 2:
        return None, f"cannot be told: {_missing(runs, used, len(settings))}"
    if fit is None:
        return (
            None,
            "cannot be told: no group of levels has its noise measured in all runs; each layer's statement says why",
        )
    exponents = {"learning rate": fit.alpha_exponent, "batch size": fit.batch_exponent}
    known = {name: value for name, value in exponents.items() if value is not None}
    if not known:
        return (
            None,
            "cannot be told: learning rate and batch size change together; vary one of them alone in at least one run",
        )
    return _by_exponents(fit, known, len(settings), [name for name in exponents if name not in known])


def _by_exponents(
    fit: ScalingFit, known: dict[str, Interval], settings: int, missing: list[str]
) -> tuple[bool | None, str]:
    """Whether the linear rule holds (None if undecided), and a sentence, from exponents and scatter."""
    shown = ", ".join(f"{name} {_text(value)}" for name, value in known.items())
    shown = f"the linear rule has exponents of 1, found are {shown}, scatter {_text(fit.scatter)}"
    p_value = _distance(fit)
    if p_value < FALSE_ALARM:
        return False, f"does not hold: {shown}; p = {p_value:.1g}"
    if fit.scatter.lower > _LARGE_SCATTER:
        return False, f"does not hold: the runs scatter about every power law in learning rate and batch size; {shown}"
    wide = [name for name, value in known.items() if value.lower < 1 - _OTHER or value.upper > 1 + _OTHER]
    if wide:
        need = " and ".join(wide)
        return None, (
            f"cannot be told: {shown}; {settings} settings do not exclude another rule for the {need}: more settings, "
            f"a wider range of {need} (a factor of at least 8) or longer recordings would decide"
        )
    if missing:
        return None, (
            f"holds in the {next(iter(known))}, cannot be told in the {missing[0]}: {shown}; vary the {missing[0]} too"
        )
    return True, f"holds: {shown}"


def _missing(runs: Sequence[RecordedRun], used: Sequence[RecordedRun], settings: int) -> str:
    unknown = [run for run in runs if run not in used]
    if unknown:
        own = unknown[0].dynamics
        lacks = [name for name in ("learning_rate", "batch_size") if getattr(own, name) is None]
        why = f"does not know its {' and '.join(lacks)}: give it" if lacks else f"is left out ({own.why_no_rate})"
        return f"{unknown[0].path} {why}"
    if settings == 1 and len(used) > 1:
        return "all runs have one setting; record others, at least three that vary learning rate and batch size"
    return "one setting cannot be compared with anything; record at least three that vary learning rate and batch size"


def _distance(fit: ScalingFit) -> float:
    """Tail probability of (1, 1) in the posterior of the exponents, by their normal approximation."""
    names = [name for name in ("alpha_exponent", "batch_exponent") if name in fit.draws]
    draws = np.stack([np.ravel(fit.draws[name]) for name in names])
    away = 1.0 - draws.mean(axis=1)
    return float(chi2_sf(away @ np.linalg.solve(np.atleast_2d(np.cov(draws)), away), len(names)))


def _text(interval: Interval) -> str:
    return f"{interval.mean:.2f} [{interval.lower:.2f}, {interval.upper:.2f}]"
