"""One function for every report: ``coulombgas.report.write_report(result, path)``."""

from typing import Any

from coulombgas._checks import InputError
from coulombgas._types import PathType
from coulombgas.inference import TemperatureFit
from coulombgas.networks import NetworkAnalysis

from ._ensemble import ensemble_report
from ._network import network_report


def write_report(result: Any, path: PathType, **options: Any) -> None:
    """Write the HTML report of a result.

    Args:
        result: a ``TemperatureFit`` (or several by name) or the ``NetworkAnalysis`` of ``analyse``.
        path: file to write.
        options: what :func:`ensemble_report` or :func:`network_report` take, such as ``title`` and ``overwrite``.

    Raises:
        InputError: for a result of another kind, or a file that exists or cannot be written.
    """
    if isinstance(result, NetworkAnalysis):
        network_report(result, path, **options)
    elif isinstance(result, TemperatureFit | dict):
        ensemble_report(result, path, **options)
    else:
        raise InputError(
            f"`result` must come from `fit_temperature` or `analyse`, got {type(result).__name__}: analyse it first."
        )
