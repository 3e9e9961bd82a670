"""Figures of results, one function each: ``coulombgas.plot.temperature(fit)``.

Every function takes a result and returns a Matplotlib ``Figure`` in one style, without pyplot and its global state. A
notebook displays it as the last expression of a cell; ``.savefig`` writes it to a file.
"""

from ._dmft import comparison as comparison
from ._dmft import decomposition as decomposition
from ._dmft import dynamics as dynamics
from ._fokker_planck import fokker_planck as fokker_planck
from ._inference import motion as motion
from ._inference import predictive as predictive
from ._inference import ranks as ranks
from ._language import losses as losses
from ._language import spectra as spectra
from ._motion_charts import motion_charts as motion_charts
from ._motion_charts import rule_charts as rule_charts
from ._network import evolution as evolution
from ._network import layer as layer
from ._network import long_range as long_range
from ._network_charts import layer_charts as layer_charts
from ._network_charts import overview_charts as overview_charts
from ._network_charts import thumbnail as thumbnail
from ._spacing import density as density
from ._spacing import pairs_of as pairs_of
from ._spacing import spacing as spacing
from ._style import house_style as house_style
from ._style import new_figure as new_figure
from ._temperature import scaling as scaling
from ._temperature import scaling_axes as scaling_axes
from ._temperature import temperature as temperature

__all__ = [
    "comparison",
    "decomposition",
    "density",
    "dynamics",
    "evolution",
    "fokker_planck",
    "house_style",
    "layer",
    "layer_charts",
    "long_range",
    "losses",
    "motion",
    "motion_charts",
    "new_figure",
    "overview_charts",
    "pairs_of",
    "predictive",
    "ranks",
    "rule_charts",
    "scaling",
    "scaling_axes",
    "spacing",
    "spectra",
    "temperature",
    "thumbnail",
]
