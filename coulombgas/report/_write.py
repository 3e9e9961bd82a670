"""One function for every report: ``coulombgas.report.write_report(result, path)``."""

from typing import Any

from coulombgas._checks import InputError
from coulombgas._types import PathType
from coulombgas.inference import ScalingRule, TemperatureFit
from coulombgas.networks import NetworkAnalysis

from ._ensemble import ensemble_report
from ._network import network_report
from ._recordings import recordings_report


def write_report(result: Any, path: PathType, **options: Any) -> None:
    """Write the HTML report of a result.

    Args:
        result: a ``TemperatureFit`` (or several by name), the ``NetworkAnalysis`` of ``analyse`` or the ``ScalingRule``
            of ``scaling_rule``.
        path: file to write.
        options: what :func:`ensemble_report`, :func:`network_report` or :func:`recordings_report` take, such as
            ``title`` and ``overwrite``.

    Raises:
        InputError: for a result of another kind, or a file that exists or cannot be written.
    """
    if isinstance(result, NetworkAnalysis):
        network_report(result, path, **options)
    elif isinstance(result, ScalingRule):
        recordings_report(result, path, **options)
    elif isinstance(result, TemperatureFit | dict):
        ensemble_report(result, path, **options)
    else:
        raise InputError(
            "`result` must come from `fit_temperature`, `scaling_rule` or `analyse`, got "
            f"{type(result).__name__}: analyse it first."
        )
