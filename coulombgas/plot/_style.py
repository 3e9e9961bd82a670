"""The style of all figures: colours, sizes, and figures that need neither pyplot nor a display."""

import functools
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec

import matplotlib as mpl
from cycler import cycler
from matplotlib.figure import Figure

INK = "#1f2933"
DATA = "#9fb3c8"
MODEL = "#c0392b"
BAND = "#e8a598"
TRUTH = "#102a43"
SERIES = ("#2a6f97", "#c0392b", "#5f8d4e", "#8e6bbf", "#d98e04", "#3d9a9b", "#a0526c", "#6b7280")

_RC: Any = {
    "axes.edgecolor": "#829ab1",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.prop_cycle": cycler(color=SERIES),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "grid.alpha": 0.5,
    "grid.color": "#d9e2ec",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "mathtext.fontset": "cm",
    "savefig.dpi": 200,
    "text.color": INK,
    "xtick.color": "#52606d",
    "ytick.color": "#52606d",
}
# a column of a notebook or page is about 7 inches of 96 pixels: two panels are then slightly finer than needed
_NOTEBOOK_DPI = 120

P = ParamSpec("P")


class Picture(Figure):
    """A Matplotlib figure that Jupyter, marimo and the built documentation show as the last expression of a cell.

    A ``Figure`` not made by pyplot is not displayed in Jupyter or in the pages. ``savefig`` works as usual.
    """

    def _repr_png_(self) -> bytes:
        """The figure as PNG, in the style in which it was drawn: the display hook of notebooks."""
        buffer = io.BytesIO()
        with house_style():
            self.savefig(buffer, format="png", dpi=_NOTEBOOK_DPI)
        return buffer.getvalue()


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib settings of this project, only inside the block."""
    with mpl.rc_context(_RC):
        yield


def styled(function: Callable[P, Figure]) -> Callable[P, Figure]:
    """Decorator: the function draws in the house style."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with house_style():
            return function(*args, **kwargs)

    return wrapped


def new_figure(columns: int = 1, rows: int = 1, *, width: float = 4.6, height: float = 3.4) -> tuple[Figure, Any]:
    """A figure with a grid of axes, shape (rows, columns); no global state is touched."""
    figure = empty_figure(width * columns, height * rows)
    return figure, figure.subplots(rows, columns, squeeze=False)


def empty_figure(width: float, height: float) -> Figure:
    """A figure without axes, inches wide and high."""
    return Picture(figsize=(width, height), layout="constrained")
