"""What a model's update leads to: widths, mean levels and their response to the temperature."""

from ._ensembles import GRID as GRID
from ._ensembles import Measured as Measured
from ._ensembles import ResponseCurve as ResponseCurve
from ._ensembles import ensemble_sizes as ensemble_sizes
from ._ensembles import exact_curve as exact_curve
from ._ensembles import fit_curve as fit_curve
from ._ensembles import learnt_groups as learnt_groups
from ._ensembles import linear_log_ratio as linear_log_ratio
from ._ensembles import mean_levels as mean_levels
from ._ensembles import measure_response as measure_response
from ._ensembles import smooth as smooth
from ._response import response_for as response_for
from ._response_table import tabulated as tabulated
from ._response_table import write_response_table as write_response_table

__all__ = [
    "GRID",
    "Measured",
    "ResponseCurve",
    "ensemble_sizes",
    "exact_curve",
    "fit_curve",
    "learnt_groups",
    "linear_log_ratio",
    "mean_levels",
    "measure_response",
    "response_for",
    "smooth",
    "tabulated",
    "write_response_table",
]
