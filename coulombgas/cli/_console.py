"""What the commands share to speak: tables and JSON on stdout, progress and errors on stderr."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from coulombgas._checks import printable

from ._plain import encodable

console = Console(stderr=True)
"""For people: progress and remarks, on stderr, so that stdout stays clean."""

_SECONDS_BEFORE_PROGRESS = 2.0


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[int, int], None]]:
    """A callable (done, total) drawing a bar with the time left after two seconds; silent off a terminal."""
    if not console.is_terminal:
        yield lambda done, total: None
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task(description, total=None)
    started, shown = time.monotonic(), False

    def advance(done: int, total: int) -> None:
        nonlocal shown
        if not shown and time.monotonic() - started > _SECONDS_BEFORE_PROGRESS:
            bar.start()
            shown = True
        bar.update(task, completed=done, total=total)

    try:
        yield advance
    finally:
        if shown:
            bar.stop()


class _Table(Console):
    """A console that leaves it to the command what a reader who goes away means (rich would exit with 1)."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def print_table(header: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None = None) -> None:
    """A table on stdout; plain, aligned text when stdout is not a terminal. Cells are data, never markup."""
    out = _terminal() if sys.stdout.isatty() else _Table(width=200, color_system=None, highlight=False)
    grid = Table(title=None if title is None else _plain(title))
    for name in header:
        grid.add_column(_plain(name))
    for row in rows:
        grid.add_row(*(_plain(cell) for cell in row))
    out.print(grid)


def remark(text: str) -> None:
    """A line for people on stderr; names of files in it are shown, not obeyed."""
    if sys.stderr is not None:
        sys.stderr.write(encodable(printable(text), sys.stderr) + "\n")


def _terminal() -> Console:
    """The terminal itself, which colours are sent to; what goes into a table has been made plain before."""
    return _Table(soft_wrap=False, file=getattr(sys.stdout, "raw_stream", sys.stdout))


def write_json(document: Any) -> None:
    """One JSON document on stdout. NaN and infinities become null: JSON has no such numbers."""
    json.dump(finite(document), sys.stdout, indent=2)
    sys.stdout.write("\n")


def _plain(cell: Any) -> Any:
    from rich.text import Text

    text = f"{cell:.4g}" if isinstance(cell, float) else str(cell)
    return Text(encodable(printable(text), sys.stdout))


def finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if hasattr(value, "tolist"):
        return finite(value.tolist())
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
