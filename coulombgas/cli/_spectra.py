"""``coulombgas spectra``: bulk, spikes, tail and spacings of every weight matrix of a checkpoint."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

from ._arguments import File, Globs, Paths

_NAMED = 4  # number of matrices named in a footnote


@dataclass(frozen=True, kw_only=True)
class Spectra:
    """Analyse the weight matrices of a checkpoint: noise bulk, spikes, tail exponent, level spacings.

    PATH is a checkpoint of any format (safetensors, PyTorch, Keras, NumPy, HDF5, Zarr, Orbax, Flax, Equinox, ONNX,
    GGUF), a folder of shards or with an adapter, several of them or a recording of spectra, which then form a
    trajectory. The format is recognised by content; nothing in a file is executed. Rows appear as matrices are
    finished.
    """

    paths: Paths
    """Checkpoints: files or directories."""
    select: Globs = ("*",)
    """Globs on the names of the matrices, such as '*.key.*'."""
    initial: File = None
    """Checkpoint before training, to compare each matrix with."""
    base: File = None
    """Base model of a LoRA adapter: analyse its matrices with the updates, instead of the updates alone."""
    json: bool = False
    """Print a JSON list with one object for each matrix."""
    out: File = None
    """Complete results, with all statistics: a JSON file if it ends in .json, else a folder with the levels too."""
    resume: bool = False
    """Continue an interrupted analysis for the same --out, bit for bit."""
    overwrite: bool = False
    """Replace existing output."""
    keep_going: bool = False
    """Report arrays and files that cannot be used on stderr, and analyse the rest."""
    level: float = 0.01
    """Probability of a false spike in a matrix of pure noise."""
    vectors: Literal["spikes", "all", "none"] = "spikes"
    """Whose singular vectors are tested for localisation; "all" takes three times as long for large matrices."""
    workers: int = 1
    """Processes that share matrices and cores, each with the memory of its matrix: faster for many small matrices."""
    device: Literal["auto", "cpu", "jax"] = "auto"
    """Where eigenvalues are computed: with JAX on an accelerator if there is one."""
    replica: int = 0
    """Index of the seed in a recording."""
    seed: int = 0
    """Seed of the posterior draws."""

    @staticmethod
    def prepare(arguments: list[str]) -> list[str]:
        """Accept former spellings of flags."""
        return as_they_were(arguments)

    def run(self) -> int:
        from ._console import remark, write_json

        self._check()
        try:
            analysis = read_and_analyse(
                self.paths,
                select=self.select,
                initial=self.initial,
                base=self.base,
                keep_going=self.keep_going,
                level=self.level,
                vectors=self.vectors,
                device=self.device,
                workers=self.workers,
                replica=self.replica,
                seed=self.seed,
                out=self.out,
                resume=self.resume,
                overwrite=self.overwrite,
                rows=not self.json,
            )
        except KeyboardInterrupt:
            from coulombgas.spectra import interrupted_analysis

            if self.out is not None and interrupted_analysis(self.out):
                remark("the same command with --resume continues with the remaining matrices")
            raise
        if self.json:
            write_json(analysis.as_dicts())
        else:
            _footnotes(analysis)
            _show_motion(analysis)
        return 0

    def _check(self) -> None:
        from coulombgas._checks import InputError
        from coulombgas._files import check_output

        if not self.paths:
            raise InputError("`paths` is empty: give at least one checkpoint.")
        if self.resume and self.out is None:
            raise InputError("`resume` needs the --out of the analysis that was interrupted.")
        if self.out is not None:
            check_output(self.out, overwrite=self.overwrite, keep=self.resume)


def as_they_were(arguments: list[str]) -> list[str]:
    """``--no-vectors`` and a bare ``--vectors`` in the current spelling."""
    given: list[str] = []
    for place, word in enumerate(arguments):
        bare = word == "--vectors" and arguments[place + 1 : place + 2] not in (["spikes"], ["all"], ["none"])
        given += ["--vectors", "none"] if word == "--no-vectors" else [word, "all"] if bare else [word]
    return given


def read_and_analyse(
    paths, *, select, initial, keep_going, level, seed, base=None, vectors="spikes", device="auto", workers=1,
    replica=0, out=None, resume=False, overwrite=False, rows=False,
):  # fmt: skip
    """Read checkpoints and analyse their matrices one by one, with a progress bar; problems go to stderr.

    With ``out`` finished matrices are kept there; with ``rows`` a line is printed for each when it is finished.
    """
    from coulombgas.spectra import SpectraPlan, spectra_store

    recording = _recording(paths)
    if recording is not None:
        from coulombgas.networks import analyse
        from coulombgas.training import read_recording

        from ._console import progress_bar

        spectra = read_recording(recording, replica=replica, select=select)
        with progress_bar("analysing") as progress:
            analysis = analyse(spectra, level=level, seed=seed, progress=progress)
        _write(analysis, out, overwrite=overwrite)
        printed = _Rows([layer.name for layer in analysis], steps=len(analysis.steps) > 1) if rows else None
        for index, layer in enumerate(analysis if printed else ()):
            printed.add(index, layer)  # pyright: ignore[reportOptionalMemberAccess]
        return analysis
    path = paths[0] if len(paths) == 1 else paths
    options = {"select": list(select), "initial": initial, "base": base, "vectors": vectors}
    plan = SpectraPlan(
        path, select=select, initial=initial, base=base, vectors=vectors, device=device, keep_going=keep_going
    )
    complain(plan.problems)
    from coulombgas._json import finite
    from coulombgas.networks import NetworkAnalysis  # only once the files are known to be readable

    kept = spectra_store(out, plan, options, resume=resume, overwrite=overwrite) if out is not None else nullcontext()
    with kept as store:
        layers = _each(plan, store, level=level, seed=seed, workers=workers, rows=rows, compared=initial is not None)
        network = plan.network([layer.spectrum for layer in layers])
        analysis = NetworkAnalysis(layers=tuple(layers), spectra=network, level=level)
        if store is not None:
            store.finish(finite(analysis.as_dict()))
    return analysis


def _each(plan, store, *, level, seed, workers, rows, compared):
    """The analysis of each matrix, in the order of the files, as they finish."""
    from coulombgas.networks import analyse_layer

    from ._console import Estimate

    steps = len(plan.checkpoints) > 1
    done = store.load() if store is not None else {}
    printed = _Rows([task.matrix.name for task in plan.tasks], steps=steps, compared=compared) if rows else None
    found, noted = {}, len(plan.problems)
    costs = [task.cost for task in plan.tasks]
    largest = max(task.memory for task in plan.tasks)
    with Estimate("analysing", costs, unit="matrices", memory=largest * max(1, min(workers, len(costs)))) as estimate:
        for index, spectrum in plan.run(workers=workers, done=done):
            complain(plan.problems[noted:])
            noted = len(plan.problems)
            if spectrum is not None:
                if store is not None and index not in done:
                    store.write(index, spectrum)
                found[index] = analyse_layer(spectrum, level=level, seed=seed)
            if printed is not None:
                printed.add(index, found.get(index))
            estimate.done(index, free=index in done)
    return [found[index] for index in sorted(found)]


def _write(analysis, out, *, overwrite) -> None:
    import json

    from coulombgas._files import atomic_file
    from coulombgas._json import finite

    if out is not None:
        with atomic_file(out, overwrite=overwrite) as path:
            path.write_text(json.dumps(finite(analysis.as_dict()), indent=2) + "\n", encoding="utf-8")


def _recording(paths):
    """The recording of spectra at a single path or, for the directory of a run, inside it.

    Raises:
        InputError: if a recording is one of several paths.
    """
    from pathlib import Path

    if not any(Path(path).is_dir() for path in paths):
        return None
    from coulombgas._checks import InputError
    from coulombgas.training import recording_in

    found = next(filter(None, map(recording_in, paths)), None)
    if found is not None and len(paths) > 1:
        raise InputError(
            f"`paths`: {found} is a recording, a trajectory by itself: give it alone; `coulombgas rule` compares "
            "several recordings."
        )
    return found


def complain(problems) -> None:
    """One line on stderr for each thing that could not be used."""
    from ._console import remark

    for line in problems:
        remark(f"coulombgas: warning: {line}")


class _Rows:
    """The table, row by row: each row is printed after those before it."""

    def __init__(self, names, *, steps, compared=False):
        from coulombgas.networks import layer_columns

        from ._console import RowPrinter

        self._shown = {"steps": steps, "compared": compared}
        self._waiting, self._next = {}, 0
        self._out = RowPrinter(layer_columns(names, **self._shown))

    def add(self, index, layer) -> None:
        """Add a finished matrix; None for one that could not be analysed."""
        from coulombgas.networks import layer_cells

        self._waiting[index] = layer
        while self._next in self._waiting:
            layer = self._waiting.pop(self._next)
            self._next += 1
            if layer is not None:
                self._out.row(layer_cells(layer, **self._shown))


def _show_motion(analysis) -> None:
    """Temperature of a trajectory, and the results from the motion of the levels of each matrix."""
    from coulombgas.networks import common_temperature, follow
    from coulombgas.spectra import printable

    if len(analysis.steps) > 1:
        trajectories = follow(analysis)
        heat = common_temperature([found.motion for found in trajectories])
        none = "none: no group of levels is in equilibrium at a known learning rate"
        print(f"\ntemperature, units of the loss: {none if heat is None else _interval(heat)}")
        for found in trajectories:
            print(f"{printable(found.name)}: {found.statement}; {found.motion.statement}.")


def _footnotes(analysis) -> None:
    """Print each kind of warning once, with the first matrices that have it, and the number of other arrays."""
    from coulombgas.spectra import printable

    found: dict[str, dict[str, None]] = {}
    for layer in analysis:
        for warning in layer.warnings:
            found.setdefault(warning.split(":")[0], {})[printable(layer.name)] = None
    total = len({layer.name for layer in analysis})
    for kind, names in found.items():
        shown = ", ".join(list(names)[:_NAMED]) + (", …" if len(names) > _NAMED else "")
        print(f"{len(names)} of {total} matrices: {kind} ({shown}).")
    if analysis.spectra.skipped:
        print(f"{len(analysis.spectra.skipped)} arrays are not weight matrices (vectors, scalars, integers).")


def _interval(interval) -> str:
    return f"{interval.mean:.3g} [{interval.lower:.3g}, {interval.upper:.3g}]" if interval else "–"
