"""Measured width ratios that come with the library, for the RBM of ALP24; ``write_response_table`` makes them again."""

import json
from importlib import resources
from pathlib import Path

import numpy as np

from coulombgas._files import atomic_file
from coulombgas._types import PathType, Progress
from coulombgas.models import GaussianRBM, Model

from ._ensembles import Measured, measure_response

_PACKAGE = "coulombgas.theory"
TABLE = "response_rbm.json"
LEARNING_RATE = 0.1
BATCH_SIZES = (5, 8, 12, 20)
_KEYS = ("num_visible", "num_hidden", "mu2", "sigma_h2", "target", "gibbs_steps")


def tabulated(model: Model) -> tuple[float, Measured] | None:
    """Learning rate of the ensembles and their ratios, if the table was made for this very model."""
    content = json.loads(resources.files(_PACKAGE).joinpath(TABLE).read_text())
    own = model.config()
    if own["name"] != GaussianRBM.name:
        return None
    for key in _KEYS:
        expected, value = content["model"][key], own[key]
        if np.shape(value) != np.shape(expected) or not np.allclose(np.asarray(value), expected, rtol=1e-6):
            return None
    columns = (
        np.array(content[n]) for n in ("temperature", "log_ratio", "error", "mean", "mean_error") if n in content
    )
    return content["learning_rate"], Measured(*columns)


def write_response_table(
    path: PathType | None = None, *, replicas: int = 1536, seed: int = 1, progress: Progress | None = None
) -> None:
    """Train the ensembles of the table (about two minutes) and write it, by default into the package.

    Args:
        path: where to write; an existing file is replaced.
        replicas: replicas at each temperature.
        seed: seed of the training.
        progress: called with (done, total) replica-updates.
    """
    model = GaussianRBM()
    call = f"from coulombgas.theory import write_response_table as w; w(replicas={replicas}, seed={seed})"
    measured = measure_response(
        model, learning_rate=LEARNING_RATE, batch_sizes=BATCH_SIZES, replicas=replicas, seed=seed, progress=progress
    )
    config = model.config()
    content = {
        "command": f"python -c '{call}'",
        "model": {key: config[key] for key in _KEYS},
        "learning_rate": LEARNING_RATE,
        "replicas": replicas,
        "seed": seed,
        "temperature": measured.temperature.tolist(),
        "log_ratio": measured.log_ratio.round(6).tolist(),
        "error": measured.error.round(6).tolist(),
        "mean": measured.mean.round(6).tolist(),
        "mean_error": measured.mean_error.round(6).tolist(),
    }
    target = Path(str(resources.files(_PACKAGE).joinpath(TABLE))) if path is None else path
    with atomic_file(target, overwrite=True) as temporary:
        Path(temporary).write_text(json.dumps(content, indent=1) + "\n")
