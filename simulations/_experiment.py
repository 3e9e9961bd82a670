"""Shared by all experiments: the command line, the output folder, the progress line.

An experiment is a frozen dataclass of settings, a function from settings to an :class:`Outcome`, and a call of
:func:`main`. The folder then holds ``config.json`` (settings, versions), the stores of the spectra, the figure as PNG
and PDF and ``numbers.json``, the numbers in the figure with their intervals.
"""

import argparse
import dataclasses
import inspect
import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

import coulombgas
from coulombgas._checks import InputError
from coulombgas._files import atomic_directory, check_output
from coulombgas._types import Progress
from coulombgas.spectra import healthy, write_store

DEFAULT_OUT = Path(__file__).parent / "out"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Results of an experiment.

    Attributes:
        numbers: JSON-able; measured values as returned by :func:`measured` or :func:`mean_of`.
        figure: the figure.
        stores: spectra by name; each becomes ``NAME.zarr``.
    """

    numbers: dict[str, Any]
    figure: Figure
    stores: dict[str, xr.Dataset] = field(default_factory=dict)


class Run(Protocol):
    """An experiment: from settings to an outcome; training continues from ``store`` if given."""

    def __call__(self, config: Any, *, progress: Progress | None = None, store: Path | None = None) -> Outcome: ...


def measured(value: float, error: float, predicted: float | None = None) -> dict[str, float]:
    """A number with its standard error, its 95% interval and, if theory gives one, the prediction and the distance from
    it."""
    number = {"value": float(value), "error": float(error)}
    number["low"], number["high"] = float(value - 1.96 * error), float(value + 1.96 * error)
    if predicted is not None:
        number["predicted"] = float(predicted)
        number["sigmas"] = float((value - predicted) / error) if error > 0 else float("nan")
    return number


def mean_of(values: Any, predicted: float | None = None) -> dict[str, float]:
    """Mean over replicas (the first axis; other axes are averaged within a replica) as a :func:`measured` number."""
    per_replica = np.asarray(values, dtype=float).reshape(len(values), -1).mean(axis=1)
    return measured(per_replica.mean(), per_replica.std(ddof=1) / np.sqrt(len(per_replica)), predicted)


def std_of(values: Any, predicted: float | None = None) -> dict[str, float]:
    """Standard deviation of independent values, with its error from their fourth moment."""
    centred = np.asarray(values, dtype=float).ravel() - np.mean(values)
    variance = (centred**2).mean()
    error = np.sqrt(max((centred**4).mean() - variance**2, 0) / len(centred)) / (2 * np.sqrt(variance))
    return measured(np.sqrt(variance * len(centred) / (len(centred) - 1)), error, predicted)


def levels_of(spectra: xr.Dataset, setting: int, step: int = -1) -> np.ndarray:
    """Levels (replica, mode) of the replicas of one setting that did not diverge, at one recorded step."""
    return spectra.eigenvalue.values[setting, healthy(spectra)[setting], step].astype(float)


def num_failed(spectra: xr.Dataset) -> int:
    """Number of replicas that diverged and are left out."""
    return int((~healthy(spectra)).sum())


def main(run: Run, reduced: Any, full: Any, *, name: str, argv: Sequence[str] | None = None) -> int:
    """The command line of an experiment: ``--full``, ``--out``, ``--overwrite`` and one flag for each setting."""
    import tyro

    own = argparse.ArgumentParser(add_help=False)
    own.add_argument("--full", action="store_true")
    own.add_argument("--out", type=Path)
    own.add_argument("--overwrite", action="store_true")
    own.add_argument("--resume", action="store_true")
    chosen, rest = own.parse_known_args(sys.argv[1:] if argv is None else list(argv))
    description = (inspect.getdoc(inspect.getmodule(run)) or "") + (
        "\n\n--full: the paper's settings; --out DIR: where results go (simulations/out); --overwrite: replace them; "
        "--resume: train into DIR/NAME-training.zarr and go on from there after an interruption."
    )
    default = full if chosen.full else reduced
    config = tyro.cli(type(reduced), prog=f"simulations.{name}", default=default, args=rest, description=description)
    target = (chosen.out or DEFAULT_OUT) / name
    try:
        check_output(target, overwrite=chosen.overwrite)
        store = target.with_name(f"{name}-training.zarr") if chosen.resume else None
        outcome, seconds = _timed(run, config, store)
        save(outcome, config, target, name=name, seconds=seconds, overwrite=chosen.overwrite)
        if store is not None:
            shutil.rmtree(store, ignore_errors=True)  # its spectra are now in the folder of the experiment
    except InputError as error:
        print(f"simulations.{name}: error: {error}", file=sys.stderr)
        return 2
    print(f"{target}  ({seconds:.1f} s)")
    return 0


def save(outcome: Outcome, config: Any, target: Path, *, name: str, seconds: float, overwrite: bool = False) -> None:
    """Write the folder of an experiment, completely or not at all."""
    record = {"experiment": name, "config": dataclasses.asdict(config), "version": coulombgas.__version__}
    with atomic_directory(target, overwrite=overwrite) as folder:
        _write_json(folder / "config.json", {**record, "seconds": round(seconds, 2)})
        _write_json(folder / "numbers.json", outcome.numbers)
        for suffix in ("png", "pdf"):
            outcome.figure.savefig(folder / f"{name}.{suffix}", dpi=160)
        for store, spectra in outcome.stores.items():
            write_store(spectra, folder / f"{store}.zarr")


def _timed(run: Callable[..., Outcome], config: Any, store: Path | None) -> tuple[Outcome, float]:
    from coulombgas.cli._console import progress_bar

    start = time.perf_counter()
    with progress_bar("training") as progress:
        outcome = run(config, progress=progress, store=store)
    return outcome, time.perf_counter() - start


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, default=plain) + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")
