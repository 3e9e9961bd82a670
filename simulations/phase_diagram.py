"""Phases of training in the plane of learning rate and initial scale (the network of arXiv:2509.01349).

y = Z tanh(W tanh(M x)) with 3 → 32 → 16 → 1 units; M and Z are fixed and random, only W (16×32) is trained, by SGD with
batches of 4 on a random teacher of the same architecture. Learning rate α and the standard deviation of the entries of
√32·W₀ (of W₀ itself when ``scaled`` is off) each run over {1/8, …, 256}; temperature is α/4. At every point an ensemble
is trained and three numbers are taken: the loss over its initial value, the distance that the singular values have
moved relative to their initial size, and their fluctuation over the last records.

Classified as *frozen* (singular values moved by less than ``moved``), *learning* (moved, and the loss fell below
``learnt`` of its start) and *noisy* (moved without learning). The thresholds are our choice and can be set.
"""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from matplotlib.figure import Figure

from coulombgas._checks import check_count, check_positive
from coulombgas._types import Progress
from coulombgas.plot import house_style, new_figure

from ._experiment import Outcome, main, mean_of

PHASES = ("frozen", "learning", "noisy")
_RECORDS = 20


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the phase diagram."""

    learning_rates: tuple[float, ...] = tuple(2.0**k for k in range(-3, 9))
    """α."""
    stds: tuple[float, ...] = tuple(2.0**k for k in range(-3, 9))
    """Initial standard deviations."""
    scaled: bool = True
    """Divide the initial weights by √32, the number of inputs of a unit."""
    batch_size: int = 4
    """|B|."""
    steps: int = 600
    """Updates."""
    replicas: int = 8
    """Networks at each point."""
    test_points: int = 256
    """Inputs on which the loss is measured."""
    moved: float = 0.05
    """Relative motion of the singular values below which training is frozen."""
    learnt: float = 0.5
    """Fraction of the initial loss below which a network has learnt."""
    seed: int = 0
    """Seed of all random numbers."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "replicas", "test_points"):
            check_count(name, getattr(self, name))
        check_count("steps", self.steps, _RECORDS)
        for name in ("learning_rates", "stds"):
            for value in getattr(self, name):
                check_positive(name, value)


FULL = Config(steps=20_000, replicas=100)
INPUTS, WIDE, NARROW = 3, 32, 16


def network(weights: Array, fixed: tuple[Array, Array], x: Array) -> Array:
    """y = Z tanh(W tanh(M x)) for one input."""
    first, last = fixed
    return jnp.tanh(weights @ jnp.tanh(first @ x)) @ last


def fixed_layers(key: Array) -> tuple[Array, Array]:
    """Random M (32×3) and Z (16), rows normalised to unit output variance."""
    first, last = jax.random.normal(key, (WIDE, INPUTS)), jax.random.normal(jax.random.fold_in(key, 1), (NARROW,))
    return first / np.sqrt(INPUTS), last / np.sqrt(NARROW)


@partial(jax.jit, static_argnames=("config",))
def train_point(rate: Array, std: Array, replica: Array, *, config: Config) -> dict[str, Array]:
    """One network at one point: losses before and after, singular values at equally spaced records."""
    key = jax.random.fold_in(jax.random.key(config.seed), replica)
    keys = dict(zip(("layers", "teacher", "start", "test", "batch"), jax.random.split(key, 5), strict=True))
    fixed, size = fixed_layers(keys["layers"]), (NARROW, WIDE)
    teacher = jax.random.normal(keys["teacher"], size) / np.sqrt(WIDE)
    start = std * jax.random.normal(keys["start"], size) / (np.sqrt(WIDE) if config.scaled else 1.0)

    def loss(weights: Array, x: Array) -> Array:
        error = jax.vmap(lambda one: network(weights, fixed, one) - network(teacher, fixed, one))(x)
        return 0.5 * (error**2).mean()

    def update(step: Array, weights: Array) -> Array:
        x = jax.random.normal(jax.random.fold_in(keys["batch"], step), (config.batch_size, INPUTS))
        return weights - rate * jax.grad(loss)(weights, x)

    def record(weights: Array, index: Array) -> tuple[Array, Array]:
        length = config.steps // _RECORDS
        weights = jax.lax.fori_loop(index * length, (index + 1) * length, update, weights)
        return weights, jnp.linalg.svd(weights, compute_uv=False)

    test = jax.random.normal(keys["test"], (config.test_points, INPUTS))
    end, singular = jax.lax.scan(record, start, jnp.arange(_RECORDS))
    return {
        "initial_loss": loss(start, test),
        "final_loss": loss(end, test),
        "initial": jnp.linalg.svd(start, compute_uv=False),
        "singular": singular,
    }


def run(config: Config, *, progress: Progress | None = None, store: Path | None = None) -> Outcome:
    """Train the whole plane, classify, draw; too short to be resumed (``store`` is not used)."""
    replicas = jnp.arange(config.replicas)
    points = []
    over_rates = jax.vmap(jax.vmap(partial(train_point, config=config), (None, None, 0)), (0, None, None))
    for index, std in enumerate(config.stds):
        points.append(jax.device_get(over_rates(jnp.asarray(config.learning_rates), jnp.asarray(std), replicas)))
        if progress is not None:
            progress(index + 1, len(config.stds))
    data = {name: np.stack([point[name] for point in points]) for name in points[0]}
    summary = summarise(data)
    rows = [
        {
            "std": std,
            "learning_rate": rate,
            "temperature": rate / config.batch_size,
            "phase": classify(summary, (i, j), config),
            **{name: mean_of(values[i, j]) for name, values in summary.items()},
        }
        for i, std in enumerate(config.stds)
        for j, rate in enumerate(config.learning_rates)
    ]
    counts = {phase: sum(row["phase"] == phase for row in rows) for phase in PHASES}
    return Outcome(numbers={"counts": counts, "points": rows}, figure=draw(config, summary))


def summarise(data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Loss ratio, motion and fluctuation of the singular values, each (std, rate, replica)."""
    scale = np.linalg.norm(data["initial"], axis=-1)
    half = data["singular"][..., _RECORDS // 2 :, :]
    return {
        "loss_ratio": data["final_loss"] / data["initial_loss"],
        "motion": np.linalg.norm(data["singular"][..., -1, :] - data["initial"], axis=-1) / scale,
        "shaking": np.sqrt(half.var(axis=-2).sum(axis=-1)) / np.linalg.norm(half.mean(axis=-2), axis=-1),
    }


def classify(summary: dict[str, np.ndarray], point: tuple[int, int], config: Config) -> str:
    """Phase of one point, by the medians over its networks."""
    motion, ratio = (float(np.median(summary[name][point])) for name in ("motion", "loss_ratio"))
    if motion < config.moved:
        return "frozen"
    return "learning" if ratio < config.learnt else "noisy"


def draw(config: Config, summary: dict[str, np.ndarray]) -> Figure:
    """Three maps over (learning rate, std) and the phases."""
    maps: list[tuple[str, Any]] = [
        ("loss after / before", np.log10(np.median(summary["loss_ratio"], axis=-1))),
        ("motion of singular values", np.log10(np.median(summary["motion"], axis=-1) + 1e-6)),
        ("shaking", np.log10(np.median(summary["shaking"], axis=-1) + 1e-6)),
    ]
    shape = summary["motion"].shape[:2]
    phase = np.array(
        [[PHASES.index(classify(summary, (i, j), config)) for j in range(shape[1])] for i in range(shape[0])]
    )
    with house_style():
        figure, axes = new_figure(4, width=3.9, height=3.6)
        for ax, (title, values) in zip(axes[0], [*maps, ("phase", phase)], strict=True):
            image = ax.imshow(values, origin="lower", cmap="viridis", aspect="auto")
            bar = figure.colorbar(image, ax=ax, ticks=range(3) if title == "phase" else None)
            if title == "phase":
                bar.ax.set_yticklabels(PHASES)
            for axis, grid in ((ax.xaxis, config.learning_rates), (ax.yaxis, config.stds)):
                axis.set_ticks(range(0, len(grid), 3), [f"{value:g}" for value in grid[::3]])
            ax.grid(visible=False)
            ax.set(title=title if title == "phase" else f"log10 {title}", xlabel="learning rate", ylabel="initial std")
    return figure


if __name__ == "__main__":
    sys.exit(main(run, Config(), FULL, name="phase_diagram"))
