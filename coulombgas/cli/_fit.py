"""``coulombgas fit``: temperatures from spectra."""

from dataclasses import dataclass
from typing import Literal

from ._arguments import File, Name, Paths


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Infer the temperature T = learning rate / batch size from spectra, with 95% intervals.

    PATH is a store written by `coulombgas simulate`, a file of the data released with arXiv:2407.16427, or an .npz
    with `eigenvalue` (replica, mode), `learning_rate`, `batch_size`, `model`, `target` and the model's parameters; or a
    recording of an ensemble of networks; several of these give temperatures relative to the first.
    """

    paths: Paths
    """Spectra to fit: one or more files or stores."""
    json: bool = False
    """Print one JSON object instead of a table."""
    out: File = None
    """Directory for the posterior (fit.nc), the results (fit.json) and, for temperatures, report.html."""
    overwrite: bool = False
    """Replace an existing output directory."""
    model: Name = None
    """Fit one law to every level group instead: single, pair, density, group, rice, known-gap, product, gaussian,
    poisson, brody or mixture."""
    method: Literal["response", "leading-order", "whole-spectrum", "relative"] = "response"
    """How T is inferred from widths: response at any T; leading-order, valid for T → 0 only; whole-spectrum, from the
    mean levels too; relative, without a theory, relative to the first setting."""
    scaling: Literal["two-stage", "joint"] = "two-stage"
    """The scaling rule from the settings' posteriors, or jointly with their temperatures."""
    matrix: Name = None
    """Name of the matrix to fit, if a recording has several."""
    record: int = -1
    """Index of the record to use, the last by default."""
    seed: int = 0
    """Seed of the sampler."""

    def run(self) -> int:
        from coulombgas._checks import InputError
        from coulombgas._files import check_output
        from coulombgas.training import read_ensemble

        from ._console import progress_bar

        if not self.paths:
            raise InputError("`paths` is empty: give at least one file or store of spectra.")
        if self.model is not None and (self.method, self.scaling) != ("response", "two-stage"):
            raise InputError(f"`model` {self.model!r} fits a law, not a temperature: leave `method` and `scaling` out.")
        if self.out is not None:
            check_output(self.out, overwrite=self.overwrite)
        spectra = [read_ensemble(path, matrix=self.matrix) for path in self.paths]
        from coulombgas.inference import fit_model, fit_temperature

        with progress_bar("fitting") as progress:
            if self.model is not None:
                fit = fit_model(spectra, self.model, record=self.record, seed=self.seed)
            else:
                fit = fit_temperature(
                    spectra, method=self.method, scaling=self.scaling, record=self.record, seed=self.seed,
                    progress=progress,
                )  # fmt: skip
        self._write(fit)
        self._show(fit)
        return 0

    def _write(self, fit) -> None:
        """Write posterior, JSON and, for a temperature, the report into the directory ``out``, if given."""
        import json

        from coulombgas._files import atomic_directory
        from coulombgas._json import finite

        if self.out is None:
            return
        with atomic_directory(self.out, overwrite=self.overwrite) as directory:
            fit.save(directory / "fit.nc")
            (directory / "fit.json").write_text(json.dumps(finite(fit.as_dict()), indent=2) + "\n")
            if self.model is None:
                from coulombgas.report import ensemble_report

                ensemble_report(fit, directory / "report.html")

    def _show(self, fit) -> None:
        from ._console import write_json

        if self.json:
            write_json(fit.as_dict())
        else:
            print(fit.table())
