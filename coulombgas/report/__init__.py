"""Self-contained HTML reports; the package itself is the verb: ``coulombgas.report(result, path)``."""

import sys
import types
from typing import Any

from ._ensemble import ensemble_report as ensemble_report
from ._html import Card as Card
from ._html import Section as Section
from ._html import Table as Table
from ._html import render_page as render_page
from ._language import language_report as language_report
from ._network import network_report as network_report
from ._write import write_report as write_report

__all__ = [
    "Card",
    "Section",
    "Table",
    "ensemble_report",
    "language_report",
    "network_report",
    "render_page",
    "write_report",
]


class _CallableModule(types.ModuleType):
    def __call__(self, result: Any, path: Any, **options: Any) -> None:
        """Write the HTML report of a result: see :func:`write_report`."""
        write_report(result, path, **options)


sys.modules[__name__].__class__ = _CallableModule
