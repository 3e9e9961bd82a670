"""Laws of eigenvalues and spacings as NumPyro distributions, all normalised."""

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

__all__ = [
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
    "matrix_pair_spacing",
    "partition_function",
    "pseudo_log_prob",
]
