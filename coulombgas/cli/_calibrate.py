"""``coulombgas calibrate``: are the intervals correct?"""

from dataclasses import dataclass

import tyro

from ._arguments import File, Name


@dataclass(frozen=True, kw_only=True)
class Calibrate:
    """Draw parameters and data from a model, fit them, and test whether the truth ranks uniformly.

    MODEL is one of single, pair, density, group, rice, known-gap, product, gaussian, poisson, brody, mixture (laws of
    levels and spacings), temperature, response, spectrum (T of a setting), scaling, joint-scaling (the rule across
    settings).
    """

    model: tyro.conf.Positional[str]
    """Model to calibrate."""
    num: int = 400
    """Simulated data sets."""
    num_observations: int = 200
    """Observations in each, or replicas of each setting."""
    simulate_with: Name = None
    """Another model that generates the data: a control that must fail."""
    figure: File = None
    """File for the rank histograms (.png, .pdf, .svg)."""
    overwrite: bool = False
    """Replace an existing figure."""
    json: bool = False
    """Print one JSON object instead of a table."""
    seed: int = 0
    """Seed of everything."""

    def run(self) -> int:
        from coulombgas._files import atomic_file, check_output
        from coulombgas.inference import calibrate

        from ._console import write_json

        if self.figure is not None:
            check_output(self.figure, overwrite=self.overwrite, argument="figure")
        result = calibrate(
            self.model, num=self.num, num_observations=self.num_observations, simulate_with=self.simulate_with,
            seed=self.seed,
        )  # fmt: skip
        if self.figure is not None:
            from coulombgas.plot import ranks

            with atomic_file(self.figure, overwrite=self.overwrite) as temporary:
                ranks(result).savefig(temporary)
        if self.json:
            write_json(result.as_dict())
        else:
            print(result.table())
        return 0 if result.passed() else 1
