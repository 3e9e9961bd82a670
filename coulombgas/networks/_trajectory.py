r"""Spectra along a training run: bulk width, level repulsion, births of spikes, and when a layer has a temperature.

A layer has a temperature where its bulk is in equilibrium between gradient noise and weight decay. Under
W' = −Γ W + noise the stationary law is Laguerre (arXiv:2507.12709) with variance v = D/Γ; in units of the loss,
equipartition reads :math:`T = \lambda v` with the weight decay λ of the potential λ‖W‖²/2. That needs the bulk to be
Marchenko-Pastur, its variance to have stopped drifting, and the initial weights to be forgotten,
:math:`e^{-2\sum\alpha\lambda} \ll 1`. Where one of these fails there is no temperature, and the reason is stated.
The noise itself is measured from the motion of the levels, where they can be followed from record to record.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._checks import InputError, check_non_negative
from coulombgas._interval import Interval
from coulombgas._results import to_dataset
from coulombgas.spectra import RecordedTraining

from ._analysis import LayerAnalysis, NetworkAnalysis
from ._layer_noise import LayerMotion, layer_motion
from ._layer_table import layer_table
from ._training import Dynamics, window

_MIN_STEPS = 6
_FORGOTTEN = 0.05
_DRIFT_LIMIT = 3.0


@dataclass(frozen=True, kw_only=True)
class SpikeBirth:
    """When the number of spikes first reached ``rank`` and stayed there.

    Attributes:
        rank: number of spikes from then on.
        step: first recorded step with as many.
        previous_step: last recorded step before it: the spike appeared between the two; None when it was there from the
            start.
    """

    rank: int
    step: int
    previous_step: int | None


@dataclass(frozen=True, kw_only=True)
class LayerTrajectory:
    """One matrix through training.

    Attributes:
        name: of the matrix.
        steps: recorded training steps, shape (step,).
        layers: the analysis at each step.
        variance: posterior mean, lower and upper end of the bulk variance, shape (step, 3).
        width: distance between the bulk edges, shape (step,).
        num_spikes: number of spikes, shape (step,).
        repulsion: Brody's q, mean, lower, upper, shape (step, 3).
        ratio: mean spacing ratio and its standard error, shape (step, 2).
        births: when spikes appeared for good.
        drift: change of the log of the bulk variance over the later half of the steps; None for fewer than three
            records there.
        motion: noise, temperature and equilibrium of leading levels and bulk, from the motion of the levels.
        dynamics: learning rate, batch size and optimiser during the records used for it.
        temperature: effective temperature in units of the loss; None where the layer has none.
        statement: the temperature, or why there is none, in one sentence.
    """

    name: str
    steps: np.ndarray
    layers: tuple[LayerAnalysis, ...] = field(repr=False)
    variance: np.ndarray = field(repr=False)
    width: np.ndarray = field(repr=False)
    num_spikes: np.ndarray = field(repr=False)
    repulsion: np.ndarray = field(repr=False)
    ratio: np.ndarray = field(repr=False)
    births: tuple[SpikeBirth, ...]
    drift: Interval | None
    motion: LayerMotion
    dynamics: Dynamics
    temperature: Interval | None
    statement: str

    def records(self) -> list[dict[str, Any]]:
        """One dictionary of plain Python objects for each recorded step, with the keys of
        :meth:`NetworkAnalysis.records`."""
        return [{**layer.record(), "step": int(step)} for layer, step in zip(self.layers, self.steps, strict=True)]

    def dataset(self) -> xr.Dataset:
        """The records over ``step``."""
        return to_dataset(self.records(), "step", coords=("name",), statement=self.statement)

    def table(self) -> str:
        """One line of text for each recorded step; below them the spikes that appeared and the temperature."""
        said = [
            f"spike {birth.rank} from step {birth.step} on"
            + ("" if birth.previous_step is None else f", absent at {birth.previous_step}")
            for birth in self.births
        ]
        return "\n".join([layer_table(self.layers), *said, self.statement])


def follow(
    analysis: NetworkAnalysis,
    *,
    learning_rate: float | Sequence[float] | None = None,
    weight_decay: float | None = None,
) -> tuple[LayerTrajectory, ...]:
    """Follow each matrix of a trajectory through training.

    Args:
        analysis: analysis of at least two checkpoints.
        learning_rate: learning rate, or its mean over each interval between recorded steps; needed for a temperature
            where the recording does not know it.
        weight_decay: decoupled weight decay λ, W' = W − αλW − α·gradient; needed for a temperature.

    Raises:
        InputError: when the analysis is of a single checkpoint.
    """
    if len(analysis.steps) < 2:
        raise InputError("`analysis` must be of at least two checkpoints with known steps.")
    if weight_decay is not None:
        check_non_negative("weight_decay", weight_decay)
    groups: dict[str, list[LayerAnalysis]] = {}
    for layer in analysis:
        groups.setdefault(layer.name, []).append(layer)
    return tuple(
        _follow_layer(
            sorted(layers, key=lambda layer: layer.step or 0), analysis.spectra.training, learning_rate, weight_decay
        )
        for layers in groups.values()
    )


def _follow_layer(
    layers: list[LayerAnalysis],
    training: RecordedTraining | None,
    learning_rate: float | Sequence[float] | None,
    weight_decay: float | None,
) -> LayerTrajectory:
    """One matrix through training, from the analyses of its records."""
    steps = np.array([layer.step or 0 for layer in layers])
    num_spikes = np.array([layer.spikes.num_spikes if layer.spikes else 0 for layer in layers])
    variance = np.array([_triple(layer.spikes.bulk.variance if layer.spikes else None) for layer in layers])
    width = np.array([
        layer.spikes.bulk.edge - layer.spikes.bulk.lower_edge if layer.spikes else np.nan for layer in layers
    ])  # fmt: skip
    drift = _drift(steps, variance[:, 0], layers)
    temperature, statement = _temperature(layers, steps, drift, learning_rate, weight_decay)
    motion, dynamics = _motion(layers, steps, num_spikes, training, learning_rate)
    return LayerTrajectory(
        name=layers[0].name,
        steps=steps,
        layers=tuple(layers),
        variance=variance,
        width=width,
        num_spikes=num_spikes,
        repulsion=np.array([_triple(layer.repulsion.brody if layer.repulsion else None) for layer in layers]),
        ratio=np.array([layer.ratio[:2] if layer.ratio else (np.nan, np.nan) for layer in layers]),
        births=spike_births(steps, num_spikes),
        drift=drift,
        motion=motion,
        dynamics=dynamics,
        temperature=temperature,
        statement=statement,
    )


def _motion(
    layers: list[LayerAnalysis],
    steps: np.ndarray,
    num_spikes: np.ndarray,
    training: RecordedTraining | None,
    learning_rate: float | Sequence[float] | None,
) -> tuple[LayerMotion, Dynamics]:
    """Motion over the records of the last setting, the spikes of any of them being the leading levels."""
    if len(steps) < 3:
        chosen = window(np.arange(3), training=None)
    else:
        chosen = window(steps, training, learning_rate=learning_rate)
    levels, part = _levels(layers), chosen.records
    few = layers[-1].spikes is None
    num_leading = levels.shape[1] if few else min(int(num_spikes[part].max(initial=0)), levels.shape[1])
    motion = layer_motion(levels[part], steps[part], num_leading=num_leading, dynamics=chosen.dynamics)
    return motion, chosen.dynamics


def _levels(layers: list[LayerAnalysis]) -> np.ndarray:
    """Levels of all records, (step, mode); without modes when the matrix changes its shape."""
    levels = [layer.spectrum.eigenvalues for layer in layers]
    same = len({layer.spectrum.shape for layer in layers}) == 1
    return np.stack(levels) if same else np.empty((len(levels), 0))


def spike_births(steps: np.ndarray, num_spikes: np.ndarray) -> tuple[SpikeBirth, ...]:
    """Steps from which on there are at least 1, 2, … spikes at every later record.

    Demanding it of all later records keeps the false-alarm rate of a single record from adding up; a spike seen at the
    last record only is not called born.

    Args:
        steps: recorded steps, ascending, shape (step,).
        num_spikes: number of spikes at each, shape (step,).
    """
    lasting = np.minimum.accumulate(np.asarray(num_spikes)[::-1])[::-1]
    found = []
    for rank in range(1, int(lasting[-1]) + 1):
        index = int(np.argmax(lasting >= rank))
        if index < len(lasting) - 1:
            before = int(steps[index - 1]) if index else None
            found.append(SpikeBirth(rank=rank, step=int(steps[index]), previous_step=before))
    return tuple(found)


def _triple(interval: Interval | None) -> tuple[float, float, float]:
    return interval[:3] if interval is not None else (np.nan, np.nan, np.nan)


def _temperature(
    layers: list[LayerAnalysis],
    steps: np.ndarray,
    drift: Interval | None,
    learning_rate: float | Sequence[float] | None,
    weight_decay: float | None,
) -> tuple[Interval | None, str]:
    """Equipartition temperature, or None with the first assumption that fails."""
    last = layers[-1].spikes
    if last is None:
        return None, "no temperature: too few levels for a bulk"
    if last.bulk.fits and not layers[-1].is_noise:
        return None, "no temperature: the entries are not independent draws of one law, so the bulk is not pure noise"
    if not layers[-1].is_noise:
        return None, "no temperature: the bulk is not Marchenko-Pastur, so it is not pure noise"
    if np.count_nonzero(_later_half(steps)) < _MIN_STEPS or drift is None:
        return None, f"no temperature: fewer than {_MIN_STEPS} records in the later half cannot show equilibrium"
    if abs(drift.mean) > _DRIFT_LIMIT * drift.sd:
        return None, (
            f"no temperature: the bulk variance is still drifting, by {100 * drift.mean:+.1f}% ± {100 * drift.sd:.1f}% "
            "over the later half"
        )
    if weight_decay is None or learning_rate is None:
        absent = [
            name for name, value in (("learning rate", learning_rate), ("weight decay", weight_decay)) if value is None
        ]
        return None, (
            "no temperature: the bulk variance does not drift, but for equipartition "
            f"{' and '.join(absent)} {'are' if len(absent) > 1 else 'is'} not given"
        )
    if weight_decay == 0:
        return None, "no temperature: without weight decay nothing balances the noise"
    rates = np.broadcast_to(np.asarray(learning_rate, dtype=np.float64), (steps.size - 1,))
    memory = float(np.exp(-2 * weight_decay * np.sum(rates * np.diff(steps))))
    if memory > _FORGOTTEN:
        return None, (
            f"no temperature: the bulk keeps {100 * memory:.0f}% of its initial variance, "
            "so weight decay and noise are not in balance yet"
        )
    found = last.bulk.variance
    temperature = Interval(*(weight_decay * value for value in found))
    return temperature, (
        f"effective temperature {temperature.mean:.3g} [{temperature.lower:.3g}, {temperature.upper:.3g}] "
        "in units of the loss, from equipartition with the weight decay"
    )


def _later_half(steps: np.ndarray) -> np.ndarray:
    return steps >= (steps[0] + steps[-1]) / 2


def _drift(steps: np.ndarray, variance: np.ndarray, layers: list[LayerAnalysis]) -> Interval | None:
    """Change of the log variance over the later half; records are correlated, so residuals set the error."""
    late = _later_half(steps) & np.isfinite(variance)
    if np.count_nonzero(late) < 3:
        return None
    span = (steps[late] - steps[late][0]) / (steps[-1] - steps[late][0])
    log_variance = np.log(variance[late])
    slope, offset = np.polyfit(span, log_variance, 1)
    residual = log_variance - slope * span - offset
    bulk = layers[-1].spikes
    sampling = bulk.bulk.variance.sd / bulk.bulk.variance.mean if bulk else 0.0
    # one independent fluctuation of the size of the posterior at each end is the least that a drift must beat
    scatter = float(np.sqrt((residual**2).sum() / (span.size - 2) / np.sum((span - span.mean()) ** 2)))
    error = float(np.hypot(scatter, np.sqrt(2) * sampling))
    return Interval(float(slope), float(slope - 1.96 * error), float(slope + 1.96 * error), error)
