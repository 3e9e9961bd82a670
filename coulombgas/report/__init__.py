"""Self-contained HTML reports."""

from ._ensemble import ensemble_report as ensemble_report
from ._html import Card as Card
from ._html import Section as Section
from ._html import Table as Table
from ._html import render_page as render_page

__all__ = ["Card", "Section", "Table", "ensemble_report", "render_page"]
