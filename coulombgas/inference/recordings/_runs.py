"""One recorded training: noise, temperature and equilibrium of every matrix at the end of the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from coulombgas._checks import InputError
from coulombgas._interval import Interval
from coulombgas.networks import (
    ADAPTIVE,
    Dynamics,
    LayerMotion,
    Window,
    common_temperature,
    layer_motion,
    num_leading,
    window,
)
from coulombgas.spectra import NetworkSpectra

from ._noise_scale import NoiseScale, noise_scale


@dataclass(frozen=True, kw_only=True)
class RecordedLayer:
    """One matrix of a run: its name and the motion of its levels."""

    name: str
    motion: LayerMotion

    def record(self) -> dict[str, Any]:
        """The matrix in plain Python objects; ``isotropic`` is true only where that is established, and the statement
        says whether it is refused otherwise or cannot be told."""
        leading, bulk = self.motion.leading, self.motion.bulk
        return {
            "name": self.name,
            "leading": {
                "modes": [] if leading is None else list(leading.modes),
                "noise": None if leading is None else leading.noise.as_dict(),
            },
            "bulk": {"noise": None if bulk is None else bulk.noise.as_dict()},
            "isotropic": self.motion.isotropic,
            "stationary": self.motion.stationary,
            "statement": self.motion.statement,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordedRun:
    """One recording.

    Attributes:
        path: its source.
        dynamics: learning rate, batch size and optimiser during the records used.
        temperature: s²/2α averaged over the leading levels in equilibrium, in units of the loss; of the bulk levels if
            no leading one is; None if none is.
        layers: matrices, in the order of the recording.
        noise_scale: tr Σ/|G|², where recorded.
        remark: which records were used, if not simply the later half.
    """

    path: str
    dynamics: Dynamics
    temperature: Interval | None
    layers: tuple[RecordedLayer, ...] = field(repr=False)
    noise_scale: NoiseScale | None = None
    remark: str = ""

    @property
    def label(self) -> str:
        """Short name for tables and legends."""
        rate, batch = self.dynamics.learning_rate, self.dynamics.batch_size
        return f"α = {'?' if rate is None else f'{rate:g}'}, B = {'?' if batch is None else f'{batch:g}'}"

    def record(self) -> dict[str, Any]:
        """The run in plain Python objects."""
        return {
            "path": self.path,
            "learning_rate": self.dynamics.learning_rate,
            "batch_size": self.dynamics.batch_size,
            "optimizer": self.dynamics.optimizer,
            "temperature": None if self.temperature is None else self.temperature.as_dict(),
            "layers": [layer.record() for layer in self.layers],
        }


def measure_runs(
    recordings: Sequence[NetworkSpectra], *, after: int | None, given: Mapping[str, Sequence[Any]]
) -> tuple[RecordedRun, ...]:
    """All runs, with the same leading levels in each of them.

    Args:
        recordings: trajectories of one architecture.
        after: last step to leave out; by default the first half of each run.
        given: "learning_rate", "batch_size" and "optimizer" of each run, for recordings that do not hold them.
    """
    windows = [_window(spectra, after, _own(given, index)) for index, spectra in enumerate(recordings)]
    paths = [
        {name: _trajectory(spectra, name, chosen) for name in spectra.names}
        for spectra, chosen in zip(recordings, windows, strict=True)
    ]
    counts: dict[str, int] = {}
    for spectra, tables in zip(recordings, paths, strict=True):
        for name, (levels, _) in tables.items():
            counts[name] = max(counts.get(name, 0), num_leading(levels[-1], _rows(spectra, name)))
    return tuple(
        _run(spectra, chosen, tables, counts)
        for spectra, chosen, tables in zip(recordings, windows, paths, strict=True)
    )


def _run(
    spectra: NetworkSpectra, chosen: Window, tables: Mapping[str, tuple[np.ndarray, np.ndarray]], counts: dict[str, int]
) -> RecordedRun:
    """The motion of every matrix of one run, its temperature and its gradient noise scale."""
    layers = []
    for name, (levels, steps) in tables.items():
        count = min(counts[name], levels.shape[1])
        motion = layer_motion(levels, steps, num_leading=count, dynamics=chosen.dynamics)
        layers.append(RecordedLayer(name=name, motion=motion))
    return RecordedRun(
        path=", ".join(spectra.source) or "memory", dynamics=chosen.dynamics,
        temperature=common_temperature([layer.motion for layer in layers]), layers=tuple(layers),
        noise_scale=noise_scale(spectra.training, chosen.records), remark=chosen.remark,
    )  # fmt: skip


def _own(given: Mapping[str, Sequence[Any]], index: int) -> dict[str, Any]:
    return {name: values[index] for name, values in given.items() if len(values)}


def _window(spectra: NetworkSpectra, after: int | None, given: dict[str, Any]) -> Window:
    """Records that are used, with what is known of the optimiser; what the caller gave comes first."""
    if len(spectra.steps) < 3:
        where = ", ".join(spectra.source) or "a recording"
        raise InputError(f"{where}: {len(spectra.steps)} of the records have known steps, at least three are needed.")
    steps = np.array(spectra.steps)
    chosen = window(steps, spectra.training, after=after, learning_rate=given.get("learning_rate"))
    own = chosen.dynamics
    optimizer = given.get("optimizer", own.optimizer)
    batch = given.get("batch_size", own.batch_size)
    dynamics = Dynamics(
        optimizer=optimizer, learning_rate=own.learning_rate, batch_size=None if batch is None else float(batch),
        memory=0.0 if optimizer == "sgd" and own.memory is None else own.memory, dampening=own.dampening,
    )  # fmt: skip
    return Window(chosen.records, dynamics, chosen.remark)


def _trajectory(spectra: NetworkSpectra, name: str, chosen: Window) -> tuple[np.ndarray, np.ndarray]:
    layers = sorted((layer for layer in spectra if layer.name == name), key=lambda layer: layer.step or 0)
    kept = set(spectra.steps[chosen.records])
    layers = [layer for layer in layers if layer.step in kept]
    if len({layer.shape for layer in layers}) != 1:
        raise InputError(f"{name}: the matrix has no or more than one shape among the records used.")
    return np.stack([layer.eigenvalues for layer in layers]), np.array([layer.step for layer in layers])


def _rows(spectra: NetworkSpectra, name: str) -> int:
    return max(next(layer.shape for layer in spectra if layer.name == name))


def adaptive(run: RecordedRun) -> bool:
    """Whether the optimiser has no temperature α/B."""
    return run.dynamics.optimizer in ADAPTIVE
