"""The stationary law of a model's update: fixed point, level groups, widths, mean shifts, times; the response at any
T."""

from ._closed_forms import matrix_dyson_of as matrix_dyson_of
from ._ensembles import GRID as GRID
from ._ensembles import Measured as Measured
from ._ensembles import ResponseCurve as ResponseCurve
from ._ensembles import exact_curve as exact_curve
from ._ensembles import fit_curve as fit_curve
from ._ensembles import matrix_curve as matrix_curve
from ._ensembles import measure_response as measure_response
from ._ensembles import smooth as smooth
from ._ensembles import with_theory_error as with_theory_error
from ._find import as_optimizer as as_optimizer
from ._find import find_theory as find_theory
from ._find import linear_noise as linear_noise
from ._find import scheduled_rate as scheduled_rate
from ._response import known_response as known_response
from ._response import response_for as response_for
from ._response import trained_response as trained_response
from ._response_table import linear_share as linear_share
from ._response_table import tabulated as tabulated
from ._response_table import write_response_table as write_response_table
from ._statements import evaluate as evaluate
from ._theory import Theory as Theory

__all__ = [
    "GRID",
    "Measured",
    "ResponseCurve",
    "Theory",
    "as_optimizer",
    "evaluate",
    "exact_curve",
    "find_theory",
    "fit_curve",
    "known_response",
    "linear_noise",
    "linear_share",
    "matrix_curve",
    "matrix_dyson_of",
    "measure_response",
    "response_for",
    "scheduled_rate",
    "smooth",
    "tabulated",
    "trained_response",
    "with_theory_error",
    "write_response_table",
]
