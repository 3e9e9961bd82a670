"""From blocks to one self-contained HTML page: autoescaped, figures inline, no network."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

TEMPLATE = "page.html.j2"


@dataclass(frozen=True, kw_only=True)
class Card:
    """One headline number.

    Attributes:
        label: what it is.
        value: the number as text.
        note: what to know about it, in small print.
    """

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        header: names of the columns.
        rows: cells of each row.
        flags: whether a row carries a warning; none do unless given.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    flags: Sequence[bool] = ()


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page.

    Attributes:
        heading: its heading.
        text: paragraphs.
        tables: tables below the text.
        figures: figures, each with a caption.
        charts: groups of small SVG charts, each with a name: (chart, caption) pairs.
        folded: whether it is hidden behind its heading at first.
    """

    heading: str
    text: Sequence[str] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[tuple[Figure, str]] = ()
    charts: Sequence[tuple[str, Sequence[tuple[str, str]]]] = ()
    folded: bool = False


def render_page(
    *, title: str, lead: str, cards: Sequence[Card], sections: Sequence[Section], provenance: Mapping[str, Any]
) -> str:
    """The page as a string.

    Args:
        title: heading of the page.
        lead: the answer in one sentence.
        cards: headline numbers under it.
        sections: the rest, in order.
        provenance: where the numbers come from: versions, seeds, sources.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("coulombgas.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inline"] = inline_svg
    environment.filters["chart"] = Markup  # made by this package, with its labels escaped
    return environment.get_template(TEMPLATE).render(
        title=title, lead=lead, cards=cards, sections=sections, provenance=provenance
    )


def inline_svg(figure: Figure) -> str:
    """A figure as a ``data:`` address that an ``img`` can show."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
