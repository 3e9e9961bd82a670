"""Output of the commands: tables and JSON on stdout, progress and errors on stderr."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from coulombgas._checks import printable
from coulombgas._json import finite

from ._plain import encodable

console = Console(stderr=True)
"""Progress and remarks for people, on stderr, so that stdout stays clean."""

_SECONDS_BEFORE_PROGRESS = 2.0
_SECONDS_BETWEEN_LINES = 30.0


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[int, int], None]]:
    """A callable (done, total) that draws a bar with the time left after two seconds; without a terminal a line every
    30 s."""
    if not console.is_terminal:
        yield _lines(description)
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


def _lines(description: str) -> Callable[[int, int], None]:
    """A callable (done, total) that prints a line on stderr every 30 s, with the time left."""
    begun = last = time.monotonic()

    def advance(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES and 0 < done < total:
            last = now
            remark(f"{description}: {done} of {total}, about {duration((now - begun) * (total - done) / done)} left")

    return advance


class Estimate:
    """Progress over pieces of work of known relative cost: the time left is printed after the first, then shown by the
    bar, or without a terminal by a line every 30 s."""

    def __init__(self, description: str, costs: Sequence[float], *, unit: str, memory: int):
        self._description, self._costs, self._unit, self._memory = description, costs, unit, memory
        self._left, self._spent, self._count = sum(costs), 0.0, 0
        self._said = False

    def __enter__(self) -> "Estimate":
        self._begun = self._last = time.monotonic()
        self._stack = ExitStack()
        # the bar counts work, the lines count pieces
        self._bar = self._stack.enter_context(progress_bar(self._description)) if console.is_terminal else None
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def done(self, index: int, *, free: bool = False) -> None:
        """Note that a piece is done; ``free`` if it cost nothing."""
        self._count += 1
        self._left -= self._costs[index]
        self._spent += 0.0 if free else self._costs[index]
        now = time.monotonic()
        total = sum(self._costs)
        if self._bar is not None:
            self._bar(int(1e6 * (1 - self._left / total)), 1_000_000)
        if free or self._count == len(self._costs):
            return
        seconds = (now - self._begun) * self._left / self._spent
        if not self._said and seconds >= _SECONDS_BETWEEN_LINES:
            rest = f"{len(self._costs) - self._count} {self._unit}"
            remark(f"about {duration(seconds)} for the other {rest}, in {self._memory / 2**30:.1f} GiB of memory")
            self._said, self._last = True, now
        elif self._bar is None and now - self._last >= _SECONDS_BETWEEN_LINES:
            remark(f"{self._description}: {self._count} of {len(self._costs)}, about {duration(seconds)} left")
            self._last = now


def duration(seconds: float) -> str:
    """A duration in readable form: "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class RowPrinter:
    """A table that is printed row by row, in columns of given widths; longer cells shift their own row."""

    def __init__(self, columns: Mapping[str, int]):
        self._widths = list(columns.values())
        self._header: list[str] | None = list(columns)

    def row(self, cells: Sequence[Any]) -> None:
        """Print one row at once, the first one under the header."""
        if self._header is not None:
            self._line(self._header)
            self._header = None
        self._line([f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells])

    def _line(self, cells: Sequence[str]) -> None:
        print("  ".join(map(str.ljust, cells, self._widths)).rstrip(), flush=True)


class _Table(Console):
    """A console that leaves the handling of a closed pipe to the command (rich would exit with 1)."""

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
    """A line for people on stderr; control characters in file names are escaped."""
    if sys.stderr is not None:
        sys.stderr.write(encodable(printable(text), sys.stderr) + "\n")


def _terminal() -> Console:
    """The terminal itself, to which colours are sent; the contents of a table have been escaped before."""
    return _Table(soft_wrap=False, file=getattr(sys.stdout, "raw_stream", sys.stdout))


def write_json(document: Any) -> None:
    """One JSON document on stdout. NaN and infinities become null: JSON does not have them."""
    json.dump(finite(document), sys.stdout, indent=2)
    sys.stdout.write("\n")


def _plain(cell: Any) -> Any:
    from rich.text import Text

    text = f"{cell:.4g}" if isinstance(cell, float) else str(cell)
    return Text(encodable(printable(text), sys.stdout))
