"""Every figure of ALP24 (arXiv:2407.16427) and the widths of PFLA24 (arXiv:2412.20496) at the papers' numbers of
replicas, in one background run.

    python -m simulations.papers [PART ...] [--out DIR] [--work DIR]

A part trains once and serves several figures: ``spectra`` (Figs 2-5 and the learning curves: the full 100 000 updates
from a random start), ``scaling`` (Figs 6 and 7: all ten settings from the fixed point), ``wells`` (Fig. 8),
``students`` (Fig. 9) and ``layers`` (PFLA24). Each writes ``PART.json`` (numbers, settings with their seed, relaxation
times trained, CPU and wall seconds of the training, versions, machine) and its figures as PNG to DIR, from which
the page "The papers at full size" is built. Training goes through stores in the work folder, so a second call continues
where the first was stopped.
"""

import argparse
import dataclasses
import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from coulombgas.cli._console import progress_bar
from coulombgas.theory import find_theory

from . import (
    fokker_planck,
    learning_curves,
    mode_repulsion,
    rbm_scaling,
    rbm_spectra,
    teacher_student_scaling,
    two_layer,
)
from ._experiment import DEFAULT_OUT, Outcome, plain
from ._rbm import PAPER_SETTINGS, RBMConfig

PAGE = Path(__file__).parents[1] / "docs" / "reproduction"


SCALING = RBMConfig(settings=PAPER_SETTINGS, replicas=7500, steps=25_600, record=8, init="fixed-point")
"""25 600 updates are eight times 32/α, the relaxation time of the slowest level's mean, at the smallest α."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Settings of all parts."""

    spectra: learning_curves.Config = learning_curves.FULL
    scaling: RBMConfig = SCALING
    fit_draws: int = 400
    wells: fokker_planck.Config = fokker_planck.FULL
    students: teacher_student_scaling.Config = teacher_student_scaling.FULL
    layers: two_layer.Config = two_layer.FULL


@dataclass(frozen=True, kw_only=True)
class Part:
    """Results of one part: its settings, outcomes by figure, relaxation times trained at each setting."""

    config: Any
    outcomes: Mapping[str, Outcome]
    relaxations: Sequence[float] | None = None


def spectra(sizes: Sizes, work: Path, progress: Any) -> Part:
    """Figs 2-5 and the learning curves, from one ensemble."""
    config = sizes.spectra
    store = config.train(progress, work / "spectra.zarr")
    outcomes = {"rbm_spectra": rbm_spectra.analyse(store), "learning_curves": learning_curves.analyse(store, config)}
    return Part(config=config, outcomes=outcomes, relaxations=_relaxations(config))


def scaling(sizes: Sizes, work: Path, progress: Any) -> Part:
    """Figs 6 and 7, from one ensemble."""
    config = sizes.scaling
    store = config.train(progress, work / "scaling.zarr", statistics=("gram",))
    outcomes = {
        "mode_repulsion": mode_repulsion.analyse(store, config.model()),
        "rbm_scaling": rbm_scaling.analyse(store, config.model(), sizes.fit_draws),
    }
    return Part(config=config, outcomes=outcomes, relaxations=_relaxations(config))


def wells(sizes: Sizes, work: Path, progress: Any) -> Part:
    """Fig. 8; nothing is trained."""
    del work
    return Part(config=sizes.wells, outcomes={"fokker_planck": fokker_planck.run(sizes.wells, progress=progress)})


def students(sizes: Sizes, work: Path, progress: Any) -> Part:
    """Fig. 9."""
    outcome = teacher_student_scaling.run(sizes.students, progress=progress, store=work / "students.zarr")
    return Part(config=sizes.students, outcomes={"teacher_student_scaling": outcome})


def layers(sizes: Sizes, work: Path, progress: Any) -> Part:
    """PFLA24."""
    outcome = two_layer.run(sizes.layers, progress=progress, store=work / "layers.zarr")
    return Part(config=sizes.layers, outcomes={"two_layer": outcome})


PARTS: dict[str, Callable[[Sizes, Path, Any], Part]] = {
    "wells": wells, "students": students, "layers": layers, "spectra": spectra, "scaling": scaling,
}  # fmt: skip


def _relaxations(config: RBMConfig) -> list[float]:
    """Updates over the integrated autocorrelation time of the slowest level, at each setting."""
    theories = (find_theory(config.model(), learning_rate=rate, batch_size=batch) for rate, batch in config.settings)
    return [config.steps / float(theory.relaxation.max()) for theory in theories]


def run(names: Sequence[str], sizes: Sizes, out: Path, work: Path) -> None:
    """Run each part in turn; its files are written when it ends."""
    out.mkdir(parents=True, exist_ok=True)
    work.mkdir(parents=True, exist_ok=True)
    for name in names:
        resumed = (work / f"{name}.zarr").exists()
        wall, cpu = time.perf_counter(), time.process_time()
        with progress_bar(name) as progress:
            part = PARTS[name](sizes, work, progress)
        seconds = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        _save(name, part, out, _trained(out / f"{name}.json", part) if resumed else {**seconds, "resumed": False})
        print(f"{name}: {seconds['wall']:.0f} s, {seconds['cpu']:.0f} CPU s", flush=True)


def _trained(kept: Path, part: Part) -> dict[str, float | bool]:
    """What the call took that trained the same settings and stored them; unknown where it was interrupted."""
    before = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    same = before.get("config") == json.loads(json.dumps(dataclasses.asdict(part.config), default=plain))
    return before["took"] if same else {"resumed": True}


def _save(name: str, part: Part, out: Path, took: dict[str, float | bool]) -> None:
    record = {
        "part": name,
        "config": dataclasses.asdict(part.config),
        "relaxation_times_trained": part.relaxations,
        "numbers": {figure: outcome.numbers for figure, outcome in part.outcomes.items()},
        "took": {key: value if key == "resumed" else round(value) for key, value in took.items()},
        "machine": machine(),
    }
    for figure, outcome in part.outcomes.items():
        _picture(outcome.figure, out / f"{figure}.png")
    text = json.dumps(record, indent=1, default=plain, ensure_ascii=False)
    (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _picture(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=90, pil_kwargs={"optimize": True})


def machine() -> dict[str, Any]:
    """Versions, cores and architecture, but nothing that identifies the machine."""
    packages = ("coulombgas", "jax", "numpyro", "numpy", "scipy")
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in packages},
    }


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="simulations.papers", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"{', '.join(PARTS)}")
    parser.add_argument("--out", type=Path, default=PAGE, help="numbers and figures (default: those of the page)")
    parser.add_argument("--work", type=Path, default=DEFAULT_OUT / "papers", help="stores of the training")
    options = parser.parse_args(argv)
    run(options.parts or list(PARTS), Sizes(), options.out, options.work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
