"""The symbolic engine: closed forms as SymPy expressions, and the way from any drift and noise to them."""

from ._functions import bessel_ie as bessel_ie
from ._functions import log_erfc as log_erfc
from ._functions import log_i0e as log_i0e
from ._functions import log_sum_exp as log_sum_exp
from ._functions import lower_gamma_ratio as lower_gamma_ratio
from ._functions import xlogy as xlogy
from ._law import SymbolicLaw as SymbolicLaw
from ._rewrite import stabilise as stabilise
from ._source import to_latex as to_latex
from ._source import to_numpy_source as to_numpy_source
from ._source import to_plain as to_plain
from ._spacing import brody as brody
from ._spacing import pair_density as pair_density
from ._spacing import poisson as poisson
from ._spacing import rice_spacing as rice_spacing
from ._spacing import wigner_surmise as wigner_surmise
from ._to_jax import to_jax as to_jax
from ._two_species import mean_distance as mean_distance
from ._two_species import two_species_density as two_species_density
from ._two_species import two_species_spacing as two_species_spacing

__all__ = [
    "SymbolicLaw",
    "bessel_ie",
    "brody",
    "log_erfc",
    "log_i0e",
    "log_sum_exp",
    "lower_gamma_ratio",
    "mean_distance",
    "pair_density",
    "poisson",
    "rice_spacing",
    "stabilise",
    "to_jax",
    "to_latex",
    "to_numpy_source",
    "to_plain",
    "two_species_density",
    "two_species_spacing",
    "wigner_surmise",
    "xlogy",
]
