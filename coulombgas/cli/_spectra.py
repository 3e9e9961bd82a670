"""``coulombgas spectra``: bulk, spikes, tail and spacings of every weight matrix of a checkpoint."""

from dataclasses import dataclass

import tyro

_NAMED = 4  # matrices that a footnote names


@dataclass(frozen=True, kw_only=True)
class Spectra:
    """Analyse the weight matrices of a checkpoint: noise bulk, spikes, tail exponent, level spacings.

    PATH is a checkpoint (.safetensors, also sharded, .npz, .npy, .h5, .zarr, an Orbax directory, .pt or .pth without
    pickled objects), several of them or a recording of spectra, which are then a trajectory. Nothing in a file is
    executed.
    """

    paths: tyro.conf.Positional[tuple[str, ...]]
    """Checkpoints: files or directories."""
    select: tuple[str, ...] = ("*",)
    """Globs on the names of the matrices, as '*.key.*'."""
    initial: str | None = None
    """Checkpoint before training, to compare each matrix with."""
    json: bool = False
    """Print a JSON list with one object for each matrix."""
    out: str | None = None
    """File for the complete results, with all statistics, as JSON."""
    overwrite: bool = False
    """Replace an existing output file."""
    keep_going: bool = False
    """Report arrays and files that cannot be used on stderr, and analyse the rest."""
    level: float = 0.01
    """Probability of a false spike in a matrix of pure noise."""
    vectors: bool = True
    """Also find vectors that are localised: doubles the time for large matrices."""
    replica: int = 0
    """Which of the seeds of a recording."""
    seed: int = 0
    """Seed of the posterior draws."""

    def run(self) -> int:
        from coulombgas._checks import InputError
        from coulombgas._files import check_output

        if not self.paths:
            raise InputError("`paths` is empty: give at least one checkpoint.")
        if self.out is not None:
            check_output(self.out, overwrite=self.overwrite)
        analysis = read_and_analyse(
            self.paths,
            select=self.select,
            initial=self.initial,
            keep_going=self.keep_going,
            level=self.level,
            vectors=self.vectors,
            replica=self.replica,
            seed=self.seed,
        )
        self._write(analysis)
        if self.json:
            from ._console import write_json

            write_json(analysis.as_dicts())
        else:
            _show(analysis)
        return 0

    def _write(self, analysis) -> None:
        import json

        from coulombgas._files import atomic_file

        from ._console import finite

        if self.out is None:
            return
        document = {
            "source": list(analysis.spectra.source),
            "level": analysis.level,
            "matrices": [layer.record() for layer in analysis],
            "skipped": list(analysis.spectra.skipped),
            "problems": list(analysis.spectra.problems),
        }
        with atomic_file(self.out, overwrite=self.overwrite) as path:
            path.write_text(json.dumps(finite(document), indent=2) + "\n", encoding="utf-8")


def read_and_analyse(paths, *, select, initial, keep_going, level, seed, vectors=True, replica=0):
    """Read checkpoints and analyse their matrices, with a progress bar; problems go to stderr."""
    from coulombgas.networks import analyse
    from coulombgas.spectra import load_spectra
    from coulombgas.training import read_recording, recording_in

    from ._console import progress_bar

    path = paths[0] if len(paths) == 1 else paths
    recording = recording_in(paths[0]) if len(paths) == 1 else None
    if recording is not None:
        spectra = read_recording(recording, replica=replica, select=select)
    else:
        with progress_bar("reading") as progress:
            spectra = load_spectra(
                path, select=select, initial=initial, vectors=vectors, keep_going=keep_going, progress=progress
            )
    complain(spectra.problems)
    with progress_bar("analysing") as progress:
        return analyse(spectra, level=level, seed=seed, progress=progress)


def complain(problems) -> None:
    """One line on stderr for each thing that could not be used."""
    from ._console import remark

    for line in problems:
        remark(f"coulombgas: warning: {line}")


def _show(analysis) -> None:
    from coulombgas.spectra import printable

    from ._console import print_table

    steps = len(analysis.steps) > 1
    header = ["matrix", *(["step"] if steps else []), "shape", "variance [95%]", "edge", "spikes", "stable rank"]
    header += ["exponent [95%]", "tail", "Brody q [95%]", "<r>", "notes"]
    compared = any(layer.spectrum.change for layer in analysis)
    header += ["moved", "alignment"] if compared else []
    rows = []
    for layer in analysis:
        fit, tail, repulsion, ratio = layer.spikes, layer.tail, layer.repulsion, layer.ratio
        rows.append([
            printable(layer.name),
            *([layer.step] if steps else []),
            "×".join(map(str, layer.spectrum.shape)),
            _interval(fit and fit.bulk.variance),
            f"{fit.bulk.edge:.3g}" if fit else "–",
            fit.num_spikes if fit else "–",
            f"{layer.stable_rank.mean:.1f}" if layer.stable_rank else "–",
            _interval(tail.exponent if tail and tail.preferred != "none" else None),
            tail.preferred if tail else "–",
            _interval(repulsion and repulsion.brody),
            f"{ratio.mean:.3f} ± {ratio.error:.3f}" if ratio else "–",
            len(layer.warnings) or "",
            *(_change(layer.spectrum.change) if compared else []),
        ])  # fmt: skip
    print_table(header, rows)
    _footnotes(analysis)


def _footnotes(analysis) -> None:
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
        print(f"{len(analysis.spectra.skipped)} arrays are no weight matrices (vectors, scalars, integers).")


def _change(change) -> list[str]:
    """Distance from initialisation in units of its norm, and the cosine with it."""
    return [f"{change.relative_distance:.2f}", f"{change.alignment:.2f}"] if change else ["–", "–"]


def _interval(interval) -> str:
    return f"{interval.mean:.3g} [{interval.lower:.3g}, {interval.upper:.3g}]" if interval else "–"
