"""One look for every figure: colours, sizes, and figures that need neither pyplot nor a display."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

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


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib settings of this project, inside the block only."""
    with mpl.rc_context(_RC):
        yield


def styled(function: Callable[..., Figure]) -> Callable[..., Figure]:
    """Decorator: the function draws in the house style."""
    import functools

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Figure:
        with house_style():
            return function(*args, **kwargs)

    return wrapped


def new_figure(columns: int = 1, rows: int = 1, *, width: float = 4.6, height: float = 3.4) -> tuple[Figure, Any]:
    """A figure with a grid of axes, shape (rows, columns); no global state is touched."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)
