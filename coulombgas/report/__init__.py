"""Self-contained HTML reports: ``coulombgas.report.write_report(result, path)``."""

from ._ensemble import ensemble_report as ensemble_report
from ._html import Card as Card
from ._html import Section as Section
from ._html import Table as Table
from ._html import render_page as render_page
from ._language import language_report as language_report
from ._network import network_report as network_report
from ._recordings import recordings_report as recordings_report
from ._write import write_report as write_report

__all__ = [
    "Card",
    "Section",
    "Table",
    "ensemble_report",
    "language_report",
    "network_report",
    "recordings_report",
    "render_page",
    "write_report",
]
