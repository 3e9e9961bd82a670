"""Shared parts of the `simulate` commands: flags of the engine, running, summary."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ._arguments import Count, SomeCounts, Text

if TYPE_CHECKING:
    import xarray as xr

    from coulombgas.models import Model


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Flags shared by all models."""

    out: Path
    """Zarr store to write; it appears when it is complete."""
    seed: int = 0
    """Seed of all random numbers."""
    init: Literal["random", "fixed-point"] = "random"
    """Start from small random weights, or at the fixed point of the mean dynamics."""
    record: SomeCounts = ()
    """Steps at which spectra are kept; by default the last one."""
    combine: Literal["grid", "zip"] = "grid"
    """Every learning rate with every batch size, or pair by pair."""
    optimizer: Literal["sgd", "momentum", "nesterov", "adam"] = "sgd"
    """Direction of a step."""
    momentum: float = 0.9
    """Decay of momentum, or β1 of Adam."""
    schedule: Literal["constant", "linear", "cosine", "exponential"] = "constant"
    """Learning-rate schedule, falling to a tenth over the run."""
    dtype: Literal["float32", "float64"] = "float32"
    """Precision of the training."""
    weights: bool = False
    """Keep the weights at the recorded steps too."""
    first_replica: int = 0
    """Index of the first replica, to train more of them and merge."""
    shard: Text = None
    """Train only the i-th of n shares of the replicas, i/n with i from 0, into NAME-i-of-n; /n takes i from the queue;
    in a job array of Slurm or Grid Engine both come from the queue, unless this is none."""
    chunk: Count = None
    """Replicas computed together, which affects the last bits; by default chosen from model and cores."""
    distributed: bool = False
    """Divide the run among the processes of this job, which JAX finds (srun, mpirun)."""
    resume: bool = False
    """Continue an interrupted run for the same store, bit for bit."""
    checkpoint_seconds: float = 30.0
    """Seconds between two checkpoints."""
    overwrite: bool = False
    """Replace the store if it exists."""
    json: bool = False
    """Print the summary as one JSON document."""


def simulate(model: "Model", engine: Engine, *, description: str, **sweep: Any) -> int:
    """Train, store, and print one line for each setting."""
    from coulombgas.training import Optimizer, is_first, train

    from ._cluster import find_shard
    from ._console import progress_bar, remark

    optimizer = Optimizer(engine.optimizer, momentum=engine.momentum, schedule=engine.schedule)
    shard = find_shard(engine.shard)
    out = engine.out if shard is None else shard.path(engine.out)
    try:
        with progress_bar(description) as progress:
            spectra = train(
                model,
                **sweep,
                seed=engine.seed,
                init=engine.init,
                record=engine.record or None,
                combine=engine.combine,
                optimizer=optimizer,
                dtype=engine.dtype,
                keep_weights=engine.weights,
                first_replica=engine.first_replica,
                shard=shard and shard[:2],
                chunk=engine.chunk,
                out=out,
                overwrite=engine.overwrite,
                resume=engine.resume,
                checkpoint_seconds=engine.checkpoint_seconds,
                progress=progress,
            )
    except KeyboardInterrupt:
        from coulombgas.training import interrupted_run

        if interrupted_run(out):
            remark("the same command with --resume continues from the last checkpoint")
        raise
    if shard is not None:
        remark(f"shard {shard.index}/{shard.number} ({shard.source}): {out}")
    if engine.distributed and not is_first():
        return 0
    return print_summary(spectra, str(out), json=engine.json)


def print_summary(spectra: "xr.Dataset", out: str, *, json: bool) -> int:
    """One line for each setting, or one JSON document."""
    from ._console import print_table, write_json

    summary = summarise(spectra, out)
    if json:
        write_json(summary)
        return 0
    rows = [
        (row["learning_rate"], row["batch_size"], row["temperature"], row["num_replicas"], row["num_diverged"])
        for row in summary["settings"]
    ]
    print_table(("learning rate", "batch size", "T", "replicas", "diverged"), rows, title=out)
    return 0


def summarise(spectra: "xr.Dataset", out: str) -> dict[str, Any]:
    """Summary of the run as a JSON-able object."""
    import json

    import numpy as np

    settings = []
    for index in range(spectra.sizes["setting"]):
        rate, batch = float(spectra.learning_rate[index]), int(spectra.batch_size[index])
        failed = spectra.failed_step.values[index] if "failed_step" in spectra else np.full(0, -1)
        settings.append({
            "learning_rate": rate,
            "batch_size": batch,
            "temperature": rate / batch,
            "num_replicas": spectra.sizes["replica"],
            "num_diverged": int((failed >= 0).sum()),
            "first_diverged_step": int(failed[failed >= 0].min()) if (failed >= 0).any() else None,
        })  # fmt: skip
    return {
        "out": out,
        "model": json.loads(spectra.attrs["config"])["model"],
        "seed": int(spectra.attrs["seed"]),
        "steps": [int(step) for step in spectra.step.values],
        "settings": settings,
    }
