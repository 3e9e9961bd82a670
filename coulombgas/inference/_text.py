"""Aligned text, used by all tables."""

from collections.abc import Sequence

from coulombgas._interval import Interval


def align(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns two spaces apart: the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = []
    for row in (header, *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def in_brackets(interval: Interval) -> str:
    """[lower, upper] of an interval."""
    return f"[{interval.lower:.4g}, {interval.upper:.4g}]"


def short_path(path: str, length: int = 32) -> str:
    """The last part of a path, at most ``length`` characters of it."""
    name = path.rstrip("/").rsplit("/", 1)[-1]
    return name if len(name) <= length else "…" + name[-(length - 1) :]
