"""``coulombgas compare``: which law do the data prefer?"""

from dataclasses import dataclass

from ._arguments import Names, Paths


@dataclass(frozen=True, kw_only=True)
class Compare:
    """Rank laws of the spacings of pairs by leave-one-out prediction, with standard errors.

    Laws of spacings: known-gap (Rice), rice, pair (Wigner), product, gaussian, poisson, brody, mixture. Laws of levels:
    density, single. With --scaling: the linear rule T ∝ α/B against free exponents, by leaving settings out.
    """

    paths: Paths
    """Spectra: one or more files or stores."""
    laws: Names = ("known-gap", "product", "gaussian", "poisson", "brody")
    """Laws to compare, all of spacings or all of levels."""
    scaling: bool = False
    """Compare scaling rules of the temperature over settings instead of laws."""
    tolerance: float = 0.1
    """Largest distance of two fixed points in a pair, relative to the largest."""
    json: bool = False
    """Print one JSON object instead of a table."""
    seed: int = 0
    """Seed of the sampler."""

    def run(self) -> int:
        from coulombgas._checks import InputError
        from coulombgas.spectra import read_spectra

        from ._console import write_json

        if not self.paths:
            raise InputError("`paths` is empty: give at least one file or store of spectra.")
        if not self.laws:
            raise InputError("`laws` is empty: name at least one law.")
        spectra = [read_spectra(path) for path in self.paths]
        from coulombgas.inference import compare_laws, compare_scaling, fit_temperature

        if self.scaling:
            comparison = compare_scaling(fit_temperature(spectra, seed=self.seed), seed=self.seed)
        else:
            comparison = compare_laws(spectra, self.laws, tolerance=self.tolerance, seed=self.seed)
        if self.json:
            write_json(comparison.as_dict())
        else:
            print(comparison.table())
        return 0
