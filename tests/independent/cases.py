"""The table of measured widths over their leading formulas: one frozen record per case."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .optimizers import Array, Optimizer
from .rbm import train_rbm
from .ridge import train_ridge
from .teacher_student import train_teacher_student
from .two_layer import train_two_layer
from .widths import group_width2

BURN, SPACING, RECORDS = 5, 1, 20  # in relaxation times; exp(-2 * 5) of a width's distance from its limit is left


@dataclass(frozen=True, kw_only=True)
class Case:
    """One machine at one setting.

    Args:
        run: the simulator.
        parameters: its arguments, without replicas, steps and seed.
        groups: modes of each level group, counted from the lowest level.
        unit: parameters to the leading s² of each mode, ascending.
        relaxation: updates in the slowest relaxation time (of one epoch's end to a later one for epochs).
        offset: updates after the end of an epoch at which levels are recorded.
    """

    name: str
    run: Callable[..., dict]
    parameters: dict[str, Any]
    groups: tuple[tuple[int, ...], ...]
    unit: Callable[[dict], Array]
    relaxation: int
    offset: int = 0
    optimizer: Optimizer = field(default_factory=Optimizer)

    def spectra(self, *, replicas: int, seed: int, records: int = RECORDS) -> dict:
        """Run the replicas; levels at ``records`` steps, one relaxation time apart, after five of them."""
        steps = [self.offset + self.relaxation * (BURN + SPACING * i) for i in range(records)]
        ensemble = {"replicas": replicas, "steps": steps, "seed": seed, "optimizer": self.optimizer}
        return self.run(**self.parameters, **ensemble)

    def ratios(self, *, replicas: int, seed: int, records: int = RECORDS) -> list[tuple[float, float, float]]:
        """Of each group: measured s² over the leading formula, its standard error, and the mean level."""
        result = self.spectra(replicas=replicas, seed=seed, records=records)
        unit, rows = self.unit(result), []
        for group in self.groups:
            width2, error = group_width2(result["eigenvalue"], list(group))
            scale = unit[list(group)].mean()
            rows.append((width2 / scale, error / scale, float(result["eigenvalue"][..., list(group)].mean())))
        return rows


def temperature(result: dict) -> float:
    return result["learning_rate"] / result["batch_size"]


def rbm_unit(result: dict) -> Array:
    """2 sigma_h² x T with x = mu² - kappa of the learnt modes, ascending."""
    learnt = result["kappa"][: min(len(result["kappa"]), result["num_hidden"])]
    return 2.0 * result["sigma_h2"] * (result["mu2"] - learnt[::-1]) * temperature(result)


def teacher_student_unit(result: dict) -> Array:
    return np.full(result["teacher"].size, result["noise"] ** 2 * temperature(result))


def two_layer_unit(result: dict) -> Array:
    return result["label_noise"] ** 2 * result["teacher"] * temperature(result)


def ridge_unit(result: dict) -> Array:
    return 2.0 * (result["target"] - result["ridge"]) * result["target"] ** 2 * temperature(result)


def machine(name: str, relaxation: int, **changes) -> Case:
    """An RBM with target (3, 4, 4, 6): levels 3, (5, 5), 6."""
    parameters = {"kappa": (3.0, 4.0, 4.0, 6.0), "mu2": 9.0, "learning_rate": 0.05, "batch_size": 16, **changes}
    groups = ((0,), (1, 2), (3,))
    return Case(name=name, run=train_rbm, parameters=parameters, groups=groups, unit=rbm_unit, relaxation=relaxation)


def student(name: str, relaxation: int, *, optimizer: Optimizer | None = None, offset: int = 0, **changes) -> Case:
    """A student of the teacher (1, 2, 2)."""
    parameters = {"teacher": (1.0, 2.0, 2.0), "noise": 0.1, "learning_rate": 0.1, "batch_size": 16, **changes}
    common = {"run": train_teacher_student, "groups": ((0,), (1, 2)), "unit": teacher_student_unit}
    rule = optimizer or Optimizer()
    return Case(name=name, parameters=parameters, relaxation=relaxation, optimizer=rule, offset=offset, **common)


def factors(name: str, optimizer: Optimizer, relaxation: int) -> Case:
    parameters = {"target": (1.0, 2.0, 2.0), "ridge": 0.5, "learning_rate": 0.02, "batch_size": 32}
    common = {"run": train_ridge, "groups": ((0,), (1, 2)), "unit": ridge_unit}
    return Case(name=name, parameters=parameters, relaxation=relaxation, optimizer=optimizer, **common)


UNLEARNT = (3.0, 4.0, 4.0, 5.0, 8.0, 8.5)
HEAVY_BALL, NESTEROV = Optimizer(momentum=0.9), Optimizer(momentum=0.9, nesterov=True)
CASES = (
    machine("CD-1", 140, chains="data", k=1),
    machine("CD-1, B = 64", 140, chains="data", k=1, batch_size=64),
    machine("CD-3", 120, chains="data", k=3),
    machine("PCD-1", 120, k=1),
    machine("PCD-1, B = 64", 120, k=1, batch_size=64),
    machine("PCD-1, learning rate 0.2, B = 64", 30, k=1, batch_size=64, learning_rate=0.2),
    machine("PCD-10", 120, k=10),
    # the slowest motion turns a learnt mode into an unlearnt one, at the rate a (1/5 - 1/8)
    machine("PCD-3, kappa (3, 4, 4, 5, 8, 8.5), N_h = 4", 270, k=3, kappa=UNLEARNT, num_hidden=4),
    machine("CD-1, kappa (3, 4, 4, 5, 8, 8.5), N_h = 4", 270, chains="data", kappa=UNLEARNT, num_hidden=4),
    machine("PCD-3, hidden variance 2", 60, k=3, sigma_h2=2.0),
    machine("PCD-3, hidden variance 0.5", 240, k=3, sigma_h2=0.5),
    Case(
        name="two-layer (0.5, 3, 3, 3)",
        run=train_two_layer,
        parameters={"teacher": (0.5, 3.0, 3.0, 3.0), "label_noise": 0.02, "learning_rate": 0.1, "batch_size": 4},
        groups=((0,), (1, 2, 3)),
        unit=two_layer_unit,
        relaxation=20,
    ),
    student("teacher-student", 20),
    student("teacher-student, quenched inputs", 20, sampling="quenched"),
    student("teacher-student, momentum 0.5", 20, optimizer=Optimizer(momentum=0.5)),
    student("teacher-student, momentum 0.9", 40, optimizer=HEAVY_BALL),
    student("teacher-student, momentum 0.9, no inputs", 40, sampling="no-inputs", optimizer=HEAVY_BALL),
    student("teacher-student, Nesterov 0.9", 40, optimizer=NESTEROV),
    student("teacher-student, weight decay 0.1", 20, optimizer=Optimizer(weight_decay=0.1)),
    student("teacher-student, epochs of 64, at their end", 20, sampling="epoch", samples=64),
    student("teacher-student, epochs of 64, halfway", 20, sampling="epoch", samples=64, offset=2),
    student("teacher-student, epochs of 512, at their end", 32, sampling="epoch", samples=512),
    student("teacher-student, epochs of 512, halfway", 32, sampling="epoch", samples=512, offset=16),
    student("teacher-student, 64 samples with replacement", 20, sampling="with-replacement", samples=64),
    factors("ridge factorisation", Optimizer(), 50),
    factors("ridge factorisation, momentum 0.8", Optimizer(momentum=0.8), 20),
)
