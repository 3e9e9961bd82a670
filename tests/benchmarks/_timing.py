"""Timing for the benchmarks: best of several runs, ratios side by side."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def best_of(function: Callable[[], Any], repeat: int = 5) -> float:
    """Shortest wall time of ``repeat`` calls, in seconds; JAX results are waited for. The first call is not counted."""
    import jax

    jax.block_until_ready(function())
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        jax.block_until_ready(function())
        times.append(time.perf_counter() - start)
    return min(times)


def table(rows: Sequence[Sequence[Any]], header: Sequence[str], title: str = "") -> None:
    """Print rows under a header."""
    grid = Table(*header, title=title or None)
    for row in rows:
        grid.add_row(*(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row))
    Console(width=110).print(grid)
