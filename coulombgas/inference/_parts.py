"""The parts of a fit: level groups, settings, the scaling rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from coulombgas._checks import InputError
from coulombgas._interval import Interval

R_HAT_LIMIT = 1.01


@dataclass(frozen=True, kw_only=True)
class LevelFit:
    """One level group of one setting.

    Attributes:
        center: fixed point x_s of the group.
        modes: indices of its modes, ascending.
        levels: the data, shape (replica, mode of the group), ascending.
        width_draws: posterior of the width s, shape (chain, draw).
        center_draws: posterior of the centre κ, shape (chain, draw).
        width: its mean and 95% interval.
        width2_per_temperature: s²/T at leading order; None if the theory gives none.
        predicted_width: s at the true temperature, including corrections; None without a theory.
        used: whether the temperature was inferred from this group.
    """

    center: float
    modes: tuple[int, ...]
    levels: np.ndarray = field(repr=False)
    width_draws: np.ndarray = field(repr=False)
    center_draws: np.ndarray = field(repr=False)
    width: Interval
    width2_per_temperature: float | None = None
    predicted_width: float | None = None
    used: bool = True

    @property
    def size(self) -> int:
        """Number of modes in the group."""
        return len(self.modes)

    @property
    def spacings(self) -> np.ndarray:
        """Neighbour spacings S, shape (replica, size − 1)."""
        return np.diff(self.levels, axis=-1)


@dataclass(frozen=True, kw_only=True)
class SettingFit:
    """One setting (learning rate, batch size) of one source.

    Attributes:
        path: source of the spectra.
        model: name of the model, "rbm", "teacher-student", …
        learning_rate, batch_size: the setting.
        true_temperature: the effective temperature of the training, α/B for plain gradient descent; None if the
            optimiser has none.
        formula: that temperature in words, "α/B" or "α/(B(1 − m))".
        temperature: posterior mean and 95% interval of the temperature inferred from the spectra; None without a model.
        relative_temperature: without a model, that of T over the T of the first setting; else None.
        temperature_draws: posterior of whichever of the two is given, shape (chain, draw).
        levels: one :class:`LevelFit` for each level group, ascending.
        num_replicas: replicas used.
        r_hat, ess, divergences: the worst R-hat, the smallest effective sample size, all divergences.
        warnings: warnings about the numbers, one sentence each.
        consistent: False if the level groups contradict a common temperature.
        assumed: relevant values that were not given but assumed, by name.
    """

    path: str
    model: str | None
    learning_rate: float
    batch_size: int
    temperature: Interval | None
    temperature_draws: np.ndarray = field(repr=False)
    levels: tuple[LevelFit, ...] = field(repr=False)
    num_replicas: int
    r_hat: float
    ess: float
    divergences: int
    warnings: tuple[str, ...] = ()
    true_temperature: float | None = None
    formula: str = "α/B"
    relative_temperature: Interval | None = None
    consistent: bool = True
    assumed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def nominal(self) -> float:
        """The temperature to compare with: the true one if there is one, else α/B."""
        return self.learning_rate / self.batch_size if self.true_temperature is None else self.true_temperature

    @property
    def holds(self) -> bool | None:
        """Whether the 95% interval contains the true temperature; None if there is none."""
        if self.temperature is None or self.true_temperature is None:
            return None
        return self.temperature.contains(self.true_temperature)

    @property
    def known(self) -> Interval:
        """The temperature, absolute or relative to the first setting."""
        found = self.temperature if self.temperature is not None else self.relative_temperature
        if found is None:
            raise InputError(f"{self.path}: this setting has no temperature.")
        return found

    @property
    def label(self) -> str:
        """Short name for legends."""
        return f"α = {self.learning_rate:g}, B = {self.batch_size}"

    def record(self) -> dict[str, Any]:
        """The setting in plain Python objects."""
        return {
            "path": self.path,
            "model": self.model,
            "learning_rate": self.learning_rate,
            "batch_size": self.batch_size,
            "temperature": None
            if self.temperature is None
            else {**self.temperature.as_dict(), "true": self.true_temperature},
            "relative_temperature": None if self.relative_temperature is None else self.relative_temperature.as_dict(),
            "formula": self.formula,
            "consistent": self.consistent,
            "assumed": dict(self.assumed),
            "widths": [
                {"level": index, **level.width.as_dict(), "fixed_point": level.center, "size": level.size}
                for index, level in enumerate(self.levels)
            ],
            "num_replicas": self.num_replicas,
            "r_hat": self.r_hat,
            "ess": self.ess,
            "divergences": self.divergences,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, kw_only=True)
class ScalingFit:
    r"""The scaling rule :math:`\log\hat T = \log c + a\log\alpha - b\log B +` scatter across settings.

    Attributes:
        draws: "log_prefactor", "scatter" and the identified ones of "alpha_exponent" and "batch_exponent", each (chain,
            draw).
        alpha_exponent, batch_exponent: a and b; None if the settings do not identify them.
        prefactor: c; with an exponent that is not identified, its value at exponent 1.
        scatter: standard deviation of log T̂ between settings beyond the posterior error of each.
        r_hat, ess, divergences: as in :class:`SettingFit`.
        warnings: warnings about the numbers.
        wider_prior: a, b and scatter again, under priors twice as wide.
        method: "two-stage" (from the settings' posteriors of T) or "joint" (one posterior from all energies; then
            ``draws["temperature"]``, (chain, draw, setting), are the temperatures given the rule).
    """

    draws: Mapping[str, np.ndarray] = field(repr=False)
    alpha_exponent: Interval | None
    batch_exponent: Interval | None
    prefactor: Interval
    scatter: Interval
    r_hat: float
    ess: float
    divergences: int
    warnings: tuple[str, ...] = ()
    wider_prior: Mapping[str, Interval] = field(default_factory=dict)
    method: str = "two-stage"

    def record(self) -> dict[str, Any]:
        """The rule in plain Python objects."""
        named = {
            "alpha_exponent": self.alpha_exponent,
            "batch_exponent": self.batch_exponent,
            "prefactor": self.prefactor,
            "scatter": self.scatter,
        }
        return {
            **{name: None if value is None else value.as_dict() for name, value in named.items()},
            "r_hat": self.r_hat,
            "ess": self.ess,
            "divergences": self.divergences,
            "warnings": list(self.warnings),
            "wider_prior": {name: value.as_dict() for name, value in self.wider_prior.items()},
            "method": self.method,
        }


def diagnostic_warnings(r_hat: float, divergences: int) -> tuple[str, ...]:
    """Warnings about a sampler that did not converge."""
    found = []
    if not r_hat <= R_HAT_LIMIT:
        found.append(f"chains disagree: r_hat {r_hat:.3f} > {R_HAT_LIMIT}; sample longer")
    if divergences:
        found.append(f"{divergences} divergent transitions; the interval may be too narrow")
    return tuple(found)
