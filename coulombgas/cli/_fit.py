"""``coulombgas fit``: temperatures from spectra."""

from dataclasses import dataclass

import tyro


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Infer the temperature T = learning rate / batch size from spectra, with 95% intervals.

    PATH is a store written by `coulombgas simulate`, a file of the data released with arXiv:2407.16427, or an .npz
    with `eigenvalue` (replica, mode), `learning_rate`, `batch_size`, `model`, `target` and the model's parameters.
    """

    paths: tyro.conf.Positional[tuple[str, ...]]
    """Spectra to fit: one or more files or stores."""
    json: bool = False
    """Print one JSON object instead of a table."""
    out: str | None = None
    """Directory for the posterior (fit.nc), the results (fit.json) and, for temperatures, report.html."""
    overwrite: bool = False
    """Replace an existing output directory."""
    model: str | None = None
    """Fit one model of the papers to every level group instead: single, pair, density, group, rice, known-gap, product,
    gaussian, poisson, brody or mixture; or spectrum: T of a Gaussian RBM from widths and means of all its levels."""
    leading_order: bool = False
    """Use s² = T·(s²/T), right for T → 0 only, instead of the response measured on ensembles."""
    joint: bool = False
    """Fit the scaling rule and the temperatures of all settings in one posterior."""
    seed: int = 0
    """Seed of the sampler."""

    def run(self) -> int:
        from coulombgas._checks import InputError
        from coulombgas._files import check_output
        from coulombgas.spectra import read_spectra

        from ._console import progress_bar

        if not self.paths:
            raise InputError("`paths` is empty: give at least one file or store of spectra.")
        if self.out is not None:
            check_output(self.out, overwrite=self.overwrite)
        spectra = [read_spectra(path) for path in self.paths]
        from coulombgas.inference import fit_model, fit_temperature

        with progress_bar("fitting") as progress:
            if self.model not in (None, "spectrum"):
                fit = fit_model(spectra, self.model, seed=self.seed)
            else:
                fit = fit_temperature(
                    spectra, leading_order=self.leading_order, joint=self.joint, seed=self.seed, progress=progress,
                    whole_spectrum=self.model == "spectrum",
                )  # fmt: skip
        self._write(fit)
        self._show(fit)
        return 0

    def _write(self, fit) -> None:
        import json

        from coulombgas._files import atomic_directory

        from ._console import finite

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
