"""Machines whose levels are drawn from their law at a known temperature, and fitted like any data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import numpyro.distributions as dist

from coulombgas.inference._level_groups import group_data
from coulombgas.inference._problem import Problem
from coulombgas.inference._records import Record
from coulombgas.inference._settings import SettingData
from coulombgas.inference.temperature._groups import find_curves, temperature_problem
from coulombgas.inference.temperature._spectrum import spectrum_problem, spectrum_response
from coulombgas.models import GaussianRBM, MatrixDyson, Model
from coulombgas.theory import ResponseCurve, Theory, find_theory
from coulombgas.training import Optimizer

_TYPICAL = 0.004  # learning rate at which the response of the paper's machine was measured


@dataclass(frozen=True)
class Machine:
    """A machine at one setting.

    Attributes:
        prior: prior of its temperature, unless another is given.
        replicas: replicas in each data set.
        curve: its response, with an error common to a data set.
        shift: mean shift of the groups at a temperature and its error, each (group,).
        settings: levels (data set, replica, mode) as the settings of a fit.
        problem: function from levels to the problem of a fit.
    """

    prior: Any
    replicas: int
    theory: Theory
    curve: ResponseCurve
    shift: Callable[[float], tuple[np.ndarray, np.ndarray]]
    problem: Callable[[np.ndarray], Problem]

    def simulate(self, num: int, seed: int, law: Any) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
        """Temperatures drawn from ``law`` and levels of the machine at them, (data set, replica, mode)."""
        temperatures = np.asarray(law.sample(jax.random.key(seed), (num,)), dtype=np.float64)
        rng = np.random.default_rng(seed)
        levels = np.stack([self._levels(float(temperature), rng) for temperature in temperatures])
        return {"temperature": temperatures}, [levels]

    def _levels(self, temperature: float, rng: np.random.Generator) -> np.ndarray:
        """Blocks of GOE matrices of each group's width around its mean."""
        groups, curve = self.theory.groups, self.curve
        log_ratio = np.log(curve.ratio(temperature)) + curve.ratio_error(temperature) * rng.standard_normal(len(groups))
        width2 = temperature * self.theory.width2_per_temperature * np.exp(log_ratio)
        mean, error = self.shift(temperature)
        centres = np.array([group.center for group in groups]) + mean + error * rng.standard_normal(len(groups))
        columns = np.zeros((self.replicas, sum(len(group.modes) for group in groups)))
        for group, own, centre in zip(groups, width2, centres, strict=True):
            draws = rng.standard_normal((self.replicas, group.size, group.size))
            block = (draws + np.swapaxes(draws, 1, 2)) / 2  # variance 1 on the diagonal, 1/2 off it: width 1
            columns[:, list(group.modes)] = centre + np.sqrt(own) * np.linalg.eigvalsh(block)
        return columns


def exact_machine(replicas: int) -> Machine:
    """Groups of one, two and three levels whose widths are exactly proportional to T."""
    model = MatrixDyson(target=(1.0, 2.0, 2.0, 4.0, 4.0, 4.0))
    theory = find_theory(model, learning_rate=0.1, batch_size=16)
    settings = _settings(model, theory)
    curve = find_curves(settings(np.broadcast_to(model.fixed_point, (1, 2, 6)) + _SPREAD[:, None]))[0]
    nothing = np.zeros(len(theory.groups))
    # the curve is exact here at any T: overlaps of the groups are not simulated
    flat = ResponseCurve(curve.temperature, 0 * curve.log_ratio, 0 * curve.error, "exact")

    def problem(levels: np.ndarray) -> Problem:
        return temperature_problem(settings(levels), [flat] * len(levels))

    return Machine(dist.LogNormal(np.log(_TYPICAL), 3.0), replicas, theory, flat, lambda t: (nothing, nothing), problem)


def paper_machine(replicas: int, *, whole: bool) -> Machine:
    """The RBM of ALP24 (arXiv:2407.16427) at α = 0.1 with its measured response; ``whole``: with its mean levels."""
    model = GaussianRBM()
    theory = find_theory(model, learning_rate=0.1, batch_size=16)
    settings = _settings(model, theory)
    typical = settings(np.broadcast_to(model.fixed_point, (1, 2, 10)) + np.sqrt(_TYPICAL) * _SPREAD[:, None])[0]
    response = spectrum_response(typical, _TYPICAL)
    curve = response.widths

    def shift(temperature: float) -> tuple[np.ndarray, np.ndarray]:
        tables = (response.shift, response.shift_error)
        mean, error = (
            np.array([np.interp(temperature, curve.temperature, column) for column in table.T]) for table in tables
        )
        return (mean, error) if whole else (0 * mean, 0 * error)

    def problem(levels: np.ndarray) -> Problem:
        own = settings(levels)
        return spectrum_problem(own)[0] if whole else temperature_problem(own, [curve] * len(levels))

    return Machine(dist.LogNormal(np.log(_TYPICAL), 0.6), replicas, theory, curve, shift, problem)


_SPREAD = np.array([-1.0, 1.0])  # two fluctuating replicas, to build a setting without data


def _settings(model: Model, theory: Theory) -> Callable[[np.ndarray], list[SettingData]]:
    """Levels (data set, replica, mode) as settings, through the grouping of a fit."""

    def make(levels: np.ndarray) -> list[SettingData]:
        return [_setting(model, theory, own) for own in levels]

    return make


def _setting(model: Model, theory: Theory, levels: np.ndarray) -> SettingData:
    """Simulated levels in the form in which a fit gets those of a file."""
    record = Record(
        path="simulated", model=model, model_name=model.name, learning_rate=theory.learning_rate,
        batch_size=theory.batch_size, optimizer=Optimizer(), sampling="with-replacement", updates_per_epoch=None,
        levels=levels, history=None, history_steps=None, step=None, steps=None, num_failed=0, assumed={},
    )  # fmt: skip
    return SettingData(
        record=record, model=model, theory=theory, optimizer=Optimizer(), groups=group_data(levels, theory),
        num_replicas=len(levels), effective_replicas=float(len(levels)),
        effective_means=float(len(levels)), tolerance=1e-3, warnings=(),
    )  # fmt: skip
