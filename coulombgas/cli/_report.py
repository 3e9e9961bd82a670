"""``coulombgas report``: one self-contained HTML page about a network, a run, an ensemble or a fit."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ._arguments import File, Globs, Number, Out, Paths, Text


@dataclass(frozen=True, kw_only=True)
class Report:
    """Write one HTML page about weight matrices or about a temperature.

    PATH is a checkpoint (.safetensors, .npz, .npy, .h5, .zarr, an Orbax directory, .pt or .pth without pickled
    objects), several of them or a recording of spectra, which form a trajectory; several recordings, which are compared
    as by `coulombgas rule`; an ensemble written by `coulombgas simulate`, or the directory written by `coulombgas fit
    --out`. The page needs no network.
    """

    paths: Paths
    """Checkpoints, recordings, ensembles or fits."""
    out: Out = "report.html"
    """HTML file to write."""
    overwrite: bool = False
    """Replace an existing file."""
    select: Globs = ("*",)
    """Globs on the names of the matrices, such as '*.key.*'."""
    initial: File = None
    """Checkpoint before training, to compare each matrix with."""
    keep_going: bool = False
    """Report arrays and files that cannot be used on stderr, and show the rest."""
    level: float = 0.01
    """Probability of a false spike in a matrix of pure noise."""
    replica: int = 0
    """Index of the seed in a recording."""
    vectors: Literal["spikes", "all", "none"] = "spikes"
    """Whose singular vectors are tested for localisation; "all" takes three times as long for large matrices."""
    learning_rate: Number = None
    """Learning rate of the run, mean over its steps: for effective temperatures along a trajectory."""
    weight_decay: Number = None
    """Decoupled weight decay of the run: for effective temperatures along a trajectory."""
    title: Text = None
    """Heading of the page."""
    seed: int = 0
    """Seed of the posterior draws."""

    @staticmethod
    def prepare(arguments: list[str]) -> list[str]:
        """Accept former spellings of flags."""
        from ._spectra import as_they_were

        return as_they_were(arguments)

    def run(self) -> int:
        from coulombgas._checks import InputError
        from coulombgas._files import check_output

        from ._console import remark

        if not self.paths:
            raise InputError("`paths` is empty: give at least one checkpoint, recording, ensemble or fit.")
        check_output(self.out, overwrite=self.overwrite)
        kinds = {kind_of(path) for path in self.paths}
        if len(kinds) > 1:
            raise InputError(f"`paths` are of different kinds ({', '.join(sorted(kinds))}): report them one at a time.")
        kind = kinds.pop()
        if kind == "network" and len(self.paths) > 1 and _all_recordings(self.paths):
            self._recordings()
        elif kind == "network":
            self._network()
        else:
            self._ensemble(kind)
        remark(f"wrote {self.out}")
        return 0

    def _network(self) -> None:
        """Analyse checkpoints, or a recording, and write their page."""
        from coulombgas.report import network_report

        from ._console import progress_bar
        from ._spectra import read_and_analyse

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
        heading: dict[str, Any] = {} if self.title is None else {"title": self.title}
        with progress_bar("drawing") as progress:
            network_report(
                analysis,
                self.out,
                overwrite=self.overwrite,
                learning_rate=self.learning_rate,
                weight_decay=self.weight_decay,
                progress=progress,
                **heading,
            )

    def _recordings(self) -> None:
        from coulombgas.inference import scaling_rule
        from coulombgas.report import recordings_report

        rule = scaling_rule(self.paths, select=self.select, replica=self.replica, seed=self.seed)
        heading: dict[str, Any] = {} if self.title is None else {"title": self.title}
        recordings_report(rule, self.out, overwrite=self.overwrite, **heading)

    def _ensemble(self, kind: str) -> None:
        """Load fits, or fit ensembles, and write their page."""
        from coulombgas._checks import fail
        from coulombgas.inference import TemperatureFit, fit_temperature, load_fit
        from coulombgas.report import ensemble_report
        from coulombgas.spectra import read_spectra

        from ._console import progress_bar

        heading: dict[str, Any] = {} if self.title is None else {"title": self.title}
        if kind == "fit":
            fits: dict[str, TemperatureFit] = {}
            for path in self.paths:
                fit = load_fit(_fit_file(path))
                if not isinstance(fit, TemperatureFit):
                    fail("paths", "must hold fits of temperatures: there is no report for a law of spacings", path)
                fits[path] = fit
            found = fits[self.paths[0]] if len(fits) == 1 else fits
        else:
            spectra = [read_spectra(path) for path in self.paths]
            with progress_bar("fitting") as progress:
                found = fit_temperature(spectra, seed=self.seed, progress=progress)
        ensemble_report(found, self.out, overwrite=self.overwrite, **heading)


def kind_of(path: str) -> str:
    """Kind of the contents of a path: "fit", "ensemble" or "network"."""
    from coulombgas._checks import InputError
    from coulombgas._files import list_archive

    file = Path(path)
    if _fit_file(path).suffix == ".nc" and _fit_file(path).exists():
        return "fit"
    if file.is_dir():
        return "ensemble" if _store_format(file).startswith("coulombgas-spectra/") else "network"
    if file.suffix == ".npz" and file.exists():
        names = {entry.name for entry in list_archive(file) if not isinstance(entry, InputError)}
        if {"eigenvalue", "learning_rate"} <= names or {"W", "lr", "batch_size", "noise"} <= names:
            return "ensemble"
    return "network"


def _all_recordings(paths: tuple[str, ...]) -> bool:
    from coulombgas.training import recording_in

    return all(Path(path).is_dir() and recording_in(path) is not None for path in paths)


def _fit_file(path: str) -> Path:
    file = Path(path)
    return file / "fit.nc" if file.is_dir() else file


def _store_format(directory: Path) -> str:
    """The format declared by a Zarr store, read only from its metadata."""
    from coulombgas._files import read_json

    for name in ("zarr.json", ".zattrs"):
        if (directory / name).exists():
            found = read_json(directory / name, what="store", inside=directory)
            attributes = found.get("attributes") if name == "zarr.json" else found
            return str(attributes.get("format", "")) if isinstance(attributes, dict) else ""
    return ""
