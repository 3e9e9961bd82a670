"""Laws of eigenvalues and spacings as NumPyro distributions, all normalised."""

from ._pair import PairDensity as PairDensity
from ._reference import Brody as Brody
from ._reference import PoissonSpacing as PoissonSpacing
from ._rice import RiceSpacing as RiceSpacing
from ._spacing import WignerSurmise as WignerSurmise

__all__ = ["Brody", "PairDensity", "PoissonSpacing", "RiceSpacing", "WignerSurmise"]
