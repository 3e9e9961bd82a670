"""The symbolic engine: closed forms as SymPy expressions, and the way from any drift and noise to them.

What holds numbers instead of expressions is loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ._bulk import marchenko_pastur as marchenko_pastur
from ._bulk import marchenko_pastur_atom as marchenko_pastur_atom
from ._bulk import marchenko_pastur_edges as marchenko_pastur_edges
from ._bulk import semicircle as semicircle
from ._calogero import calogero_hamiltonian as calogero_hamiltonian
from ._calogero import gas_spectrum as gas_spectrum
from ._calogero import polynomial_spectrum as polynomial_spectrum
from ._chain_means import rbm_chain_mean_eigenvalue as rbm_chain_mean_eigenvalue
from ._chain_means import rbm_chain_variance as rbm_chain_variance
from ._coulomb_gas import CoulombGas as CoulombGas
from ._coulomb_gas import gaussian_moment as gaussian_moment
from ._coulomb_gas import half_line_moment as half_line_moment
from ._eigenvalue_sde import EigenvalueSDE as EigenvalueSDE
from ._finite_rate import data_chain_factor as data_chain_factor
from ._finite_rate import matrix_ou_variance as matrix_ou_variance
from ._finite_rate import persistent_chain_factor as persistent_chain_factor
from ._finite_rate import persistent_chain_step as persistent_chain_step
from ._finite_rate import rbm_finite_rate_width2 as rbm_finite_rate_width2
from ._finite_rate import rbm_memory as rbm_memory
from ._finite_rate import rbm_relaxation as rbm_relaxation
from ._finite_rate import two_layer_amplitude as two_layer_amplitude
from ._finite_rate import two_layer_rate as two_layer_rate
from ._finite_rate import two_layer_variance as two_layer_variance
from ._fixed_points import FixedPoint as FixedPoint
from ._fokker_planck import FokkerPlanck as FokkerPlanck
from ._free import FreeLaw as FreeLaw
from ._free import free_sum as free_sum
from ._free import free_sum_resolvents as free_sum_resolvents
from ._free import resolvent as resolvent
from ._free import spectral_argument as spectral_argument
from ._free import spectral_density as spectral_density
from ._functions import bessel_ie as bessel_ie
from ._functions import log_erfc as log_erfc
from ._functions import log_i0 as log_i0
from ._functions import log_i0e as log_i0e
from ._functions import log_sum_exp as log_sum_exp
from ._functions import lower_gamma_ratio as lower_gamma_ratio
from ._functions import xlogy as xlogy
from ._law import SymbolicLaw as SymbolicLaw
from ._learning_rule import LearningRule as LearningRule
from ._linear_law import LinearLaw as LinearLaw
from ._linear_law import RuleLevels as RuleLevels
from ._loop_equations import burgers as burgers
from ._loop_equations import gaussian_resolvent as gaussian_resolvent
from ._loop_equations import num_levels as num_levels
from ._loop_equations import ward_identity as ward_identity
from ._matrix_rule import MatrixRule as MatrixRule
from ._matrix_rule import PairLaw as PairLaw
from ._matrix_sde import MatrixSDE as MatrixSDE
from ._matrix_sde import eigenvalue_shifts as eigenvalue_shifts
from ._matrix_sde import shifts_from_determinant as shifts_from_determinant
from ._parse import parse as parse
from ._rest_points import RestPoint as RestPoint
from ._rewrite import stabilise as stabilise
from ._schrodinger import Ladder as Ladder
from ._schrodinger import SchrodingerOperator as SchrodingerOperator
from ._selberg import laguerre_normalisation as laguerre_normalisation
from ._selberg import log_laguerre_normalisation as log_laguerre_normalisation
from ._selberg import log_mehta_normalisation as log_mehta_normalisation
from ._selberg import mehta_normalisation as mehta_normalisation
from ._source import to_latex as to_latex
from ._source import to_numpy_source as to_numpy_source
from ._source import to_plain as to_plain
from ._spacing import brody as brody
from ._spacing import pair_density as pair_density
from ._spacing import poisson as poisson
from ._spacing import rice_spacing as rice_spacing
from ._spacing import wigner_surmise as wigner_surmise
from ._special import weighted_bessel as weighted_bessel
from ._to_jax import to_jax as to_jax
from ._two_species import mean_distance as mean_distance
from ._two_species import two_species_density as two_species_density
from ._two_species import two_species_spacing as two_species_spacing
from ._wick import gaussian_average as gaussian_average
from ._wick import gaussian_covariance as gaussian_covariance
from ._wick import gradient_noise_covariance as gradient_noise_covariance
from ._wick import isserlis as isserlis
from ._wick import pairings as pairings
from ._widths import discrete_width2 as discrete_width2
from ._widths import rbm_drift as rbm_drift
from ._widths import rbm_mean_eigenvalue as rbm_mean_eigenvalue
from ._widths import rbm_mean_shift as rbm_mean_shift
from ._widths import rbm_potential as rbm_potential
from ._widths import rbm_variance as rbm_variance
from ._widths import rbm_width2 as rbm_width2
from ._widths import teacher_student_scatter2 as teacher_student_scatter2
from ._widths import teacher_student_shift2 as teacher_student_shift2
from ._widths import teacher_student_symmetric_width2 as teacher_student_symmetric_width2
from ._widths import teacher_student_width2 as teacher_student_width2
from ._widths import two_layer_width2 as two_layer_width2

if TYPE_CHECKING:
    from ._plane import PlaneSystem as PlaneSystem
    from ._small_noise import SmallNoise as SmallNoise
    from ._spectrum import Density as Density
    from ._spectrum import Eigensystem as Eigensystem

_NUMBERS = {
    "Density": "_spectrum",
    "Eigensystem": "_spectrum",
    "PlaneSystem": "_plane",
    "SmallNoise": "_small_noise",
}

__all__ = [
    "CoulombGas",
    "Density",
    "Eigensystem",
    "EigenvalueSDE",
    "FixedPoint",
    "FokkerPlanck",
    "FreeLaw",
    "Ladder",
    "LearningRule",
    "LinearLaw",
    "MatrixRule",
    "MatrixSDE",
    "PairLaw",
    "PlaneSystem",
    "RestPoint",
    "RuleLevels",
    "SchrodingerOperator",
    "SmallNoise",
    "SymbolicLaw",
    "bessel_ie",
    "brody",
    "burgers",
    "calogero_hamiltonian",
    "data_chain_factor",
    "discrete_width2",
    "eigenvalue_shifts",
    "free_sum",
    "free_sum_resolvents",
    "gas_spectrum",
    "gaussian_average",
    "gaussian_covariance",
    "gaussian_moment",
    "gaussian_resolvent",
    "gradient_noise_covariance",
    "half_line_moment",
    "isserlis",
    "laguerre_normalisation",
    "log_erfc",
    "log_i0",
    "log_i0e",
    "log_laguerre_normalisation",
    "log_mehta_normalisation",
    "log_sum_exp",
    "lower_gamma_ratio",
    "marchenko_pastur",
    "marchenko_pastur_atom",
    "marchenko_pastur_edges",
    "matrix_ou_variance",
    "mean_distance",
    "mehta_normalisation",
    "num_levels",
    "pair_density",
    "pairings",
    "parse",
    "persistent_chain_factor",
    "persistent_chain_step",
    "poisson",
    "polynomial_spectrum",
    "rbm_chain_mean_eigenvalue",
    "rbm_chain_variance",
    "rbm_drift",
    "rbm_finite_rate_width2",
    "rbm_mean_eigenvalue",
    "rbm_mean_shift",
    "rbm_memory",
    "rbm_potential",
    "rbm_relaxation",
    "rbm_variance",
    "rbm_width2",
    "resolvent",
    "rice_spacing",
    "semicircle",
    "shifts_from_determinant",
    "spectral_argument",
    "spectral_density",
    "stabilise",
    "teacher_student_scatter2",
    "teacher_student_shift2",
    "teacher_student_symmetric_width2",
    "teacher_student_width2",
    "to_jax",
    "to_latex",
    "to_numpy_source",
    "to_plain",
    "two_layer_amplitude",
    "two_layer_rate",
    "two_layer_variance",
    "two_layer_width2",
    "two_species_density",
    "two_species_spacing",
    "ward_identity",
    "weighted_bessel",
    "wigner_surmise",
    "xlogy",
]


def __getattr__(name: str) -> Any:
    if name not in _NUMBERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_NUMBERS[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
