"""What a fit is made of: level groups, settings, the scaling rule."""

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
        width2_per_temperature: s²/T at leading order; None where the theory gives none.
        predicted_width: s at the true temperature, corrections included; None without a theory.
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
        path: where the spectra came from.
        model: name of the model, "rbm", "teacher-student", ….
        learning_rate, batch_size: the setting.
        true_temperature: the effective temperature of the training, α/B for plain gradient descent; None where the
            optimiser has none.
        formula: that temperature in words, "α/B" or "α/(B(1 − m))".
        temperature: posterior mean and 95% interval of the temperature inferred from the spectra; None without a model.
        relative_temperature: without a model, that of T over the T of the first setting; else None.
        temperature_draws: posterior of the one that is there, shape (chain, draw).
        levels: one :class:`LevelFit` for each level group, ascending.
        num_replicas: replicas that entered.
        r_hat, ess, divergences: the worst R-hat, the smallest effective sample size, all divergences.
        warnings: what a reader of the numbers must know, one sentence each.
        consistent: False where the level groups contradict one common temperature.
        assumed: what matters, was not given and is assumed, by name.
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
        """What the temperature is compared with: the true one where there is one, else α/B."""
        return self.learning_rate / self.batch_size if self.true_temperature is None else self.true_temperature

    @property
    def holds(self) -> bool | None:
        """Whether the 95% interval holds the true temperature; None where there is none to hold."""
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
        draws: "log_prefactor", "scatter" and the identified ones of "alpha_exponent" and "batch_exponent", each
            (chain, draw).
        alpha_exponent, batch_exponent: a and b; None where the settings do not identify them.
        prefactor: c; with an exponent that is not identified, its value at exponent 1.
        scatter: standard deviation of log T̂ between settings beyond the posterior error of each.
        warnings: what a reader must know.
        wider_prior: a, b and scatter once more, as priors twice as wide have them.
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
    """Sentences about a sampler that did not do its work."""
    found = []
    if not r_hat <= R_HAT_LIMIT:
        found.append(f"chains disagree: r_hat {r_hat:.3f} > {R_HAT_LIMIT}; sample longer")
    if divergences:
        found.append(f"{divergences} divergent transitions; the interval may be too narrow")
    return tuple(found)
