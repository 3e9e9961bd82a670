"""Figures: Matplotlib ``Figure`` objects in one style, no global state; save them with ``.savefig``."""

from ._dmft import plot_comparison as plot_comparison
from ._dmft import plot_decomposition as plot_decomposition
from ._dmft import plot_dynamics as plot_dynamics
from ._fit import plot_fit as plot_fit
from ._fokker_planck import plot_fokker_planck as plot_fokker_planck
from ._inference import plot_motion as plot_motion
from ._inference import plot_predictive as plot_predictive
from ._inference import plot_ranks as plot_ranks
from ._language import plot_losses as plot_losses
from ._language import plot_spectra_evolution as plot_spectra_evolution
from ._network import plot_evolution as plot_evolution
from ._network import plot_layer as plot_layer
from ._network import plot_long_range as plot_long_range
from ._spacing import plot_density as plot_density
from ._spacing import plot_spacing as plot_spacing
from ._style import house_style as house_style
from ._style import new_figure as new_figure
from ._temperature import plot_scaling as plot_scaling
from ._temperature import plot_temperature as plot_temperature

__all__ = [
    "house_style",
    "new_figure",
    "plot_comparison",
    "plot_decomposition",
    "plot_density",
    "plot_dynamics",
    "plot_evolution",
    "plot_fit",
    "plot_fokker_planck",
    "plot_layer",
    "plot_long_range",
    "plot_losses",
    "plot_motion",
    "plot_predictive",
    "plot_ranks",
    "plot_scaling",
    "plot_spacing",
    "plot_spectra_evolution",
    "plot_temperature",
]
