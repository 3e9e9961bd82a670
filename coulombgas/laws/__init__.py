"""Laws of eigenvalues and spacings as NumPyro distributions, all normalised."""

from ._block import GaussianBlock as GaussianBlock
from ._block import LaguerreBlock as LaguerreBlock
from ._bulk import MarchenkoPastur as MarchenkoPastur
from ._bulk import Semicircle as Semicircle
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
    "GaussianBlock",
    "LaguerreBlock",
    "MarchenkoPastur",
    "PairDensity",
    "PoissonSpacing",
    "RiceSpacing",
    "Semicircle",
    "TracyWidom",
    "TwoSpeciesDensity",
    "TwoSpeciesPair",
    "TwoSpeciesSpacing",
    "WignerSurmise",
    "matrix_pair_spacing",
]
