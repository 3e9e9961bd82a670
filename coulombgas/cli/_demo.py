"""``coulombgas demo``: train two ensembles, infer their temperatures, and write a report."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._arguments import Out
from ._console import print_table, progress_bar, write_json

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

    from coulombgas.inference import SettingFit, TemperatureFit

_RBM = {"learning_rate": (0.02, 0.04), "batch_size": (8, 16, 32), "steps": 4000}
_STUDENT = {"learning_rate": (0.1,), "batch_size": (4, 8, 16, 32), "steps": 300}


_NOTES = (
    "Two models whose theory is known were trained here, many copies of each: Gaussian restricted Boltzmann machines "
    "that learn a free scalar field, and linear students that learn a teacher with two equal eigenvalues. From the "
    "spectra of their weights alone, without looking at the optimiser, the temperature of each training was inferred.",
)


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Train Gaussian RBMs and linear students at several temperatures, infer them, write a report."""

    out: Out = "demo"
    """Directory to write: report.html, the figures, the stores and the fits."""
    replicas: int = 300
    """Trained copies at each setting."""
    seed: int = 0
    """Seed of all random numbers."""
    overwrite: bool = False
    """Replace the directory if it exists."""
    json: bool = False
    """Print the fits as one JSON document."""

    def run(self) -> int:
        """Train, fit, print, report."""
        from coulombgas._checks import check_count
        from coulombgas._files import atomic_directory

        check_count("replicas", self.replicas, 2)
        started = time.monotonic()
        with atomic_directory(self.out, overwrite=self.overwrite) as directory:
            ensembles = {name: self._train(name, model, options, directory) for name, model, options in _ensembles()}
            fits = {name: _fit(name, spectra, directory) for name, spectra in ensembles.items()}
            _write_report(fits, ensembles, directory)
        if self.json:
            write_json({name: fit.as_dict() for name, fit in fits.items()})
        else:
            _print(fits)
            print(f"\n{self.out}/report.html holds the figures ({time.monotonic() - started:.0f} s).")
        return 0

    def _train(self, name: str, model: Any, options: dict[str, Any], directory: "Path") -> "xr.Dataset":
        from coulombgas.training import train

        with progress_bar(f"training {self.replicas} copies of {name} at each setting") as progress:
            return train(
                model, replicas=self.replicas, seed=self.seed, init="fixed-point", out=directory / f"{name}.zarr",
                progress=progress, **options,
            )  # fmt: skip


def _ensembles() -> list[tuple[str, Any, dict[str, Any]]]:
    from coulombgas.models import GaussianRBM, TeacherStudent, free_scalar_field

    rbm = GaussianRBM(num_visible=10, num_hidden=10, mu2=9.0, target=free_scalar_field(10, mass2=4.0))
    student = TeacherStudent(teacher=(2.0, 2.0), noise=0.1, inputs="fresh")
    return [("rbm", rbm, _RBM), ("teacher-student", student, _STUDENT)]


def _fit(name: str, spectra: "xr.Dataset", directory: "Path") -> "TemperatureFit":
    from coulombgas.inference import fit_temperature

    with progress_bar(f"inferring the temperatures of {name}") as progress:
        fit = fit_temperature(spectra, progress=progress)
    fit.save(directory / f"{name}.nc")
    return fit


def _write_report(fits: dict[str, "TemperatureFit"], ensembles: dict[str, "xr.Dataset"], directory: "Path") -> None:
    """Write the pictures of each fit, one of all temperatures, and the report into a directory."""
    from coulombgas.inference import TemperatureFit
    from coulombgas.plot import density, scaling, spacing, temperature
    from coulombgas.report import ensemble_report

    for name, fit in fits.items():
        for draw in (temperature, scaling, spacing, density):
            draw(fit).savefig(directory / f"{name}-{draw.__name__}.png")
    together = TemperatureFit(settings=tuple(s for fit in fits.values() for s in fit.settings), scaling=None, method="")
    temperature(together).savefig(directory / "temperature.png")
    provenance = {name: f"seed {data.attrs['seed']}, {data.attrs['config']}" for name, data in ensembles.items()}
    ensemble_report(fits, directory / "report.html", notes=_NOTES, provenance=provenance)


def _print(fits: dict[str, "TemperatureFit"]) -> None:
    rows = [_row(setting) for fit in fits.values() for setting in fit.settings]
    header = ("model", "learning rate", "batch size", "T true", "T inferred", "95% interval", "holds the truth")
    print_table(header, rows, title="How hot was this training?")


def _row(setting: "SettingFit") -> tuple:
    t, true = setting.known, setting.nominal
    interval, verdict = f"{t.lower:.3g} … {t.upper:.3g}", "yes" if setting.holds else "no"
    return setting.model, setting.learning_rate, setting.batch_size, true, t.mean, interval, verdict
