"""Measured widths that come with the library, for the RBM of ALP24 (arXiv:2407.16427); ``write_response_table``
recomputes them."""

import json
from importlib import resources
from pathlib import Path

import numpy as np

from coulombgas import symbolic
from coulombgas._files import atomic_file
from coulombgas._types import PathType, Progress
from coulombgas.models import GaussianRBM, Model

from ._ensembles import Measured, measure_response
from ._find import find_theory
from ._statements import evaluate
from ._theory import Theory

_PACKAGE = "coulombgas.theory"
TABLE = "response_rbm.json"
LEARNING_RATE = 0.1
BATCH_SIZES = (5, 8, 12, 20)
_WITHOUT_CONSEQUENCE = ("name", "sampler", "init_std")


def tabulated(model: Model) -> Measured | None:
    """Ratios of the table's ensembles to the theory, if it was computed for exactly this machine and its default
    groups.

    Everything that affects the law of the levels must agree; the sampler of the chains and the start of training may
    differ.
    """
    content, own = json.loads(resources.files(_PACKAGE).joinpath(TABLE).read_text()), model.config()
    if own["name"] != GaussianRBM.name or not _same(content["model"], own):
        return None
    columns = (np.array(content[name]) for name in ("temperature", "log_ratio", "error", "mean", "mean_error"))
    temperature, log_ratio, error, mean, mean_error = columns
    return Measured(temperature, log_ratio - _log_factors(model, temperature), error, mean, mean_error)


def _same(stored: dict, own: dict) -> bool:
    """Whether two descriptions of a model lead to the same response."""
    keys = {key for key in (*stored, *own) if key not in _WITHOUT_CONSEQUENCE}
    stored = {"chains": "persistent", **stored}
    for key in keys:
        if key not in stored or key not in own or np.shape(stored[key]) != np.shape(own[key]):
            return False
        if isinstance(own[key], str) or own[key] is None:
            if stored[key] != own[key]:
                return False
        elif not np.allclose(np.asarray(own[key], dtype=float), stored[key], rtol=1e-6):
            return False
    return True


def _log_factors(model: Model, temperature: np.ndarray) -> np.ndarray:
    """log of the theory's width² over the leading one, (point, group): the table is in units of the leading width."""
    rows = []
    for size in np.round(LEARNING_RATE / temperature).astype(int):
        theory = find_theory(model, learning_rate=LEARNING_RATE, batch_size=int(size))
        x, hidden = np.array([group.center for group in theory.groups]), {"sigma_h2": model.config()["sigma_h2"]}
        rows.append(np.log(theory.width2 / evaluate(symbolic.rbm_width2, x, theory.temperature, numbers=hidden)))
    return np.array(rows)


def linear_share(model: Model, theory: Theory) -> np.ndarray:
    """Correction to the widths by finite rate and memory at ``theory``'s learning rate, over that at the table's.

    The part of the mean shift that is linear in T and missing in the closed form scales with it, shape (group,).
    """
    x, hidden = np.array([group.center for group in theory.groups]), {"sigma_h2": model.config()["sigma_h2"]}
    leading = evaluate(symbolic.rbm_width2, x, 1.0, numbers=hidden)
    reference = find_theory(model, learning_rate=LEARNING_RATE, batch_size=BATCH_SIZES[0])
    return (theory.width2_per_temperature / leading - 1) / (reference.width2_per_temperature / leading - 1)


def write_response_table(
    path: PathType | None = None, *, replicas: int = 1536, seed: int = 1, progress: Progress | None = None
) -> None:
    """Train the ensembles of the table (about two minutes) and write it, by default into the package.

    Args:
        path: file to write; an existing one is replaced.
        replicas: replicas at each temperature.
        seed: seed of the training.
        progress: called with (done, total) replica-updates.
    """
    model = GaussianRBM()
    call = f"from coulombgas.theory import write_response_table as w; w(replicas={replicas}, seed={seed})"
    measured = measure_response(
        model, lambda size: find_theory(model, learning_rate=LEARNING_RATE, batch_size=size),
        learning_rate=LEARNING_RATE, batch_sizes=BATCH_SIZES, replicas=replicas, seed=seed, progress=progress,
    )  # fmt: skip
    config = model.config()
    content = {
        "command": f"python -c '{call}'",
        "model": {key: config[key] for key in config if key not in _WITHOUT_CONSEQUENCE},
        "learning_rate": LEARNING_RATE,
        "replicas": replicas,
        "seed": seed,
        "temperature": measured.temperature.tolist(),
        "log_ratio": (measured.log_ratio + _log_factors(model, measured.temperature)).round(6).tolist(),
        "error": measured.error.round(6).tolist(),
        "mean": measured.mean.round(6).tolist(),
        "mean_error": measured.mean_error.round(6).tolist(),
    }
    target = Path(str(resources.files(_PACKAGE).joinpath(TABLE))) if path is None else path
    with atomic_file(target, overwrite=True) as temporary:
        Path(temporary).write_text(json.dumps(content, indent=1) + "\n")
