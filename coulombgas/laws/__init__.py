"""Laws of eigenvalues and spacings as NumPyro distributions, all normalised, and those of noise in plain NumPy.

The distributions are loaded when they are first used, so that who reads spectra does not wait for JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ._marchenko_pastur import mp_angle as mp_angle
from ._marchenko_pastur import mp_cdf as mp_cdf
from ._marchenko_pastur import mp_density as mp_density
from ._marchenko_pastur import mp_edges as mp_edges
from ._marchenko_pastur import mp_nodes as mp_nodes
from ._marchenko_pastur import mp_quantile as mp_quantile
from ._noise_edge import edge_log_density as edge_log_density
from ._noise_edge import edge_log_survival as edge_log_survival
from ._noise_edge import edge_moments as edge_moments
from ._noise_edge import edge_quantile as edge_quantile
from ._noise_edge import wishart_edge as wishart_edge

if TYPE_CHECKING:
    from ._block import GaussianBlock as GaussianBlock
    from ._block import LaguerreBlock as LaguerreBlock
    from ._bulk import MarchenkoPastur as MarchenkoPastur
    from ._bulk import Semicircle as Semicircle
    from ._composite import CompositeEstimate as CompositeEstimate
    from ._composite import composite_estimate as composite_estimate
    from ._composite import pseudo_log_prob as pseudo_log_prob
    from ._coulomb_gas import CoulombGas as CoulombGas
    from ._coulomb_gas import PartitionFunction as PartitionFunction
    from ._coulomb_gas import partition_function as partition_function
    from ._pair import PairDensity as PairDensity
    from ._reference import Brody as Brody
    from ._reference import PoissonSpacing as PoissonSpacing
    from ._rice import RiceSpacing as RiceSpacing
    from ._rice import matrix_pair_spacing as matrix_pair_spacing
    from ._spacing import WignerSurmise as WignerSurmise
    from ._tracy_widom import TracyWidom as TracyWidom
    from ._two_species import TwoSpeciesPair as TwoSpeciesPair
    from ._two_species import TwoSpeciesSpacing as TwoSpeciesSpacing
    from ._two_species_density import TwoSpeciesDensity as TwoSpeciesDensity

_DISTRIBUTIONS: dict[str, str] = {
    "Brody": "_reference",
    "CompositeEstimate": "_composite",
    "CoulombGas": "_coulomb_gas",
    "GaussianBlock": "_block",
    "LaguerreBlock": "_block",
    "MarchenkoPastur": "_bulk",
    "PairDensity": "_pair",
    "PartitionFunction": "_coulomb_gas",
    "PoissonSpacing": "_reference",
    "RiceSpacing": "_rice",
    "Semicircle": "_bulk",
    "TracyWidom": "_tracy_widom",
    "TwoSpeciesDensity": "_two_species_density",
    "TwoSpeciesPair": "_two_species",
    "TwoSpeciesSpacing": "_two_species",
    "WignerSurmise": "_spacing",
    "composite_estimate": "_composite",
    "matrix_pair_spacing": "_rice",
    "partition_function": "_coulomb_gas",
    "pseudo_log_prob": "_composite",
}

__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    "Brody",
    "CompositeEstimate",
    "CoulombGas",
    "GaussianBlock",
    "LaguerreBlock",
    "MarchenkoPastur",
    "PairDensity",
    "PartitionFunction",
    "PoissonSpacing",
    "RiceSpacing",
    "Semicircle",
    "TracyWidom",
    "TwoSpeciesDensity",
    "TwoSpeciesPair",
    "TwoSpeciesSpacing",
    "WignerSurmise",
    "composite_estimate",
    "edge_log_density",
    "edge_log_survival",
    "edge_moments",
    "edge_quantile",
    "matrix_pair_spacing",
    "mp_angle",
    "mp_cdf",
    "mp_density",
    "mp_edges",
    "mp_nodes",
    "mp_quantile",
    "partition_function",
    "pseudo_log_prob",
    "wishart_edge",
]


def __getattr__(name: str) -> Any:
    if name not in _DISTRIBUTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_DISTRIBUTIONS[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
